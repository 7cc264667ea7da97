"""The hand-off tells who leaves and who takes over, once a change, also across restarts; notes go with it."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows import handoff
from bot.flows.on_duty import By
from handlers.wording.facts import Facts
from handlers.wording.oncall_refusals import ONCALL
from handlers.wording.said import Said
from handlers.wording.times import utc
from tests.flows.manning import ROTATION, SUN, Rota
from tests.flows.world import DAY, HOUR, SECOND

MONDAY = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)  # 09:00 in New York
CHANGE = [("user:U03CY", "leaves"), ("user:U02BO", "takes-over")]


@pytest.fixture
async def world(empty_installation: Path, tmp_path: Path) -> AsyncIterator[Rota]:
    path = tmp_path / "portcullis.db"
    shutil.copy(empty_installation, path)
    made = await Rota(f"sqlite:///{path}").begin()
    yield made
    await made.close()


async def test_at_the_first_look_nobody_leaves_and_the_timer_is_set(world: Rota) -> None:
    assert await world.notes("handoff-note") == []
    assert world.timers_set() == {("handoff", "primary")}
    assert await world.next_timer() == MONDAY


async def test_at_the_change_both_are_told_once_and_it_is_audited(world: Rota) -> None:
    await world.pass_until(MONDAY - SECOND)
    assert await world.notes("handoff-note") == []
    await world.pass_until(MONDAY)
    assert await world.notes("handoff-note") == CHANGE
    (entry,) = await world.entries("on-call/primary")
    assert (entry["type"], entry["facts"]["before"], entry["facts"]["after"]) == (
        "on-call.handed-over",
        "cy",
        "bo",
    )
    await world.look()
    await world.look()
    assert await world.notes("handoff-note") == []
    await world.pass_until(MONDAY + 7 * DAY)
    assert await world.notes("handoff-note") == [("user:U02BO", "leaves"), ("user:U01ADA", "takes-over")]


async def test_a_bot_that_was_down_over_the_change_tells_it_once(world: Rota) -> None:
    world.clock.at = MONDAY + HOUR
    await world.restart()
    await world.look()
    await world.run_timers()
    assert await world.notes("handoff-note") == CHANGE


async def test_a_bot_that_slept_through_two_changes_tells_what_is_so_now(world: Rota) -> None:
    world.clock.at = MONDAY + 8 * DAY
    await world.run_timers()
    assert await world.notes("handoff-note") == [("user:U03CY", "leaves"), ("user:U01ADA", "takes-over")]


async def test_an_override_changes_it_now_and_sets_the_next_one(world: Rota) -> None:
    now = world.clock.now()
    await world.override("cy", "vic", 2 * HOUR, 3 * HOUR)
    await world.run_timers()
    assert await world.notes("handoff-note") == []
    assert await world.next_timer() == now + 2 * HOUR
    await world.pass_until(now + 2 * HOUR)
    assert await world.notes("handoff-note") == [("user:U03CY", "leaves"), ("user:U04VIC", "takes-over")]
    await world.pass_until(now + 5 * HOUR)
    assert await world.notes("handoff-note") == [("user:U04VIC", "leaves"), ("user:U03CY", "takes-over")]
    assert await world.next_timer() == MONDAY


async def test_one_that_is_taken_back_before_is_not_handed_over(world: Rota) -> None:
    now = world.clock.now()
    await world.override("cy", "vic", 2 * HOUR, 3 * HOUR)
    await world.cancel("cy")
    await world.pass_until(now + 6 * HOUR)
    assert await world.notes("handoff-note") == []


async def test_another_policy_sets_the_timer_anew_and_a_change_by_it_is_told(world: Rota) -> None:
    await world.begin(
        (ROTATION, ROTATION.replace("[cy, bo, ada]", "[vic, sam]").replace("9 * * MON", "9 * * *"))
    )
    assert await world.notes("handoff-note") == [("user:U03CY", "leaves"), ("user:U06SAM", "takes-over")]
    assert await world.next_timer() == world.clock.now() + 23 * HOUR


async def test_a_rotation_that_left_the_policy_is_forgotten(world: Rota) -> None:
    gone = (ROTATION, ROTATION), ("  primary:", "  second:"), ("on_call: primary", "on_call: second")
    await world.begin(*gone)
    await world.pass_until(MONDAY)
    assert await world.on_duty() is None
    assert (await world.duty()).by is By.NOBODY
    assert world.timers_set() == {("handoff", "second")}


async def test_layers_hand_over_at_their_own_hours(world: Rota) -> None:
    await world.begin(SUN)
    await world.notes("handoff-note")
    await world.pass_time(HOUR)  # 17:00 in Berlin
    assert await world.notes("handoff-note") == [("user:U04VIC", "leaves"), ("user:U03CY", "takes-over")]


async def test_notes_pass_to_the_next_one_and_are_gone_then(world: Rota) -> None:
    left = await handoff.leave_note(
        world.ledger, world.policy, world.asker("cy"), None, "  The disk of db-2 is slow ", key="n1"
    )
    assert [(n.by, n.text) for n in left.notes] == [("cy", "The disk of db-2 is slow")]
    await world.pass_until(MONDAY)
    told = await world.owed("handoff-note")
    assert all(d.facts["notes"][0]["text"] == "The disk of db-2 is slow" for d in told)  # type: ignore[index,call-overload]
    assert (await handoff.rosters(world.ledger, world.policy))[0].notes == ()


SEVERAL = ("primary: {" + ROTATION + "}", "primary: {" + ROTATION + "}\n  database: {" + ROTATION + "}")


@pytest.mark.parametrize(
    ("text", "meant"), [("databse pool is slow", "database"), ("databse", "database"), ("the pool", None)]
)
async def test_with_several_rotations_a_note_is_never_guessed_into_one(
    world: Rota, text: str, meant: str | None
) -> None:
    await world.begin(SEVERAL)
    with pytest.raises(Refusal, match="handoff-which-rotation") as refused:
        await handoff.leave_note(world.ledger, world.policy, world.asker("cy"), None, text, key="n")
    assert refused.value.facts["meant"] == meant
    said = ONCALL["handoff-which-rotation"](Said(Facts(refused.value.facts), str, utc))
    assert ("Did you mean “database”?" in said) is (meant is not None)
    assert "Nothing was kept." in said
    assert all(not each.notes for each in await handoff.rosters(world.ledger, world.policy))
    await handoff.leave_note(world.ledger, world.policy, world.asker("cy"), "database", text, key="m")


@pytest.mark.parametrize(("text", "code"), [(" ", "handoff-no-note"), ("x" * 501, "handoff-note-too-long")])
async def test_a_note_has_something_to_say_and_says_it_shortly(world: Rota, text: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        await handoff.leave_note(world.ledger, world.policy, world.asker("cy"), "primary", text, key="n")


async def test_ten_notes_are_enough_and_the_same_command_leaves_one(world: Rota) -> None:
    for number in (1, 1, *range(2, 11)):
        await handoff.leave_note(
            world.ledger, world.policy, world.asker("lin"), "primary", "x", key=f"n{number}"
        )
    with pytest.raises(Refusal, match="too-many-notes"):
        await handoff.leave_note(world.ledger, world.policy, world.asker("lin"), "primary", "x", key="last")


async def test_what_is_open_is_gathered_in_one_place(world: Rota) -> None:
    await world.see("staging", "status", Colour.RED)
    work = await handoff.open_work(world.ledger, world.policy)
    assert [i.environment for i in work.incidents] == ["staging"]
    assert (work.held, work.freezes, work.reviews) == ((), (), ())


async def test_who_is_asked_of_a_rotation_or_of_all_and_at_another_instant(world: Rota) -> None:
    (now,) = await handoff.rosters(world.ledger, world.policy)
    assert (now.duty.person, now.duty.until, now.duty.then, now.zone) == (
        "cy",
        MONDAY,
        "bo",
        "America/New_York",
    )
    (later,) = await handoff.rosters(world.ledger, world.policy, "primary", MONDAY + 8 * DAY)
    assert later.duty.person == "ada"
    with pytest.raises(Refusal, match="unknown-rotation"):
        await handoff.rosters(world.ledger, world.policy, "primry")
