"""The status files that the bot writes: new after each change, renewed in time, read back as what they say."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.file_monitor import FileReader
from bot.adapters.status_file import stated_in
from bot.adapters.status_writer import StatusWriter
from bot.domain.environment import Colour, EnvironmentStatus, MonitorState, Reading
from bot.flows import answer_incident, observe
from bot.flows.reload_policy import PolicyHolder
from bot.flows.status_files import StatusFile
from bot.gates import GATES
from bot.jobs.status_files import RENEW_EVERY, StatusFiles
from bot.policy import Policy, PolicyError, parse
from bot.policy.monitors import FileMonitor
from handlers.wording.status_file import status_file
from storage import schema
from tests.flows.fakes import TUESDAY_TEN
from tests.flows.policy_text import POLICY
from tests.flows.world import HOUR, MINUTE, SECOND, World

PATH = "deployment/status/production.status"
WRITES = ("    severity: P0\n", f"    severity: P0\n    owner: platform-lead\n    writes: {PATH}\n")


def written_by(folder: Path, *changes: tuple[str, str]) -> Policy:
    text = POLICY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse(text, "policy.yaml", {name: gate.parameters for name, gate in GATES.items()}, folder)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("installation") / "empty.db"
    asyncio.run(schema.ensure(f"sqlite:///{path}"))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policy"
    made.mkdir()
    return made


@pytest.fixture
async def world(installation: Path, tmp_path: Path, folder: Path) -> AsyncIterator[World]:
    """All environments are GREEN; production's status is written."""
    path = shutil.copy(installation, tmp_path / "portcullis.db")
    made = World(f"sqlite:///{path}", written_by(folder, WRITES))
    await made.green()
    yield made
    await made.close()


@pytest.fixture
async def files(world: World) -> AsyncIterator[StatusFiles]:
    writer = StatusWriter()
    yield StatusFiles(world.ledger, PolicyHolder(world.policy), writer.write, status_file)
    await writer.close()


def lines(folder: Path) -> list[str]:
    return (folder / PATH).read_text().splitlines()


@pytest.mark.requirement("K3")
async def test_the_file_says_the_colour_first_and_then_what_people_want_to_know(
    world: World, files: StatusFiles, folder: Path
) -> None:
    assert await files.look() == 1
    assert lines(folder) == [
        "GREEN",
        "Last Verified: 2026-11-10T15:00:00Z",
        "Environment: production of acme, which is in production",
        "Since: 2026-11-10T15:00:00Z",
        "Detail: 2 monitors pass",
        "Incident: none",
        "Owner: platform-lead",
        "Oldest Reading: 2026-11-10T15:00:00Z",
        "Written: 2026-11-10T15:00:00Z by Portcullis",
    ]
    assert world.clock.now() == TUESDAY_TEN


@pytest.mark.requirement("K3")
async def test_a_change_of_colour_is_in_the_file_at_the_next_look_and_so_is_its_incident(
    world: World, files: StatusFiles, folder: Path
) -> None:
    await files.look()
    world.clock.advance(SECOND)
    await world.see("production", "db", Colour.RED, "refused")
    assert await files.look() == 1
    found = lines(folder)
    assert found[0] == "RED"
    assert "Detail: db refused the connection" in found
    assert "Incident: INC-1, P0, open since 2026-11-10T15:00:01Z, not acknowledged" in found
    await answer_incident.acknowledge(world.ledger, world.policy, world.asker("cy"), "INC-1")
    assert await files.look() == 1
    assert "Incident: INC-1, P0, open since 2026-11-10T15:00:01Z, acknowledged by cy" in lines(folder)
    await world.see("production", "db", Colour.GREEN)
    assert await files.look() == 1
    assert (lines(folder)[0], "Incident: none" in lines(folder)) == ("GREEN", True)


async def test_an_unchanged_file_is_renewed_before_it_is_stale_and_not_all_the_time(
    world: World, files: StatusFiles, folder: Path
) -> None:
    assert [await files.look() for _ in range(3)] == [1, 0, 0]
    world.clock.advance(RENEW_EVERY - SECOND)
    assert await files.look() == 0
    world.clock.advance(SECOND)
    assert [await files.look() for _ in range(2)] == [1, 0]
    assert "Last Verified: 2026-11-10T15:02:00Z" in lines(folder)
    world.clock.at -= HOUR  # a clock that was set back
    assert await files.look() == 1


