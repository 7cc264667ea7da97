import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.health_contract import judge
from bot.domain.environment import Colour

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
GOOD_CHECKS = {"database": True, "pioneer": True, "websocket": True, "memory": True, "errors": []}


def body(
    status: object = "ok", checks: object = None, at: object = "2026-03-04T12:00:00Z", **more: object
) -> bytes:
    checks = GOOD_CHECKS if checks is None else checks
    return json.dumps({"status": status, "checks": checks, "timestamp": at, **more}).encode()


@pytest.mark.requirement("D3")
@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("status", "checks", "colour", "code"),
    [
        ("ok", {}, Colour.GREEN, "ok"),
        ("ok", GOOD_CHECKS, Colour.GREEN, "ok"),
        ("warning", {}, Colour.YELLOW, "status-warning"),
        ("error", {}, Colour.RED, "status-error"),
        ("ok", {"database": False}, Colour.RED, "check-failed"),
        ("ok", {"pioneer": False}, Colour.RED, "check-failed"),
        ("ok", {"websocket": False}, Colour.RED, "check-failed"),
        ("ok", {"memory": False}, Colour.YELLOW, "memory-over-limit"),
        ("ok", {"errors": ["slow queries"]}, Colour.YELLOW, "errors-reported"),
        ("warning", {"database": False}, Colour.RED, "check-failed"),
        ("error", {"database": False}, Colour.RED, "check-failed"),
        ("error", {"memory": False}, Colour.RED, "status-error"),
        ("warning", {"memory": False, "errors": ["x"]}, Colour.YELLOW, "memory-over-limit"),
    ],
)
def test_the_worst_statement_gives_the_colour(status: str, checks: object, colour: Colour, code: str) -> None:
    found = judge(body(status, checks), NOW)

    assert (found.colour, found.code) == (colour, code)


def test_every_reason_is_told_not_only_the_first() -> None:
    found = judge(body("error", {"database": False, "memory": False, "errors": ["x"]}), NOW)

    assert found.facts["reasons"] == ["check-failed", "status-error", "memory-over-limit", "errors-reported"]
    assert found.facts["failed"] == ["database", "memory"]


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(
    ("checks", "requires", "code", "facts"),
    [
        ({"database": True}, ["database"], "ok", {}),
        ({}, ["database", "redis"], "check-missing", {"missing": ["database", "redis"]}),
        ({"database": None}, ["database"], "contract-broken", {}),
        ({"redis": True}, ["redis"], "ok", {}),
        ({"redis": None}, ["redis"], "check-missing", {"missing": ["redis"]}),
        ({"redis": False}, ["redis"], "check-failed", {"failed": ["redis"]}),
        ({"redis": "yes"}, ["redis"], "check-failed", {"failed": ["redis"]}),
        ({"redis": 1}, ["redis"], "check-failed", {"failed": ["redis"]}),
        ({"redis": False}, [], "ok", {}),
        ({"memory": False}, ["memory"], "check-failed", {"failed": ["memory"]}),
        ({"database": False}, ["redis"], "check-failed", {"failed": ["database"], "missing": ["redis"]}),
    ],
)
def test_what_a_monitor_requires_is_there_and_true(
    checks: dict[str, object], requires: list[str], code: str, facts: dict[str, object]
) -> None:
    found = judge(body(checks=checks), NOW, requires)

    assert found.code == code
    assert found.colour is (Colour.GREEN if code == "ok" else Colour.RED)
    assert facts.items() <= found.facts.items()


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(
    ("age", "colour"),
    [
        (timedelta(0), Colour.GREEN),
        (timedelta(minutes=5), Colour.GREEN),
        (timedelta(minutes=5, seconds=1), Colour.YELLOW),
        (timedelta(minutes=-1), Colour.GREEN),
        (timedelta(minutes=-1, seconds=-1), Colour.YELLOW),
        (timedelta(days=400), Colour.YELLOW),
    ],
)
def test_a_timestamp_far_from_now_is_a_lie_and_no_green(age: timedelta, colour: Colour) -> None:
    found = judge(body(at=(NOW - age).isoformat()), NOW)

    assert found.colour is colour
    if colour is Colour.YELLOW:
        assert found.code == "lies-about-time"
        assert found.facts["timestamp_age_seconds"] == int(age.total_seconds())


