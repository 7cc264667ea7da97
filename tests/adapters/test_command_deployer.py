"""The command deployer with real programs: what they are told, what they see, how they end."""

import asyncio
import os
import shlex
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from bot.adapters.command_deployer import CommandDeployer
from bot.adapters.deployers import PolicyDeployers
from bot.domain.artifact import Artifact
from bot.domain.deployment import Plan, Run, RunState
from bot.policy import Deployer, Policy, Service
from bot.policy.services import CommandDeployer as Commands
from bot.policy.services import GitHubActionsDeployer
from bot.ports import Deployer as DeployerPort
from bot.ports import Deployers

DIGEST, OLD = "sha256:" + "a" * 64, "sha256:" + "b" * 64
RUN = Run(
    id="run-7",
    request="DEP-42",
    service="checkout",
    environment="production",
    artifact=Artifact("3f2a1bc", DIGEST),
    rollback_target=Artifact("1a2b3c4", OLD),
    state=RunState.CALLING,
    intended_at=datetime(2026, 3, 4, 12, 0, tzinfo=UTC),
)
ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/home/deployer",
    "LANG": "C.UTF-8",
    "SLACK_BOT_TOKEN": "xoxb-secret",
    "KUBECONFIG": "/etc/kube",
}


def deployer(folder: Path, *start: str, **more: object) -> CommandDeployer:
    commands = Commands.model_validate({"start": start or ("true",), **more})
    return CommandDeployer(commands, folder=folder, environ=ENVIRON)


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(("exit_code", "succeeded"), [(0, True), (1, False), (3, False), (255, False)])
async def test_only_exit_0_is_success(tmp_path: Path, exit_code: int, succeeded: bool) -> None:
    result = await deployer(tmp_path, "sh", "-c", f"echo said; exit {exit_code}").start(RUN)

    assert (result.succeeded, result.code, result.output) == (succeeded, f"exit-{exit_code}", "said\n")


async def test_placeholders_are_told_to_the_program_as_whole_arguments(tmp_path: Path) -> None:
    asked = ["{service}", "--in={environment}", "{artifact}@{digest}", "{run}", "{request}",
             "{rollback_artifact}", "{rollback_digest}", "$HOME; echo *"]  # fmt: skip

    result = await deployer(tmp_path, "printf", r"%s\n", *asked).start(RUN)

    assert result.output.splitlines() == [
        "checkout",
        "--in=production",
        f"3f2a1bc@{DIGEST}",
        "run-7",
        "DEP-42",
        "1a2b3c4",
        OLD,
        "$HOME; echo *",
    ]


async def test_the_program_sees_what_it_was_given_and_no_secret(tmp_path: Path) -> None:
    result = await deployer(tmp_path, "env", pass_env=("KUBECONFIG", "NOT_SET")).start(RUN)

    assert dict(line.split("=", 1) for line in result.output.splitlines()) == {
        "PATH": ENVIRON["PATH"],
        "HOME": "/home/deployer",
        "LANG": "C.UTF-8",
        "KUBECONFIG": "/etc/kube",
        "PORTCULLIS_RUN": "run-7",
        "PORTCULLIS_REQUEST": "DEP-42",
        "PORTCULLIS_SERVICE": "checkout",
        "PORTCULLIS_ENVIRONMENT": "production",
        "PORTCULLIS_ARTIFACT": "3f2a1bc",
        "PORTCULLIS_DIGEST": DIGEST,
        "PORTCULLIS_PERCENT": "100",
    }


