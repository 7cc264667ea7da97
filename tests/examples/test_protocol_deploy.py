"""The protocol's deploy script (D1): each step says how it went, and one that is not GREEN makes the whole of it fail."""

import asyncio
import fcntl
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.command_deployer import CommandDeployer
from bot.domain.artifact import Artifact
from bot.domain.deployment import Plan, Run, RunResult, RunState
from tests.examples.protocol_place import GOOD_NODE, NEW, OLD, Services, digest

pytestmark = pytest.mark.requirement("D1")
RUN = Run(
    id="DEP-42/1",
    request="DEP-42",
    service="messaging",
    environment="production",
    artifact=Artifact(NEW, digest("messaging", NEW)),
    rollback_target=Artifact(OLD, digest("messaging", OLD)),
    state=RunState.CALLING,
    intended_at=datetime(2026, 11, 10, 11, 0, tzinfo=UTC),
    plan=Plan(steps=(100,)),
)
BACK = replace(RUN, artifact=Artifact(OLD, digest("messaging", OLD)), rolls_back=True)
IMAGE = f"registry.support.example/messaging@{digest('messaging', NEW)}"
STEPS = [
    ("before", "environment variables"),
    ("before", "database connection"),
    ("before", "cluster resources"),
    ("service", "roll out messaging"),
    ("service", "health of messaging"),
    ("integration", "health of pioneer"),
    ("integration", "health of support-ui"),
    ("integration", "health of admin-dashboard"),
    ("integration", "database connection"),
    ("integration", "WebSocket"),
]


@dataclass
class Platform:
    """The services, and the deployer of the example's policy."""

    services: Services
    deployer: CommandDeployer

    def flag(self, name: str) -> None:
        """One of the cluster's faults."""
        (self.services.folder / name).touch()


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    services = Services(tmp_path)
    await services.start()
    services.copied()
    yield Platform(services, deployer(services))
    await services.stop()


def deployer(services: Services, **environ: str) -> CommandDeployer:
    section = services.policy().services["messaging"].deployer
    assert section is not None
    assert section.command is not None
    folder = services.folder
    path = f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    usual = {"PATH": path, "KUBECONFIG": str(folder / "kubeconfig")} | environ
    return CommandDeployer(section.command, folder=folder, environ={k: v for k, v in usual.items() if v})


def lines(result: RunResult) -> list[dict[str, Any]]:
    """What was printed: nothing but lines of JSON."""
    return [json.loads(line) for line in result.output.splitlines()]


def steps(result: RunResult) -> dict[str, str]:
    """Each step's colour; the worst, where one was taken twice."""
    found: dict[str, str] = {}
    for line in lines(result):
        if "step" in line and found.get(line["step"], "GREEN") == "GREEN":
            found[line["step"]] = line["status"]
    return found


async def test_every_step_is_told_with_its_colour_its_word_and_how_long_it_took(platform: Platform) -> None:
    result = await platform.deployer.start(RUN)
    said = lines(result)
    assert (result.succeeded, result.code) == (True, "exit-0"), result.output
    assert [(line["phase"], line["step"]) for line in said[:-1]] == STEPS
    for line in said[:-1]:
        assert line["says"].startswith(f"🟢 GREEN {line['step']}: ")
        assert (line["status"], line["service"], line["version"]) == ("GREEN", "messaging", NEW)
        assert isinstance(line["took_ms"], int)
        assert datetime.fromisoformat(line["at"]).tzinfo is not None
    assert said[-1]["says"] == "🟢 DONE: all 10 steps are GREEN"
    assert platform.services.running("messaging") == IMAGE


Break = Callable[[Platform], None]


def cluster_is_full(platform: Platform) -> None:
    platform.services.nodes(**GOOD_NODE | {"DiskPressure": "True"})


def cluster_is_gone(platform: Platform) -> None:
    (platform.services.folder / "nodes.json").unlink()


def no_variable(platform: Platform) -> None:
    platform.deployer = deployer(platform.services, KUBECONFIG="")


@pytest.mark.parametrize(
    ("fault", "step", "words"),
    [
        (no_variable, "environment variables", "not set: KUBECONFIG"),
        (cluster_is_full, "cluster resources", "node-1 DiskPressure True"),
        (cluster_is_gone, "cluster resources", "kubectl ended with 1: cat: nodes.json"),
    ],
)
async def test_what_fails_before_touches_nothing_and_everything_else_is_still_told(
    platform: Platform, fault: Break, step: str, words: str
) -> None:
    fault(platform)
    result = await platform.deployer.start(RUN)
    assert (result.succeeded, result.code) == (False, "exit-1")
    assert steps(result) == {
        "environment variables": "GREEN",
        "database connection": "GREEN",
        "cluster resources": "GREEN",
    } | {step: "RED"}
    assert words in next(line["says"] for line in lines(result) if line.get("step") == step)
    assert lines(result)[-1]["says"] == f"🔴 FAILED: 1 of 3 steps: {step} is RED; nothing follows"
    assert platform.services.calls("set image") == []


async def test_a_database_that_is_down_is_told_with_its_stack(platform: Platform) -> None:
    await platform.services.database(up=False)
    result = await platform.deployer.start(RUN)
    line = next(line for line in lines(result) if line.get("step") == "database connection")
    assert (result.succeeded, line["status"]) == (False, "RED")
    assert "Connection refused" in line["says"]
    assert line["exception"].startswith("Traceback (most recent call last)")
    assert platform.services.calls("set image") == []


