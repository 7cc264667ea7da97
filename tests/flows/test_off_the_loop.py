"""Compiling the calendar and working out when its freezes are take seconds at worst: never in the thread of the event
loop, and never in one of the ledger's, where everybody who writes would wait."""

import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.calendar.compiled import Compiled
from bot.domain.calendar.memory import Memory
from bot.domain.change_request import Start
from bot.domain.refusal import Refusal
from bot.flows import freezes as of_freezes
from bot.flows.freeze_moments import look_ahead
from bot.flows.freezes import freezes, standing
from bot.flows.living_calendar import compiled
from bot.flows.preview import Question, preview
from bot.flows.when import Wanted, when
from bot.flows.windows import windows
from bot.gates import GATES
from bot.policy import parse
from bot.policy.ics import IcsSource
from tests.flows import rolling
from tests.flows.fakes import TAG
from tests.flows.freezing import declare
from tests.flows.policy_text import POLICY, policy_of
from tests.flows.world import DAY, HOUR, World

pytestmark = pytest.mark.requirement("P6")

POOL = "asyncio_"  # what the threads of asyncio.to_thread are called
EVENTS = b"""BEGIN:VCALENDAR\r
BEGIN:VEVENT\r
DTSTART:20260101T100000\r
DURATION:PT1H\r
RRULE:FREQ=DAILY\r
END:VEVENT\r
END:VCALENDAR\r
"""


