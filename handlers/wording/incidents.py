"""The timeline of an incident in the past tense, its alarms, and what a rollout hears of it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from bot.domain.change_request import RequestState
from handlers.wording import rollbacks, watched
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.times import When, span

Names = Callable[[str], str]
Line = Callable[[Facts, Names, When], str]
Word = Callable[[Facts, Names], str]

_PLACES: Final[Mapping[str, str]] = MappingProxyType(
    {"pagerduty": "PagerDuty", "webhook": "the webhook", "slack": "#"}
)
_TARGETS: Final[Mapping[str, str]] = MappingProxyType(
    {"on_call": "nobody is on call in {}", "role": "nobody holds the role {}"}
)

ENDED: Final[Mapping[RequestState, str]] = MappingProxyType(
    {
        RequestState.LIVE: "live",
        RequestState.STARTING: "rolling out",
        RequestState.FAILED: "failed",
        RequestState.UNRESOLVED: "ended, nobody knows how,",
    }
)
"""How a change that got to its environment stands, before `4 min before`."""


def place(destination: str) -> str:
    """`slack:channel:incidents` as `#incidents`, `pagerduty:default` as `PagerDuty default`."""
    kind, _, name = destination.partition(":")
    if kind == "slack":
        return "#" + name.removeprefix("channel:").removeprefix("user:").lstrip("#")
    return f"{_PLACES.get(kind, kind)} {name}"


def _who(facts: Facts, names: Names) -> str:
    person = facts.text("person", "")
    return names(person) if person else "Portcullis"


def _at(facts: Facts, key: str, when: When) -> str:
    instant = facts.instant(key)
    return "?" if instant is None else when(instant)


def _opened(facts: Facts, names: Names, _when: When) -> str:
    match facts.text("cause"):
        case "declared":
            return f"{_who(facts, names)} declared it: “{facts.text('title')}”."
        case "deployment":
            return "A deployment went wrong here, so this incident is open."
        case "blindness":
            return (
                "Monitoring is blind and has been for five minutes: whatever is wrong now, here or elsewhere, nobody "
                "would hear of it. Look at the bot's own network and at the references in the policy."
            )
        case _:
            return "The monitors say RED, so this incident is open."


def step(facts: Facts) -> str:
    """Which step of the chain, as the thread and the post-mortem say it: `Step 1 of 3, round 2 of 3`."""
    of = f" of {facts.text('of')}" if facts.number("of") else ""
    again = facts.number("round") not in (None, 1)
    round_ = f", round {facts.text('round')} of {facts.text('rounds')}" if again else ""
    return f"Step {facts.text('step')}{of}{round_}"


def _told(facts: Facts, names: Names, when: When) -> str:
    """Whom a step told, whom it could not tell, and what comes next."""
    people = [names(person) for person in facts.texts("people")]
    told = listed([*people, *(place(each) for each in facts.texts("places"))], 12)
    parts = [f"{step(facts)}: {f'told {told}' if told else 'told nobody'}."]
    parts += [
        f"No way leads to {names(person)}: neither Slack nor e-mail is in the policy."
        for person in facts.texts("wayless")
    ]
    for target in facts.maps("empty"):
        said = _TARGETS.get(target.text("kind"), "nobody is behind {}").format(target.text("name"))
        parts.append(said[0].upper() + said[1:] + ".")
    if silent := facts.texts("silent"):
        parts.append(f"Not asked, so whoever they name is not among them: {listed(silent)}.")
    stuck = facts.texts("wayless") or facts.maps("empty")
    if stuck and facts.number("step") != facts.number("of"):
        parts.append("So the next step is told at once.")
    else:
        parts.append(f"Without an answer it goes on {_at(facts, 'until', when)}.")
    return " ".join(parts)


def _acknowledged(facts: Facts, names: Names, _when: When) -> str:
    others, with_ = facts.number("others"), facts.text("with", "")
    if with_:
        return f"{_who(facts, names)} has it, with {with_}: one page told of both."
    also = (
        f" So {'is' if others == 1 else 'are'} {plural(others, 'other')} that its page told of."
        if others
        else ""
    )
    return f"{_who(facts, names)} has it. Nobody else is paged.{also}"


_ENDED: Final[Mapping[str, str]] = MappingProxyType(
    {"failed": "failed", "unresolved": "ended without anybody knowing how"}
)


def _suspect(facts: Facts, _names: Names, _when: When) -> str:
    """Whoever it is addressed to stands before it, as a mention (`incident_card.called`)."""
    request, seconds = facts.text("request"), facts.number("seconds")
    yours = bool(facts.text("person", ""))
    if not seconds:
        return f"{request} is yours: please come in." if yours else f"{request} is what went wrong."
    ended = _ENDED.get(facts.text("ended", ""), "went live")
    before = f"{ended} {span(timedelta(seconds=seconds))} before. That is no claim that it was this"
    if not yours:
        return f"{request} {before}."
    return f"{request} is yours and {before}; you know most about it, so please have a look."


def _red_again(facts: Facts, names: Names, _when: When) -> str:
    after = span(timedelta(seconds=facts.number("seconds") or 0))
    has = facts.text("person", "")
    who = f"{names(has)} has it, so nobody is paged" if has else "its chain goes on where it stood"
    return f"RED again, {after} after it turned GREEN: that is the same trouble. {who[0].upper()}{who[1:]}."


def _system(facts: Facts) -> str:
    where = facts.text("where")
    return _PLACES.get(where, where)


def _by(facts: Facts, names: Names) -> str:
    person = facts.text("person", "")
    return f", by {names(person)}" if person else ""


def _page_failed(facts: Facts, names: Names, _when: When) -> str:
    recipient = facts.text("recipient")
    who = place(recipient) if ":" in recipient else names(recipient)
    codes = listed(facts.texts("codes"))
    return f"The page to {who} did not arrive by any way{f' ({codes})' if codes else ''}."


def _restart_over(facts: Facts, _names: Names, when: When) -> str:
    return (
        f"RED since {_at(facts, 'since', when)}. Until now that could have been the restart of {facts.text('request')}, "
        "so nobody was told."
    )


def _held(facts: Facts, _names: Names, _when: When) -> str:
    percent = facts.number("percent")
    where = f" at {percent} %" if percent else ""
    return f"{facts.text('request')} was rolling out here: it is held{where}. {to_do(facts)}"


def to_do(facts: Facts) -> str:
    """What to do with a rollout that an incident holds, by the incident's severity (P22)."""
    back = "Is it related? Roll it back."
    if facts.said.get("urgent") is True:
        return f"{back} If not, it stays held while this is {facts.text('severity')}; resume it when that is over."
    return f"{back} If not, {facts.text('severity')} does not have to stop it: resume it."


