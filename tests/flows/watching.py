"""What the tests of analyses and verifications share: a Prometheus that says what it is told, and policies that ask it."""

from datetime import datetime

from bot.domain.analysis import Answer
from bot.domain.change_request import ChangeRequest
from tests.flows import rolling
from tests.flows.fakes import OLD_TAG
from tests.flows.going_back import RUNS
from tests.flows.policy_text import ONE_SEAT
from tests.flows.world import World

ANALYSES = (
    "{name: errors, query: errors, warn_above: 0.01, fail_above: 0.05}, "
    "{name: p99, query: p99, warn_above_baseline: 1.1, fail_above_baseline: 2}"
)
PHASES = (
    "verification: [{name: immediate, for: 5m, checks: [health, rollout, errors]}, "
    "{name: extended, for: 25m, checks: [health, errors, p99]}]"
)
STEPPED = (
    "    severity: P0\n",
    f"    severity: P0\n    rollout: {{steps: [25, 50, 100], hold: 5m, analysis: [{ANALYSES}]}}\n",
)
AT_ONCE = (
    "    severity: P0\n",
    f"    severity: P0\n    rollout: {{restarts_for: 3m, analysis: [{ANALYSES}]}}\n    {PHASES}\n",
)


def switched_off(change: tuple[str, str]) -> tuple[str, str]:
    """The same, with the automatic rollback switched off."""
    return change[0], change[1].replace("rollout: {", "rollout: {automatic_rollback: false, ")


class FakeMetrics:
    """Implements ports.Metrics: a number for each query, now and before; everything is well at first."""

    def __init__(self) -> None:
        self.now: dict[str, Answer] = {"errors": Answer((0.002,)), "p99": Answer((0.2,))}
        self.before: dict[str, Answer] = {"p99": Answer((0.2,))}
        self.asked: list[tuple[str, datetime | None]] = []

    def say(self, **values: float | str) -> None:
        """A number, or the code of why there is none."""
        for name, value in values.items():
            self.now[name] = Answer(problem=value) if isinstance(value, str) else Answer((value,))

    async def ask(self, query: str, at: datetime | None = None) -> Answer:
        self.asked.append((query, at))
        return (self.now if at is None else self.before).get(query, Answer())


def watched(world: World) -> FakeMetrics:
    """The world has a Prometheus from now on, and a deployer whose status says that all is as it was told."""
    world.metrics = made = FakeMetrics()
    world.deployer.found = RUNS
    return made


async def at_a_quarter(world: World, *changes: tuple[str, str]) -> FakeMetrics:
    """DEP-1 stands at 25 %, and what is measured decides about the next step; nothing is owed."""
    metrics = watched(world)
    await rolling.rolling(world, *(changes or (STEPPED,)))
    await world.run_timers()
    assert await rolling.stands(world) == ("between-steps", 25)
    await world.deliveries()
    return metrics


async def live(world: World, *changes: tuple[str, str]) -> FakeMetrics:
    """DEP-1 is live, and its first phase has begun; nothing is owed."""
    metrics = watched(world)
    await world.reload(ONE_SEAT, *(changes or (AT_ONCE,)))
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.approve("ada")
    assert await world.state_of() == "live"
    await world.deliveries()
    return metrics


async def rollbacks(world: World) -> list[ChangeRequest]:
    """Every rollback that there is."""
    newest = await world.ledger.read(lambda tx: tx.requests.newest(limit=50))
    return [r for r in newest if r.kind.value == "rollback"]


async def codes(world: World) -> list[str]:
    """The notes in the threads of requests since the last look."""
    return [str(n["code"]) for n in await rolling.notes(world)]


async def is_taken_back(world: World) -> ChangeRequest:
    """Exactly one rollback brought the old version back, and nobody approved it."""
    (back,) = await rollbacks(world)
    assert (back.state.value, back.artifact.tag, back.rolls_back) == ("live", OLD_TAG, "DEP-1")
    assert await world.approvals(back.id) == {}
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG]
    return back
