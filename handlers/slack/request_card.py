"""The request's message in the approvals channel: one per request, edited as it moves, twelve lines at most (P10)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.domain.approval import ApprovalState
from bot.domain.change_request import ChangeRequest, Kind, RequestState
from bot.domain.deployment import WHOLE, Run
from bot.domain.fingerprint import short
from bot.domain.outcome import GateOutcome, Status, worst_first
from bot.domain.quorum import SeatHeld
from bot.flows import wait
from bot.flows.inquire import RequestView
from bot.flows.run_end import way_back
from bot.flows.stake import held_silent
from bot.policy import Policy
from handlers.slack.blocks import Block, Message, actions, button, escape, message
from handlers.slack.voice import Voice
from handlers.wording import checklists, project_states, rollouts, watched
from handlers.wording.authority import THEM, did_not_answer, why_uncounted
from handlers.wording.break_glass import card_line
from handlers.wording.facts import Facts, plural, short_digest
from handlers.wording.gates import SIGNS, WORDS
from handlers.wording.requests import KINDS, headline

GATE_LINES: Final = 5
GATE_LINES_UNDER_WAY: Final = 2
"""Of a rollout: what was asked before the start makes room for what holds its next step."""
MOST_BAD: Final = 3
MOST_AUTHORS: Final = 3
MOST_ABLE: Final = 3
"""So many are named beside an empty seat; the others are counted."""
MOST_UNCOUNTED: Final = 2
MOST_SEATS: Final = 8
REASON_SHOWN: Final = 160
APPROVE, REJECT, DETAILS, START = "request_approve", "request_reject", "request_details", "request_start"
HOLD, RESUME = "request_hold", "request_resume"
CHECKLIST = "request_checklist"
"""The action_ids of its buttons."""


def render(view: RequestView, policy: Policy) -> Message:
    """The message for the request as it stands."""
    request, voice = view.request, Voice(policy, view.now)
    lines = [_first(view, voice), _asked(request, voice)]
    if glass := card_line(request, now=view.now, when=voice.deciding):
        lines.append(escape(glass, 500))
    seats = [*_seats(view, voice), *_uncounted(view, voice)]
    if request.is_open or request.state is RequestState.REFUSED:
        under_way = request.state is RequestState.STARTING
        room = (GATE_LINES_UNDER_WAY if under_way else GATE_LINES) - max(0, len(seats) - 1)
        lines += gate_lines(request, voice, most=room)
    lines += [line for line in (*seats, _could(view, voice), *following(view, voice)) if line]
    lines.append(" · ".join(part for part in (source(view), identity(request)) if part))
    return message(lines, *actions(*_buttons(request, view)))


def _first(view: RequestView, voice: Voice) -> str:
    """What is wanted of the reader, or how it ended."""
    request = view.request
    what = title(request)
    if request.state is RequestState.STARTING and view.runs:
        sign, word = rollouts.head(request, view.runs[-1])
        return f"*{sign} {escape(word)}: {what}*  {request.id}"
    if request.state is RequestState.AWAITING_APPROVAL and request.held is None:
        missing = view.quorum.missing
        needs = f" · needs {plural(missing, 'more approval')}" if missing else ""
        loud = "EMERGENCY: " if request.emergency else ""
        held = request.readiness.only(Status.BLOCKED, Status.UNKNOWN) if request.readiness else ()
        if held:
            return f"*{loud}Held by {plural(len(held), 'gate')}: {what}*  {request.id}{needs}"
        verb = "Roll back" if request.kind is Kind.ROLLBACK else "Approve"
        return f"*{loud}{verb} {what}?*  {request.id}{needs}"
    head = headline(request, now=view.now, when=voice.when, names=voice.name)
    return f"*{head.sign} {head.word}: {what}*  {request.id}"


def title(request: ChangeRequest) -> str:
    """`checkout 7a3f9c2 → production` in mrkdwn, without bold; of a rollback, from what to what."""
    if project_states.is_one(request):
        state = request.artifact.tag
        return f"{project_states.NOUN} `{project_states.other_than(state)}` → `{escape(state)}`"
    if request.kind is Kind.ROLLBACK:
        away = "" if request.rollback_target is None else f"from `{request.rollback_target.tag}` "
        return f"{escape(request.service)} in {escape(request.environment)} {away}to `{request.artifact.tag}`"
    return f"{escape(request.service)} `{request.artifact.tag}` → {escape(request.environment)}"


def _asked(request: ChangeRequest, voice: Voice) -> str:
    who = voice.who(request.requester.person, "somebody")
    when = escape(voice.when(request.requested_at))  # a card that nothing edits any more stays true
    asked = (
        f"Taken back by itself {when}: the approval contained it"
        if request.automatic
        else f"Asked by {who} {when}"
    )
    parts = [asked, KINDS[request.kind.value]]
    parts += [escape(p, 64) for p in (request.ticket, request.emergency) if p]
    if request.fixes:
        parts.append(f"a fix for {escape(request.fixes)}")
    if request.reason:
        parts.append(f"“{escape(request.reason, REASON_SHOWN)}”")
    return " · ".join(parts)


def gate_lines(request: ChangeRequest, voice: Voice, *, most: int) -> list[str]:
    """What does not pass, worst first and one a line; what passes shares the lines that are left."""
    readiness = request.readiness
    if readiness is None or not readiness.outcomes:
        return []
    bad = [o for o in worst_first(readiness.outcomes) if o.counts_as is not Status.PASSED]
    passed = [o for o in readiness.only(Status.PASSED) if not o.bypassed]
    lines = [gate_line(outcome, voice, readiness.earliest) for outcome in bad[:MOST_BAD]]
    if len(bad) > MOST_BAD:
        lines[-1] += f" · and {len(bad) - MOST_BAD} more, see Details"
    return lines + _together(passed, voice, max(1, min(3, most - len(lines))))


def gate_line(outcome: GateOutcome, voice: Voice, earliest: datetime | None = None) -> str:
    """One gate on one line: sign, word, text; and beside one that waits when all of them pass together."""
    line = voice.gate(outcome, earliest)
    return f"{line.sign} *{line.word}* {escape(line.text, 300)}"


def _together(outcomes: Sequence[GateOutcome], voice: Voice, lines: int) -> list[str]:
    if not outcomes:
        return []
    each = -(-len(outcomes) // lines)
    chunks = [outcomes[i : i + each] for i in range(0, len(outcomes), each)]
    head = f"{SIGNS[Status.PASSED]} *{WORDS[Status.PASSED]}*"
    return [f"{head} " + " · ".join(escape(voice.gate(o).text, 100) for o in chunk) for chunk in chunks]


def _seats(view: RequestView, voice: Voice) -> list[str]:
    """Who holds a seat or signed besides; who signed and is being checked; and the seats that are empty, equal ones
    counted, each with who could fill it."""
    request, quorum = view.request, view.quorum
    held = [_held(seat, view, voice) for seat in quorum.seats if seat.person]
    seated = {seat.person for seat in quorum.seats}
    mine = [a for a in view.approvals if a.revision == request.revision and a.person not in seated]
    held += [voice.who(a.person) for a in mine if a.state is ApprovalState.COUNTED]
    lines = []
    if held:
        wanted = max(len(quorum.seats), quorum.minimum, len(held))
        lines.append(f"✓ *{len(held)} of {wanted} signed*  {_told(held)}")
    pending = [voice.who(a.person) for a in mine if a.state is ApprovalState.SIGNED]
    if pending and request.is_open:
        lines.append(f"◷ {', '.join(pending)} signed, being checked")
    able = _able(view)
    empty = Counter((s.roles, able[n]) for n, s in enumerate(quorum.seats) if s.person is None)
    if empty and request.is_open:
        told = [_empty(roles, who, times, voice) for (roles, who), times in empty.items()]
        lines.append(f"○ *to sign*  {_told(told)}")
    return lines


def _told(each: list[str]) -> str:
    more = [f"and {len(each) - MOST_SEATS} more"] if len(each) > MOST_SEATS else []
    return " · ".join([*each[:MOST_SEATS], *more])


def _able(view: RequestView) -> list[tuple[str, ...]]:
    """Who is named beside each seat: where the same people could fill every empty one, the line below calls them."""
    fill = list(view.could_fill) or [()] * len(view.quorum.seats)
    empty = {who for seat, who in zip(view.quorum.seats, fill, strict=True) if seat.person is None}
    return [()] * len(fill) if len(empty) <= 1 else fill


def _held(seat: SeatHeld, view: RequestView, voice: Voice) -> str:
    signed = [a for a in view.approvals if a.person == seat.person and a.revision == view.request.revision]
    by = [role for role in seat.roles if any(role in a.roles for a in signed)]
    return f"{escape(' or '.join(by or seat.roles), 90)}: {voice.who(seat.person)}"


def _empty(roles: Sequence[str], able: tuple[str, ...], times: int, voice: Voice) -> str:
    named = ", ".join(voice.who(person) for person in able[:MOST_ABLE])
    more = f" and {len(able) - MOST_ABLE} more" if len(able) > MOST_ABLE else ""
    many = f" ×{times}" if times > 1 else ""
    return f"{escape(' or '.join(roles), 90)}{many}" + (f" ({named}{more})" if able else "")


def _uncounted(view: RequestView, voice: Voice) -> list[str]:
    """Whose click did not count, and why, while more clicks are wanted."""
    if not view.uncounted or view.quorum.filled:
        return []
    shown = view.uncounted[:MOST_UNCOUNTED]
    told = [f"{voice.who(u.person)}: {escape(why_uncounted(u.code, Facts(u.facts)), 200)}" for u in shown]
    more = len(view.uncounted) - len(shown)
    return [f"Not counted  {' · '.join(told)}" + (f" · and {plural(more, 'more click')}" if more else "")]


def _could(view: RequestView, voice: Voice) -> str | None:
    """Who can act is called, once; where nobody can, or not everybody is known, that is said."""
    if view.request.state is not RequestState.AWAITING_APPROVAL or not view.quorum.missing:
        return None
    silent = [did_not_answer(source, code, THEM) for source, code in view.silent]
    unsure = escape(f"{silent[0]}, so others may be able to", 240) if silent else ""
    if view.could_sign:
        return f"{voice.call_all(view.could_sign)} can approve" + (f" · {unsure}" if unsure else "")
    if unsure:
        return f"Nobody is known to be able to approve: {unsure}."
    return "Nobody whom the policy names can fill what is empty: whoever keeps it has to look."


def following(view: RequestView, voice: Voice) -> list[str]:
    """What happens next: of a rollout, what holds it or its next step; and where one that failed left the traffic."""
    request, run = view.request, view.runs[-1] if view.runs else None
    way = way_back(request)
    if run is not None and request.state is RequestState.STARTING:
        said = rollouts.lines(request, run, when=voice.deciding, names=voice.name, command=way)
    else:
        left = None if run is None or request.is_open else rollouts.stands(run, way)
        seen = [] if run is None or request.is_open else watched.live(run, voice.when)
        return [_next(view, voice), *([escape(left)] if left else []), *(escape(line, 900) for line in seen)]
    return [escape(line) for line in said]


def _next(view: RequestView, voice: Voice) -> str:
    """What happens next while it is open, how it ended when it is over."""
    request = view.request
    when = voice.deciding if request.is_open else voice.when
    head = headline(request, now=view.now, when=when, names=voice.name)
    text = escape(head.text[:1].upper() + head.text[1:], 500)
    told = request.held is None and request.readiness is not None and request.readiness.awaits
    if request.state in (RequestState.AWAITING_APPROVAL, RequestState.APPROVED) and not told:
        return f"{text} · expires {escape(voice.when(request.expires_at))}"
    return text


def source(view: RequestView) -> str:
    """The commit and its authors, as CI stated them with the build (P10); nothing where it did not."""
    if view.build is None or not view.request.is_open:
        return ""
    facts = Facts(view.build.details)
    commit, authors = facts.text("commit", ""), facts.texts("authors")
    parts = [f"commit `{escape(commit, 12)}`"] if commit else []
    if authors:
        shown = ", ".join(escape(a, 40) for a in authors[:MOST_AUTHORS])
        more = f" and {len(authors) - MOST_AUTHORS} more" if len(authors) > MOST_AUTHORS else ""
        parts.append(f"by {shown}{more}")
    return "Source: " + " ".join(parts) if parts else ""


def identity(request: ChangeRequest) -> str:
    """What exactly is meant: the fingerprint to compare, the digest, the way back."""
    parts = []
    if request.fingerprint and request.is_open:
        parts.append(f"Fingerprint `{short(request.fingerprint)}`")
    if request.artifact.digest:
        parts.append(f"digest `{short_digest(request.artifact.digest)}`")
    if request.rollback_target is not None and request.kind is not Kind.ROLLBACK:
        parts.append(f"way back `{request.rollback_target.tag}`")
    if not request.is_open:
        parts.append(f"everything: `/deploy why {request.id}`")
    return " · ".join(parts) or f"`/deploy status {request.id}`"


def startable(request: ChangeRequest, view: RequestView) -> bool:
    """Whether pressing Start could start it now."""
    return request.state is RequestState.APPROVED and wait.startable(request, view.now)


def _step_button(request: ChangeRequest, run: Run) -> list[Block]:
    """Resume what waits for a person's judgement; hold what still has a step to go."""
    if run.doubted is not None:
        return [button(RESUME, "Resume", request.id)]
    last = not run.waits and run.aim == WHOLE
    return [] if last else [button(HOLD, "Hold", request.id)]


