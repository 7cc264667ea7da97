"""The pages of enrolment: first a proof that this is the person, in this very browser; then a new factor (P8, F11)."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import JsonValue

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Method
from bot.flows import enroll, enroll_app, enroll_code, enroll_factor, enroll_passkey, enroll_removal, step_up
from bot.flows.login import browser_digest
from bot.ports import PasskeyRefused
from handlers.http.doors import NO_TOKEN, behind
from handlers.http.mfa import enrolling_page as shown
from handlers.http.mfa import guard, login, page
from handlers.wording import enrolment

_BESIDE: Final = frozenset({"wrong-code", "code-used", "bad-code", "wrong-enrolment-code"})
"""What stands beside the field that was filled in wrongly."""
_HOPELESS: Final = frozenset({"link-unknown", "link-used", "link-over", "locked-out", "person-gone"})
_DIGITS: Final = 6
_LONGEST: Final = 100


def add_routes(app: web.Application) -> None:
    """The page of a link, three ways to prove oneself, two factors to enrol, and the removal of a lost one."""
    own = behind(app, NO_TOKEN)
    link = f"{guard.ROOT}enroll/{page.TOKEN}"
    own.get(link, get_page)
    own.post(link + "/host-code", post_host_code)
    own.post(link + "/challenge", post_challenge)
    own.post(link + "/passkey", post_passkey)
    own.post(link + "/app-code", post_app_code)
    own.post(link + "/new-passkey/challenge", post_new_challenge)
    own.post(link + "/new-passkey", post_new_passkey)
    own.post(link + "/new-app", post_new_app)
    own.post(link + "/new-app/code", post_new_code)
    own.post(link + "/remove", post_remove)
    own.get(link + "/done", get_done)


async def get_page(request: web.Request) -> web.StreamResponse:
    """What can be done now, in this browser. Changes nothing."""
    return await shown.shown(request)


# Proof


async def post_host_code(request: web.Request) -> web.StreamResponse:
    """The one-use code from the host's command line."""
    sent = await guard.form(request)
    browser = _new_secret()
    try:
        await enroll_code.proved_by_code(
            *shown.ledger_and_policy(request),
            shown.token_of(request),
            sent.get("host-code", "")[:_LONGEST],
            browser=browser_digest(browser),
            address=guard.client_address(request),
        )
    except Refusal as refusal:
        return await _beside(request, refusal, "host-code")
    return _proved(request, browser)


async def post_challenge(request: web.Request) -> web.StreamResponse:
    """A challenge for a passkey that the person has already. Answers in JSON."""
    await guard.json_body(request)
    passkeys = guard.factors(request).passkeys
    if passkeys is None:
        raise Refusal("method-forbidden", {"method": "passkey", "allowed": []})
    asked = await enroll_factor.ask_factor(
        *shown.ledger_and_policy(request),
        shown.token_of(request),
        Method.PASSKEY,
        address=guard.client_address(request),
    )
    try:
        options = passkeys.request_options(asked.signed, known=asked.known)
    except PasskeyRefused:
        raise Refusal("method-not-enrolled", {"method": "passkey"}) from None
    return _json({"challenge": asked.challenge.id, "options": dict(options)})


async def post_passkey(request: web.Request) -> web.StreamResponse:
    """What the authenticator answered to that."""
    sent = await guard.form(request)
    browser = _new_secret()
    try:
        await enroll_factor.proved_by_passkey(
            *shown.ledger_and_policy(request),
            guard.factors(request),
            shown.token_of(request),
            sent.get("challenge", ""),
            guard.json_text(sent.get("answer", "")),
            browser=browser_digest(browser),
            address=guard.client_address(request),
        )
    except Refusal as refusal:
        return _refused(request, refusal)
    return _proved(request, browser)


async def post_app_code(request: web.Request) -> web.StreamResponse:
    """Six digits of an authenticator app that the person has already."""
    sent = await guard.form(request)
    browser, (ledger, policy) = _new_secret(), shown.ledger_and_policy(request)
    token, address = shown.token_of(request), guard.client_address(request)
    try:
        typed = _six_digits(sent)
        asked = await enroll_factor.ask_factor(ledger, policy, token, Method.TOTP, address=address)
        await enroll_factor.proved_by_app(
            ledger,
            policy,
            guard.factors(request),
            token,
            asked.challenge.id,
            typed,
            browser=browser_digest(browser),
            address=address,
        )
    except Refusal as refusal:
        return await _beside(request, refusal, "code")
    return _proved(request, browser)


# A new factor


async def post_new_challenge(request: web.Request) -> web.StreamResponse:
    """What a new passkey is made with. Answers in JSON."""
    await guard.json_body(request)
    made = await enroll_passkey.offer_passkey(
        *shown.ledger_and_policy(request), guard.factors(request), shown.visit_of(request)
    )
    return _json({"challenge": made.challenge, "options": dict(made.options)})


