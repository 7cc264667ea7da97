"""The gate of every rollback (P14, P16, P17): what comes back ran here before, the registry still has exactly it, and
nothing newer runs than what is taken back. No policy has to name it; it stands in for the gates that judge news."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from pydantic import JsonValue

from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.ran import same_version, versions
from bot.domain.snapshot import Snapshot
from bot.policy.types import Section

NAME: Final = "previous-version"


class Parameters(Section):
    """A rollback goes to a version that ran there."""


def decide(snapshot: Snapshot, _parameters: Parameters, _now: datetime) -> GateOutcome:
    """`request.rollback_target` of a rollback is what it takes back: the version that its own way back would bring."""
    request = snapshot.request
    away = request.rollback_target
    facts: dict[str, JsonValue] = {
        "environment": request.environment,
        "target": request.artifact.tag,
        "digest": request.artifact.digest,
        "from": None if away is None else away.tag,
    }
    cites = (Citation(source="registry", at=snapshot.registry.asked_at),)
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=cites)
    ran = versions(snapshot.deployments_to(request.environment))
    if not any(same_version(each.artifact, request.artifact) for each in ran):
        return outcome(status=Status.BLOCKED, code="never-ran")
    now = ran[-1].artifact
    if away is None or not (same_version(now, away) or same_version(now, request.artifact)):
        facts["runs"] = now.tag
        return outcome(status=Status.BLOCKED, code="newer-runs")
    return _kept(request.artifact, snapshot.registry, facts, outcome)


def _kept(
    target: Artifact,
    answer: RegistryAnswer,
    facts: dict[str, JsonValue],
    outcome: Callable[..., GateOutcome],
) -> GateOutcome:
    """A tag that moved on is not the version that ran."""
    facts |= {"registry": answer.word.value, "registry_digest": answer.digest, "problem": answer.problem}
    match answer.word:
        case RegistryWord.MISSING:
            return outcome(status=Status.BLOCKED, code="target-not-in-registry")
        case RegistryWord.UNREACHABLE:
            return outcome(status=Status.UNKNOWN, code="registry-unreachable", retry=True)
        case RegistryWord.NOT_CONFIGURED:
            return outcome(status=Status.UNKNOWN, code="registry-not-configured")
    if target.digest is not None and answer.digest is not None and target.digest != answer.digest:
        return outcome(status=Status.BLOCKED, code="target-moved")
    return outcome(status=Status.PASSED, code="target-ready")
