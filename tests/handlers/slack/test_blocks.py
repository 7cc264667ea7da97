from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.slack.blocks import (
    BLOCKS_LIMIT,
    Message,
    bare,
    choice,
    escape,
    mention,
    message,
    reader_time,
    sections,
)
from tests.handlers.slack.examples import NOW, accepted_by_slack

ZONE = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<!channel> & <@U01>", "&lt;!channel&gt; &amp; &lt;@U01&gt;"),
        ("a\nb\t c", "a b c"),
        ("🚀 ship it", "🚀 ship it"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("bell\x07\x1b[31m", "bell[31m"),
        ("lone \ud800 half", "lone half"),
        ("\ue000not a date\ue001", "not a date"),
        ("x" * 20, "xxxxxxxxx…"),
        ("", ""),
    ],
)
def test_text_arrives_as_text(text: str, shown: str) -> None:
    assert escape(text, 10 if text.startswith("xx") else 700) == shown


@given(st.text(), st.integers(min_value=1, max_value=60))
def test_no_text_can_mention_or_link(text: str, limit: int) -> None:
    shown = escape(text, limit)
    assert "<" not in shown.replace("<!date^", "")
    assert "\n" not in shown


def test_an_instant_is_shown_in_the_readers_zone_with_the_policys_as_fallback() -> None:
    assert escape(reader_time(ZONE)(NOW)) == (
        "<!date^1794320520^{date_short_pretty} {time}|Tue 10 Nov 09:22 EST>"
    )
    assert escape(reader_time(ZONE, beside=True)(NOW)).endswith("EST> / 09:22 EST")


def test_a_cut_never_goes_through_a_date() -> None:
    when = reader_time(ZONE)(NOW)
    for limit in range(1, 60):
        shown = escape(f"closed until {when} sharp", limit)
        assert "\ue000" not in shown
        assert shown.count("<!date") == shown.count("EST>")


def test_a_notification_shows_words_without_marks() -> None:
    assert bare("*Approve `x`?* <!date^1^{time}|Tue 10:00 EST>") == "Approve x? Tue 10:00 EST"


@pytest.mark.parametrize("user", [None, "", "ada", "U1> <!channel>", "u01"])
def test_only_a_member_id_is_mentioned(user: str | None) -> None:
    assert mention(user) is None


def test_a_member_id_is_mentioned() -> None:
    assert mention("U01ADA") == "<@U01ADA>"


@given(st.lists(st.text(max_size=1500), min_size=1, max_size=120))
def test_any_number_of_lines_stays_within_slacks_limits(lines: list[str]) -> None:
    blocks = sections([escape(line) for line in lines])
    assert len(blocks) <= BLOCKS_LIMIT
    accepted_by_slack(Message("text", tuple(blocks)))


def test_slack_is_kept_from_turning_names_into_links() -> None:
    assert all(b["text"]["verbatim"] for b in message(["@channel #general"]).blocks)


def test_a_hundred_names_are_a_menu_and_more_are_a_search() -> None:
    names = [f"s{n}" for n in range(101)]
    assert choice("service", "Service", names[:100])["element"]["type"] == "static_select"
    assert choice("service", "Service", names)["element"]["type"] == "external_select"
