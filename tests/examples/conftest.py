"""The film studio as its tests find it: its policy in force, its GitHub on a socket, everybody with a passkey."""

from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from bot.flows import authority
from sandbox.github import PretendGitHub
from storage.verification import verify
from tests.examples.film_studio import Studio


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests is no GitHub that is silent."""
    monkeypatch.setattr(authority, "AT_A_PRESS", timedelta(seconds=30))


@pytest.fixture
async def github() -> AsyncIterator[PretendGitHub]:
    made = PretendGitHub()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def empty_studio(sqlite_url: str, github: PretendGitHub, patient: None) -> AsyncIterator[Studio]:
    """Nothing has happened yet. Afterwards every change has its entry, and no entry was changed (F11)."""
    async with aiohttp.ClientSession() as session:
        made = Studio(sqlite_url, github, session)
        yield made
        report = await verify(made.ledger)
        await made.close()
    assert report.problems == []


@pytest.fixture
async def studio(empty_studio: Studio) -> Studio:
    """Fin's change to /api/, which Ben owns, is built, verified, scanned and soaked."""
    await empty_studio.open()
    return empty_studio
