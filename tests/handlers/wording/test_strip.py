"""A week at a glance: golden strips, days of other lengths, the reader's hours, and agreement with the calendar."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.calendar import (
    Calendar,
    Effect,
    Fixed,
    Recurring,
    Rule,
    RuleKind,
    Span,
    UntilTime,
    end_instant,
    parse_until,
    start_instant,
)
from bot.domain.crons import Cron
from bot.domain.wall_clock import real_instants
from handlers.wording.strip import MARGIN, NOT_THERE, WIDTH, Sign, Strip, fitted, sign_of, strip
from tests.flows.policy_text import policy_of

NEW_YORK = ZoneInfo("America/New_York")
HOLIDAYS = ("  freezes:\n", "  holidays: [{country: US, environments: [production]}]\n  freezes:\n")
EVENING = (
    "  restrictions:\n",
    '  restrictions:\n    - {name: evening, start: "0 18 * * *", until: "24:00", effect: discourage}\n',
)


def week_of(calendar: Calendar, zone: ZoneInfo, first: date, **more: object) -> Strip:
    start = start_instant(datetime.combine(first, time()), zone)
    last = first + timedelta(days=7)
    end = end_instant(datetime.combine(last, time()), zone)
    week = calendar.stretches(start, end, environment="production")
    usual: dict[str, object] = {"now": start - timedelta(days=9)}
    return strip(week, zone=zone, first=first, days=7, **(usual | more))  # type: ignore[arg-type]


def drawn(first: str, *changes: tuple[str, str], now: str | None = None, reader: str | None = None) -> str:
    policy = policy_of(*changes)
    more: dict[str, object] = {"reader": ZoneInfo(reader) if reader else None}
    if now is not None:
        more["now"] = datetime.fromisoformat(now)
    return "\n".join(week_of(policy.calendar, policy.zone, date.fromisoformat(first), **more).lines)


VETERANS = """\
       0     6     12    18
                ▼ now
Mon  9 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!
Tue 10 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Wed 11 ××××××××××××××××××××××××
       Veterans Day (holiday)
Thu 12 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Fri 13 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!!!!!
Sat 14 ························
Sun 15 ························"""

# 2026-11-01: 1:00 to 2:00 comes twice in New York; Kolkata keeps its clock, so "yours" moves by an hour.
FALL_BACK_FROM_KOLKATA = """\
policy 0     6     12    18
yours  9:30  15:30 21:30 3:30+
                              ▼ now
Fri 30 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!!!!!
Sat 31 ························
yours  9:30  16:30 22:30 4:30+
Sun  1 ························
       clocks back: 1:00–2:00 twice
yours  10:30 16:30 22:30 4:30+
Mon  2 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!
Tue  3 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Wed  4 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Thu  5 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!"""

# 2027-03-14: 2:00 to 3:00 does not come in New York.
SPRING_FORWARD = """\
       0     6     12    18
Fri 12 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!!!!!
Sat 13 ························
Sun 14 ·· ·····················
       clocks on: no 2:00–3:00
Mon 15 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!
Tue 16 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Wed 17 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Thu 18 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!"""

# Lord Howe moves by half an hour: the hour of the gap is half there, and stays drawn.
LORD_HOWE = ("timezone: America/New_York", "timezone: Australia/Lord_Howe")
HALF_AN_HOUR_FORWARD = """\
policy 0     6     12    18
yours  14:30-      2:30  8:30
Sat  3 ························
yours  14:30-      2     8
Sun  4 ························
       clocks on: no 2:00–2:30
yours  14-   20-   2     8
Mon  5 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!
Tue  6 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Wed  7 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Thu  8 ▒▒▒▒▒▒▒▒▒▒████▒▒▒▒!!!!!!
Fri  9 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!!!!!"""
HALF_AN_HOUR_BACK = """\
       0     6     12    18
Sun  5 ························
       clocks back: 1:30–2:00 twice"""

PEAK = """\
       0     6     12    18
Fri 20 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒!!!!!!!!!!
Sat 21 ························
Sun 22 ························
Mon 23 ××××××××××××××××××××××××
       peak-trading (freeze)
