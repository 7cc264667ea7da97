"""What the calendar that goes out shows: openings, and what closes, each as an event with a stable identity.

- Instants are UTC and exact to the second: what closes is rounded outwards, what opens inwards. Whole days are no
  all-day events, which every client would put into its own zone.
- An opening is an event of its own for `preferred` and for `allowed`. Environments that no window and no restriction
  mentions are open but for their freezes and holidays; they get no opening that lasts for ever.
- Restrictions that close a day or more are events. Shorter ones, such as nights, show as gaps between openings.
- An event keeps its identity as long as its content; only what ends where this calendar ends moves on with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

from bot.domain.calendar import LATEST, Effect, Holidays, Occurrence, Rule, RuleKind, Verdict
from bot.flows.calendar_feed import Published

BACK: Final = timedelta(days=7)
AHEAD: Final = timedelta(days=400)
_A_DAY: Final = timedelta(hours=23)  # the shortest there is where the clock jumps by an hour
_COUNTED_FROM: Final = date(2020, 1, 1)
_SECOND: Final = timedelta(seconds=1)


class Show(StrEnum):
    """What is shown. CLOSED is exactly when nothing may start, so that it can be somebody else's freeze."""

    ALL = "all"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is asked for, and what may be told."""

    environments: tuple[str, ...]
    service: str | None
    show: Show
    reasons: bool
    day: date  # the calendar begins a week before it and ends 400 days after

    @property
    def start(self) -> datetime:
        """The first instant that is shown."""
        return _midnight(self.day) - BACK

    @property
    def end(self) -> datetime:
        """The first instant that is no longer shown."""
        return _midnight(self.day) + AHEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the calendar, exact to the second. `identity` stays as long as it is the same entry."""

    identity: tuple[str, ...]
    start: datetime
    end: datetime
    summary: str
    categories: tuple[str, ...]
    description: str = ""
    revised_at: datetime
    sequence: int = 0


def events(published: Published, view: View) -> Iterator[Event]:
    """What the view shows, in no order; one thing may come twice."""
    revised = published.in_force_at or view.start
    if view.show is not Show.CLOSED:
        for name in view.environments:
            if has_openings(published, name, view.service):
                yield from _stretches(published, view, name, (Verdict.PREFERRED, Verdict.ALLOWED), revised)
    if view.show is Show.CLOSED:
        for name in view.environments:
            yield from _stretches(published, view, name, (Verdict.PROHIBITED,), revised)
    if view.show is Show.ALL:
        for occurrence in published.calendar.occurrences(view.start, view.end):
            if _is_shown(occurrence, view):
                yield _closure(occurrence, published, view, revised)


def has_openings(published: Published, environment: str, service: str | None) -> bool:
    """Whether openings are shown there: something recurring must apply, or one would last for ever."""
    return any(
        rule.kind in {RuleKind.WINDOW, RuleKind.RESTRICTION} and rule.scope.covers(environment, service)
        for rule in published.calendar.rules
    )


def _stretches(
    published: Published, view: View, environment: str, verdicts: tuple[Verdict, ...], revised: datetime
) -> Iterator[Event]:
    """The stretches with one of the verdicts. One that reaches over an edge moves on with it, day by day."""
    found = published.calendar.stretches(view.start, view.end, environment=environment, service=view.service)
    place = environment if view.service is None else f"{view.service} in {environment}"
    for verdict, group in groupby(found, key=lambda each: each.verdict):
        if verdict not in verdicts:
            continue
        members = list(group)
        start, end = members[0].start, members[-1].end
        cut = start == view.start or end == view.end
        if verdict is not Verdict.PROHIBITED:
            start, end = _up(start), whole_seconds(end)
        if start >= end:
            continue
        edges = (
            "" if start == view.start else start.isoformat(),
            "" if end == view.end else end.isoformat(),
        )
        yield Event(
            identity=("stretch", environment, view.service or "", verdict.value, *edges),
            start=whole_seconds(start),
            end=_up(end),
            summary=f"{place}: deployments {verdict.value}",
            categories=(verdict.value.upper(),),
            revised_at=max(revised, _midnight(view.day)) if cut else revised,
            sequence=_days(view.day) if cut else 0,
        )


def _is_shown(occurrence: Occurrence, view: View) -> bool:
    rule = occurrence.rule
    scope = rule.scope
    if scope.environments is not None and scope.environments.isdisjoint(view.environments):
        return False
    if view.service is not None and scope.services is not None and view.service not in scope.services:
        return False
    if rule.kind is RuleKind.RESTRICTION:
        return rule.effect is Effect.PROHIBIT and occurrence.end - occurrence.start >= _A_DAY
    return rule.kind in {RuleKind.HOLIDAY, RuleKind.FREEZE}


def _closure(occurrence: Occurrence, published: Published, view: View, revised: datetime) -> Event:
    rule = occurrence.rule
    declared = published.declared.get(rule)
    unending = occurrence.end >= LATEST
    lasts = "" if not unending else "without an end" if declared is None else "until it is lifted"
    label = occurrence.label if view.reasons or isinstance(rule.source, Holidays) else None
    identity = (
        ("declared", declared.id)
        if declared is not None
        else (
            "rule",
            rule.kind.value,
            rule.name,
            _place(rule),
            occurrence.start.isoformat(),
            "" if unending else occurrence.end.isoformat(),
            occurrence.label or "",
        )
    )
    sequence = _days(view.day) if unending else 0
    if declared is not None:
        revised = declared.lifted_at or declared.declared_at
        if declared.lifted_at is not None:  # more than it had on the day of its lifting
            sequence = _days(declared.lifted_at.date()) + 1
    return Event(
        identity=identity,
        start=whole_seconds(occurrence.start),
        end=view.end if unending else _up(occurrence.end),
        summary=f"{rule.kind.value.capitalize()} {_title(rule, label)}: {_place(rule)} {_effect(rule)}",
        categories=(rule.kind.value.upper(), _effect(rule).upper()),
        description="\n".join(_explained(rule, label if view.reasons else None, view, lasts)),
        revised_at=max(revised, _midnight(view.day)) if unending else revised,
        sequence=sequence,
    )


def _title(rule: Rule, label: str | None) -> str:
    """A public holiday is known by its day's name, a freeze by its own."""
    return label if label and rule.kind is RuleKind.HOLIDAY else rule.name


def _place(rule: Rule) -> str:
    scope = rule.scope
    environments = "all environments" if scope.environments is None else ", ".join(sorted(scope.environments))
    return (
        environments if scope.services is None else f"{', '.join(sorted(scope.services))} in {environments}"
    )


def _effect(rule: Rule) -> str:
    return "prohibited" if rule.effect is Effect.PROHIBIT else "discouraged"


def _explained(rule: Rule, label: str | None, view: View, lasts: str) -> Iterator[str]:
    reason = label or rule.reason
    if view.reasons and reason:
        yield f"Reason: {reason}"
    if rule.effect is Effect.PROHIBIT:
        yield f"Break-glass {'passes' if rule.break_glass else 'does not pass'} it."
    if rule.holds:
        yield "It holds the next step of rollouts under way."
    if lasts:
        yield f"It lasts {lasts}: this entry ends where the calendar ends, and moves on with it."


def _days(day: date) -> int:
    return (day - _COUNTED_FROM).days


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def whole_seconds(moment: datetime) -> datetime:
    """The last whole second, in UTC."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _up(moment: datetime) -> datetime:
    return whole_seconds(moment + _SECOND - timedelta(microseconds=1))
