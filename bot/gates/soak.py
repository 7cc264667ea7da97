"""The gate of P3: this artifact has run in the environment before for long enough; until then it waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pydantic import Field, JsonValue

from bot.domain.durations import render
from bot.domain.evidence import Evidence
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.references import EnvironmentName
from bot.policy.types import PositiveDuration, Section

NAME: Final = "soak"
_HOUR: Final = timedelta(hours=1)


class Parameters(Section):
    """The artifact must have run somewhere, without being replaced, for a while."""

    environment: EnvironmentName = Field(
        alias="in", description="The environment in which the artifact must have run."
    )
    duration: PositiveDuration = Field(
        default=_HOUR,
        json_schema_extra={"default": render(_HOUR)},
        alias="for",
        description="How long it must have run there without being replaced.",
    )


@dataclass(frozen=True, slots=True)
class _Stay:
    """One unbroken time in which the artifact ran: deploying the same thing again does not break it."""

    first: Evidence
    replaced_by: Evidence | None = None

    def length(self, now: datetime) -> timedelta:
        return (now if self.replaced_by is None else self.replaced_by.at) - self.first.at


def decide(snapshot: Snapshot, parameters: Parameters, now: datetime) -> GateOutcome:
    """Judged by deployment evidence. Once met it stays met, even when something else is deployed there later."""
    deployments = snapshot.deployments_to(parameters.environment)
    past = [d for d in deployments if d.at <= now]
    stays = list(_stays(past, snapshot))
    facts: dict[str, JsonValue] = {
        "environment": parameters.environment,
        "artifact": snapshot.request.artifact.tag,
        "required_seconds": int(parameters.duration.total_seconds()),
    }
    met = [s for s in stays if s.length(now) >= parameters.duration]
    if met:
        return _told(met[-1], facts, now)(status=Status.PASSED, code="soaked")
    if future := [d for d in deployments if d.at > now]:
        first = future[0]
        facts |= {"deployed": first.artifact, "at": first.at.isoformat()}
        return GateOutcome(
            gate=NAME,
            status=Status.UNKNOWN,
            code="from-the-future",
            facts=facts,
            cites=(Citation(source=first.source, at=first.at),),
            retry=True,
        )
    if not stays:
        facts["deployed_digest"] = _other_digest(past, snapshot)
        return GateOutcome(gate=NAME, status=Status.UNKNOWN, code="never-deployed", facts=facts)
    last = stays[-1]
    outcome = _told(last, facts, now)
    if last.replaced_by is None:
        return outcome(status=Status.WAITING, code="soaking", until=last.first.at + parameters.duration)
    facts |= {"runs_now": past[-1].artifact, "runs_now_digest": past[-1].digest}
    return outcome(status=Status.BLOCKED, code="replaced-in-staging")


def _told(stay: _Stay, facts: dict[str, JsonValue], now: datetime) -> partial[GateOutcome]:
    """An outcome about `stay`, but for its status and code."""
    facts |= {
        "since": stay.first.at.isoformat(),
        "ran_seconds": int(stay.length(now).total_seconds()),
        "replaced_at": None if stay.replaced_by is None else stay.replaced_by.at.isoformat(),
    }
    used = [stay.first] if stay.replaced_by is None else [stay.first, stay.replaced_by]
    cites = tuple(Citation(source=e.source, at=e.at) for e in used)
    return partial(GateOutcome, gate=NAME, facts=facts, cites=cites)


def _stays(deployments: Iterable[Evidence], snapshot: Snapshot) -> Iterable[_Stay]:
    """The unbroken times in which the artifact ran, oldest first."""
    first: Evidence | None = None
    for deployment in deployments:
        if _is_artifact(deployment, snapshot):
            first = first or deployment
        elif first is not None:
            yield _Stay(first, deployment)
            first = None
    if first is not None:
        yield _Stay(first)


def _is_artifact(deployment: Evidence, snapshot: Snapshot) -> bool:
    """The same tag, and the same digest wherever both sides know one."""
    known = (deployment.digest, snapshot.registry.digest)
    return deployment.artifact == snapshot.request.artifact.tag and (None in known or known[0] == known[1])


def _other_digest(deployments: Iterable[Evidence], snapshot: Snapshot) -> str | None:
    """The digest that last ran under this tag, where it was another one: tells why the soak did not count."""
    tag = snapshot.request.artifact.tag
    return next((d.digest for d in reversed(list(deployments)) if d.artifact == tag), None)
