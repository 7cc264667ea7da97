"""When could this go out: the earliest instant at which everything known passes, and what stands before it (P6, P12).
Nothing is written and nothing is asked for."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from bot.domain.artifact import TAG, Artifact, RegistryAnswer, RegistryWord
from bot.domain.change_request import SYSTEM, ChangeRequest, Kind
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.outcome import Readiness
from bot.domain.refusal import Refusal
from bot.domain.snapshot import RollbackFacts, Snapshot
from bot.flows.asking import known
from bot.flows.collect import Collector, promotion_path
from bot.flows.colours import statuses
from bot.flows.lifting import with_lifters
from bot.flows.living_calendar import living
from bot.gates import Earliest, calendar, checklist, earliest, environments_green, no_open_incident, ticket
from bot.policy import Policy
from bot.ports import Clock, Ledger, Transaction

NOBODYS: Final = (
    "none"  # the tag that stands in where no version is asked about; no gate that looks at it is asked
)
OF_THE_PLACE: Final = frozenset({calendar.NAME, environments_green.NAME, no_open_incident.NAME})
"""The gates that can be asked without a version."""
OF_THE_REQUEST: Final = frozenset({ticket.NAME, checklist.NAME})
"""The gates about what a request says of itself: nobody has asked yet, so they are not asked either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked about: a version, or without one the newest that could be promoted."""

    service: str
    environment: str
    artifact: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """The answer. `earliest.at` is None where time alone does not get there, or nobody knows when."""

    service: str
    environment: str
    artifact: str | None
    """None: nothing is known that could be promoted, so only the place was asked about."""
    found_in: str | None
    """The environment in which the version was found; None where it was named, or there is none."""
    found_at: datetime | None
    looked_in: str | None
    """Where a version was looked for in vain."""
    earliest: Earliest
    wants_ticket: bool
    now: datetime
    wants_checklist: bool = False


async def when(ledger: Ledger, policy: Policy, collector: Collector, clock: Clock, wanted: Wanted) -> When:
    """Judge what is asked about, now and at each instant at which time alone may have changed the answer.

    Raises Refusal for an unknown service or environment, or what is no tag.
    """
    askable(policy, wanted)
    source = policy.environments[wanted.environment].promotes_from
    found = None
    if wanted.artifact is None and source is not None:
        found = await ledger.read(partial(_newest_in, service=wanted.service, environment=source))
    artifact = wanted.artifact or (None if found is None else found.artifact)
    request = _request(wanted, artifact, clock.now())
    if artifact is None:
        snapshot = await ledger.read(partial(_of_the_place, policy=policy, request=request))
    else:
        snapshot = await collector.collect(policy, request)
    # In a thread: the calendar may have to be compiled, and what takes long to judge must hold nobody up.
    judged = await asyncio.to_thread(
        _judged, policy, snapshot, clock.now(), with_artifact=artifact is not None
    )
    return When(
        service=wanted.service,
        environment=wanted.environment,
        artifact=artifact,
        found_in=None if found is None else source,
        found_at=None if found is None else found.at,
        looked_in=source if artifact is None else None,
        earliest=await ledger.read(partial(_with_lifters, policy=policy, judged=judged)),
        wants_ticket=ticket.NAME in policy.environments[wanted.environment].gates,
        now=clock.now(),
        wants_checklist=checklist.NAME in policy.environments[wanted.environment].gates,
    )


def askable(policy: Policy, wanted: Wanted) -> None:
    """Raises Refusal for what the policy does not have, or what is no tag."""
    known("service", wanted.service, list(policy.services))
    known("environment", wanted.environment, list(policy.environments))
    if wanted.artifact is not None and not TAG.fullmatch(wanted.artifact):
        raise Refusal("bad-artifact", {"name": wanted.artifact[:80]})


def _newest_in(tx: Transaction, *, service: str, environment: str) -> Evidence | None:
    """The newest successful deployment there."""
    deployed = [
        e
        for e in tx.evidence.deployments(service, environment)
        if e.kind is EvidenceKind.DEPLOYMENT and e.passed
    ]
    return max(deployed, key=lambda e: (e.at, e.received_at), default=None)


def _request(wanted: Wanted, artifact: str | None, now: datetime) -> ChangeRequest:
    return ChangeRequest(
        id="when",
        number=0,
        kind=Kind.PROMOTION,
        service=wanted.service,
        environment=wanted.environment,
        artifact=Artifact(artifact or NOBODYS),
        requester=SYSTEM,
        requested_at=now,
        expires_at=now,
        evidence_deadline=now,
    )


def _of_the_place(tx: Transaction, *, policy: Policy, request: ChangeRequest) -> Snapshot:
    """What is known of the place alone: no registry is asked about a version that nobody named."""
    there = living(tx, policy)
    return Snapshot(
        request=request,
        taken_at=tx.now,
        evidence=(),
        registry=RegistryAnswer(word=RegistryWord.NOT_CONFIGURED, asked_at=tx.now),
        rollback=RollbackFacts(target=None, registry=None, command=None),
        environments=statuses(tx, policy, tx.now),
        promotion_path=promotion_path(policy, request.environment),
        calendar=there.calendar,
        feeds=there.feeds,
    )


def _judged(policy: Policy, snapshot: Snapshot, now: datetime, *, with_artifact: bool) -> Earliest:
    gates = policy.environments[snapshot.request.environment].gates
    asked = {
        name: rule
        for name, rule in gates.items()
        if (name not in OF_THE_REQUEST if with_artifact else name in OF_THE_PLACE)
    }
    return earliest(snapshot, asked, now, policy.digest)


def _with_lifters(tx: Transaction, *, policy: Policy, judged: Earliest) -> Earliest:
    def named(readiness: Readiness) -> Readiness:
        return with_lifters(tx, policy, readiness) or readiness

    return replace(judged, asked=named(judged.asked), readiness=named(judged.readiness))
