"""What docs/told-monitors.md shows works as it says."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bot.adapters.status_file import stated_in
from bot.domain.environment import Colour
from bot.gates import GATES
from bot.policy import Policy, parse
from bot.policy.monitors import AlertmanagerMatch, AlertmanagerMonitor

GUIDE = Path(__file__).parents[2] / "docs" / "told-monitors.md"


def blocks(kind: str) -> Iterator[str]:
    """The fenced blocks of a kind."""
    for part in GUIDE.read_text(encoding="utf-8").split(f"```{kind}\n")[1:]:
        yield part.partition("```")[0]


def policy_of(block: str) -> Policy:
    text = f"version: 1\ntimezone: Europe/Berlin\n{block}"
    return parse(text, "policy.yaml", {name: gate.parameters for name, gate in GATES.items()}, GUIDE.parent)


def test_every_policy_of_the_guide_is_one() -> None:
    policies = [block for block in blocks("yaml") if "environments:" in block]
    assert len(policies) == 4
    for block in policies:
        assert "production" in policy_of(block).environments


@pytest.mark.requirement("K1")
def test_the_state_of_the_guide_selects_its_rules() -> None:
    (block,) = [block for block in blocks("yaml") if "when_state" in block]
    production = policy_of(block).environments["production"]
    assert (list(production.gates), production.approval.minimum) == (["immutable-artifact"], 1)


def test_what_the_guide_calls_the_defaults_is_the_defaults() -> None:
    (block,) = [block for block in blocks("yaml") if "matchers: {environment" in block]
    (monitor,) = policy_of(block).environments["production"].monitors
    assert isinstance(monitor, AlertmanagerMonitor)
    unsaid = AlertmanagerMatch(matchers={"environment": "production"})
    assert monitor.alertmanager == unsaid


@pytest.mark.requirement("K3")
def test_the_status_file_of_the_guide_is_read_as_what_it_says() -> None:
    (text,) = [block for block in blocks("") if block.startswith("RED")]
    assert stated_in(text.encode()).colour is Colour.RED
    assert stated_in(text.encode()).verified_at is not None


def test_alertmanager_s_own_tool_accepts_the_configuration_of_the_guide(tmp_path: Path) -> None:
    program = shutil.which("amtool")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("amtool is missing (Debian: prometheus-alertmanager)")
        pytest.skip("amtool is missing")
    (block,) = [block for block in blocks("yaml") if "webhook_configs" in block]
    config = YAML(typ="safe", pure=True).load(block)
    config["receivers"][0]["webhook_configs"][0]["http_config"]["authorization"] = {"credentials": "x"}
    file = tmp_path / "alertmanager.yml"
    file.write_text(json.dumps(config), encoding="utf-8")
    done = subprocess.run(
        [program, "check-config", str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
