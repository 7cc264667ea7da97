import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.file_monitor import FileReader
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import FileMonitor
from tests.adapters.conftest import StoppedClock

NOW = StoppedClock().at


@pytest.fixture
async def reader(clock: StoppedClock) -> AsyncIterator[FileReader]:
    made = FileReader(clock)
    yield made
    await made.close()


def watching(
    name: str = "production.status", *, stale_after: timedelta | None = timedelta(minutes=15)
) -> FileMonitor:
    return FileMonitor(name="status", file=name, stale_after=stale_after, timeout=timedelta(seconds=2))


def write(folder: Path, content: bytes | str, *, age: timedelta = timedelta(0)) -> Path:
    path = folder / "production.status"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    at = (NOW - age).timestamp()
    os.utime(path, (at, at))
    return path


def seen(reading: Reading) -> tuple[Colour, str]:
    assert reading.decisive
    return reading.colour, reading.code


@pytest.mark.requirement("K3")
@pytest.mark.requirement("D6")
@pytest.mark.parametrize("colour", [Colour.GREEN, Colour.YELLOW, Colour.RED])
async def test_a_status_file_states_the_colour(reader: FileReader, tmp_path: Path, colour: Colour) -> None:
    write(tmp_path, f"STATUS: {colour.value}\nLast Verified: {NOW.isoformat()}\n")

    reading = await reader.read(watching(), tmp_path)

    assert seen(reading) == (colour, "stated")
    assert reading.facts == {"verified_at": NOW.isoformat(), "stated": colour.value}


@pytest.mark.requirement("K3")
@pytest.mark.parametrize(
    ("age", "colour", "code"),
    [
        (timedelta(0), Colour.GREEN, "stated"),
        (timedelta(minutes=15), Colour.GREEN, "stated"),
        (timedelta(minutes=15, seconds=1), Colour.UNKNOWN, "stale"),
        (timedelta(days=400), Colour.UNKNOWN, "stale"),
        (timedelta(minutes=-1), Colour.GREEN, "stated"),
        (timedelta(minutes=-2), Colour.UNKNOWN, "lies-about-time"),
    ],
)
@pytest.mark.parametrize("stated", [True, False])
async def test_an_old_status_is_unknown_never_silently_green(
    reader: FileReader, tmp_path: Path, age: timedelta, colour: Colour, code: str, stated: bool
) -> None:
    if stated:  # the file's own word counts, not when it was copied here
        write(tmp_path, f"GREEN\nLast Verified: {(NOW - age).isoformat()}\n")
    else:
        write(tmp_path, "GREEN\n", age=age)

    assert seen(await reader.read(watching(), tmp_path)) == (colour, code)


async def test_a_policy_that_names_no_limit_does_not_make_green_eternal(
    reader: FileReader, tmp_path: Path
) -> None:
    write(tmp_path, "GREEN\n", age=timedelta(days=1))

    assert seen(await reader.read(watching(stale_after=None), tmp_path)) == (Colour.UNKNOWN, "stale")


@pytest.mark.requirement("K3")
async def test_a_missing_file_is_unknown(reader: FileReader, tmp_path: Path) -> None:
    write(tmp_path, "GREEN")

    assert seen(await reader.read(watching("gone.status"), tmp_path)) == (Colour.UNKNOWN, "missing")
    assert seen(await reader.read(watching("no/such/folder.status"), tmp_path)) == (Colour.UNKNOWN, "missing")
    assert seen(await reader.read(watching("production.status/x"), tmp_path)) == (Colour.UNKNOWN, "missing")


@pytest.mark.requirement("K3")
@pytest.mark.parametrize("content", [b"", b"GRE", b"<html>", b"\xff\xfe\x00", b"GREEN\n" + b"x" * 65536])
async def test_a_file_that_states_no_colour_is_unknown(
    reader: FileReader, tmp_path: Path, content: bytes
) -> None:
    write(tmp_path, content)

    assert seen(await reader.read(watching(), tmp_path)) == (Colour.UNKNOWN, "unreadable")


async def test_a_file_caught_in_the_middle_of_being_written_is_looked_at_again(
    reader: FileReader, tmp_path: Path
) -> None:
    write(tmp_path, "")
    reading = asyncio.create_task(reader.read(watching(), tmp_path))
    await asyncio.sleep(0.01)
    write(tmp_path, "GREEN\n")

    assert seen(await reading) == (Colour.GREEN, "stated")


async def test_a_folder_a_pipe_and_a_zero_byte_are_no_status_files(
    reader: FileReader, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.status")
    (tmp_path / "folder.status").mkdir()
    began = time.monotonic()

    for name in ("pipe.status", "folder.status", "a\0b"):
        assert seen(await reader.read(watching(name), tmp_path)) == (Colour.UNKNOWN, "unreadable")
    assert time.monotonic() - began < 2


@pytest.mark.requirement("K3")
async def test_a_file_of_a_gigabyte_is_not_read(reader: FileReader, tmp_path: Path) -> None:
    os.truncate(write(tmp_path, "GREEN\n"), 1024**3)
    began = time.monotonic()

    assert seen(await reader.read(watching(), tmp_path)) == (Colour.UNKNOWN, "unreadable")
    assert time.monotonic() - began < 2


@pytest.mark.requirement("K3")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "cp037", "utf-7"])
async def test_another_encoding_than_utf_8_is_unknown(
    reader: FileReader, tmp_path: Path, encoding: str
) -> None:
    write(tmp_path, "GREEN\u00e9\n".encode(encoding))

    assert seen(await reader.read(watching(), tmp_path)) == (Colour.UNKNOWN, "unreadable")


@pytest.mark.parametrize("name", ["/etc/hostname", "../production.status", "a/../../production.status", ".."])
async def test_a_path_does_not_climb_out_of_the_policy_s_folder(
    reader: FileReader, tmp_path: Path, name: str
) -> None:
    write(tmp_path, "GREEN")
    folder = tmp_path / "policy"
    folder.mkdir()

    assert seen(await reader.read(watching(name), folder)) == (Colour.UNKNOWN, "outside-policy-folder")


async def test_a_symlink_in_the_folder_may_lead_anywhere(reader: FileReader, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "linked.status").symlink_to(write(tmp_path, "RED"))
    (folder / "circle.status").symlink_to("circle.status")

    assert seen(await reader.read(watching("linked.status"), folder)) == (Colour.RED, "stated")
    assert seen(await reader.read(watching("circle.status"), folder)) == (Colour.UNKNOWN, "unreadable")


async def test_what_people_write_below_the_status_is_not_repeated(reader: FileReader, tmp_path: Path) -> None:
    write(tmp_path, "RED\npassword: hunter2\n")

    assert "hunter2" not in repr(await reader.read(watching(), tmp_path))