@pytest.mark.parametrize(
    "stamp", ["2026-03-04T12:00:00.123Z", "2026-03-04T07:00:00-05:00", "2026-03-04t12:00:00z"]
)
def test_a_timestamp_is_any_rfc_3339_instant(stamp: str) -> None:
    assert judge(body(at=stamp), NOW).code == "ok"


def test_fields_beyond_the_contract_are_accepted() -> None:
    raw = body(checks={**GOOD_CHECKS, "redis": {"ok": 1}}, version="1.2.3", uptime=4.5)

    assert judge(raw, NOW).colour is Colour.GREEN


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "not-json"),
        (b"<html><body>OK</body></html>", "not-json"),
        (b"OK", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b'{"status": "ok"', "not-json"),
        (b"[" * 100_000, "not-json"),
        (
            b'{"status": "error", "status": "ok", "checks": {}, "timestamp": "2026-03-04T12:00:00Z"}',
            "not-json",
        ),
        (b'{"status": "ok", "checks": {"x": NaN}, "timestamp": "2026-03-04T12:00:00Z"}', "not-json"),
        (b'{"x": ' + b"9" * 50_000 + b"}", "not-json"),
        (b"null", "not-an-object"),
        (b'["ok"]', "not-an-object"),
        (body("OK"), "status"),
        (body("healthy"), "status"),
        (body(True), "status"),
        (body(None), "status"),
        (body(checks=[]), "checks"),
        (body(checks="fine"), "checks"),
        (body(checks={"database": "true"}), "checks.database"),
        (body(checks={"database": 1}), "checks.database"),
        (body(checks={"memory": None}), "checks.memory"),
        (body(checks={"errors": "none"}), "checks.errors"),
        (body(checks={"errors": [1]}), "checks.errors"),
        (body(at=1_772_625_600), "timestamp"),
        (body(at="yesterday"), "timestamp"),
        (body(at="2026-03-04T12:00:00"), "timestamp"),
        (body(at="2026-02-30T12:00:00Z"), "timestamp"),
        (b'{"checks": {}, "timestamp": "2026-03-04T12:00:00Z"}', "status"),
        (b'{"status": "ok", "timestamp": "2026-03-04T12:00:00Z"}', "checks"),
        (b'{"status": "ok", "checks": {}}', "timestamp"),
    ],
)
def test_a_body_that_breaks_the_contract_is_red_and_says_where(raw: bytes, problem: str) -> None:
    found = judge(raw, NOW)

    assert (found.colour, found.code) == (Colour.RED, "contract-broken")
    assert found.facts == {"problems": [problem]}


def test_reported_errors_are_cut_cleaned_and_counted() -> None:
    errors = ["a\x1b[31m\u202eb\nc" + "x" * 500, "two", "three", "four"]

    facts = judge(body("warning", {"errors": errors}), NOW).facts

    assert facts["error_count"] == 4
    shown = facts["errors"]
    assert isinstance(shown, list)
    assert len(shown) == 3
    assert str(shown[0]).startswith("ab cxxx")
    assert len(str(shown[0])) == 200


def test_what_the_body_says_elsewhere_is_not_repeated() -> None:
    found = judge(body("secret-token", {"database": "secret-token"}, at="secret-token"), NOW)

    assert "secret-token" not in repr(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
)


@given(
    st.fixed_dictionaries({}, optional={"status": JSON | st.just("ok"), "checks": JSON, "timestamp": JSON})
)
def test_no_body_is_green_that_does_not_state_ok_and_the_present_time(said: dict[str, object]) -> None:
    assert judge(json.dumps(said).encode(), NOW).colour is not Colour.GREEN


@given(st.binary(max_size=300))
def test_no_bytes_raise(raw: bytes) -> None:
    judge(raw, NOW)
