"""The bot's view of its own health: a standstill is seen whichever part of it stands still."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli.policy import load_policy
from bot.domain.canonical import sha256
from bot.domain.feed import FeedState, FeedStatus
from bot.flows.sight import blinded, sees
from bot.jobs.metrics import Metrics
from bot.jobs.self_check import MEMORY_LIMIT_MB, SelfCheck, feed_trouble, memory_mb
from bot.jobs.work import Pulse
from bot.policy import Policy, parse
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
    assert health.checks == {
        "database": True,
        "memory": memory_mb() < MEMORY_LIMIT_MB,
        "loops": True,
        "watch": True,
        "pages": True,
    }


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


@pytest.mark.requirement("F14")
async def test_blindness_and_a_watch_that_is_behind_are_told_and_take_nothing_out_of_service(
    bot: Make,
) -> None:
    one = bot()
    late = [0.0]
    one.check.behind = lambda: late[0]
    await blinded(one.ledger, InForce().policy, references=1, probes=5)
    await one.check.look()
    assert (await one.check.health()).checks["watch"] is True, "a moment is nobody's alarm"
    one.clock.elapsed = 360
    one.pulse.rounds += 1
    await one.check.look()
    health = await one.check.health()
    assert (health.status, health.checks["watch"], health.checks["loops"]) == ("warning", False, True)
    assert health.errors == ("monitoring has been blind for 360 s",)
    await sees(one.ledger, InForce().policy)
    await one.check.look()
    assert (await one.check.health()).checks["watch"] is True
    late[0] = 31.0
    assert (await one.check.health()).errors == ("readings are behind by 31 s",)


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


# What /health says of a feed: (seconds since it was last good, problem of the last attempt)
@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("old", "problem", "words"),
    [
        (60, None, None),
        (60, "timeout", "the feed upstream could not be fetched; its last good copy still holds (last attempt: timeout)"),
        (86_401, None, "the feed upstream is stale, so its calendar gate is closed: last good 86401 s ago"),
        (86_401, "http-404", "the feed upstream is stale, so its calendar gate is closed: last good 86401 s ago (last attempt: http-404)"),
        (None, None, "the feed upstream was never fetched, so its calendar gate is closed"),
        (None, "dns", "the feed upstream was never fetched, so its calendar gate is closed (last attempt: dns)"),
    ],
)  # fmt: skip
def test_a_feed_in_trouble_is_told_by_its_code(
    old: int | None, problem: str | None, words: str | None
) -> None:
    status = FeedStatus(
        name="upstream",
        environments=None,
        services=None,
        fetched_at=None if old is None else NOON - timedelta(seconds=old),
        stale_after=timedelta(days=1),
        problem=problem,
    )
    assert feed_trouble(status, NOON) == words


@pytest.mark.requirement("P6")
async def test_a_feed_in_trouble_takes_nothing_out_of_service(bot: Make, tmp_path: Path) -> None:
    one = bot()
    text = "version: 1\ntimezone: UTC\nenvironments: {production: {}}\ncalendar:\n  freezes:\n    - {name: upstream, ics: 'https://x.example/key-4711'}\n"
    one.check._in_force = InForce(parse(text, "policy.yaml", {}, tmp_path))
    await one.check.look()
    health = await one.check.health()
    assert health.errors == ("the feed upstream was never fetched, so its calendar gate is closed",)
    assert (health.status, all(health.checks.values())) == ("warning", True)
    exposed = one.metrics.exposition()
    assert b'portcullis_feed_stale{feed="upstream"} 1.0' in exposed
    assert b"portcullis_feed_age_seconds{" not in exposed
    assert b"4711" not in exposed
    state = FeedState(url="https://x.example/key-4711", checked_at=NOON, fetched_at=NOON)
    copy = b"BEGIN:VCALENDAR\nEND:VCALENDAR\n"
    await one.ledger.write(lambda tx: tx.feeds.keep(replace(state, digest=sha256(copy)), copy))
    one.clock.elapsed = 20
    one.pulse.rounds += 1
    await one.check.look()
    assert (await one.check.health()).status == "ok"
    assert b'portcullis_feed_age_seconds{feed="upstream"} 20.0' in one.metrics.exposition()
