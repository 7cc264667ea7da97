"""What may be posted at /slack/events, and what is refused before anything reads it."""

import io
import time
from urllib.parse import urlencode

import pytest

from storage.ledger import Ledger
from tests.handlers.slack.conftest import People
from tests.handlers.slack.examples import TEAM

FORM = urlencode(
    {
        "command": "/deploy",
        "text": "request checkout 7a3f9c2",
        "user_id": "U01LIN",
        "team_id": TEAM,
        "channel_id": "C0TALK",
        "trigger_id": "1.1",
    }
)


async def untouched(ledger: Ledger) -> bool:
    return not await ledger.read(lambda tx: tx.trail.entries())


async def test_a_forged_signature_is_401_and_writes_nothing(people: People, ledger: Ledger) -> None:
    answer = await people.post(FORM, secret="somebody-elses-secret")
    assert (answer.status, answer.body) == (
        401,
        "The signature is missing, wrong or older than five minutes.\n",
    )
    assert await untouched(ledger)


@pytest.mark.parametrize("age", [-301, 301])
async def test_a_stale_signature_is_401_and_writes_nothing(age: int, people: People, ledger: Ledger) -> None:
    assert (await people.post(FORM, at=int(time.time()) - age)).status == 401
    assert await untouched(ledger)


@pytest.mark.parametrize("stamp", ["", "soon", "1e9", "-5", "٤٢"])
async def test_a_timestamp_that_is_none_is_401(stamp: str, people: People, ledger: Ledger) -> None:
    stamp = stamp.encode().decode("latin-1")
    assert (await people.post(FORM, **{"X-Slack-Request-Timestamp": stamp})).status == 401
    assert await untouched(ledger)


async def test_a_missing_signature_is_401(people: People, ledger: Ledger) -> None:
    assert (await people.post(FORM, **{"X-Slack-Signature": ""})).status == 401
    assert await untouched(ledger)


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/octet-stream"]
)
async def test_a_body_that_is_no_form_is_400_with_a_sentence(kind: str, people: People) -> None:
    answer = await people.post("hello", **{"Content-Type": kind})
    assert (answer.status, answer.body) == (
        400,
        "Slack sends forms or JSON to this address; this is neither.\n",
    )


@pytest.mark.parametrize(
    "body",
    [
        "payload=%7Bbroken",
        "payload=" + "%5B" * 3000,
        "{broken",
        "[1, 2]",
        "payload=7",
        "",
    ],
)
async def test_a_form_or_json_that_breaks_off_is_refused_without_a_stack(body: str, people: People) -> None:
    answer = await people.post(body)
    assert answer.status in (400, 404)
    assert "Traceback" not in str(answer.body)


async def test_a_body_that_is_not_text_is_400(people: People) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": "1"}
    async with people.session.post(people.url, data=b"\xff\xfe", headers=headers) as answer:
        assert answer.status == 400


async def test_a_body_beyond_the_limit_is_413(people: People) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": "1"}
    large = io.BytesIO(b"text=" + b"x" * (1024 * 1024))
    async with people.session.post(people.url, data=large, headers=headers) as answer:
        assert answer.status == 413


async def test_headers_that_steer_the_framework_are_not_passed_on(people: People, ledger: Ledger) -> None:
    answer = await people.post(
        FORM, **{"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "x"}
    )
    assert answer.status == 200
    assert not await untouched(ledger)


async def test_an_answer_to_a_url_check_needs_a_signature(people: People) -> None:
    check = '{"type": "url_verification", "challenge": "c"}'
    assert (await people.post(check, **{"Content-Type": "application/json"})).body == {"challenge": "c"}
    assert (await people.post(check, secret="x", **{"Content-Type": "application/json"})).status == 401
