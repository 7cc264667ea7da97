"""Every code of every gate has words, and strange facts or codes never raise."""

import ast
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from bot.domain.outcome import GateOutcome, Status
from bot.gates import GATES, PREVIOUS_VERSION
from handlers.wording.gates import ANY_GATE, SENTENCES, SIGNS, WORDS, line
from tests.handlers.slack.examples import BLOCKED, CLOSED, HOUR, NOW, PASSED, VULNERABLE, ago, gate

FOLDER = Path(__file__).resolve().parents[3] / "bot" / "gates"
VERDICTS = {"preferred", "allowed"}  # the calendar's code is its verdict's value


def codes_of(path: Path) -> set[str]:
    """Every string of a gate's source that reaches `code=`, or stands beside a status in a pair."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
            found.add(node.value.value)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
            found |= {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant)}
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            status, code = node.elts
            named = isinstance(status, ast.Attribute) and getattr(status.value, "id", "") == "Status"
            if named and isinstance(code, ast.Constant):
                found.add(code.value)
    return found


def every_code() -> list[tuple[str, str]]:
    found = []
    for name in (*GATES, PREVIOUS_VERSION.name):
        codes = codes_of(FOLDER / f"{name.replace('-', '_')}.py")
        codes |= VERDICTS if name == "calendar" else set()
        codes |= (
            {"stale", "never-read", "unreadable", "no-monitors"} if name == "environments-green" else set()
        )
        found += [(name, code) for code in sorted(codes)]
    return [*found, ("soak", "gate-failed")]


def test_the_gates_are_searched() -> None:
    assert {
        ("soak", "soaking"),
        ("vulnerabilities", "vulnerable"),
        ("rollback-target", "target-moved"),
    } <= set(every_code())


@pytest.mark.parametrize(("name", "code"), every_code())
def test_every_code_of_every_gate_has_words(name: str, code: str) -> None:
    assert (name, code) in SENTENCES or code in ANY_GATE


def test_no_words_are_kept_for_codes_that_no_gate_says() -> None:
    assert sorted(set(SENTENCES) - set(every_code())) == []


def test_every_status_has_a_sign_and_a_word() -> None:
    assert set(SIGNS) == set(WORDS) == set(Status)
    assert len(set(SIGNS.values())) == len(set(WORDS.values())) == len(Status)


def test_an_unknown_code_shows_itself() -> None:
    shown = line(gate("soak", "brand-new", Status.BLOCKED), now=NOW)
    assert (shown.sign, shown.word, shown.text) == ("✗", "blocked", "soak: brand-new")
    assert shown.unblocks


@pytest.mark.parametrize("outcome", BLOCKED.only(Status.BLOCKED))
def test_what_does_not_pass_says_what_unblocks_it(outcome: GateOutcome) -> None:
    assert line(outcome, now=NOW).unblocks


@pytest.mark.parametrize("outcome", PASSED)
def test_what_passes_asks_for_nothing(outcome: GateOutcome) -> None:
    assert line(outcome, now=NOW).unblocks is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["environment", "artifact", "rules", "environments", "counts", "findings", "since", "scanned_at"]
)


@given(st.sampled_from(every_code()), st.dictionaries(KEYS, JSON), st.sampled_from(list(Status)))
def test_no_facts_break_a_line(named: tuple[str, str], facts: dict[str, JsonValue], status: Status) -> None:
    until = NOW if status is Status.WAITING else None
    outcome = GateOutcome(gate=named[0], code=named[1], status=status, facts=facts, until=until)
    assert line(outcome, now=NOW).text


def test_a_vulnerability_is_named_with_its_cure() -> None:
    shown = line(VULNERABLE, now=NOW)
    assert shown.text == "1 critical vulnerability: CVE-2026-1234 in openssl 3.0.8 (scan 12 min old)"
    assert shown.unblocks == "Fixed in openssl 3.0.9: rebuild, then ask again."


def test_findings_beyond_two_are_counted() -> None:
    found = [{"id": f"CVE-{n}", "package": None, "fixed_in": None} for n in range(5)]
    outcome = gate(
        "vulnerabilities",
        "vulnerable",
        Status.BLOCKED,
        counts={"critical": 7},
        findings=found,
        scanned_at=ago(HOUR),
    )
    assert (
        line(outcome, now=NOW).text == "7 critical vulnerabilities: CVE-0 and CVE-1 and 5 more (scan 1 h old)"
    )


def test_a_closed_calendar_says_when_it_opens() -> None:
    assert line(CLOSED, now=NOW).text == "no window is open, opens 2026-11-10T15:00:00Z (in 38 min)"
    rules = [{"name": "black-friday", "kind": "freeze", "effect": "prohibit", "reason": "Peak trading"}]
    frozen = gate("calendar", "prohibited", Status.WAITING, until=NOW + timedelta(days=8), rules=rules)
    assert line(frozen, now=NOW).text.startswith("closed by the freeze black-friday (Peak trading), opens ")
    weekend = [{"name": "weekend", "kind": "restriction", "effect": "prohibit"}]
    leads = gate(
        "calendar", "prohibited", Status.WAITING, until=NOW + timedelta(days=8), rules=weekend, then=rules
    )
    assert line(leads, now=NOW).text.startswith(
        "closed by the restriction weekend, then by the freeze black-friday (Peak trading), opens "
    )


@pytest.mark.requirement("K5")
def test_red_is_shown_with_the_one_way_through() -> None:
    shown = line(BLOCKED.outcomes[-1], now=NOW)
    assert shown.text == "production is RED since 2026-11-10T14:02:00Z (api answered 503)"
    assert "fixes=production" in (shown.unblocks or "")


RULE = {"name": "FRZ-3", "kind": "freeze", "effect": "prohibit", "reason": "Peak trading"}


@pytest.mark.requirement("P6")
def test_a_freeze_without_an_end_says_who_ends_it_and_how() -> None:
    facts: dict[str, JsonValue] = {"awaits": ["FRZ-3"], "rules": [dict(RULE)], "may_lift": ["Ada", "Bo"]}
    frozen = GateOutcome(gate="calendar", code="frozen", status=Status.WAITING, awaits="FRZ-3", facts=facts)
    shown = line(frozen, now=NOW)
    assert shown.text == (
        "frozen by FRZ-3 (Peak trading) until somebody lifts it; Ada or Bo may: /deploy unfreeze FRZ-3"
    )
    assert shown.unblocks == "at=next starts it by itself then, once it is approved."
    of_policy = line(
        GateOutcome(
            gate="calendar",
            code="frozen",
            status=Status.WAITING,
            awaits="audit",
            facts={"awaits": ["audit"], "rules": [{**RULE, "name": "audit"}]},
        ),
        now=NOW,
    )
    assert "Whoever keeps the policy's calendar" in str(of_policy.unblocks)


@pytest.mark.requirement("P12")
def test_every_rule_that_closes_is_named_with_its_own_end() -> None:
    opens = NOW + timedelta(days=8)
    rules = [
        {**RULE, "until": opens.isoformat()},
        {
            "name": "US-NY",
            "kind": "holiday",
            "effect": "prohibit",
            "reason": "Veterans Day",
            "until": ago(-HOUR),
        },
        {"name": "outside-windows", "kind": "outside-windows", "effect": "prohibit"},
    ]
    shown = line(gate("calendar", "prohibited", Status.WAITING, until=opens, rules=rules), now=NOW)
    assert shown.text == (
        "closed by the freeze FRZ-3 (Peak trading) and the holiday US-NY (Veterans Day) until 2026-11-10T15:22:00Z, "
        "opens 2026-11-18T14:22:00Z (in 8 d)"
    )


@pytest.mark.requirement("P12")
def test_beside_a_gate_that_waits_stands_when_all_of_them_pass_together() -> None:
    later = NOW + timedelta(days=3)
    shown = line(CLOSED, now=NOW, earliest=later)
    assert shown.text.endswith("(in 38 min); earliest start 2026-11-13T14:22:00Z (in 3 d)")
    assert line(CLOSED, now=NOW, earliest=CLOSED.until).text == line(CLOSED, now=NOW).text


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("until", "text", "cure"),
    [
        (None, "discouraged by the freeze FRZ-4 (Quarter end) until somebody lifts it", "with a reason"),
        (
            NOW + HOUR,
            "discouraged by the freeze FRZ-4 (Quarter end) until 2026-11-10T15:22:00Z (in 1 h)",
            "or wait until then",
        ),
    ],
)
def test_a_soft_freeze_is_named_and_takes_a_reason(until: datetime | None, text: str, cure: str) -> None:
    rules = [{"name": "FRZ-4", "kind": "freeze", "effect": "discourage", "reason": "Quarter end"}]
    shown = line(gate("calendar", "discouraged", Status.WARNED, until=until, rules=rules), now=NOW)
    assert shown.text == text
    assert cure in str(shown.unblocks)


@pytest.mark.requirement("P6")
def test_a_fetched_calendar_that_is_too_old_says_how_old_and_what_is_believed() -> None:
    def stale(**facts: JsonValue) -> str:
        said: dict[str, JsonValue] = {"name": "bank-days", "stale": ["bank-days"], **facts}
        outcome = GateOutcome(gate="calendar", code="feed-stale", status=Status.UNKNOWN, facts=said)
        return line(outcome, now=NOW).text

    seen: dict[str, JsonValue] = {"fetched_at": ago(30 * HOUR), "stale_after": 86400, "problem": "http-503"}
    assert stale(**seen, stale=["bank-days", "x"]) == (
        "the calendar bank-days was read 1 d 6 h ago (it answers with HTTP 503), 1 d at most is believed; 1 more is too old"
    )
    assert stale() == "the calendar bank-days was never read"
    closed = gate(
        "calendar", "prohibited", Status.WAITING, until=NOW + HOUR, rules=[RULE], stale=["bank-days"]
    )
    assert line(closed, now=NOW).text.endswith("; nobody knows what stands in bank-days by now")