@pytest.mark.parametrize(
    ("flag", "words"), [("forbidden", "is forbidden for"), ("no-rollout", "timed out waiting")]
)
async def test_a_rollout_that_fails_is_not_followed_by_anything(
    platform: Platform, flag: str, words: str
) -> None:
    platform.flag(flag)
    result = await platform.deployer.start(RUN)
    assert (result.succeeded, result.code) == (False, "exit-1")
    assert [*steps(result)][-1] == "roll out messaging"
    assert words in result.output
    assert lines(result)[-1]["says"].endswith("roll out messaging is RED; nothing follows")


@pytest.mark.parametrize(
    ("changes", "colour"),
    [
        ({"status": "warning"}, "YELLOW"),
        ({"checks": {"memory": False}}, "YELLOW"),
        ({"status": "error"}, "RED"),
    ],
)
@pytest.mark.parametrize("service", ["messaging", "pioneer", "support-ui", "admin-dashboard"])
async def test_each_service_has_to_be_green_and_a_warning_is_not_green(
    platform: Platform, service: str, changes: dict[str, Any], colour: str
) -> None:
    for name, value in changes.items():
        setattr(platform.services[service], name, value)
    result = await platform.deployer.start(RUN)
    assert (result.succeeded, result.code) == (False, "exit-1")
    assert steps(result)[f"health of {service}"] == colour
    others = {name: said for name, said in steps(result).items() if name != f"health of {service}"}
    assert set(others.values()) == {"GREEN"}
    # what the service itself says holds everything after it; what the others say is told together
    assert ("WebSocket" in others) is (service != "messaging")


async def test_a_websocket_that_is_gone_fails_the_deployment(platform: Platform) -> None:
    platform.services.chat = "gone"
    result = await platform.deployer.start(RUN)
    assert (result.succeeded, steps(result)["WebSocket"]) == (False, "RED")
    assert "502 instead of 101" in result.output


async def test_a_service_gets_its_time_to_start(platform: Platform) -> None:
    text = (platform.services.folder / "production.json").read_text()
    (platform.services.folder / "production.json").write_text(
        text.replace('"settle_s": 0.3', '"settle_s": 20')
    )
    platform.services["messaging"].status = "error"
    started = asyncio.create_task(platform.deployer.start(RUN))
    async with asyncio.timeout(20):
        while not platform.services.calls("rollout status"):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    platform.services["messaging"].status = "ok"
    assert (await started).succeeded


async def test_no_value_that_is_passed_on_is_printed(platform: Platform) -> None:
    kubeconfig = str(platform.services.folder / "kubeconfig")
    platform.deployer = deployer(platform.services, KUBECONFIG=kubeconfig)
    platform.flag("forbidden")
    (platform.services.folder / "kubeconfig").write_text(
        kubeconfig
    )  # a cluster that repeats what it was given
    result = await platform.deployer.start(RUN)
    assert "is forbidden for $KUBECONFIG" in result.output
    assert kubeconfig not in result.output


async def test_the_way_back_is_taken_whatever_is_broken_and_still_says_if_it_did_not_help(
    platform: Platform,
) -> None:
    services = platform.services
    services.runs("messaging", NEW)
    services["messaging"].broken_by = digest("messaging", NEW)
    cluster_is_full(platform)
    result = await platform.deployer.roll_back(BACK)
    assert (result.succeeded, services.running("messaging")) == (
        True, f"registry.support.example/messaging@{digest('messaging', OLD)}",
    )  # fmt: skip
    services["messaging"].status = "error"
    assert not (await platform.deployer.roll_back(BACK)).succeeded


async def test_the_status_says_what_runs_and_admits_what_it_does_not_know(platform: Platform) -> None:
    services = platform.services

    async def said() -> bool | None:
        found = await platform.deployer.look_up(RUN)
        return None if found is None else found.succeeded

    assert await said() is False  # the old version runs
    services.runs("messaging", NEW)
    assert await said() is True
    services["messaging"].status = "warning"
    assert await said() is False
    services["messaging"].status = "ok"
    platform.flag("no-rollout")
    assert await said() is None
    (services.folder / "no-rollout").unlink()
    (services.folder / "running-messaging").unlink()
    assert await said() is None


async def test_two_deployments_to_one_place_are_not_made_at_once(platform: Platform) -> None:
    with (platform.services.folder / ".production.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = await platform.deployer.start(RUN)
        assert (result.succeeded, result.code) == (False, "exit-1")
        assert "another deployment to production is under way" in result.output
        assert await platform.deployer.look_up(RUN) is None
    assert platform.services.calls() == []
    assert (await platform.deployer.start(RUN)).succeeded


@pytest.mark.parametrize("words", [(), ("deploy",), ("destroy", "messaging", "production", NEW, "sha256:0")])
async def test_words_that_it_does_not_know_are_no_success(platform: Platform, words: tuple[str, ...]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "deploy.py", *words, cwd=platform.services.folder, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert (process.returncode, "deploy.py deploy  SERVICE PLACE" in out.decode()) == (2, True)
