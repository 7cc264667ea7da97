"""The gate of K5: nothing new until all environments are GREEN; a fix goes to the first that is not, in order."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from pydantic import Field, JsonValue

from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.references import EnvironmentName
from bot.policy.types import Section

NAME: Final = "environments-green"
_READ_AGAIN: Final = frozenset(
    {"never-read", "stale", "unreadable"}
)  # a monitor cures these by its next reading


class Parameters(Section):
    """Every listed environment must be GREEN."""

    environments: tuple[EnvironmentName, ...] = Field(
        strict=False,
        min_length=1,
        description="The environments that must all be GREEN, in any order: "
        "what to fix first follows the order of the policy's `environments`.",
    )


def decide(snapshot: Snapshot, parameters: Parameters, _now: datetime) -> GateOutcome:
    """Blocked by what is known to be wrong, unknown by what nobody sees, unless `fixes=` names what comes first."""
    statuses = _in_fix_first_order(snapshot, parameters)
    ailing = [s for s in statuses if s.colour is not Colour.GREEN]
    fixes = snapshot.request.fixes
    to_mend = [s for s in statuses if s in ailing or (s.name == fixes and s.incident is not None)]
    facts: dict[str, JsonValue] = {
        "environments": [_described(s) for s in ailing],
        "fix_first": to_mend[0].name if to_mend else None,
        "fixes": fixes,
    }
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=_cites(ailing or statuses))
    named = next((s for s in statuses if s.name == fixes), None)
    if named is not None:  # `fixes=` an environment that is not judged here excuses nothing here
        status, code = _fix(snapshot, named, to_mend)
        return outcome(status=status, code=code)
    if not ailing:
        return outcome(status=Status.PASSED, code="all-green")
    if any(s.colour is not Colour.UNKNOWN for s in ailing):
        return outcome(status=Status.BLOCKED, code="not-green")
    blind = [_blindness(s) for s in ailing]
    return outcome(status=Status.UNKNOWN, code=blind[0], retry=_READ_AGAIN.issuperset(blind))


def _fix(
    snapshot: Snapshot, named: EnvironmentStatus, to_mend: Sequence[EnvironmentStatus]
) -> tuple[Status, str]:
    """Whether a request that says it fixes `named` is let through: the worst place first, and only there. A place with
    an open incident has something to fix whatever its colour: a rollout failed there, or a person said so (P21)."""
    if named.colour is Colour.GREEN and named.incident is None:
        return Status.BLOCKED, "nothing-to-fix"
    if to_mend[0].name != named.name:
        return Status.BLOCKED, "fix-first"
    if snapshot.request.environment != named.name:
        return Status.BLOCKED, "fix-elsewhere"
    return Status.PASSED, "fix"


def _in_fix_first_order(snapshot: Snapshot, parameters: Parameters) -> list[EnvironmentStatus]:
    """The listed environments in the policy's order; one without a status is UNKNOWN, never left out."""
    seen = [s for s in snapshot.environments if s.name in parameters.environments]
    absent = dict.fromkeys(n for n in parameters.environments if snapshot.environment(n) is None)
    return seen + [
        EnvironmentStatus(name=n, colour=Colour.UNKNOWN, since=None, verified_at=None, monitors=())
        for n in absent
    ]


def _blindness(status: EnvironmentStatus) -> str:
    """Why nobody knows the colour of `status`."""
    codes = {m.code for m in status.causes}
    if not status.monitors:
        return "no-monitors"
    return next((c for c in ("stale", "never-read") if c in codes), "unreadable")


def _described(status: EnvironmentStatus) -> dict[str, JsonValue]:
    return {
        "name": status.name,
        "colour": status.colour.value,
        "since": None if status.since is None else status.since.isoformat(),
        "causes": [{"monitor": m.name, "code": m.code} for m in status.causes],
        "incident": status.incident,
    }


def _cites(statuses: Sequence[EnvironmentStatus]) -> tuple[Citation, ...]:
    return tuple(Citation(source=f"monitor:{m.id}", at=m.read_at) for s in statuses for m in s.causes)
