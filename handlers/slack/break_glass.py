"""The loud messages of a broken glass, true at the moment of sending, and what whoever breaks it is answered (P13)."""

from datetime import timedelta
from typing import Final

from bot.domain.change_request import BrokenGlass, ChangeRequest, RequestState
from bot.domain.owed import Delivery
from bot.flows import loud
from bot.flows.inquire import RequestView
from bot.flows.request import Submitted
from bot.policy import Policy
from bot.ports import Later, Undeliverable
from handlers.slack import answers
from handlers.slack.blocks import Message, actions, button, escape, message, reader_time, sections
from handlers.slack.request_card import DETAILS, title
from handlers.slack.voice import Voice
from handlers.wording import break_glass as say
from handlers.wording.facts import Facts, listed

PATIENCE: Final = timedelta(seconds=10)
"""So long the channels wait for the first judgement, so that the message says what each gate said."""
REVIEWS: Final = frozenset({"review-soon", "review-due", "review-overdue"})
GATE: Final = 350


def notice(delivery: Delivery, view: RequestView, policy: Policy) -> Message:
    """The message that is owed. Raises Later while the gates are asked for the first time; whoever is on call does not
    wait for that."""
    request, glass = view.request, view.request.break_glass
    if glass is None:
        raise Undeliverable("no-glass")
    facts = Facts(delivery.facts)
    code = facts.text("code")
    unjudged = request.readiness is None and request.state is RequestState.EVALUATING
    if code == "broken" and unjudged and view.now - glass.at < PATIENCE:
        raise Later("not-judged-yet", 1.0)
    voice = Voice(policy, view.now)
    lines = [
        f"*{say.SIGN} {escape(say.head(code, facts, request))}: {title(request)}*  {request.id}",
        escape(say.who(glass, names=voice.name)),
        *_body(code, facts, delivery, view, glass, voice),
    ]
    return message(lines, *actions(button(DETAILS, "Details", request.id)))


def _body(
    code: str, facts: Facts, delivery: Delivery, view: RequestView, glass: BrokenGlass, voice: Voice
) -> list[str]:
    request = view.request
    if code == "reviewed":
        return [
            f"{voice.who(facts.text('person'))}: “{escape(facts.text('words', ''))}”",
            *_gates(request, glass, voice),
        ]
    if code in REVIEWS:
        used = escape(say.used_when(glass, now=view.now, when=voice.deciding))
        return [
            used,
            *_gates(request, glass, voice),
            escape(say.review_owed(request, glass, when=voice.deciding)),
        ]
    if code in ("used", "passed"):
        return [*_freezes(facts), *_gates(request, glass, voice), *_signed(view, voice),
                escape(say.review_owed(request, glass, when=voice.deciding))]  # fmt: skip
    lines = _gates(request, glass, voice)
    if code in ("broken", "on-call"):
        held = say.holding(request, glass, now=view.now, when=voice.deciding)
        lines += [escape(one, GATE) for one in held]
        lines += _told(facts, delivery, glass, voice)
    return [*lines, escape(say.lasts(request, glass, now=view.now, when=voice.deciding))]


def _gates(request: ChangeRequest, glass: BrokenGlass, voice: Voice) -> list[str]:
    return [escape(one, GATE) for one in say.stands(request, glass, now=voice.now, when=voice.deciding)]


def _freezes(facts: Facts) -> list[str]:
    said = say.freezes_passed(facts)
    return [] if said is None else [escape(said, GATE)]


def _signed(view: RequestView, voice: Voice) -> list[str]:
    seated = listed([voice.name(seat.person) for seat in view.quorum.seats if seat.person])
    return [f"Approved by {escape(seated)}"] if seated else []


def _told(facts: Facts, delivery: Delivery, glass: BrokenGlass, voice: Voice) -> list[str]:
    """Who is on call is called in the one message that tells them; everywhere else they are named."""
    instead = facts.texts("instead")
    line = escape(say.told(glass, instead, names=voice.name))
    called = tuple(glass.told) or tuple(instead)
    if delivery.facts.get(loud.NOTIFIES) is True and called:
        return [f"{voice.call_all(called)}: {line}"]
    return [line]


def submitted(done: Submitted, policy: Policy) -> Message:
    """The first answer to a request, with what `emergency=` does where it names one."""
    when = reader_time(policy.zone, beside=True)
    answer = answers.submitted(done, when)
    if done.emergency is None or done.repeated:
        return answer

    def name(person: str) -> str:
        found = policy.people.get(person)
        return (found.name if found is not None else None) or person

    said = say.understood(done.emergency, done.glass, done.environment, when=when, names=name)
    return Message(answer.text, (*answer.blocks, *sections([escape(said, 900)])))
