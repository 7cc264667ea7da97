"""`/deploy windows` as a person reads it: the answer first, what Slack takes, and nothing that keeps the ack waiting."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar import Effect, Fixed, Rule, RuleKind, Scope, Span
from bot.domain.feed import FeedStatus
from bot.flows import windows as flow
from bot.flows.living_calendar import Living
from bot.flows.windows import view_of
from bot.policy import Policy
from handlers.slack.blocks import Message
from handlers.slack.context import SlackContext
from handlers.slack.windows import render
from tests.flows.policy_text import policy_of
from tests.handlers.slack.conftest import People, Stub, until
from tests.handlers.slack.examples import accepted_by_slack, lines_of, text_of
from tests.handlers.slack.workspace import LIN, shown

TUESDAY = datetime(2026, 11, 10, 14, 22, tzinfo=UTC)  # 9:22 in New York
DAY = timedelta(days=1)
EVENING = ("  restrictions:\n", '  restrictions:\n    - {name: evening, start: "0 18 * * *", until: "24:00", effect: discourage}\n')  # fmt: skip
NARROW = ('{name: weekdays, environments: [production], start: "0 0 * * MON-FRI", until: "24:00"}', '{name: weekdays, environments: [production], start: "0 10 * * MON-FRI", until: "18:00"}')  # fmt: skip


def told(
    at: datetime = TUESDAY,
    *changes: tuple[str, str],
    environment: str | None = "production",
    service: str | None = None,
    reader: str | None = None,
    rules: Sequence[Rule] = (),
    feeds: tuple[FeedStatus, ...] = (),
    policy: Policy | None = None,
) -> Message:
    policy = policy or policy_of(*changes)
    view = view_of(policy, Living(policy.calendar.with_rules(rules), feeds), at, environment, service)
    made = render(view, policy, ZoneInfo(reader) if reader else None)
    accepted_by_slack(made)
    return made


def freeze(
    name: str, start: str, end: str, effect: Effect = Effect.PROHIBIT, reason: str | None = None, **more: Any
) -> Rule:
    span = Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
    return Rule(name=name, kind=RuleKind.FREEZE, effect=effect, source=Fixed((span,)), reason=reason, **more)


def now_of(made: Message) -> str:
    return lines_of(made)[1].strip("*")


AT: list[tuple[str, str]] = [
    ("2026-11-10T09:22-05:00", "now: closed, opens in 38 min"),
    ("2026-11-10T11:00-05:00", "now: preferred until 14:00 (in 3 h)"),
    ("2026-11-10T15:00-05:00", "now: open until 18:00 (in 3 h)"),
    ("2026-11-13T15:00-05:00", "now: only with a reason, opens in 2 d 19 h"),
    ("2026-11-14T10:00-05:00", "now: closed, opens in 2 d"),
    ("2026-11-22T23:00-05:00", "now: closed, opens in 8 d 11 h"),
    ("2026-11-24T10:00-05:00", "now: frozen by peak-trading (freeze) until Tue 1 Dec 00:00, opens in 7 d"),
    ("2026-11-30T23:59:30-05:00", "now: frozen by peak-trading (freeze) until Tue 00:00, opens in 10 h"),
]


@pytest.mark.requirement("P12")
@pytest.mark.parametrize(("at", "expected"), AT)
def test_the_first_lines_say_whether_it_is_open_and_until_when(at: str, expected: str) -> None:
    made = told(datetime.fromisoformat(at), NARROW)
    assert lines_of(made)[0] == "*production* · America/New_York"
    assert now_of(made) == expected
    assert made.text.startswith("production · America/New_York\nnow: ")


def test_open_says_when_it_is_preferred_where_that_comes_first() -> None:
    assert now_of(told()) == "now: open until Fri 14:00 (in 3 d 4 h), preferred from 10:00"
    assert now_of(told(TUESDAY + timedelta(hours=6))) == (
        "now: open until Fri 14:00 (in 2 d 22 h), preferred from Wed 10:00"
    )


@pytest.mark.requirement("P6", "P12")
def test_the_whole_answer() -> None:
    made = told(TUESDAY, NARROW, EVENING, reader="Europe/Berlin", environment=None)
    opens = int(datetime(2026, 11, 10, 15, tzinfo=UTC).timestamp())
    first, last = (int(datetime(2026, m, d, 5, tzinfo=UTC).timestamp()) for m, d in ((11, 23), (12, 1)))
    assert (
        text_of(made)
        == f"""\
