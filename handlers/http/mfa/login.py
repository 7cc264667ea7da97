"""Pages of a login at the identity provider: off to it for one challenge, and back, in the same browser (P8)."""

import re
import secrets
from typing import Final

import structlog
from aiohttp import web

from bot.domain.refusal import Refusal
from bot.domain.second_factor import CHALLENGE_LASTS, Purpose
from bot.flows import login
from handlers.http.context import CONTEXT
from handlers.http.doors import NO_TOKEN, behind
from handlers.http.mfa import guard, page

log = structlog.get_logger(__name__)

BROWSER: Final = "portcullis-browser"
"""The cookie with this browser's secret."""
BROWSER_LASTS: Final = 3600  # seconds: an enrolment goes on in the browser that logged in
_LINK: Final = "portcullis-login-"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_STATE: Final = re.compile(r"([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}", re.ASCII)
_CODE: Final = re.compile(r"[\x20-\x7e]{1,4096}")
_ISSUER: Final = re.compile(r"[!-~]{1,500}")
_KNOWN: Final = frozenset({"state", "code", "iss", "error"})


def add_routes(app: web.Application) -> None:
    """The way there and the way back."""
    own = behind(app, NO_TOKEN)
    own.post(f"{guard.ROOT}{page.TOKEN}/login", post_login)
    own.get(f"{guard.ROOT}login/callback", get_callback)


async def post_login(request: web.Request) -> web.StreamResponse:
    """Begin a login for the link's intent, and send the browser to the identity provider."""
    context, token = request.app[CONTEXT], request.match_info["token"]
    browser = _browser(request) or secrets.token_urlsafe(32)
    begun = await login.begin(
        context.ledger,
        context.in_force.policy,
        guard.factors(request),
        token,
        browser=browser,
        address=guard.client_address(request),
    )
    response = page.leaving(request, begun.url)
    guard.set_cookie(request, response, BROWSER, browser, seconds=BROWSER_LASTS)
    # The link's token is kept by the browser alone: neither the provider nor our database gets to know it.
    seconds = int(CHALLENGE_LASTS.total_seconds())
    guard.set_cookie(request, response, _LINK + begun.challenge, token, seconds=seconds)
    return response


async def get_callback(request: web.Request) -> web.StreamResponse:
    """What the provider sent the browser back with. Answers with a page of ours, whatever the address says."""
    context = request.app[CONTEXT]
    returned = _returned(request)
    cookie = _LINK + returned.state.partition(".")[0]
    try:
        intent = await login.finish(
            context.ledger,
            context.in_force.policy,
            guard.factors(request),
            returned,
            address=guard.client_address(request),
        )
    except Refusal as refusal:
        log.warning("login.refused", code=refusal.code, why=refusal.facts.get("why"))
        response: web.StreamResponse = page.refused(request, refusal)
    else:
        enrolling = intent.purpose is Purpose.ENROLL
        to = f"{guard.ROOT}{'enroll/' if enrolling else ''}{returned.token}{'' if enrolling else '/done'}"
        # Away from the address with the code in it, to one that says nothing but which link it was.
        response = page.see_other(to)
    guard.drop_cookie(request, response, cookie)
    return response


def browser_of(request: web.Request) -> str | None:
    """The digest of this browser's secret, as a login was bound to it; None where it never began one."""
    browser = _browser(request)
    return None if browser is None else login.browser_digest(browser)


def _browser(request: web.Request) -> str | None:
    found = guard.cookie(request, BROWSER)
    return found if found is not None and _SECRET.fullmatch(found) else None


def _returned(request: web.Request) -> login.Returned:
    """The address and the cookies, as far as they have the form of what we began. Raises Refusal."""
    if any(len(request.query.getall(name, [])) > 1 for name in _KNOWN):
        raise Refusal("login-unknown")
    state = _STATE.fullmatch(request.query.get("state", ""))
    if state is None:
        raise Refusal("login-unknown")
    browser, token = _browser(request), guard.cookie(request, _LINK + state[1])
    if browser is None or token is None or not _SECRET.fullmatch(token):
        raise Refusal("login-other-browser")
    return login.Returned(
        browser=browser,
        token=token,
        state=state[0],
        code=_text(request, "code", _CODE),
        error=_text(request, "error", _CODE),
        issuer=_text(request, "iss", _ISSUER),
    )


def _text(request: web.Request, name: str, form: re.Pattern[str]) -> str | None:
    value = request.query.get(name)
    if value is not None and not form.fullmatch(value):
        raise Refusal("login-unknown")
    return value
