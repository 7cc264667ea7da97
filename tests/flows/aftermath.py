"""What the tests of post-mortems, action items, tickets and reports share: an incident that is over, and its verbs."""

from datetime import date
from typing import Any

from bot.domain.environment import Colour
from bot.domain.postmortem import Postmortem
from bot.flows import action_items
from bot.flows import postmortem as postmortems
from bot.flows.action_items import Item
from bot.flows.answer_incident import acknowledge, resolve
from bot.flows.postmortem import Written, version
from bot.flows.timeline import Account, account
from tests.flows.world import SECOND, World

WHYS = ("one", "two", "three", "four", "five")
WRITTEN = Written(summary="The pool was too small.", impact="Nobody could pay.", whys=WHYS)
CONTACTS = ("severities: {P0", "contacts: {primary: sam}\nseverities: {P0")


async def over(world: World, *changes: tuple[str, str], answered: str | None = "cy") -> None:
    """INC-1 was RED production's, is resolved by Ada, and nothing is owed."""
    if changes:
        await world.reload(*changes)
    await world.ready()
    world.clock.advance(600 * SECOND)
    await world.see("production", "db", Colour.RED)
    world.clock.advance(60 * SECOND)
    if answered is not None:
        await acknowledge(world.ledger, world.policy, world.asker(answered), "INC-1")
    world.clock.advance(120 * SECOND)
    await resolve(world.ledger, world.policy, world.asker("ada"), "INC-1")


async def found(world: World, incident: str = "INC-1") -> Postmortem | None:
    return await world.ledger.read(lambda tx: tx.postmortems.get(incident))


async def draft(world: World, incident: str = "INC-1") -> Postmortem:
    there = await found(world, incident)
    assert there is not None
    return there


async def told(world: World, incident: str = "INC-1") -> Account:
    return await account(world.ledger, world.policy, incident)


async def write(world: World, person: str = "cy", written: Written = WRITTEN, **changes: Any) -> Postmortem:
    usual: dict[str, Any] = {"seen": version(await draft(world)), "key": world.key()}
    return await postmortems.write(
        world.ledger, world.policy, world.asker(person), "INC-1", written, **(usual | changes)
    )


async def add(world: World, due: date | None = None, person: str = "cy", **changes: Any) -> Item:
    usual: dict[str, Any] = {"text": "A larger pool", "owner": "bo", "key": world.key()}
    usual |= changes
    text, owner = usual.pop("text"), usual.pop("owner")
    day = due or world.clock.now().astimezone(world.policy.zone).date()
    return await action_items.add(
        world.ledger, world.policy, world.asker(person), "INC-1", text, owner, day, **usual
    )


async def publish(world: World, person: str = "cy", **changes: Any) -> Postmortem:
    usual: dict[str, Any] = {"key": world.key()}
    return await postmortems.publish(
        world.ledger, world.policy, world.asker(person), "INC-1", **(usual | changes)
    )
