"""A status file that the running bot writes: there soon after the start, RED when production is, and gone stale with it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.status_file import Stated, Unreadable, stated_in
from bot.domain.environment import Colour
from tests.scenarios.stage import Stage

Make = Callable[..., Awaitable[Stage]]
WRITES = ("    severity: P0\n", "    severity: P0\n    writes: written/production.status\n")


def stated(stage: Stage) -> Stated | None:
    file: Path = stage.folder / "written" / "production.status"
    try:
        return stated_in(file.read_bytes())
    except (FileNotFoundError, Unreadable):
        return None


async def until(stage: Stage, colour: Colour) -> Stated:
    async def check() -> Stated | None:
        found = stated(stage)
        return found if found is not None and found.colour is colour else None

    return await stage.wait(check, what=f"the file to say {colour}")


@pytest.mark.requirement("K3")
async def test_the_running_bot_keeps_its_status_file_true(make_stage: Make) -> None:
    stage = await make_stage(WRITES)
    first = await until(stage, Colour.GREEN)
    await stage.health("error")
    await until(stage, Colour.RED)
    text = (stage.folder / "written" / "production.status").read_text()
    assert "Incident: INC-1, P0" in text
    await stage.health("ok")
    again = await until(stage, Colour.GREEN)
    assert first.verified_at is not None
    assert again.verified_at is not None
    assert first.verified_at < again.verified_at < stage.clock.now() + timedelta(seconds=1)


@pytest.mark.requirement("F7")
async def test_what_the_bot_did_not_hear_while_it_was_away_pages_nobody(make_stage: Make) -> None:
    beat = ("    severity: P3\n", "      - {name: nightly, heartbeat: {every: 1h}}\n    severity: P3\n")
    stage = await make_stage(beat)
    await stage.stop()
    stage.clock.advance(timedelta(hours=3))
    await stage.start()

    async def dev() -> str | None:
        found = await stage.read(lambda tx: tx.environments.get("dev"))
        return "UNKNOWN" if found is not None and found.colour is Colour.UNKNOWN else None

    await stage.wait(dev, what="dev to be UNKNOWN")
    assert await stage.read(lambda tx: tx.incidents.open("dev")) == []