*production* · America/New_York
*now: closed, opens in 38 min*
```
policy 0     6     12    18
yours  6     12    18    0+
                ▼ now
Tue 10 ··········████▒▒▒▒······
Wed 11 ··········████▒▒▒▒······
Thu 12 ··········████▒▒▒▒······
Fri 13 ··········▒▒▒▒!!!!······
Sat 14 ························
Sun 15 ························
Mon 16 ··········▒▒▒▒▒▒▒▒······
```
█ preferred
▒ allowed
! only with a reason
· closed
yours: Europe/Berlin, + next day
*Opens* <!date^{opens}^{{date_short_pretty}} {{time}}|Tue 10 Nov 10:00 EST> (Tue 10 Nov 10:00 EST)
Break-glass passes now.
*Next freeze* peak-trading, break-glass does not pass
<!date^{first}^{{date_short_pretty}} {{time}}|Mon 23 Nov 00:00 EST> → \
<!date^{last}^{{date_short_pretty}} {{time}}|Tue 1 Dec 00:00 EST> (Mon 23 Nov 00:00 → Tue 1 Dec 00:00 EST)
▒ *staging*: open until 18:00 (in 8 h 38 min)
▒ *dev*: no calendar gate here"""
    )


def test_a_reader_with_the_policys_clock_is_told_each_time_once() -> None:
    text = text_of(told(TUESDAY, NARROW, reader="America/Toronto"))
    assert "yours" not in text
    assert "*Opens* <!date^1794322800^{date_short_pretty} {time}|Tue 10 Nov 10:00 EST>\n" in text


def test_without_windows_it_is_said_what_that_means() -> None:
    made = told(environment="staging")
    assert now_of(made) == "now: open for at least 400 days"
    assert "No windows are set here: it is open whenever nothing closes it." in text_of(made)
    assert "No freeze is ahead within 400 days." in text_of(made)


def test_an_environment_without_the_gate_says_so_first() -> None:
    assert now_of(told(environment="dev")).startswith("now: no calendar gate here; the calendar says open")


@pytest.mark.requirement("P6")
def test_a_freeze_until_it_is_lifted_a_soft_one_and_more_than_a_few() -> None:
    rules = [
        freeze(
            "FRZ-1", "2026-11-10T00:00Z", "9999-12-31T00:00Z", reason="Data centre moves", break_glass=True
        ),
        freeze("FRZ-2", "2026-11-11T00:00Z", "9999-12-31T00:00Z"),
        freeze("FRZ-3", "2026-11-12T00:00Z", "2026-11-13T00:00Z", Effect.DISCOURAGE),
        *(freeze(f"late-{n}", f"2026-12-{n + 10}T00:00Z", f"2026-12-{n + 11}T00:00Z") for n in range(3)),
    ]
    made = told(rules=rules)
    text = text_of(made)
    assert (
        now_of(made)
        == "now: frozen by FRZ-1: Data centre moves, until somebody lifts it: /deploy unfreeze FRZ-1"
    )
    assert "Break-glass passes now." in text
    assert "*Next freeze* FRZ-2, break-glass does not pass\nfrom <!date^" in text
    assert "until it is lifted" in text
    assert "*then* FRZ-3, goes only with a reason\n<!date^" in text
    assert "*then* peak-trading, " in text
    assert "and 3 more within 400 days" in text


def test_the_next_holiday_is_told_by_its_date_and_by_its_hours_where_they_are_not_the_policys() -> None:
    holidays = "  holidays: [{country: US, environments: [production]}]\n  freezes:\n"
    text = text_of(told(TUESDAY, ("  freezes:\n", holidays)))
    assert "       Veterans Day (holiday)\n" in text
    assert "*Next holiday* Thanksgiving Day, Thu 26 Nov, break-glass does not pass" in text
    elsewhere = holidays.replace("country: US", "country: US, timezone: Europe/Berlin, effect: discourage")
    text = text_of(told(TUESDAY, ("  freezes:\n", elsewhere)))
    assert "*Next holiday* Thanksgiving Day, goes only with a reason\n<!date^" in text


def test_services_with_rules_of_their_own_are_not_spoken_for() -> None:
    own = freeze(
        "own", "2026-11-10T00:00Z", "2026-11-20T00:00Z", scope=Scope(services=frozenset({"checkout"}))
    )
    made = told(rules=[own])
    assert lines_of(made)[0] == "*production, every service but checkout* · America/New_York"
    assert "× *production / checkout*: frozen by own (freeze) until Thu 19 Nov 19:00" in text_of(made)
    made = told(rules=[own], service="checkout")
    assert lines_of(made)[0] == "*production / checkout* · America/New_York"
    assert now_of(made).startswith("now: frozen by own (freeze)")


def stale(**changes: Any) -> FeedStatus:
    usual: dict[str, Any] = {
        "name": "company calendar", "environments": None, "services": None, "problem": "timeout",
        "fetched_at": TUESDAY - 3 * DAY, "stale_after": DAY,
    }  # fmt: skip
    return FeedStatus(**(usual | changes))


@pytest.mark.requirement("P6")
def test_a_calendar_that_could_not_be_fetched_is_said_before_what_follows_from_it() -> None:
    made = told(feeds=(stale(),), environment=None)
    assert now_of(made) == "now: closed, company calendar is out of date"
    assert (
        "⚠ company calendar: last fetched 3 d ago (timeout), the gate is closed until it answers"
        in text_of(made)
    )
    assert "· *staging*: closed, company calendar is out of date" in text_of(made)
    made = told(feeds=(stale(fetched_at=TUESDAY - timedelta(hours=3)),))
    assert now_of(made).startswith("now: open until")
    assert "last fetched 3 h ago (timeout), the gate closes in 21 h unless it answers" in text_of(made)
    made = told(feeds=(stale(fetched_at=None, problem=None),))
    assert "company calendar: never fetched yet; the gate is closed until it answers" in text_of(made)


def test_names_that_people_wrote_stay_text_and_end_no_block() -> None:
    nasty = "```<!channel> & *b* " + "x" * 300
    rules = [
        freeze(f"n{n}", f"2026-11-{10 + n // 2}T00:00Z", "2026-11-30T00:00Z", reason=f"{n}{nasty}")
        for n in range(14)
    ]
    made = told(
        rules=rules, feeds=(stale(name=nasty, problem=nasty),), reader="Asia/Kathmandu", environment=None
    )
    drawn = made.blocks[1]["text"]["text"]
    assert drawn.count("```") == 2
    assert "<!channel>" not in str(made)
    assert max(len(x) for x in unescape(drawn).splitlines()) <= 36


def test_a_policy_of_many_environments_and_a_full_calendar_fits_a_message() -> None:
    more = "".join(
        f"  e{n}: {{gates: {{calendar: {{}}}}, approval: {{seats: [], minimum: 0}}}}\n" for n in range(80)
    )
    policy = policy_of(("calendar:\n  outside", more + "calendar:\n  outside"))
    rules = [
        freeze(f"f{n}", f"2026-11-1{n % 7}T{n % 24:02d}:00Z", "2027-01-30T00:00Z", reason="r" * 500)
        for n in range(300)
    ]
    made = told(policy=policy, environment=None, rules=rules)
    assert "and 67 more" in text_of(made)


# As a command


def answers(stub: Stub) -> list[str]:
    return ["\n".join(b["text"]["text"] for b in r["blocks"] if b["type"] == "section") for r in stub.replies]


async def test_the_ack_is_empty_and_the_answer_follows(people: People, stub: Stub) -> None:
    answer = await people.command(LIN, "windows production")
    assert (answer.status, answer.body) == (200, "")
    await until(lambda: stub.replies)
    assert stub.replies[0]["response_type"] == "ephemeral"
    assert answers(stub)[0].startswith("*production* · America/New_York\n*now: no calendar gate here; the")


async def test_nothing_that_is_slow_keeps_the_ack_waiting(
    people: People, stub: Stub, context: SlackContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a calendar that takes long nor a Slack that does not say the zone."""
    gate = asyncio.Event()
    real = flow.windows

    async def slow(*arguments: Any) -> Any:
        await gate.wait()
        return await real(*arguments)

    monkeypatch.setattr(flow, "windows", slow)
    async with asyncio.timeout(2):
        answer = await people.command(LIN, "windows")
    assert answer.status == 200
    assert stub.replies == []
    gate.set()
    await until(lambda: stub.replies)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "windows prodution",
            "There is no environment “prodution” in the policy. Did you mean “production”?",
        ),
        (
            "windows production chekout",
            "There is no service “chekout” in the policy. Did you mean “checkout”?",
        ),
    ],
)
async def test_a_wrong_name_is_refused_at_once(people: People, text: str, expected: str) -> None:
    assert expected in shown((await people.command(LIN, text)).body)


async def test_a_bug_is_told_and_not_swallowed(
    people: People, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(flow, "windows", broken)
    await people.command(LIN, "windows")
    await until(lambda: stub.replies)
    assert "Something broke here" in answers(stub)[0]
    assert "secret detail" not in str(stub.replies)
