"""The gate of P5: a tag that names one commit, and a registry that holds exactly what the build pushed."""

import re
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from pydantic import AfterValidator, Field, JsonValue

from bot.domain.artifact import RegistryAnswer, RegistryWord
from bot.domain.evidence import Evidence, EvidenceKind, newest
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.types import Section

NAME: Final = "immutable-artifact"


def _regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


class Parameters(Section):
    """The tag must be immutable, and the registry's digest the one that the build stated."""

    tag: Annotated[str, AfterValidator(_regular_expression)] = Field(
        default="^[0-9a-f]{7,40}$",
        description="A regular expression that the whole tag must match.",
        json_schema_extra={"format": "regex"},
    )
    forbid_tags: tuple[str, ...] = Field(
        strict=False,
        default=("latest", "prod"),
        description="Tags that move, and so never name one artifact.",
    )


def decide(snapshot: Snapshot, parameters: Parameters, now: datetime) -> GateOutcome:
    """A mismatch of digests is a security event and says so in `facts["security_event"]`."""
    tag = snapshot.request.artifact.tag
    facts: dict[str, JsonValue] = {"artifact": tag}
    if tag in parameters.forbid_tags:
        facts["forbidden"] = list(parameters.forbid_tags)
        return GateOutcome(gate=NAME, status=Status.BLOCKED, code="tag-forbidden", facts=facts)
    if not re.fullmatch(parameters.tag, tag):
        facts["pattern"] = parameters.tag
        return GateOutcome(gate=NAME, status=Status.BLOCKED, code="tag-not-immutable", facts=facts)
    return _pushed_is_built(snapshot, facts, now)


def _pushed_is_built(snapshot: Snapshot, facts: dict[str, JsonValue], now: datetime) -> GateOutcome:
    registry, build = snapshot.registry, _build(snapshot)
    cites = [Citation(source="registry", at=registry.asked_at)]
    if build is not None:
        cites.append(Citation(source=build.source, at=build.at))
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=tuple(cites))
    facts |= {
        "build_digest": None if build is None else build.digest,
        "registry": registry.word.value,
        "registry_digest": registry.digest,
    }
    if registry.word is RegistryWord.MISSING:
        return outcome(status=Status.BLOCKED, code="not-in-registry")
    if build is None:  # said before an unreachable registry: asking again brings no build statement
        return outcome(status=Status.UNKNOWN, code="no-build-digest")
    if build.at > now:
        return outcome(status=Status.UNKNOWN, code="from-the-future", retry=True)
    if registry.digest is None:
        return _silent(registry, outcome, facts)
    if registry.digest != build.digest:
        facts["security_event"] = True
        return outcome(status=Status.BLOCKED, code="digest-mismatch")
    return outcome(status=Status.PASSED, code="same-digest")


def _silent(
    registry: RegistryAnswer, outcome: partial[GateOutcome], facts: dict[str, JsonValue]
) -> GateOutcome:
    """The registry named no digest: only one that did not answer is worth asking again."""
    facts["problem"] = registry.problem
    match registry.word:
        case RegistryWord.UNREACHABLE:
            return outcome(status=Status.UNKNOWN, code="registry-unreachable", retry=True)
        case RegistryWord.NOT_CONFIGURED:
            return outcome(status=Status.UNKNOWN, code="registry-not-configured")
        case _:
            return outcome(status=Status.UNKNOWN, code="no-registry-digest")


def _build(snapshot: Snapshot) -> Evidence | None:
    """The newest build of this tag that succeeded and named what it pushed."""
    return newest(
        (e for e in snapshot.about_artifact() if e.passed and e.digest is not None), EvidenceKind.BUILD
    )
