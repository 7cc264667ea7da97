"""An opening: of the requests that wait for it the newest approved one starts, and nothing that nobody approved."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.artifact import Artifact
from bot.domain.audit import Fact
from bot.domain.change_request import Actor, Hold, Kind, RequestState, Start
from bot.domain.environment import Colour
from bot.domain.freeze import Freeze, FreezeClass
from bot.flows import owing
from bot.ports import Transaction
from tests.flows.fakes import NEXT_DIGEST, NEXT_TAG, OLD_DIGEST, OLD_TAG, TAG
from tests.flows.policy_text import NO_SEATS, ONE_SEAT
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = [pytest.mark.requirement("P6"), pytest.mark.requirement("P12"), pytest.mark.requirement("P9")]

SATURDAY = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)
MONDAY_MIDNIGHT = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)
NEXT = Start(mode="next")
LONG_LIFE = (
    "expires: 24h\n    monitors:\n      - {name: api",
    "expires: 7d\n    monitors:\n      - {name: api",
)


async def weekend(world: World, *changes: tuple[str, str]) -> World:
    """It is Saturday, production opens on Monday, and nothing but the calendar is in the way."""
    world.clock.at = SATURDAY
    await world.reload(ONE_SEAT, *changes)
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=2 * HOUR)
    return world


async def approved(world: World, *tags: str, start: Start = NEXT, **changes: Any) -> list[str]:
    """Requests for these versions, in this order, all approved."""
    ids = []
    for tag in tags:
        ids.append(await world.ask(artifact=tag, start=start, **changes))
        await world.run_timers()
        await world.approve("ada", request_id=ids[-1])
        assert await world.state_of(ids[-1]) == "approved"
    await world.deliveries()
    return ids


async def freeze(world: World, **changes: Any) -> None:
    """A hard freeze of everything, until somebody lifts it."""
    usual: dict[str, Any] = {
        "id": "FRZ-1",
        "environments": (),
        "services": (),
        "strength": FreezeClass.HARD,
        "reason": "Peak trading",
        "begins_at": world.clock.now() - SECOND,
        "ends_at": None,
        "break_glass": False,
        "declared_by": Actor(via="slack:T1/U01ADA", person="ada"),
        "declared_at": world.clock.now(),
    }
    made = Freeze(**(usual | changes))

    def step(tx: Transaction) -> None:
        tx.freezes.put(made, Fact(type="freeze.declared"))
        for request in tx.requests.open():
            owing.evaluate_at(tx, request, tx.now)

    await world.ledger.write(step)


async def state(world: World, *ids: str) -> list[str]:
    return [await world.state_of(id_) for id_ in ids]


async def test_the_newest_of_those_that_wait_for_an_opening_starts_and_the_older_are_superseded(
    world: World,
) -> None:
    await weekend(world)
    older, newer = await approved(world, TAG, NEXT_TAG)
    await world.pass_until(MONDAY_MIDNIGHT - SECOND)
    assert world.deployer.started == []
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.request for r in world.deployer.started] == [newer]
    assert await state(world, older, newer) == ["cancelled", "live"]
    closing = (await world.request(older)).closing
    assert closing is not None
    assert (closing.code, closing.reason, closing.by.via) == ("superseded", newer, "portcullis")
    told = [d for d in await world.deliveries("request-answer") if d.subject == older]
    assert [(d.destination, d.facts["code"], d.facts["newer"]) for d in told] == [
        ("slack:user:U05LIN", "superseded", newer)
    ]
    (entry,) = [e for e in await world.entries(f"request/{older}") if e["type"] == "request.cancelled"]
    assert entry["facts"] == {"code": "superseded", "newer": newer}
    assert ("evaluate", older) not in world.timers_set()


@pytest.mark.parametrize("first", ["DEP-1", "DEP-2"])
async def test_whichever_timer_fires_first_the_newest_starts(world: World, first: str) -> None:
    await weekend(world)
    await approved(world, TAG, NEXT_TAG)
    world.clock.at = MONDAY_MIDNIGHT
    await world.fire("evaluate", first)
    assert await state(world, "DEP-1", "DEP-2") == ["cancelled", "starting"]
    await world.run_timers()
    assert [r.request for r in world.deployer.started] == ["DEP-2"]


async def test_a_newer_one_that_is_blocked_does_not_stop_the_older(world: World) -> None:
    await weekend(world)
    older, newer = await approved(world, TAG, NEXT_TAG)
    await world.state("scan", artifact=NEXT_TAG, digest=NEXT_DIGEST, counts={"critical": 1, "high": 0})
    # Its evidence changed, so what was approved no longer is: it is refused, and not in the way.
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.request for r in world.deployer.started] == [older]
    assert await state(world, older, newer) == ["live", "refused"]


async def test_a_newer_one_whose_registry_entry_is_gone_at_the_opening_is_passed_by(world: World) -> None:
    await weekend(world)
    older, newer = await approved(world, TAG, NEXT_TAG)
    del world.registry.digests[NEXT_TAG]
    world.clock.at = MONDAY_MIDNIGHT
    await world.fire("evaluate", older)
    assert await state(world, older, newer) == ["starting", "approved"]
    assert await world.outcome("immutable-artifact", newer) == ("blocked", "not-in-registry")


async def test_one_that_nobody_approved_does_not_start_and_is_not_in_the_way(world: World) -> None:
    await weekend(world)
    (older,) = await approved(world, TAG)
    newer = await world.ask(artifact=NEXT_TAG, start=NEXT)
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.request for r in world.deployer.started] == [older]
    assert await state(world, older, newer) == ["live", "awaiting-approval"]


async def test_an_older_one_for_whom_a_person_has_to_press_start_stays_and_is_told(world: World) -> None:
    await weekend(world)
    (older,) = await approved(world, TAG, start=Start())
    (newer,) = await approved(world, NEXT_TAG)
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.request for r in world.deployer.started] == [newer]
    assert (await world.request(older)).is_open
    told = [d.facts["code"] for d in await world.deliveries("request-answer") if d.subject == older]
    assert "overtaken" in told


async def test_an_older_one_that_a_person_holds_or_that_is_for_later_stays_and_is_told(world: World) -> None:
    await weekend(world, LONG_LIFE)
    (held,) = await approved(world, TAG)
    await world.ledger.write(
        lambda tx: tx.requests.put(
            _held(tx, held), Fact(type="request.held", by=Actor(via="slack:T1/U02BO", person="bo"))
        )
    )
    (newer,) = await approved(world, NEXT_TAG)
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.request for r in world.deployer.started] == [newer]
    assert (await world.request(held)).is_open
    assert (await world.request(held)).held is not None


def _held(tx: Transaction, request_id: str) -> Any:
    request = tx.requests.get(request_id, lock=True)
    assert request is not None
    return replace(request, held=Hold(by=Actor(via="x", person="bo"), at=tx.now, reason="wait"))


async def test_what_a_person_holds_is_judged_on_and_does_not_start(world: World) -> None:
    await weekend(world, LONG_LIFE)
    (id_,) = await approved(world, TAG)
    await world.ledger.write(lambda tx: tx.requests.put(_held(tx, id_), Fact(type="request.held")))
    await world.pass_until(MONDAY_MIDNIGHT + HOUR)
    assert world.deployer.started == []
    assert await world.outcome("calendar", id_) == ("passed", "allowed")
    assert await world.told("request-answer") == []


async def test_a_rollback_supersedes_nothing(world: World) -> None:
    await weekend(world, LONG_LIFE)
    (waiting,) = await approved(world, TAG)
    (back,) = await approved(world, NEXT_TAG)

    def as_rollback(tx: Transaction) -> None:
        request = tx.requests.get(back, lock=True)
        assert request is not None
        old = replace(
            request,
            kind=Kind.ROLLBACK,
            artifact=Artifact(OLD_TAG, OLD_DIGEST),
            rollback_target=request.artifact,
        )
        tx.requests.put(old, Fact(type="test"))

    await world.ledger.write(as_rollback)
    world.clock.at = SATURDAY + HOUR
    await world.fire("evaluate", back)  # another kind is another question: it is approved anew
    await world.approve("ada", request_id=back)
    assert [r.request for r in world.deployer.rolled_back] == [back]
    assert (await world.request(waiting)).is_open


# --- frozen until somebody lifts it ---------------------------------------------------------------------------------


async def test_a_freeze_without_an_end_holds_what_is_approved_until_it_is_lifted(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await freeze(world)
    id_ = await world.ask(start=NEXT)
    await world.run_timers()
    assert await world.outcome("calendar", id_) == ("waiting", "frozen")
    await world.approve("ada")
    assert await world.state_of(id_) == "approved"
    await world.pass_time(3 * HOUR)
    assert world.deployer.started == []
    await freeze(world, lifted_at=world.clock.now(), lifted_by=Actor(via="x", person="ada"))
    await world.run_timers()
    assert await world.state_of(id_) == "live"


async def test_what_waits_for_nobody_knows_when_expires_as_any_other_does(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await freeze(world)
    asked_at = world.clock.now()
    id_ = await world.ask(start=NEXT)
    await world.run_timers()
    assert (await world.request(id_)).expires_at == asked_at + DAY
    await world.pass_time(DAY)
    assert await world.state_of(id_) == "expired"


async def test_a_soft_freeze_takes_a_reason(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await freeze(world, strength=FreezeClass.SOFT)
    id_ = await world.ask()
    await world.run_timers()
    closing = (await world.request(id_)).closing
    assert closing is not None
    assert closing.code == "needs-reason"
    second = await world.ask(reason="Card captures fail")
    await world.run_timers()
    await world.approve("ada", request_id=second)
    assert await world.state_of(second) == "live"


async def test_an_unapproved_request_does_not_start_when_the_freeze_is_lifted(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await freeze(world)
    await world.ask(start=NEXT)
    await world.run_timers()
    await freeze(world, lifted_at=world.clock.now() + SECOND, lifted_by=Actor(via="x", person="ada"))
    await world.pass_time(HOUR)
    assert world.deployer.started == []
    assert await world.state_of() == "awaiting-approval"


# --- the Start button -----------------------------------------------------------------------------------------------


async def test_the_start_button_is_offered_once_at_the_opening_and_not_at_each_flap(world: World) -> None:
    await weekend(world)
    await approved(world, TAG, start=Start())
    await world.pass_until(MONDAY_MIDNIGHT)
    assert await world.told("request-answer", "lin") == ["ready-to-start"]
    for _ in range(3):
        await world.pass_time(5 * MINUTE)
        await world.see("production", "db", Colour.RED)
        await world.run_timers()
        await world.see("production", "db", Colour.GREEN)
        await world.run_timers()
    assert await world.told("request-answer", "lin") == []
    await world.see("production", "db", Colour.RED)
    await world.run_timers()
    await world.pass_time(HOUR)
    await world.see("production", "db", Colour.GREEN)
    await world.run_timers()
    assert await world.told("request-answer", "lin") == ["ready-to-start"]  # after so long it is news again


async def test_many_that_open_together_are_one_message_to_a_person(world: World) -> None:
    await weekend(world)
    first, second = await approved(world, TAG, NEXT_TAG, start=Start())
    world.clock.at = MONDAY_MIDNIGHT
    await world.fire("evaluate", second)
    await world.fire("evaluate", first)
    (told,) = await world.deliveries("request-answer")
    assert told.facts["code"] == "ready-to-start"


async def test_who_resumes_what_was_held_over_the_opening_is_offered_the_button(world: World) -> None:
    await weekend(world, LONG_LIFE)
    (id_,) = await approved(world, TAG, start=Start())
    await world.ledger.write(lambda tx: tx.requests.put(_held(tx, id_), Fact(type="request.held")))
    await world.pass_until(MONDAY_MIDNIGHT + HOUR)
    assert await world.told("request-answer") == []

    def resume(tx: Transaction) -> None:
        request = tx.requests.get(id_, lock=True)
        assert request is not None
        tx.requests.put(replace(request, held=None), Fact(type="request.resumed"))
        owing.evaluate_at(tx, request, tx.now)

    await world.ledger.write(resume)
    await world.run_timers()
    assert await world.told("request-answer") == ["ready-to-start"]


# --- at= ------------------------------------------------------------------------------------------------------------


async def test_a_request_for_an_instant_that_is_closed_says_at_once_when_it_opens(world: World) -> None:
    await weekend(world)
    sunday = SATURDAY + DAY
    done = await world.submit(start=Start(mode="at", at=sunday))
    assert (done.closed_at, done.opens_at) == (sunday, MONDAY_MIDNIGHT)
    await world.run_timers()
    await world.approve("ada", request_id=done.request_id)
    await world.pass_until(MONDAY_MIDNIGHT - SECOND)
    assert world.deployer.started == []
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.intended_at for r in world.deployer.started] == [MONDAY_MIDNIGHT]


async def test_a_request_for_an_instant_that_is_open_says_nothing_of_it(world: World) -> None:
    await weekend(world)
    done = await world.submit(start=Start(mode="at", at=MONDAY_MIDNIGHT + HOUR))
    assert (done.closed_at, done.opens_at) == (None, None)


async def test_a_request_for_an_instant_within_a_freeze_without_an_end_says_that_nobody_knows(
    world: World,
) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await freeze(world)
    at = world.clock.now() + HOUR
    done = await world.submit(start=Start(mode="at", at=at))
    assert (done.closed_at, done.opens_at) == (at, None)


# --- any order ------------------------------------------------------------------------------------------------------

TAGS = tuple(f"{n:07x}" for n in range(1, 7))


@pytest.mark.parametrize("seed", range(12))
async def test_in_any_order_of_timers_and_events_one_starts_and_no_older_one_follows_it(
    world: World, seed: int
) -> None:
    """Six requests of one place, with whatever starts, approvals, blockers and orders chance gives them."""
    chance = random.Random(seed)  # noqa: S311 -- a test's dice
    await weekend(world, LONG_LIFE)
    asked: dict[str, Start] = {}
    for number, tag in enumerate(TAGS):
        digest = f"sha256:{number + 7:064x}"
        world.registry.digests[tag] = digest
        await world.prove(tag, digest, soaked=(20 - 2 * number) * HOUR)
        start = chance.choice(
            [NEXT, NEXT, Start(), Start(mode="at", at=SATURDAY + chance.choice([DAY, 9 * DAY]))]
        )
        id_ = await world.ask(artifact=tag, start=start)
        asked[id_] = start
        await world.run_timers()
        if chance.random() < 0.8:
            await world.approve("ada", request_id=id_)
    for tag in chance.sample(TAGS, 2):
        if chance.random() < 0.5:
            del world.registry.digests[tag]
    world.clock.at = MONDAY_MIDNIGHT
    ids = list(asked)
    for _ in range(4):  # one after the other, or at once as several workers do
        fired = chance.choices(ids, k=chance.choice([1, 4]))
        await asyncio.gather(*(world.fire("evaluate", id_) for id_ in fired))
    by_itself = {i for i, s in asked.items() if s.mode == "next" or (s.at and s.at <= MONDAY_MIDNIGHT)}
    started = [i for i in ids if await world.state_of(i) == "starting"]
    ready = [i for i in by_itself if (await world.request(i)).state is RequestState.APPROVED]
    assert len(started) <= 1
    if started:
        assert started[0] in by_itself
        assert all(
            i > started[0] for i in ready
        )  # whatever is older is superseded, and what is newer could not
    await world.run_timers()
    await world.pass_time(2 * HOUR)
    runs = [r.request for r in world.deployer.started]
    assert len(runs) == len(set(runs)) <= 1  # what was approved beside it is another question now
    assert not started or runs == started
    for id_ in ids:
        request = await world.request(id_)
        if request.closing is not None and request.closing.code == "superseded":
            assert runs
            assert request.closing.reason == runs[0] > id_
    for id_ in runs:
        assert "approval.counted" in [
            t
            for e in await world.entries()
            if e["subject"].startswith(f"approval/{id_}/")
            for t in [e["type"]]
        ]
    await world.pass_time(timedelta(days=40))
    assert await world.ledger.read(lambda tx: tx.requests.open()) == []


@pytest.mark.parametrize("blocked", [0, 3])
async def test_an_opening_for_many_is_no_storm(world: World, blocked: int) -> None:
    """Each is looked at once, and the newest ones once more for each that would go before them."""
    await weekend(world, LONG_LIFE)
    tags = [f"{n:07x}" for n in range(1, 13)]
    for number, tag in enumerate(tags):
        digest = world.registry.digests[tag] = f"sha256:{number + 7:064x}"
        await world.prove(tag, digest, soaked=(40 - 2 * number) * HOUR)
    ids = await approved(world, *tags)
    for tag in tags[len(tags) - blocked :]:
        del world.registry.digests[tag]
    world.clock.at = MONDAY_MIDNIGHT
    world.registry.asked.clear()
    for id_ in ids:  # the oldest first: the worst order
        await world.fire("evaluate", id_)
    asked = [tag for tag in world.registry.asked if tag in tags]
    assert [r for r in ids if await world.state_of(r) == "starting"] == [ids[-1 - blocked]]
    assert len(asked) <= 2 + 2 * blocked + 1


@pytest.mark.requirement("D1")
async def test_while_nothing_may_start_nobody_looks_at_what_is_newer(world: World) -> None:
    await weekend(world)
    ids = await approved(world, TAG, NEXT_TAG)
    await world.see("production", "db", Colour.RED)
    world.clock.at = MONDAY_MIDNIGHT
    world.registry.asked.clear()
    await world.fire("evaluate", ids[0])
    assert NEXT_TAG not in world.registry.asked


async def test_what_was_approved_while_the_older_was_judged_goes_first_all_the_same(world: World) -> None:
    """The newer one's last seat is filled between the older's look at its siblings and its start."""
    await weekend(world)
    (older,) = await approved(world, TAG)
    newer = await world.ask(artifact=NEXT_TAG, start=NEXT)
    await world.run_timers()
    world.clock.at = MONDAY_MIDNIGHT

    async def approve() -> None:
        await world.sign("ada", newer)
        await world.fire("evaluate", newer)

    world.registry.meanwhile = approve
    await world.fire("evaluate", older)
    await world.run_timers()
    assert [r.request for r in world.deployer.started] == [newer]


async def test_an_opening_that_comes_between_two_judgements_is_not_missed(world: World) -> None:
    """The newer one is judged a moment before the window opens, the older one a moment after."""
    await weekend(world)
    older, newer = await approved(world, TAG, NEXT_TAG)
    world.clock.at = MONDAY_MIDNIGHT - timedelta(milliseconds=1)
    asked = 0

    async def tick() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            world.clock.at = MONDAY_MIDNIGHT
        else:
            world.registry.meanwhile = tick

    world.registry.meanwhile = tick
    for _ in range(3):
        await world.fire("evaluate", older)
    await world.run_timers()
    assert [r.request for r in world.deployer.started] == [newer]


async def test_a_place_without_seats_obeys_the_same_order(world: World) -> None:
    world.clock.at = SATURDAY
    await world.reload(NO_SEATS)
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=2 * HOUR)
    for tag in (TAG, NEXT_TAG):
        await world.ask(artifact=tag, start=NEXT)
    await world.pass_until(MONDAY_MIDNIGHT)
    assert [r.request for r in world.deployer.started] == ["DEP-2"]
    assert await state(world, "DEP-1", "DEP-2") == ["cancelled", "live"]
