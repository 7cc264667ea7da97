"""The whole bot says of each of its loops that it goes round, and the documents say which ones there are."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.jobs import work
from tests.scenarios.conftest import Make

LOOPS = {
    "timers", "deliveries", "watch", "readings", "ageing", "turn", "status-files", "board-file", "feeds", "duties", "roll",
    "alive",
}  # fmt: skip
DOCS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


async def rounds(url: str) -> dict[str, float]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        text = await answer.text()
    return {
        sample.labels["loop"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "portcullis_loop_rounds_total"
    }


@pytest.mark.requirement("D7")
async def test_every_loop_is_seen_to_go_round(make_stage: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "BEAT", 0.05)
    stage = await make_stage(started=False)
    stage.environment["PORTCULLIS_ALIVE_URL"] = f"{stage.world_url}/nowhere"
    await stage.start()
    first = await rounds(stage.bot_url)
    assert set(first) == LOOPS
    assert all(f"`{name}`" in DOCS.read_text(encoding="utf-8") for name in LOOPS)
    standing = LOOPS
    async with asyncio.timeout(20):
        while standing:
            now = await rounds(stage.bot_url)
            standing = {name for name in LOOPS if now[name] <= first[name]}
