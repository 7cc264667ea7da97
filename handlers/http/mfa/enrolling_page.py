"""What the pages of enrolment show: the ways to prove oneself, what can be enrolled, and what is enrolled already."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import segno
from aiohttp import web

from bot.domain.second_factor import Credential, Method
from bot.flows import enroll
from bot.flows.enroll_proof import ProvedBy, Visit
from bot.policy import Policy
from bot.ports import Ledger
from handlers.http.context import CONTEXT
from handlers.http.mfa import guard, login, page
from handlers.wording import enrolment

_MODULE: Final = 5  # pixels of one square of a QR code: four squares of margin stand around it


async def shown(request: web.Request, *, errors: Mapping[str, str] | None = None) -> web.Response:
    """The page for this browser: ways to prove oneself, or, once proved, what can be enrolled and taken away."""
    found = guard.factors(request)
    ledger, policy = ledger_and_policy(request)
    standing = await enroll.standing(ledger, policy, visit_of(request))
    if standing.proof is None:
        return _to_prove(request, standing, errors or {})
    return page.render(
        request,
        "enroll_new.html",
        person=page.names(request)(standing.intent.person),
        base=base_of(request),
        held=[_row(request, each) for each in standing.held],
        full=standing.full,
        passkey=found.passkeys is not None,
        app=found.secrets is not None and Method.TOTP in standing.methods,
        used=standing.proof.text("credential"),
        may_remove=standing.proof.kind is not ProvedBy.CODE,
        until=page.when(request)(standing.proof.until),
    )


def _to_prove(request: web.Request, standing: enroll.Standing, errors: Mapping[str, str]) -> web.Response:
    found = guard.factors(request)
    _, policy = ledger_and_policy(request)
    return page.render(
        request,
        "enroll.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        person=page.names(request)(standing.intent.person),
        slack=standing.intent.via.rpartition("/")[2],
        base=base_of(request),
        held=[_row(request, each) for each in standing.held],
        login=found.logins is not None and policy.second_factors.login is not None,
        login_base=f"{guard.ROOT}{token_of(request)}",
        named=policy.people[standing.intent.person].oidc is not None,
        passkey=standing.by_passkey and found.passkeys is not None,
        app=standing.by_code_of_app,
        errors=errors,
        until=page.when(request)(standing.intent.expires_at),
    )


def _row(request: web.Request, credential: Credential) -> dict[str, str]:
    """One factor of the list."""
    what = enrolment.factor(credential.method, credential.name)
    return {
        "id": credential.id,
        "what": what[:1].upper() + what[1:],
        "enrolled": page.when(request)(credential.enrolled_at),
        "stands": _counts(request, credential),
    }


def _counts(request: web.Request, credential: Credential) -> str:
    now, usable = request.app[CONTEXT].clock.now(), credential.usable_from
    if credential.pending:
        return "waits for an administrator"
    if usable is not None and now < usable:
        return f"for production from {page.when(request)(usable)}"
    return "counts everywhere"


def stands(request: web.Request, credential: Credential) -> str:
    what = enrolment.factor(credential.method, credential.name)
    if credential.pending:
        return (
            f"You enrolled {what}. It proves nothing until an administrator has confirmed it: ask one in person or by "
            f"phone to type /deploy confirm-factor {credential.person} in Slack."
        )
    now, usable = request.app[CONTEXT].clock.now(), credential.usable_from
    if usable is not None and now < usable:
        return f"You enrolled {what}. It counts at once, but for production only from {page.when(request)(usable)}."
    return f"You enrolled {what}. It counts from now on."


def picture(address: str) -> str:
    """The QR code as SVG that stands in the page itself: no other address gets to know what it says."""
    picture: str = segno.make(address, error="m").svg_inline(
        scale=_MODULE, border=4, dark="#000", light="#fff", omitsize=False, svgclass="qr", lineclass=None
    )
    return picture


def ledger_and_policy(request: web.Request) -> tuple[Ledger, Policy]:
    context = request.app[CONTEXT]
    return context.ledger, context.in_force.policy


def token_of(request: web.Request) -> str:
    return request.match_info["token"]


def base_of(request: web.Request) -> str:
    return f"{guard.ROOT}enroll/{token_of(request)}"


def visit_of(request: web.Request) -> Visit:
    return Visit(
        token=token_of(request), browser=login.browser_of(request), address=guard.client_address(request)
    )
