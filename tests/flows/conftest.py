"""A fresh installation for every flow test, whose audit trail is verified when the test is over."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage import schema
from storage.verification import verify
from tests.flows.live import LiveWorld
from tests.flows.policy_text import policy_of
from tests.flows.stepping_up import ALL, LOGINS, Pages
from tests.flows.world import World


@pytest.fixture(scope="session")
def empty_installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the newest schema and nothing in it; every test copies it."""
    path = tmp_path_factory.mktemp("installation") / "empty.db"
    asyncio.run(schema.ensure(f"sqlite:///{path}"))
    return path


@pytest.fixture
async def world(empty_installation: Path, tmp_path: Path) -> AsyncIterator[World]:
    """An installation in which nothing has happened yet."""
    path = tmp_path / "portcullis.db"
    shutil.copy(empty_installation, path)
    made = World(f"sqlite:///{path}")
    yield made
    await made.close()


@pytest.fixture
async def live_world(empty_installation: Path, tmp_path: Path) -> AsyncIterator[LiveWorld]:
    """The same, with live sources of roles; the platform leads are a GitHub team."""
    path = tmp_path / "portcullis.db"
    shutil.copy(empty_installation, path)
    made = LiveWorld(f"sqlite:///{path}")
    yield made
    await made.close()


@pytest.fixture
async def pages(world: World) -> Pages:
    """DEP-1 of Lin awaits approval; production takes every method."""
    world.policy = policy_of(ALL, LOGINS)
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()
    return Pages(world)


@pytest.fixture(autouse=True)
async def the_audit_trail_is_intact_afterwards(world: World) -> AsyncIterator[None]:
    """Whatever a test did: every change has its entry, and no entry was changed."""
    yield
    report = await verify(world.ledger)
    assert report.problems == []
