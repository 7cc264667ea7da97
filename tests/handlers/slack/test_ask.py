import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.change_request import Start
from bot.domain.refusal import Refusal
from bot.flows.asking import Asker
from bot.flows.request import Ask
from bot.policy import Policy
from handlers.slack.ask import ask, start
from handlers.slack.payloads import Command, as_typed, request_id
from tests.handlers.slack.examples import NOW, make_policy

COMMAND = Command(
    asker=Asker(team="T0ACME", user="U01LIN"), name="/deploy", text="", trigger_id="1.2", channel="C0TALK"
)
POLICY = make_policy()


def parsed(text: str, policy: Policy = POLICY) -> Ask:
    return ask(COMMAND, text, policy, NOW)


def fields(text: str) -> dict[str, object]:
    a = parsed(text)
    found = {
        "service": a.service,
        "artifact": a.artifact,
        "environment": a.environment,
        "ticket": a.ticket,
        "fixes": a.fixes,
        "emergency": a.emergency,
        "reason": a.reason,
    }
    return {k: v for k, v in found.items() if v is not None}


BASE: dict[str, object] = {"service": "checkout", "artifact": "7a3f9c2"}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("checkout 7a3f9c2", {}),
        ("  checkout   7a3f9c2  ", {}),
        ("checkout 7a3f9c2 staging", {"environment": "staging"}),
        ("checkout 7a3f9c2 Staging", {"environment": "staging"}),
        ("checkout 7a3f9c2 hotfix for captures", {"reason": "hotfix for captures"}),
        ("checkout 7a3f9c2 staging try it", {"environment": "staging", "reason": "try it"}),
        ("ticket=CHG-1 checkout 7a3f9c2 staging", {"environment": "staging", "ticket": "CHG-1"}),
        ("checkout 7a3f9c2 ticket=CHG-1", {"ticket": "CHG-1"}),
        ("checkout 7a3f9c2 production Retry it ticket=CHG-1", {"environment": "production", "reason": "Retry it", "ticket": "CHG-1"}),
        ('checkout 7a3f9c2 ticket="CHG-1"', {"ticket": "CHG-1"}),
        ("checkout 7a3f9c2 ticket=“CHG 1” go", {"ticket": "CHG 1", "reason": "go"}),
        ("checkout 7a3f9c2 TICKET=CHG-1", {"ticket": "CHG-1"}),
        ("checkout 7a3f9c2 fixes=production emergency=INC-7", {"fixes": "production", "emergency": "INC-7"}),
        ('checkout 7a3f9c2 reason="ticket=5 is fine"', {"reason": "ticket=5 is fine"}),
        ('checkout 7a3f9c2 "production is slow"', {"reason": "production is slow"}),
        ('checkout 7a3f9c2 say "hello" twice', {"reason": 'say "hello" twice'}),
        ("checkout 7a3f9c2 set timeout=5 seconds", {"reason": "set timeout=5 seconds"}),
        ("checkout 7a3f9c2 don’t wait", {"reason": "don’t wait"}),
        ('checkout 7a3f9c2 5" screens', {"reason": '5" screens'}),
        ("checkout 7a3f9c2 see https://x.example/?a=b", {"reason": "see https://x.example/?a=b"}),
        ("checkout 7a3f9c2 🚀", {"reason": "🚀"}),
        ("checkout 7a3f9c2 <!channel> look", {"reason": "<!channel> look"}),
    ],
)  # fmt: skip
def test_what_is_asked_is_taken_apart(text: str, more: dict[str, object]) -> None:
    assert fields(text) == BASE | more


