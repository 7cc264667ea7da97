"""iCalendar in: each property means what RFC 5545 says, and nothing that a file can hold makes anybody wait."""

# ruff: noqa: DTZ001 -- wall-clock times are naive
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.policy.document import LARGEST
from bot.policy.ics import IcsFile, load_ics, parse_ics
from bot.policy.ics_events import MOST_EVENTS, MOST_RECURRING
from bot.policy.ics_recurrence import recurrence
from bot.policy.ics_zones import MOST_OFFSETS, MOST_ZONES

pytestmark = pytest.mark.requirement("P6")
BERLIN = ZoneInfo("Europe/Berlin")
LOW, HIGH = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 2, 5, tzinfo=UTC)
BLOCK = timedelta(days=800)
PATIENCE = 3.0  # seconds for what takes less than one


def event(*lines: str, uid: str = "1") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def calendar(*parts: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "".join(parts) + "END:VCALENDAR", ""]).encode()


def found(content: bytes, zone: ZoneInfo = BERLIN, *, strict: bool = True) -> list[str]:
    """Every span of 2026 as `start/end`, in UTC and as short as may be."""
    source = parse_ics(content, "f.ics", strict=strict).in_zone(zone)
    return [f"{span.start:%m-%dT%H:%M}/{span.end:%m-%dT%H:%M}" for span in source.spans(LOW, HIGH)]


def refused(content: bytes, *, strict: bool = True) -> str:
    with pytest.raises(ValueError) as caught:
        parse_ics(content, "f.ics", strict=strict)
    return str(caught.value)


