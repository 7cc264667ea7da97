"""A private PostgreSQL cluster on loopback for one test session, run by a user who is not root."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]

OWNER = "portcullis"
ROOM = 1 << 30  # bytes
# Nothing here has to survive a power cut, and a test should not wait for a disk.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "100",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


class PostgresMissingError(RuntimeError):
    """The programs `initdb` and `postgres` are not on this machine."""


@dataclass(frozen=True)
class Postgres:
    """A running cluster."""

    port: int
    major: int = 0

    def create(self, database: str, *, template: str = "template1") -> str:
        """A new database like `template`; gives its URL."""
        # A copy of files with fsync off takes a tenth of the time that writing it to the log takes (from 15 on).
        quickly = "STRATEGY file_copy" if self.major >= 15 else ""
        self.execute(f"CREATE DATABASE {database} TEMPLATE {template} {quickly}")
        return self.url(database)

    def url(self, database: str) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement outside of any transaction."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url(database))
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        in_thread(lambda: asyncio.run(run()))


def in_thread(work: Callable[[], Any]) -> Any:
    """Run what needs an event loop of its own, wherever the caller stands."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def find_binaries() -> Path:
    """The folder of the newest PostgreSQL. Raises PostgresMissingError."""
    folders = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: -float(f.parent.name))
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissingError(
        "PostgreSQL's initdb and postgres are missing; scripts/test-tools.sh installs them"
    )


@contextlib.contextmanager
def cluster() -> Iterator[Postgres]:
    """Make a cluster, run it, and leave nothing of it behind."""
    binaries = find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="portcullis-postgres-", dir=_in_memory()))
    try:
        as_user = _not_root(folder)
        quickly = ["--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", OWNER, *quickly],
            check=True,
            capture_output=True,
            cwd=folder,
            **as_user,
        )
        with (folder / "log").open("wb") as output:
            port = _free_port()
            options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
            process = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", "-p", str(port), *options],
                stdout=output,
                stderr=output,
                cwd=folder,
                **as_user,
            )
        try:
            in_thread(lambda: asyncio.run(_answers(port, process, folder / "log")))
            yield Postgres(port, int((folder / "data" / "PG_VERSION").read_text()))
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder)


def _in_memory() -> Path | None:
    """Where there is room for it in memory, a database is copied in a tenth of the time; None: not here."""
    shared = Path("/dev/shm")  # noqa: S108 -- the folder in it has a name of its own
    roomy = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > ROOM
    return shared if roomy else None


def _not_root(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as its own user, or as nobody."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in known else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


async def _answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(30):
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended at once: {log.read_text()[-2000:]}")
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                connection = await asyncpg.connect(Postgres(port).url("postgres"))
                await connection.close()
                return
            await asyncio.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # "fast": roll back what is open, write, end
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
