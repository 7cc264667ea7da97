"""Whatever monitors, people, deliveries and the clock do, in whatever order: an incident is paged until somebody has it,
and nobody is paged for what somebody has."""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.domain.environment import Colour
from bot.domain.incident import Incident
from bot.domain.page import PageState
from bot.domain.refusal import Refusal
from bot.flows import observe, paging
from bot.flows.answer_incident import resolve
from bot.flows.escalate import raise_now
from bot.flows.incidents import declare
from storage.verification import verify
from tests.flows.paging_world import (
    CHAIN,
    NO_WAY_TO_CY,
    NOBODY_ON_CALL,
    Post,
    escalates_at,
    pages,
    take,
)
from tests.flows.policy_text import policy_of
from tests.flows.world import SECOND, World

PLACES = {"production": "db", "staging": "status"}
MORE = (
    "calendar:\n  outside_windows",
    "".join(
        f"  f{n}:\n    kind: feature\n    severity: P2\n    monitors: [{{name: up, http: {{url: 'https://f{n}.example/'}}, "
        "fail_after: 1, pass_after: 1, stale_after: 365d}]\n"
        for n in range(3)
    )
    + "calendar:\n  outside_windows",
)
ENVIRONMENTS = [*PLACES, "f0", "f1", "f2"]
POLICIES = {
    name: policy_of(*changes)
    for name, changes in {
        "usual": (CHAIN, MORE),
        "empty rotation": (CHAIN, MORE, NOBODY_ON_CALL),
        "no way": (CHAIN, MORE, NO_WAY_TO_CY),
        "one step": (MORE,),
        "nobody": (MORE, NOBODY_ON_CALL),
    }.items()
}
PEOPLE = st.sampled_from(["ada", "cy", "lin"])
WHICH = st.integers(0, 2)
LANES = ["slack:user", "slack:channel", "email", "pagerduty", "webhook"]
RED = st.tuples(st.just("see"), st.sampled_from(ENVIRONMENTS), st.just(Colour.RED))
FAILING = st.one_of(
    st.just(["slack:user"]), st.just(LANES), st.just([]), st.lists(st.sampled_from(LANES), unique=True)
)
STEPS = st.one_of(
    RED,
    RED,
    st.tuples(st.just("see"), st.sampled_from(ENVIRONMENTS[:3]), st.just(Colour.GREEN)),
    st.tuples(st.just("acknowledge"), PEOPLE, WHICH),
    st.tuples(st.just("end"), PEOPLE, WHICH),
    st.tuples(st.just("raise_"), PEOPLE, WHICH),
    st.tuples(st.just("declare"), PEOPLE, st.sampled_from(ENVIRONMENTS)),
    st.tuples(st.just("deliver"), FAILING),
    st.tuples(st.just("deliver"), FAILING),
    st.tuples(st.just("timers")),
    st.tuples(st.just("advance"), st.sampled_from([0, 20, 61, 301, 601, 4000])),
    st.tuples(st.just("back"), st.sampled_from([1, 90, 3600])),
    st.tuples(st.just("age")),
    st.tuples(st.just("reload"), st.sampled_from(sorted(POLICIES))),
    st.tuples(st.just("restart")),
)


