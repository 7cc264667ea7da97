"""`portcullis calendar at`: the contract's JSON, RFC 3339 and nothing else, exit statuses, and a stream."""

import io
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.calendar_at import LONGEST_LINE, verdict_json
from bot.cli.calendar_times import rfc3339
from bot.domain.calendar import ActiveRule, CalendarVerdict, Effect, RuleKind, Verdict

ROOT = Path(__file__).resolve().parents[2]
POLICY = (Path(__file__).parent / "contract_instants" / "every_kind.yaml").read_text(encoding="utf-8")


@pytest.fixture
def policy(host: Any) -> Path:
    path: Path = host.folder / "policy.yaml"
    path.write_text(POLICY)
    return path


def ask(host: Any, *words: str, environment: str = "production") -> Any:
    return host.call("calendar", "at", "--environment", environment, *words)


def send(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent)))


@pytest.mark.requirement("P12")
def test_the_json_is_the_contracts(host: Any, policy: Path) -> None:
    ended = ask(host, "--service", "checkout", "--at", "2026-07-11T12:00:00-04:00", "--json")
    assert (ended.status, ended.err) == (3, "")
    assert ended.json == {
        "at": "2026-07-11T16:00:00Z",
        "environment": "production",
        "service": "checkout",
        "verdict": "prohibited",
        "break_glass": True,
        "rules": [
            {"name": "weekend", "kind": "restriction", "effect": "prohibit", "until": "2026-07-13T04:00:00Z"},
            {
                "name": "outside-windows",
                "kind": "outside-windows",
                "effect": "prohibit",
                "until": "2026-07-13T04:00:00Z",
            },
        ],
        "next_change": "2026-07-13T04:00:00Z",
        "next_allowed": "2026-07-13T04:00:00Z",
        "next_preferred": "2026-07-14T14:00:00Z",
    }


_instants = st.datetimes(
    datetime(1972, 1, 1),  # noqa: DTZ001
    datetime(2097, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC]),
)


@given(
    at=_instants,
    environment=st.text(),
    service=st.none() | st.text(),
    break_glass=st.booleans(),
    verdict=st.sampled_from(Verdict),
    names=st.lists(st.tuples(st.text(), st.sampled_from(RuleKind), st.sampled_from(Effect)), max_size=3),
    nexts=st.tuples(*[st.none() | _instants] * 4),
)
def test_the_line_put_together_from_pieces_is_the_json_of_the_verdict(
    *,
    at: datetime,
    environment: str,
    service: str | None,
    break_glass: bool,
    verdict: Verdict,
    names: list[tuple[str, RuleKind, Effect]],
    nexts: tuple[datetime | None, ...],
) -> None:
    until, change, allowed, preferred = nexts
    found = CalendarVerdict(
        at=at,
        environment=environment,
        service=service,
        verdict=verdict,
        break_glass=break_glass,
        rules=tuple(ActiveRule(name=n, kind=k, effect=e, until=until) for n, k, e in names),
        next_change=change,
        next_allowed=allowed,
        next_preferred=preferred,
    )
    assert verdict_json(found) == json.dumps(
        {
            "at": rfc3339(at),
            "environment": environment,
            "service": service,
            "verdict": verdict.value,
            "break_glass": break_glass,
            "rules": [
                {"name": n, "kind": k.value, "effect": e.word, "until": rfc3339(until)} for n, k, e in names
            ],
            "next_change": rfc3339(change),
            "next_allowed": rfc3339(allowed),
            "next_preferred": rfc3339(preferred),
        }
    )


