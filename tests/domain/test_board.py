"""What is next and how incidents were answered: RED before what nobody knows before what warns, in their order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.board import Group, Line, Next, Standing, answered, next_steps
from bot.domain.environment import Colour, MonitorState, status_of
from bot.domain.incident import Incident, IncidentState
from bot.domain.uptime import Spent, Uptime

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def line(name: str, colour: Colour, owner: str | None = None, group: Group = Group.OTHER) -> Line:
    state = MonitorState(environment="e", name=name, component=name, colour=colour, since=NOW, read_at=NOW)
    return Line(group=group, status=status_of(name, [state]), kinds={name: "http"}, owner=owner)


def standing(name: str, *lines: Line, owner: str | None = None) -> Standing:
    monitors = [m for each in lines for m in each.status.monitors]
    return Standing(kind="production", status=status_of(name, monitors), lines=lines, owner=owner)


def incident(opened: int, *, seen: int | None = None, over: int | None = None, within: int = 5) -> Incident:
    at = NOW - opened * MINUTE
    return Incident(
        id=f"INC-{opened}",
        environment="production",
        severity="P0",
        state=IncidentState.OPEN if over is None else IncidentState.RESOLVED,
        opened_at=at,
        respond_by=at + within * MINUTE,
        causes=("api",),
        on_call=None,
        acknowledged_at=None if seen is None else at + seen * MINUTE,
        resolved_at=None if over is None else at + over * MINUTE,
    )


@pytest.mark.requirement("K6")
def test_what_is_red_is_fixed_first_then_what_nobody_knows_is_verified_then_warnings_are_looked_at() -> None:
    found = next_steps(
        [
            standing("production", line("a", Colour.YELLOW)),
            standing("feature", line("a", Colour.UNKNOWN)),
            standing("dev", line("a", Colour.RED)),
            standing("docker"),
            standing("local", line("a", Colour.RED)),
            standing("fine", line("a", Colour.GREEN)),
        ]
    )
    assert [(s.what, s.environment) for s in found] == [
        (Next.FIX, "dev"),
        (Next.FIX, "local"),
        (Next.VERIFY, "feature"),
        (Next.WATCH, "docker"),
        (Next.LOOK, "production"),
    ]


@given(st.lists(st.sampled_from(list(Colour)), max_size=12))
def test_every_environment_that_is_not_green_is_one_step_and_production_comes_first_among_its_like(
    colours: list[Colour],
) -> None:
    found = next_steps([standing(f"e{n}", line("a", c)) for n, c in enumerate(colours)])
    assert {int(s.environment[1:]) for s in found} == {
        n for n, c in enumerate(colours) if c is not Colour.GREEN
    }
    red = [int(s.environment[1:]) for s in found if s.what is Next.FIX]
    assert red == sorted(red)
    assert [s.what for s in found[: len(red)]] == [Next.FIX] * len(red)


def test_a_step_is_the_one_owner_s_of_what_is_wrong_or_else_the_environment_s() -> None:
    def owner(*lines: Line) -> str | None:
        return next_steps([standing("production", *lines, owner="platform")])[0].owner

    good = line("web", Colour.GREEN, "web-team")
    assert owner(line("db", Colour.RED, "data"), good) == "data"
    assert owner(line("db", Colour.RED, "data"), line("api", Colour.RED, "core"), good) == "platform"
    assert owner(line("db", Colour.RED)) == "platform"


def test_components_are_grouped_in_the_order_of_the_report() -> None:
    lines = (
        line("x", Colour.GREEN),
        line("pg", Colour.GREEN, group=Group.DATABASE),
        line("web", Colour.GREEN, group=Group.FRONTEND),
    )
    assert [g for g, _ in standing("production", *lines).groups] == [
        Group.FRONTEND,
        Group.DATABASE,
        Group.OTHER,
    ]


def test_within_a_group_the_worst_comes_first_and_those_alike_keep_their_order() -> None:
    lines = (line("a", Colour.GREEN), line("b", Colour.RED), line("c", Colour.GREEN), line("d", Colour.RED))
    ((_, found),) = standing("production", *lines).groups
    assert [each.name for each in found] == ["b", "d", "a", "c"]


def test_a_stretch_longer_than_the_record_is_told_once() -> None:
    known = Spent(green=MINUTE)
    figures = (
        Uptime(days=1, spent=known),
        Uptime(days=7, spent=known, since=NOW - 2 * MINUTE),
        Uptime(days=30, spent=known, since=NOW - 2 * MINUTE),
    )
    found = replace(standing("e", line("a", Colour.GREEN)), uptime=figures)
    assert [each.days for each in found.figures] == [1, 7]
    unknown = replace(found, uptime=(Uptime(days=1, spent=Spent()), Uptime(days=7, spent=Spent())))
    assert unknown.figures == ()


@pytest.mark.requirement("F7")
def test_mean_times_are_over_those_that_were_answered_and_over() -> None:
    found = answered(
        [incident(600, seen=2, over=30), incident(500, seen=8, over=90), incident(400), incident(2)], NOW
    )
    assert found.to_acknowledge == 5 * MINUTE
    assert found.to_resolve == 60 * MINUTE
    assert (found.incidents, found.acknowledged, found.resolved) == (4, 2, 2)
    assert (found.in_time, found.timed) == (1, 3)  # the youngest still has time


def test_an_incident_that_went_by_itself_before_its_time_was_over_was_not_late() -> None:
    found = answered([incident(600, over=3)], NOW)
    assert (found.in_time, found.timed) == (0, 0)
    assert found.to_acknowledge is None


def test_no_incident_has_no_mean() -> None:
    assert answered([], NOW).to_resolve is None
