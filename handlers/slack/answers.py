"""What the requester and an approver are told for their eyes only, rendered from how the request stands now."""

from datetime import datetime

from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.outcome import GateOutcome, Status, worst_first
from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows.inquire import RequestView
from bot.flows.request import Submitted
from bot.policy import Policy
from handlers.slack.blocks import Message, actions, button, escape, message
from handlers.slack.request_card import DETAILS, START, following, gate_line, startable, title
from handlers.slack.voice import Voice
from handlers.wording import rollouts
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.notes import changed
from handlers.wording.refusals import sentence
from handlers.wording.requests import headline, refused_because
from handlers.wording.times import When, span, utc

BLOCKERS_SHOWN = 8
READY_SHOWN, BUTTONS_SHOWN = 20, 5
GATES_SAID = frozenset({"blocked", "unknown", "needs-reason"})
"""The closings of a refused request that its gates explain."""


def submitted(answer: Submitted, when: When = utc) -> Message:
    """The first answer, at once: what was understood, and what happens now."""
    what = f"{escape(answer.service)} `{escape(answer.artifact)}` → {escape(answer.environment)}"
    if answer.repeated:
        return message([f"{answer.request_id} was asked for already: {what}"])
    return message(
        [
            f"◷ *{answer.request_id}: {what}*",
            *_closed_then(answer, when),
            f"Asking {plural(answer.gates, 'gate')}; the answer comes here in a moment.",
        ]
    )


def _closed_then(answer: Submitted, when: When) -> list[str]:
    """The calendar is closed at the instant that `at=` names: when it starts instead."""
    if answer.closed_at is None:
        return []
    closed = f"The calendar is closed at {escape(when(answer.closed_at))}"
    if answer.opens_at is None:
        return [f"⚠ {closed}, and nobody knows when it opens: it starts by itself then, if it lives so long."]
    return [f"⚠ {closed}; it opens {escape(when(answer.opens_at))}, and it starts no earlier."]


def to_requester(delivery: Delivery, view: RequestView, policy: Policy) -> Message:
    """The answer that is owed to the requester, true at the moment of sending."""
    request, voice = view.request, Voice(policy, view.now)
    code = Facts(delivery.facts).text("code")
    if code == "asking-again" and request.state is RequestState.EVALUATING:
        return _asking_again(delivery, request, voice)
    if code == "not-started" and request.state is RequestState.APPROVED:
        return refusal(request, voice, f"Not started: {title(request)}")
    if code == "held-by-warning" and request.state is RequestState.APPROVED:
        return _held_by_warning(request, voice)
    if code == "ready-to-start" and view.also_ready:
        return _several_ready(view)
    if code == "overtaken" and request.is_open:
        return _overtaken(delivery, request)
    if request.state is RequestState.REFUSED:
        return _refused(request, voice)
    if request.state is RequestState.STARTING and view.runs:
        return _under_way(view, voice)
    if request.state is RequestState.AWAITING_APPROVAL and request.held is None:
        return _awaiting(view, voice, policy)
    when = voice.deciding if request.is_open else voice.when
    head = headline(request, now=view.now, when=when, names=voice.name)
    lines = [f"*{head.sign} {head.word}: {title(request)}*  {request.id}", escape(_sentence(head.text), 900)]
    start = [button(START, "Start", request.id, "primary")] if startable(request, view) else []
    return message(lines, *actions(*start, button(DETAILS, "Details", request.id)))


def _under_way(view: RequestView, voice: Voice) -> Message:
    """How far its rollout is, and what holds it."""
    request = view.request
    sign, word = rollouts.head(request, view.runs[-1])
    lines = [f"*{sign} {escape(word)}: {title(request)}*  {request.id}", *following(view, voice)]
    return message(lines, *actions(button(DETAILS, "Details", request.id)))


def _several_ready(view: RequestView) -> Message:
    """What became ready together is told together: a Start button for each of the first, the rest by its command."""
    ready = [r for r in (view.request, *view.also_ready) if startable(r, view)]
    ready.sort(key=lambda request: -request.number)
    lines = [f"*✓ {plural(len(ready), 'approved request')} of yours can start now*"]
    lines += [f"{request.id} {title(request)}" for request in ready[:READY_SHOWN]]
    if len(ready) > READY_SHOWN:
        lines.append(
            f"and {len(ready) - READY_SHOWN} more: `/deploy status` lists them, `/deploy start ID` starts one."
        )
    rows = [actions(button(START, f"Start {r.id}", r.id)) for r in ready[:BUTTONS_SHOWN]]
    return message(lines, *(block for row in rows for block in row))


def _overtaken(delivery: Delivery, request: ChangeRequest) -> Message:
    """A newer one began to roll out in the same place; this one is left to people."""
    facts = Facts(delivery.facts)
    newer = f"{escape(facts.text('newer'))} (`{escape(facts.text('artifact'), 64)}`)"
    head = f"*⚠ {newer} is newer and began to roll out first: {title(request)}*  {request.id}"
    stays = (
        "What you asked for stays open. It would replace that newer version, so it needs a fresh look: "
        f"cancel it if it is not wanted any more (`/deploy cancel {request.id}`)."
    )
    return message([head, stays], *actions(button(DETAILS, "Details", request.id)))


