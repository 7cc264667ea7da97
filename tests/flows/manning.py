"""A world whose hand-offs happen, and the verbs of on-call duty."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows import handoff, overrides
from bot.flows.on_duty import OnDuty, duty_at, on_duty
from bot.flows.overrides import Taken, Wanted
from bot.ports import Duty, DutyUnknown, GroupError
from tests.flows.policy_text import policy_of
from tests.flows.world import DAY, World

ROTATION = 'rotation: {people: [cy, bo, ada], handoff: "0 9 * * MON", starts: "2026-11-09"}'
PAGERDUTY = (ROTATION, "pagerduty: {schedule: PABC123}")
USERGROUP = (ROTATION, "slack_usergroup: S0ONCALL")
CONTACTS = ("severities:", "contacts: {primary: vic, backup: sam}\nseverities:")
LEADS = (ROTATION, ROTATION + ", leads: platform-lead")
SUN = (
    "primary: {" + ROTATION + "}",
    """primary:
    layers:
      - name: europe
        rotation: {people: [vic, sam], handoff: "0 9 * * MON", timezone: Europe/Berlin, starts: "2026-11-09"}
        during: {start: "0 9 * * *", until: "17:00"}
      - name: america
        rotation: {people: [cy, bo], handoff: "0 9 * * MON", starts: "2026-11-09"}""",
)


class Rota(World):
    """One installation whose rotations hand over."""

    async def fire(self, kind: str, subject: str) -> None:
        if kind == handoff.KIND:
            await handoff.fire(self.ledger, self.policy, subject)
        else:
            await super().fire(kind, subject)

    async def begin(self, *changes: tuple[str, str]) -> "Rota":
        """A policy is in force, and every rotation was looked at."""
        self.policy = policy_of(*changes)
        await self.look()
        return self

    async def look(self) -> None:
        await self.ledger.write(lambda tx: handoff.look_at_all_soon(tx, self.policy))
        await self.run_timers()

    async def on_duty(self, at: datetime | None = None, rotation: str = "primary") -> str | None:
        return await self.ledger.read(lambda tx: on_duty(tx, self.policy, rotation, at or tx.now))

    async def duty(self, at: datetime | None = None, rotation: str = "primary") -> OnDuty:
        return await self.ledger.read(lambda tx: duty_at(tx, self.policy, rotation, at or tx.now))

    async def override(
        self,
        asker: str,
        person: str,
        begins: timedelta | None = None,
        length: timedelta = DAY,
        **more: Any,
    ) -> Taken:
        """Somebody declares that somebody takes it, from so long ahead on."""
        (made,) = await self.declare(asker, [self.wanted(person, begins, length, **more)])
        return made

    def wanted(
        self, person: str, begins: timedelta | None = None, length: timedelta = DAY, **more: Any
    ) -> Wanted:
        now = self.clock.now()
        start = now + (begins or timedelta(0))
        usual: dict[str, Any] = {
            "rotation": "primary",
            "person": person,
            "begins_at": None if begins is None else start,
            "ends_at": start + length,
        }
        return Wanted(**(usual | more))

    async def declare(
        self, asker: str, wanted: Sequence[Wanted], *, key: str | None = None
    ) -> tuple[Taken, ...]:
        return await overrides.declare(
            self.ledger, self.policy, self.asker(asker), wanted, key=key or self.key()
        )

    async def cancel(self, asker: str, override: str = "OVR-1", *, key: str | None = None) -> None:
        await overrides.cancel(self.ledger, self.policy, self.asker(asker), override, key=key or self.key())

    async def refusal(self, asker: str, *wanted: Wanted) -> Refusal:
        try:
            await self.declare(asker, wanted)
        except Refusal as refused:
            return refused
        raise AssertionError("it was not refused")

    async def notes(self, kind: str) -> list[tuple[str, str]]:
        """To which lane, and with which code; asking takes everything owed away."""
        return [(d.destination.removeprefix("slack:"), str(d.facts["code"])) for d in await self.owed(kind)]

    async def owed(self, kind: str) -> list[Delivery]:
        return await self.deliveries(kind)


class Elsewhere:
    """A PagerDuty or a Slack that says who is on call, or why not."""

    def __init__(self) -> None:
        self.people: tuple[str, ...] = ()
        self.until: datetime | None = None
        self.problem: str | None = None
        self.asked: list[str] = []

    async def on_call(self, schedule: str) -> Duty:
        self.asked.append(schedule)
        if self.problem is not None:
            raise DutyUnknown(self.problem)
        return Duty(people=self.people, until=self.until)

    async def members(self, group: str, *, fresh: bool) -> frozenset[str]:
        assert fresh
        self.asked.append(group)
        if self.problem is not None:
            raise GroupError(self.problem)
        return frozenset(self.people)

    async def alert(self, integration: str, alert: object) -> None:
        raise AssertionError("nobody is paged here")

    async def changed(self, integration: str, changed: object) -> None:
        raise AssertionError("nothing is told here")