NOTES: Final[Mapping[str, Line]] = MappingProxyType(
    {
        "opened": _opened,
        "told": _told,
        "acknowledged": _acknowledged,
        "resolved": lambda f, n, _: f"{_who(f, n)} resolved it. The colour stays what the monitors see.",
        "green": lambda *_: (
            "GREEN again: all monitors pass, so it is over without anybody pressing *Resolve*."
        ),
        "sees": lambda *_: "Monitoring sees again: resolved by itself. What is RED counts from here on.",
        "colour": lambda f, *_: (
            "Now GREEN."
            if f.text("colour") == "GREEN"
            else f"Now {f.text('colour')}; the incident stays open."
        ),
        "red-again": _red_again,
        "still-red": lambda f, _, w: (
            f"still RED since {_at(f, 'since', w)}, though it was resolved. Unless it turns GREEN, or you open an incident "
            f"of your own, the next one opens {_at(f, 'until', w)}."
        ),
        "red-all-along": lambda f, n, w: (
            f"RED since {_at(f, 'since', w)} without a break: {_who(f, n)} resolved {f.text('before')} an hour ago, and "
            "what it was about is not over."
        ),
        "raised": lambda f, n, _: (
            f"{_who(f, n)} wants more people: the next step is told now. Until somebody acknowledges it, nobody has it."
        ),
        "ended-outside": lambda f, *_: (
            f"{_system(f)} closed it there, and names nobody whom the policy's directory knows. Here it stays as it is: "
            "press *Resolve* if it is over."
        ),
        "taken-back": lambda f, n, _: (
            f"{_system(f)} took back that somebody has it{_by(f, n)}: nobody has it now, and the chain goes on."
        ),
        "unanswered": lambda f, *_: (
            f"Nobody answered in {plural(f.number('rounds') or 0, 'round')}. Nobody else is paged; everybody in the "
            "channel was told."
        ),
        "nobody-to-tell": lambda *_: (
            "The policy names nobody to tell: neither an escalation, nor a rotation, nor contacts. Everybody in the "
            "channel was told."
        ),
        "page-failed": _page_failed,
        "muted": lambda f, *_: (
            f"Nobody is paged for this while {f.text('by')} is in trouble, which comes first. Its colour goes on."
        ),
        "unmuted": lambda f, *_: f"{f.text('by')} is over, and this is not: it is paged now.",
        "suspect": _suspect,
        "again": lambda f, *_: f"{f.text('request')} went wrong here as well.",
        "related": lambda f, n, _: f"{_who(f, n)}: it was {f.text('request')}.",
        "not-related": lambda f, n, _: f"{_who(f, n)}: it was not {f.text('request')}.",
        "rolling-back": lambda f, n, _: (
            f"{_who(f, n)} asked to go back to {f.text('to')}: {f.text('request')}."
            if f.text("person", "")
            else f"It is taken back to {f.text('to')} by itself: {f.text('request')}."
        ),
        **rollbacks.INCIDENT_NOTES,
        **watched.INCIDENT_NOTES,
        "crash-loop": lambda f, *_: (
            f"It failed, recovered and failed again after {f.text('request')}: that is no restart."
        ),
        "restart-over": _restart_over,
        "red-joined": lambda f, *_: (
            f"RED: {listed(f.texts('causes')) or 'the monitors'}. All of it tells of the service of {f.text('request')}, "
            "which failed here within the hour: the same trouble, and nobody is paged for it twice."
        ),
        "noted": lambda f, n, _: f"{_who(f, n)}: {f.text('words')}",
        "rollout-held": _held,
        "ticketed": lambda f, *_: f"Ticket {f.text('ticket')} was opened for it.",
        "ticket-asked": lambda f, *_: f"A ticket was asked for: {place(f.text('where'))}.",
        "ticket-failed": lambda f, *_: (
            f"No ticket could be opened by {place(f.text('where'))} ({f.text('why')}): open one by hand."
        ),
    }
)
"""The thread of an incident."""

REQUEST_NOTES: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "held-by-incident": lambda f, _: (
            f"{f.text('incident')} ({f.text('severity')}) opened here, so Portcullis holds this rollout"
            + (f" at {f.number('percent')} %" if f.number("percent") else "")
            + f". {to_do(f)}"
        ),
    }
)
"""What the thread of a request hears of an incident."""

ALARMS: Final[Mapping[str, Line]] = MappingProxyType(
    {
        "unanswered": lambda f, *_: (
            f"nobody answered in {plural(f.number('rounds') or 0, 'round')}, and nobody else is paged"
        ),
        "nobody-to-tell": lambda *_: "the policy names nobody to tell",
        "nobody-reached": lambda *_: "nobody could be reached by any way",
    }
)
"""What everybody in the channel is told, after the incident's name and place."""


def alarm(facts: Facts, names: Names, when: When) -> str:
    """The words of an alarm; a code that nobody worded is shown by its code."""
    word = ALARMS.get(facts.text("code"))
    return word(facts, names, when) if word else f"look at it (code: {facts.text('code')})"
