"""The command monitor against programs that pass, warn, fail, never end, fork, flood, and print secrets (K4)."""

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.adapters.command_monitor import CommandReader, digest_of
from bot.adapters.kept_output import HEAD_BYTES, TAIL_BYTES
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import CommandMonitor
from tests.adapters.conftest import StoppedClock

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "DEPLOY_KEY": "correct horse battery"}


@pytest.fixture
def reader(clock: StoppedClock) -> CommandReader:
    return CommandReader(clock, ENVIRON)


def shell(script: str, *, timeout: float = 10, **more: object) -> CommandMonitor:
    found = {"name": "verify", "command": ("sh", "-c", script), "timeout": timedelta(seconds=timeout), **more}
    return CommandMonitor.model_validate(found)


def seen(reading: Reading) -> tuple[Colour, str]:
    return reading.colour, reading.code


async def gone(pid: int) -> bool:
    """Whether a process ended within a moment."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.requirement("K4")
@pytest.mark.parametrize(
    ("script", "colour", "code", "ended"),
    [
        ("exit 0", Colour.GREEN, "ok", "exit-0"),
        ("exit 1", Colour.RED, "exit-1", "exit-1"),
        ("exit 4", Colour.YELLOW, "exit-4", "exit-4"),
        ("exit 255", Colour.RED, "exit-255", "exit-255"),
        ("kill -9 $$", Colour.RED, "signal-9", "signal-9"),
    ],
)
async def test_the_exit_code_is_the_colour_and_is_kept(
    reader: CommandReader, tmp_path: Path, script: str, colour: Colour, code: str, ended: str
) -> None:
    reading = await reader.read(shell(script, warn_exit=4), tmp_path)

    assert seen(reading) == (colour, code)
    assert reading.facts["exit"] == ended
    assert not reading.decisive


async def test_without_a_warn_exit_every_failure_is_red(reader: CommandReader, tmp_path: Path) -> None:
    assert seen(await reader.read(shell("exit 4"), tmp_path)) == (Colour.RED, "exit-4")


@pytest.mark.requirement("K4")
async def test_of_the_output_a_digest_and_the_last_line_are_kept(
    reader: CommandReader, tmp_path: Path
) -> None:
    reading = await reader.read(shell("echo one; echo two >&2; printf '3 of 4 pods ready\\n\\n'"), tmp_path)

    whole = b"one\ntwo\n3 of 4 pods ready\n\n"
    assert reading.facts["last_line"] == "3 of 4 pods ready"
    assert reading.facts["output_digest"] == "sha256:" + hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("./missing.sh",), "not-found"),
        (("./plain.txt",), "not-executable"),
        (("x" * 300,), "cannot-start"),
    ],
)
async def test_a_program_that_cannot_be_started_tells_nothing(
    reader: CommandReader, tmp_path: Path, command: tuple[str, ...], code: str
) -> None:
    (tmp_path / "plain.txt").write_text("no program", encoding="utf-8")

    reading = await reader.read(CommandMonitor(name="verify", command=command), tmp_path)

    assert seen(reading) == (Colour.UNKNOWN, code)


async def test_it_runs_in_the_folder_of_the_policy_without_a_shell(
    reader: CommandReader, tmp_path: Path
) -> None:
    (tmp_path / "verify.sh").write_text('#!/bin/sh\necho "$(pwd) $1"\n', encoding="utf-8")
    (tmp_path / "verify.sh").chmod(0o755)
    monitor = CommandMonitor(name="verify", command=("./verify.sh", "$(id); rm -rf x"))

    assert (await reader.read(monitor, tmp_path)).facts["last_line"] == f"{tmp_path} $(id); rm -rf x"
    assert seen(await reader.read(monitor, tmp_path / "away")) == (Colour.UNKNOWN, "no-working-folder")


async def test_variables_are_passed_only_by_name(reader: CommandReader, tmp_path: Path) -> None:
    script = 'echo "${DEPLOY_KEY:-none} ${HOME:-none} ${SLACK_BOT_TOKEN:-none}"'

    kept_back = await reader.read(shell(script), tmp_path)
    passed = await reader.read(shell(f"{script} | wc -c", pass_env=("DEPLOY_KEY",)), tmp_path)

    assert kept_back.facts["last_line"] == "none /nowhere none"
    assert str(passed.facts["last_line"]).strip() == str(len("correct horse battery /nowhere none\n"))


SECRETS: Mapping[str, str] = {
    "what was passed on": 'echo "key $DEPLOY_KEY end"',
    "a slack token": "echo 'using xoxb-1234-not-real'",
    "a bearer token": "echo 'Authorization: Bearer not-real-0123'",
    "a password in a url": "echo 'postgres://bot:not-real@db/x'",
    "a stated password": "echo 'password: not-real'",
    "a quoted secret": 'echo \'{"api_key": "not-real"}\'',
    "a variable": "echo 'DB_PASSWORD=not-real'",
}


@pytest.mark.parametrize("script", SECRETS.values(), ids=SECRETS.keys())
async def test_secrets_that_a_script_prints_are_not_kept(
    reader: CommandReader, tmp_path: Path, script: str
) -> None:
    reading = await reader.read(shell(script, pass_env=("DEPLOY_KEY",)), tmp_path)

    assert "not-real" not in repr(reading)
    assert "correct horse" not in repr(reading)
    assert "[redacted]" in str(reading.facts["last_line"])


async def test_a_secret_of_ours_that_a_script_found_elsewhere_is_not_kept(
    reader: CommandReader, clock: StoppedClock, tmp_path: Path
) -> None:
    ours = CommandReader(clock, {**ENVIRON, "PORTCULLIS_SECRET_KEY": "0f1e2d\n3c4b5a697887"})

    reading = await ours.read(shell("echo 3c4b5a697887"), tmp_path)

    assert reading.facts["last_line"] == "[redacted]"


async def test_the_last_line_is_cut_and_harmless(reader: CommandReader, tmp_path: Path) -> None:
    reading = await reader.read(shell("printf 'a\\033[31mb\\342\\200\\256%05000d' 0"), tmp_path)

    assert str(reading.facts["last_line"]).startswith("ab000")
    assert len(str(reading.facts["last_line"])) == 200


async def test_a_script_that_never_ends_is_ended_with_all_that_it_forked(
    reader: CommandReader, tmp_path: Path
) -> None:
    script = "trap '' TERM; sleep 600 & echo $! > child; echo $$ > parent; echo waiting; wait; sleep 600"
    began = time.monotonic()

    reading = await reader.read(shell(script, timeout=0.5), tmp_path)

    assert seen(reading) == (Colour.RED, "timeout")
    assert reading.facts["exit"] == "timed-out"
    assert reading.facts["last_line"] == "waiting"
    assert time.monotonic() - began < 0.5 + 3
    for name in ("child", "parent"):
        assert await gone(int((tmp_path / name).read_text(encoding="ascii")))


async def test_what_a_script_leaves_behind_is_ended_too(reader: CommandReader, tmp_path: Path) -> None:
    reading = await reader.read(shell("sleep 600 >/dev/null 2>&1 & echo $! > child; exit 0"), tmp_path)

    assert seen(reading) == (Colour.GREEN, "ok")
    assert await gone(int((tmp_path / "child").read_text(encoding="ascii")))


async def test_a_cancelled_reading_leaves_nothing_running(reader: CommandReader, tmp_path: Path) -> None:
    task = asyncio.create_task(reader.read(shell("echo $$ > pid; sleep 600", timeout=60), tmp_path))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text(encoding="ascii"):
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert await gone(int((tmp_path / "pid").read_text(encoding="ascii")))


async def test_a_gigabyte_of_output_is_neither_kept_nor_in_the_way(
    reader: CommandReader, tmp_path: Path
) -> None:
    flood = CommandMonitor(
        name="verify",
        command=(sys.executable, "-c", "import os\nwhile True: os.write(1, b'x' * 65536)"),
        timeout=timedelta(seconds=1.5),
    )
    late = 0.0

    async def heartbeat() -> None:
        nonlocal late
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            late = max(late, time.monotonic() - before)

    beating = asyncio.create_task(heartbeat())
    reading = await reader.read(flood, tmp_path)
    beating.cancel()

    assert seen(reading) == (Colour.RED, "timeout")
    assert len(repr(reading)) < 2000
    assert late < 1.0
    assert digest_of("x" * (HEAD_BYTES + TAIL_BYTES)) != reading.facts["output_digest"]


@pytest.mark.parametrize("found", [{"warn_exit": 0}, {"warn_exit": 256}, {"pass_env": ("A B",)}])
def test_what_makes_no_sense_is_refused_by_the_policy(found: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        shell("exit 0", **found)
