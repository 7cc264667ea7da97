"""Gathers the facts for one decision: the only code that asks the outside. Fetch first, decide afterwards."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.authority import NOT_ASKED, Answers
from bot.domain.change_request import ChangeRequest, Kind
from bot.domain.checklist import Item
from bot.domain.environment import EnvironmentStatus
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.snapshot import RollbackFacts, Snapshot
from bot.flows.authority import NOBODY_ASKED, Asked, Authority, not_connected, sources_for
from bot.flows.colours import statuses
from bot.flows.living_calendar import Living, compiled, living
from bot.flows.shown import shown_sources
from bot.flows.state_rules import as_asked
from bot.policy import Policy
from bot.ports import Clock, Deployers, Ledger, Registry, Transaction

MOST_DEPLOYMENTS: Final = 200
"""So many deployments of a service to an environment are looked at, the newest."""


class Collector:
    """Reads the ledger, asks the registry and the live sources of roles, and puts one snapshot together."""

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        deployers: Deployers,
        clock: Clock,
        authority: Authority | None = None,
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._deployers = deployers
        self._clock = clock
        self.authority = authority

    async def collect(
        self, policy: Policy, request: ChangeRequest, *, about_people: bool = False
    ) -> Snapshot:
        """All facts about `request` as of now. What cannot be reached is a fact too, never an exception.

        `about_people`: with what the live sources of roles say of whoever signed it, asked at the same time. What the
        calendar says of it is compiled by then, so that the transaction that decides does not have to.
        """
        policy = as_asked(policy, request)
        rows = await self._ledger.read(partial(_rows, policy=policy, request=request))
        evidence = rows.evidence
        target = running(evidence, request.environment)
        image = policy.services[request.service].image
        registry, rollback, asked = await asyncio.gather(
            self._resolve(image, _reference(request)),
            self._rollback(request, image, target),
            self._ask(policy, request, about_people=about_people),
        )
        taken_at = self._clock.now()
        # Since it was asked for: whoever signed was told the window of that instant.
        instants = (request.requested_at, taken_at, request.start.at or taken_at)
        await compiled(rows.living.calendar, request.environment, request.service, *instants)
        return Snapshot(
            request=request,
            taken_at=taken_at,
            evidence=evidence,
            registry=registry,
            rollback=rollback,
            environments=rows.environments,
            promotion_path=promotion_path(policy, request.environment),
            calendar=rows.living.calendar,
            feeds=rows.living.feeds,
            answers=asked.answers,
            authors=asked.authors,
            authors_problem=asked.authors_problem,
            checklists=checklists(policy),
        )

    async def with_people(self, policy: Policy, snapshot: Snapshot) -> Snapshot:
        """The same facts with what the live sources of roles say now."""
        asked = await self._ask(policy, snapshot.request, about_people=True)
        return replace(
            snapshot,
            answers=asked.answers,
            authors=asked.authors,
            authors_problem=asked.authors_problem,
        )

    async def shown(self, policy: Policy, request: ChangeRequest) -> Answers:
        """What the live sources say of who could sign, to be shown while nobody did."""
        if self.authority is None:
            return NOT_ASKED
        return await self.authority.show(policy, request, shown_sources(policy, request))

    async def _ask(self, policy: Policy, request: ChangeRequest, *, about_people: bool) -> Asked:
        if not about_people:
            return NOBODY_ASKED
        if self.authority is None:
            return Asked(answers=not_connected(sources_for(policy, request), self._clock.now()))
        return await self.authority.ask(policy, request)

    async def _resolve(self, image: str | None, reference: str) -> RegistryAnswer:
        if image is None:
            return RegistryAnswer(word=RegistryWord.NOT_CONFIGURED, asked_at=self._clock.now())
        return await self._registry.resolve(image, reference)

    async def _rollback(
        self, request: ChangeRequest, image: str | None, target: Artifact | None
    ) -> RollbackFacts:
        if target is None:
            return RollbackFacts(target=None, registry=None, command=None)
        deployer = self._deployers.of(request.service)
        command = (
            None
            if deployer is None
            else deployer.rollback_command(request.service, request.environment, target.tag, target.digest)
        )
        registry = await self._resolve(image, target.digest or target.tag)
        return RollbackFacts(target=target, registry=registry, command=command)


def _reference(request: ChangeRequest) -> str:
    """What the registry is asked for: a tag; for a rollback exactly what ran, whatever its tag stands for by now."""
    artifact = request.artifact
    return artifact.tag if request.kind is not Kind.ROLLBACK else artifact.digest or artifact.tag


def checklists(policy: Policy) -> dict[str, tuple[Item, ...]]:
    """The policy's checklists by name, as the gate reads them."""
    return {name: tuple(item.compiled() for item in items) for name, items in policy.checklists.items()}


def promotion_path(policy: Policy, environment: str) -> tuple[str, ...]:
    """The environment and what it promotes from, nearest first."""
    path = [environment]
    while (before := policy.environments[path[-1]].promotes_from) is not None:
        path.append(before)
    return tuple(path)


def running(evidence: Sequence[Evidence], environment: str) -> Artifact | None:
    """The version that the newest successful deployment left in `environment`; None where none is known."""
    deployed = [
        e for e in evidence if e.kind is EvidenceKind.DEPLOYMENT and e.environment == environment and e.passed
    ]
    newest = max(deployed, key=lambda e: (e.at, e.received_at), default=None)
    return None if newest is None else Artifact(newest.artifact, newest.digest)


def as_of_now(
    tx: Transaction, policy: Policy, request: ChangeRequest, collected: Snapshot
) -> Snapshot | None:
    """`collected` with the request and all rows as they stand in this transaction.

    None where another version runs there by now: the registry has not been asked about that one.
    """
    rows = _rows(tx, policy=policy, request=request)
    if running(rows.evidence, request.environment) != collected.rollback.target:
        return None
    return replace(
        collected,
        request=request,
        evidence=rows.evidence,
        environments=rows.environments,
        calendar=rows.living.calendar,
        feeds=rows.living.feeds,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What stands in the ledger and decides."""

    evidence: tuple[Evidence, ...]
    environments: tuple[EnvironmentStatus, ...]
    living: Living


def _rows(tx: Transaction, *, policy: Policy, request: ChangeRequest) -> _Rows:
    """Statements about this artifact, what was deployed anywhere, the colours, and the calendar.

    Everywhere, because a gate may look at an environment that nothing is promoted from.
    """
    found = {e.id: e for e in tx.evidence.about(request.service, artifact=request.artifact.tag)}
    for environment in policy.environments:
        deployed = tx.evidence.deployments(request.service, environment, limit=MOST_DEPLOYMENTS)
        if len(deployed) == MOST_DEPLOYMENTS:
            found = _since(deployed[-1].at, environment, found)
        found |= {e.id: e for e in deployed}
    return _Rows(tuple(found.values()), statuses(tx, policy, tx.now), living(tx, policy))


def _since(oldest: datetime, environment: str, found: dict[str, Evidence]) -> dict[str, Evidence]:
    """Without deployments from before `oldest`: what replaced them is not known any more, and they would look
    as if they had stayed."""
    return {
        id_: e
        for id_, e in found.items()
        if e.kind is not EvidenceKind.DEPLOYMENT or e.environment != environment or e.at >= oldest
    }
