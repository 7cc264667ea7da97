"""POST /heartbeat/NAME over a socket: reported, refused in words, paced, and missed when it stops."""

import asyncio
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from yarl import URL

from bot.flows import observe
from bot.flows.inquire import environments
from tests.handlers.http.told_policy import told_policy

BACKUP = "/heartbeat/backup"


@pytest.fixture
def told(served: Any) -> Any:
    """The application, with monitors that are told in its policy."""
    served.in_force.policy = told_policy()
    return served


async def colour(told: Any, environment: str, name: str) -> str:
    policy = told.in_force.policy
    await observe.age(told.ledger, policy)
    found = next(e for e in await environments(told.ledger, policy) if e.name == environment)
    return str(next(m.colour.value for m in found.monitors if m.name == name))


@pytest.mark.requirement("F7")
@pytest.mark.parametrize("body", [b"", b"  \n", b"{}", {"status": "ok"}, {"status": "ok", "detail": "7 GB"}])
async def test_a_report_that_all_is_well_turns_it_green(told: Any, body: Any) -> None:
    status, answer = await told.post(body, path=BACKUP)
    assert (status, answer["monitor"], answer["colour"]) == (200, "production/backup", "GREEN")
    assert answer["missed_at"] == (told.clock.now() + timedelta(days=1)).isoformat()
    assert await colour(told, "production", "backup") == "GREEN"


async def test_curl_needs_no_body_and_no_content_type(told: Any) -> None:
    headers = {"Authorization": "Bearer ci-token-0123456789abcdef"}
    async with told.session.post(told.url + BACKUP, headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(("word", "shown"), [("warning", "YELLOW"), ("error", "RED")])
async def test_trouble_is_reported_in_the_words_of_the_health_contract(
    told: Any, word: str, shown: str
) -> None:
    status, answer = await told.post({"status": word, "detail": "disk full"}, path=BACKUP)
    assert (status, answer["colour"]) == (200, shown)
    assert await colour(told, "production", "backup") == shown


@pytest.mark.requirement("D1")
async def test_silence_turns_it_red(told: Any) -> None:
    await told.post(b"", path=BACKUP)
    told.clock.at += timedelta(days=1)
    assert await colour(told, "production", "backup") == "GREEN"
    told.clock.at += timedelta(seconds=1)
    assert await colour(told, "production", "backup") == "RED"
    (incident,) = await told.ledger.read(lambda tx: tx.incidents.open())
    assert incident.causes == ("backup",)
    await told.post(b"", path=BACKUP)
    assert await colour(told, "production", "backup") == "GREEN"


async def test_a_name_in_two_environments_is_reported_with_its_environment(told: Any) -> None:
    status, answer = await told.post(b"", path="/heartbeat/nightly")
    assert (status, answer["error"], answer["field"]) == (409, "ambiguous-monitor", "monitor")
    assert "production/nightly or staging/nightly" in answer["message"]
    status, answer = await told.post(b"", path="/heartbeat/staging/nightly")
    assert (status, answer["monitor"]) == (200, "staging/nightly")
    assert await colour(told, "production", "nightly") == "UNKNOWN"
    async with told.session.post(
        URL(f"{told.url}/heartbeat/staging%2Fnightly", encoded=True),
        headers={"Authorization": "Bearer ci-token-0123456789abcdef"},
    ) as quoted:
        assert (quoted.status, (await quoted.json())["monitor"]) == (200, "staging/nightly")


@pytest.mark.parametrize(
    ("path", "status", "code", "words"),
    [
        ("/heartbeat/bakcup", 404, "unknown-monitor", "did you mean backup?"),
        ("/heartbeat/staging/backup", 404, "unknown-monitor", "did you mean"),
        ("/heartbeat/qqqqq", 404, "unknown-monitor", "NAME or ENVIRONMENT/NAME"),
        ("/heartbeat/api", 409, "not-a-heartbeat", "of the kind http"),
        ("/heartbeat/%3Cscript%3E", 404, "unknown-monitor", "NAME or ENVIRONMENT/NAME"),
    ],
)
async def test_a_name_that_is_no_heartbeat_is_refused_in_words(
    told: Any, path: str, status: int, code: str, words: str
) -> None:
    found, answer = await told.post(b"", path=path)
    assert (found, answer["error"], answer["field"]) == (status, code, "monitor")
    assert words in answer["message"]
    assert answer["message"].endswith((".", "?"))


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"status": "fine"}, 422, "status"),
        ({"detail": 7}, 422, "detail"),
        ({"state": "ok"}, 422, "state"),
        ({"detail": "x" * 20_000}, 422, "detail"),
        (b"{", 400, "body"),
        (b"[]", 400, "body"),
        (b"\xff", 400, "body"),
        (b"<html>", 400, "body"),
    ],
)
async def test_a_body_that_says_nothing_is_refused_and_counts_as_silence(
    told: Any, body: Any, status: int, field: str
) -> None:
    found, answer = await told.post(body, path=BACKUP)
    assert (found, answer["field"]) == (status, field)
    assert await colour(told, "production", "backup") == "UNKNOWN"


async def test_a_stranger_reports_nothing_and_learns_no_names(told: Any) -> None:
    for path in (BACKUP, "/heartbeat/qqqqq"):
        assert (await told.post(b"", path=path, token=None))[0] == 401
        assert (await told.post(b"", path=path, token="wrong-0123456789abcdef"))[0] == 401
    assert await colour(told, "production", "backup") == "UNKNOWN"


@pytest.mark.parametrize("path", [BACKUP, "/heartbeat/staging/nightly"])
async def test_to_look_is_not_to_report(told: Any, path: str) -> None:
    headers = {"Authorization": "Bearer ci-token-0123456789abcdef"}
    async with told.session.get(told.url + path, headers=headers) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert await colour(told, "production", "backup") == "UNKNOWN"


async def test_a_monitor_that_reports_far_too_often_is_slowed_down_alone(told: Any) -> None:
    for _ in range(10):
        assert (await told.post(b"", path=BACKUP))[0] == 200
    headers = {"Authorization": "Bearer ci-token-0123456789abcdef"}
    async with told.session.post(told.url + BACKUP, headers=headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert (await answer.json())["error"] == "too-often"
    assert (await told.post(b"", path="/heartbeat/staging/nightly"))[0] == 200
    told.clock.at += timedelta(seconds=1)
    assert [(await told.post(b"", path=BACKUP))[0] for _ in range(2)] == [200, 429]
    told.clock.at -= timedelta(hours=1)  # a clock that was set back slows nobody down for longer
    assert (await told.post(b"", path=BACKUP))[0] == 429
    told.clock.at += timedelta(seconds=30)
    assert [(await told.post(b"", path=BACKUP))[0] for _ in range(11)] == [200] * 10 + [429]


async def test_many_who_report_at_the_same_moment_are_all_counted(told: Any) -> None:
    async with aiohttp.ClientSession(
        headers={"Authorization": "Bearer ci-token-0123456789abcdef"}
    ) as session:

        async def one(path: str, word: str) -> int:
            async with session.post(told.url + path, json={"status": word}) as answer:
                return answer.status

        places = ["/heartbeat/production/nightly", "/heartbeat/staging/nightly", BACKUP]
        got = await asyncio.gather(*(one(path, "error") for path in places for _ in range(5)))
    assert set(got) == {200}
    assert {i.environment for i in await told.ledger.read(lambda tx: tx.incidents.open())} == {
        "production",
        "staging",
    }
