"""A policy that asks for a checklist before production, and hands to tick it with."""

from bot.flows import attest
from bot.flows.attest import Entry, Listed, Target
from tests.flows.world import World

BRIEFED, READY, PLAN = "On-call team briefed", "Monitoring dashboards ready", "Rollback plan documented"
GATE = (
    '      ticket:             {pattern: "^CHG-[0-9]+$"}\n',
    '      ticket:             {pattern: "^CHG-[0-9]+$"}\n      checklist:          {name: before}\n',
)
ITEMS = (
    "severities: {P0: 5m",
    f"""\
checklists:
  before:
    - {{item: {PLAN}, gate: rollback-target}}
    - {{item: {BRIEFED}, attest: on-call-sre}}
    - {{item: {READY}, attest: engineer}}
severities: {{P0: 5m""",
)
WITHOUT_REQUESTER = ("attest: engineer}", "attest: engineer, exclude: [requester]}")
WITHOUT_AUTHORS = ("attest: engineer}", "attest: engineer, exclude: [commit-authors]}")
WITHOUT_LEADS = ("attest: engineer}", "attest: engineer, exclude: [platform-lead, bo]}")


async def asked(world: World, *changes: tuple[str, str], **of: object) -> None:
    """DEP-1 of Lin waits for approval and for its checklist; nothing is owed. Cy is on call."""
    await world.reload(GATE, ITEMS, *changes)
    await world.ready()
    await world.ask(**of)
    await world.run_timers()
    await world.deliveries()


async def listed(world: World, request: str = "DEP-1") -> Listed:
    return await attest.listed(world.ledger, world.policy, request)


async def entry(world: World, item: str) -> Entry:
    return next(e for e in (await listed(world)).entries if e.item.item == item)


async def target(world: World, item: str) -> Target:
    """What the button of an item means, as the list shows it now."""
    shown = await listed(world)
    key = next(e.key for e in shown.entries if e.item.item == item)
    return Target(request="DEP-1", revision=shown.request.revision, item=key)


async def tick(world: World, person: str, item: str, *, key: str | None = None) -> Listed:
    meant = await target(world, item)
    return await attest.tick(world.ledger, world.policy, world.asker(person), meant, key=key or world.key())


async def untick(world: World, person: str, item: str) -> Listed:
    meant = await target(world, item)
    return await attest.untick(world.ledger, world.policy, world.asker(person), meant, key=world.key())


async def who(world: World) -> dict[str, str | None]:
    """Who said what of the present revision, by item."""
    return {e.item.item: e.tick.by.person for e in (await listed(world)).entries if e.tick is not None}
