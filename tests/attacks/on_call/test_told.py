"""What is told to the bot by whoever holds a token: no secret of it is repeated, and no storm holds people up."""

import asyncio
import time
from functools import partial

import pytest

from bot.flows.alerts import Alert, Told, alerts
from bot.flows.heartbeats import Word, heartbeat, named
from bot.flows.inquire import environments as seen_now
from bot.ports import Transaction
from handlers.slack import env
from handlers.slack.voice import Voice
from tests.flows.test_alerts import with_alerts
from tests.flows.world import SECOND, World

SECRETS = (
    "xoxb-made-up-for-this-test",
    "postgres://bot:made-up@db.example/l",
    "Authorization: Bearer made-up-for-this",
    "password=made-up-word",
)
BEAT = (
    "      - {name: smoke, http:",
    "      - {name: beat, heartbeat: {every: 1h}}\n      - {name: smoke, http:",
)


def _remember(key: str, tx: Transaction) -> None:
    tx.remember(key, answer=True)


async def shown(world: World) -> str:
    found = await seen_now(world.ledger, world.policy)
    return str(env.render(found, Voice(world.policy, world.clock.now())))


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_secret_in_a_heartbeats_detail_is_not_repeated(world: World, secret: str) -> None:
    await world.reload(BEAT)
    place, monitor = named(world.policy, "beat")
    await heartbeat(
        world.ledger,
        world.policy,
        place,
        monitor,
        word=Word.ERROR,
        detail=f"backup failed: {secret}",
        source="ci",
    )
    said = await shown(world)
    assert "backup failed" in said
    assert secret.rsplit(maxsplit=1)[-1].rsplit("=", maxsplit=1)[-1] not in said


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_secret_in_the_name_of_an_alert_is_not_repeated(world: World, secret: str) -> None:
    await world.reload(with_alerts())
    labels = {"alertname": f"cannot reach {secret}"[:60], "environment": "dev", "severity": "critical"}
    told = Told(
        source="am", receiver="r", group="g", alerts=(Alert(fingerprint="1", firing=True, labels=labels),)
    )
    await alerts(world.ledger, world.policy, told)
    said = await shown(world)
    assert "cannot reach" in said
    assert secret.rsplit(maxsplit=1)[-1].rsplit("=", maxsplit=1)[-1][:25] not in said


async def test_what_is_kept_of_one_group_is_bounded_however_long_it_lasts(world: World) -> None:
    """A truncated payload says nothing of the alerts that it leaves out, so they are kept; others come every time."""
    await world.reload(with_alerts())
    for turn in range(8):
        many = tuple(
            Alert(fingerprint=f"{turn}-{n}", firing=True,
                  labels={"alertname": "A", "environment": "dev", "severity": "critical"})
            for n in range(5_000)
        )  # fmt: skip
        told = Told(source="am", receiver="r", group="g", alerts=many, truncated=True)
        await alerts(world.ledger, world.policy, told)
        world.clock.advance(SECOND)
    place = await world.ledger.read(lambda tx: tx.place("dev/alerts", "alerts"))
    assert place is not None
    assert max(int(each[0]) for each in place["shards"].values()) <= 20_000  # type: ignore[union-attr,index,arg-type]


async def test_a_payload_that_turns_two_thousand_environments_holds_no_command_up(world: World) -> None:
    many = "".join(
        f"  feature-{n}:\n    kind: feature\n    severity: P2\n"
        f"    monitors: [{{name: alerts, alertmanager: {{matchers: {{environment: feature-{n}}}}}}}]\n"
        for n in range(2_000)
    )
    await world.reload(("calendar:\n  outside_windows", many + "calendar:\n  outside_windows"))
    storm = tuple(
        Alert(fingerprint=f"{n}", firing=True,
              labels={"alertname": "Down", "environment": f"feature-{n}", "severity": "critical"})
        for n in range(2_000)
    )  # fmt: skip
    told = Told(source="am", receiver="r", group="g", alerts=storm)
    work = asyncio.create_task(alerts(world.ledger.in_background, world.policy, told))
    slowest = 0.0
    while not work.done():
        began = time.perf_counter()
        await world.ledger.write(partial(_remember, f"command-{began}"))
        slowest = max(slowest, time.perf_counter() - began)
        await asyncio.sleep(0.02)
    await work
    assert slowest < 3.0, f"a command waited for {slowest:.1f} s; Slack waits for 3"