def _checklist(request: ChangeRequest) -> list[Block]:
    """The way to the list, where there is one."""
    outcomes = request.readiness.outcomes if request.readiness else ()
    asked = any(outcome.gate == checklists.GATE for outcome in outcomes)
    return [button(CHECKLIST, "Checklist", request.id)] if asked else []


def _buttons(request: ChangeRequest, view: RequestView) -> list[Block]:
    details = button(DETAILS, "Details", request.id)
    reject = button(REJECT, "Reject", request.id, "danger")
    held = [button(RESUME, "Resume", request.id)] if request.held is not None else []
    ticks = _checklist(request)
    match request.state:
        case RequestState.AWAITING_APPROVAL:
            return [button(APPROVE, "Approve", request.id, "primary"), reject, *held, *ticks, details]
        case RequestState.APPROVED:
            start = [button(START, "Start", request.id, "primary")] if startable(request, view) else []
            # Nobody answers about somebody who approved: another approval does as well.
            more = [button(APPROVE, "Approve", request.id)] if held_silent(request) else []
            held = held or [button(HOLD, "Hold", request.id)]
            return [*start, *more, reject, *held, *ticks, details]
        case RequestState.STARTING if view.runs and view.runs[-1].plan.stepped:
            return [*(held or _step_button(request, view.runs[-1])), details]
        case RequestState.EVALUATING | RequestState.STARTING:
            return [*held, details]
        case _:
            return []