@pytest.mark.parametrize(
    ("moment", "environment", "code"),
    [
        ("2026-07-07T14:00:00Z", "production", 0),  # preferred
        ("2026-07-07T20:00:00Z", "production", 0),  # allowed
        ("2026-07-07T23:00:00Z", "production", 0),  # discouraged
        ("2026-07-11T16:00:00Z", "production", 3),  # prohibited until Monday
        ("2026-07-11T16:00:00Z", "staging", 1),  # prohibited for more than 400 days
        ("2028-07-11T16:00:00Z", "staging", 3),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_the_exit_status_says_yes_no_or_not_yet(
    *,
    host: Any,
    policy: Path,
    moment: str,
    environment: str,
    code: int,
    streamed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(monkeypatch, f"{moment}\n".encode())
    assert ask(host, "--at", "-" if streamed else moment, environment=environment).status == code


def test_several_instants_and_standard_input_give_one_line_each(
    host: Any, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = ["2026-07-07T14:00:00Z", "2026-07-11T16:00:00.500000Z"]
    listed = ask(host, "--json", "--at", *moments)
    send(monkeypatch, ("\ufeff" + "\r\n".join(["", *moments, "", moments[0]])).encode())
    streamed = ask(host, "--at", "-", moments[1])
    assert (listed.status, streamed.status) == (0, 0)
    assert [json.loads(line)["at"] for line in listed.out.splitlines()] == moments
    assert streamed.out.splitlines()[:2] == listed.out.splitlines()
    assert [json.loads(line)["at"] for line in streamed.out.splitlines()] == [*moments, *moments]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"soon", "'soon' is not a time"),
        (b"2026-07-07T14:00:00", "has no offset"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"x" * (LONGEST_LINE + 1), "it is longer than any instant"),
        (b"9" * 200_000, "it is longer than any instant"),
        (b"1900-01-01T00:00:00Z", "outside the years"),
        (b"2026-07-07T14:00:00Z 2026-07-08T14:00:00Z", "is not a time"),
        (b"\x00", "is not a time"),
    ],
)
def test_a_malformed_line_of_standard_input_is_named_after_what_stood_before_it(
    host: Any, policy: Path, monkeypatch: pytest.MonkeyPatch, bad: bytes, message: str
) -> None:
    send(monkeypatch, b"2026-07-07T14:00:00Z\n\n" + bad + b"\n2026-07-07T14:00:00Z\n")
    ended = ask(host, "--at", "-")
    assert ended.status == 2
    assert ended.out.count("\n") == 1
    assert ended.err.startswith("standard input, line 3: ")
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_an_empty_standard_input_asks_nothing(
    host: Any, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(monkeypatch, b"\n\n")
    ended = ask(host, "--at", "-")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    monkeypatch.setattr("sys.stdin", None)
    ended = ask(host, "--at", "-")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert "standard input is closed" in ended.err


def test_now_is_understood(host: Any, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send(monkeypatch, b"now\n")
    for word in ("now", "-"):
        ended = ask(host, "--at", word, "--json")
        at = datetime.fromisoformat(ended.json["at"])
        assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--at", "2026-07-07T14:00:00"], "has no offset"),
        (["--at", "2026-07-07"], "is not a time"),
        (["--at", "2026-02-30T14:00:00Z"], "is not a time"),
        (["--at", "1900-01-01T00:00:00Z"], "outside the years"),
        (["--at", "0001-01-01T00:00:00+14:00"], "outside the years"),
        (["--at", "9999-12-31T23:59:59-12:00"], "outside the years"),
        (["--at", "2026-07-07T14:00:00Z", "--service", "chekout"], "did you mean 'checkout'?"),
        (["--at", "2026-07-07T14:00:00Z", "--ledger", "--fetch"], "not allowed with"),
    ],
)
def test_wrong_usage_is_exit_2_with_a_sentence(
    host: Any, policy: Path, words: list[str], message: str
) -> None:
    ended = ask(host, *words)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err


def test_an_unknown_environment_and_a_broken_policy_are_exit_2(host: Any, policy: Path) -> None:
    ended = ask(host, "--at", "2026-07-07T14:00:00Z", environment="prodution")
    assert (ended.status, ended.out) == (2, "")
    assert "did you mean 'production'?" in ended.err
    policy.write_text(POLICY.replace("TUE-THU", "THU-TUE"))
    ended = ask(host, "--at", "2026-07-07T14:00:00Z")
    assert ended.status == 2
    assert "policy.yaml:10: calendar.windows.0.start" in ended.err


def test_a_person_reads_local_times_and_what_is_not_included(host: Any, policy: Path) -> None:
    ended = ask(host, "--at", "2026-07-11T16:00:00Z")
    assert ended.out.splitlines() == [
        "production, Sat 2026-07-11 12:00:00 EDT: prohibited",
        "  restriction weekend: prohibit, until Mon 2026-07-13 00:00:00 EDT",
        "  outside-windows (no deployment window is open): prohibit, until Mon 2026-07-13 00:00:00 EDT",
        "  break-glass: possible",
        "  next change: Mon 2026-07-13 00:00:00 EDT",
        "  next allowed: Mon 2026-07-13 00:00:00 EDT",
        "  next preferred: Tue 2026-07-14 10:00:00 EDT",
    ]
    assert ended.err == (
        "note: freezes that people declared in Slack are not included; --ledger includes them\n"
    )
    told = ask(host, "--at", "2026-07-11T16:00:00Z", environment="staging").out
    assert "  freeze closed: prohibit, for more than 400 days\n" in told
    assert "  next change: none within 400 days\n" in told


def process(host: Any, policy: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "calendar", "at", "--environment", "production", "--at", "-"],
        cwd=host.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_whoever_waits_for_an_answer_gets_it_before_sending_the_next_line(host: Any, policy: Path) -> None:
    with process(host, policy) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        for day in ("2026-07-11", "2026-07-12"):
            asked.stdin.write(f"{day}T16:00:00Z\n".encode())
            asked.stdin.flush()
            assert json.loads(asked.stdout.readline())["at"] == f"{day}T16:00:00Z"
        asked.stdin.close()
        assert asked.wait(20) == 0


def test_a_reader_that_has_enough_ends_it_quietly(host: Any, policy: Path) -> None:
    with process(host, policy) as asked:
        assert asked.stdin is not None
        assert asked.stdout is not None
        assert asked.stderr is not None
        asked.stdin.write(b"2026-07-11T16:00:00Z\n")
        asked.stdin.flush()
        asked.stdout.readline()
        asked.stdout.close()
        try:
            asked.stdin.write(b"2026-07-11T16:00:00Z\n" * 5000)
            asked.stdin.close()
        except BrokenPipeError:
            pass
        assert asked.wait(20) == 0
        assert asked.stderr.read() == b""


@pytest.mark.requirement("P12")
def test_a_hundred_thousand_instants_go_through_within_seconds(host: Any, policy: Path) -> None:
    """The bench measures it; this holds the order of magnitude."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    sent = "".join(f"{rfc3339(first + timedelta(seconds=317 * n))}\n" for n in range(100_000)).encode()
    began = time.perf_counter()
    with process(host, policy) as asked:
        out, err = asked.communicate(sent, timeout=60)
    assert (asked.returncode, err) == (0, b"")
    assert out.count(b"\n") == 100_000
    assert time.perf_counter() - began < 20
