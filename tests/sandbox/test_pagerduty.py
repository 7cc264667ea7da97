"""The pretend PagerDuty refuses what the real one refuses, and opens no second incident for a key."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.pagerduty import FakePagerDuty

KEY = "routing-key"


@pytest.fixture
async def there() -> AsyncIterator[FakePagerDuty]:
    made = FakePagerDuty(keys={KEY: "default"}, token="token")
    await made.start()
    yield made
    await made.stop()


def event(action: str = "trigger", **changes: Any) -> dict[str, Any]:
    payload = {"summary": "production is RED", "source": "acme/production", "severity": "critical"}
    return {"routing_key": KEY, "event_action": action, "dedup_key": "k", "payload": payload} | changes


async def post(there: FakePagerDuty, body: Any, path: str = "v2/enqueue") -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.post(there.url + path, json=body) as answer:
        return answer.status, await answer.json()


async def test_a_key_has_one_open_incident_and_a_new_one_once_it_is_over(there: FakePagerDuty) -> None:
    for action in ("trigger", "trigger", "acknowledge", "resolve", "acknowledge", "trigger"):
        assert (await post(there, event(action)))[0] == 202
    assert [(i.status, len(i.events)) for i in there.incidents.all] == [("resolved", 4), ("triggered", 1)]


async def test_without_a_key_each_trigger_is_an_incident(there: FakePagerDuty) -> None:
    for _ in range(2):
        body = event()
        del body["dedup_key"]
        assert (await post(there, body))[1]["dedup_key"].startswith("made-")
    assert len(there.incidents.all) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"routing_key": "another"},
        {"event_action": "open"},
        {"dedup_key": "k" * 256},
        {"payload": None},
        {"payload": {"summary": "x" * 1025, "source": "s", "severity": "critical"}},
        {"payload": {"summary": "x", "source": "s", "severity": "P0"}},
        {"payload": {"summary": "x", "source": "", "severity": "info"}},
        {"payload": {"summary": "x", "source": "s", "severity": "info", "custom_details": "x" * 600_000}},
    ],
)
async def test_what_breaks_the_rules_is_refused_for_good(
    there: FakePagerDuty, changes: dict[str, Any]
) -> None:
    status, answer = await post(there, event(**changes))
    assert (status, answer["status"]) == (400, "invalid event")
    assert there.incidents.all == []


async def test_a_change_opens_nothing(there: FakePagerDuty) -> None:
    body = {"routing_key": KEY, "payload": {"summary": "it went live"}}
    assert (await post(there, body, "v2/change/enqueue"))[0] == 202
    assert (there.incidents.all, len(there.changes)) == ([], 1)


async def test_strangers_learn_nothing(there: FakePagerDuty) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("oncalls", "users/PUSER1"):
            async with session.get(there.url + path) as answer:
                assert answer.status == 401
