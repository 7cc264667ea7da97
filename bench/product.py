"""The product as it is run in production: its command line, settings by environment, a policy, SQLite on disk."""

import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.commands import BOT_TOKEN, SIGNING_SECRET
from bench.processes import ROOT, Started, once, server

EXAMPLE = ROOT / "examples" / "readiness"
SAMPLE_WORLD = "127.0.0.1:8071"  # where the example's policy expects registry and service
DATABASE = "portcullis.db"
ENVIRONMENTS = 3  # of the example's policy, all of them watched
CONSOLE_SCRIPT = str(Path(sys.executable).with_name("portcullis"))


@dataclass(frozen=True, slots=True)
class Product:
    """Makes folders in which the bot can be started, all with a database that is migrated already."""

    template: Path
    outside: str

    @classmethod
    def prepare(cls, template: Path, outside: str) -> "Product":
        """Write the policy and status files and migrate an empty database. `outside` is bench.outside's address."""
        template.mkdir()
        policy = (EXAMPLE / "policy.yaml").read_text(encoding="utf-8")
        world = outside.removeprefix("http://")
        (template / "policy.yaml").write_text(policy.replace(SAMPLE_WORLD, world), encoding="utf-8")
        status = template / "deployment" / "status"
        status.mkdir(parents=True)
        for environment in ("staging", "dev"):
            (status / f"{environment}.status").write_text("GREEN\n", encoding="utf-8")
        product = cls(template, outside)
        once([sys.executable, "-m", "bot", "db", "upgrade"], template, None, product.settings())
        return product

    def settings(self) -> dict[str, str]:
        """The environment variables of `portcullis run`."""
        return {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "PORTCULLIS_SLACK_API_URL": f"{self.outside}/api/",
            "PORTCULLIS_DATABASE_URL": f"sqlite:///{DATABASE}",
            "PORTCULLIS_POLICY": "policy.yaml",
            "PORTCULLIS_HTTP_PORT": "0",
            "PORTCULLIS_SECRET_KEY": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        }

    def folder(self, path: Path) -> Path:
        """A fresh folder with a fresh database."""
        shutil.copytree(self.template, path)
        return path

    @contextmanager
    def running(self, folder: Path, core: int | None) -> Iterator[Started]:
        """The bot, until it is left."""
        with server([sys.executable, "-m", "bot", "run"], folder, core, self.settings()) as started:
            yield started


def quiet(folder: Path) -> bool:
    """Whether a bot has seen every environment and has nothing to do: what opens at its start is over."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as connection:
        (seen,) = connection.execute("SELECT count(*) FROM environments").fetchone()
        soon = (time.time_ns() // 1000) + 1_000_000
        (due,) = connection.execute("SELECT count(*) FROM timers WHERE due_at <= ?", (soon,)).fetchone()
    return bool(seen >= ENVIRONMENTS and not due)


def judged(folder: Path) -> tuple[int, int]:
    """How many of the requests in a bot's database have been evaluated so far, and how many there are."""
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as connection:
        counts = dict(connection.execute("SELECT state = 'evaluating', count(*) FROM requests GROUP BY 1"))
    return counts.get(0, 0), sum(counts.values())
