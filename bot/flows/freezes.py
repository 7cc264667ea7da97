"""Every freeze that is in force or ahead, declared in Slack or standing in the policy, in one shape for the surfaces."""

import asyncio
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from heapq import merge
from typing import Final

from bot.domain.calendar import HORIZON, Effect, Rule, RuleKind, Scope
from bot.domain.calendar.memory import Memory
from bot.domain.freeze import UNTIL_LIFTED, Freeze, FreezeClass, FreezeState
from bot.domain.refusal import Refusal
from bot.flows.freeze_roles import lifters
from bot.flows.living_calendar import with_feeds
from bot.flows.on_duty import rostered
from bot.gates import calendar
from bot.policy import Policy
from bot.ports import Ledger, Transaction

LABEL = 200  # characters of an event's name that are kept
_DAYS_KEPT: Final = 4  # and policies: today's, and the one before while it is asked by who began earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """One stretch of a freeze. `environments` and `services` empty stand for all of them; instants are UTC."""

    name: str
    """FRZ-3, or the name that the policy gives."""
    environments: tuple[str, ...]
    services: tuple[str, ...]
    strength: FreezeClass
    holds: bool
    """Whether rollouts under way hold their next step."""
    break_glass: bool
    reason: str | None
    begins_at: datetime
    ends_at: datetime | None
    """None: until somebody lifts it."""
    declared: Freeze | None = None
    """The record of one that was declared; None where it stands in the policy."""
    may_lift: tuple[str, ...] = ()
    """The people of the directory who may lift it, where one freeze alone was asked about: a list does not say."""

    @property
    def subject(self) -> str:
        """What its timers and messages are about: FRZ-3, or policy:NAME:SECONDS with its beginning."""
        return self.name if self.declared else f"policy:{self.name}:{int(self.begins_at.timestamp())}"

    @property
    def is_lifted(self) -> bool:
        """Whether somebody lifted it, or called it off."""
        return self.declared is not None and self.declared.lifted_at is not None

    def state(self, now: datetime) -> FreezeState:
        """How it stands at `now`."""
        if self.is_lifted:
            return FreezeState.LIFTED
        if now < self.begins_at:
            return FreezeState.SCHEDULED
        return FreezeState.ACTIVE if self.ends_at is None or now < self.ends_at else FreezeState.ENDED

    def covers(self, environment: str, service: str | None) -> bool:
        """Whether it applies there (services AND environments)."""
        scope = Scope(
            environments=frozenset(self.environments) or None, services=frozenset(self.services) or None
        )
        return scope.covers(environment, service)


def unfrozen(policy: Policy, environments: Sequence[str]) -> tuple[str, ...]:
    """Of these environments (of all, where none is named) those that do not ask the calendar: no freeze stops them."""
    asked = environments or list(policy.environments)
    known = policy.environments  # of one that left the policy nobody said that it does not ask
    return tuple(name for name in asked if name in known and calendar.NAME not in known[name].gates)


@dataclass(frozen=True, slots=True)
class Standing:
    """The freezes of the policy, from its file and its feeds, from 400 days before a day to 400 days after it."""

    stretches: tuple[Frozen, ...]
    """In the order in which they begin."""
    by_subject: Mapping[str, Frozen]

    def alive(self, now: datetime, until: datetime) -> tuple[Frozen, ...]:
        """What is in force at `now`, or begins before `until`."""
        near = self.stretches[: bisect_left(self.stretches, until, key=lambda f: f.begins_at)]
        return tuple(f for f in near if f.ends_at is None or now < f.ends_at)


async def freezes(ledger: Ledger, policy: Policy) -> tuple[Frozen, ...]:
    """What is in force now and what is ahead, in the order in which it begins: declared freezes however far ahead,
    the policy's for 400 days."""

    def query(tx: Transaction) -> tuple[tuple[Rule, ...], datetime, list[Frozen]]:
        return _rules(tx, policy), tx.now, [declared(freeze) for freeze in tx.freezes.since(tx.now)]

    rules, now, spoken = await ledger.read(query)
    found = await _standing_of(rules, now)

    def shown() -> tuple[Frozen, ...]:
        alive = (f for f in spoken if f.state(now) in (FreezeState.SCHEDULED, FreezeState.ACTIVE))
        ahead = found.alive(now, now + HORIZON)
        return tuple(merge(sorted(alive, key=_order), ahead, key=_order))

    return await asyncio.to_thread(shown)