@dataclass
class Notes:
    """The threads in which something was done."""

    threads: list[str] = field(default_factory=list)

    def noting(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            self.threads.append(threading.current_thread().name)
            return work(*args, **kwargs)

        return noted

    def all_in_the_pool(self) -> bool:
        return bool(self.threads) and all(name.startswith(POOL) for name in self.threads)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> Notes:
    notes = Notes()
    monkeypatch.setattr(Compiled, "_compile", notes.noting(Compiled._compile))
    return notes


@pytest.fixture
async def anywhere(database_url: str) -> AsyncIterator[World]:
    """An installation on each database: on PostgreSQL, what a transaction does is done on the event loop."""
    made = World(database_url)
    yield made
    await made.close()


@pytest.mark.parametrize("artifact", [None, TAG])
async def test_when_compiles_in_a_thread(anywhere: World, compilations: Notes, artifact: str | None) -> None:
    wanted = Wanted(service="checkout", environment="production", artifact=artifact)
    await when(anywhere.ledger, anywhere.policy, anywhere.collector, anywhere.clock, wanted)
    assert compilations.all_in_the_pool()


async def test_a_preview_compiles_in_a_thread(anywhere: World, compilations: Notes) -> None:
    question = Question(service="checkout", artifact=TAG, environment="production")
    await preview(anywhere.collector, anywhere.policy, anywhere.clock, question)
    assert compilations.all_in_the_pool()


async def test_the_strip_of_windows_compiles_in_a_thread(anywhere: World, compilations: Notes) -> None:
    await windows(anywhere.ledger, anywhere.policy, None, None)
    assert compilations.all_in_the_pool()


@pytest.mark.parametrize("ahead", [timedelta(0), 20 * DAY, 89 * DAY])
async def test_a_request_compiles_before_its_transaction(
    anywhere: World, compilations: Notes, ahead: timedelta
) -> None:
    anywhere.clock.advance(320 * DAY)  # so near the end of a block that the later ones lie in the next
    await anywhere.ask(start=Start(mode="at", at=anywhere.clock.now() + ahead) if ahead else Start())
    assert compilations.all_in_the_pool()


async def test_a_request_after_a_freeze_was_declared_compiles_before_its_transaction(
    anywhere: World, compilations: Notes
) -> None:
    await anywhere.ask()
    before = len(compilations.threads)
    await declare(anywhere, begins_at=anywhere.clock.now() + HOUR)
    await anywhere.ask(artifact="1.99.0")
    assert len(compilations.threads) > before
    assert compilations.all_in_the_pool()


async def test_an_evaluation_compiles_before_its_transaction(anywhere: World, compilations: Notes) -> None:
    await anywhere.ready()
    await anywhere.ask()
    await anywhere.fire("evaluate", "DEP-1")
    await anywhere.sign("ada")
    await anywhere.sign("cy")
    compilations.threads.clear()
    anywhere.policy = policy_of()  # the same one, of which nothing is compiled
    await anywhere.fire("evaluate", "DEP-1")
    assert await anywhere.state_of() == "starting"
    assert compilations.all_in_the_pool()


async def test_what_closes_for_more_than_a_block_is_followed_before_the_transaction(
    anywhere: World, compilations: Notes
) -> None:
    now = anywhere.clock.now()
    await declare(anywhere, ends_at=now + 390 * DAY)
    await anywhere.ready()
    await anywhere.ask()
    await anywhere.fire("evaluate", "DEP-1")
    assert compilations.all_in_the_pool()


async def test_a_step_of_a_rollout_compiles_before_its_transaction(
    anywhere: World, compilations: Notes
) -> None:
    await rolling.rolling(anywhere)
    compilations.threads.clear()
    for _ in range(2):
        anywhere.policy = rolling.stepped_policy()
        await anywhere.fire("run", (await anywhere.runs())[0].id)
        anywhere.clock.advance(HOUR)
    assert compilations.all_in_the_pool()


async def test_to_say_what_freezes_a_rollout_compiles_before_the_transaction(
    anywhere: World, compilations: Notes
) -> None:
    await rolling.rolling(anywhere)
    await rolling.declare(anywhere)
    compilations.threads.clear()
    anywhere.policy = rolling.stepped_policy()
    with pytest.raises(Refusal, match="frozen"):
        await rolling.resume(anywhere, "ada")
    assert compilations.all_in_the_pool()


async def test_what_was_looked_at_keeps_no_calendar_that_nobody_uses_any_more() -> None:
    calendar = policy_of().calendar
    await compiled(calendar, "production", "checkout", datetime(2026, 7, 7, tzinfo=UTC))
    left = weakref.ref(calendar)
    del calendar
    gc.collect()
    assert left() is None


# The policy's freezes


@pytest.fixture
async def with_events(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr(of_freezes, "_STANDING", Memory(4))
    (tmp_path / "team.ics").write_bytes(EVENTS)
    text = POLICY.replace(
        "  freezes:\n", "  freezes:\n    - {name: team, ics: team.ics, effect: discourage}\n"
    )
    policy = parse(text, "policy.yaml", {name: gate.parameters for name, gate in GATES.items()}, tmp_path)
    made = World(database_url, policy)
    yield made
    await made.close()


@pytest.fixture
def expansions(monkeypatch: pytest.MonkeyPatch) -> Notes:
    notes = Notes()
    monkeypatch.setattr(IcsSource, "spans", notes.noting(IcsSource.spans))
    return notes


@pytest.mark.parametrize("look", [freezes, look_ahead, standing])
async def test_the_policys_freezes_are_worked_out_in_a_thread_once_a_day(
    with_events: World, expansions: Notes, look: Callable[..., Any]
) -> None:
    for _ in range(3):
        await look(with_events.ledger, with_events.policy)
    assert expansions.all_in_the_pool()
    assert len(expansions.threads) == 1
    with_events.clock.advance(DAY)
    await look(with_events.ledger, with_events.policy)
    assert len(expansions.threads) == 2
    assert expansions.all_in_the_pool()


async def test_what_is_remembered_of_a_day_is_told_as_it_stands_at_the_instant(with_events: World) -> None:
    async def told() -> tuple[str, bool]:
        first = (await freezes(with_events.ledger, with_events.policy))[0]
        return first.name, first.begins_at <= with_events.clock.now()

    with_events.clock.at = datetime(2026, 11, 10, 14, 30, tzinfo=UTC)  # half past nine in New York
    assert await told() == ("team", False)
    with_events.clock.advance(HOUR)
    assert await told() == ("team", True)
    with_events.clock.advance(HOUR)
    assert await told() == ("team", False)