Tue 24 ××××××××××××××××××××××××
Wed 25 ××××××××××××××××××××××××
Thu 26 ××××××××××××××××××××××××
       Thanksgiving Day (holiday)"""


@pytest.mark.requirement("P12")
def test_a_week_shows_windows_restrictions_and_the_holiday_by_name() -> None:
    assert drawn("2026-11-09", HOLIDAYS, EVENING, now="2026-11-09T09:22-05:00") == VETERANS


@pytest.mark.requirement("P12")
def test_an_hour_that_comes_twice_is_one_cell_and_the_readers_hours_move_with_it() -> None:
    picture = drawn("2026-10-30", EVENING, now="2026-10-30T23:59-04:00", reader="Asia/Kolkata")
    assert picture == FALL_BACK_FROM_KOLKATA


@pytest.mark.requirement("P12")
def test_an_hour_that_the_clock_skips_is_left_blank_and_said() -> None:
    assert drawn("2027-03-12", EVENING) == SPRING_FORWARD


@pytest.mark.requirement("P12")
def test_a_zone_that_moves_by_half_an_hour_and_a_reader_of_the_day_before() -> None:
    assert drawn("2026-10-03", LORD_HOWE, EVENING, reader="Europe/London") == HALF_AN_HOUR_FORWARD
    assert drawn("2026-04-05", LORD_HOWE, EVENING).startswith(HALF_AN_HOUR_BACK)


def test_what_lasts_for_days_is_named_once_and_what_joins_it_is_named_too() -> None:
    assert drawn("2026-11-20", HOLIDAYS) == PEAK


def test_a_reader_with_the_same_clock_sees_one_axis() -> None:
    here = drawn("2026-11-09")
    assert drawn("2026-11-09", reader="America/Toronto") == here
    assert "yours" in drawn("2026-11-09", reader="America/Chicago")


def test_a_reader_whose_clock_differs_for_a_part_of_the_week_sees_when() -> None:
    """Berlin goes back a week before New York does."""
    lines = drawn("2026-10-23", reader="Europe/Berlin").splitlines()
    assert [line for line in lines if line.startswith("yours")] == [
        "yours  6     12    18    0+",
        "yours  5     11    17    23",
    ]
    assert lines.index("yours  5     11    17    23") < next(i for i, x in enumerate(lines) if "Sun 25" in x)


# One cell


def fixed(kind: RuleKind, effect: Effect, start: str, end: str, name: str = "one", **more: object) -> Rule:
    span = Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
    return Rule(name=name, kind=kind, effect=effect, source=Fixed((span,)), **more)  # type: ignore[arg-type]


def utc_week(*rules: Rule, **more: object) -> Strip:
    calendar = Calendar(rules, Effect.PROHIBIT)
    return week_of(calendar, ZoneInfo("UTC"), date(2026, 11, 9), **more)


def test_an_hour_of_two_kinds_shows_the_worse_and_it_is_said() -> None:
    freeze = fixed(RuleKind.FREEZE, Effect.PROHIBIT, "2026-11-09T04:45Z", "2026-11-09T05:15Z")
    made = utc_week(freeze)
    assert made.lines[1] == "Mon  9 ▒▒▒▒××▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒"
    assert made.mixed
    assert made.signs == (Sign.ALLOWED, Sign.FROZEN)
    whole = fixed(RuleKind.FREEZE, Effect.PROHIBIT, "2026-11-09T04:00Z", "2026-11-09T05:00Z")
    assert not utc_week(whole).mixed


@pytest.mark.parametrize(
    ("kind", "effect", "expected"),
    [
        (RuleKind.FREEZE, Effect.PROHIBIT, Sign.FROZEN),
        (RuleKind.HOLIDAY, Effect.PROHIBIT, Sign.FROZEN),
        (RuleKind.RESTRICTION, Effect.PROHIBIT, Sign.CLOSED),
        (RuleKind.FREEZE, Effect.DISCOURAGE, Sign.DISCOURAGED),
        (RuleKind.RESTRICTION, Effect.DISCOURAGE, Sign.DISCOURAGED),
        (RuleKind.WINDOW, Effect.ALLOW, Sign.ALLOWED),
        (RuleKind.WINDOW, Effect.PREFER, Sign.PREFERRED),
    ],
)
def test_each_kind_and_effect_has_its_sign(kind: RuleKind, effect: Effect, expected: Sign) -> None:
    rule = fixed(kind, effect, "2026-11-01T00:00Z", "2026-12-01T00:00Z")
    at = Calendar([rule], Effect.PROHIBIT).at(datetime(2026, 11, 9, tzinfo=UTC), environment="production")
    assert sign_of(at.verdict, at.rules) is expected


def test_outside_the_windows_is_closed_and_not_frozen() -> None:
    window = fixed(RuleKind.WINDOW, Effect.ALLOW, "2026-11-09T04:00Z", "2026-11-09T05:00Z")
    assert utc_week(window).lines[1] == "Mon  9 ····▒···················"


# Names


def test_names_are_cut_to_the_width_of_a_phone_and_go_through_the_surface() -> None:
    long = fixed(
        RuleKind.FREEZE, Effect.PROHIBIT, "2026-11-09T00:00Z", "2026-11-10T00:00Z", reason="界" * 300
    )
    made = utc_week(long, say=lambda text: f"<{text}>")
    assert made.lines[2] == " " * MARGIN + "<one: " + "界" * 11 + "…>"


def test_many_names_on_one_day_are_counted() -> None:
    rules = [
        fixed(RuleKind.FREEZE, Effect.PROHIBIT, "2026-11-09T00:00Z", "2026-11-10T00:00Z", name=f"f{n}")
        for n in range(40)
    ]
    assert [line.strip() for line in utc_week(*rules).lines[2:5]] == [
        "f0 (freeze)",
        "f1 (freeze)",
        "and 38 more",
    ]


@given(st.text(max_size=80), st.integers(min_value=1, max_value=40))
def test_cut_text_never_takes_more_columns(text: str, columns: int) -> None:
    cut = fitted(text, columns)
    assert len(cut) <= max(len(text), 1)
    assert cut == " ".join(text.split()) or cut.endswith("…")


# Agreement with the calendar

ZONES = (
    "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana", "Africa/Cairo", "Asia/Beirut",
    "America/St_Johns", "Pacific/Chatham", "America/Asuncion", "UTC",
)  # fmt: skip
KINDS = (
    (RuleKind.WINDOW, Effect.ALLOW),
    (RuleKind.WINDOW, Effect.PREFER),
    (RuleKind.RESTRICTION, Effect.DISCOURAGE),
    (RuleKind.RESTRICTION, Effect.PROHIBIT),
    (RuleKind.FREEZE, Effect.PROHIBIT),
)
TIMES = st.tuples(st.integers(0, 23), st.sampled_from((0, 15, 30)))


@st.composite
def recurring(draw: st.DrawFn) -> Rule:
    kind, effect = draw(st.sampled_from(KINDS))
    (hour, minute), (until, past) = draw(TIMES), draw(TIMES)
    days = draw(st.sampled_from(("*", "MON-FRI", "SUN", "2,4")))
    ending = parse_until(f"{until:02d}:{past:02d}")
    assert isinstance(ending, UntilTime)
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    source = Recurring(Cron(f"{minute} {hour} * * {days}"), ending, zone)
    return Rule(name="r", kind=kind, effect=effect, source=source)


@pytest.mark.requirement("P12")
@settings(max_examples=40, deadline=None)
@given(
    rules=st.lists(recurring(), max_size=4),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    first=st.one_of(
        st.dates(date(2024, 1, 1), date(2030, 1, 1)),
        st.sampled_from(
            (date(2026, 10, 29), date(2026, 3, 5), date(2026, 4, 2), date(2026, 10, 1), date(2026, 4, 23))
        ),
    ),
    outside=st.sampled_from((Effect.ALLOW, Effect.DISCOURAGE, Effect.PROHIBIT)),
)
def test_each_cell_is_the_worst_that_the_calendar_says_of_that_hour(
    rules: list[Rule], zone: ZoneInfo, first: date, outside: Effect
) -> None:
    calendar = Calendar(rules, outside)
    rows = [x[MARGIN:].ljust(24) for x in week_of(calendar, zone, first).lines if x[:3].isalpha()]
    assert len(rows) == 7
    order = list(Sign)
    for number, row in enumerate(rows):
        for hour in range(24):
            wall = datetime.combine(first, time()) + timedelta(days=number, hours=hour)
            instants = [i for m in range(0, 60, 15) for i in real_instants(wall + timedelta(minutes=m), zone)]
            said = [calendar.at(i, environment="production") for i in instants]
            signs = [sign_of(each.verdict, each.rules) for each in said]
            assert row[hour] == (max(signs, key=order.index) if signs else NOT_THERE)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    reader=st.sampled_from((*ZONES, "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu")).map(
        ZoneInfo
    ),
    first=st.dates(date(2024, 1, 1), date(2030, 1, 1)),
    hour=st.integers(0, 23),
)
def test_no_line_is_wider_than_a_phone_and_the_readers_ticks_are_true(
    zone: ZoneInfo, reader: ZoneInfo, first: date, hour: int
) -> None:
    now = datetime(first.year, first.month, first.day, hour, 30, tzinfo=zone)
    made = week_of(Calendar([], Effect.ALLOW), zone, first, now=now, reader=reader)
    assert max(map(len, made.lines)) <= WIDTH
    day = first
    ticks = made.lines[1] if made.two_zones else ""
    for line in made.lines:
        if line.startswith("yours"):
            ticks = line
        elif line[:3].isalpha() and line[4:6].strip().isdigit():
            shown = ticks[MARGIN : MARGIN + 6].strip().rstrip("+-")
            there = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).astimezone(reader)
            assert shown in ("", f"{there.hour}", f"{there.hour}:{there.minute:02d}")
            day += timedelta(days=1)
    assert (day - first).days == 7
