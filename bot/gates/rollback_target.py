"""The gate of P14: the version to go back to is known, still in the registry, and its command is at hand."""

from datetime import datetime
from functools import partial
from typing import Final, Literal

from pydantic import Field, JsonValue

from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.change_request import Kind
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.types import Section

NAME: Final = "rollback-target"


class Parameters(Section):
    """There must be a verified way back."""

    initial: Literal["block", "warn"] = Field(
        default="block",
        description="What to do where no running version is known, as before the first deployment: block, or warn.",
    )


def decide(snapshot: Snapshot, parameters: Parameters, _now: datetime) -> GateOutcome:
    """No target blocks; a registry that does not answer leaves it unknown."""
    rollback = snapshot.rollback
    facts: dict[str, JsonValue] = {"environment": snapshot.request.environment}
    if rollback.target is None:
        status = Status.WARNED if parameters.initial == "warn" else Status.BLOCKED
        return GateOutcome(gate=NAME, status=status, code="no-previous-version", facts=facts)
    answer = rollback.registry
    facts |= {"target": rollback.target.tag, "digest": rollback.target.digest}
    cites = () if answer is None else (Citation(source="registry", at=answer.asked_at),)
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=cites)
    if _already_runs(snapshot, rollback.target):
        return outcome(status=Status.BLOCKED, code="already-running")
    status, code = _kept(rollback.target, answer)
    if answer is not None:
        facts |= {"registry": answer.word.value, "registry_digest": answer.digest, "problem": answer.problem}
    if status is not Status.PASSED:
        return outcome(status=status, code=code, retry=code == "registry-unreachable")
    if rollback.command is None:
        return outcome(status=Status.BLOCKED, code="no-rollback-command")
    facts["command"] = rollback.command
    return outcome(status=status, code=code)


def _already_runs(snapshot: Snapshot, target: Artifact) -> bool:
    """Whether what is asked for is what runs: by digest where both are known, else by tag.

    A change of configuration deploys what runs already, and is meant to.
    """
    asked = snapshot.request.artifact
    digest = snapshot.registry.digest or asked.digest
    if snapshot.request.kind is Kind.CONFIGURATION:
        return False
    if digest is None or target.digest is None:
        return asked.tag == target.tag
    return digest == target.digest


def _kept(target: Artifact, answer: RegistryAnswer | None) -> tuple[Status, str]:
    """What the registry says of the target: a tag that moved on is not the version that ran."""
    if answer is None:
        return Status.UNKNOWN, "registry-not-asked"
    match answer.word:
        case RegistryWord.MISSING:
            return Status.BLOCKED, "target-not-in-registry"
        case RegistryWord.UNREACHABLE:
            return Status.UNKNOWN, "registry-unreachable"
        case RegistryWord.NOT_CONFIGURED:
            return Status.UNKNOWN, "registry-not-configured"
        case RegistryWord.FOUND if target.digest and answer.digest and target.digest != answer.digest:
            return Status.BLOCKED, "target-moved"
        case RegistryWord.FOUND:
            return Status.PASSED, "target-ready"
