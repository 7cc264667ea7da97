"""What reaches people for an incident beside its card: a page, one message for many, an alarm for everybody."""

from bot.domain.environment import Colour
from bot.domain.incident import Incident, IncidentState
from bot.domain.owed import Delivery
from bot.flows.inquire import IncidentView
from bot.flows.many import ManyView
from bot.policy import Policy
from handlers.slack.blocks import Message, actions, button, escape, message
from handlers.slack.incident_card import ACKNOWLEDGE, ESCALATE, deadline, lines
from handlers.slack.voice import Voice
from handlers.wording.colours import SIGNS
from handlers.wording.facts import Facts, plural
from handlers.wording.incidents import alarm as alarm_words
from handlers.wording.paging import Words
from handlers.wording.paging import unheard as unheard_words

MOST_NAMED = 12
"""So many environments are named; the others are counted."""
MOST_BUTTONS = 4


def page(view: IncidentView, policy: Policy, recipient: str, *, again: bool = False) -> Message:
    """A page (or, `again`, that what somebody was paged for is not over after all): what is wrong where, that it is this
    person who is asked, all else that it tells of, where its thread is, and the two buttons that answer it."""
    incident, voice = view.incident, Voice(policy, view.now)
    said = lines(view, policy)
    if recipient in policy.people:
        whose = "you are on call" if recipient == incident.on_call else "you are asked as well"
        said[1] = f"{voice.who(recipient)}, {whose}: {deadline(view, voice)}"
    elif view.leader is not None:
        said[1] = f"Nobody has it yet: {deadline(view, voice)}"
    others = [each for each in view.waiting if each.id != incident.id]
    if others:
        said.insert(1, f"*and {plural(len(others), 'other')} within the same minute:* {_places(others)}")
    if again:
        said.insert(0, "*Not over after all*")
    if incident.summary is None and recipient in policy.people:
        # A message in a channel has the thread beneath it; whoever was woken alone has to be told where it is.
        channel = escape(policy.slack.channels.incidents.lstrip("#"))
        said.append(f"Its thread and all other buttons stand in #{channel}")
    take = f"Acknowledge all {len(view.waiting)}" if others else "Acknowledge"
    first = button(ACKNOWLEDGE, take, view.paged.id, "primary")
    return message(said, *actions(first, button(ESCALATE, "Escalate", view.paged.id)))


def paged(view: IncidentView, policy: Policy, recipient: str) -> Message:
    """The message of a page, later: as it was while somebody is still to answer; else who has it, or that it is over,
    and no button that would do nothing."""
    if view.waiting:
        return page(view, policy, recipient)
    said = lines(view, policy)
    if view.paged.leads:
        said.insert(2, "Nothing else that this page told of waits for an answer")
    return message(said)


def began_again(view: IncidentView, policy: Policy, recipient: str) -> Message | None:
    """To whoever was paged for it and heard that it is over; None where somebody has it by now, or it is over."""
    return page(view, policy, recipient, again=True) if view.waiting else None


def unheard(delivery: Delivery, view: IncidentView, policy: Policy) -> Message:
    """To whoever was to be paged and was not: somebody whom no page had asked answered before."""
    facts = Facts(delivery.facts)
    said = unheard_words(
        Words(view, policy), facts.text("deed"), facts.text("person"), facts.number("others") or 0
    )
    escalate = [button(ESCALATE, "Escalate", view.incident.id)] if view.incident.is_open else []
    return message(
        [f"*{escape(said[0], 1500)}*", *(escape(line, 600) for line in said[1:])], *actions(*escalate)
    )


def many(view: ManyView, policy: Policy) -> Message:
    """Those that opened within a minute, beyond the first few: one message that counts them and names the first."""
    voice = Voice(policy, view.now)
    still = [each for each in view.incidents if each.is_open]
    sign = f"{SIGNS[Colour.RED]} RED" if still else "✓ RESOLVED"
    since = escape(voice.when(view.incidents[0].opened_at))
    counts = {state: sum(1 for each in view.incidents if each.state is state) for state in IncidentState}
    open_, taken, over = (counts[state] for state in IncidentState)
    told = [
        f"*{sign} · {plural(len(view.incidents), 'more environment')} within a minute* since {since}",
        f"{open_} open · {taken} acknowledged · {over} resolved",
    ]
    told += [f"*{escape(severity)}*: {_places(of)}" for severity, of in _by_severity(still)]
    leaders: dict[str, int] = {}
    for each in still:
        if each.waits and each.group is not None:
            leaders[each.group] = leaders.get(each.group, 0) + 1
    takes = [
        button(ACKNOWLEDGE, f"Acknowledge {plural(count, 'incident')}", leader)
        for leader, count in list(leaders.items())[:MOST_BUTTONS]
    ]
    # A row for each: within one row Slack wants every action_id once.
    return message(told, *(row for take in takes for row in actions(take)))


def alarm(delivery: Delivery, view: IncidentView, policy: Policy) -> Message | None:
    """Told to everybody in the channel while it is true: nobody has it, and nobody else will be paged."""
    incident, voice = view.incident, Voice(policy, view.now)
    if incident.state is not IncidentState.OPEN:
        return None
    words = escape(alarm_words(Facts(delivery.facts), voice.name, voice.when), 600)
    where, severity = escape(incident.environment), escape(incident.severity)
    first = f"*‼ {incident.id} · {where} · {severity}: {words}*"
    ask = "<!here> whoever reads this and can help: press *Acknowledge*, or call somebody"
    return message([first, ask], *actions(button(ACKNOWLEDGE, "Acknowledge", incident.id, "primary")))


def _places(incidents: list[Incident]) -> str:
    shown = [f"{escape(each.environment)} ({each.id})" for each in incidents[:MOST_NAMED]]
    rest = len(incidents) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


def _by_severity(incidents: list[Incident]) -> list[tuple[str, list[Incident]]]:
    found: dict[str, list[Incident]] = {}
    for each in incidents:
        found.setdefault(each.severity, []).append(each)
    return sorted(found.items())
