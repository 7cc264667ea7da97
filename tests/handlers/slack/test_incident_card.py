from dataclasses import replace

import pytest

from bot.domain.environment import Colour
from bot.domain.incident import IncidentState
from bot.flows.inquire import IncidentView
from bot.policy import Policy
from handlers.slack.incident_card import render
from tests.handlers.slack.examples import (
    MINUTE,
    NOW,
    accepted_by_slack,
    buttons_of,
    incident,
    incident_view,
    lines_of,
    status,
    text_of,
)

TAKEN = incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="ada", acknowledged_at=NOW - MINUTE)
OVER = incident(state=IncidentState.RESOLVED, resolved_at=NOW)
VIEWS = {
    "open": incident_view(),
    "taken": incident_view(TAKEN),
    "over": incident_view(OVER, status=status("production", Colour.GREEN)),
    "resolved by a person": incident_view(replace(OVER, resolved_by="cy")),
    "overdue": incident_view(incident(respond_by=NOW - MINUTE)),
    "nobody on call": incident_view(incident(on_call=None, respond_by=None)),
    "environment gone": incident_view(status=None, others=(), changed=()),
    "blind": incident_view(status=status("production", Colour.UNKNOWN, "stale")),
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_state_fits_a_phone_and_slack(name: str, policy: Policy) -> None:
    shown = render(VIEWS[name], policy)
    accepted_by_slack(shown)
    assert len(lines_of(shown)) <= 12


@pytest.mark.requirement("K5")
def test_red_calls_the_person_on_call_with_a_deadline_and_the_cause(policy: Policy) -> None:
    lines = lines_of(render(VIEWS["open"], policy))
    assert lines[0].startswith("*🔴 RED · production · P0* · INC-7 since <!date^")
    assert lines[1].startswith("<@U04CY> you are on call: answer by <!date^")
    assert lines[2].startswith("api answered 503, not 200 · last good <!date^")
    assert lines[4] == "Elsewhere: 🟢 staging GREEN · ⚪ dev UNKNOWN"
    assert lines[5].endswith("fixes=production`")


def test_what_changed_before_is_told_and_not_blamed(policy: Policy) -> None:
    line = lines_of(render(VIEWS["open"], policy))[3]
    assert line == "Changed shortly before: DEP-42 checkout `7a3f9c2` by Lin, live 4 min before"
    assert "Nothing went live" in text_of(render(incident_view(changed=()), policy))


@pytest.mark.parametrize("name", ["taken", "over", "resolved by a person"])
def test_nobody_is_called_once_somebody_has_it(name: str, policy: Policy) -> None:
    assert "<@" not in text_of(render(VIEWS[name], policy))


@pytest.mark.parametrize(
    ("name", "buttons"),
    [
        ("open", ["incident_acknowledge", "incident_resolve"]),
        ("taken", ["incident_resolve"]),
        ("over", []),
    ],
)
def test_the_buttons_follow_the_state(name: str, buttons: list[str], policy: Policy) -> None:
    assert buttons_of(render(VIEWS[name], policy)) == buttons


def test_nobody_on_call_is_said_to_everybody(policy: Policy) -> None:
    assert "Nobody is on call by the policy" in text_of(render(VIEWS["nobody on call"], policy))


def test_a_cause_of_any_length_keeps_the_limits(policy: Policy) -> None:
    seen = status("production", Colour.RED, "<!channel>" * 500)
    shown = render(IncidentView(**{**_fields(VIEWS["open"]), "status": seen}), policy)
    accepted_by_slack(shown)
    assert "<!channel>" not in text_of(shown)


def _fields(view: IncidentView) -> dict[str, object]:
    return {name: getattr(view, name) for name in ("incident", "status", "others", "changed", "place", "now")}