@pytest.mark.requirement("K3")
async def test_what_one_bot_writes_another_one_reads(world: World, files: StatusFiles, folder: Path) -> None:
    reader = FileReader(world.clock)
    monitor = FileMonitor(name="m", file=PATH)

    async def read() -> tuple[str, str]:
        reading: Reading = await reader.read(monitor, folder)
        return reading.colour.value, reading.code

    await files.look()
    assert await read() == ("GREEN", "stated")
    world.clock.advance(15 * MINUTE + SECOND)  # nobody renewed it: the bot that wrote it is gone
    assert await read() == ("UNKNOWN", "stale")
    await files.look()
    assert await read() == ("GREEN", "stated")
    await world.see("production", "db", Colour.RED)
    await files.look()
    assert await read() == ("RED", "stated")
    await reader.close()


@pytest.mark.requirement("D1")
async def test_unknown_is_written_as_unknown_and_read_as_such(
    world: World, files: StatusFiles, folder: Path
) -> None:
    world.clock.advance(366 * 24 * HOUR)
    await observe.age(world.ledger, world.policy)
    await files.look()
    assert lines(folder)[0] == "UNKNOWN"
    assert not any(line.startswith("Last Verified") for line in lines(folder))
    reader = FileReader(world.clock)
    reading = await reader.read(FileMonitor(name="m", file=PATH), folder)
    assert reading.colour is Colour.UNKNOWN
    await reader.close()


async def test_what_cannot_be_written_is_said_and_tried_again(
    world: World, files: StatusFiles, folder: Path
) -> None:
    (folder / PATH).mkdir(parents=True)
    assert await files.look() == 0
    assert files.failing == {"production": "there is something else than a regular file"}
    assert await files.look() == 0  # not all the time
    (folder / PATH).rmdir()
    world.clock.advance(RENEW_EVERY)
    assert await files.look() == 1
    assert (files.failing, files.pulse.failed) == ({}, 1)


async def test_a_policy_without_files_costs_nothing(world: World, folder: Path) -> None:
    class Closed:
        async def read(self, _: object) -> None:
            raise AssertionError

        write = read

    async def write(*_: object) -> None:
        raise AssertionError

    quiet = StatusFiles(Closed(), PolicyHolder(written_by(folder)), write, status_file)  # type: ignore[arg-type]
    assert await quiet.look() == 0


async def test_the_loop_writes_soon_and_survives_what_goes_wrong(world: World, folder: Path) -> None:
    broken = True
    writer = StatusWriter()

    async def write(place: Path, relative: str, content: bytes) -> None:
        if broken:
            raise RuntimeError("a bug")
        await writer.write(place, relative, content)

    files = StatusFiles(world.ledger, PolicyHolder(world.policy), write, status_file)
    task = asyncio.create_task(files.run())
    async with asyncio.timeout(10):
        while files.pulse.failed == 0:
            await asyncio.sleep(0.01)
        broken = False
        files.changed.set()
        while not (folder / PATH).exists():
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await writer.close()


@given(st.text(max_size=300), st.text(max_size=50), st.sampled_from(Colour))
def test_whatever_others_wrote_stays_on_its_line(code: str, organization: str, colour: Colour) -> None:
    state = MonitorState(
        environment="e", name="m", component=None, colour=colour, since=TUESDAY_TEN, code=code,
        facts={"failed": [code], "detail": code},
    )  # fmt: skip
    one = StatusFile(
        path=PATH,
        organization=organization or "o",
        state="production",
        status=EnvironmentStatus(
            name="e", colour=colour, since=TUESDAY_TEN, verified_at=None, monitors=(state,)
        ),
        incident=None,
        owner=None,
        written_at=TUESDAY_TEN + timedelta(seconds=7),
    )
    text = status_file(one)
    assert len(text.splitlines()) == (8 if colour is Colour.UNKNOWN else 9)
    if colour is not Colour.UNKNOWN:
        assert stated_in(text.encode("utf-8", "surrogatepass")).verified_at == one.written_at
        assert stated_in(text.encode("utf-8", "surrogatepass")).colour is colour


@pytest.mark.requirement("K3")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([WRITES, ("file: staging.status", f"file: {PATH}")], "believe its own word"),
        (
            [WRITES, ("file: staging.status", "file: ./deployment/x/../status/PRODUCTION.status")],
            "its own word",
        ),
        ([WRITES, ("    severity: P2\n", f"    writes: {PATH}\n")], "production writes"),
        *(
            ([(WRITES[0], f"    writes: {path}\n")], "below the folder of the policy")
            for path in (
                "/etc/a.status",
                "../a.status",
                "a/../b.status",
                "policy.yaml",
                ".status",
                "a//b.status",
            )
        ),
    ],
)
def test_a_file_that_would_be_read_as_its_own_source_is_refused_in_the_policy(
    tmp_path: Path, changes: list[tuple[str, str]], words: str
) -> None:
    with pytest.raises(PolicyError, match=words):
        written_by(tmp_path, *changes)
