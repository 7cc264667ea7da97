"""The bot's view of its own health: a standstill is seen whichever part of it stands still."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli.policy import load_policy
from bot.jobs.metrics import Metrics
from bot.jobs.self_check import MEMORY_LIMIT_MB, SelfCheck, memory_mb
from bot.jobs.work import Pulse
from bot.policy import Policy
from storage import schema
from storage.ledger import Ledger

pytestmark = pytest.mark.requirement("D3")
POLICY = Path(__file__).resolve().parents[2] / "examples" / "readiness" / "policy.yaml"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Clock:
    """Implements ports.Clock, and counts seconds beside it; both move only when told."""

    elapsed: float = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed)

    def seconds(self) -> float:
        return self.elapsed


@dataclass
class Backlog:
    """Implements the part of ports.Owed that is looked at."""

    due: datetime | None = None

    async def next_due(self) -> datetime | None:
        return self.due


@dataclass
class InForce:
    """Implements ports.PolicyInForce."""

    policy: Policy = field(default_factory=lambda: load_policy(POLICY))


@dataclass
class Bot:
    """What is checked."""

    check: SelfCheck
    clock: Clock
    pulse: Pulse
    backlog: Backlog
    metrics: Metrics
    ledger: Ledger


Make = Callable[..., Bot]


@pytest.fixture
async def bot(tmp_path: Path) -> Any:
    """Makes a bot with one loop over a real ledger."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    await schema.ensure(url)
    clock, pulse, backlog = Clock(), Pulse(), Backlog()
    ledger = Ledger(url, clock)

    def make(connected: Callable[[], int] | None = None) -> Bot:
        metrics = Metrics({"timers": pulse})
        check = SelfCheck(
            ledger,
            clock,
            InForce(),
            pulses={"timers": pulse},
            owed={"timers": backlog},  # type: ignore[dict-item]  # only next_due is asked
            metrics=metrics,
            connected=connected,
            seconds=clock.seconds,
        )
        return Bot(check, clock, pulse, backlog, metrics, ledger)

    yield make
    await ledger.close()


async def test_a_bot_that_goes_round_is_well(bot: Make) -> None:
    one = bot()
    await one.check.look()
    health = await one.check.health()
    assert (health.status, health.errors) == ("ok", ())
    assert health.checks == {"database": True, "memory": memory_mb() < MEMORY_LIMIT_MB, "loops": True}


async def test_a_loop_that_stands_is_told_with_its_name(bot: Make) -> None:
    one = bot()
    one.clock.elapsed = 31
    await one.check.look()
    health = await one.check.health()
    assert health.checks["loops"] is False
    assert health.errors == ("the timers loop has not gone round for 31 s",)
    one.pulse.rounds += 1
    assert (await one.check.health()).errors == ()


async def test_a_loop_is_watched_even_where_the_look_itself_stands(bot: Make) -> None:
    one = bot()
    one.clock.elapsed = 31
    one.pulse.rounds += 1
    health = await one.check.health()
    assert health.errors == ("what is overdue was last looked up 31 s ago",)
    assert health.checks["loops"] is False


@pytest.mark.parametrize(("late", "errors"), [(30, ()), (31, ("timers are overdue by 31 s",)), (-600, ())])
async def test_overdue_work_is_an_error_after_30_seconds(
    bot: Make, late: int, errors: tuple[str, ...]
) -> None:
    one = bot()
    one.backlog.due = NOON - timedelta(seconds=late)
    await one.check.look()
    assert (await one.check.health()).errors == errors
    assert one.metrics.loops.overdue_seconds == {"timers": max(0.0, late)}


@pytest.mark.parametrize(("connections", "status"), [(2, "ok"), (1, "ok"), (0, "error")])
async def test_socket_mode_without_a_connection_is_an_error(bot: Make, connections: int, status: str) -> None:
    one = bot(lambda: connections)
    await one.check.look()
    health = await one.check.health()
    assert (health.status, health.checks["websocket"]) == (status, connections > 0)


async def test_a_database_that_is_gone_is_an_error_and_not_an_exception(bot: Make) -> None:
    one = bot()
    await one.check.look()

    async def gone(_: object) -> object:
        raise OSError("no such file")

    one.ledger.read = gone  # type: ignore[method-assign, assignment]
    health = await one.check.health()
    assert (health.status, health.checks["database"]) == ("error", False)


async def test_a_look_fills_the_metrics(bot: Make) -> None:
    one = bot()
    await one.check.look()
    assert one.metrics.loops.colours == {"production": "UNKNOWN", "staging": "UNKNOWN", "dev": "UNKNOWN"}
    assert one.metrics.loops.open_requests == 0
    assert (
        b'portcullis_environment_colour{colour="UNKNOWN",environment="dev"} 1.0' in one.metrics.exposition()
    )


def test_the_memory_of_this_process_is_believable() -> None:
    assert 10 < memory_mb() < 4096
