"""The floor of the calendar: the same question answered with croniter alone, nothing compiled beforehand.

Each rule's expression is parsed for each question, asked for its last firing, and, where that is over, for its next one.
From there the edges of all rules are walked in their order until both the next change and the next opening are known.
It is written as well as can be done without remembering anything from one question to the next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush

from croniter import croniter

from bench.calendar_rules import ALLOW, DISCOURAGE, PREFER, PROHIBIT, ZONE, Row

HORIZON = timedelta(days=400)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared: the effect at the instant, the next change, and the next allowed or preferred instant (UTC)."""

    effect: int
    next_change: datetime | None
    next_allowed: datetime | None


def answer(rules: Sequence[Row], at: datetime) -> Answer:
    """The answer for one instant, in which every rule is in scope."""
    active = [0] * 4
    edges = _first_edges(rules, at, active)
    now = worst(active)
    change, allowed = None, at if now <= ALLOW else None
    while edges and (change is None or allowed is None) and edges[0][0] - at <= HORIZON:
        instant = edges[0][0]
        while edges and edges[0][0] == instant:
            _step(edges, rules, active)
        effect = worst(active)
        if change is None and effect != now:
            change = instant
        if allowed is None and effect <= ALLOW:
            allowed = instant
    return Answer(now, change, allowed)


def worst(active: Sequence[int]) -> int:
    """The effect of the rules in force, from how many there are of each; the set has windows, so closed is prohibited."""
    if active[PROHIBIT] or not (active[PREFER] or active[ALLOW]):
        return PROHIBIT
    if active[DISCOURAGE]:
        return DISCOURAGE
    return PREFER if active[PREFER] else ALLOW


Edge = tuple[datetime, int, bool, "croniter"]


def _first_edges(rules: Sequence[Row], at: datetime, active: list[int]) -> list[Edge]:
    local = (
        at.astimezone(ZONE) + _SECOND
    )  # get_prev is exclusive, and a rule is in force from its first instant
    edges: list[Edge] = []
    for number, rule in enumerate(rules):
        times = croniter(rule.cron, local)
        end = _end(rule, times.get_prev(datetime))
        if end > at:
            active[rule.effect] += 1
            edges.append((end, number, False, times))
        else:
            edges.append((_utc(times.get_next(datetime)), number, True, times))
    heapify(edges)
    return edges


def _step(edges: list[Edge], rules: Sequence[Row], active: list[int]) -> None:
    _, number, starts, times = heappop(edges)
    rule = rules[number]
    active[rule.effect] += 1 if starts else -1
    instant = _end(rule, times.get_current(datetime)) if starts else _utc(times.get_next(datetime))
    heappush(edges, (instant, number, not starts, times))


def _end(rule: Row, start: datetime) -> datetime:
    hour, minute = rule.until
    return _utc(start.replace(hour=hour, minute=minute))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def listing(rules: Sequence[Row], low: datetime, high: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every occurrence of every rule that begins in [low, high), rule by rule, found by croniter."""
    for rule in rules:
        times = croniter(rule.cron, low.astimezone(ZONE) - _SECOND)
        while (start := times.get_next(datetime)) < high:
            yield _utc(start), _end(rule, start)