def _held_by_warning(request: ChangeRequest, voice: Voice) -> Message:
    """Approved and passing, but a gate began to warn after it was asked for without a reason."""
    warned = request.readiness.only(Status.WARNED) if request.readiness else ()
    again = "It starts once the warning is over; to go in spite of it, cancel this one and ask again with a reason."
    head = f"*⚠ Approved, but held by {plural(len(warned), 'warning')}: {title(request)}*  {request.id}"
    lines = [head, *[gate_line(o, voice) for o in warned[:BLOCKERS_SHOWN]], again]
    return message(lines, *actions(button(DETAILS, "Details", request.id)))


def _refused(request: ChangeRequest, voice: Voice) -> Message:
    code = request.closing.code if request.closing else "blocked"
    if request.readiness is None or code not in GATES_SAID:  # the gates are not why it ended
        return message(
            [f"*✗ Refused: {title(request)}*  {request.id}", escape(_sentence(refused_because(code)))]
        )
    if code == "needs-reason":
        warned = len(request.readiness.only(Status.WARNED))
        head = f"Not without a reason: {title(request)} has {plural(warned, 'warning')}"
    else:
        bad = request.readiness.only(Status.BLOCKED, Status.UNKNOWN)
        head = f"Not yet: {title(request)} has {plural(len(bad), 'blocker')}"
    return refusal(request, voice, head)


def refusal(request: ChangeRequest, voice: Voice, head: str) -> Message:
    """Every blocker with what unblocks it, then how many passed; never only the first."""
    outcomes = request.readiness.outcomes if request.readiness else ()
    bad = [o for o in worst_first(outcomes) if o.counts_as is not Status.PASSED]
    lines = [f"*{head}*  {request.id}"]
    for outcome in bad[:BLOCKERS_SHOWN]:
        lines += blocker(outcome, voice, request.readiness.earliest if request.readiness else None)
    if len(bad) > BLOCKERS_SHOWN:
        lines.append(f"and {len(bad) - BLOCKERS_SHOWN} more: `/deploy why {request.id}`")
    passed = len(outcomes) - len(bad)
    if passed:
        lines.append(f"✓ {plural(passed, 'other')} passed" if bad else f"✓ All {passed} passed")
    return message(lines, *actions(button(DETAILS, "Why, in detail", request.id)))


def blocker(outcome: GateOutcome, voice: Voice, earliest: datetime | None = None) -> list[str]:
    """What does not pass, and below it what unblocks it."""
    cure = voice.gate(outcome).unblocks
    return [gate_line(outcome, voice, earliest), *([f"      → {escape(cure, 400)}"] if cure else [])]


def _awaiting(view: RequestView, voice: Voice, policy: Policy) -> Message:
    request = view.request
    gates = len(request.readiness.outcomes) if request.readiness else 0
    bad = [
        o
        for o in (request.readiness.outcomes if request.readiness else ())
        if o.counts_as is not Status.PASSED
    ]
    earliest = request.readiness.earliest if request.readiness else None
    told = f"{plural(gates, 'gate')} asked, {'all passed' if not bad else f'{gates - len(bad)} passed'}"
    channel = escape(policy.slack.channels.approvals.lstrip("#"))
    who = listed([voice.name(p) for p in view.could_sign], 5, last="or") or "nobody whom the policy names"
    lines = [
        f"*◷ Waits for approval: {title(request)}*  {request.id}",
        *[gate_line(o, voice, earliest) for o in worst_first(bad)[:BLOCKERS_SHOWN]],
        f"✓ {told}. It takes {plural(view.quorum.missing, 'more approval')} in #{channel}, from {escape(who)}.",
    ]
    head = headline(request, now=view.now, when=voice.deciding, names=voice.name)
    lines.append(escape(_sentence(head.text), 400))
    return message(lines, *actions(button(DETAILS, "Details", request.id)))


def _asking_again(delivery: Delivery, request: ChangeRequest, voice: Voice) -> Message:
    until = Facts(delivery.facts).instant("until") or request.evidence_deadline
    silent = request.readiness.only(Status.UNKNOWN) if request.readiness else ()
    lines = [f"*? Nobody answered yet: {title(request)}*  {request.id}"]
    lines += [gate_line(outcome, voice) for outcome in silent[:BLOCKERS_SHOWN]]
    left = span(until - voice.now)
    lines.append(f"I keep asking until {escape(voice.when(until))} ({left} more); then it is refused.")
    return message(lines)


def to_approver(delivery: Delivery, view: RequestView, policy: Policy) -> Message:
    """Why a signature does not count, or no longer does."""
    request, voice = view.request, Voice(policy, view.now)
    facts = Facts(delivery.facts)
    if facts.text("code") == "approval-voided":
        lines = [
            f"*Your approval of {request.id} no longer counts:* {escape(changed(facts))} changed since.",
            f"{title(request)} needs a fresh look: its message shows what stands there now.",
        ]
        return message(lines, *actions(button(DETAILS, "Details", request.id)))
    if facts.text("code") == "ticks-voided":
        items = escape(listed([f"“{item}”" for item in facts.texts("items")]), 400)
        lines = [
            f"*Your tick in the checklist of {request.id} no longer counts:* {escape(changed(facts))} changed since.",
            f"{title(request)}: if {items} still holds, tick it again. `/deploy checklist {request.id}`",
        ]
        return message(lines, *actions(button(DETAILS, "Details", request.id)))
    why = sentence(Refusal(facts.text("code"), delivery.facts), names=voice.name, when=voice.when)
    return message([f"*Your approval of {request.id} does not count:* {title(request)}", escape(why, 900)])


def _sentence(text: str) -> str:
    """As a sentence of its own: a capital letter and a full stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", "”")) else text + "."
