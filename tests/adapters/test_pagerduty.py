"""PagerDuty over a real socket: what it takes, what it refuses for good, what it may take later, and who is on call."""

import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.adapters.pagerduty import MOST_BYTES, PagerDutyApi, _fitting, _key
from bot.ports import Alert, Changed, DutyUnknown, Later, Undeliverable
from sandbox.pagerduty import FakePagerDuty
from tests.adapters.conftest import StoppedClock

KEY, TOKEN = "routing-key-0123456789", "token-0123456789"
AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.requirement("F9")


def alert(action: Any = "trigger", **changes: Any) -> Alert:
    usual: dict[str, Any] = {
        "action": action,
        "key": "acme/INC-7",
        "summary": "production is RED: api answered 503",
        "source": "acme/production",
        "urgency": "critical",
        "at": AT,
    }
    return Alert(**(usual | changes))


@pytest.fixture
async def there() -> AsyncIterator[FakePagerDuty]:
    made = FakePagerDuty(keys={KEY: "default"}, token=TOKEN)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def make(
    there: FakePagerDuty, session: aiohttp.ClientSession, clock: StoppedClock
) -> Callable[..., PagerDutyApi]:
    def made(**changes: Any) -> PagerDutyApi:
        usual: dict[str, Any] = {
            "keys": {"default": SecretStr(KEY)},
            "api_token": SecretStr(TOKEN),
            "events_url": there.url,
            "api_url": there.url,
            "clock": clock,
        }
        return PagerDutyApi(session, **(usual | changes))

    return made


@pytest.fixture
def api(make: Callable[..., PagerDutyApi]) -> PagerDutyApi:
    return make()


async def failure(sending: Any) -> tuple[str, str, float | None]:
    """What kind of failure, its code, and the pause that was asked for."""
    try:
        await sending
    except Later as later:
        return "later", later.code, later.after_seconds
    except Undeliverable as never:
        return "never", never.code, None
    except DutyUnknown as unknown:
        return "unknown", unknown.code, None
    return "sent", "", None


async def test_an_incident_is_opened_acknowledged_and_resolved(
    api: PagerDutyApi, there: FakePagerDuty
) -> None:
    links = (("https://portcullis.example/status", "The status page"),)
    await api.alert("default", alert(component="backend", details={"since": "10:00"}, links=links))
    opened = there.incidents.open("acme/INC-7")
    assert opened is not None
    assert opened.events[0]["payload"] == {
        "summary": "production is RED: api answered 503",
        "source": "acme/production",
        "severity": "critical",
        "timestamp": "2026-03-04T12:00:00+00:00",
        "component": "backend",
        "custom_details": {"since": "10:00"},
    }
    assert opened.events[0]["links"] == [{"href": links[0][0], "text": links[0][1]}]

    await api.alert("default", alert("acknowledge"))
    assert opened.status == "acknowledged"
    await api.alert("default", alert("resolve"))
    assert opened.status == "resolved"
    assert "payload" not in there.events[-1]


async def test_when_pagerduty_answered_last_is_known(api: PagerDutyApi) -> None:
    assert api.answered_at == float("-inf")
    await api.alert("default", alert())
    assert 0 <= time.monotonic() - api.answered_at < 30


async def test_a_page_again_joins_the_incident_that_is_open(api: PagerDutyApi, there: FakePagerDuty) -> None:
    await api.alert("default", alert())
    await api.alert("default", alert(summary="the same, told again"))
    assert len(there.incidents.all) == 1


async def test_a_change_is_shown_beside_what_breaks(api: PagerDutyApi, there: FakePagerDuty) -> None:
    await api.changed(
        "default",
        Changed(summary="checkout went live", source="acme/production", at=AT, details={"by": "lin"}),
    )
    assert there.changes[0]["payload"]["custom_details"] == {"by": "lin"}
    assert there.asked[-1].path == "/v2/change/enqueue"


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (400, {}, ("never", "http-400", None)),
        (403, {}, ("never", "http-403", None)),
        (301, {"Location": "http://127.0.0.1:1/"}, ("never", "redirect-refused", None)),
        (408, {}, ("later", "http-408", None)),
        (429, {"Retry-After": "17"}, ("later", "rate-limited", 17.0)),
        (429, {}, ("later", "rate-limited", None)),
        (429, {"Retry-After": "soon"}, ("later", "rate-limited", None)),
        (500, {}, ("later", "http-500", None)),
        (
            503,
            {"Retry-After": "Wed, 04 Mar 2026 12:02:00 GMT", "Date": "Wed, 04 Mar 2026 12:00:00 GMT"},
            ("later", "http-503", 120.0),
        ),
    ],
)
async def test_what_an_answer_means(
    api: PagerDutyApi, there: FakePagerDuty, status: int, headers: dict[str, str], expected: Any
) -> None:
    there.faults.arm("answer", status=status, headers=headers)
    assert await failure(api.alert("default", alert())) == expected
    assert there.events == []


async def test_a_refused_event_is_not_sent_again_and_a_broken_connection_is(
    api: PagerDutyApi, there: FakePagerDuty
) -> None:
    there.faults.arm("disconnect")
    assert (await failure(api.alert("default", alert())))[:2] == ("later", "disconnected")
    assert (await failure(api.alert("default", alert())))[0] == "sent"


async def test_one_that_hangs_is_let_go(make: Callable[..., PagerDutyApi], there: FakePagerDuty) -> None:
    there.faults.arm("hang")
    assert (await failure(make(send_limit=0.2).alert("default", alert())))[:2] == ("later", "timeout")