async def post_new_passkey(request: web.Request) -> web.StreamResponse:
    """The passkey that the browser made."""
    sent = await guard.form(request)
    try:
        await enroll_passkey.keep_passkey(
            *shown.ledger_and_policy(request),
            guard.factors(request),
            shown.visit_of(request),
            sent.get("challenge", ""),
            guard.json_text(sent.get("answer", "")),
            sent.get("name", "")[:_LONGEST],
        )
    except Refusal as refusal:
        return _refused(request, refusal)
    return page.see_other(f"{shown.base_of(request)}/done")


async def post_new_app(request: web.Request) -> web.StreamResponse:
    """A secret for an authenticator app, shown once."""
    await guard.form(request)
    try:
        made = await enroll_app.offer_app(
            *shown.ledger_and_policy(request), guard.factors(request), shown.visit_of(request)
        )
    except Refusal as refusal:
        return _refused(request, refusal)
    secret = made.made.secret
    return page.render(
        request,
        "enroll_app.html",
        base=shown.base_of(request),
        challenge=made.challenge,
        picture=shown.picture(made.made.address),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        name="",
        error=None,
    )


async def post_new_code(request: web.Request) -> web.StreamResponse:
    """The first code of that secret: only now it is kept."""
    sent = await guard.form(request)
    challenge, name = sent.get("challenge", "")[:_LONGEST], sent.get("name", "")[:_LONGEST]
    try:
        await enroll_app.keep_app(
            *shown.ledger_and_policy(request),
            guard.factors(request),
            shown.visit_of(request),
            challenge,
            _six_digits(sent),
            name,
        )
    except Refusal as refusal:
        if refusal.code not in _BESIDE or refusal.facts.get("left") == 0:
            return _refused(request, refusal)
        return page.render(
            request,
            "enroll_app.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            base=shown.base_of(request),
            challenge=challenge,
            picture=None,
            secret=None,
            name=name,
            error=page.in_words(request, refusal),
        )
    return page.see_other(f"{shown.base_of(request)}/done")


async def post_remove(request: web.Request) -> web.StreamResponse:
    """Take a lost factor away."""
    sent = await guard.form(request)
    try:
        gone = await enroll_removal.remove(
            *shown.ledger_and_policy(request), shown.visit_of(request), sent.get("factor", "")[:_LONGEST]
        )
    except Refusal as refusal:
        return _refused(request, refusal)
    what = enrolment.factor(gone.method, gone.name)
    return page.said(request, "It is taken away", f"From now on {what} proves nothing.", done=True)


async def get_done(request: web.Request) -> web.StreamResponse:
    """What was enrolled, and from when it counts; a reload tells the same again."""
    ledger, _ = shown.ledger_and_policy(request)
    intent = await step_up.peek(ledger, shown.token_of(request), used=True)
    if intent.used_at is None:
        return page.see_other(shown.base_of(request))
    newest = await enroll.newest_of(ledger, intent)
    if newest is None:
        return page.said(
            request, "This link did what it was for", "/deploy enroll lists your factors.", done=True
        )
    waits = newest.pending
    title = "Enrolled; an administrator has to confirm it" if waits else "Your second factor is enrolled"
    return page.said(request, title, shown.stands(request, newest), done=True)


# How it comes in and goes out


def _new_secret() -> str:
    """For this browser, and new with every such proof: what it proved before counts no more then."""
    return secrets.token_urlsafe(32)


def _proved(request: web.Request, browser: str) -> web.Response:
    """Have the browser remember that it is the one that proved it."""
    response = page.see_other(shown.base_of(request))
    guard.set_cookie(request, response, login.BROWSER, browser, seconds=login.BROWSER_LASTS)
    return response


def _six_digits(sent: Mapping[str, str]) -> str:
    code = sent.get("code", "")
    typed = "".join(code.split())
    if len(code) > _LONGEST or not (typed.isascii() and typed.isdigit() and len(typed) == _DIGITS):
        raise Refusal("bad-code")
    return typed


async def _beside(request: web.Request, refusal: Refusal, field: str) -> web.StreamResponse:
    """A refusal beside the field it belongs to, while trying again can help."""
    if refusal.code not in _BESIDE or refusal.facts.get("left") == 0:
        return _refused(request, refusal)
    return await shown.shown(request, errors={field: page.in_words(request, refusal)})


def _refused(request: web.Request, refusal: Refusal) -> web.Response:
    hopeless = refusal.code in _HOPELESS or refusal.facts.get("left") == 0
    return page.refused(request, refusal, again=None if hopeless else shown.base_of(request))


def _json(body: dict[str, JsonValue]) -> web.Response:
    return web.json_response(body)
