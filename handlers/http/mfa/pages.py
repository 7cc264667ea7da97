"""The page that a link leads to: what is agreed to, by whom, and the second factors that can say so (P8 P9 F11)."""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import JsonValue

from bot.domain.artifact import Artifact
from bot.domain.change_request import ChangeRequest
from bot.domain.fingerprint import short
from bot.domain.outcome import Status, worst_first
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential, Intent, Method, Purpose
from bot.flows import step_up
from bot.policy import Policy
from bot.ports import PasskeyRefused
from handlers.http.context import CONTEXT, HttpContext
from handlers.http.doors import NO_TOKEN, behind
from handlers.http.mfa import guard, page
from handlers.wording import gates, project_states, rollbacks
from handlers.wording.enrolment import ADVICE
from handlers.wording.factors import DEEDS, question
from handlers.wording.facts import short_digest
from handlers.wording.requests import KINDS, what
from handlers.wording.times import ago

BESIDE_THE_CODE: Final = frozenset({"wrong-code", "code-used", "bad-code"})
_DIGITS: Final = 6
_LONGEST_CODE: Final = 20
Rows = list[tuple[str, str]]


def add_routes(app: web.Application) -> None:
    """The page, the challenge that its script asks for, and what its forms send."""
    own = behind(app, NO_TOKEN)
    link = guard.ROOT + page.TOKEN
    own.get(link, get_page)
    own.post(link + "/challenge", post_challenge)
    own.post(link + "/passkey", post_passkey)
    own.post(link + "/code", post_code)
    own.get(link + "/done", get_done)


async def get_page(request: web.Request) -> web.StreamResponse:
    """What the link is for. Changes nothing: Slack and mail programs look at links before people do."""
    context, token = request.app[CONTEXT], request.match_info["token"]
    intent = await step_up.peek(context.ledger, token)
    if intent.purpose is Purpose.ENROLL:
        return page.see_other(f"{guard.ROOT}enroll/{token}")
    return await _shown(request)


async def post_challenge(request: web.Request) -> web.StreamResponse:
    """A fresh challenge for a passkey, as the browser wants it. Answers in JSON, refusals as well."""
    asked = await guard.json_body(request)
    if asked.get("method") != Method.PASSKEY:
        raise guard.PageRefused(HTTPStatus.BAD_REQUEST, "bad-body")
    context = request.app[CONTEXT]
    passkeys = guard.factors(request).passkeys
    if passkeys is None:
        raise Refusal("method-forbidden", {"method": "passkey", "allowed": []})
    found = await step_up.challenge(
        context.ledger,
        context.in_force.policy,
        request.match_info["token"],
        Method.PASSKEY,
        address=guard.client_address(request),
    )
    try:
        options = passkeys.request_options(found.signed, known=found.known)
    except PasskeyRefused:
        raise Refusal("method-not-enrolled", {"method": "passkey"}) from None
    body: dict[str, JsonValue] = {"challenge": found.challenge.id, "options": dict(options)}
    return web.json_response(body)


async def post_passkey(request: web.Request) -> web.StreamResponse:
    """What the authenticator answered, in the form that our script filled in."""
    sent = await guard.form(request)
    answer = guard.json_text(sent.get("answer", ""))
    context, token = request.app[CONTEXT], request.match_info["token"]
    try:
        await step_up.by_passkey(
            context.ledger,
            context.in_force.policy,
            guard.factors(request),
            token,
            sent.get("challenge", ""),
            answer,
            address=guard.client_address(request),
        )
    except Refusal as refusal:
        return page.refused(request, refusal, again=_again(request, refusal))
    return page.see_other(f"{guard.ROOT}{token}/done")


async def post_code(request: web.Request) -> web.StreamResponse:
    """Six digits, from a form that needs no script; a wrong code is told beside its field."""
    sent = await guard.form(request)
    try:
        await _by_code(request, sent.get("code", ""))
    except Refusal as refusal:
        if refusal.code not in BESIDE_THE_CODE:
            return page.refused(request, refusal, again=_again(request, refusal))
        if refusal.facts.get("left") == 0:
            return page.refused(request, refusal)
        return await _shown(request, error=page.in_words(request, refusal))
    return page.see_other(f"{guard.ROOT}{request.match_info['token']}/done")


async def _by_code(request: web.Request, code: str) -> None:
    """The challenge is asked and consumed here: the code is bound to it, not the other way round."""
    typed = "".join(code.split())
    if len(code) > _LONGEST_CODE or not (typed.isascii() and typed.isdigit() and len(typed) == _DIGITS):
        raise Refusal("bad-code")
    context, token = request.app[CONTEXT], request.match_info["token"]
    policy, address = context.in_force.policy, guard.client_address(request)
    asked = await step_up.challenge(context.ledger, policy, token, Method.TOTP, address=address)
    await step_up.by_code(
        context.ledger, policy, guard.factors(request), token, asked.challenge.id, typed, address=address
    )


async def get_done(request: web.Request) -> web.StreamResponse:
    """What was recorded; a reload tells the same again and does nothing."""
    context, token = request.app[CONTEXT], request.match_info["token"]
    intent = await step_up.peek(context.ledger, token, used=True)
    if intent.used_at is None:
        return page.see_other(f"{guard.ROOT}{token}")
    deed = DEEDS[intent.purpose]
    what = _what(context.in_force.policy, intent)
    return page.said(request, deed.recorded, deed.then.format(what=what), done=True)


_ASKED_AGAIN: Final = "Your roles and the gates are asked again when you sign."


