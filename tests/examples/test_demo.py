"""What the demo lays out: a policy that is read, with passkeys, keepers and a cool-off that somebody can wait for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from bot.domain.second_factor import Method
from bot.flows.administrators import is_administrator
from bot.flows.reload_policy import load_policy
from bot.settings import Settings
from examples.demo import COOL_OFF, ENROLLED, DidNotStart, Running, environment, lay_out
from examples.journey import ONE_USE
from examples.readiness.world import World, build_app
from examples.tour_incident import FAIL_AFTER

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
PORTS = {"sandbox": 1, "world": 2, "bot": 3, "mail": 4}


def test_the_demos_policy_takes_passkeys_confirmed_by_somebody(tmp_path: Path) -> None:
    lay_out("readiness", tmp_path / "demo", PORTS)
    policy = load_policy(tmp_path / "demo" / "policy.yaml")
    methods = policy.environments["production"].approval.second_factor.methods
    assert tuple(methods) == (Method.PASSKEY, Method.TOTP)
    assert policy.second_factors.cool_off == timedelta(seconds=COOL_OFF)
    assert [p for p in policy.people if is_administrator(policy, p, NOW)] == ["ada", "bo"]


def test_of_those_enrolled_at_first_only_the_last_confirms_others(tmp_path: Path) -> None:
    lay_out("readiness", tmp_path / "demo", PORTS)
    policy = load_policy(tmp_path / "demo" / "policy.yaml")
    *before, last = ENROLLED
    assert not any(is_administrator(policy, p, NOW) for p in before)
    assert is_administrator(policy, last, NOW)


def test_in_the_demo_whoever_is_on_call_may_go_back_and_red_is_seconds_away(tmp_path: Path) -> None:
    lay_out("readiness", tmp_path / "demo", PORTS)
    policy = load_policy(tmp_path / "demo" / "policy.yaml")
    production = policy.environments["production"]
    assert production.rollback is not None
    assert "on-call-sre" in production.rollback.seats[0].role
    (api,) = production.monitors
    assert (api.every, api.fail_after) == (timedelta(seconds=1), FAIL_AFTER)
    assert [len(step.notify) for step in policy.escalation] == [1, 2, 1]


def test_the_demo_sends_its_mail_to_the_sample_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(tmp_path, PORTS, socket_mode=False).items():
        monkeypatch.setenv(name, value)
    url = Settings(_env_file=None).smtp_url
    assert url is not None
    assert url.get_secret_value() == "smtp://127.0.0.1:4"


def test_its_pages_stand_where_a_browser_gives_passkeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(tmp_path, PORTS, socket_mode=False).items():
        monkeypatch.setenv(name, value)
    run = Running(example="readiness", folder=tmp_path, ports=PORTS)
    assert Settings(_env_file=None).public_url == run.origin == "http://localhost:3"


async def test_the_bots_host_makes_a_one_use_code_for_whoever_asks_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo"
    lay_out("readiness", folder, PORTS)
    for name, value in environment(folder, PORTS, socket_mode=False).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    world = World(bot="", token="", factors={})
    async with TestServer(build_app(world), host="127.0.0.1") as server, ClientSession() as session:
        async with session.post(server.make_url("/host/enroll"), json={"person": "ada"}) as answer:
            made = await answer.json()
        async with session.post(server.make_url("/host/enroll"), json={"person": "--again"}) as answer:
            refused = await answer.json()
    assert made["status"] == 0
    assert ONE_USE.search(made["said"])
    assert refused["status"] == 2
    assert "portcullis enroll ada" in str(world.said)


def test_an_example_without_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(DidNotStart, match="keepkey"):
        lay_out("keepkey", tmp_path / "demo", PORTS)
