"""What happened in an incident, how long it took and what is owed for it, in words and in small graphs (F9, F12)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from bot.domain.course import Course
from bot.domain.environment import Colour
from bot.domain.incident import Cause
from bot.domain.postmortem import ActionItem, Postmortem
from bot.flows.timeline import Account, Goal, Moment
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.incidents import place, step
from handlers.wording.times import When, ahead, span

Names = Callable[[str], str]
Word = Callable[[Facts, str, Names], str]

CELLS: Final = 48
"""Characters of one graph."""
LEVELS: Final[Mapping[Colour | None, str]] = MappingProxyType(
    {Colour.GREEN: "▁", Colour.YELLOW: "▄", Colour.RED: "█", Colour.UNKNOWN: "?", None: "·"}
)
LEGEND: Final = "▁ GREEN, ▄ YELLOW, █ RED, ? UNKNOWN, · not recorded"
SECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"summary": "the summary", "impact": "the impact", "whys": "all five whys", "actions": "an action item"}
)
"""What a post-mortem can lack."""
_RESOLVED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "green": "GREEN again: all monitors passed, so it was over without anybody pressing Resolve.",
        "sees": "Monitoring saw again: resolved by itself.",
    }
)


def _opened(facts: Facts, who: str, _names: Names) -> str:
    match facts.text("cause"):
        case "declared":
            return f"{who} declared it."
        case "deployment":
            return f"Opened: {facts.text('suspect', 'a deployment')} went wrong."
        case "blindness":
            return "Opened: monitoring had been blind for five minutes."
        case _:
            return f"Opened: {listed(facts.texts('causes')) or 'the monitors'} said RED."


def _paged(facts: Facts, _who: str, names: Names) -> str:
    recipient = facts.text("recipient")
    whom = place(recipient) if ":" in recipient else names(recipient)
    chain = step(facts) if facts.number("step") else "Besides the escalation"
    match facts.text("state"):
        case "reached":
            ways = listed([_way(way) for way in facts.texts("ways")])
            return f"{chain}: {whom} paged{f' by {ways}' if ways and ':' not in recipient else ''}."
        case "failed":
            return f"{chain}: {whom} could not be reached."
        case "cancelled":
            return f"{chain}: {whom} was to be paged; somebody had answered before."
        case _:
            return f"{chain}: {whom} paged; no way has answered yet."


def _way(destination: str) -> str:
    kind, _, name = destination.partition(":")
    return {"slack": "Slack", "email": "e-mail", "pagerduty": "PagerDuty"}.get(kind, f"{kind} {name}")


def _rolled(done: str) -> Word:
    def word(facts: Facts, who: str, _names: Names) -> str:
        what = f"{facts.text('request')} ({facts.text('service')} {facts.text('artifact')}) by {who}"
        back = facts.text("rolls_back", "")
        return f"{what}, which takes {back} back, {done}." if back else f"{what} {done}."

    return word


def _turned(facts: Facts, _who: str, _names: Names) -> str:
    causes = listed(facts.texts("causes"))
    return f"{facts.text('environment')} turned {facts.text('colour')}{f' ({causes})' if causes else ''}."


_WORDS: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "opened": _opened,
        "again": lambda f, *_: f"{f.text('suspect')} went wrong there as well.",
        "red-joined": lambda f, *_: (
            f"{listed(f.texts('causes')) or 'The monitors'} said RED as well: the same trouble."
        ),
        "reopened": lambda *_: "RED again within minutes: the same trouble.",
        "acknowledged": lambda _, who, __: f"{who} took it.",
        "raised": lambda _, who, __: f"{who} pressed Escalate: the next step was told, and nobody had it.",
        "resolved": lambda f, who, _: _RESOLVED.get(f.text("because"), f"{who} resolved it."),
        "judged": lambda f, who, _: (
            f"{who}: it {'was' if f.said.get('related') is True else 'was not'} {f.text('request')}."
        ),
        "rolling-back": lambda f, *_: f"{f.text('request')} was asked for, to go back.",
        "unanswered": lambda f, *_: f"Nobody had answered after {plural(f.number('round') or 0, 'round')}.",
        "noted": lambda f, who, _: f"{who}: {f.text('words')}",
        "ticketed": lambda f, *_: f"Ticket {f.text('ticket')} was opened.",
        "ticket-asked": lambda f, *_: f"Asked {place(f.text('where'))} for a ticket.",
        "ticket-failed": lambda f, *_: f"No ticket could be opened (code: {f.text('code')}).",
        "paged": _paged,
        "way-failed": lambda f, _, __: f"{_way(f.text('way'))} did not work (code: {f.text('code')}).",
        "turned": _turned,
        "went-live": _rolled("went live"),
        "failed": _rolled("failed"),
        "unresolved": _rolled("ended without anybody knowing how"),
    }
)


def moment(happened: Moment, names: Names) -> str:
    """One line of the timeline, without its time; what nobody worded is shown by its name."""
    facts = Facts(happened.facts)
    who = names(happened.person) if happened.person else "Portcullis"
    word = _WORDS.get(happened.code)
    return word(facts, who, names) if word else f"{happened.code.replace('-', ' ').capitalize()}."


def times(account: Account) -> list[str]:
    """How long it took to find, to answer and to end; what took too long is marked by a sign and in words."""
    found = account.times
    return [
        _time("Found", found.detection, "not known: no monitor opened it", "after the first failing reading"),
        _time("Answered", found.answer, "by nobody", "after it opened"),
        _time("Over", found.resolution, "not yet", "after it opened"),
    ]


def _time(done: str, goal: Goal, unknown: str, since: str) -> str:
    if goal.took is None:
        return f"{done}: {unknown}"
    said = f"{done}: {span(goal.took)} {since}"
    if goal.within is None:
        return said
    if goal.missed:
        return f"⚠ {said}; {span(goal.within)} was the goal, missed by {span(goal.took - goal.within)}"
    return f"✓ {said} (goal {span(goal.within)})"


def missed(account: Account) -> list[str]:
    """The goals that were missed, in words; none where all were kept or nobody knows."""
    return [line for line in times(account) if line.startswith("⚠")]


def graph(course: Course, begins: datetime, until: datetime) -> str:
    """How the colour went, as one character for each part of the time."""
    return "".join(LEVELS[cell] for cell in course.cells(begins, until, CELLS))


def graphs(account: Account) -> list[str]:
    """A graph of each environment, its own first, and the name behind it."""
    begins, until = account.begins, account.until
    return [f"{graph(course, begins, until)} {course.environment}" for course in account.courses]


def before(account: Account, names: Names) -> str:
    """What went live shortly before, and who judged it: a fact, and no claim."""
    if not account.changed and account.incident.suspect is None:
        return "Nothing changed there through Portcullis in the hour before."
    told = [
        f"{r.id} ({r.service} {r.artifact.tag}) by {names(r.requester.person or 'somebody')}"
        for r in account.changed
    ]
    suspect = account.incident.suspect
    if suspect is not None and all(r.id != suspect for r in account.changed):
        told.insert(0, suspect)
    last = {each.request: each for each in account.incident.judged}  # the timeline has every one of them
    words = [
        f"{names(j.by)} judged that it {'was' if j.related else 'was not'} {j.request}" for j in last.values()
    ]
    back = account.incident.rolled_back_by
    unsaid = (
        " Nobody judged whether it was that."
        if back is None
        else f" {back} took it back, asked for because of this incident."
    )
    judged = f" {'; '.join(words)}." if words else unsaid
    return f"Shortly before: {'; '.join(told)}.{judged}"


def first_summary(account: Account) -> str:
    """A first sentence for the summary, of facts alone: people say the rest."""
    incident = account.incident
    what = f"“{incident.title}”" if incident.title else f"{incident.environment} was in trouble"
    if incident.cause is Cause.BLINDNESS:
        what = "Monitoring was blind"
    causes = f" ({listed(list(incident.causes))})" if incident.causes else ""
    return f"{what}{causes} for {span(account.until - incident.opened_at)}; {incident.severity}."


def due(postmortem: Postmortem, now: datetime, when: When) -> str:
    """Until when it has to be published."""
    if now > postmortem.due_at:
        return f"overdue by {span(now - postmortem.due_at)}"
    return f"due {when(postmortem.due_at)} ({ahead(postmortem.due_at, now)})"


def lacks(names: Sequence[str]) -> str:
    """What it lacks, in words."""
    return listed([SECTIONS.get(name, name) for name in names])


def day(at: date) -> str:
    """A day as people say it: `Tue 1 Dec 2026`."""
    return at.strftime("%a %-d %b %Y")


def item(action: ActionItem, names: Names, today: date) -> str:
    """An action item in one line; whether it is done or late is said in words, too."""
    who = names(action.owner)
    if action.done_at is not None:
        by = action.done_by.person if action.done_by is not None else None
        return f"✓ done{f' by {names(by)}' if by else ''}: {action.text} ({who})"
    late = (today - action.due).days
    until = f"⚠ overdue by {span(timedelta(days=late))}" if late > 0 else f"◷ due {day(action.due)}"
    return f"{until}: {action.text} ({who})"
