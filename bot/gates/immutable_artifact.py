"""The gate of P5: a tag that names one commit, and a registry that holds exactly what the build pushed."""

import re
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from pydantic import AfterValidator, Field, JsonValue

from bot.domain.artifact import RegistryAnswer, RegistryWord
from bot.domain.change_request import Kind
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
    """A mismatch of digests is a security event and says so in `facts["security_event"]`.

    A rollback names a version that ran here, by its digest: a rule for tags that came later does not lock it out, and
    where CI stated no build of it, what ran is what was built (P16).
    """
    tag = snapshot.request.artifact.tag
    facts: dict[str, JsonValue] = {"artifact": tag}
    if _ran_before(snapshot) is not None:
        return _pushed_is_built(snapshot, facts, now)
    if tag in parameters.forbid_tags:
        facts["forbidden"] = list(parameters.forbid_tags)
        return GateOutcome(gate=NAME, status=Status.BLOCKED, code="tag-forbidden", facts=facts)
    if not re.fullmatch(parameters.tag, tag):
        facts["pattern"] = parameters.tag
        return GateOutcome(gate=NAME, status=Status.BLOCKED, code="tag-not-immutable", facts=facts)
    return _pushed_is_built(snapshot, facts, now)


def _ran_before(snapshot: Snapshot) -> str | None:
    """The digest that a rollback brings back; None for any other change, and where nobody knows it."""
    request = snapshot.request
    return request.artifact.digest if request.kind is Kind.ROLLBACK else None


def _pushed_is_built(snapshot: Snapshot, facts: dict[str, JsonValue], now: datetime) -> GateOutcome:
    registry, build = snapshot.registry, _build(snapshot)
    cites = [Citation(source="registry", at=registry.asked_at)]
    if build is not None:
        cites.append(Citation(source=build.source, at=build.at))
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=tuple(cites))
    stated = _ran_before(snapshot) if build is None else build.digest
    facts |= {
        "build_digest": stated,
        "registry": registry.word.value,
        "registry_digest": registry.digest,
    }
    if registry.word is RegistryWord.MISSING:
        return outcome(status=Status.BLOCKED, code="not-in-registry")
    if stated is None:  # said before an unreachable registry: asking again brings no build statement
        return outcome(status=Status.UNKNOWN, code="no-build-digest")
    if build is not None and build.at > now:
        return outcome(status=Status.UNKNOWN, code="from-the-future", retry=True)
    if registry.digest is None:
        return _silent(registry, outcome, facts)
    if registry.digest != stated:
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
    """The newest build of this tag that succeeded and named what it pushed; for a rollback, of what ran, if any."""
    stated = (e for e in snapshot.about_artifact() if e.kind is EvidenceKind.BUILD)
    built = [e for e in stated if e.passed and e.digest is not None]
    ran = _ran_before(snapshot)
    if ran is not None:
        built = [e for e in built if e.digest == ran] or built
    return newest(built, EvidenceKind.BUILD)
