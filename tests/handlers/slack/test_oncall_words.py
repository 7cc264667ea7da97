"""`/oncall …` taken apart: what people type, in the rotation's zone."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.refusal import Refusal
from handlers.slack.oncall_words import asked, override_id, wanted
from handlers.wording.facts import Facts
from handlers.wording.oncall_refusals import ONCALL
from handlers.wording.said import Said as Spoken
from handlers.wording.times import utc
from tests.flows.manning import SUN
from tests.flows.policy_text import policy_of

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)  # Tuesday, 10:00 in New York
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICY = policy_of()

ONE = {
    "all of it": ("primary bo from 12:00 until 17:00", "bo", 2 * HOUR, 7 * HOUR, None),
    "with equal signs, and a reason": ("primary bo from=12:00 to=17:00 A dentist", "bo", 2 * HOUR, 7 * HOUR, "A dentist"),
    "from now on": ("primary bo until 4h", "bo", None, 4 * HOUR, None),
    "from now, said": ("primary bo from now until 4h", "bo", None, 4 * HOUR, None),
    "a length counts from the beginning": ("primary bo from 2h until 4h", "bo", 2 * HOUR, 6 * HOUR, None),
    "the only rotation left out": ("bo until 4h", "bo", None, 4 * HOUR, None),
    "oneself": ("me until 4h", "lin", None, 4 * HOUR, None),
    "a mention": ("primary @U02BO until 4h", "bo", None, 4 * HOUR, None),
    "an earlier time of day is tomorrow's": ("primary bo until 09:00", "bo", None, 23 * HOUR, None),
    "a day's name and a time": ("primary bo from fri 09:00 until fri 17:00", "bo", 71 * HOUR, 79 * HOUR, None),
    "a date and a time": ("primary bo from 2026-11-12 10:00 until 2026-11-13", "bo", 48 * HOUR, 62 * HOUR, None),
    "an instant": ("primary bo until 2026-11-10T18:00+01:00", "bo", None, 2 * HOUR, None),
    "a wall-clock moment": ("primary bo until 2026-11-10T18:00", "bo", None, 8 * HOUR, None),
    "midnight": ("primary bo until 24:00", "bo", None, 14 * HOUR, None),
    "and, in a reason": ("primary bo until 4h and thanks", "bo", None, 4 * HOUR, "and thanks"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "person", "begins", "ends", "reason"), ONE.values(), ids=ONE.keys())
def test_one_override(
    text: str, person: str, begins: timedelta | None, ends: timedelta, reason: str | None
) -> None:
    (found,) = wanted(text, POLICY, NOW, "lin")
    assert (found.rotation, found.person, found.reason) == ("primary", person, reason)
    assert found.begins_at == (None if begins is None else NOW + begins)
    assert found.ends_at == NOW + ends


def test_a_swap_is_two_with_one_reason() -> None:
    text = "primary bo from 12:00 until 17:00 and cy from fri 09:00 until fri 14:00 Fair is fair"
    one, other = wanted(text, POLICY, NOW, "cy")
    assert (one.person, other.person, one.reason, other.reason) == (
        "bo",
        "cy",
        "Fair is fair",
        "Fair is fair",
    )
    assert other.begins_at == NOW + 71 * HOUR


def test_times_are_the_rotation_s_own() -> None:
    berlin = policy_of(
        ('handoff: "0 9 * * MON", starts', 'handoff: "0 9 * * MON", timezone: Europe/Berlin, starts')
    )
    (found,) = wanted("primary bo until 17:00", berlin, NOW, "lin")
    assert found.ends_at == NOW + HOUR
    (found,) = wanted("primary bo until 17:00", policy_of(SUN), NOW, "lin")  # the layer that has no hours
    assert found.ends_at == NOW + 7 * HOUR


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("primary", "override-too-few-words"),
        ("primary bo", "override-too-few-words"),
        ("primary until 4h", "override-too-few-words"),
        ("primary bo from 12:00", "override-too-few-words"),
        ("primary bo until", "bad-on-call-time"),
        ("primary bo until soon", "bad-on-call-time"),
        ("primary bo until 2026-13-01", "bad-on-call-time"),
        ("primary bo until 25:00", "bad-on-call-time"),
        ("primary bo until 99999999999999w", "bad-on-call-time"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        wanted(text, POLICY, NOW, "lin")


def test_who_is_asked_about() -> None:
    assert asked("", POLICY, NOW) == (None, None)
    assert asked("primary", POLICY, NOW) == ("primary", None)
    assert asked("at=fri 09:00", POLICY, NOW) == (None, NOW + 71 * HOUR)
    assert asked("primary at 2026-11-11", POLICY, NOW) == ("primary", NOW + 14 * HOUR)
    for text in ("primary bo", "primary at=fri 09:00 please"):
        with pytest.raises(Refusal, match="too-many-words"):
            asked(text, POLICY, NOW)


def test_an_id_is_written_in_several_ways() -> None:
    assert {override_id(text) for text in ("OVR-3", "ovr3", "3", " OVR-03 ")} == {"OVR-3"}
    with pytest.raises(Refusal, match="bad-override-id"):
        override_id("the last one")


SAME = {
    "am": ("fri 9am", "fri 09:00"),
    "am, apart": ("fri 9 AM", "fri 09:00"),
    "am, with dots": ("fri 9 a.m.", "fri 09:00"),
    "pm with minutes": ("fri 9:30pm", "fri 21:30"),
    "pm behind a whole time": ("fri 9:00 pm", "fri 21:00"),
    "noon": ("fri 12pm", "fri 12:00"),
    "the first hour": ("fri 12:30am", "fri 00:30"),
    "no day": ("9pm", "21:00"),
    "at": ("fri at 17:00", "fri 17:00"),
    "a day in full": ("Friday 17:00", "fri 17:00"),
    "four letters of a day": ("thurs 17:00", "thu 17:00"),
    "a zone": ("2026-11-12 09:00 Europe/Berlin", "2026-11-12T09:00+01:00"),
    "a zone in small letters": ("2026-11-12 09:00 europe/berlin", "2026-11-12T09:00+01:00"),
    "a zone in brackets": ("2026-11-12 09:00 (Europe/Berlin)", "2026-11-12T09:00+01:00"),
    "a zone after in": ("2026-11-12 09:00 in Europe/Berlin", "2026-11-12T09:00+01:00"),
    "a zone after a moment": ("2026-11-12T09:00 Europe/Berlin", "2026-11-12T09:00+01:00"),
    "a day of another zone": ("2026-11-12 Asia/Tokyo", "2026-11-12T00:00+09:00"),
    "UTC": ("2026-11-12 09:00 UTC", "2026-11-12T09:00+00:00"),
}


@pytest.mark.parametrize(("typed", "canonical"), SAME.values(), ids=SAME.keys())
def test_a_time_that_can_mean_one_thing_only_is_that_and_leaves_no_word_to_the_reason(
    typed: str, canonical: str
) -> None:
    (plain,) = wanted(f"primary bo until {canonical}", POLICY, NOW, "lin")
    assert wanted(f"primary bo until {typed}", POLICY, NOW, "lin") == (plain,)
    (reasoned,) = wanted(f"primary bo until {typed} Dentist, 9 o'clock", POLICY, NOW, "lin")
    assert (reasoned.ends_at, reasoned.reason) == (plain.ends_at, "Dentist, 9 o'clock")
    (begun,) = wanted(f"primary bo from {typed} until 2026-12-01", POLICY, NOW, "lin")
    (first,) = wanted(f"primary bo from {canonical} until 2026-12-01", POLICY, NOW, "lin")
    assert begun == first


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("fri 17", "fri 17"),
        ("fri 17h", "fri 17h"),
        ("fri 17.00", "fri 17.00"),
        ("fri 13pm", "fri 13pm"),
        ("fri 17:00 pm", "17:00 pm"),
        ("fri nine am", "fri nine"),
        ("fri pm", "fri pm"),
        ("fri noon", "fri noon"),
        ("fri evening", "fri evening"),
        ("fri at noon", "fri at noon"),
        ("fri @17:00", "fri @17:00"),
        ("2026-12-01 17", "2026-12-01 17"),
        ("09:00 mon", "09:00 mon"),
        ("9am on monday", "09:00 on"),
        ("09:00 tomorrow", "09:00 tomorrow"),
        ("09:00 2026-12-01", "09:00 2026-12-01"),
        ("fri 09:00 17:00", "fri 09:00 17:00"),
        ("4h 30m", "4h 30m"),
        ("4h UTC", "4h UTC"),
        ("2026-12-01T09:00+01:00 Europe/Berlin", "2026-12-01T09:00+01:00 Europe/Berlin"),
        ("sunset", "sunset"),
        ("friends", "friends"),
    ],
)
@pytest.mark.parametrize("more", ["", " Dentist"])
def test_what_only_looks_like_a_time_is_never_read_as_another_one(typed: str, named: str, more: str) -> None:
    for text in (f"primary bo until {typed}{more}", f"primary bo from {typed} until 2026-12-02"):
        with pytest.raises(Refusal, match="bad-on-call-time") as refused:
            wanted(text, POLICY, NOW, "lin")
        assert refused.value.facts["name"] == named[:40]


@pytest.mark.parametrize(
    "zone", ["CET", "cet", "EST", "PT", "Europe/Berln", "+01:00", "UTC+1", "America/Argentina"]
)
def test_a_zone_that_is_not_sure_is_refused_and_never_in_the_reason(zone: str) -> None:
    for text in (f"primary bo until fri 09:00 {zone} Dentist", f"primary bo from 09:00 {zone} until 4h"):
        with pytest.raises(Refusal, match="on-call-zone") as refused:
            wanted(text, POLICY, NOW, "lin")
        assert refused.value.facts["name"] == zone


@pytest.mark.parametrize(
    "reason", ["9 people are away", "db/api is slow", "west coast", "pt 2 of it", "sunny", "Monitoring moves"]
)
def test_a_reason_may_begin_with_any_word_that_is_no_time(reason: str) -> None:
    (found,) = wanted(f"primary bo until fri 09:00 {reason}", POLICY, NOW, "lin")
    assert (found.ends_at, found.reason) == (NOW + 71 * HOUR, reason)


def test_a_word_between_the_beginning_and_until_is_named() -> None:
    with pytest.raises(Refusal, match="override-word-before-until") as refused:
        wanted("primary bo from fri 09:00 sharp until fri 17:00", POLICY, NOW, "lin")
    assert refused.value.facts["name"] == "sharp"


@pytest.mark.parametrize(
    ("text", "code", "later"),
    [
        ("from tue 09:00 until fri 17:00", "override-begins-in-the-past", "2026-11-17 09:00"),
        ("from tue until fri 17:00", "override-begins-in-the-past", "2026-11-17"),
        ("from tue 9am UTC until fri 17:00", "override-begins-in-the-past", "2026-11-17 09:00 UTC"),
        ("until tue 09:00", "override-ends-in-the-past", "2026-11-17 09:00"),
        ("from fri 17:00 until fri 09:00", "override-ends-first", "2026-11-20 09:00"),
    ],
)
def test_a_day_s_name_that_is_past_today_is_refused_with_the_date_of_the_next_one(
    text: str, code: str, later: str
) -> None:
    with pytest.raises(Refusal, match=code) as refused:
        wanted(f"primary bo {text}", POLICY, NOW, "lin")
    assert refused.value.facts["later"] == later
    weekday = "Friday" if code == "override-ends-first" else "Tuesday"
    said = ONCALL[code](Spoken(Facts(refused.value.facts), str, utc))
    assert f"or next {weekday} write {later}." in said


def test_a_beginning_a_moment_ago_is_now_also_by_the_name_of_the_day() -> None:
    (found,) = wanted("primary bo from tue 09:58 until 4h", POLICY, NOW, "lin")
    assert found.begins_at == NOW - timedelta(minutes=2)
