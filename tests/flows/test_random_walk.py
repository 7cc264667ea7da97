"""Whatever people, CI, monitors and power cuts do, in whatever order: what must never happen does not."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.change_request import ChangeRequest, Start
from bot.domain.deployment import Run, RunResult
from bot.domain.environment import Colour
from bot.domain.quorum import seat_people
from bot.domain.refusal import Refusal
from bot.flows.seats import seats_of
from bot.policy import Policy
from storage.verification import verify
from tests.flows.fakes import DIGEST, NEXT_DIGEST, NEXT_TAG, STRANGE_DIGEST, TAG, PowerCut
from tests.flows.policy_text import AUTHORS_MAY, ONE_SEAT, REWORDED, policy_of
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

PEOPLE = st.sampled_from(["ada", "bo", "cy", "vic", "sam", "lin"])
WHICH = st.integers(0, 2)  # the newest request, the one before, …
POLICIES: dict[str, tuple[tuple[str, str], ...]] = {
    "usual": (),
    "reworded": (REWORDED,),
    "one seat": (ONE_SEAT,),
    "authors may": (AUTHORS_MAY,),
}
STARTS = {"asap": Start(), "next": Start(mode="next")}
STEPS = st.one_of(
    st.tuples(st.just("ask"), PEOPLE, st.sampled_from([TAG, NEXT_TAG]), st.sampled_from(sorted(STARTS))),
    st.tuples(st.just("ask"), st.just("lin"), st.just(TAG), st.just("asap")),
    st.tuples(st.just("sign"), PEOPLE, WHICH),
    st.tuples(st.just("sign"), st.sampled_from(["ada", "cy"]), st.just(0)),
    st.tuples(st.just("sign_stale"), PEOPLE, WHICH),
    st.tuples(st.just("reject"), PEOPLE, WHICH),
    st.tuples(st.just("cancel"), PEOPLE, WHICH),
    st.tuples(st.just("press_start"), PEOPLE, WHICH),
    st.tuples(st.just("scan"), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("run_timers")),
    st.tuples(st.just("advance"), st.sampled_from([1, 20, 90, 600, 4000])),
    st.tuples(st.just("registry"), st.sampled_from(["silent", "speaks", "moved", "moved back"])),
    st.tuples(st.just("see"), st.sampled_from([Colour.RED, Colour.GREEN, Colour.GREEN])),
    st.tuples(st.just("reload"), st.sampled_from(sorted(POLICIES))),
    st.tuples(st.just("deployer"), st.sampled_from(["works", "fails", "power cut"])),
    st.tuples(st.just("restart")),
)


class Walk:
    """A world that takes steps, and checks after each what must hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.policies: dict[str, Policy] = {world.policy.digest: world.policy}
        self.closed: dict[str, ChangeRequest] = {}
        self.checked: set[str] = set()

    async def begin(self) -> None:
        await self.world.reload()
        await self.world.ready()
        await self.world.prove(NEXT_TAG, NEXT_DIGEST, soaked=70 * MINUTE)

    async def step(self, name: str, *given_: Any) -> None:
        doing: Callable[..., Awaitable[None]] = getattr(self, name)
        try:
            with suppress(Refusal):
                await doing(*given_)
        except PowerCut:
            self.world.deployer.during = None
            await self.world.restart()
        await self.check()

    async def which(self, back: int) -> str:
        newest = await self.world.ledger.read(lambda tx: tx.requests.newest(limit=3))
        if len(newest) <= back:
            raise Refusal("unknown-request")
        return newest[back].id

    # Steps

    async def ask(self, person: str, artifact: str, start: str) -> None:
        await self.world.ask(person, artifact=artifact, start=STARTS[start])
        await self.world.run_timers()

    async def sign(self, person: str, back: int) -> None:
        await self.world.sign(person, await self.which(back))

    async def sign_stale(self, person: str, back: int) -> None:
        """Signs the revision before: nothing of it may ever count."""
        request = await self.world.request(await self.which(back))
        with pytest.raises(Refusal):
            await self.world.sign(person, request.id, revision=request.revision - 1)

    async def reject(self, person: str, back: int) -> None:
        await self.world.reject(person, await self.which(back))

    async def cancel(self, person: str, back: int) -> None:
        await self.world.cancel(person, await self.which(back))

    async def press_start(self, person: str, back: int) -> None:
        await self.world.press_start(person, await self.which(back))

    async def scan(self, critical: int, medium: int) -> None:
        await self.world.state("scan", counts={"critical": critical, "high": 0, "medium": medium})

    async def run_timers(self) -> None:
        await self.world.run_timers()

    async def advance(self, minutes: int) -> None:
        self.world.clock.advance(minutes * MINUTE)

    async def registry(self, how: str) -> None:
        registry = self.world.registry
        registry.silent = how == "silent"
        registry.digests[TAG] = STRANGE_DIGEST if how == "moved" else DIGEST

    async def see(self, colour: Colour) -> None:
        self.world.clock.advance(SECOND)
        await self.world.see("production", "db", colour)

    async def reload(self, name: str) -> None:
        policy = policy_of(*POLICIES[name])
        self.policies[policy.digest] = policy
        await self.world.reload(*POLICIES[name])

    async def deployer(self, how: str) -> None:
        async def cut(_run: Run) -> None:
            raise PowerCut

        deployer = self.world.deployer
        deployer.during = cut if how == "power cut" else None
        works = how == "works"
        deployer.result = RunResult(succeeded=works, code="exit-0" if works else "exit-1", output="")
        deployer.found = deployer.result if works else None

    async def restart(self) -> None:
        await self.world.restart()

    # What must hold

    async def check(self) -> None:
        requests = await self.world.ledger.read(lambda tx: tx.requests.newest(limit=100))
        for request in requests:
            if request.id in self.closed:
                assert request == self.closed[request.id], "a closed request changed"
            elif not request.is_open:
                self.closed[request.id] = request
            else:
                assert await self.is_looked_after(request), f"nothing will ever look at {request.id} again"
        started = [run.id for run in self.world.deployer.started]
        assert len(started) == len(set(started)), "a run was sent twice"
        for run in started:
            if run not in self.checked:
                self.checked.add(run)
                await self.started_rightly(run)

    async def is_looked_after(self, request: ChangeRequest) -> bool:
        timer = ("run", f"{request.id}/1") if request.state.value == "starting" else ("evaluate", request.id)
        return timer in self.world.timers_set()

    async def started_rightly(self, run: str) -> None:
        """From the audit trail alone: every gate passed, and distinct others held every seat of this revision."""
        entries = await self.world.entries()
        at = next(
            i for i, e in enumerate(entries) if e["type"] == "run.intended" and e["subject"] == f"run/{run}"
        )
        request = [e for e in entries[:at] if e["subject"] == f"request/{run.rpartition('/')[0]}"][-1][
            "state"
        ]
        statuses = {o["status"] for o in request["readiness"]["outcomes"]}
        assert statuses <= {"passed", "warned"}, statuses
        assert statuses, "no gate at all"
        assert request["reason"] is not None or "warned" not in statuses
        assert entries[at]["facts"]["fingerprint"] == request["fingerprint"]
        signed: dict[str, Any] = {}
        for entry in entries[:at]:
            if entry["subject"].startswith(f"approval/{request['id']}/{request['revision']}/"):
                signed[entry["state"]["person"]] = entry["state"]
        counted = {p: frozenset(a["roles"]) for p, a in signed.items() if a["state"] == "counted"}
        assert all(signed[p]["fingerprint"] == request["fingerprint"] for p in counted)
        assert request["requester"]["person"] not in counted
        policy = self.policies[request["readiness"]["policy_digest"]]
        minimum = policy.environments["production"].approval.minimum
        assert seat_people(seats_of(policy, "production"), counted, minimum=minimum).filled
        assert {s["person"] for s in entries[at]["facts"]["approved_by"]} == set(counted)

    async def end(self) -> None:
        """Left alone, everything comes to an end, and the trail tells all of it."""
        self.world.deployer.during = None
        self.world.registry.silent = False
        await self.world.pass_time(12 * DAY)
        await self.check()
        assert await self.world.ledger.read(lambda tx: tx.requests.open()) == []
        assert (await verify(self.world.ledger)).problems == []
        assert json.dumps(await self.world.entries())


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P9")
@pytest.mark.requirement("P23")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=6, max_size=30))
def test_no_order_of_events_starts_what_was_not_approved_or_starts_it_twice(
    empty_installation: Path, steps: list[tuple[Any, ...]]
) -> None:
    async def walk() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "walk.db"
            shutil.copy(empty_installation, path)
            world = World(f"sqlite:///{path}")
            try:
                walker = Walk(world)
                await walker.begin()
                for step in steps:
                    await walker.step(*step)
                await walker.end()
            finally:
                await world.close()

    with asyncio.Runner() as runner:
        runner.run(walk())


async def test_the_walk_itself_reaches_a_deployment(world: World) -> None:
    """The property above would hold in a world where nothing ever starts; this is not one."""
    walker = Walk(world)
    await walker.begin()
    for step in (
        ("ask", "lin", TAG, "asap"),
        ("sign", "ada", 0),
        ("deployer", "power cut"),
        ("sign", "cy", 0),
        ("run_timers",),
        ("run_timers",),
        ("deployer", "works"),
        ("ask", "lin", NEXT_TAG, "next"),
        ("sign", "ada", 0),
        ("sign", "cy", 0),
        ("run_timers",),
    ):
        await walker.step(*step)
    assert [r.id for r in world.deployer.started] == ["DEP-1/1", "DEP-2/1"]
    assert [await world.state_of(r) for r in ("DEP-1", "DEP-2")] == ["unresolved", "live"]
    world.clock.advance(HOUR)
    await walker.end()