async def test_nobody_listens(make: Callable[..., PagerDutyApi]) -> None:
    api = make(events_url="http://127.0.0.1:1/")
    assert (await failure(api.alert("default", alert())))[:2] == ("later", "refused")


async def test_an_integration_without_a_key_is_not_configured(
    api: PagerDutyApi, there: FakePagerDuty
) -> None:
    assert (await failure(api.alert("siren", alert())))[:2] == ("never", "not-configured")
    assert there.asked == []


async def test_what_is_too_long_is_cut_and_still_taken(api: PagerDutyApi, there: FakePagerDuty) -> None:
    huge = {"text": "x" * (MOST_BYTES + 1)}
    await api.alert("default", alert(summary="s" * 5000, key="k" * 900, details=huge))
    event = there.events[0]
    assert len(event["payload"]["summary"]) == 1024
    assert len(event["dedup_key"]) <= 255
    assert event["payload"]["custom_details"] == {"truncated": True}


@given(key=st.text(min_size=1, max_size=400), other=st.text(min_size=1, max_size=400))
def test_keys_stay_apart_and_within_the_limit(key: str, other: str) -> None:
    assert len(_key(key)) <= 255
    assert (_key(key) == _key(other)) == (key == other)


@given(st.dictionaries(st.text(max_size=20), st.text(), max_size=5))
def test_whatever_stands_in_the_details_the_event_is_json(details: dict[str, str]) -> None:
    body = _fitting({"routing_key": "k", "payload": {"summary": "s", "custom_details": dict(details)}})
    assert json.loads(body)["payload"]["summary"] == "s"
    assert len(body) <= MOST_BYTES


# Who is on call


async def test_people_are_told_by_level_and_until_the_first_is_relieved(
    api: PagerDutyApi, there: FakePagerDuty, clock: StoppedClock
) -> None:
    now = clock.now()
    bo, ada = there.add_user("Bo", "bo@acme.example"), there.add_user("Ada", "ada@acme.example")
    there.put_on_call("PSCHED1", bo, level=2, start=now - HOUR, end=now + 2 * HOUR)
    there.put_on_call("PSCHED1", ada, level=1, start=now - HOUR, end=now + HOUR)
    there.put_on_call("PSCHED1", ada, level=3)
    there.put_on_call("POTHER", bo)

    duty = await api.on_call("PSCHED1")

    assert duty.people == ("ada@acme.example", "bo@acme.example")
    assert duty.until == now + HOUR


async def test_whose_turn_is_over_or_ahead_is_not_on_call(
    api: PagerDutyApi, there: FakePagerDuty, clock: StoppedClock
) -> None:
    now, user = clock.now(), there.add_user("Bo", "bo@acme.example")
    there.put_on_call("PSCHED1", user, start=now - 2 * HOUR, end=now)
    there.put_on_call("PSCHED1", user, start=now + HOUR, end=now + 2 * HOUR)
    assert (await api.on_call("PSCHED1")).people == ()


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "token-refused"), (404, "unknown-schedule"), (500, "unavailable"), (302, "http-302")],
)
async def test_why_nobody_knows(api: PagerDutyApi, there: FakePagerDuty, status: int, code: str) -> None:
    there.faults.arm("answer", status=status, body="{}")
    assert (await failure(api.on_call("PSCHED1")))[:2] == ("unknown", code)


@pytest.mark.parametrize("body", ["", "[]", "<html>", '{"oncalls": [{"user": 3}]}', '{"oncalls": 1}'])
async def test_an_answer_that_is_none(api: PagerDutyApi, there: FakePagerDuty, body: str) -> None:
    there.faults.arm("answer", body=body)
    assert (await failure(api.on_call("PSCHED1")))[:2] == ("unknown", "malformed-response")


async def test_a_limit_is_respected_without_another_call(
    api: PagerDutyApi, there: FakePagerDuty, clock: StoppedClock
) -> None:
    there.faults.arm("answer", status=429, headers={"ratelimit-reset": "30"})
    assert (await failure(api.on_call("PSCHED1")))[1] == "rate-limited"
    calls = len(there.asked)
    assert (await failure(api.on_call("PSCHED1")))[1] == "rate-limited"
    assert len(there.asked) == calls
    clock.pass_seconds(31)
    assert (await api.on_call("PSCHED1")).people == ()


@pytest.mark.parametrize("fault", ["hang", "trickle", "huge"])
async def test_a_question_never_takes_longer_than_two_seconds(
    api: PagerDutyApi, there: FakePagerDuty, fault: str
) -> None:
    there.faults.arm(fault)
    began = time.monotonic()
    assert (await failure(api.on_call("PSCHED1")))[0] == "unknown"
    assert time.monotonic() - began < 5


async def test_without_a_token_nobody_is_asked(
    make: Callable[..., PagerDutyApi], there: FakePagerDuty
) -> None:
    assert (await failure(make(api_token=None).on_call("PSCHED1")))[:2] == ("unknown", "no-token")
    assert (await failure(make().on_call("../users")))[:2] == ("unknown", "unknown-schedule")
    assert there.asked == []


async def test_an_account_has_an_address_or_none(api: PagerDutyApi, there: FakePagerDuty) -> None:
    ada = there.add_user("Ada", "ada@acme.example")
    assert await api.email_of(ada) == "ada@acme.example"
    assert await api.email_of("PNOBODY") is None
    assert await api.email_of("../oncalls") is None
