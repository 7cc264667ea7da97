"""`/oncall …` taken apart: what people type, in the rotation's zone."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.refusal import Refusal
from handlers.slack.oncall_words import asked, override_id, wanted
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