async def test_programs_run_in_the_policy_s_folder(tmp_path: Path) -> None:
    script = tmp_path / "deploy.sh"
    script.write_text('#!/bin/sh\necho "$1" >deployed\n')
    script.chmod(0o755)

    result = await deployer(tmp_path, "./deploy.sh", "{artifact}").start(RUN)

    assert result.succeeded
    assert (tmp_path / "deployed").read_text() == "3f2a1bc\n"


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(
    ("start", "run", "code"),
    [
        (("./missing.sh",), RUN, "not-found"),
        (("./plain.txt",), RUN, "not-executable"),
        (("touch", "started", "{rollback_digest}"), replace(RUN, rollback_target=None), "no-value"),
        (("touch", "started", "{digest}"), replace(RUN, artifact=Artifact("3f2a1bc")), "no-value"),
        (("touch", "started", "{typo}"), RUN, "unknown-placeholder"),
        (("touch", "started", "{service}"), replace(RUN, service="--help"), "unsafe-value"),
        (("touch", "started", "{request}"), replace(RUN, request="DEP-1; id"), "unsafe-value"),
    ],
)
async def test_what_cannot_be_started_fails_with_its_reason_and_starts_nothing(
    tmp_path: Path, start: tuple[str, ...], run: Run, code: str
) -> None:
    (tmp_path / "plain.txt").write_text("not a program")

    result = await deployer(tmp_path, *start).start(run)

    assert (result.succeeded, result.code) == (False, code)
    assert not (tmp_path / "started").exists()


@pytest.mark.requirement("D1")
async def test_the_time_limit_of_the_policy_ends_it(tmp_path: Path) -> None:
    slow = deployer(tmp_path, "sh", "-c", "echo begun; exec sleep 60", timeout=timedelta(milliseconds=300))

    result = await slow.start(RUN)

    assert (result.succeeded, result.code, result.output) == (False, "timed-out", "begun\n")


async def test_cancelling_a_start_ends_the_program(tmp_path: Path) -> None:
    script = "trap 'touch ended; exit' TERM; touch begun; while :; do sleep 0.02; done"
    task = asyncio.create_task(deployer(tmp_path, "sh", "-c", script).start(RUN))
    for _ in range(500):
        if (tmp_path / "begun").exists():
            break
        await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("exit 0", (True, "looked-up-succeeded")),
        ("exit 1", (False, "looked-up-failed")),
        ("exit 2", None),
        ("kill -9 $$", None),
    ],
)
async def test_after_a_crash_the_status_command_says_what_came_of_it(
    tmp_path: Path, script: str, found: tuple[bool, str] | None
) -> None:
    result = await deployer(tmp_path, status=("sh", "-c", script)).look_up(RUN)

    assert (result and (result.succeeded, result.code)) == found


@pytest.mark.parametrize(
    "status", [None, ("./missing.sh",), ("sh", "-c", "exit 0 # {typo}"), ("sleep", "60")]
)
async def test_where_nobody_can_tell_nothing_is_claimed(
    tmp_path: Path, status: tuple[str, ...] | None
) -> None:
    unsure = deployer(tmp_path, status=status, timeout=timedelta(milliseconds=300))

    assert await unsure.look_up(RUN) is None


IN_STEPS = replace(RUN, plan=Plan(steps=(25, 50, 100)))


@pytest.mark.requirement("F5")
@pytest.mark.parametrize(("reached", "percent"), [(0, "25"), (25, "50"), (50, "100")])
async def test_the_commands_are_told_the_step_that_they_bring(
    tmp_path: Path, reached: int, percent: str
) -> None:
    steps = deployer(
        tmp_path,
        *("sh", "-c", "echo $0 $PORTCULLIS_PERCENT", "start-{percent}"),
        shift=("sh", "-c", "echo $0 $PORTCULLIS_PERCENT", "shift-{percent}"),
    )
    run = replace(IN_STEPS, reached=reached)

    assert (await steps.start(run)).output == f"start-{percent} {percent}\n"
    assert (await steps.shift(run)).output == f"shift-{percent} {percent}\n"


@pytest.mark.requirement("F5")
async def test_one_call_brings_all_of_the_traffic(tmp_path: Path) -> None:
    assert (await deployer(tmp_path, "echo", "{percent}").start(RUN)).output == "100\n"


@pytest.mark.requirement("F5")
@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (None, "no-shift"),
        (("sh", "-c", "exit 3", "{percent}"), "exit-3"),
        (("./missing.sh", "{percent}"), "not-found"),
        (("echo", "{typo}", "{percent}"), "unknown-placeholder"),
    ],
)
async def test_a_shift_fails_as_a_start_does(
    tmp_path: Path, shift: tuple[str, ...] | None, code: str
) -> None:
    result = await deployer(tmp_path, shift=shift).shift(replace(IN_STEPS, reached=25))

    assert (result.succeeded, result.code) == (False, code)


