"""How the calendar stands in an environment: now, this week and ahead; and in a word everywhere else (P6, P12)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Final

from bot.domain.calendar import (
    HORIZON,
    Calendar,
    CalendarVerdict,
    Effect,
    Rule,
    RuleKind,
    Stretch,
    Verdict,
    end_instant,
    start_instant,
)
from bot.domain.feed import FeedStatus
from bot.domain.freeze import UNTIL_LIFTED
from bot.flows.asking import known
from bot.flows.living_calendar import Living, living
from bot.policy import Policy
from bot.ports import Ledger

DAYS: Final = 7
MOST_AHEAD: Final = 50
MOST_TOLD: Final = 15
"""Places that are told in a word: each may have to be compiled first."""
OPEN: Final = (Verdict.PREFERRED, Verdict.ALLOWED)
GATE: Final = "calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an environment stands at an instant."""

    verdict: CalendarVerdict
    asked: bool
    """Whether the environment has the calendar gate: without it nothing of this is asked there."""
    closes_at: datetime | None
    """Where it is open now: the first instant at which it no longer is; None where there is none within 400 days."""
    feeds: tuple[FeedStatus, ...]
    """The fetched calendars that count there and whose last good copy is missing, too old, or could not be renewed."""

    @property
    def stale(self) -> tuple[FeedStatus, ...]:
        """Those that keep the gate closed until they answer."""
        return tuple(feed for feed in self.feeds if feed.stale_at(self.verdict.at))


@dataclass(frozen=True, slots=True)
class Places:
    """How the first MOST_TOLD of some places stand, and how many more there are."""

    told: tuple[Standing, ...] = ()
    more: int = 0

    def __len__(self) -> int:
        return len(self.told) + self.more


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A freeze or a holiday that has not begun."""

    name: str
    kind: RuleKind
    effect: Effect
    reason: str | None
    start: datetime
    end: datetime | None  # None: until it is lifted
    break_glass: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsView:
    """The calendar of one environment, for a service or for all that have no rules of their own."""

    now: datetime
    environment: str
    service: str | None
    standing: Standing
    first: date
    """Today, where the policy is."""
    week: tuple[Stretch, ...]
    """From the beginning of `first` for DAYS days, gapless."""
    windows: bool
    """Whether any window stands for it: where none does, whatever is not prohibited is allowed."""
    freezes: tuple[Ahead, ...]
    """The next ones that begin within 400 days, ascending, MOST_AHEAD at most."""
    holiday: Ahead | None
    """The next one that begins after this week."""
    apart: Places
    """The services that have rules of their own here, when none of them was asked for, by name."""
    others: Places
    """Asked without an environment: the other ones, in the policy's order."""


def asked(policy: Policy, text: str) -> tuple[str | None, str | None]:
    """What `[ENVIRONMENT] [SERVICE]` names, in either order. Raises Refusal `unknown-environment`, `unknown-service`."""
    first, _, rest = (" ".join(text.split())).partition(" ")
    if not first:
        return None, None
    if first not in policy.environments and first in policy.services:
        first, rest = rest, first
    environment = known("environment", first, list(policy.environments)) if first else None
    return environment, known("service", rest, list(policy.services)) if rest else None


async def windows(
    ledger: Ledger, policy: Policy, environment: str | None, service: str | None
) -> WindowsView:
    """The view as of now. Without an environment, of the most protected one, with a word about the others.

    What is read is of one transaction; what is computed holds neither it nor the event loop up.
    """
    now, calendar = await ledger.read(lambda tx: (tx.now, living(tx, policy)))
    return await asyncio.to_thread(view_of, policy, calendar, now, environment, service)


def view_of(
    policy: Policy, alive: Living, now: datetime, environment: str | None, service: str | None
) -> WindowsView:
    """The view at an instant, with the calendar that decides then."""
    name = environment or next(iter(policy.environments))
    others = [other for other in policy.environments if environment is None and other != name]
    first = now.astimezone(policy.zone).date()
    start = start_instant(datetime.combine(first, time()), policy.zone)
    end = end_instant(datetime.combine(first + timedelta(days=DAYS), time()), policy.zone)
    apart = _apart(policy, alive, name) if service is None else ()
    if apart and len(apart) == len(policy.services):  # nobody is left whom the common rules are for
        service, apart = next(iter(policy.services)), ()
    rules = [rule for rule in alive.calendar.rules if rule.scope.covers(name, service)]
    return WindowsView(
        now=now,
        environment=name,
        service=service,
        standing=_standing(policy, alive, now, name, service),
        first=first,
        week=tuple(alive.calendar.stretches(start, end, environment=name, service=service)),
        windows=any(rule.kind is RuleKind.WINDOW for rule in rules),
        freezes=_ahead(rules, RuleKind.FREEZE, now, now + HORIZON)[:MOST_AHEAD],
        holiday=next(iter(_ahead(rules, RuleKind.HOLIDAY, end - timedelta(seconds=1), now + HORIZON)), None),
        apart=_places(policy, alive, now, [(name, each) for each in apart]),
        others=_places(policy, alive, now, [(other, service) for other in others]),
    )


def _places(policy: Policy, alive: Living, now: datetime, scopes: Sequence[tuple[str, str | None]]) -> Places:
    told = tuple(_standing(policy, alive, now, *scope) for scope in scopes[:MOST_TOLD])
    return Places(told, len(scopes) - len(told))


def _standing(
    policy: Policy, alive: Living, now: datetime, environment: str, service: str | None
) -> Standing:
    verdict = alive.calendar.at(now, environment=environment, service=service)
    feeds = (feed for feed in alive.feeds if feed.covers(environment, service))
    return Standing(
        verdict=verdict,
        asked=GATE in policy.environments[environment].gates,
        closes_at=_closes(alive.calendar, verdict),
        feeds=tuple(feed for feed in feeds if feed.problem is not None or feed.stale_at(now)),
    )


def _closes(calendar: Calendar, verdict: CalendarVerdict) -> datetime | None:
    """The end of being open: a change between allowed and preferred is none."""
    opened, at = verdict.at, verdict
    while at.verdict in OPEN:
        if at.next_change is None or at.next_change - opened > HORIZON:
            return None
        at = calendar.at(at.next_change, environment=at.environment, service=at.service)
    return at.at if at is not verdict else None


def _ahead(rules: Iterable[Rule], kind: RuleKind, after: datetime, until: datetime) -> tuple[Ahead, ...]:
    """What rules of a kind begin in (after, until), ascending."""
    found = chain.from_iterable(_of_rule(rule, after, until) for rule in rules if rule.kind is kind)
    return tuple(sorted(found, key=lambda each: (each.start, each.name)))


def _of_rule(rule: Rule, after: datetime, until: datetime) -> Iterable[Ahead]:
    for span in rule.source.spans(after, until):
        if after < span.start:
            yield Ahead(
                name=rule.name,
                kind=rule.kind,
                effect=rule.effect,
                reason=span.label or rule.reason,
                start=span.start.astimezone(UTC),
                end=None if span.end >= UNTIL_LIFTED else span.end,
                break_glass=rule.break_glass,
            )


def _apart(policy: Policy, alive: Living, environment: str) -> tuple[str, ...]:
    """The services of the policy that some rule, or a calendar that is fetched, names here."""
    scopes = [(rule.scope.environments, rule.scope.services) for rule in alive.calendar.rules]
    scopes += [(feed.environments, feed.services) for feed in alive.feeds]
    named = [services or frozenset() for where, services in scopes if where is None or environment in where]
    return tuple(sorted(frozenset[str]().union(*named) & policy.services.keys()))
