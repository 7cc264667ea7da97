"""The moments of freezes, declared ones and the policy's: told once, in their order, and only while they are true."""

import asyncio
import re
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.refusal import Refusal
from bot.flows.freezes import freezes, one_freeze
from bot.flows.keep_feed import keep
from tests.flows.feed_text import PEAK as PEAK_LINE
from tests.flows.feed_text import URL, calendar, feed, good
from tests.flows.freezing import declare, lift, told
from tests.flows.policy_text import REWORDED
from tests.flows.world import DAY, HOUR, SECOND, World


async def test_a_timer_that_outlives_its_freeze_tells_nothing(world: World) -> None:
    await declare(world, begins_at=world.clock.now() + HOUR)
    await lift(world)
    await told(world)
    for moment in ("day-before", "begin", "end"):
        await world.fire("freeze", f"FRZ-1/{moment}")
    await world.fire("freeze", "FRZ-7/begin")
    assert await told(world) == []


async def test_a_moment_that_fires_twice_is_told_once(world: World) -> None:
    await declare(world, begins_at=world.clock.now() + HOUR, ends_at=world.clock.now() + 2 * HOUR)
    await told(world)
    world.clock.advance(HOUR)
    for _ in range(2):
        await world.fire("freeze", "FRZ-1/begin")
    assert await told(world) == [("FRZ-1", "begun")]


async def test_a_clock_that_was_set_back_tells_later(world: World) -> None:
    await declare(world, begins_at=world.clock.now() + 2 * HOUR)
    await told(world)
    await world.fire("freeze", "FRZ-1/begin")
    assert await told(world) == []
    await world.pass_time(2 * HOUR)
    assert await told(world) == [("FRZ-1", "begun")]


# A bot that was away


@pytest.mark.requirement("P6")
async def test_after_a_restart_over_the_beginning_it_is_told_late(world: World) -> None:
    now = world.clock.now()
    await declare(world, begins_at=now + 2 * DAY, ends_at=now + 9 * DAY)
    await told(world)
    world.clock.advance(3 * DAY)
    await world.restart()
    await world.run_timers()
    assert await told(world) == [("FRZ-1", "begun")]


async def test_after_a_restart_over_all_of_it_one_line_is_told(world: World) -> None:
    now = world.clock.now()
    await declare(world, begins_at=now + 2 * DAY, ends_at=now + 3 * DAY)
    await told(world)
    world.clock.advance(30 * DAY)
    await world.restart()
    await world.run_timers()
    assert await told(world) == [("FRZ-1", "over")]


# What stands in the policy

PEAK = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # midnight in New York
PEAK_ENDS = datetime(2026, 12, 1, 5, 0, tzinfo=UTC)
STANDS = f"policy:peak-trading:{int(PEAK.timestamp())}"


@pytest.mark.requirement("P6")
async def test_a_freeze_of_the_policy_is_told_like_a_declared_one(world: World) -> None:
    await world.reload(REWORDED)
    for at, code in ((PEAK - DAY, "day-before"), (PEAK, "begun"), (PEAK_ENDS, "over")):
        await world.pass_until(at - SECOND)
        assert await told(world) == []
        await world.pass_until(at)
        assert await told(world) == [(STANDS, code)]
    await world.pass_time(9 * DAY)
    assert await told(world) == []
    assert world.timers_set() == {("freeze-ahead", "policy"), ("handoff", "primary")}


async def test_a_freeze_of_a_new_policy_that_is_in_force_already_is_told_at_once_and_once(
    world: World,
) -> None:
    world.clock.advance(14 * DAY)
    await world.reload()
    await world.run_timers()
    assert await told(world) == [(STANDS, "begun")]
    await world.reload(REWORDED)
    await world.pass_time(2 * DAY)
    assert await told(world) == []
    await world.pass_until(PEAK_ENDS)
    assert await told(world) == [(STANDS, "over")]


async def test_a_freeze_that_left_the_policy_is_not_told(world: World) -> None:
    await world.reload()
    await world.pass_until(PEAK - HOUR)
    await told(world)
    await world.reload(('from: "2026-11-23", to: "2026-12-01"', 'from: "2026-12-23", to: "2026-12-24"'))
    await world.pass_until(PEAK_ENDS + DAY)
    assert await told(world) == []


async def test_a_bot_that_was_away_tells_of_the_policys_freeze_as_it_is_now(world: World) -> None:
    await world.reload()
    await world.run_timers()
    world.clock.at = PEAK + 2 * DAY
    await world.restart()
    await world.run_timers()
    assert await told(world) == [(STANDS, "begun")]


async def test_days_of_one_rule_that_touch_are_one_freeze(world: World) -> None:
    touching = (
        '    - {name: peak-trading, environments: [production], from: "2026-11-23", to: "2026-12-01", effect: prohibit}\n',
        "    - {name: moving, ics: moving.ics, effect: discourage}\n",
    )
    days = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20261101T000000Z\r\nSUMMARY:Moving day {n}\r\n"
        f"DTSTART;VALUE=DATE:202611{20 + n}\r\nDTEND;VALUE=DATE:202611{21 + n}\r\nEND:VEVENT\r\n"
        for n in (1, 2, 3)
    )
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{days}END:VCALENDAR\r\n"
    world.policy = await _with_ics(world, touching, calendar)
    await world.fire("freeze-ahead", "policy")
    await world.pass_time(30 * DAY)
    assert [code for _, code in await told(world)] == ["day-before", "begun", "over"]


async def _with_ics(world: World, change: tuple[str, str], calendar: str) -> Any:
    from bot.gates import GATES
    from bot.policy import parse
    from tests.flows.policy_text import POLICY

    folder = Path(world.url.removeprefix("sqlite:///")).parent
    (folder / "moving.ics").write_text(calendar, newline="")
    assert change[0] in POLICY
    gates = {name: gate.parameters for name, gate in GATES.items()}
    return parse(POLICY.replace(*change), "policy.yaml", gates, folder)


