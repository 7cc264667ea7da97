"""Incidents for tests: a policy with more to page, deliveries that arrive or fail, and what was told to whom."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.environment import Colour
from bot.domain.escalation import Escalation
from bot.domain.owed import Delivery
from bot.domain.page import Page
from bot.flows import paging
from bot.flows.answer_incident import acknowledge
from storage.instants import from_micros
from tests.flows.world import SECOND, World

CHAIN = (
    "escalation:\n  - {notify: [on_call: primary], within: 5m}\n",
    """\
escalation:
  - {notify: [on_call: primary], within: 5m}
  - {notify: [person: ada, channel: incidents]}
  - {notify: [role: platform-lead, pagerduty: default, webhook: siren], within: 10m}
incidents: {rounds: 2}
""",
)
"""Cy by the rotation; then Ada, who has mail as well; then Ada and Vic by their role."""
NOBODY_ON_CALL = ('starts: "2026-11-09"', 'starts: "2027-11-09"')
NO_WAY_TO_CY = ("cy:  {slack: U03CY, github: cy-m}", "cy:  {github: cy-m}")


@dataclass
class Post:
    """What becomes of pages that are sent: all of them arrive, except those of a lane that fails."""

    world: World
    failing: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)

    async def deliver(self) -> list[str]:
        """Send everything that is owed; gives the destinations that pages went to."""
        owed = await self.world.deliveries("page")
        went = [delivery.destination for delivery in owed if await self._page(delivery)]
        self.sent += went
        return went

    async def _page(self, delivery: Delivery) -> bool:
        world = self.world
        if not await world.ledger.read(lambda tx: paging.still_owed(tx, delivery.subject)):
            await paging.arrived(world.ledger, world.policy, delivery)
            return False
        if any(delivery.destination.startswith(lane) for lane in self.failing):
            await paging.failed(world.ledger, world.policy, delivery, "user_not_found")
            return False
        await paging.arrived(world.ledger, world.policy, delivery)
        return True


async def red(world: World, environment: str = "production", monitor: str = "db") -> str:
    """An environment turns RED by one reading; gives its incident."""
    world.clock.advance(SECOND)
    await world.see(environment, monitor, Colour.RED)
    found = [i for i in await world.incidents() if i.environment == environment]
    return found[-1].id


async def green(world: World, environment: str = "production", monitor: str = "db") -> None:
    """It turns GREEN again."""
    world.clock.advance(SECOND)
    await world.see(environment, monitor, Colour.GREEN)


async def take(world: World, person: str = "cy", incident: str = "INC-1") -> None:
    """Somebody says that they have it."""
    await acknowledge(world.ledger, world.policy, world.asker(person), incident)


async def pages(world: World, incident: str = "INC-1") -> list[Page]:
    return await world.ledger.read(lambda tx: tx.pages.of(incident))


async def states(world: World, incident: str = "INC-1") -> dict[str, str]:
    """Every page of an incident by its id without the incident's, and its state."""
    return {p.id.partition("/")[2]: p.state.value for p in await pages(world, incident)}


def escalates_at(world: World, incident: str = "INC-1") -> datetime | None:
    """When the timer of its chain falls due."""
    with closing(sqlite3.connect(world.url.removeprefix("sqlite:///"))) as connection:
        query = "SELECT due_at FROM timers WHERE kind = 'escalate' AND subject = ?"
        row = connection.execute(query, (incident,)).fetchone()
    return None if row is None else from_micros(row[0])


async def chain(world: World, incident: str = "INC-1") -> Escalation:
    found = (await world.incident(incident)).escalation
    assert found is not None
    return found
