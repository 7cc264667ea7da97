"""Asks PagerDuty and Slack user groups who is on call: every minute, at the instant they named, and at need."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.flows.asked_duty import keep, kept_elsewhere
from bot.jobs.work import Pulse, rest
from bot.policy import Policy
from bot.ports import Clock, Duty, DutyUnknown, GroupError, Groups, Ledger, PagerDuty, PolicyInForce

log = structlog.get_logger(__name__)

EVERY: Final = timedelta(minutes=1)
LOOK_AGAIN: Final = 1.0  # seconds between two looks at the clock, which may jump
PATIENCE: Final = 20.0  # seconds for one answer
NOT_CONNECTED: Final = "not-connected"


class Duties:
    """One round a minute over the rotations that other systems keep; they do not wait for each other."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: PolicyInForce,
        *,
        pagerduty: PagerDuty | None,
        groups: Groups | None,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._pagerduty = pagerduty
        self._groups = groups
        self._clock = clock
        self.changed = asyncio.Event()
        self.pulse = Pulse(patience=3 * PATIENCE)

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self.changed.clear()
            began = self._clock.now()
            ahead = await self.ask_all()
            named = [at for at in ahead if at > began]
            await self._until(min([began + EVERY, *named]))

    async def ask_all(self) -> list[datetime]:
        """One round; gives the instants at which somebody else takes over, as far as they were told. Never raises."""
        policy = self._in_force.policy
        asked = (self._guarded(policy, *each) for each in kept_elsewhere(policy).items())
        return [at for at in await asyncio.gather(*asked) if at is not None]

    async def ask(self, rotation: str) -> None:
        """Ask about one rotation now. One that nobody else keeps asks nobody."""
        policy = self._in_force.policy
        source = kept_elsewhere(policy).get(rotation)
        if source is not None:
            await self._guarded(policy, rotation, source)

    async def _guarded(self, policy: Policy, rotation: str, source: str) -> datetime | None:
        try:
            answer, problem = await self._answer(source)
            until = await keep(self._ledger, policy, rotation, source, answer, problem)
        except Exception as error:  # noqa: BLE001 -- the other rotations must not wait for this one
            self.pulse.failed += 1
            log.error("duty.failed", rotation=rotation, error=type(error).__name__)  # noqa: TRY400
            return None
        self.pulse.done += 1
        if problem is not None:
            log.warning("duty.unknown", rotation=rotation, code=problem)
        return until

    async def _answer(self, source: str) -> tuple[Duty | None, str | None]:
        kind, _, name = source.partition(" ")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._ask(kind, name), None
        except (DutyUnknown, GroupError) as unknown:
            return None, unknown.code
        except TimeoutError:
            return None, "timeout"

    async def _ask(self, kind: str, name: str) -> Duty:
        if kind == "pagerduty":
            if self._pagerduty is None:
                raise DutyUnknown(NOT_CONNECTED)
            return await self._pagerduty.on_call(name)
        if self._groups is None:
            raise GroupError(NOT_CONNECTED)
        return Duty(people=tuple(sorted(await self._groups.members(name, fresh=True))))

    async def _until(self, instant: datetime) -> None:
        """Wait for an instant of the clock, however the clock comes to it, or for another policy."""
        self.pulse.rounds += 1
        while not self.changed.is_set() and (left := (instant - self._clock.now()).total_seconds()) > 0:
            await rest(self.pulse, min(left, LOOK_AGAIN), self.changed)
