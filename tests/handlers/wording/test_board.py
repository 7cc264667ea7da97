"""The board in words: never rounded up, never a name for the public, and Markdown that shows exactly what was said."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.board import Board, Group, Line, Standing, answered, next_steps
from bot.domain.environment import Colour, MonitorState, status_of
from bot.domain.incident import Cause, Incident, IncidentState
from bot.domain.uptime import Spent, Uptime
from handlers.wording import board as words
from handlers.wording.board import Audience
from handlers.wording.board_markdown import escaped, markdown
from handlers.wording.facts import Facts
from handlers.wording.groups import by_group
from handlers.wording.times import utc

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = Audience(names=lambda p: {"ada": "Ada | Lopez"}.get(p, p), people=frozenset({"ada"}))
PUBLIC = replace(ALL, public=True)


def standing(name: str, colour: Colour, owner: str | None = None, **more: object) -> Standing:
    monitor = MonitorState(
        environment=name,
        name="api",
        component=None,
        colour=colour,
        since=NOW - 2 * HOUR,
        read_at=NOW,
        code="ok" if colour is Colour.GREEN else "check-failed",
        facts={} if colour is Colour.GREEN else {"failed": ["db | <b>"]},
    )
    status = status_of(name, [monitor])
    line = Line(
        group=Group.BACKEND, status=status_of("checkout", [monitor]), kinds={"api": "http"}, owner=owner
    )
    found = Standing(kind="production", status=status, lines=(line,), owner=owner)
    return replace(found, **more)  # type: ignore[arg-type]  # a test names real fields


def board(*standings: Standing, **more: object) -> Board:
    made = Board(
        at=NOW,
        state="production",
        days=90,
        standings=standings,
        steps=next_steps(standings),
        incidents=(),
        answered=answered([], NOW),
    )
    return replace(made, **more)  # type: ignore[arg-type]  # a test names real fields


G, Y, U, R = Colour.GREEN, Colour.YELLOW, Colour.UNKNOWN, Colour.RED


@pytest.mark.requirement("K6")
@pytest.mark.parametrize(
    ("colours", "said"),
    [
        ([G, G], "All environments are GREEN"),
        ([Y, R, R], "Fix first: e1"),
        ([Y, U, G], "Nothing is RED; nobody knows how e1 is"),
        ([U, U, G], "Nothing is RED; nobody knows how e0 and e1 are"),
        ([G, Y], "All work; e1 warns"),
        ([Y, Y], "All work; e0 and e1 warn"),
    ],
)
def test_the_headline_says_what_to_do(colours: list[Colour], said: str) -> None:
    found = board(*(standing(f"e{n}", c) for n, c in enumerate(colours)))
    assert words.headline(found) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (1.0, "100 %"),
        (0.999999, "99.99 %"),
        (0.9999, "99.99 %"),
        (0.999, "99.9 %"),
        (0.5, "50 %"),
        (0.0, "0 %"),
    ],
)
def test_a_share_is_never_rounded_up(share: float, said: str) -> None:
    assert words.percent(share) == said


@given(st.floats(min_value=0, max_value=1))
def test_only_all_of_the_time_is_a_hundred_per_cent(share: float) -> None:
    said = float(words.percent(share).removesuffix(" %"))
    assert (said == 100) == (share == 1)
    assert said <= share * 100 + 1e-4


@pytest.mark.requirement("F12")
def test_uptime_is_told_with_the_target_it_missed_and_what_nobody_knew() -> None:
    figures = (
        Uptime(days=1, spent=Spent(green=24 * HOUR)),
        Uptime(days=90, spent=Spent(green=88 * HOUR, unknown=HOUR, red=HOUR), since=NOW - 90 * HOUR),
    )
    found = board(standing("e", G, uptime=figures), target=99.9)
    assert words.uptimes(found.standings[0], found) == (
        "uptime 24 h 100 %, 90 d 97.77 % (✗ below 99.9 %), 1.11 % unknown, known for 3 d 18 h"
    )


def incident(cause: Cause, **more: object) -> Incident:
    made = Incident(
        id="INC-1",
        environment="e",
        severity="P1",
        state=IncidentState.OPEN,
        opened_at=NOW - HOUR,
        respond_by=None,
        causes=("api",),
        on_call="ada",
        cause=cause,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # a test names real fields


def test_the_public_is_told_of_incidents_without_what_people_wrote() -> None:
    said = incident(Cause.DECLARED, title="Ada broke it")
    assert words.incident_about(said, ALL) == "“Ada broke it”"
    assert words.incident_about(said, PUBLIC) == "declared by a person"
    after = incident(Cause.DEPLOYMENT, suspect="DEP-4")
    assert words.incident_about(after, ALL) == "after a deployment DEP-4"
    assert words.incident_about(after, PUBLIC) == "after a deployment"
    assert words.incident_about(incident(Cause.MONITORS), PUBLIC) == "RED: api"
    assert words.incident_about(incident(Cause.BLINDNESS), PUBLIC) == "monitoring is blind"


def test_an_incident_that_takes_longer_than_its_target_says_so() -> None:
    found = board(standing("e", R), resolution={"P1": timedelta(minutes=30)})
    assert words.incident_state(incident(Cause.MONITORS), found) == (
        "open, nobody has it yet, for 1 h, longer than its target"
    )


def test_a_person_s_name_is_not_for_the_public_and_a_role_s_is() -> None:
    assert (ALL.owner("ada"), PUBLIC.owner("ada"), PUBLIC.owner("platform")) == (
        "Ada | Lopez",
        None,
        "platform",
    )


@pytest.mark.requirement("K7")
def test_markdown_has_every_environment_and_component_and_no_cell_breaks_out() -> None:
    found = board(standing("production", R, "ada"), standing("staging", G))
    said = markdown(found, "acme <b>", ALL, utc)
    assert said.startswith(
        "# Status of acme &lt;b&gt;\n\n🔴 **Fix first: production** (1 RED, 1 GREEN), as of "
    )
    assert (
        "1. 🔴 **Fix first: production** · RED for 2 h · api reports failing checks (db \\| &lt;b&gt;)"
        in said
    )
    rows = [line for line in said.split("\n") if line.startswith("|")]
    tables = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    assert tables == [7] * len(tables)
    assert "Ada \\| Lopez" in said
    assert "Ada" not in markdown(found, "acme", PUBLIC, utc)


def test_a_monitor_without_a_component_is_named_once() -> None:
    monitor = replace(standing("production", R).status.monitors[0], name="web", code="refused", facts={})
    alone = Line(group=Group.OTHER, status=status_of("web", [monitor]), kinds={"web": "http"}, owner=None)
    assert words.line_detail(alone, ALL) == "refused the connection"
    within = replace(alone, status=status_of("checkout", [monitor]))
    assert words.line_detail(within, ALL) == "web refused the connection"
    two = replace(
        alone,
        status=status_of("web", [monitor, replace(monitor, name="api")]),
        kinds={"web": "http", "api": "http"},
    )
    assert words.line_detail(two, ALL) == "web refused the connection; api refused the connection"


def test_what_was_never_read_is_unknown_for_no_time_at_all() -> None:
    silent = replace(
        standing("production", U).status.monitors[0], read_at=None, since=NOW, code="never-read", facts={}
    )
    status = status_of("production", [silent])
    assert words.since(status, NOW) == "UNKNOWN, never read yet"
    lost = replace(silent, read_at=NOW, since=NOW - HOUR, code="stale")
    assert words.since(status_of("production", [silent, lost]), NOW) == "UNKNOWN for 1 h"
    said = markdown(board(replace(standing("production", U), status=status)), "acme", ALL, utc)
    assert "| never read yet |" in said
    assert "for 0 s" not in said


@given(st.text(max_size=60))
def test_no_text_becomes_markup_a_mention_or_a_link(text: str) -> None:
    found = escaped(text)
    assert "\n" not in found
    assert "<" not in found
    assert "@" not in found
    assert "://" not in found
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|#]", re.sub(r"&#\d+;", "", found).replace("\\\\", ""))


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"backend": "RED", "frontend": "GREEN"}, " By groups: Frontend 🟢 GREEN · Backend 🔴 RED."),
        ({"other": "UNKNOWN", "database": "YELLOW"}, " By groups: Databases 🟡 YELLOW · Other ⚪ UNKNOWN."),
        ({}, ""),
        ({"backend": "PURPLE", "nobody": "RED"}, ""),
        ("backend", ""),
        (None, ""),
    ],
)
def test_a_deployment_tells_the_groups_in_their_order_with_sign_and_word(groups: object, said: str) -> None:
    assert by_group(Facts({"groups": groups})) == said  # type: ignore[dict-item]
