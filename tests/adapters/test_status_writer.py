"""A status file is written whole or not at all, below the policy's folder, and never through a symlink."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.adapters import status_writer
from bot.adapters.file_monitor import FileReader
from bot.adapters.status_writer import StatusWriter
from bot.domain.environment import Colour
from bot.policy.monitors import FileMonitor
from tests.adapters.conftest import StoppedClock

NAME = "deployment/status/production.status"


@pytest.fixture
async def writer() -> AsyncIterator[StatusWriter]:
    made = StatusWriter()
    yield made
    await made.close()


def names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


@pytest.mark.requirement("K3")
async def test_the_file_and_its_folders_are_made_and_replaced(writer: StatusWriter, tmp_path: Path) -> None:
    await writer.write(tmp_path, NAME, b"GREEN\n")
    first = (tmp_path / NAME).stat()
    await writer.write(tmp_path, NAME, b"RED\n")
    assert (tmp_path / NAME).read_bytes() == b"RED\n"
    assert (
        tmp_path / NAME
    ).stat().st_ino != first.st_ino  # another file took its name: none was half written
    assert names((tmp_path / NAME).parent) == ["production.status"]
    assert (tmp_path / NAME).stat().st_mode & 0o777 & ~0o644 == 0


@pytest.mark.requirement("K3")
async def test_a_reader_never_sees_half_a_file(writer: StatusWriter, tmp_path: Path) -> None:
    texts = [f"{colour}\n".encode() + b"x" * 50_000 + b"\nend\n" for colour in ("GREEN", "YELLOW", "RED")]
    await writer.write(tmp_path, NAME, texts[0])
    stop = threading.Event()

    def read() -> list[bytes]:
        found = []
        while not stop.is_set():
            content = (tmp_path / NAME).read_bytes()
            if content not in texts:
                found.append(content)
        return found

    reading = asyncio.create_task(asyncio.to_thread(read))
    for n in range(60):
        await writer.write(tmp_path, NAME, texts[n % 3])
    stop.set()
    assert await reading == []


async def test_what_a_killed_process_left_behind_is_in_nobody_s_way(
    writer: StatusWriter, tmp_path: Path
) -> None:
    (tmp_path / ".a.status.new").write_text("half")
    await writer.write(tmp_path, "a.status", b"GREEN\n")
    assert names(tmp_path) == ["a.status"]
    (tmp_path / ".a.status.new").symlink_to(tmp_path / "elsewhere")
    await writer.write(tmp_path, "a.status", b"RED\n")
    assert names(tmp_path) == ["a.status"]


@pytest.mark.parametrize(
    "relative", ["../a.status", "a/../../b.status", "/etc/a.status", "a//b.status", "", ".", "a\0b.status"]
)
async def test_a_path_that_climbs_out_is_refused(writer: StatusWriter, tmp_path: Path, relative: str) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    with pytest.raises(OSError) as refused:
        await writer.write(folder, relative, b"GREEN\n")
    assert refused.value.errno == errno.EINVAL
    assert [*tmp_path.iterdir()] == [folder]
    assert [*folder.iterdir()] == []


@pytest.mark.requirement("K3")
async def test_symlinks_are_refused_and_what_they_point_at_is_not_touched(
    writer: StatusWriter, tmp_path: Path
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "policy"
    outside.mkdir()
    folder.mkdir()
    (outside / "kept.status").write_text("kept")
    (folder / "a.status").symlink_to(outside / "kept.status")
    (folder / "dangling.status").symlink_to(outside / "nothing.status")
    (folder / "way").symlink_to(outside)
    for relative in ("a.status", "dangling.status", "way/kept.status", "way/new.status"):
        with pytest.raises(OSError) as refused:
            await writer.write(folder, relative, b"GREEN\n")
        assert refused.value.errno == errno.ELOOP
    assert [(p.name, p.read_text()) for p in outside.iterdir()] == [("kept.status", "kept")]


async def test_nothing_else_than_a_regular_file_is_replaced(writer: StatusWriter, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.status")
    (tmp_path / "folder.status").mkdir()
    (tmp_path / "file").write_text("")
    for relative in ("pipe.status", "folder.status", "file/a.status"):
        with pytest.raises(OSError):
            await writer.write(tmp_path, relative, b"GREEN\n")
    assert (tmp_path / "folder.status").is_dir()
    assert (tmp_path / "pipe.status").is_fifo()
    with pytest.raises(FileNotFoundError):
        await writer.write(tmp_path / "gone", "a.status", b"GREEN\n")


async def test_a_file_system_that_hangs_holds_up_its_own_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    usual = status_writer._write

    def hanging(folder: Path, parts: list[str], content: bytes, again: bool) -> bool:
        if parts == ["stuck.status"]:
            let_go.wait(30)
        return usual(folder, parts, content, again)

    monkeypatch.setattr(status_writer, "_write", hanging)
    writer = StatusWriter(limit_s=0.1)
    for words in ("within 0.1 s", "has not come to an end"):
        with pytest.raises(TimeoutError, match=words):
            await writer.write(tmp_path, "stuck.status", b"GREEN\n")
        await writer.write(tmp_path, "other.status", b"GREEN\n")
    let_go.set()
    async with asyncio.timeout(10):
        while not (tmp_path / "stuck.status").exists():
            await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        while (tmp_path / "stuck.status").read_bytes() != b"RED\n":
            try:
                await writer.write(tmp_path, "stuck.status", b"RED\n")
            except TimeoutError:
                await asyncio.sleep(0.01)
    await writer.close()


@pytest.mark.requirement("K3")
async def test_a_file_that_the_bot_wrote_is_no_source_by_whatever_name(
    writer: StatusWriter, clock: StoppedClock, tmp_path: Path
) -> None:
    await writer.write(tmp_path, NAME, b"GREEN\n")
    (tmp_path / "alias.status").symlink_to(tmp_path / NAME)
    os.link(tmp_path / NAME, tmp_path / "twin.status")
    now = clock.at.timestamp()
    os.utime(tmp_path / NAME, (now, now))
    reader = FileReader(clock)
    for name in (NAME, "alias.status", "twin.status", "deployment/../deployment/status/production.status"):
        monitor = FileMonitor(name="m", file=name)
        reading = await reader.read(monitor, tmp_path, [tmp_path / "not-yet.status", tmp_path / NAME])
        assert (reading.colour, reading.code) == (Colour.UNKNOWN, "own-file")
        assert (await reader.read(monitor, tmp_path)).colour is Colour.GREEN
    await reader.close()
