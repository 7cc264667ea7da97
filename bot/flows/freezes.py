"""Every freeze that is in force or ahead, declared in Slack or standing in the policy, in one shape for the surfaces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.domain.calendar import HORIZON, Effect, Rule, RuleKind, Scope
from bot.domain.freeze import UNTIL_LIFTED, Freeze, FreezeClass, FreezeState
from bot.domain.refusal import Refusal
from bot.flows.freeze_roles import lifters
from bot.flows.living_calendar import LOOKS_BACK, living
from bot.gates import calendar
from bot.policy import Policy
from bot.ports import Ledger, Transaction

LABEL = 200  # characters of an event's name that are kept


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


async def freezes(ledger: Ledger, policy: Policy) -> tuple[Frozen, ...]:
    """What is in force now and what is ahead, in the order in which it begins: declared freezes however far ahead,
    the policy's for 400 days."""

    def query(tx: Transaction) -> tuple[Frozen, ...]:
        found = [declared(freeze) for freeze in tx.freezes.since(tx.now)]
        found += standing(tx, policy)
        shown = [f for f in found if f.state(tx.now) in (FreezeState.SCHEDULED, FreezeState.ACTIVE)]
        return tuple(sorted(shown, key=lambda f: (f.begins_at, f.name)))

    return await ledger.read(query)


async def one_freeze(ledger: Ledger, policy: Policy, freeze_id: str) -> Frozen:
    """One declared freeze, however it stands, with who may lift it. Raises Refusal `unknown-freeze`."""

    def query(tx: Transaction) -> Frozen:
        freeze = known_freeze(tx, policy, freeze_id, lock=False)
        return replace(declared(freeze), may_lift=lifters(policy, freeze, tx.now))

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


def standing(tx: Transaction, policy: Policy) -> list[Frozen]:
    """The freezes of the policy, from its file and its feeds, within 400 days of now. Events of one rule that touch
    or overlap are one stretch: nothing ends where the next begins."""
    spoken = [freeze.rule() for freeze in tx.freezes.since(tx.now - LOOKS_BACK)]
    rules = [r for r in living(tx, policy).calendar.rules if r.kind is RuleKind.FREEZE and r not in spoken]
    return [stretch for rule in rules for stretch in _stretches(rule, tx.now)]


def _stretches(rule: Rule, now: datetime) -> list[Frozen]:
    found: list[tuple[datetime, datetime, str | None]] = []
    for span in rule.source.spans(now - HORIZON, now + HORIZON):
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