async def one_freeze(ledger: Ledger, policy: Policy, freeze_id: str) -> Frozen:
    """One declared freeze, however it stands, with who may lift it. Raises Refusal `unknown-freeze`."""

    def query(tx: Transaction) -> Frozen:
        freeze = known_freeze(tx, policy, freeze_id, lock=False)
        return replace(declared(freeze), may_lift=lifters(rostered(tx, policy), freeze, tx.now))

    return await ledger.read(query)


def known_freeze(tx: Transaction, policy: Policy, freeze_id: str, *, lock: bool = True) -> Freeze:
    """The record. Raises Refusal `unknown-freeze`, or `freeze-of-policy` for a name that the policy gives."""
    freeze = tx.freezes.get(freeze_id, lock=lock)
    if freeze is not None:
        return freeze
    of_policy = {f.name for f in policy.calendar_section.freezes}
    code = "freeze-of-policy" if freeze_id in of_policy else "unknown-freeze"
    raise Refusal(code, {"freeze": freeze_id[:80]})


def declared(freeze: Freeze) -> Frozen:
    """A declared freeze in the common shape."""
    return Frozen(
        name=freeze.id,
        environments=freeze.environments,
        services=freeze.services,
        strength=freeze.strength,
        holds=freeze.strength is FreezeClass.HARD,
        break_glass=freeze.break_glass,
        reason=freeze.reason,
        begins_at=freeze.begins_at,
        ends_at=freeze.ends_at,
        declared=freeze,
    )


async def standing(ledger: Ledger, policy: Policy) -> tuple[Standing, datetime]:
    """The freezes of the policy, and the instant of the transaction that read what they are made from. When they are
    is worked out after it, in a thread: events that recur daily take a second."""
    rules, now = await ledger.read(lambda tx: (_rules(tx, policy), tx.now))
    return await _standing_of(rules, now), now


def _rules(tx: Transaction, policy: Policy) -> tuple[Rule, ...]:
    return tuple(r for r in with_feeds(tx, policy).calendar.rules if r.kind is RuleKind.FREEZE)


async def _standing_of(rules: tuple[Rule, ...], now: datetime) -> Standing:
    key = (rules, now.astimezone(UTC).date())
    work = partial(_STANDING.get, key, partial(_worked_out, *key))
    return work() if _STANDING.knows(key) else await asyncio.to_thread(work)


def _worked_out(rules: Sequence[Rule], day: date) -> Standing:
    begins = datetime.combine(day, time(), UTC)
    low, high = begins - HORIZON, begins + timedelta(days=1) + HORIZON
    found = (_stretches(rule, low, high) for rule in rules)
    # Merged, not sorted: a sort lets no other thread run until it is done, and the event loop is one.
    stretches = tuple(merge(*found, key=_order))
    return Standing(stretches, {f.subject: f for f in reversed(stretches)})


def _order(frozen: Frozen) -> tuple[datetime, str]:
    return frozen.begins_at, frozen.name


def _stretches(rule: Rule, low: datetime, high: datetime) -> list[Frozen]:
    """Events of one rule that touch or overlap are one stretch: nothing ends where the next begins."""
    found: list[tuple[datetime, datetime, str | None]] = []
    for span in rule.source.spans(low, high):
        if found and span.start <= found[-1][1]:
            start, end, label = found[-1]
            found[-1] = (start, max(end, span.end), label or span.label)
        else:
            found.append((span.start, span.end, span.label))
    return [_standing(rule, *stretch) for stretch in found]


def _standing(rule: Rule, start: datetime, end: datetime, label: str | None) -> Frozen:
    return Frozen(
        name=rule.name,
        environments=tuple(sorted(rule.scope.environments or ())),
        services=tuple(sorted(rule.scope.services or ())),
        strength=FreezeClass.HARD if rule.effect is Effect.PROHIBIT else FreezeClass.SOFT,
        holds=rule.holds,
        break_glass=rule.break_glass,
        reason=(rule.reason or label or "")[:LABEL] or None,
        begins_at=start.astimezone(UTC),
        ends_at=None if end >= UNTIL_LIFTED else end.astimezone(UTC),
    )


_STANDING: Final[Memory[tuple[tuple[Rule, ...], date], Standing]] = Memory(_DAYS_KEPT)
"""What was worked out, by the rules and the day in UTC: a pure memory, shared by all threads."""
