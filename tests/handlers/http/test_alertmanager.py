"""POST /alertmanager over a socket: version 4 as it is sent, as it will be sent one day, and as nobody should send it."""

import asyncio
import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from bot.flows import observe
from bot.flows.inquire import environments
from tests.handlers.http.told_policy import told_policy

WEBHOOK = "/alertmanager"


@pytest.fixture
def told(served: Any) -> Any:
    """The application, with monitors that are told in its policy."""
    served.in_force.policy = told_policy()
    return served


def alert(name: str = "Down", severity: str = "critical", status: str = "firing", **labels: str) -> Any:
    """An alert as version 0.25 sends it."""
    worn = {"alertname": name, "environment": "production", "severity": severity, **labels}
    return {
        "status": status,
        "labels": worn,
        "annotations": {"summary": "<!channel> it is down"},
        "startsAt": "2026-03-04T15:58:00.1Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        "fingerprint": f"{abs(hash((name, *sorted(labels.items())))):016x}"[:16],
    }


def payload(*alerts: Any, **changed: Any) -> dict[str, Any]:
    """A payload as version 0.25 sends it."""
    return {
        "receiver": "portcullis",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "Down"},
        "commonLabels": {"environment": "production"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "version": "4",
        "groupKey": '{}:{alertname="Down"}',
        "truncatedAlerts": 0,
        **changed,
    }


async def colour(told: Any, environment: str = "production", name: str = "alerts") -> str:
    policy = told.in_force.policy
    await observe.age(told.ledger, policy)
    found = next(e for e in await environments(told.ledger, policy) if e.name == environment)
    return str(next(m.colour.value for m in found.monitors if m.name == name))


@pytest.mark.requirement("F7")
async def test_an_alert_turns_its_environment_red_and_its_end_turns_it_green(told: Any) -> None:
    status, answer = await told.post(payload(alert(), alert(environment="qa")), path=WEBHOOK)
    assert (status, answer) == (200, {"alerts": 2, "unmatched": 1, "monitors": ["production/alerts"]})
    assert await colour(told) == "RED"
    assert await colour(told, "staging") == "UNKNOWN"
    await told.post(payload(alert(status="resolved"), status="resolved"), path=WEBHOOK)
    assert await colour(told) == "GREEN"


async def test_fields_that_nobody_knows_yet_are_accepted(told: Any) -> None:
    newer = alert() | {"silencedBy": [], "weight": 1.5, "more": {"deep": [None, True]}}
    sent = payload(newer, notification_reason="repeat_interval", route={"path": ["a"]})
    assert (await told.post(sent, path=WEBHOOK))[0] == 200
    assert await colour(told) == "RED"


async def test_a_payload_of_an_old_version_without_fingerprints_is_understood(told: Any) -> None:
    first, last = alert(), alert(status="resolved")
    del first["fingerprint"], last["fingerprint"]
    short = payload(first)
    del short["truncatedAlerts"], short["receiver"]
    assert (await told.post(short, path=WEBHOOK))[0] == 200
    assert await colour(told) == "RED"
    short["alerts"] = [last]
    await told.post(short, path=WEBHOOK)
    assert await colour(told) == "GREEN"


async def test_the_same_payload_again_is_the_same_incident(told: Any) -> None:
    for _ in range(5):
        assert (await told.post(payload(alert()), path=WEBHOOK))[0] == 200
        entries = await told.entries()
        told.clock.at += timedelta(minutes=5)
    assert (await told.post(payload(alert()), path=WEBHOOK))[0] == 200
    assert await told.entries() == entries
    assert len(await told.ledger.read(lambda tx: tx.incidents.open())) == 1


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        ({}, 422, "groupKey"),
        (payload(version="5"), 422, "version"),
        (payload({"status": "firing"}), 422, "alerts.0.labels"),
        (payload(alert() | {"labels": {"a": 7}}), 422, "alerts.0.labels.a"),
        (payload(alert(status="maybe")), 422, "alerts.0.status"),
        (payload(truncatedAlerts=-1), 422, "truncatedAlerts"),
        ({**payload(), "alerts": None}, 422, "alerts"),
        (b"{", 400, "body"),
        (b"", 400, "body"),
        (b'{"groupKey": "a", "groupKey": "b"}', 400, "groupKey"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "body"),
    ],
)
async def test_what_is_no_payload_is_refused_and_changes_nothing(
    told: Any, sent: Any, status: int, field: str
) -> None:
    found, answer = await told.post(sent, path=WEBHOOK)
    assert (found, answer["field"]) == (status, field)
    assert await colour(told) == "UNKNOWN"


async def test_a_stranger_tells_nothing(told: Any) -> None:
    for token in (None, "wrong-0123456789abcdef"):
        assert (await told.post(payload(alert()), path=WEBHOOK, token=token))[0] == 401
    assert await colour(told) == "UNKNOWN"


async def test_to_look_is_not_to_tell(told: Any) -> None:
    async with told.session.get(told.url + WEBHOOK) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_ten_thousand_alerts_fit_into_one_payload(told: Any) -> None:
    storm = [alert(pod=f"checkout-{n}") for n in range(10_000)]
    for each in storm:
        each["annotations"] = {}
    sent = json.dumps(payload(*storm)).encode()
    assert 1024 * 1024 < len(sent) < 4 * 1024 * 1024
    for body, headers in ((sent, {}), (gzip.compress(sent), {"Content-Encoding": "gzip"})):
        status, answer = await told.post(body, path=WEBHOOK, headers=headers)
        assert (status, answer["alerts"]) == (200, 10_000)
    assert len(await told.ledger.read(lambda tx: tx.incidents.open())) == 1


async def test_a_payload_that_is_too_large_is_refused(told: Any) -> None:
    sent = json.dumps(payload(alert(pod="x" * 4 * 1024 * 1024))).encode()
    status, answer = await told.post(sent, path=WEBHOOK)
    assert (status, answer["error"]) == (413, "too-large")
    assert "4 MiB" in answer["message"]
    packed = gzip.compress(b" " * 100_000_000)
    status, answer = await told.post(packed, path=WEBHOOK, headers={"Content-Encoding": "gzip"})
    assert (status, answer["error"]) == (413, "too-large")


async def test_strangers_may_not_send_more_than_to_other_addresses(told: Any) -> None:
    sent = json.dumps(payload(alert(pod="x" * 2 * 1024 * 1024))).encode()
    status, answer = await told.post(sent, path=WEBHOOK, token=None)
    assert (status, answer["error"]) == (413, "too-large")
    assert "1 MiB" in answer["message"]


async def test_a_storm_of_payloads_is_counted_in_or_sent_again(told: Any) -> None:
    """What is refused is refused with 503, which Alertmanager sends again."""

    async def one(n: int) -> int:
        while True:
            sent = payload(alert(pod=str(n)), groupKey=f"pod={n}")
            status: int = (await told.post(sent, path=WEBHOOK))[0]
            statuses.append(status)
            if status != 503:
                return status
            await asyncio.sleep(0.05)

    statuses: list[int] = []
    got = await asyncio.wait_for(asyncio.gather(*(one(n) for n in range(200))), 60)
    assert set(got) == {200}
    assert set(statuses) <= {200, 503}
    assert len(await told.ledger.read(lambda tx: tx.incidents.open())) == 1
    kept = await told.ledger.read(lambda tx: tx.environments.monitors("production"))
    assert next(m.facts["firing"] for m in kept if m.name == "alerts") == 200
