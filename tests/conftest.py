"""What every folder of tests may use: a clock that is told what time it is, and a fresh ledger on each database."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from storage import schema
from storage.ledger import Ledger
from tests.postgres import Postgres, PostgresMissingError, cluster, in_thread

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
TEMPLATE = "portcullis_template"
_numbers = count(1)
# how long an example takes says how busy the machine is, not whether the property holds
settings.register_profile("portcullis", deadline=None)
settings.load_profile("portcullis")


@dataclass
class FakeClock:
    """Implements ports.Clock; moves only when told."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


@pytest.fixture(scope="session", autouse=True)
def _no_logger_is_kept() -> Iterator[None]:
    """A test that puts the log together as the bot does decides nothing for the loggers of those that come after it."""
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            structlog,
            "configure",
            lambda **settings: configure(**settings | {"cache_logger_on_first_use": False}),
        )
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private PostgreSQL cluster with a migrated template database."""
    try:
        with cluster() as server:
            url = server.create(TEMPLATE)
            in_thread(lambda: schema.upgrade(url))
            yield server
    except PostgresMissingError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("ledger") / "template.db"
    in_thread(lambda: schema.upgrade(f"sqlite:///{file}"))
    return file


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    yield from _fresh_postgres(request.getfixturevalue("postgres"), "template1")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on: both, one after the other."""
    name: str = request.param
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh, migrated SQLite file."""
    file = tmp_path / "ledger.db"
    shutil.copyfile(sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def database_url(request: pytest.FixtureRequest, backend: str) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    if backend == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    yield from _fresh_postgres(request.getfixturevalue("postgres"), TEMPLATE)


def _fresh_postgres(server: Postgres, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    yield server.create(name, template=template)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def open_ledger(database_url: str, clock: FakeClock) -> AsyncIterator[Callable[[], Ledger]]:
    """Opens one more ledger on the same database, as another process would; all are closed in the end."""
    opened: list[Ledger] = []

    def open_one() -> Ledger:
        opened.append(Ledger(database_url, clock))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    """A ledger on a fresh, migrated database of each kind."""
    return open_ledger()
