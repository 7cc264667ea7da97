"""Silence that nobody could hear is no alarm, and silence that only looks so is one (C10)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flows.listening import GAP, MOST_GAPS, Listening, hear_nothing, keep_listening, listen, listening_of
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("C10")
READ = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "gaps", "alarm"),
    [
        (-HOUR, [], DAY),
        (HOUR, [(0, 1)], DAY + HOUR),  # away for an hour just after it reported: it has its time once more
        (23 * HOUR, [(22, 23)], 2 * DAY - HOUR),
        (
            47 * HOUR,
            [(23, 23.5), (46.5, 47)],
            2 * DAY + HOUR,
        ),  # away night after night: at most twice, and the gaps
        (
            8 * DAY,
            [(1, 192)],
            9 * DAY,
        ),  # away for a week: nobody is paged at once for what could not be heard
    ],
    ids=["listened", "away at once", "away late", "away each night", "away for a week"],
)
def test_an_alarm_is_put_off_by_what_nobody_heard_and_not_for_ever(
    since: timedelta, gaps: list[tuple[float, float]], alarm: timedelta
) -> None:
    found = Listening(READ + since, tuple((READ + a * HOUR, READ + b * HOUR) for a, b in gaps))
    assert found.alarm_at(READ, DAY, READ + 20 * DAY) - READ == alarm


@given(
    restarts=st.lists(st.integers(0, 10_000), max_size=30).map(sorted),
    away=st.integers(0, 300),
    limit=st.integers(1, 2000),
)
def test_who_is_silent_alarms_after_twice_its_time_and_no_sooner_than_after_its_time(
    restarts: list[int], away: int, limit: int
) -> None:
    """Minutes: the bot is away again and again, for as long each time."""
    gaps = tuple((READ + n * MINUTE, READ + n * MINUTE + away * SECOND) for n in restarts)
    apart = [gap for n, gap in enumerate(gaps) if n == 0 or gap[0] > gaps[n - 1][1]]
    since = apart[-1][1] if apart else READ
    now = READ + 20_000 * MINUTE
    found = Listening(since, tuple(apart)).alarm_at(READ, limit * MINUTE, now)
    deaf = sum((end - begin for begin, end in apart), timedelta(0))
    assert limit * MINUTE <= found - READ <= 2 * limit * MINUTE + deaf


async def test_gaps_are_kept_in_their_order_and_a_bounded_number(world: World) -> None:
    await listen(world.ledger)
    for _ in range(MOST_GAPS + 20):
        world.clock.advance(20 * SECOND)
        await world.ledger.write(keep_listening)
        world.clock.advance(2 * MINUTE)
        await listen(world.ledger)
    world.clock.advance(HOUR)
    await world.ledger.write(keep_listening)
    world.clock.at -= 30 * MINUTE  # the clock goes back
    await listen(world.ledger)
    for _ in range(3):
        await hear_nothing(world.ledger)
        world.clock.advance(10 * SECOND)
    found = await world.ledger.read(listening_of)
    assert found is not None
    assert len(found.gaps) == MOST_GAPS
    flat = [at for gap in found.gaps for at in gap]
    assert flat == sorted(flat)
    assert found.gaps[-1][1] - found.gaps[-1][0] == 20 * SECOND


async def test_a_blindness_of_a_moment_is_a_gap_of_its_own(world: World) -> None:
    await listen(world.ledger)
    for _ in range(3):
        await hear_nothing(world.ledger)
        world.clock.advance(GAP + SECOND)
        await world.ledger.write(keep_listening)
    found = await world.ledger.read(listening_of)
    assert found is not None
    assert [end - begin for begin, end in found.gaps] == [timedelta(0)] * 3
