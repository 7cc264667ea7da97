"""Builds the facts that gates judge: everything passes, unless a test says otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.calendar import Calendar, Effect
from bot.domain.change_request import Actor, Attestation, ChangeRequest, Kind
from bot.domain.checklist import Item
from bot.domain.environment import Colour, EnvironmentStatus, MonitorState
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.snapshot import RollbackFacts, Snapshot

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)

TAG, DIGEST = "7a3f9c2", "sha256:" + "9f2c" * 16
OTHER_TAG, OTHER_DIGEST = "51be07d", "sha256:" + "b00b" * 16

FOUND = RegistryAnswer(word=RegistryWord.FOUND, asked_at=NOW, digest=DIGEST)
MISSING = RegistryAnswer(word=RegistryWord.MISSING, asked_at=NOW)
UNREACHABLE = RegistryAnswer(word=RegistryWord.UNREACHABLE, asked_at=NOW, problem="timeout")
NOT_CONFIGURED = RegistryAnswer(word=RegistryWord.NOT_CONFIGURED, asked_at=NOW)
FOUND_OTHER = replace(FOUND, digest=OTHER_DIGEST)
FOUND_NAMELESS = replace(FOUND, digest=None)

READY = RollbackFacts(
    target=Artifact(OTHER_TAG, OTHER_DIGEST), registry=FOUND_OTHER, command="./deploy.sh production 51be07d"
)
OPEN_CALENDAR = Calendar((), Effect.ALLOW)


CHECKLIST = (
    Item(text="Rollback plan documented", gate="rollback-target"),
    Item(text="On-call team briefed", role="on-call-sre"),
)
BRIEFED = Attestation(
    item="On-call team briefed",
    role="on-call-sre",
    by=Actor(via="slack:T1/U03CY", person="cy"),
    at=NOW - MINUTE,
    revision=1,
)


def request(**changes: Any) -> ChangeRequest:
    """A promotion of the artifact to production, asked for just now."""
    usual: dict[str, Any] = {
        "id": "DEP-42",
        "number": 42,
        "kind": Kind.PROMOTION,
        "service": "checkout",
        "environment": "production",
        "artifact": Artifact(TAG),
        "requester": Actor(via="slack:T1/U01LIN", person="lin"),
        "requested_at": NOW,
        "expires_at": NOW + DAY,
        "evidence_deadline": NOW + HOUR,
        "ticket": "CHG-1207",
        "attested": (BRIEFED,),
    }
    return ChangeRequest(**(usual | changes))


def said(kind: EvidenceKind, ago: timedelta, **changes: Any) -> Evidence:
    """A statement made `ago` before NOW about the artifact and its digest."""
    usual: dict[str, Any] = {
        "id": f"{kind}-{ago}-{changes}",
        "kind": kind,
        "service": "checkout",
        "artifact": TAG,
        "digest": DIGEST,
        "environment": None,
        "passed": True,
        "at": NOW - ago,
        "received_at": NOW - ago,
        "source": "token:ci",
    }
    return Evidence(**(usual | changes))


def built(ago: timedelta = DAY, **changes: Any) -> Evidence:
    return said(EvidenceKind.BUILD, ago, **changes)


def verified(ago: timedelta = HOUR, **changes: Any) -> Evidence:
    return said(EvidenceKind.VERIFICATION, ago, **({"environment": "staging"} | changes))


def scanned(ago: timedelta = HOUR, **changes: Any) -> Evidence:
    return said(EvidenceKind.SCAN, ago, **({"counts": {"critical": 0, "high": 0}} | changes))


def deployed(ago: timedelta = 3 * HOUR, **changes: Any) -> Evidence:
    return said(EvidenceKind.DEPLOYMENT, ago, **({"environment": "staging"} | changes))


def other(ago: timedelta, **changes: Any) -> Evidence:
    """Another version deployed to staging."""
    return deployed(ago, **({"artifact": OTHER_TAG, "digest": OTHER_DIGEST} | changes))


def status(
    name: str,
    colour: Colour = Colour.GREEN,
    *,
    code: str = "ok",
    incident: str | None = None,
    blind: bool = False,
) -> EnvironmentStatus:
    """An environment with one monitor that says `colour`, or with none (`blind`)."""
    monitor = MonitorState(
        environment=name, name="api", component=None, colour=colour, since=NOW - HOUR, read_at=NOW, code=code
    )
    return EnvironmentStatus(
        name=name,
        colour=Colour.UNKNOWN if blind else colour,
        since=None if blind else NOW - HOUR,
        verified_at=None if blind else NOW,
        monitors=() if blind else (monitor,),
        incident=incident,
    )


GREEN = (status("production"), status("staging"), status("dev"))


def snapshot(
    *evidence: Evidence,
    asked: ChangeRequest | None = None,
    registry: RegistryAnswer = FOUND,
    rollback: RollbackFacts = READY,
    environments: Sequence[EnvironmentStatus] = GREEN,
    calendar: Calendar = OPEN_CALENDAR,
    taken_at: datetime = NOW,
    checklist: tuple[Item, ...] = CHECKLIST,
) -> Snapshot:
    return Snapshot(
        request=asked or request(),
        taken_at=taken_at,
        evidence=evidence,
        registry=registry,
        rollback=rollback,
        environments=tuple(environments),
        promotion_path=("production", "staging"),
        calendar=calendar,
        checklists={"before": checklist},
    )


ALL_PROVED = (built(), verified(), scanned(), deployed())
"""Evidence with which every gate passes."""
