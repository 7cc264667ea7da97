"""The film studio's deployer: the workflow on GitHub is started with the CLI, waited for, and found again by its name."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.command_deployer import CommandDeployer
from bot.domain.artifact import Artifact
from bot.domain.deployment import Plan, Run, RunState
from bot.flows.reload_policy import load_policy
from tests.examples.film_studio import EXAMPLE, NEW, OLD, REPOSITORY, SERVICE
from tests.flows.fakes import DIGEST, OLD_DIGEST

RUN = Run(
    id="DEP-42/1",  # as the ledger names them
    request="DEP-42",
    service=SERVICE,
    environment="production",
    artifact=Artifact(NEW, DIGEST),
    rollback_target=Artifact(OLD, OLD_DIGEST),
    state=RunState.CALLING,
    intended_at=datetime(2026, 11, 10, 11, 0, tzinfo=UTC),
    plan=Plan(steps=(25, 50, 100)),
)
TITLE = "v1.4.0 to production, 25 per cent (DEP-42/1)"

# A GitHub CLI that writes down what it was called with. `runs` holds what GitHub shows of runs, `ended` how the watched
# one ends, `refuses` that none can be started.
CLI = """#!/bin/sh
echo "$@" >> calls
case "$1 $2" in
  "workflow run") [ ! -e refuses ] ;;
  "run list") grep -F "$TITLE" runs | head -n 1 | cut -d'|' -f2 ;;
  "run watch") exit "$(cat ended)" ;;
esac
"""


@dataclass
class Platform:
    """The deployer of the policy, in a folder with a pretend CLI."""

    folder: Path
    deployer: CommandDeployer

    def shows(self, *runs: str) -> None:
        (self.folder / "runs").write_text("".join(f"{run}\n" for run in runs))

    def ends(self, status: int) -> None:
        (self.folder / "ended").write_text(str(status))

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    (tmp_path / "deploy.sh").write_bytes((EXAMPLE / "deploy.sh").read_bytes())
    (tmp_path / "gh").write_text(CLI)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "runs").touch()
    found = load_policy(EXAMPLE / "policy.yaml").services[SERVICE].deployer
    assert found is not None
    assert found.command is not None
    commands = found.command.model_copy(update={"pass_env": ("GH_TOKEN", "LOOKS")})
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOOKS": "1", "GH_TOKEN": "pretend"}
    made = Platform(tmp_path, CommandDeployer(commands, folder=tmp_path, environ=environ))
    made.ends(0)
    return made


@pytest.mark.requirement("F4")
async def test_the_workflow_is_started_with_the_version_and_the_share_of_traffic_and_waited_for(
    platform: Platform,
) -> None:
    platform.shows(f"{TITLE}|71 ")
    result = await platform.deployer.start(RUN)
    assert (result.succeeded, result.code) == (True, "exit-0"), result.output
    started, _, watched = platform.calls
    for words in ("workflow run deploy-production.yml", REPOSITORY, f"version={NEW}", f"digest={DIGEST}", "percent=25"):  # fmt: skip
        assert words in started
    assert f"title={TITLE}" in started
    assert watched == f"run watch 71 --repo {REPOSITORY} --exit-status"


@pytest.mark.requirement("F5")
async def test_the_next_step_is_another_run_of_the_same_workflow(platform: Platform) -> None:
    platform.shows(f"{TITLE}|71 success", "v1.4.0 to production, 50 per cent (DEP-42/1)|72 ")
    result = await platform.deployer.shift(replace(RUN, reached=25))
    assert result.succeeded, result.output
    assert "percent=50" in platform.calls[0]
    assert "run watch 72" in platform.calls[2]


@pytest.mark.parametrize("broken", ["refuses", "unseen", "fails"])
async def test_a_workflow_that_cannot_be_started_seen_or_finished_is_no_success(
    platform: Platform, broken: str
) -> None:
    platform.shows(*([] if broken == "unseen" else [f"{TITLE}|71 "]))
    if broken == "refuses":
        (platform.folder / "refuses").touch()
    platform.ends(1)
    assert not (await platform.deployer.start(RUN)).succeeded


@pytest.mark.parametrize(
    ("shown", "said"),
    [("71 success", True), ("71 failure", False), ("71 cancelled", False), ("71 ", None), ("", None)],
)
async def test_after_a_crash_the_run_is_found_by_its_name(
    platform: Platform, shown: str, said: bool | None
) -> None:
    platform.shows("another one|70 success", *([f"{TITLE}|{shown}"] if shown else []))
    found = await platform.deployer.look_up(RUN)
    assert (None if found is None else found.succeeded) is said


@pytest.mark.requirement("F8")
async def test_the_way_back_is_a_command_that_a_person_can_type_too(platform: Platform) -> None:
    command = platform.deployer.rollback_command(SERVICE, "production", OLD, OLD_DIGEST)
    assert command == f"sh deploy.sh move {REPOSITORY} production {OLD} {OLD_DIGEST} 100 by-hand"
    back = replace(RUN, artifact=Artifact(OLD, OLD_DIGEST), plan=Plan(steps=(100,)), rolls_back=True)
    platform.shows("v1.3.2 to production, 100 per cent (DEP-42/1)|73 ")
    assert (await platform.deployer.roll_back(back)).succeeded
    assert f"version={OLD}" in platform.calls[0]