async def _shown(request: web.Request, *, error: str | None = None) -> web.Response:
    context, token = request.app[CONTEXT], request.match_info["token"]
    policy = context.in_force.policy
    shown = await step_up.shown(context.ledger, policy, token)
    about = None if shown.view is None else shown.view.request
    purpose = shown.intent.purpose
    deed = DEEDS[purpose]
    name, at = page.names(request), page.when(request)
    return page.render(
        request,
        "step_up.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        title=_question(shown.intent, about) or question(purpose, _what(policy, shown.intent, shown.subject)),
        verb=deed.verb,
        person=name(shown.intent.person),
        what=f"{about.id}, revision {about.revision}" if about else "What it is about",
        warning=_warning(about),
        fingerprint=short(about.fingerprint) if about and about.fingerprint else None,
        rows=_rows(request, about) if about else _subject(request, shown),
        in_full=_in_full(about) if about else [],
        gates=_gates(request, about, passed=False),
        passed=[line.text for line in _gates(request, about, passed=True)],
        methods=[m.value for m in shown.held.methods if _stands(context, m)],
        base=f"{guard.ROOT}{token}",
        error=error,
        asked_again=ADVICE.get(purpose, _ASKED_AGAIN if about else ""),
        until=at(shown.intent.expires_at),
    )


def _stands(context: HttpContext, method: Method) -> bool:
    """Whether this installation has it."""
    found = context.factors
    if found is None:
        return False
    return {
        Method.PASSKEY: found.passkeys is not None,
        Method.OIDC: found.logins is not None,
        Method.TOTP: True,
    }[method]


def _again(request: web.Request, refusal: Refusal) -> str | None:
    """The way back to the page, where trying again can help."""
    hopeless = {
        "link-unknown",
        "link-used",
        "link-over",
        "locked-out",
        "changed-since",
        "policy-changed",
        "already-signed",
    }
    if refusal.code in hopeless or refusal.facts.get("left") == 0:
        return None
    return f"{guard.ROOT}{request.match_info['token']}"


def _question(intent: Intent, about: ChangeRequest | None) -> str | None:
    """What is asked of a request, in the words of its message in Slack."""
    if about is None:
        return None
    takes_back = rollbacks.is_rollback(about) and not project_states.is_one(about)
    return question(
        intent.purpose, rollbacks.back(about) if takes_back else what(about), takes_back=takes_back
    )


def _what(policy: Policy, intent: Intent, factor: Credential | None = None) -> str:
    """The request, or the person, that an intent is about."""
    if intent.request is not None:
        return intent.request
    if intent.purpose is Purpose.CONFIRM and factor is None:
        return "Its owner"  # whose name stood in the question
    subject = intent.subject if factor is None else factor.person
    found = policy.people.get(subject or "")
    return (found.name if found is not None else None) or subject or intent.person


def _warning(about: ChangeRequest | None) -> str | None:
    if about is None:
        return None
    if about.break_glass is not None:
        passed = ", ".join(about.break_glass.bypasses) or "no gate"
        return f"BREAK-GLASS: an emergency passes what stands closed ({passed}), under {about.break_glass.ticket}."
    return f"EMERGENCY: it is asked for under {about.emergency}." if about.emergency else None


def _rows(request: web.Request, about: ChangeRequest) -> Rows:
    """What is agreed to, by name."""
    name, now = page.names(request), request.app[CONTEXT].clock.now()
    way_back = about.rollback_target
    reason = about.break_glass.reason if about.break_glass else about.reason
    rows = [
        ("Asked by", f"{name(about.requester.person or 'somebody')}, {ago(about.requested_at, now)}"),
        ("Reason", reason or ""),
        ("Ticket", about.ticket or ""),
        ("Kind", KINDS[about.kind.value]),
        ("A fix for", about.fixes or ""),
        ("Artifact", _artifact(about.artifact)),
        ("Way back", "" if way_back is None else _artifact(way_back)),
    ]
    return [(label, value) for label, value in rows if value]


def _artifact(what: Artifact) -> str:
    return f"{what.tag}, digest {short_digest(what.digest) if what.digest else 'not known yet'}"


def _subject(request: web.Request, shown: step_up.Shown) -> Rows:
    """The person and the second factor that it is about."""
    name, at = page.names(request), page.when(request)
    found, intent = shown.subject, shown.intent
    rows = [("Person", name(found.person if found else intent.subject or intent.person))]
    if found is not None:
        rows.append(("Second factor", f"{found.name or found.id} ({found.method})"))
        rows.append(("Enrolled", at(found.enrolled_at)))
    if intent.words:
        rows.append(("Reason", intent.words))
    return rows


def _in_full(about: ChangeRequest) -> Rows:
    """What is shown short above, for whoever compares every digit."""
    way_back = about.rollback_target
    return [
        ("Digest", about.artifact.digest or "not known yet"),
        ("Way back", (way_back.digest if way_back else None) or "none"),
        ("Fingerprint", about.fingerprint or "none yet"),
    ]


def _gates(request: web.Request, about: ChangeRequest | None, *, passed: bool) -> list[gates.Line]:
    """What passed, or what did not, worst first."""
    if about is None or about.readiness is None:
        return []
    now, at = request.app[CONTEXT].clock.now(), page.when(request)
    readiness = about.readiness
    return [
        gates.line(outcome, now=now, when=at, earliest=readiness.earliest)
        for outcome in worst_first(readiness.outcomes)
        if (outcome.status is Status.PASSED) == passed
    ]