async def test_what_is_in_force_and_ahead_is_listed_in_its_order(world: World) -> None:
    now = world.clock.now()
    await declare(world, begins_at=now + DAY)
    await declare(world, ends_at=now + HOUR)
    await declare(world, services=["pages"])
    await lift(world, freeze_id="FRZ-3")
    found = await freezes(world.ledger, world.policy)
    assert [f.name for f in found] == ["FRZ-2", "FRZ-1", "peak-trading"]
    one = await one_freeze(world.ledger, world.policy, "FRZ-2")
    assert one.may_lift == ("lin", "ada", "bo", "cy", "vic", "sam")
    assert (found[2].declared, found[2].begins_at, found[2].ends_at) == (None, PEAK, PEAK_ENDS)
    world.clock.advance(HOUR)
    assert [f.name for f in await freezes(world.ledger, world.policy)] == ["FRZ-1", "peak-trading"]


# Whatever happens in whatever order

STEPS = st.one_of(
    st.tuples(st.just("declare"), st.integers(-5, 80), st.none() | st.integers(1, 80)),
    st.tuples(st.just("lift"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("pass"), st.integers(1, 60), st.just(0)),
    st.tuples(st.just("away"), st.integers(1, 90), st.just(0)),
)
TOLD = re.compile(r"(declared )?(day-before )?(begun )?(over |lifted |called-off )?")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=12))
def test_each_moment_is_told_at_most_once_in_its_order_and_only_while_it_is_true(
    empty_installation: Path, steps: list[tuple[str, int, int | None]]
) -> None:
    async def walk() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "walk.db"
            shutil.copy(empty_installation, path)
            world = World(f"sqlite:///{path}")
            try:
                await _walk(world, steps)
            finally:
                await world.close()

    with asyncio.Runner() as runner:
        runner.run(walk())


async def _walk(world: World, steps: list[tuple[str, int, int | None]]) -> None:
    heard: dict[str, str] = {}
    for number, (verb, amount, length) in enumerate([*steps, ("pass", 400, 0)]):
        now = world.clock.now()
        with suppress(Refusal):
            if verb == "declare":
                begins = now + amount * HOUR
                ends = None if length is None else max(begins, now) + length * HOUR
                await declare(world, reason=str(number), begins_at=begins, ends_at=ends)
            elif verb == "lift":
                await lift(world, freeze_id=f"FRZ-{amount}")
            elif verb == "pass":
                await world.pass_time(amount * HOUR)
            else:
                world.clock.advance(amount * HOUR)
                await world.restart()
                await world.run_timers()
        for subject, code in await told(world):
            heard[subject] = heard.get(subject, "") + f"{code} "
    for made in await world.ledger.read(lambda tx: tx.freezes.newest(limit=99)):
        said = heard[made.id]
        assert TOLD.fullmatch(said), said
        over = made.ends_at is not None and made.lifted_at is None
        assert ("over" in said) is over
        assert said.startswith("begun" if made.begins_at == made.declared_at else "declared")
        if made.lifted_at is not None:
            assert said.endswith("lifted " if made.begins_at <= made.lifted_at else "called-off ")
        elif made.ends_at is None:
            assert "begun" in said


# What others change of it while it is in force

FETCHED = (
    PEAK_LINE,
    f"    - {{name: upstream, environments: [staging], ics: '{URL}', stale_after: 1000d}}\n",
)
DAY_BY_DAY = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20200101\nRRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR\n"
NOVEMBER = ("Audit", "20261101T000000Z", "20261201T000000Z")


async def fetched(world: World, body: bytes) -> list[str]:
    await keep(world.ledger, world.policy, feed(world), good(body))
    await world.run_timers()
    return [code for _, code in await told(world)]


@pytest.mark.requirement("P6")
async def test_a_freeze_that_recurs_without_a_gap_is_told_once(world: World) -> None:
    await world.reload(FETCHED)
    assert await fetched(world, DAY_BY_DAY) == ["begun"]
    await world.pass_time(5 * DAY)
    assert await told(world) == []


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    "after", [(), (("Audit", "20261101T000000Z", "20261105T000000Z"),)], ids=["called off", "cut short"]
)
async def test_a_freeze_that_ends_before_its_time_is_told_then_and_once(
    world: World, after: tuple[tuple[str, str, str], ...]
) -> None:
    await world.reload(FETCHED)
    assert await fetched(world, calendar(NOVEMBER)) == ["begun"]
    assert await fetched(world, calendar(*after)) == ["over"]
    await world.pass_time(40 * DAY)
    assert await told(world) == []
    assert await fetched(world, calendar(("Again", "20261220T000000Z", "20261229T000000Z"))) == ["begun"]


@pytest.mark.requirement("P6")
async def test_a_freeze_that_the_policy_drops_is_told_to_be_over(world: World) -> None:
    await world.reload(FETCHED)
    assert await fetched(world, calendar(NOVEMBER)) == ["begun"]
    await world.reload((PEAK_LINE, ""), ("  freezes:\n", ""))
    await world.run_timers()
    assert [code for _, code in await told(world)] == ["over"]


@pytest.mark.requirement("P6")
async def test_a_freeze_whose_beginning_is_moved_while_it_is_in_force_is_told_once(world: World) -> None:
    await world.reload(FETCHED)
    assert await fetched(world, calendar(NOVEMBER)) == ["begun"]
    assert await fetched(world, calendar(("Audit", "20261102T000000Z", "20261112T000000Z"))) == []
    await world.pass_time(30 * DAY)
    assert [code for _, code in await told(world)] == ["over"]
