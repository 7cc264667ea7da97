"""The gate of P4: a recent scan of this very artifact found none of the severities that the policy forbids."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal

from pydantic import Field, JsonValue

from bot.domain.artifact import RegistryWord
from bot.domain.durations import render
from bot.domain.evidence import Evidence, EvidenceKind, newest
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.types import PositiveDuration, Section

NAME: Final = "vulnerabilities"
SHOWN: Final = 5
"""How many findings an outcome names; the counts tell of the rest."""
_WEEK: Final = timedelta(days=7)
_LONGEST: Final = 200  # characters of a scanner's text that are kept

Severity = Literal["critical", "high", "medium", "low"]


class Parameters(Section):
    """The newest scan of the artifact must be recent and free of some severities."""

    forbid: tuple[Severity, ...] = Field(
        strict=False,
        default=("critical", "high"),
        min_length=1,
        description="The severities of which not one finding is allowed.",
    )
    scanned_within: PositiveDuration = Field(
        default=_WEEK,
        json_schema_extra={"default": render(_WEEK)},
        description="How old the scan may be: older ones know no newer vulnerability.",
    )


def decide(snapshot: Snapshot, parameters: Parameters, now: datetime) -> GateOutcome:
    """What a scan of this digest found blocks, however old the scan: age takes no finding back."""
    scan = newest(snapshot.about_artifact(), EvidenceKind.SCAN)
    facts: dict[str, JsonValue] = {
        "artifact": snapshot.request.artifact.tag,
        "forbid": list(parameters.forbid),
    }
    if scan is None:
        return GateOutcome(gate=NAME, status=Status.UNKNOWN, code="no-scan", facts=facts)
    facts["scanned_at"] = scan.at.isoformat()
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=(Citation(source=scan.source, at=scan.at),))
    if scan.at > now:
        return outcome(status=Status.UNKNOWN, code="from-the-future", retry=True)
    if scan.digest is None:
        return outcome(status=Status.UNKNOWN, code="scan-without-digest")
    registry = snapshot.registry
    facts |= {"scanned_digest": scan.digest, "registry_digest": registry.digest}
    if registry.digest is None:
        facts["registry"] = registry.word.value
        again = registry.word is RegistryWord.UNREACHABLE
        return outcome(status=Status.UNKNOWN, code="no-registry-digest", retry=again)
    if scan.digest != registry.digest:
        return outcome(status=Status.BLOCKED, code="scanned-another-digest")
    # Judged for a later instant, the scan is as fresh as it is today: it is judged again when that instant comes.
    status, code = _counted(scan, parameters, min(now, snapshot.taken_at), facts)
    return outcome(status=status, code=code)


def _counted(
    scan: Evidence, parameters: Parameters, now: datetime, facts: dict[str, JsonValue]
) -> tuple[Status, str]:
    """What the counts of a scan of the right digest say; adds them to `facts`."""
    counts: dict[str, int] = {s: scan.counts[s] for s in parameters.forbid if scan.counts.get(s, -1) >= 0}
    facts["counts"] = dict(counts)
    if any(counts.values()):
        facts["findings"] = _findings(scan.details, parameters.forbid)
        return Status.BLOCKED, "vulnerable"
    if missing := [s for s in parameters.forbid if s not in counts]:
        facts["missing"] = list(missing)
        return Status.UNKNOWN, "scan-malformed"
    if not scan.passed and not any(scan.counts.values()):  # it failed, yet names nothing: the scanner broke
        return Status.UNKNOWN, "scan-failed"
    if now - scan.at > parameters.scanned_within:
        facts["limit_seconds"] = int(parameters.scanned_within.total_seconds())
        return Status.UNKNOWN, "scan-stale"
    return Status.PASSED, "clean"


def _findings(details: Mapping[str, JsonValue], forbid: tuple[Severity, ...]) -> list[JsonValue]:
    """The first findings of a forbidden severity, worst first. What is malformed is left out: the counts decide."""
    listed = details.get("findings")
    if not isinstance(listed, list):
        return []
    order = {severity: rank for rank, severity in enumerate(("critical", "high", "medium", "low"))}
    found = [
        f
        for f in listed
        if isinstance(f, dict) and isinstance(f.get("id"), str) and f.get("severity") in list(forbid)
    ]
    found.sort(key=lambda f: order[str(f["severity"])])
    return [_finding(f) for f in found[:SHOWN]]


def _finding(listed: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    finding: dict[str, JsonValue] = {}
    for key in ("id", "package", "version", "fixed_in", "severity"):
        value = listed.get(key)
        finding[key] = value[:_LONGEST] if isinstance(value, str) else None
    return finding