@pytest.mark.requirement("F5")
async def test_only_a_status_that_is_told_the_step_can_tell_steps_apart(tmp_path: Path) -> None:
    """One that is not would answer for another call, or for the whole, and be taken for this step."""
    blind = deployer(tmp_path, status=("sh", "-c", "touch asked; exit 0"))
    told = deployer(tmp_path, status=("sh", "-c", '[ "$0" = 50 ]', "{percent}"))

    assert await blind.look_up(IN_STEPS) is None
    assert not (tmp_path / "asked").exists()
    found = await told.look_up(replace(IN_STEPS, reached=25))
    assert (found and found.code) == "looked-up-succeeded"
    found = await told.look_up(replace(IN_STEPS, reached=50))
    assert (found and found.code) == "looked-up-failed"


async def test_looking_up_never_runs_the_start_command(tmp_path: Path) -> None:
    await deployer(tmp_path, "touch", "started", status=("true",)).look_up(RUN)

    assert not (tmp_path / "started").exists()


@pytest.mark.requirement("P14")
@pytest.mark.parametrize(
    ("commands", "digest", "command"),
    [
        (
            {"rollback": ("./rollback.sh", "{environment}", "{rollback_digest}")},
            OLD,
            f"./rollback.sh production {OLD}",
        ),
        ({"rollback": ("./back", "{service}", "{rollback_artifact}")}, None, "./back checkout 1a2b3c4"),
        (
            {"start": ("./deploy.sh", "{environment}", "{digest}", "{request}")},
            OLD,
            f"./deploy.sh production {OLD} by-hand",
        ),
        ({"start": ("./deploy it", "{artifact}; id")}, OLD, "'./deploy it' '1a2b3c4; id'"),
        (
            {"rollback": ("./back", "{rollback_digest}"), "start": ("./deploy", "{artifact}")},
            None,
            "./deploy 1a2b3c4",
        ),
        ({"start": ("./deploy.sh", "{digest}")}, None, None),
        ({"start": ("./deploy.sh", "{typo}")}, OLD, None),
        ({"start": ("./deploy.sh", "{artifact}", "{percent}")}, OLD, "./deploy.sh 1a2b3c4 100"),
    ],
)
def test_the_rollback_command_is_made_beforehand(
    tmp_path: Path, commands: dict[str, object], digest: str | None, command: str | None
) -> None:
    made = CommandDeployer(
        Commands.model_validate({"start": ("./deploy.sh", "{digest}"), **commands}),
        folder=tmp_path,
        environ=ENVIRON,
    ).rollback_command("checkout", "production", "1a2b3c4", digest)

    assert made == command


@pytest.mark.requirement("P14")
def test_the_rollback_command_runs_as_it_is_written(tmp_path: Path) -> None:
    made = deployer(tmp_path, "printf", r"%s\n", "a b", "{artifact}").rollback_command("s", "e", "v1", None)

    assert made is not None
    assert subprocess.run(["sh", "-c", made], capture_output=True, check=True).stdout == b"a b\nv1\n"
    assert shlex.split(made)[-1] == "v1"


@dataclass
class InForce:
    """As much of a policy in force as deployers look at."""

    services: dict[str, Service]
    folder: Path

    @property
    def policy(self) -> Policy:
        return cast("Policy", self)


async def test_a_service_has_the_deployer_its_policy_names_at_that_moment(tmp_path: Path) -> None:
    in_force = InForce(
        {
            "checkout": Service(deployer=Deployer(command=Commands(start=("echo", "{service}")))),
            "web": Service(deployer=Deployer(github_actions=GitHubActionsDeployer(workflow="deploy.yml"))),
            "docs": Service(),
        },
        tmp_path,
    )
    deployers: Deployers = PolicyDeployers(in_force, environ=ENVIRON)

    found: DeployerPort | None = deployers.of("checkout")
    assert found is not None
    assert (await found.start(RUN)).output == "checkout\n"
    assert [deployers.of(name) for name in ("web", "docs", "unknown")] == [None, None, None]

    in_force.services = {}
    assert deployers.of("checkout") is None
