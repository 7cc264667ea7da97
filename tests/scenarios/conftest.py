"""A stage for each journey. What Slack's own pace would cost is left out: messages follow each other at once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bot.jobs.deliveries import Pace
from bot.wiring import loops as wired_loops
from tests.scenarios.stage import Stage

Make = Callable[..., Awaitable[Stage]]


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wired_loops, "Pace", lambda: Pace(every=0.001))


@pytest.fixture
async def make_stage(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Make]:
    """Opens a stage; `edits` change the example's policy, `started` says whether the bot runs and CI has spoken."""
    opened: list[Stage] = []

    async def make(
        *edits: tuple[str, str],
        started: bool = True,
        socket_mode: bool = False,
        database_url: str = sqlite_url,
        enrolled: tuple[str, ...] = ("ada", "bo", "vic"),
    ) -> Stage:
        stage = Stage(folder=tmp_path, database_url=database_url, socket_mode=socket_mode)
        opened.append(stage)
        await stage.open(*edits, enrolled=enrolled)
        if started:
            await stage.start()
            await stage.begin()
        return stage

    yield make
    for stage in opened:
        await stage.close()


@pytest.fixture
async def stage(make_stage: Make) -> Stage:
    """The usual one: SQLite, signed HTTP, the example's policy."""
    return await make_stage()
