"""Everybody outside, for each test of the ways to them."""

from collections.abc import AsyncIterator

import pytest

from storage.verification import verify
from tests.handlers.paging.outside import Outside, outside


@pytest.fixture
async def o(sqlite_url: str) -> AsyncIterator[Outside]:
    """All of it, running; its audit trail is verified when the test is over."""
    async with outside(sqlite_url) as made:
        yield made
        assert (await verify(made.world.ledger)).problems == []


@pytest.fixture
async def still(sqlite_url: str) -> AsyncIterator[Outside]:
    """All of it, but nothing is sent unless a test does."""
    async with outside(sqlite_url, sending=False) as made:
        yield made