@pytest.mark.parametrize(
    ("text", "code", "facts"),
    [
        ("", "too-few-words", {"missing": "service"}),
        ("checkout", "too-few-words", {"missing": "artifact"}),
        ("ticket=CHG-1 checkout", "too-few-words", {"missing": "artifact"}),
        ("checkout 7a3f9c2 tikcet=CHG-1", "unknown-key", {"name": "tikcet", "meant": "ticket"}),
        ("checkout 7a3f9c2 colour=blue", "unknown-key", {"name": "colour", "meant": None}),
        ("checkout 7a3f9c2 staging now please tickt=CHG-1", "unknown-key", {"meant": "ticket"}),
        ("checkout 7a3f9c2 ticket=A ticket=B", "key-twice", {"name": "ticket"}),
        ('checkout 7a3f9c2 go reason="x"', "key-twice", {"name": "reason"}),
        ("checkout 7a3f9c2 ticket=", "key-empty", {"name": "ticket"}),
        ("checkout 7a3f9c2 ticket= CHG-1", "key-empty", {"name": "ticket"}),
        ('checkout 7a3f9c2 ticket=""', "key-empty", {"name": "ticket"}),
        ('checkout 7a3f9c2 ticket="CHG-1', "unclosed-quote", {"name": "ticket"}),
        ("checkout 7a3f9c2 prodution", "unknown-environment", {"meant": "production"}),
        ("checkout 7a3f9c2 prod", "unknown-environment", {"meant": "production"}),
        ("checkout 7a3f9c2 stagin because it is late", "unknown-environment", {"meant": "staging"}),
        ("checkout 7a3f9c2 at=soon", "bad-start", {"name": "soon", "zone": "America/New_York"}),
        ("checkout 7a3f9c2 at=2026-11-12", "bad-start", {}),
        ("checkout 7a3f9c2 at=25:00", "bad-start", {}),
        ("checkout 7a3f9c2 at=2026-02-30T10:00", "bad-start", {}),
        ("checkout 7a3f9c2 at=9999-12-31T23:59-23:00", "bad-start", {}),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str, code: str, facts: dict[str, object]
) -> None:
    with pytest.raises(Refusal) as refused:
        parsed(text)
    assert refused.value.code == code
    assert {k: refused.value.facts.get(k) for k in facts} == facts


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("14:30", datetime(2026, 11, 10, 19, 30, tzinfo=UTC)),  # later today in New York
        ("9:00", datetime(2026, 11, 11, 14, 0, tzinfo=UTC)),  # it is 9:22: tomorrow
        ("2026-11-12T10:00", datetime(2026, 11, 12, 15, 0, tzinfo=UTC)),
        ("2026-11-12 10:00", datetime(2026, 11, 12, 15, 0, tzinfo=UTC)),
        ("2026-11-12T10:00:30+01:00", datetime(2026, 11, 12, 9, 0, 30, tzinfo=UTC)),
        ("2026-11-12T10:00Z", datetime(2026, 11, 12, 10, 0, tzinfo=UTC)),
        (
            "2027-03-14T02:30",
            datetime(2027, 3, 14, 7, 0, tzinfo=UTC),
        ),  # the clock skips it: the first instant after
    ],
)
def test_a_start_without_an_offset_is_in_the_policys_zone(text: str, at: datetime) -> None:
    assert start(text, POLICY, NOW) == Start(mode="at", at=at)


def test_the_next_occurrence_of_a_time_crosses_the_change_of_clocks() -> None:
    saturday = datetime(2026, 10, 31, 22, 0, tzinfo=UTC)  # 18:00 EDT, the night in which clocks go back
    assert start("10:00", POLICY, saturday) == Start(mode="at", at=datetime(2026, 11, 1, 15, 0, tzinfo=UTC))


def test_next_and_nothing_are_starts() -> None:
    assert start(None, POLICY, NOW) == Start()
    assert start("NEXT", POLICY, NOW) == Start(mode="next")


def test_the_commands_own_id_is_the_key() -> None:
    assert parsed("checkout 7a3f9c2").key == "command:1.2"


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(Refusal):
        assert parsed(text).service


@given(st.integers(min_value=0, max_value=23), st.integers(min_value=0, max_value=59))
def test_a_time_of_day_is_always_ahead_and_within_a_day(hour: int, minute: int) -> None:
    found = start(f"{hour:02d}:{minute:02d}", POLICY, NOW).at
    assert found is not None
    assert NOW < found <= NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("&lt;!channel&gt;", "<!channel>"),
        ("<!channel> look", "@channel look"),
        ("<!here|here>", "here"),
        ("ask <@U01ADA|ada>", "ask @ada"),
        ("ask <@U01ADA>", "ask @U01ADA"),
        ("in <#C01|general>", "in #general"),
        ("<https://x.example/a>", "https://x.example/a"),
        ("<http://x.example|x.example>", "http://x.example"),
        ("<!subteam^S01|@sre>", "@sre"),
        ("<!date^1^{time}|noon>", "noon"),
    ],
)
def test_slacks_escapes_are_undone_at_the_edge(sent: str, typed: str) -> None:
    assert as_typed(sent) == typed


@pytest.mark.parametrize("text", ["DEP-42", "dep-42", "dep42", "42", "0042"])
def test_a_request_is_named_in_any_case(text: str) -> None:
    assert request_id(text, "usage") == "DEP-42"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "id-missing"),
        ("DEP-", "bad-id"),
        ("0", "bad-id"),
        ("42 now", "bad-id"),
        ("٤٢", "bad-id"),
        ("INC-7", "bad-id"),
    ],
)
def test_what_is_no_request_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        request_id(text, "usage")
    assert refused.value.code == code


def test_the_first_environment_is_left_to_the_flow_to_choose() -> None:
    assert replace(parsed("checkout 7a3f9c2"), environment="x").environment == "x"
    assert parsed("checkout 7a3f9c2").environment is None
