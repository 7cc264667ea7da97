"""What the attacks are tried on: the stage of the journeys, with or without pages of our own, and pages alone."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.browser.conftest import ALL_METHODS, PageStage, free_port
from tests.handlers.http.conftest import empty_ledger
from tests.handlers.http.mfa_site import Site, open_site
from tests.scenarios.conftest import Make, _no_pace, make_stage, stage

__all__ = ["Make", "MakePages", "_no_pace", "empty_ledger", "make_stage", "stage"]
MakePages = Callable[..., Awaitable[PageStage]]


@pytest.fixture
async def site(tmp_path: Path, empty_ledger: Path) -> AsyncIterator[Site]:
    """The pages on a socket; DEP-1 of Lin waits for approval. Whoever comes by loopback says whence they come."""
    url = f"sqlite:///{shutil.copy(empty_ledger, tmp_path / 'ledger.db')}"
    made = await open_site(url, proxies=("127.0.0.0/8",))
    yield made
    await made.close()


@pytest.fixture
async def make_pages(tmp_path: Path, sqlite_url: str) -> AsyncIterator[MakePages]:
    """Opens a stage whose bot has pages at http://localhost:PORT, where production takes passkeys and codes."""
    opened: list[PageStage] = []

    async def make(*edits: tuple[str, str], enrolled: tuple[str, ...] = ("ada", "bo", "vic")) -> PageStage:
        made = PageStage(folder=tmp_path, database_url=sqlite_url)
        opened.append(made)
        await made.open(ALL_METHODS, *edits, enrolled=enrolled)
        port = free_port()
        made.environment |= {
            "PORTCULLIS_HTTP_PORT": str(port),
            "PORTCULLIS_PUBLIC_URL": f"http://localhost:{port}",
            "PORTCULLIS_TRUSTED_PROXIES": "127.0.0.0/8",
        }
        await made.start()
        await made.begin()
        return made

    yield make
    for each in opened:
        await each.close()
