import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from bot.adapters.captured_process import Ended, run
from bot.adapters.kept_output import HEAD_BYTES, TAIL_BYTES

ENVIRON = {"PATH": os.environ["PATH"]}


async def sh(folder: Path, script: str, *, limit_s: float = 20, grace_s: float = 0.5) -> Ended:
    return await run(["sh", "-c", script], folder=folder, environ=ENVIRON, limit_s=limit_s, grace_s=grace_s)


def is_alive(pid: int) -> bool:
    """Whether the process still runs; one that is only waiting to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


async def until_dead(pid: int) -> bool:
    for _ in range(300):
        if not is_alive(pid):
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", "exit-0"), ("exit 7", "exit-7"), ("kill -9 $$", "signal-9")]
)
async def test_how_it_ended_is_said(tmp_path: Path, script: str, code: str) -> None:
    assert (await sh(tmp_path, script)).code == code


async def test_both_streams_are_kept_in_the_order_they_were_written(tmp_path: Path) -> None:
    ended = await sh(tmp_path, "echo 1; echo 2 >&2; echo 3; echo 4 >&2")

    assert ended == Ended("exit-0", "1\n2\n3\n4\n")


async def test_it_runs_in_the_folder_it_was_given(tmp_path: Path) -> None:
    assert (await sh(tmp_path, "pwd -P")).output.strip() == str(tmp_path.resolve())


async def test_a_program_beside_the_policy_is_found_by_its_relative_name(tmp_path: Path) -> None:
    script = tmp_path / "deploy.sh"
    script.write_text("#!/bin/sh\necho deployed $1\n")
    script.chmod(0o755)

    ended = await run(["./deploy.sh", "a b"], folder=tmp_path, environ=ENVIRON, limit_s=20)

    assert ended == Ended("exit-0", "deployed a b\n")


async def test_stdin_is_empty(tmp_path: Path) -> None:
    assert await sh(tmp_path, "cat; echo end") == Ended("exit-0", "end\n")


async def test_it_sees_exactly_the_variables_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    code = "import os; print(sorted(os.environ.items()))"
    variables = {"PORTCULLIS_RUN": "r1", "LC_CTYPE": "C.UTF-8"}

    ended = await run([sys.executable, "-I", "-c", code], folder=tmp_path, environ=variables, limit_s=20)

    assert ended.output.strip() == str(sorted(variables.items()))


async def test_a_missing_program_is_not_found(tmp_path: Path) -> None:
    for name in ("./nowhere", "no-such-program-anywhere"):
        assert await run([name], folder=tmp_path, environ=ENVIRON, limit_s=5) == Ended("not-found", "")


async def test_a_missing_interpreter_is_not_found(tmp_path: Path) -> None:
    script = tmp_path / "deploy"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)

    assert (await run(["./deploy"], folder=tmp_path, environ=ENVIRON, limit_s=5)).code == "not-found"


@pytest.mark.parametrize("mode", [0o644, 0o755])
async def test_a_file_that_is_no_program_is_not_executable(tmp_path: Path, mode: int) -> None:
    script = tmp_path / "deploy"
    script.write_text("echo no first line that names an interpreter\n")
    script.chmod(mode)

    assert (await run(["./deploy"], folder=tmp_path, environ=ENVIRON, limit_s=5)).code == "not-executable"


async def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    assert (await sh(tmp_path / "gone", "true")).code == "no-working-folder"


async def test_a_zero_byte_in_an_argument_cannot_start(tmp_path: Path) -> None:
    assert (await run(["echo", "a\0b"], folder=tmp_path, environ=ENVIRON, limit_s=5)).code == "cannot-start"


@pytest.mark.requirement("D1")
async def test_at_the_time_limit_it_is_ended_and_what_it_wrote_is_kept(tmp_path: Path) -> None:
    ended = await sh(tmp_path, "echo started; exec sleep 60", limit_s=0.3)

    assert ended == Ended("timed-out", "started\n")


async def test_one_that_ignores_sigterm_is_killed_with_all_its_children(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $!; echo $$; while :; do sleep 60; done"

    ended = await sh(tmp_path, script, limit_s=0.3, grace_s=0.2)

    assert ended.code == "timed-out"
    for pid in ended.output.split():
        assert await until_dead(int(pid))


async def test_one_that_cleans_up_within_the_grace_may_say_so(tmp_path: Path) -> None:
    script = "trap 'echo cleaned up; exit 3' TERM; while :; do sleep 0.05; done"

    ended = await sh(tmp_path, script, limit_s=0.5, grace_s=5)

    assert ended.code == "timed-out"
    assert ended.output.endswith("cleaned up\n")


async def test_a_descendant_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()

    ended = await sh(tmp_path, "sleep 30 & echo $!; exit 0")

    assert ended.code == "exit-0"
    assert time.monotonic() - began < 10
    os.kill(int(ended.output), 9)


async def test_cancelling_kills_the_whole_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(sh(tmp_path, "sleep 60 & echo $! $$ >pids.new; mv pids.new pids; wait"))
    for _ in range(500):
        if pids.exists():
            break
        await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    for pid in pids.read_text().split():
        assert await until_dead(int(pid))


async def test_a_flood_of_output_is_capped_and_its_end_is_kept(tmp_path: Path) -> None:
    script = "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end"

    ended = await sh(tmp_path, script)

    assert ended.code == "exit-0"
    assert ended.output.endswith("x\nthe end\n")
    assert len(ended.output.encode()) <= HEAD_BYTES + TAIL_BYTES + 64


async def test_no_file_descriptor_is_left_open(tmp_path: Path) -> None:
    await sh(tmp_path, "true")  # whatever the loop opens once
    before = len(list(Path("/proc/self/fd").iterdir()))

    for script in ("true", "exit 3", "sleep 3 & exit 0"):
        await sh(tmp_path, script)
    await run(["./nowhere"], folder=tmp_path, environ=ENVIRON, limit_s=5)

    assert len(list(Path("/proc/self/fd").iterdir())) == before