class Walk:
    """A world that takes steps, and checks after each what must hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.post = Post(world)

    async def step(self, name: str, *given_: Any) -> None:
        with suppress(Refusal):
            await getattr(self, name)(*given_)
        await self.check()

    async def see(self, environment: str, colour: Colour) -> None:
        await self.world.see(environment, PLACES.get(environment, "up"), colour)

    async def which(self, back: int) -> str:
        found = await self.world.ledger.read(lambda tx: tx.incidents.newest(limit=4))
        if len(found) <= back:
            raise Refusal("unknown-incident")
        return found[back].id

    async def acknowledge(self, person: str, back: int) -> None:
        await take(self.world, person, await self.which(back))

    async def end(self, person: str, back: int) -> None:
        world = self.world
        await resolve(world.ledger, world.policy, world.asker(person), await self.which(back))

    async def raise_(self, person: str, back: int) -> None:
        world, id_ = self.world, await self.which(back)
        await raise_now(world.ledger, world.policy, world.asker(person), id_, key=world.key())

    async def declare(self, person: str, environment: str) -> None:
        world = self.world
        await declare(world.ledger, world.policy, world.asker(person), environment, "Odd", key=world.key())

    async def deliver(self, failing: list[str]) -> None:
        self.post.failing = set(failing)
        await self.post.deliver()

    async def timers(self) -> None:
        await self.world.run_timers()

    async def advance(self, seconds: int) -> None:
        self.world.clock.advance(seconds * SECOND)

    async def back(self, seconds: int) -> None:
        """Somebody set the machine's clock."""
        self.world.clock.at -= seconds * SECOND

    async def age(self) -> None:
        await observe.age(self.world.ledger, self.world.policy)

    async def reload(self, name: str) -> None:
        self.world.policy = POLICIES[name]

    async def restart(self) -> None:
        await self.world.restart()

    # What must hold

    async def check(self) -> None:
        world = self.world
        incidents = await world.ledger.read(lambda tx: tx.incidents.newest(limit=100))
        open_ = [i for i in incidents if i.is_open]
        assert len({(i.environment, i.cause) for i in open_}) == len(open_)
        for incident in incidents:
            await self.nobody_is_paged_for_what_somebody_has(incident)
            await self.every_failure_made_the_chain_go_on(incident)
            if incident.waits:
                await self.is_being_paged(incident)

    async def nobody_is_paged_for_what_somebody_has(self, incident: Incident) -> None:
        waiting = await self.world.ledger.read(
            lambda tx: [i for i in tx.incidents.open() if i.waits and incident.id in (i.id, i.group)]
        )
        for page in await pages(self.world, incident.id):
            owed = await self.world.ledger.read(lambda tx, id_=page.id: paging.still_owed(tx, id_))
            assert not owed or waiting, f"{page.id} is owed, and nobody has to be told"
            if incident.group is None and not incident.waits:
                assert page.state is not PageState.OWED, f"{page.id} is owed by its record"
        if incident.group is None and not incident.waits:
            assert escalates_at(self.world, incident.id) is None

    async def every_failure_made_the_chain_go_on(self, incident: Incident) -> None:
        chain = incident.escalation
        for page in await pages(self.world, incident.id):
            if page.state is PageState.FAILED and page.step and chain is not None:
                last = page.step % len(chain.steps) == 0
                assert chain.told > page.step or last, f"{page.id} failed, and nobody else was told"

    async def is_being_paged(self, incident: Incident) -> None:
        """A timer is set, or a page is owed, or the chain is over and that was said."""
        leader = incident if incident.group is None else await self.world.incident(incident.group)
        chain = leader.escalation
        assert chain is not None
        if escalates_at(self.world, leader.id) is not None:
            return
        if any(page.state is PageState.OWED for page in await pages(self.world, leader.id)):
            return
        assert chain.exhausted, f"{incident.id} waits, and nothing is to come"
        assert "incident.unanswered" in await self.world.types(f"incident/{leader.id}")


@pytest.mark.requirement("F7")
@pytest.mark.requirement("P21")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@example(
    steps=[
        ("see", "production", Colour.RED), ("see", "staging", Colour.RED), ("see", "production", Colour.GREEN),
    ]
)  # fmt: skip
@example(
    steps=[
        ("see", "f0", Colour.RED), ("see", "f1", Colour.RED), ("acknowledge", "cy", 0), ("see", "f2", Colour.RED),
    ]
)  # fmt: skip
@given(steps=st.lists(STEPS, min_size=8, max_size=30))
def test_an_incident_is_paged_until_somebody_has_it_and_never_after(
    empty_installation: Path, steps: list[tuple[Any, ...]]
) -> None:
    async def walk(path: Path) -> None:
        world = World(f"sqlite:///{path}", POLICIES["usual"])
        try:
            walker = Walk(world)
            await world.green()
            await world.deliveries()
            for step in steps:
                await walker.step(*step)
            report = await verify(world.ledger)
            assert report.problems == []
        finally:
            await world.close()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portcullis.db"
        shutil.copy(empty_installation, path)
        asyncio.run(walk(path))
