"""The gate of P2: this very artifact, by digest, was verified in the environment it is promoted from."""

from datetime import datetime
from functools import partial
from typing import Final

from pydantic import Field, JsonValue

from bot.domain.artifact import Artifact, RegistryWord
from bot.domain.environment import Colour
from bot.domain.evidence import EvidenceKind, newest
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.ran import same_version, versions
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
    """The newest statement decides: a later failure takes back an earlier success. Where that environment is RED while
    this very version runs in it, the version is not let any further, whatever was stated before."""
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
    red = _red_there(snapshot, parameters.environment, Artifact(tag, registry.digest))
    if red is not None:
        return GateOutcome(
            gate=NAME, status=Status.BLOCKED, code="red-on-this-version", facts=facts | red, cites=cites
        )
    return outcome(status=Status.PASSED, code="verified")


def _red_there(snapshot: Snapshot, environment: str, artifact: Artifact) -> dict[str, JsonValue] | None:
    """What there is to say where this version runs in `environment` and that is RED; None where it does not or is not."""
    status = snapshot.environment(environment)
    if status is None or status.colour is not Colour.RED:
        return None
    ran = versions(snapshot.deployments_to(environment))
    if not ran or not same_version(ran[-1].artifact, artifact):
        return None
    return {
        "runs": ran[-1].artifact.tag,
        "colour": status.colour.value,
        "since": None if status.since is None else status.since.isoformat(),
        "incident": status.incident,
        "causes": [{"monitor": m.name, "code": m.code} for m in status.causes],
    }
