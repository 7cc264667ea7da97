"""Whatever timers, power cuts, freezes, holds and people do to a rollout, in whatever order: no step goes twice, none
goes while something holds it, and what is told of the end is true."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.deployment import Run, RunResult
from bot.domain.freeze import FreezeClass, FreezeState
from bot.domain.refusal import Refusal
from bot.ports import Transaction
from storage.verification import verify
from tests.flows import rolling
from tests.flows.fakes import PowerCut
from tests.flows.world import DAY, MINUTE, World

PEOPLE = st.sampled_from(["ada", "bo", "cy", "lin", "sam"])
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 4, 5, 20, 70])),
    st.tuples(st.just("wait"), st.just(5)),
    st.tuples(st.just("declare"), st.sampled_from([None, 3, 60]), st.sampled_from(["hard", "soft"])),
    st.tuples(st.just("declare_ahead"), st.sampled_from([2, 10])),
    st.tuples(st.just("lift")),
    st.tuples(st.just("hold"), PEOPLE),
    st.tuples(st.just("resume"), PEOPLE),
    st.tuples(st.just("resume"), st.just("ada")),
    st.tuples(st.just("cancel"), PEOPLE),
    st.tuples(
        st.just("platform"), st.sampled_from(["works", "works", "fails", "cut before", "cut after", "raced"])
    ),
    st.tuples(st.just("status"), st.sampled_from(["knows", "forgets", "breaks"])),
    st.tuples(st.just("restart")),
)


class Platform:
    """What really happens to the traffic, and what its status command says of it."""

    def __init__(self, walk: "Walk") -> None:
        self.walk = walk
        self.percent = 0
        self.mode = "works"
        self.status = "knows"
        self.calls: list[int] = []
        self.backs = 0
        self.reached_at: datetime | None = None

    async def start(self, run: Run) -> RunResult:
        assert run.reached == 0, "a rollout under way was started anew"
        return await self._call(run)

    async def shift(self, run: Run) -> RunResult:
        assert run.reached > 0, "traffic was shifted to what never started"
        return await self._call(run)

    async def _call(self, run: Run) -> RunResult:
        await self.walk.nothing_holds(run)
        assert run.aim > max(self.calls, default=0), "a step was sent twice, or out of order"
        self.calls.append(run.aim)
        mode, self.mode = self.mode, "works"
        if mode == "cut before":
            raise PowerCut
        if mode == "fails":
            return RunResult(succeeded=False, code="exit-3", output="")
        self.percent = run.aim
        if mode == "cut after":
            raise PowerCut
        if mode == "raced":  # our lease ran out meanwhile: another process looks
            await self.walk.world.fire("run", run.id)
        return RunResult(succeeded=True, code="exit-0", output="shifted\n")

    async def roll_back(self, run: Run) -> RunResult:
        assert self.backs == 0, "it was taken back twice"
        self.backs, self.percent = 1, 0
        return RunResult(succeeded=True, code="exit-0", output="")

    async def look_up(self, run: Run) -> RunResult | None:
        if self.status == "breaks":
            raise OSError("no route")
        there = self.percent == 0 if run.rolls_back else self.percent >= run.aim
        code = "looked-up-succeeded" if there else "looked-up-failed"
        return None if self.status == "forgets" else RunResult(succeeded=there, code=code, output="")

    def rollback_command(self, service: str, environment: str, tag: str, digest: str | None) -> str | None:
        return f"./deploy.sh {environment} {tag}"


class Walk:
    """A world with one rollout, and what must hold after each step."""

    def __init__(self, world: World, *, analysed: bool) -> None:
        self.world = world
        self.analysed = analysed
        self.platform = Platform(self)
        self.seen = 0
        self.freezes = 0

    async def begin(self) -> None:
        await rolling.rolling(self.world, rolling.ANALYSED if self.analysed else rolling.IN_STEPS)
        self.world.deployers.deployer = self.platform  # type: ignore[assignment]

    async def step(self, name: str, *given_: Any) -> None:
        doing: Callable[..., Awaitable[None]] = getattr(self, f"do_{name}")
        try:
            with suppress(Refusal):
                await doing(*given_)
            await self.world.run_timers()
        except PowerCut:
            await self.world.restart()
        await self.check()

    # Steps

    async def do_wait(self, minutes: int) -> None:
        await self.world.pass_time(minutes * MINUTE)

    async def do_declare(self, minutes: int | None, how: str) -> None:
        self.freezes += 1
        ends = None if minutes is None else self.world.clock.now() + minutes * MINUTE
        strength = FreezeClass(how)
        await rolling.declare(self.world, f"FRZ-{self.freezes}", strength=strength, ends_at=ends)

    async def do_declare_ahead(self, minutes: int) -> None:
        self.freezes += 1
        begins = self.world.clock.now() + minutes * MINUTE
        name = f"FRZ-{self.freezes}"
        await rolling.declare(self.world, name, begins_at=begins, ends_at=begins + 30 * MINUTE)

    async def do_lift(self) -> None:
        if self.freezes:
            await rolling.lift(self.world, f"FRZ-{self.freezes}")

    async def do_hold(self, person: str) -> None:
        await rolling.hold(self.world, person)

    async def do_resume(self, person: str) -> None:
        await rolling.resume(self.world, person)

    async def do_cancel(self, person: str) -> None:
        await self.world.cancel(person)

    async def do_platform(self, mode: str) -> None:
        self.platform.mode = mode

    async def do_status(self, status: str) -> None:
        self.platform.status = status

    async def do_restart(self) -> None:
        await self.world.restart()

    # What must hold

    async def nothing_holds(self, run: Run) -> None:
        """At the very moment of a call."""
        now = self.world.clock.now()

        def look(tx: Transaction) -> tuple[list[str], bool]:
            hard = [
                f.id
                for f in tx.freezes.since(now)
                if f.strength is FreezeClass.HARD and f.state(now) is FreezeState.ACTIVE
            ]
            request = tx.requests.get(run.request)
            assert request is not None
            return hard, request.held is not None

        assert await self.world.ledger.read(look) == ([], False), "a step went although something holds it"
        if run.reached:
            assert not self.analysed or run.confirmed >= run.reached, (
                "a step went without anybody's judgement"
            )
            reached_at = await self.reached_at()
            assert now - reached_at >= 5 * MINUTE, "a step was not watched for its time"

    async def reached_at(self) -> datetime:
        entries = await self.world.entries("run/DEP-1/1")
        return datetime.fromisoformat([e["at"] for e in entries if e["type"] == "run.stepped"][-1])

    async def check(self) -> None:
        run, request = await rolling.run(self.world), await self.world.request()
        assert run.reached >= self.seen, "a rollout went backwards"
        self.seen = run.reached
        assert (request.state.value == "starting") == (not run.state.is_over)
        if run.state.is_over:
            return
        judged = request.held is None and not run.unconfirmed
        if judged or run.frozen or not run.waits:
            assert ("run", run.id) in self.world.timers_set(), "nothing will ever look at it again"

    async def end(self) -> None:
        """Nobody holds it any more: it comes to an end, and what is told of it is true."""
        self.platform.mode = "works"
        for number in range(1, self.freezes + 1):
            await rolling.lift(self.world, f"FRZ-{number}")
        for _ in range(4):
            with suppress(Refusal):
                await rolling.resume(self.world, "ada")
            await self.world.pass_time(40 * MINUTE)
        await self.world.pass_time(DAY)
        await self.check()
        run = await rolling.run(self.world)
        assert run.state.is_over
        match run.state.value:
            case "succeeded":
                assert (run.reached, self.platform.percent) == (100, 100)
            case "failed" if run.taken_back is not None and run.taken_back.rollback is not None:
                assert (run.code, self.platform.percent, self.platform.backs) == ("exit-3", 0, 1)
            case "failed":
                assert (run.reached, self.platform.backs) == (self.platform.percent, 0)
            case _:
                assert self.platform.percent in (run.reached, run.aim)
        entries = await self.world.entries("run/DEP-1/1")
        assert [e["facts"]["percent"] for e in entries if e["type"] == "run.calling"] == self.platform.calls
        self._begins_and_ends(entries)
        assert (await verify(self.world.ledger)).problems == []

    def _begins_and_ends(self, entries: list[dict[str, Any]]) -> None:
        """Each freeze that held it began once and ended once, by the trail alone."""
        holding: set[str] = set()
        for facts in (e["facts"] for e in entries if e["type"] in ("run.held", "run.released")):
            assert not holding & set(facts["begun"])
            assert set(facts["ended"]) <= holding
            holding = (holding | set(facts["begun"])) - set(facts["ended"])
            assert holding == set(facts["by"])


@pytest.mark.requirement("P6")
@pytest.mark.requirement("F5")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=4, max_size=25), analysed=st.booleans())
def test_no_order_of_events_sends_a_step_twice_or_past_what_holds_it(
    empty_installation: Path, steps: list[tuple[Any, ...]], analysed: bool
) -> None:
    async def walk() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "walk.db"
            shutil.copy(empty_installation, path)
            world = World(f"sqlite:///{path}")
            try:
                walker = Walk(world, analysed=analysed)
                await walker.begin()
                for step in steps:
                    await walker.step(*step)
                await walker.end()
            finally:
                await world.close()

    with asyncio.Runner() as runner:
        runner.run(walk())


@pytest.mark.parametrize(
    ("steps", "state", "calls"),
    [
        ([], "succeeded", [25, 50, 100]),
        ([("wait", 1), ("platform", "cut after"), ("wait", 5)], "succeeded", [25, 50, 100]),
        ([("wait", 1), ("platform", "cut before"), ("wait", 5)], "failed", [25, 50]),
        ([("wait", 1), ("platform", "fails"), ("wait", 5)], "failed", [25, 50]),
        ([("wait", 1), ("platform", "raced"), ("wait", 5)], "succeeded", [25, 50, 100]),
        (
            [("wait", 1), ("status", "forgets"), ("platform", "cut after"), ("wait", 5)],
            "lost",
            [25, 50],
        ),
        ([("wait", 1), ("declare", None, "hard"), ("wait", 70), ("lift",)], "succeeded", [25, 50, 100]),
        ([("hold", "bo"), ("wait", 1), ("cancel", "lin")], "failed", [25]),
    ],
)
async def test_the_walk_itself_reaches_every_end(
    world: World, steps: list[tuple[Any, ...]], state: str, calls: list[int]
) -> None:
    """The property above would hold in a world where nothing ever happens; this is not one."""
    walker = Walk(world, analysed=False)
    await walker.begin()
    await world.run_timers()
    for step in steps:
        await walker.step(*step)
    await walker.end()
    assert ((await rolling.run(world)).state.value, walker.platform.calls) == (state, calls)