# What a property means. Berlin is an hour ahead of UTC in winter and two in summer; 2026-03-29 has no 02:30, 2026-10-25
# has two.
MEANINGS = {
    "a date without an end is that day": (["DTSTART;VALUE=DATE:20260310"], ["03-09T23:00/03-10T23:00"]),
    "a date's end is not part of it": (["DTSTART:20260310", "DTEND:20260312"], ["03-09T23:00/03-11T23:00"]),
    "a date that ends on itself is that day": (["DTSTART:20260310", "DTEND:20260310"], ["03-09T23:00/03-10T23:00"]),
    "a date may last for a duration": (["DTSTART:20260310", "DURATION:P2D"], ["03-09T23:00/03-11T23:00"]),
    "the day of a change has 23 hours": (["DTSTART:20260329"], ["03-28T23:00/03-29T22:00"]),
    "a floating time is in the rule's zone": (["DTSTART:20260710T100000", "DURATION:PT1H"], ["07-10T08:00/07-10T09:00"]),
    "Z is UTC": (["DTSTART:20260710T100000Z", "DTEND:20260710T110000Z"], ["07-10T10:00/07-10T11:00"]),
    "a TZID is a zone": (
        ["DTSTART;TZID=America/New_York:20260710T100000", "DTEND;TZID=America/New_York:20260710T110000"],
        ["07-10T14:00/07-10T15:00"],
    ),
    "start and end may be in different zones": (
        ["DTSTART;TZID=America/New_York:20260710T100000", "DTEND;TZID=Europe/Berlin:20260710T180000"],
        ["07-10T14:00/07-10T16:00"],
    ),
    "a name of Windows is a zone": (
        ['DTSTART;TZID="W. Europe Standard Time":20260710T100000', "DURATION:PT1H"], ["07-10T08:00/07-10T09:00"],
    ),
    "a path that ends in a zone is a zone": (
        ["DTSTART;TZID=/example.org/20260101/Europe/Berlin:20260710T100000", "DURATION:PT1H"],
        ["07-10T08:00/07-10T09:00"],
    ),
    "a duration of days is by the calendar": (
        ["DTSTART;TZID=Europe/Berlin:20260328T120000", "DURATION:P1D"], ["03-28T11:00/03-29T10:00"],
    ),
    "a duration of hours is by the clock": (
        ["DTSTART;TZID=Europe/Berlin:20260328T120000", "DURATION:PT24H"], ["03-28T11:00/03-29T11:00"],
    ),
    "a recurring end is by the calendar": (
        ["DTSTART;TZID=Europe/Berlin:20260327T220000", "DTEND;TZID=Europe/Berlin:20260328T060000",
         "RRULE:FREQ=DAILY;COUNT=3"],
        ["03-27T21:00/03-28T05:00", "03-28T21:00/03-29T04:00", "03-29T20:00/03-30T04:00"],
    ),
    "a floating start in a gap is its end": (
        ["DTSTART:20260329T023000", "DTEND:20260329T040000"], ["03-29T01:00/03-29T02:00"],
    ),
    "a floating end in a fold is the later": (
        ["DTSTART:20261025T010000", "DTEND:20261025T023000"], ["10-24T23:00/10-25T01:30"],
    ),
    "a called off event is none": (["DTSTART:20260310", "STATUS:CANCELLED"], []),
    "a tentative event counts": (["DTSTART:20260310", "STATUS:TENTATIVE"], ["03-09T23:00/03-10T23:00"]),
    "a transparent event counts": (["DTSTART:20260310", "TRANSP:TRANSPARENT"], ["03-09T23:00/03-10T23:00"]),
    "the last Friday, three times": (
        ["DTSTART:20260130", "RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=3"],
        ["01-29T23:00/01-30T23:00", "02-26T23:00/02-27T23:00", "03-26T23:00/03-27T23:00"],
    ),
    "UNTIL is inclusive": (
        ["DTSTART:20260105", "RRULE:FREQ=WEEKLY;UNTIL=20260112"],
        ["01-04T23:00/01-05T23:00", "01-11T23:00/01-12T23:00"],
    ),
    "UNTIL in UTC is compared as an instant": (
        ["DTSTART;TZID=Europe/Berlin:20260105T003000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20260105T233000Z"],
        ["01-04T23:30/01-05T00:30", "01-05T23:30/01-06T00:30"],
    ),
    "a beginning that the rule misses counts, and is counted": (
        ["DTSTART:20260106", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=2"],
        ["01-05T23:00/01-06T23:00", "01-11T23:00/01-12T23:00"],
    ),
    "the day that a month lacks is left out": (
        ["DTSTART:20261031", "RRULE:FREQ=MONTHLY;COUNT=2"], ["10-30T23:00/10-31T23:00", "12-30T23:00/12-31T23:00"],
    ),
    "EXDATE takes one out, in any zone": (
        ["DTSTART;TZID=Europe/Berlin:20260105T100000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3",
         "EXDATE:20260106T090000Z"],
        ["01-05T09:00/01-05T10:00", "01-07T09:00/01-07T10:00"],
    ),
    "EXDATE of a day takes its instance out": (
        ["DTSTART:20260105T100000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2", "EXDATE;VALUE=DATE:20260105"],
        ["01-06T09:00/01-06T10:00"],
    ),
    "RDATE adds days": (
        ["DTSTART:20260105", "RDATE;VALUE=DATE:20260201,20260301"],
        ["01-04T23:00/01-05T23:00", "01-31T23:00/02-01T23:00", "02-28T23:00/03-01T23:00"],
    ),
    "RDATE adds periods": (
        ["DTSTART:20260105T100000Z", "DURATION:PT1H",
         "RDATE;VALUE=PERIOD:20260201T100000Z/20260201T120000Z,20260202T100000Z/PT30M"],
        ["01-05T10:00/01-05T11:00", "02-01T10:00/02-01T12:00", "02-02T10:00/02-02T10:30"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "spans"), MEANINGS.values(), ids=MEANINGS.keys())
def test_an_event_means_what_the_standard_says(lines: list[str], spans: list[str]) -> None:
    assert found(calendar(event(*lines))) == spans


def test_an_instance_can_be_moved_and_another_called_off() -> None:
    series = event("DTSTART;TZID=Europe/Berlin:20260105T100000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=4")
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Berlin:20260112T100000", "DTSTART:20260113T120000Z", "DURATION:PT2H"
    )
    off = event(
        "RECURRENCE-ID:20260119T090000Z", "STATUS:CANCELLED", "DTSTART:20260119T090000Z", "DURATION:PT1H"
    )
    other = event("RECURRENCE-ID:20260126T090000Z", "DTSTART:20260126T090000Z", "DURATION:PT3H", uid="2")
    expected = [
        "01-05T09:00/01-05T10:00",
        "01-13T12:00/01-13T14:00",
        "01-26T09:00/01-26T10:00",
        "01-26T09:00/01-26T12:00",
    ]
    assert found(calendar(series, moved, off, other)) == expected
    assert found(calendar(off, other, moved, series)) == expected


def test_of_two_editions_of_an_instance_the_later_counts() -> None:
    series = event("DTSTART:20260105T100000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=2")
    first = event("RECURRENCE-ID:20260112T100000Z", "SEQUENCE:1", "DTSTART:20260112T150000Z", "DURATION:PT1H")
    second = event(
        "RECURRENCE-ID:20260112T100000Z", "SEQUENCE:2", "DTSTART:20260112T180000Z", "DURATION:PT1H"
    )
    for order in ([series, first, second], [second, first, series]):
        assert found(calendar(*order)) == ["01-05T10:00/01-05T11:00", "01-12T18:00/01-12T19:00"]


def test_a_series_that_is_called_off_leaves_what_was_moved() -> None:
    series = event("DTSTART:20260105", "RRULE:FREQ=WEEKLY", "STATUS:CANCELLED")
    moved = event("RECURRENCE-ID;VALUE=DATE:20260112", "DTSTART;VALUE=DATE:20260113")
    assert found(calendar(series, moved)) == ["01-12T23:00/01-13T23:00"]


# Files


def zone_called(name: str, winter: str, rule: str = "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU") -> str:
    """A zone of a file's own: `winter` time, and an hour more from the last Sunday of March."""
    summer = f"{winter[0]}{int(winter[1:3]) + 1:02}00"
    return "\r\n".join(
        ["BEGIN:VTIMEZONE", f"TZID:{name}",
         "BEGIN:STANDARD", "DTSTART:16010101T030000", f"TZOFFSETFROM:{summer}", f"TZOFFSETTO:{winter}", f"RRULE:{rule}",
         "END:STANDARD",
         "BEGIN:DAYLIGHT", "DTSTART:16010101T020000", f"TZOFFSETFROM:{winter}", f"TZOFFSETTO:{summer}",
         "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "END:DAYLIGHT", "END:VTIMEZONE", ""]
    )  # fmt: skip


WINTER_AND_SUMMER = event(
    "DTSTART;TZID=Custom:20260201T100000",
    "DTEND;TZID=Custom:20260201T110000",
    "RRULE:FREQ=MONTHLY;INTERVAL=5;COUNT=2",
)


def test_a_zone_of_the_files_own_is_used_under_its_name() -> None:
    content = calendar(zone_called("Custom", "+0500"), WINTER_AND_SUMMER)
    assert found(content) == ["02-01T05:00/02-01T06:00", "07-01T04:00/07-01T05:00"]


def test_one_name_may_mean_two_zones_in_two_calendars() -> None:
    both = calendar(zone_called("Custom", "+0500"), WINTER_AND_SUMMER) + calendar(
        zone_called("Custom", "+0100"), WINTER_AND_SUMMER
    )
    assert found(both) == [
        "02-01T05:00/02-01T06:00", "02-01T09:00/02-01T10:00", "07-01T04:00/07-01T05:00", "07-01T08:00/07-01T09:00",
    ]  # fmt: skip
    assert found(calendar(zone_called("Custom", "+0100"), WINTER_AND_SUMMER))[0] == "02-01T09:00/02-01T10:00"


@settings(max_examples=50, deadline=None)
@given(st.datetimes(datetime(1997, 1, 1), datetime(2095, 1, 1)))
def test_a_defined_zone_is_what_its_rules_say(wall: datetime) -> None:
    """Against the tz database, which has the same rules for Berlin from 1996 on."""
    text = f"{wall:%Y%m%dT%H%M%S}"
    ours = calendar(zone_called("Custom", "+0100"), event(f"DTSTART;TZID=Custom:{text}", "DURATION:PT1H"))
    theirs = calendar(event(f"DTSTART;TZID=Europe/Berlin:{text}", "DURATION:PT1H"))
    low, high = (wall.replace(tzinfo=UTC) + days for days in (-timedelta(9), timedelta(9)))
    assert parse_ics(ours, "").in_zone(BERLIN).spans(low, high) == parse_ics(theirs, "").in_zone(
        BERLIN
    ).spans(low, high)


def test_an_iana_name_is_the_zone_of_the_database_whatever_the_file_says() -> None:
    wrong = zone_called("Europe/Berlin", "+0900")
    assert found(calendar(wrong, event("DTSTART;TZID=Europe/Berlin:20260201T100000", "DURATION:PT1H"))) == [
        "02-01T09:00/02-01T10:00"
    ]


@pytest.mark.parametrize("offset", ["+1400", "+0500", "-1200"])
@pytest.mark.parametrize("until", ["", ";UNTIL=99991231T235959Z"])
def test_a_zone_may_begin_and_end_with_time_itself(offset: str, until: str) -> None:
    """Some programs write 00010101T000000 as the onset of a zone."""
    zone = zone_called("Custom", offset, f"FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU{until}")
    content = calendar(zone.replace("DTSTART:16010101", "DTSTART:00010101"), WINTER_AND_SUMMER)
    assert found(content) == found(calendar(zone, WINTER_AND_SUMMER))


def offsets(count: int) -> str:
    """A zone with so many offsets from UTC, each an onset of its own."""
    halves = (
        f"BEGIN:STANDARD\r\nDTSTART:{1970 + n // 12}{n % 12 + 1:02}01T000000\r\n"
        f"TZOFFSETFROM:+{n // 60:02}{n % 60:02}\r\nTZOFFSETTO:+{(n + 1) // 60:02}{(n + 1) % 60:02}\r\nEND:STANDARD\r\n"
        for n in range(count - 1)
    )
    return f"BEGIN:VTIMEZONE\r\nTZID:Custom\r\n{''.join(halves)}END:VTIMEZONE\r\n"


def test_a_zone_may_have_as_many_offsets_as_a_zone_can() -> None:
    assert len(found(calendar(offsets(MOST_OFFSETS), WINTER_AND_SUMMER))) == 2


def test_an_empty_calendar_is_one() -> None:
    read = parse_ics(calendar(), "f.ics", strict=True)
    assert (read.events, read.in_zone(BERLIN).spans(LOW, HIGH)) == (0, [])


def test_text_may_be_marked_folded_and_end_its_lines_in_any_way() -> None:
    summary = "SUMMARY:Jahresabschluß\\, Ruhe\\nbitte"
    plain = calendar(event("DTSTART:20260310", summary))
    folded = b"\r\n ".join(bytes([byte]) for byte in summary.encode())  # within its characters too
    for content in (
        plain,
        b"\xef\xbb\xbf" + plain,
        plain.replace(b"\r\n", b"\n"),
        plain.replace(b"\r\n", b"\r\n\r\n"),
        plain.replace(summary.encode(), folded),
        plain.replace(b"BEGIN:VEVENT", b"begin:vevent").replace(b"DTSTART", b"dtstart"),
    ):
        (span,) = parse_ics(content, "f.ics", strict=True).in_zone(BERLIN).spans(LOW, HIGH)
        assert span.label == "Jahresabschluß, Ruhe bitte"


def test_a_title_is_one_line_of_bounded_length() -> None:
    long = calendar(event("DTSTART:20260310", "SUMMARY:" + "Freeze\x07\x1b[31m" * 40_000))
    (span,) = parse_ics(long, "f.ics", strict=True).in_zone(BERLIN).spans(LOW, HIGH)
    assert span.label is not None
    assert len(span.label) <= 200
    assert span.label.isprintable()


def test_what_means_nothing_here_may_stand_in_a_file() -> None:
    alarm = "BEGIN:VALARM\r\nTRIGGER:-PT15M\r\nDURATION:nonsense\r\nEND:VALARM"
    todo = "BEGIN:VTODO\r\nDTSTART:nonsense\r\nEND:VTODO\r\n"
    assert found(calendar(todo, event("DTSTART:20260310", alarm, "no property at all", "X-Y;;:z"))) == [
        "03-09T23:00/03-10T23:00"
    ]


@pytest.mark.parametrize("until", ["99991231", "99991231T235959Z", "99991231T235959"])
def test_until_further_notice_is_no_overflow(until: str) -> None:
    kind = "20260310T000000Z" if "T" in until else "20260310"
    source = parse_ics(calendar(event(f"DTSTART:{kind}", f"DTEND:{until}")), "", strict=True).in_zone(BERLIN)
    for year in (1972, 2026, 2096):
        low = datetime(year, 6, 1, tzinfo=UTC)
        assert len(source.spans(low, low + BLOCK)) == (year >= 2026)


@pytest.mark.parametrize("lines", [["DTSTART:00010101"], ["DTSTART:00010101T000000Z", "DURATION:PT1H"]])
def test_what_began_with_the_calendar_itself_still_recurs(lines: list[str]) -> None:
    assert len(found(calendar(event(*lines, "RRULE:FREQ=DAILY")))) == 400 + lines[0].count("Z") * 0 + (
        len(lines) == 1
    )


# What is refused, and what is only passed over

WRONG = {
    "recurs SECONDLY": ["DTSTART:20260310", "RRULE:FREQ=SECONDLY"],
    "recurs without FREQ": ["DTSTART:20260310", "RRULE:COUNT=2"],
    "several times a day": ["DTSTART:20260310T100000", "DURATION:PT1H", "RRULE:FREQ=DAILY;BYHOUR=1,2"],
    "recurs by 'BYEASTER=0'": ["DTSTART:20260310", "RRULE:FREQ=YEARLY;BYEASTER=0"],
    "BYMONTH=13, which does not exist": ["DTSTART:20260310", "RRULE:FREQ=YEARLY;BYMONTH=13"],
    "the weekday '0MO'": ["DTSTART:20260310", "RRULE:FREQ=MONTHLY;BYDAY=0MO"],
    "INTERVAL=0": ["DTSTART:20260310", "RRULE:FREQ=DAILY;INTERVAL=0"],
    "INTERVAL='99999999999999'": ["DTSTART:20260310", "RRULE:FREQ=DAILY;INTERVAL=99999999999999"],
    "with two FREQ": ["DTSTART:20260310", "RRULE:FREQ=DAILY;FREQ=YEARLY"],
    "longer than 400 days": ["DTSTART:20260310", "DURATION:P401D", "RRULE:FREQ=DAILY"],
    "unknown time zone Mars/Olympus": ["DTSTART;TZID=Mars/Olympus:20260310T100000", "DURATION:PT1H"],
    "no date and no time": ["DTSTART:soon"],
    "'20260230'": ["DTSTART:20260230"],
    "has no DTSTART": ["SUMMARY:Freeze"],
    "DTSTART stands twice": ["DTSTART:20260310", "DTSTART:20260311"],
    "both a DTEND and a DURATION": ["DTSTART:20260310", "DTEND:20260311", "DURATION:P1D"],
    "'-P1D' is not a duration": ["DTSTART:20260310", "DURATION:-P1D"],
    "begins with a date and ends with a time": ["DTSTART:20260310", "DTEND:20260311T100000Z"],
    "EXRULE, which is obsolete": ["DTSTART:20260310", "EXRULE:FREQ=DAILY"],
    "changes all later instances": ["RECURRENCE-ID;RANGE=THISANDFUTURE:20260310", "DTSTART:20260310"],
    "is not a period": ["DTSTART:20260310", "RDATE;VALUE=PERIOD:20260310T100000Z"],
}


@pytest.mark.parametrize(("words", "lines"), WRONG.items(), ids=WRONG.keys())
@pytest.mark.parametrize("strict", [True, False])
def test_what_could_freeze_something_and_is_not_understood_refuses_the_file(
    words: str, lines: list[str], strict: bool
) -> None:
    told = refused(
        calendar(event("SUMMARY:Year end", *lines))
        if "SUMMARY:Freeze" not in lines
        else calendar(event(*lines)),
        strict=strict,
    )
    assert words in told
    assert told.startswith("f.ics is not a usable calendar: event '")
    assert "(line 3)" in told


ODD = {
    "has no length": ["DTSTART:20260310T100000"],
    "has no length; give": ["DTSTART:20260310T100000", "DTEND:20260310T090000"],
    "has no length; ": ["DTSTART:20260310", "DTEND:20260309"],
}


@pytest.mark.parametrize(("words", "lines"), ODD.items(), ids=[" ".join(lines) for lines in ODD.values()])
def test_an_event_without_a_length_is_an_error_of_a_file_and_passed_over_in_a_feed(
    words: str, lines: list[str]
) -> None:
    content = calendar(event(*lines), event("DTSTART:20260401", uid="2"))
    assert words in refused(content)
    feed = parse_ics(content, "feed")
    assert (feed.events, feed.skipped) == (2, 1)
    assert found(content, strict=False) == ["03-31T22:00/04-01T22:00"]


def test_a_day_that_no_year_has_is_an_error_of_a_file_and_never_comes_in_a_feed() -> None:
    content = calendar(event("DTSTART:20260310", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"))
    assert "recurs on days that do not exist" in refused(content)
    assert found(content, strict=False) == ["03-09T23:00/03-10T23:00"]


def test_text_that_is_not_utf_8_is_an_error_of_a_file_and_a_sign_in_a_feed() -> None:
    content = calendar(event("DTSTART:20260310", "SUMMARY:Abschlu@")).replace(b"@", b"\xdf")
    assert "line 6: it is not UTF-8 text" in refused(content)
    (span,) = parse_ics(content, "feed").in_zone(BERLIN).spans(LOW, HIGH)
    assert span.label == "Abschlu�"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "something other than calendars"),
        (b"\xef\xbb\xbf \r\n", "something other than calendars"),
        (b"<!DOCTYPE html><html></html>", "does not begin with BEGIN:VCALENDAR"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\n", "something other than calendars"),
        (b"END:VCALENDAR\r\n", "ends what did not begin"),
        (calendar(event("DTSTART:20260310"))[:-30], "it breaks off: VEVENT of line 3 does not end"),
        (calendar(event("DTSTART:20260310")).replace(b"END:VEVENT", b"END:VTODO"), "ends what did not begin"),
        (b"BEGIN:VCALENDAR\r\n" * 60_000, "more than 16 deep"),
        (b"\x00\xff\xfe" * 1000, "line 1: "),
        (b"BEGIN:VCALENDAR\n" + b"X" * 50_000_000, f"more than {LARGEST} bytes"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_what_is_no_whole_calendar_is_refused_with_a_sentence(content: bytes, words: str) -> None:
    assert words in refused(content)


def test_a_file_that_is_not_there_or_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no file f\.ics"):
        load_ics(tmp_path / "f.ics")
    (tmp_path / "f.ics").write_bytes(calendar(event("DTSTART:20260310T100000")))
    with pytest.raises(
        ValueError, match=r"f\.ics is not a usable calendar: event '1' \(line 3\) has no length"
    ):
        load_ics(tmp_path / "f.ics")


# Nothing makes anybody wait

DAILY = ["DTSTART;TZID=Europe/Berlin:19700101T100000", "DURATION:P1D"]
HEAVY: dict[str, Callable[[], bytes]] = {
    "as many recurring events as there may be": lambda: calendar(
        *(event(*DAILY, "RRULE:FREQ=DAILY", uid=str(n)) for n in range(MOST_RECURRING))
    ),
    "every part of a rule at once": lambda: calendar(
        *(
            event(*DAILY, "RRULE:FREQ=YEARLY;BYDAY=MO,TU,1FR,-53SU;BYSETPOS=1,-1;BYYEARDAY=1,-7;BYWEEKNO=1,53", uid=str(n))
            for n in range(MOST_RECURRING)
        )
    ),
    "as many events as there may be": lambda: calendar(
        *("BEGIN:VEVENT\nDTSTART;TZID=Europe/Berlin:20260310T100000\nDURATION:P1D\nEND:VEVENT\n" for _ in range(MOST_EVENTS))
    ),
    "a thousand million instances": lambda: calendar(event(*DAILY, "RRULE:FREQ=DAILY;COUNT=999999999999")),
    "an interval beyond all time": lambda: calendar(event(*DAILY, "RRULE:FREQ=YEARLY;INTERVAL=999999999999")),
    "positions without number": lambda: calendar(event(*DAILY, f"RRULE:FREQ=YEARLY;BYDAY=MO;BYSETPOS={'1,' * 200_000}1")),
    "exceptions without number": lambda: calendar(event("DTSTART:20260101", "RRULE:FREQ=DAILY", f"EXDATE:{'20260105,' * 100_000}20260106")),
    "exceptions in zones": lambda: calendar(event(*DAILY, "RRULE:FREQ=DAILY", f"EXDATE;TZID=Asia/Tokyo:{'20260105T100000,' * 60_000}20260106T100000")),
    "folds without number": lambda: b"BEGIN:VCALENDAR\nSUMMARY:x" + b"\n " * 400_000 + b"\nEND:VCALENDAR\n",
    "components without number": lambda: b"BEGIN:VCALENDAR\n" + b"BEGIN:A\nEND:A\n" * 70_000 + b"END:VCALENDAR\n",
    "parameters without number": lambda: calendar(event("DTSTART" + ";A=b,c" * 100_000 + ":20260310")),
    "a duration of ages": lambda: calendar(event("DTSTART:20260310T000000Z", "DURATION:P999999WT9999999999S")),
    "a rule that never comes": lambda: calendar(
        *(event(*DAILY, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", uid=str(n)) for n in range(MOST_RECURRING))
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", HEAVY.values(), ids=HEAVY.keys())
def test_whatever_is_accepted_is_read_and_expanded_quickly(make: Callable[[], bytes]) -> None:
    content = make()
    assert len(content) <= LARGEST
    began = time.process_time()
    source = parse_ics(content, "feed").in_zone(BERLIN)
    for year in (1972, 2026, 2094):
        low = datetime(year, 1, 1, tzinfo=UTC)
        source.spans(low, low + BLOCK)
    assert time.process_time() - began < 3 * PATIENCE


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "more events than there may be": (
        lambda: calendar(*("BEGIN:VEVENT\nDTSTART:20260310\nEND:VEVENT\n" for _ in range(17_000))), "more than 5000 events",
    ),
    "more dates than there may be": (
        lambda: calendar(event("DTSTART:20260310", f"RDATE:{'20260105,' * 100_000}20260106")), "more than 5000 events",
    ),
    "more recurring events than there may be": (
        lambda: calendar(*(event(*DAILY, "RRULE:FREQ=YEARLY", uid=str(n)) for n in range(MOST_RECURRING + 1))),
        "more than 100 recurring events",
    ),
    "more rules for one event than there may be": (
        lambda: calendar(event(*DAILY, *["RRULE:FREQ=DAILY"] * (MOST_RECURRING + 1))),
        "more than 100 recurring events",
    ),
    "COUNTs that nobody can count to": (
        lambda: calendar(*(event(*DAILY, "RRULE:FREQ=DAILY;COUNT=99999999", uid=str(n)) for n in range(MOST_RECURRING))),
        "counts too far; write UNTIL instead of COUNT",
    ),
    "a zone that changes every second": (
        lambda: calendar(zone_called("Custom", "+0100", "FREQ=SECONDLY"), WINTER_AND_SUMMER), "changes more often than every month",
    ),
    "a zone that changes every day": (
        lambda: calendar(zone_called("Custom", "+0100", "FREQ=MONTHLY;BYDAY=MO,TU,WE"), WINTER_AND_SUMMER), "changes more than 2000 times",
    ),
    "a zone without rules": (
        lambda: calendar("BEGIN:VTIMEZONE\nTZID:Custom\nEND:VTIMEZONE\n", WINTER_AND_SUMMER), "whose definition is empty",
    ),
    "a zone with more offsets than a zone can have": (
        lambda: calendar(offsets(MOST_OFFSETS + 1), WINTER_AND_SUMMER), "the time zone Custom has more than 256 offsets from UTC",
    ),
    "a zone of hundreds of folders": (
        lambda: calendar(event(f"DTSTART;TZID={'A/' * 1000}B:20260310T100000", "DURATION:PT1H")), "names the unknown time zone A/A/",
    ),
    "a zone that is days away": (
        lambda: calendar(zone_called("Custom", "+3000"), WINTER_AND_SUMMER), "no offset that any zone has",
    ),
    "more zones than there may be": (
        lambda: calendar(
            *(zone_called(f"Z{n}", "+0100") for n in range(MOST_ZONES + 1)),
            *(event(f"DTSTART;TZID=Z{n}:20260310T100000", "DURATION:PT1H") for n in range(MOST_ZONES + 1)),
        ),
        "more than 50 time zones",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_cost_too_much_is_refused_quickly(make: Callable[[], bytes], words: str) -> None:
    content = make()
    began = time.process_time()
    assert words in refused(content, strict=False)
    assert time.process_time() - began < PATIENCE


# Against other readings of the same standard

_numbers = st.lists(st.integers(1, 31), min_size=1, max_size=3, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Rules that the libraries agree on: what the standard leaves open, or they get wrong, is tested above."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 5))}"]
    if draw(st.booleans()):
        parts.append(
            "BYMONTH="
            + ",".join(map(str, draw(st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True))))
        )
    days = st.lists(
        st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=3, unique=True
    )
    kind = draw(st.sampled_from(["none", "weekday", "nth", "monthday"]))
    if kind == "weekday":
        parts.append("BYDAY=" + ",".join(draw(days)))
    if kind == "nth" and frequency in {"MONTHLY", "YEARLY"}:
        n = draw(st.sampled_from([1, 2, 3, 4, 5, -1, -2]))
        parts.append("BYDAY=" + ",".join(f"{n}{day}" for day in draw(days)))
    if kind == "monthday" and frequency != "WEEKLY":
        sign = draw(st.sampled_from([1, -1]))
        parts.append("BYMONTHDAY=" + ",".join(str(sign * n) for n in draw(_numbers)))
    if frequency == "YEARLY" and kind == "none" and draw(st.booleans()):
        parts.append(
            "BYYEARDAY="
            + ",".join(
                str(n)
                for n in draw(
                    st.lists(
                        st.sampled_from([1, 60, 100, 365, 366, -1, -60, -366]),
                        min_size=1,
                        max_size=3,
                        unique=True,
                    )
                )
            )
        )
    if frequency in {"MONTHLY", "YEARLY"} and kind in {"weekday", "nth"} and draw(st.booleans()):
        parts.append(f"BYSETPOS={draw(st.sampled_from([1, 2, -1]))}")
    if frequency == "WEEKLY":
        parts.append(f"WKST={draw(st.sampled_from(['MO', 'SU']))}")
    return ";".join(parts)


@settings(max_examples=150, deadline=None)
@given(
    rules(), st.datetimes(datetime(2019, 1, 1), datetime(2026, 1, 1)).map(lambda d: d.replace(microsecond=0))
)
def test_a_rule_falls_where_dateutil_puts_it(rule: str, start: datetime) -> None:
    low, high = datetime(2025, 12, 1), datetime(2028, 2, 9)
    theirs = rrulestr(f"{rule};UNTIL={high:%Y%m%dT%H%M%S}", dtstart=start)
    expected = [wall for wall in theirs if low <= wall < high]
    assert list(recurrence(rule, start, until=None).walls(low, high)) == expected


@settings(max_examples=50, deadline=None)
@given(
    st.sets(st.integers(0, 6), min_size=1, max_size=3),
    st.sets(st.sampled_from([1, 2, 20, 52, 53]), min_size=1, max_size=3),
    st.dates(date(2015, 1, 1), date(2026, 1, 1)),
)
def test_a_numbered_week_is_the_week_of_iso_8601(weekdays: set[int], weeks: set[int], start: date) -> None:
    named = ",".join(["MO", "TU", "WE", "TH", "FR", "SA", "SU"][day] for day in weekdays)
    rule = f"FREQ=YEARLY;BYWEEKNO={','.join(map(str, weeks))};BYDAY={named}"
    begin, high = datetime.combine(start, datetime.min.time()), datetime(2032, 1, 1)
    every = (begin + timedelta(days=n) for n in range((high - begin).days))
    expected = [day for day in every if day.isocalendar().week in weeks and day.weekday() in weekdays]
    assert list(recurrence(rule, begin, until=None).walls(begin, high)) == expected


@pytest.mark.parametrize("year", range(2015, 2031))
def test_the_last_week_of_a_year_is_the_one_of_28_december(year: int) -> None:
    rule = recurrence("FREQ=YEARLY;BYWEEKNO=-1;BYDAY=TH", datetime(2014, 1, 1), until=None)
    (found,) = rule.walls(datetime(year, 1, 1), datetime(year + 1, 1, 1))
    assert found.isocalendar()[:2] == date(year, 12, 28).isocalendar()[:2]


@settings(max_examples=80, deadline=None)
@given(
    rules(),
    st.datetimes(datetime(2024, 1, 1), datetime(2026, 6, 1)).map(
        lambda d: d.replace(second=0, microsecond=0)
    ),
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana"]
    ),
    st.integers(15, 40 * 60),
    st.one_of(st.none(), st.integers(1, 12)),
    st.lists(st.integers(0, 8), max_size=3),
)
def test_a_series_is_what_another_reader_makes_of_it(
    rule: str, start: datetime, zone: str, minutes: int, count: int | None, excepted: list[int]
) -> None:
    begin = next(iter(rrulestr(rule, dtstart=start)), None)
    assume(begin is not None and begin.year < 2027)
    assert begin is not None
    end = begin + timedelta(minutes=minutes)
    instances = list(rrulestr(f"{rule};COUNT=9", dtstart=begin))
    out = [instances[n] for n in excepted if 0 < n < len(instances)]
    lines = [
        f"DTSTART;TZID={zone}:{begin:%Y%m%dT%H%M%S}",
        f"DTEND;TZID={zone}:{end:%Y%m%dT%H%M%S}",
        f"RRULE:{rule}" + ("" if count is None else f";COUNT={count}"),
        *([f"EXDATE;TZID={zone}:" + ",".join(f"{each:%Y%m%dT%H%M%S}" for each in out)] if out else []),
    ]
    content = calendar(event(*lines))
    ours = {(s.start, s.end) for s in parse_ics(content, "f.ics").in_zone(BERLIN).spans(LOW, HIGH)}
    read = icalendar.Calendar.from_ical(content)
    events = recurring_ical_events.of(read).between(LOW - timedelta(3), HIGH + timedelta(3))
    theirs = {(e.start.astimezone(UTC), e.end.astimezone(UTC)) for e in events}
    assert ours == {(a, b) for a, b in theirs if a < HIGH and b > LOW and a < b}


def test_a_copy_is_laid_into_a_zone_once() -> None:
    read: IcsFile = parse_ics(calendar(event("DTSTART:20260310")), "f.ics")
    again = parse_ics(calendar(event("DTSTART:20260310")), "g.ics")
    assert read.in_zone(BERLIN) is read.in_zone(BERLIN)
    assert read.in_zone(BERLIN) == again.in_zone(BERLIN)
    assert hash(read.in_zone(BERLIN)) == hash(again.in_zone(BERLIN))
    assert read.in_zone(BERLIN) != read.in_zone(ZoneInfo("UTC"))


# Whatever the bytes are: refused with a sentence, or good for any stretch of time

_stamps = st.one_of(
    st.sampled_from(
        ["00010101", "99991231", "00010101T000000Z", "99991231T235959", "20260310T250000", "20261025T023000"]
    ),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda d: f"{d.year:04}{d:%m%dT%H%M%S}"),
    st.dates().map(lambda d: f"{d.year:04}{d:%m%d}"),
)
_zones = st.sampled_from(
    [
        "",
        ";TZID=Europe/Berlin",
        ";TZID=Custom",
        ";TZID=Pacific/Kiritimati",
        ";TZID=Pacific/Niue",
        ";TZID=Nowhere",
    ]
)
_lengths = st.sampled_from(["P1D", "PT0S", "P999999W", "PT9999999999S", "P1W2DT3H", "-P1D", "P", "PT"])
_lines = st.one_of(
    st.builds(
        "{}{}:{}".format,
        st.sampled_from(["DTSTART", "DTEND", "EXDATE", "RDATE", "RECURRENCE-ID"]),
        _zones,
        _stamps,
    ),
    _lengths.map("DURATION:{}".format),
    st.builds("RDATE;VALUE=PERIOD:{}/{}".format, _stamps, st.one_of(_stamps, _lengths)),
    rules().map("RRULE:{}".format),
    st.builds("RRULE:{};UNTIL={}".format, rules(), _stamps),
    st.builds("RRULE:{};COUNT={}".format, rules(), st.integers(0, 10**12)),
    st.text(max_size=30).map("SUMMARY:{}".format),
    st.text(max_size=30),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(_lines, max_size=7), max_size=4), st.booleans())
def test_what_is_accepted_never_fails_later(events: list[list[str]], strict: bool) -> None:
    parts = [
        event(f"DTSTART:20260{n + 1}10" if n % 2 else "SUMMARY:x", *lines) for n, lines in enumerate(events)
    ]
    _either_refused_or_good(calendar(zone_called("Custom", "+0500"), *parts), strict=strict)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_good(data: st.DataObject) -> None:
    lines = [
        "DTSTART;TZID=Custom:20260105T100000",
        "DURATION:PT1H",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,TU;COUNT=9",
        "EXDATE;TZID=Custom:20260106T100000",
    ]
    content = bytearray(calendar(zone_called("Custom", "+0500"), event(*lines)))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    _either_refused_or_good(bytes(content), strict=False)


def _either_refused_or_good(content: bytes, *, strict: bool) -> None:
    try:
        source = parse_ics(content, "f.ics", strict=strict).in_zone(BERLIN)
    except ValueError as error:
        told = str(error)
    else:
        told = None
    if told is not None:
        assert told.startswith("f.ics is not a usable calendar: ")
        return
    for year in (1972, 2026, 2094):
        low = datetime(year, 1, 1, tzinfo=UTC)
        spans = source.spans(low, low + BLOCK)
        assert all(span.start < span.end and span.start < low + BLOCK and span.end > low for span in spans)
