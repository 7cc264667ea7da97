"""Whatever docs/calendar.md says is tried: each policy in it loads, each verdict is given, each key exists."""

import argparse
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, get_args
from zoneinfo import ZoneInfo

import pytest

from bot import cli
from bot.domain.durations import parse
from bot.domain.freeze import FreezeClass
from bot.flows.reload_policy import load_policy
from bot.policy import Policy
from bot.policy.calendar_section import CalendarSection
from bot.policy.feeds import REFRESH, STALE_AFTER
from bot.policy.types import Section
from handlers.slack.ask import start
from handlers.slack.freeze_words import declaration

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "calendar.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^```(?P<kind>yaml|ics)\n(?P<text>.*?)^```$(?P<after>.*?)(?=^```|^#)", re.MULTILINE | re.DOTALL
)
ROW = re.compile(
    r"^\| (?P<asked>[^|]*\d\d:\d\d[^|]*) \| (?P<verdict>\w+) \|(?P<rules>[^|]*)\| (?P<opens>[^|]*) \|$"
)
MOMENT = re.compile(
    r"(?:(?P<service>\w+) )?(?P<day>\w{3}) (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(?:[+-]\d\d:\d\d)?)"
)
HEAD = """\
version: 1
people: {ada: {slack: U01ADA}}
roles: {platform-lead: {people: [ada]}, on-call-sre: {people: [ada]}}
services: {checkout: {}, search: {}}
environments: {production: {}, staging: {}}
"""
DEFAULT_SERVICE = "checkout"


class Snippet(NamedTuple):
    """A policy of the guide, and the rows of the table behind it."""

    line: int
    text: str
    rows: tuple[re.Match[str], ...]


def snippets() -> list[Snippet]:
    found = []
    for block in BLOCK.finditer(TEXT):
        if block["kind"] == "yaml":
            rows = tuple(row for line in block["after"].splitlines() if (row := ROW.match(line)))
            found.append(Snippet(TEXT[: block.start()].count("\n") + 1, block["text"], rows))
    return found


SNIPPETS = snippets()
CASES = [(snippet, row) for snippet in SNIPPETS for row in snippet.rows]


def policy(folder: Path, snippet: Snippet) -> Policy:
    zone = "" if "timezone: " in snippet.text.splitlines()[0] else "timezone: America/New_York\n"
    (folder / "policy.yaml").write_text(HEAD + zone + snippet.text, encoding="utf-8")
    for block in BLOCK.finditer(TEXT):
        if block["kind"] == "ics":
            (folder / "freezes.ics").write_text(block["text"], encoding="utf-8")
    return load_policy(folder / "policy.yaml")


def instant(text: str, zone: ZoneInfo) -> tuple[datetime, str | None]:
    """The instant and the service of a cell; the weekday that stands there must be the right one."""
    match = MOMENT.fullmatch(text.strip())
    assert match, text
    at = datetime.fromisoformat(match["at"])
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    assert f"{at:%a}" == match["day"], text
    return at.astimezone(UTC), match["service"]


def test_the_guide_holds_policies_and_verdicts() -> None:
    assert len(SNIPPETS) >= 7
    assert len(CASES) >= 20


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: f"line-{snippet.line}")
def test_every_policy_of_the_guide_loads(tmp_path: Path, snippet: Snippet) -> None:
    policy(tmp_path, snippet)


@pytest.mark.requirement("P12")
@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("snippet", "row"), CASES, ids=[f"line-{s.line}-{r['asked'].strip()}" for s, r in CASES]
)
def test_every_verdict_of_the_guide_is_given(tmp_path: Path, snippet: Snippet, row: re.Match[str]) -> None:
    read = policy(tmp_path, snippet)
    at, service = instant(row["asked"], read.zone)
    found = read.calendar.at(at, environment="production", service=service or DEFAULT_SERVICE)
    opens = at if row["opens"].strip() == "now" else instant(row["opens"], read.zone)[0]
    assert found.verdict.value == row["verdict"]
    assert {rule.name for rule in found.rules} == {n.strip() for n in row["rules"].split(",") if n.strip()}
    assert found.next_allowed == opens


def sections(model: type[Section]) -> Iterator[type[Section]]:
    """The section, and whatever sections stand within it."""
    yield model
    for field in model.model_fields.values():
        for part in get_args(field.annotation):
            if isinstance(part, type) and issubclass(part, Section):
                yield from sections(part)


def test_the_table_of_keys_names_every_key_and_no_other() -> None:
    table = TEXT.partition("## Every key")[2].partition("\n## ")[0]
    named = {
        key
        for line in table.splitlines()
        if line.startswith("| `")
        for key in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    keys = {
        field.alias or name
        for model in sections(CalendarSection)
        for name, field in model.model_fields.items()
    }
    assert named == keys


@pytest.mark.parametrize(("key", "truth"), [("refresh", REFRESH), ("stale_after", STALE_AFTER)])
def test_a_calendar_is_fetched_and_believed_as_long_as_the_guide_says(key: str, truth: timedelta) -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{key}` "))
    assert parse(row.split("|")[4].strip(" `")) == truth


@pytest.mark.parametrize("line", re.findall(r"^portcullis (.*)$", TEXT, re.MULTILINE))
def test_every_command_of_the_guide_is_understood(line: str) -> None:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)
    for add_parser in cli.parsers():
        add_parser(verbs)
    parser.parse_args(shlex.split(line.partition("<")[0]))


@pytest.mark.parametrize(
    ("text", "strength", "services", "lasts"),
    [
        ("production to=4h Card provider is down", FreezeClass.HARD, (), timedelta(hours=4)),
        (
            "all from=18:00 class=soft services=checkout Year-end closing",
            FreezeClass.SOFT,
            ("checkout",),
            None,
        ),
    ],
)
def test_the_freezes_of_the_guide_are_declared(
    tmp_path: Path, text: str, strength: FreezeClass, services: tuple[str, ...], lasts: timedelta | None
) -> None:
    assert f"/deploy freeze {text}\n" in TEXT
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    found = declaration(text, policy(tmp_path, SNIPPETS[0]), now)
    assert (found.strength, found.services) == (strength, services)
    assert found.ends_at == (None if lasts is None else now + lasts)


@pytest.mark.parametrize("text", ["14:30", "2026-12-01T10:00", "next"])
def test_the_starts_of_the_guide_are_understood(tmp_path: Path, text: str) -> None:
    assert f"`at={text}`" in TEXT
    assert start(text, policy(tmp_path, SNIPPETS[0]), datetime(2026, 6, 1, 12, tzinfo=UTC)).mode in {
        "at",
        "next",
    }
