"""The gate of P2: this very artifact, by digest, was verified in the environment it is promoted from."""

from datetime import datetime
from functools import partial
from typing import Final

from pydantic import Field, JsonValue

from bot.domain.artifact import RegistryWord
from bot.domain.evidence import EvidenceKind, newest
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.references import EnvironmentName
from bot.policy.types import Section

NAME: Final = "staging-verified"


class Parameters(Section):
    """The newest verification of this artifact in another environment must have passed."""

    environment: EnvironmentName = Field(
        alias="in", description="The environment in which the artifact must have been verified."
    )


def decide(snapshot: Snapshot, parameters: Parameters, now: datetime) -> GateOutcome:
    """The newest statement decides: a later failure takes back an earlier success."""
    tag = snapshot.request.artifact.tag
    proof = newest(snapshot.about_artifact(), EvidenceKind.VERIFICATION, environment=parameters.environment)
    facts: dict[str, JsonValue] = {"environment": parameters.environment, "artifact": tag}
    if proof is None:
        return GateOutcome(gate=NAME, status=Status.UNKNOWN, code="no-verification", facts=facts)
    facts["verified_at"] = proof.at.isoformat()
    cites = (Citation(source=proof.source, at=proof.at),)
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=cites)
    if proof.at > now:
        return outcome(status=Status.UNKNOWN, code="from-the-future", retry=True)
    if not proof.passed:
        return outcome(status=Status.BLOCKED, code="verification-failed")
    if proof.digest is None:
        return outcome(status=Status.UNKNOWN, code="verification-without-digest")
    registry = snapshot.registry
    facts |= {"verified_digest": proof.digest, "registry_digest": registry.digest}
    if registry.digest is None:
        facts["registry"] = registry.word.value
        again = registry.word is RegistryWord.UNREACHABLE
        return outcome(status=Status.UNKNOWN, code="no-registry-digest", retry=again)
    if proof.digest != registry.digest:
        return outcome(status=Status.BLOCKED, code="verified-another-digest")
    return outcome(status=Status.PASSED, code="verified")
