"""Who is on call, layers and overrides included: the one answer for an instant, and when it becomes another one."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from heapq import merge
from itertools import pairwise
from typing import Final, TypeAlias

from bot.domain.calendar import Recurring
from bot.domain.override import Override
from bot.domain.rotation import Rotation, handoffs, on_call_at

YEARS: Final = 8
"""So far ahead a change is looked for: a hand-off of 29 February may be that far away."""

Overrides: TypeAlias = Sequence[Override]
"""Those of one duty, in the order in which they were declared."""


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns, and the hours in which they are asked at all; without hours, always."""

    name: str
    rotation: Rotation
    during: Recurring | None = None


@dataclass(frozen=True, slots=True)
class Duty:
    """Layers that follow the sun: the first one whose hours contain the instant gives the person."""

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        """Raise ValueError for layers that leave an hour to nobody, or of which one would never be asked."""
        if not self.layers:
            raise ValueError("on call needs at least one layer")
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError("two layers have the same name")
        if self.layers[-1].during is not None:
            raise ValueError(
                "the last layer must have no hours, for it is on call whenever no other one is: take `during` away"
            )
        always = next(layer for layer in self.layers if layer.during is None)
        if always is not self.layers[-1]:
            raise ValueError(f"what comes after {always.name!r}, which has no hours, would never be asked")

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody of every layer, each once."""
        return tuple(dict.fromkeys(p for layer in self.layers for p in layer.rotation.people))


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call at an instant, and by which layer or which override."""

    person: str
    layer: str | None = None
    override: str | None = None


def shift_at(duty: Duty, overrides: Overrides, instant: datetime) -> Shift | None:
    """Who is on call at an aware instant (P21): by the override that was declared last, else by the first layer whose
    hours contain it. None only before the beginning of every rotation that could be asked."""
    at = instant.astimezone(UTC)
    override = holder_at(overrides, at)
    if override is not None:
        return Shift(override.person, override=override.id)
    for layer in duty.layers:
        if layer.during is None or _covers(layer.during, at):
            person = on_call_at(layer.rotation, at)
            if person is not None:
                return Shift(person, layer=layer.name)
    return None


def holder_at(overrides: Overrides, instant: datetime) -> Override | None:
    """Of those that cover an instant, the one that holds: the one declared last."""
    return next((override for override in reversed(overrides) if override.covers(instant)), None)


def holders(overrides: Overrides, one: Override, since: datetime) -> tuple[Override, ...]:
    """Which of them hold during what is left of one of them, in the order in which they come: it alone where nothing
    replaced it, it and others where they replaced a part, others alone where it holds nothing any more."""
    start = max(one.begins_at, since)
    edges = sorted({start, *(o.begins_at for o in overrides if start < o.begins_at < one.over_at),
                    *(o.over_at for o in overrides if start < o.over_at < one.over_at)})  # fmt: skip
    found = dict.fromkeys(holder_at(overrides, edge) for edge in edges)
    return tuple(override for override in found if override is not None)


def person_at(duty: Duty, overrides: Overrides, instant: datetime) -> str | None:
    """The person alone."""
    shift = shift_at(duty, overrides, instant)
    return None if shift is None else shift.person


def next_change(duty: Duty, overrides: Overrides, instant: datetime) -> datetime | None:
    """The first instant (UTC) after this one at which another person is on call; None where there is none within
    eight years. A hand-off to the same person, or inside a layer that is not asked then, is no change."""
    at = instant.astimezone(UTC)
    now = person_at(duty, overrides, at)
    ahead = {o.person for o in overrides if o.over_at > at}
    if {*duty.people, *ahead} == {now} and at >= duty.layers[-1].rotation.begins:
        return None
    return next(
        (edge for edge in _edges(duty, overrides, at) if person_at(duty, overrides, edge) != now), None
    )


def people_between(duty: Duty, overrides: Overrides, start: datetime, end: datetime) -> tuple[str, ...]:
    """Everybody who is on call at some instant of [start, end), in the order in which they come."""
    found = dict.fromkeys([person_at(duty, overrides, start)])
    for edge in _edges(duty, overrides, start.astimezone(UTC)):
        if edge >= end:
            break
        found[person_at(duty, overrides, edge)] = None
    return tuple(person for person in found if person is not None)


def _edges(duty: Duty, overrides: Overrides, at: datetime) -> Iterator[datetime]:
    """Every instant after `at` at which something might change, in order; some come twice."""
    single = sorted(
        {
            *(edge for o in overrides for edge in (o.begins_at.astimezone(UTC), o.over_at.astimezone(UTC))),
            *(layer.rotation.begins for layer in duty.layers),
        }
    )
    for year in range(at.year, at.year + YEARS + 1):
        low, high = _new_year(year), _new_year(year + 1)
        streams: list[Sequence[datetime]] = [_within(single, low, high, at)]
        for layer in duty.layers:
            streams.append(_within(handoffs(layer.rotation, year), low, high, at))
            if layer.during is not None:
                streams += [_within(edges, low, high, at) for edges in _hours(layer.during, year)]
        yield from merge(*streams)


def _within(edges: Sequence[datetime], low: datetime, high: datetime, at: datetime) -> Sequence[datetime]:
    """Those in the year [low, high) that come after `at`."""
    first = bisect_right(edges, at) if at >= low else bisect_left(edges, low)
    return edges[first : bisect_left(edges, high)]


def _covers(during: Recurring, at: datetime) -> bool:
    starts, ends = _hours(during, at.year)
    place = bisect_right(starts, at) - 1
    return place >= 0 and at < ends[place]


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=512)
def _hours(during: Recurring, year: int) -> tuple[tuple[datetime, ...], tuple[datetime, ...]]:
    """The beginnings and the ends of the hours that overlap a year of UTC; those that touch are one."""
    spans = during.spans(_new_year(year), _new_year(year + 1))
    merged: list[tuple[datetime, datetime]] = []
    for span in spans:
        if merged and span.start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], span.end))
        else:
            merged.append((span.start, span.end))
    assert all(one[1] < other[0] for one, other in pairwise(merged))  # noqa: S101 - what bisect stands on
    return tuple(start for start, _ in merged), tuple(end for _, end in merged)
