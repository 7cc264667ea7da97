"""Freezes that are fetched: what a policy may say of them, and what it becomes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bot.domain.calendar import Verdict
from bot.policy import Policy, PolicyError, json_schema, parse
from bot.policy.ics import parse_ics

pytestmark = pytest.mark.requirement("P6")
TEXT = """\
version: 1
timezone: Europe/Berlin
roles:
  lead: {people: "*"}
environments: {production: {}, staging: {}}
calendar:
  may_freeze: lead
  may_lift: [lead]
  holidays:
    - {name: own, days: [{date: 12-24, name: Eve}, {date: 2026-05-04, name: Move}]}
  freezes:
    - name: upstream
      environments: production
      ics: https://calendar.example/freezes.ics
"""
EVENT = (
    b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260310\nSUMMARY:Quiet\nEND:VEVENT\nEND:VCALENDAR\n"
)


def policy(text: str = TEXT) -> Policy:
    return parse(text, "policy.yaml", {}, Path("/nowhere"))


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        policy(text)
    return [str(problem) for problem in caught.value.problems]


def test_an_address_becomes_a_feed_and_no_rule_of_its_own() -> None:
    read = policy()
    (feed,) = read.feeds
    assert [rule.name for rule in read.calendar.rules] == ["own"]
    assert (feed.name, feed.url) == ("upstream", "https://calendar.example/freezes.ics")
    assert (feed.refresh, feed.stale_after) == (timedelta(minutes=15), timedelta(days=1))
    assert (feed.allow_private, feed.template.holds) == (False, True)
    assert feed.url not in repr(feed)


def test_what_is_said_of_a_feed_is_kept() -> None:
    more = "      refresh: 5m\n      stale_after: 10m\n      allow_private: true\n      in_flight: finish\n      timezone: UTC\n"
    (feed,) = policy(TEXT + more).feeds
    assert (feed.refresh, feed.stale_after) == (timedelta(minutes=5), timedelta(minutes=10))
    assert (feed.allow_private, feed.template.holds, feed.zone.key) == (True, False, "UTC")


def test_a_copy_makes_the_rule() -> None:
    read = policy()
    rule = read.feeds[0].rule(parse_ics(EVENT, "upstream"))
    calendar = read.calendar.with_rules([rule])
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    found = calendar.at(noon, environment="production")
    assert (found.verdict, found.break_glass) == (Verdict.PROHIBITED, False)
    assert [(each.name, each.reason, each.holds) for each in found.rules] == [("upstream", "Quiet", True)]
    assert calendar.at(noon, environment="staging").verdict is Verdict.ALLOWED


def test_own_days_need_no_country() -> None:
    calendar = policy().calendar
    days = ["2026-12-24", "2031-12-24", "2026-05-04", "2027-05-04"]
    closed = [
        calendar.at(datetime.fromisoformat(f"{day}T12:00Z"), environment="staging").verdict for day in days
    ]
    assert closed == [Verdict.PROHIBITED, Verdict.PROHIBITED, Verdict.PROHIBITED, Verdict.ALLOWED]


URL = "ics: https://calendar.example/freezes.ics"
MISTAKES = [
    (URL, "ics: ftp://calendar.example/x.ics", 14, "https, http or webcal"),
    (URL, "ics: 'https://'", 14, "https, http or webcal"),
    (URL, "ics: 'https://[::1/x'", 14, "cannot be read"),
    (URL, "ics: https://ada:pass@calendar.example/x.ics", 14, "no user name or password"),
    (URL, f"ics: https://calendar.example/{'x' * 2000}", 14, "2000 characters"),
    (URL, f"{URL}\n      refresh: 59s", 15, "at most once a minute"),
    (URL, f"{URL}\n      stale_after: 29m", 12, "shorter than two refreshes"),
    (URL, f"{URL}\n      refresh: 13h", 12, "shorter than two refreshes"),
    (URL, f"{URL}\n      refresh: 0s", 15, "zero"),
    (URL, f"{URL}\n      from: 2026-01-01", 12, "either from and to, or ics"),
    (URL, f"{URL}\n      effect: discourage\n      in_flight: hold", 12, "only a freeze that prohibits"),
    (URL, f"{URL}\n      in_flight: pause", 15, "hold"),
    (URL, "from: 2026-01-01\n      to: 2026-01-02\n      refresh: 5m", 12, "for an ics address only"),
    (URL, "from: 2026-01-01\n      to: 2026-01-02\n      allow_private: true", 12, "for an ics address only"),
    ("may_freeze: lead", "may_freeze: [lead, leed]", 7, "did you mean 'lead'"),
    ("may_lift: [lead]", "may_lift: [boss]", 8, "no role 'boss'"),
    ("{date: 12-24, name: Eve}", "{date: 02-30, name: Eve}", 10, "is not a day; write it like"),
    ("{date: 12-24, name: Eve}", "{date: 2026-02-30, name: Eve}", 10, "is not a day; write it like"),
    ("{name: own, days: [{date: 12-24, name: Eve}, {date: 2026-05-04, name: Move}]}", "{name: own}", 10, "a country, or own days"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "line", "words"), MISTAKES, ids=[m[1][:60] for m in MISTAKES])
def test_a_mistake_is_told_with_its_line(right: str, wrong: str, line: int, words: str) -> None:
    assert TEXT.count(right) == 1
    (told,) = problems(TEXT.replace(right, wrong))
    assert words in told
    assert told.startswith(f"policy.yaml:{line}: ")


def test_the_digest_names_the_address_and_not_what_stands_there() -> None:
    assert policy().digest == policy().digest
    assert policy().digest != policy(TEXT.replace("freezes.ics", "others.ics")).digest
    assert policy().digest != policy(TEXT + "      stale_after: 2d\n").digest


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/x", "webcal://x.example/y", "WEBCAL:x.example", "https://x.example:8443/y?z=1"]
)
def test_an_address_is_told_from_a_file(url: str) -> None:
    if url == "WEBCAL:x.example":
        assert "https, http or webcal" in problems(TEXT.replace(URL, f"ics: {url}"))[0]
        return
    assert policy(TEXT.replace(URL, f"ics: {url}")).feeds[0].url == url


def test_the_schema_says_what_each_field_means() -> None:
    schema = json_schema({})
    Draft202012Validator.check_schema(schema)
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    for name, fields in {
        "Freeze": ["from", "to", "ics", "refresh", "stale_after", "allow_private", "in_flight"],
        "CalendarSection": ["may_freeze", "may_lift"],
        "HolidayRule": ["days"],
    }.items():
        section = definitions[name]
        assert isinstance(section, dict)
        assert [field for field in fields if not section["properties"][field].get("description")] == []
