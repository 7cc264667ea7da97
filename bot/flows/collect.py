"""Gathers the facts for one decision: the only code that asks the outside. Fetch first, decide afterwards."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from bot.domain.artifact import Artifact, RegistryAnswer, RegistryWord
from bot.domain.change_request import ChangeRequest
from bot.domain.environment import EnvironmentStatus
from bot.domain.evidence import Evidence
from bot.domain.snapshot import RollbackFacts, Snapshot
from bot.flows.colours import statuses
from bot.policy import Policy
from bot.ports import Clock, Deployers, Ledger, Registry, Transaction


class Collector:
    """Reads the ledger, asks the registry, and puts one snapshot together."""

    def __init__(self, ledger: Ledger, registry: Registry, deployers: Deployers, clock: Clock) -> None:
        self._ledger = ledger
        self._registry = registry
        self._deployers = deployers
        self._clock = clock

    async def collect(self, policy: Policy, request: ChangeRequest) -> Snapshot:
        """All facts about `request` as of now. What cannot be reached is a fact too, never an exception."""
        path = promotion_path(policy, request.environment)
        now = self._clock.now()
        evidence, environments = await self._ledger.read(
            partial(_known, policy=policy, request=request, path=path, now=now)
        )
        target = running(evidence, request.environment)
        image = policy.services[request.service].image
        registry, rollback = await asyncio.gather(
            self._resolve(image, request.artifact.tag), self._rollback(request, image, target)
        )
        return Snapshot(
            request=request,
            evidence=evidence,
            registry=registry,
            rollback=rollback,
            environments=environments,
            promotion_path=path,
            calendar=policy.calendar,
        )

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


def promotion_path(policy: Policy, environment: str) -> tuple[str, ...]:
    """The environment and what it promotes from, nearest first."""
    path = [environment]
    while (before := policy.environments[path[-1]].promotes_from) is not None:
        path.append(before)
    return tuple(path)


def running(evidence: Sequence[Evidence], environment: str) -> Artifact | None:
    """The version that the newest successful deployment left in `environment`; None where none is known."""
    deployed = [
        e for e in evidence if e.kind.value == "deployment" and e.environment == environment and e.passed
    ]
    newest = max(deployed, key=lambda e: (e.at, e.received_at), default=None)
    return None if newest is None else Artifact(newest.artifact, newest.digest)


def _known(
    tx: Transaction, *, policy: Policy, request: ChangeRequest, path: tuple[str, ...], now: datetime
) -> tuple[tuple[Evidence, ...], tuple[EnvironmentStatus, ...]]:
    found = {e.id: e for e in tx.evidence.about(request.service, artifact=request.artifact.tag)}
    for environment in path:
        found |= {e.id: e for e in tx.evidence.deployments(request.service, environment)}
    return tuple(found.values()), statuses(tx, policy, now)
