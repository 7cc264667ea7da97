"""The command deployer going back, with real programs: which command, told what (P14, P16)."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.artifact import Artifact
from tests.adapters.test_command_deployer import DIGEST, OLD, RUN, deployer

pytestmark = [pytest.mark.requirement("P14"), pytest.mark.requirement("P16")]

NEW, BEFORE = Artifact("3f2a1bc", DIGEST), Artifact("1a2b3c4", OLD)
BACK = replace(RUN, artifact=BEFORE, rollback_target=NEW, rolls_back=True)
WORDS = ("{artifact}", "{digest}", "{rollback_artifact}", "{rollback_digest}", "{percent}")
TOLD = [BEFORE.tag, OLD, BEFORE.tag, OLD, "100"]


async def test_the_rollback_command_is_told_the_version_that_comes_back(tmp_path: Path) -> None:
    made = deployer(tmp_path, "false", rollback=("printf", "%s\n", *WORDS))
    result = await made.roll_back(BACK)
    assert (result.succeeded, result.output.splitlines()) == (True, TOLD)


async def test_without_one_the_start_command_brings_the_old_version(tmp_path: Path) -> None:
    result = await deployer(tmp_path, "printf", "%s\n", *WORDS).roll_back(BACK)
    assert (result.succeeded, result.output.splitlines()) == (True, TOLD)


@pytest.mark.parametrize("more", [{}, {"rollback": ("printf", "%s ", "back", "{rollback_artifact}")}])
async def test_it_is_the_very_command_that_the_way_back_was_shown_with(
    tmp_path: Path, more: dict[str, tuple[str, ...]]
) -> None:
    made = deployer(tmp_path, "printf", "%s ", "{environment}", "{artifact}", "{digest}", **more)
    shown = made.rollback_command("checkout", "production", BEFORE.tag, BEFORE.digest)
    assert shown is not None
    result = await made.roll_back(BACK)
    assert result.output.split() == shlex.split(shown)[2:]


async def test_a_rollback_that_fails_says_so(tmp_path: Path) -> None:
    made = deployer(tmp_path, "true", rollback=("sh", "-c", "echo no; exit 4"))
    result = await made.roll_back(BACK)
    assert (result.succeeded, result.code, result.output) == (False, "exit-4", "no\n")


async def test_the_status_command_is_asked_about_the_version_that_came_back(tmp_path: Path) -> None:
    made = deployer(tmp_path, "true", status=("sh", "-c", f'[ "$1" = {OLD} ]', "status", "{digest}"))
    found = await made.look_up(BACK)
    assert found is not None
    assert found.succeeded
    other = await made.look_up(replace(BACK, artifact=NEW))
    assert other is not None
    assert not other.succeeded
