"""How a request stands, in a sign, a word and a sentence; and how it ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.change_request import ChangeRequest, Closing, RequestState
from handlers.wording import checklists, project_states, rollbacks
from handlers.wording.deployer import deployer_said
from handlers.wording.facts import listed
from handlers.wording.rollouts import HELD, person_hold
from handlers.wording.times import When, ahead, span

STATE_WORDS: Final[Mapping[str, str]] = {
    RequestState.EVALUATING: "is being checked",
    RequestState.AWAITING_APPROVAL: "waits for approval",
    RequestState.APPROVED: "is approved",
    RequestState.STARTING: "is rolling out",
    RequestState.LIVE: "is live",
    RequestState.REFUSED: "was refused",
    RequestState.REJECTED: "was rejected",
    RequestState.CANCELLED: "was cancelled",
    RequestState.EXPIRED: "expired",
    RequestState.FAILED: "failed to deploy",
    RequestState.UNRESOLVED: "ended without a known result",
}
"""Each state as the end of a sentence that begins with the request: `DEP-42 waits for approval`."""

SIGNS: Final[Mapping[RequestState, str]] = {
    RequestState.EVALUATING: "◷",
    RequestState.AWAITING_APPROVAL: "◷",
    RequestState.APPROVED: "✓",
    RequestState.STARTING: "▶",
    RequestState.LIVE: "✓",
    RequestState.REFUSED: "✗",
    RequestState.REJECTED: "✗",
    RequestState.CANCELLED: "–",
    RequestState.EXPIRED: "–",
    RequestState.FAILED: "✗",
    RequestState.UNRESOLVED: "⚠",
}

KINDS: Final[Mapping[str, str]] = {
    "initial": "first deployment",
    "promotion": "promotion",
    "rollback": "rollback",
    "configuration": "configuration change",
    "emergency": "EMERGENCY",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """A sign, a word and a sentence that follows it."""

    sign: str
    word: str
    text: str


def what(request: ChangeRequest) -> str:
    """What would change where: `checkout 7a3f9c2 → production`."""
    if project_states.is_one(request):
        return project_states.what(request)
    return f"{request.service} {request.artifact.tag} → {request.environment}"


def stands(request: ChangeRequest) -> str:
    """Its state as the end of a sentence: `DEP-42 was rolled back`."""
    if project_states.took_effect(request):
        return project_states.IN_FORCE
    return STATE_WORDS[request.state] if rollbacks.taken_back(request) is None else "was rolled back"


def sign_of(request: ChangeRequest) -> str:
    """The sign of how it stands."""
    return SIGNS[request.state] if rollbacks.taken_back(request) is None else rollbacks.BACK


def headline(request: ChangeRequest, *, now: datetime, when: When, names: Callable[[str], str]) -> Headline:
    """How the request stands and what happens next."""
    sign = SIGNS[request.state]
    if request.held is not None and request.is_open:
        return Headline(HELD, "Held", person_hold(request, request.held, when=when, names=names))
    if request.is_open:
        return Headline(sign, _OPEN_WORDS[request.state], _next(request, now, when))
    stopped = request.state is RequestState.FAILED and request.closing and request.closing.by.person
    word = "Stopped" if stopped else rollbacks.closed_word(request) or _CLOSED_WORDS[request.state]
    if project_states.took_effect(request):
        word = project_states.IN_FORCE_WORD
    return Headline(sign_of(request), word, ending(request, when=when, names=names))


_OPEN_WORDS: Final = {
    RequestState.EVALUATING: "Being checked",
    RequestState.AWAITING_APPROVAL: "Waits for approval",
    RequestState.APPROVED: "Approved",
    RequestState.STARTING: "Rolling out",
}
_CLOSED_WORDS: Final = {
    RequestState.LIVE: "Live",
    RequestState.REFUSED: "Refused",
    RequestState.REJECTED: "Rejected",
    RequestState.CANCELLED: "Cancelled",
    RequestState.EXPIRED: "Expired",
    RequestState.FAILED: "Failed",
    RequestState.UNRESOLVED: "Result unknown",
}


def _next(request: ChangeRequest, now: datetime, when: When) -> str:
    if request.state is RequestState.EVALUATING:
        return "the gates are being asked"
    if request.state is RequestState.STARTING:
        return "the deployer was told to start"
    readiness = request.readiness
    if readiness is not None and not readiness.may_be_approved:
        return "nothing starts while a gate is blocked or unknown"
    if readiness is not None and checklists.waits_for_ticks(readiness):
        return checklists.until_ticked(request, readiness, now=now, when=when)
    if readiness is not None and readiness.awaits:
        return _until_lifted(request, readiness.awaits, when)
    opens = None if readiness is None else readiness.begins
    later = [i for i in (request.start.at, opens) if i is not None and i > now]
    if later:
        # A warning that nobody gave a reason for may stand in the way then: no instant is promised.
        sure = readiness is None or readiness.earliest is not None
        return _not_before(request, f"{when(max(later))} ({ahead(max(later), now)})", sure=sure)
    return _at_once(request)


def _not_before(request: ChangeRequest, then: str, *, sure: bool) -> str:
    """It waits for an instant; whether somebody has to press a button then depends on who said when."""
    waits = request.state is RequestState.AWAITING_APPROVAL
    if request.start.by_itself and not sure:
        return f"starts by itself as soon as every gate passes, no earlier than {then}"
    if request.start.by_itself:
        return f"starts by itself {then}" + (", if it is approved by then" if waits else "")
    if waits:
        return f"starts no earlier than {then}; approved sooner, it waits for somebody to press Start"
    return f"can be started from {then}; the requester is told then"


def _until_lifted(request: ChangeRequest, freezes: tuple[str, ...], when: When) -> str:
    """It waits for people, so nobody knows how long; it lives as long as any other."""
    lifted = listed([checklists.event(awaited) for awaited in freezes], 3)
    expires = f"nobody knows when that is, and it expires {when(request.expires_at)}"
    waits = request.state is RequestState.AWAITING_APPROVAL
    if request.start.by_itself:
        return f"starts by itself once {lifted}{', if it is approved by then' if waits else ''}: {expires}"
    if waits:
        return f"starts no earlier than {lifted}, and then somebody has to press Start: {expires}"
    return f"can be started once {lifted}, and the requester is told then: {expires}"


def _at_once(request: ChangeRequest) -> str:
    if project_states.is_one(request):
        waits = request.state is RequestState.AWAITING_APPROVAL
        return project_states.AT_ONCE if waits else project_states.AS_SOON
    if request.state is RequestState.AWAITING_APPROVAL:
        return "starts at once with the last approval"
    if request.start.by_itself:
        return "starts by itself as soon as every gate passes"
    if request.readiness is not None and request.readiness.may_start:
        return "every gate passes: the requester or an approver can press Start"
    return "can be started once every gate passes"


def ending(request: ChangeRequest, *, when: When, names: Callable[[str], str]) -> str:
    """How it ended: why, when and by whom."""
    closing = request.closing
    if closing is None:
        return "no reason is recorded"
    at = when(closing.at)
    by = names(closing.by.person) if closing.by.person else "Portcullis"
    match request.state:
        case RequestState.LIVE:
            return _live(request, closing, at)
        case RequestState.REJECTED:
            return f"by {by}, {at}: “{closing.reason or 'no reason'}”"
        case RequestState.CANCELLED if closing.code == "superseded":
            return f"{closing.reason or 'a newer request'} is newer and started instead ({at})"
        case RequestState.CANCELLED:
            return f"by {by}, {at}"
        case RequestState.EXPIRED:
            return f"nobody started it in time ({at}). Ask again if it is still wanted"
        case RequestState.REFUSED:
            return f"{refused_because(closing.code)} ({at})"
        case RequestState.FAILED:
            return _failed(closing, by, at)
        case _:
            return (
                f"the deployer was called and nobody knows what came of it ({at}). "
                f"Look at {request.environment} before anything else"
            )


def _failed(closing: Closing, by: str, at: str) -> str:
    if closing.by.person:
        return f"{by} stopped it before its next step ({at})"
    said = f"{deployer_said(closing.code)} ({at})"
    if closing.code == "analysis-failed":
        return said
    then = "Have one named there" if closing.code == "no-deployer" else "Look at its log"
    return f"{said}. {then} before asking again"


def _live(request: ChangeRequest, closing: Closing, at: str) -> str:
    took = span(closing.at - (request.approved_at or request.requested_at))
    back = rollbacks.taken_back(request)
    if back is not None:
        return f"by {back}; it went live {at}"
    if rollbacks.is_rollback(request):
        since = "it failed" if request.automatic else "the approval"
        return f"{at}, {took} after {since}; {rollbacks.confirmed(closing.code)}"
    return f"since {at}, {took} after the approval"


def refused_because(code: str) -> str:
    """Why the gates refused it, by the closing's code."""
    known = {
        "blocked": "a gate forbids it",
        "unknown": "evidence is missing, and unknown is not green",
        "needs-reason": "a gate warned, and no reason was given",
        "no-longer-in-policy": "its service or environment is no longer in the policy",
        "may-not-request": "its requester holds no role that may ask for a change there",
        "access-unknown": "whether its requester may ask for it could not be asked, and no answer is no yes",
    }
    return known.get(code) or project_states.refused_because(code) or f"code {code}"
