"""One watcher: a second process stands by, and watches within half a minute of the first one's end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.flows.one_watcher import IMPOSSIBLE, LEASE, give_up, take_or_keep
from bot.jobs import turn as turns
from bot.jobs.turn import KEEP_EVERY, ME, Turn, is_gone
from bot.jobs.watch import Watch
from bot.policy.monitors import HeartbeatMonitor
from storage.ledger import Ledger
from tests.conftest import FakeClock
from tests.jobs.conftest import running, until
from tests.jobs.test_watch import FakeProber, Holder, policy

pytestmark = pytest.mark.requirement("F14")
SECOND = timedelta(seconds=1)


class Seconds:
    """A clock of the loop that moves with the ledger's."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock, self._began = clock, clock.at

    def __call__(self) -> float:
        return (self._clock.at - self._began).total_seconds()


async def test_of_two_processes_one_watches(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    answers = await asyncio.gather(
        *(take_or_keep(each, name) for each, name in ((ledger, "one"), (open_ledger(), "two")))
    )
    assert sorted(each.mine for each in answers) == [False, True]
    assert len({each.name for each in answers}) == 1


async def test_it_is_kept_by_whoever_has_it_and_taken_when_its_lease_is_over(
    sqlite: Ledger, clock: FakeClock
) -> None:
    for _ in range(20):
        assert (await take_or_keep(sqlite, "one")).mine
        clock.advance(5 * SECOND)
        assert not (await take_or_keep(sqlite, "two")).mine
    clock.advance(LEASE)
    assert (await take_or_keep(sqlite, "two")).mine
    assert not (await take_or_keep(sqlite, "one")).mine


async def test_who_stops_leaves_it_to_the_other_at_once_and_nobody_gives_up_anothers(sqlite: Ledger) -> None:
    assert (await take_or_keep(sqlite, "one")).mine
    await give_up(sqlite, "two")
    assert not (await take_or_keep(sqlite, "two")).mine
    await give_up(sqlite, "one")
    assert (await take_or_keep(sqlite, "two")).mine


async def test_a_lease_of_a_clock_that_was_wrong_is_not_waited_for(sqlite: Ledger, clock: FakeClock) -> None:
    now = clock.at
    clock.at = now + timedelta(days=365)
    assert (await take_or_keep(sqlite, "one")).mine
    clock.at = now
    assert (await take_or_keep(sqlite, "two")).mine
    assert IMPOSSIBLE > LEASE


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 25)), max_size=25))
def test_never_do_two_believe_that_it_is_theirs(steps: list[tuple[str, int]]) -> None:
    """Each asks when it likes, and the time between passes as it likes."""

    async def walk() -> None:
        clock = FakeClock()
        ledger = Memory(clock)
        processes = {name: Turn(ledger, name, seconds=Seconds(clock)) for name in "abc"}  # type: ignore[arg-type]
        for name, seconds in steps:
            await processes[name].look()
            assert sum(each.mine for each in processes.values()) <= 1
            clock.advance(seconds * SECOND)
            assert sum(each.mine for each in processes.values()) <= 1

    asyncio.run(walk())


class Memory:
    """A ledger of one place, which is all that the lease needs; it is both the ledger and its transaction."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._place: dict[str, object] = {}

    @property
    def now(self) -> object:
        return self._clock.now()

    def place(self, *_: str) -> dict[str, object]:
        return self._place

    def put_place(self, _subject: str, _surface: str, place: dict[str, object]) -> None:
        self._place = place

    async def write(self, step: Callable[["Memory"], object]) -> object:
        return step(self)


async def test_a_ledger_that_is_away_ends_the_turn_with_the_lease(clock: FakeClock) -> None:
    ledger = Memory(clock)
    turn = Turn(ledger, "one", seconds=Seconds(clock))  # type: ignore[arg-type]
    await turn.look()
    assert turn.mine

    async def away(_: object) -> object:
        raise OSError

    ledger.write = away  # type: ignore[method-assign, assignment]
    clock.advance(10 * SECOND)
    await turn.look()
    assert turn.mine
    clock.advance(LEASE)
    heard: list[None] = []
    turn.changed = lambda: heard.append(None)
    await turn.look()
    assert (turn.mine, len(heard), turn.pulse.failed) == (False, 1, 2)


def test_a_dead_process_of_this_machine_is_known_and_anybody_else_is_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    place, _, token = ME.rsplit(" ", 2)
    dead = f"{place} {child.pid} {token}"
    assert is_gone(dead) is not place.endswith("unknown")
    assert not is_gone(ME)
    assert not is_gone(f"elsewhere pid:[1] {child.pid} {token}")
    for odd in ("", "one", "a b c", f"{place} x y", f"{place} {'9' * 40} y"):
        assert not is_gone(odd)
    assert os.getpid() != child.pid


async def test_whoever_stands_by_reads_nothing_and_takes_over_within_half_a_minute(
    sqlite: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KEEP_EVERY + LEASE.total_seconds() < 30
    monkeypatch.setattr(turns, "KEEP_EVERY", 0.01)
    first, second = FakeProber(clock), FakeProber(clock)
    one, two = (watch(sqlite, prober, clock, name) for prober, name in ((first, "one"), (second, "two")))
    with capture_logs() as logs:
        async with running(one.run):
            await first.has_read("api", 3)
            async with running(two.run):
                await until(lambda: said(logs, "watch.stands-by"))
                await first.has_read("api", 20)
                assert not second.reads
                clock.advance(LEASE)  # as if the first one had hung: it was asleep for so long
                await until(lambda: somebody_else(two, one))
                clock.advance(LEASE)
        async with running(two.run):  # the first one has stopped, and left its place
            await second.has_read("api", 3)
    assert [e["event"] for e in logs if e["event"].startswith("watch.")][:2] == [
        "watch.ours",
        "watch.stands-by",
    ]


def watch(ledger: Ledger, prober: FakeProber, clock: FakeClock, name: str) -> Watch:
    turn = Turn(ledger, name, seconds=Seconds(clock))
    return Watch(ledger, Holder(policy()), prober, lambda m: not isinstance(m, HeartbeatMonitor), turn=turn)


async def said(logs: object, event: str) -> bool:
    return any(entry["event"] == event for entry in logs)  # type: ignore[attr-defined]


async def somebody_else(*watches: Watch) -> bool:
    """Exactly one of them watches."""
    return sum(each.ours for each in watches) == 1
