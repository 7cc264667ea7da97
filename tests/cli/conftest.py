"""The command line in a folder of its own, with a policy, settings and, where asked for, a ledger with entries."""

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.__main__ import main
from bot.adapters.clock import SystemClock
from bot.domain.audit import Fact
from storage import schema
from storage.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "readiness" / "policy.yaml"
SETTINGS = {
    "SLACK_BOT_TOKEN": "xoxb-hunter2-bot",
    "SLACK_SIGNING_SECRET": "hunter2-signing-secret",
    "PORTCULLIS_SECRET_KEY": "hunter2-key-0123456789-abcdefghij",
}


@contextmanager
def in_thread(app: web.Application) -> Iterator[int]:
    """Serve `app` on a loopback port, in a thread of its own: the command line runs its own event loop."""
    loop = asyncio.new_event_loop()

    async def start() -> tuple[web.AppRunner, int]:
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass(frozen=True)
class Ended:
    """How a verb ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Host:
    """A folder in which the command line is called."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))

    @property
    def database(self) -> Path:
        return self.folder / "portcullis.db"

    @property
    def url(self) -> str:
        return f"sqlite:///{self.database}"

    def call(self, *arguments: str) -> Ended:
        """Run one verb in this process."""
        self.capsys.readouterr()
        try:
            status = main(list(arguments))
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        said = self.capsys.readouterr()
        return Ended(status, said.out, said.err)

    def environment(self) -> dict[str, str]:
        """The variables for a process of its own."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "PORTCULLIS_"))}
        return clean | self.settings | {"PYTHONPATH": str(ROOT)}

    def write_entries(self, count: int) -> None:
        """A ledger with so many audit entries."""

        async def write() -> None:
            await schema.ensure(self.url)
            ledger = Ledger(self.url, SystemClock())
            try:
                for number in range(count):
                    fact = Fact(type="test.noted", facts={"number": number, "text": "Zürich ✓ \u2028"})
                    await ledger.write(lambda tx, fact=fact: tx.trail.record(fact, subject="test"))
            finally:
                await ledger.close()

        asyncio.run(write())

    def alter(self, *statements: str) -> None:
        """Change the database behind the ledger's back, as somebody with the file could: without its triggers."""
        with closing(sqlite3.connect(self.database)) as database:
            triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                database.execute(f'DROP TRIGGER "{name}"')
            for statement in statements:
                database.execute(statement)
            database.commit()

    def bytes_on_disk(self) -> bytes:
        """Everything that the folder holds."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Host:
    """A host with the example's policy and complete settings."""
    found = Host(tmp_path, capsys)
    (tmp_path / "policy.yaml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    for name in [n for n in os.environ if n.startswith(("SLACK_", "PORTCULLIS_"))]:
        monkeypatch.delenv(name)
    for name, value in found.settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Takes settings away."""

    def take(names: Mapping[str, str] | tuple[str, ...]) -> None:
        for name in names:
            monkeypatch.delenv(name)

    return take
