"""The worker: leases are kept while work goes on, end when it does not, and nothing ends the loop."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.domain.owed import Claimed, Timer
from bot.jobs.timers import timer_worker
from bot.jobs.work import Worker, backoff
from bot.ports import Transaction
from storage import tables
from storage.instants import from_micros
from storage.ledger import Ledger
from storage.owed import LEASE, TimerTable
from tests.conftest import FakeClock
from tests.jobs.conftest import PATIENCE, running, until
from tests.storage import builders as a

SECOND = timedelta(seconds=1)
NOBODY: frozenset[str] = frozenset()


class Flow:
    """A flow that notes its subjects and can be kept waiting."""

    def __init__(self) -> None:
        self.fired: list[str] = []
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.error: BaseException | None = None

    async def __call__(self, subject: str) -> None:
        self.fired.append(subject)
        self.entered.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error

    async def was_entered(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.entered.wait()
        self.entered.clear()


def make(ledger: Ledger, clock: FakeClock, flow: Flow) -> Worker[Timer]:
    worker = timer_worker(TimerTable(ledger, clock), clock, {"evaluate": flow, "run": flow})
    ledger.bells.append(worker.bell)
    return worker


async def set_(ledger: Ledger, *timers: Timer) -> None:
    def step(tx: Transaction) -> None:
        for each in timers:
            tx.schedule(each)

    await ledger.write(step)


async def lease(ledger: Ledger) -> datetime:
    c = tables.timers.c
    micros = await ledger.look(lambda connection: connection.execute(select(c.lease_until)).scalar_one())
    return from_micros(micros)


async def none_left(ledger: Ledger) -> bool:
    return await ledger.look(lambda c: c.execute(select(tables.timers.c.id)).first()) is None


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (17, 300), (10_000, 300)]
)
def test_the_wait_doubles_up_to_five_minutes(attempts: int, seconds: int) -> None:
    assert backoff(attempts) == timedelta(seconds=seconds)


async def test_a_due_timer_fires_its_flow_and_is_gone(sqlite: Ledger, clock: FakeClock) -> None:
    flow = Flow()
    worker = make(sqlite, clock, flow)
    async with running(worker.run):
        await set_(sqlite, a.timer("DEP-1"))
        await until(lambda: none_left(sqlite))

    assert flow.fired == ["DEP-1"]
    assert (worker.pulse.done, worker.pulse.failed, worker.pulse.working) == (1, 0, 0)


async def test_a_timer_fires_at_its_instant_without_a_bell(sqlite: Ledger, clock: FakeClock) -> None:
    flow = Flow()
    await set_(sqlite, a.timer(due_at=clock.now() + SECOND / 20))
    async with running(make(sqlite, clock, flow).run):
        clock.advance(SECOND / 20)
        await flow.was_entered()


async def test_a_kind_that_nobody_knows_is_said_and_put_off(sqlite: Ledger, clock: FakeClock) -> None:
    flow = Flow()
    worker = make(sqlite, clock, flow)
    with capture_logs() as logs:
        async with running(worker.run):
            await set_(sqlite, a.timer("x", kind="unheard-of"), a.timer("y"))
            await flow.was_entered()
            await until(lambda: _is(worker.pulse.failed == 1))

    assert any(e["event"] == "work.failed" and e["log_level"] == "error" for e in logs)


async def _is(value: bool) -> bool:
    return value


async def test_two_timers_of_one_subject_never_run_at_once(sqlite: Ledger, clock: FakeClock) -> None:
    flow = Flow()
    flow.go.clear()
    async with running(make(sqlite, clock, flow).run):
        await set_(sqlite, a.timer("x"), a.timer("x", kind="run"), a.timer("y"))
        async with asyncio.timeout(PATIENCE):
            while len(flow.fired) < 2:
                await asyncio.sleep(0)
        await sqlite.read(lambda tx: tx.now)
        assert sorted(flow.fired) == ["x", "y"]
        flow.go.set()
        await until(lambda: none_left(sqlite))

    assert sorted(flow.fired) == ["x", "x", "y"]


async def test_a_held_lane_with_work_behind_it_is_not_asked_about_all_the_time(
    sqlite: Ledger, clock: FakeClock
) -> None:
    flow = Flow()
    flow.go.clear()
    worker = make(sqlite, clock, flow)
    async with running(worker.run):
        await set_(sqlite, a.timer("x"), a.timer("x", kind="run"))
        await flow.was_entered()
        for _ in range(50):  # a loop that did not wait would go round as often meanwhile
            await sqlite.read(lambda tx: tx.now)
        assert worker.pulse.rounds < 6


@pytest.mark.requirement("D1")
async def test_a_lease_is_renewed_while_the_work_goes_on(
    sqlite: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.work.RENEW_EVERY", 0.005)
    flow = Flow()
    flow.go.clear()
    other = TimerTable(sqlite, clock)
    async with running(make(sqlite, clock, flow).run):
        await set_(sqlite, a.timer())
        await flow.was_entered()
        for _ in range(3):
            clock.advance(LEASE - SECOND)
            await until(lambda: _leased_until(sqlite, clock.now() + LEASE))
            assert await other.claim(limit=1, busy=NOBODY) == []
        flow.go.set()
        await until(lambda: none_left(sqlite))

    assert flow.fired == ["DEP-42"]


async def _leased_until(ledger: Ledger, at: datetime) -> bool:
    return await lease(ledger) == at


@pytest.mark.requirement("D1")
async def test_work_that_was_cancelled_is_taken_up_again_when_its_lease_ends(
    sqlite: Ledger, clock: FakeClock
) -> None:
    flow = Flow()
    flow.go.clear()
    async with running(make(sqlite, clock, flow).run):
        await set_(sqlite, a.timer())
        await flow.was_entered()

    flow.go.set()
    clock.advance(LEASE - SECOND)
    async with running(make(sqlite, clock, flow).run):
        sqlite.ring()
        await sqlite.read(lambda tx: tx.now)
        assert flow.fired == ["DEP-42"]
        clock.advance(SECOND)
        sqlite.ring()
        await until(lambda: none_left(sqlite))

    assert flow.fired == ["DEP-42", "DEP-42"]


@pytest.mark.requirement("D1")
async def test_overdue_work_of_a_dead_process_runs_after_the_restart(
    sqlite_url: str, clock: FakeClock
) -> None:
    dead = Ledger(sqlite_url, clock)
    await set_(dead, a.timer("claimed"))
    await TimerTable(dead, clock).claim(limit=1, busy=NOBODY)
    await set_(dead, a.timer("not even claimed"))
    await dead.close()
    clock.advance(timedelta(seconds=30))  # promise 5

    alive = Ledger(sqlite_url, clock)
    flow = Flow()
    async with running(make(alive, clock, flow).run):
        await until(lambda: none_left(alive))
    await alive.close()

    assert sorted(flow.fired) == ["claimed", "not even claimed"]


async def test_a_cancellation_from_within_is_a_failure_not_the_end(sqlite: Ledger, clock: FakeClock) -> None:
    """An adapter that lets a cancelled future escape must not make its item disappear."""
    flow = Flow()
    flow.error = asyncio.CancelledError()
    worker = make(sqlite, clock, flow)
    async with running(worker.run):
        await set_(sqlite, a.timer())
        await until(lambda: _is(worker.pulse.failed == 1))
        flow.error = None
        await until(lambda: _problem(sqlite, "CancelledError"))
        clock.advance(SECOND)
        sqlite.ring()
        await until(lambda: none_left(sqlite))


async def _problem(ledger: Ledger, code: str) -> bool:
    query = select(tables.timers.c.problem)
    return await ledger.look(lambda c: c.execute(query).scalar()) == code


class Broken:
    """Implements ports.Owed over a database that is away for the first calls."""

    def __init__(self, inner: TimerTable, failing: dict[str, int]) -> None:
        self.inner = inner
        self.failing = failing
        self.failed = asyncio.Event()

    def _maybe(self, verb: str) -> None:
        if self.failing.get(verb, 0) > 0:
            self.failing[verb] -= 1
            self.failed.set()
            raise ConnectionError("the database is away")

    async def claim(self, *, limit: int, busy: frozenset[str]) -> list[Claimed[Timer]]:
        self._maybe("claim")
        return await self.inner.claim(limit=limit, busy=busy)

    async def renew(self, claimed: Sequence[Claimed[Timer]]) -> None:
        self._maybe("renew")
        await self.inner.renew(claimed)

    async def finish(self, claimed: Claimed[Timer]) -> None:
        self._maybe("finish")
        await self.inner.finish(claimed)

    async def put_off(self, claimed: Claimed[Timer], *, until: datetime, code: str) -> None:
        self._maybe("put_off")
        await self.inner.put_off(claimed, until=until, code=code)

    async def next_due(self) -> datetime | None:
        self._maybe("next_due")
        return await self.inner.next_due()


@pytest.mark.requirement("D1")
@pytest.mark.parametrize("verb", ["claim", "renew", "finish", "put_off", "next_due"])
async def test_a_database_that_was_away_for_a_moment_ends_no_loop(
    sqlite: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr("bot.jobs.work.LOOK_AGAIN", 0.01)
    monkeypatch.setattr("bot.jobs.work.RENEW_EVERY", 0.005)
    flow = Flow()
    if verb in ("renew", "put_off"):
        flow.go.clear()
    if verb == "put_off":
        flow.error = KeyError("a bug")
    owed = Broken(TimerTable(sqlite, clock), {verb: 1})
    worker = timer_worker(owed, clock, {"evaluate": flow})
    with capture_logs() as logs:
        async with running(worker.run):
            await set_(sqlite, a.timer())
            if verb == "put_off":
                await flow.was_entered()
                flow.go.set()
            async with asyncio.timeout(PATIENCE):
                await owed.failed.wait()
            flow.error = None
            flow.go.set()

            async def over() -> bool:
                clock.advance(SECOND)
                return await none_left(sqlite)

            await until(over)

    assert any(entry["log_level"] == "error" for entry in logs)


async def test_what_comes_while_all_lanes_are_taken_waits_for_one(
    sqlite: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.work.AT_ONCE", 2)
    flow = Flow()
    flow.go.clear()
    async with running(make(sqlite, clock, flow).run):
        await set_(sqlite, *(a.timer(f"s{n}") for n in range(5)))
        async with asyncio.timeout(PATIENCE):
            while len(flow.fired) < 2:
                await asyncio.sleep(0)
        await sqlite.read(lambda tx: tx.now)
        assert len(flow.fired) == 2
        flow.go.set()
        await until(lambda: none_left(sqlite))

    assert sorted(flow.fired) == ["s0", "s1", "s2", "s3", "s4"]
