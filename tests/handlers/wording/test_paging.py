"""What a page says in plain text, for every cause and state, within bounds, on one line each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.environment import Colour
from bot.domain.incident import Cause, Incident, IncidentState
from bot.flows.inquire import IncidentView
from bot.flows.suspects import Alike
from handlers.paging import links, mail, pagerduty, webhook
from handlers.wording.paging import Words, bare, news
from handlers.wording.visible import visible
from tests.flows.policy_text import policy_of

pytestmark = pytest.mark.requirement("F14")
OPENED = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = policy_of()


def incident(**changes: Any) -> Incident:
    usual: dict[str, Any] = {
        "id": "INC-7",
        "environment": "production",
        "severity": "P0",
        "state": IncidentState.OPEN,
        "opened_at": OPENED,
        "respond_by": OPENED + 5 * MINUTE,
        "causes": ("api",),
        "on_call": "cy",
    }
    return Incident(**(usual | changes))


def view(of: Incident | None = None, **changes: Any) -> IncidentView:
    of = of or incident()
    usual: dict[str, Any] = {
        "incident": of,
        "status": None,
        "others": (),
        "changed": (),
        "place": None,
        "now": OPENED + 3 * MINUTE,
        "waiting": (of,) if of.waits else (),
    }
    return IncidentView(**(usual | changes))


def words(of: Incident | None = None, **changes: Any) -> Words:
    return Words(view(of, **changes), POLICY)


@pytest.mark.parametrize(
    ("of", "headline"),
    [
        (incident(), "production is RED: api (P0, INC-7)"),
        (incident(causes=()), "production is RED (P0, INC-7)"),
        (
            incident(cause=Cause.DEPLOYMENT, suspect="DEP-4"),
            "production: a deployment went wrong: DEP-4 (P0, INC-7)",
        ),
        (incident(cause=Cause.DEPLOYMENT), "production: a deployment went wrong (P0, INC-7)"),
        (
            incident(cause=Cause.BLINDNESS, causes=()),
            "Monitoring is blind, so nobody sees how production is, or anything else (P0, INC-7)",
        ),
        (
            incident(cause=Cause.DECLARED, title="Cards are\ncharged twice"),
            "production: Cards are charged twice (P0, INC-7)",
        ),
    ],
)
def test_the_first_line_says_what_is_wrong_where(of: Incident, headline: str) -> None:
    assert words(of).lines[0] == headline


@pytest.mark.parametrize(
    ("of", "line"),
    [
        (incident(), "On call: cy; answer by Tue 10 Nov 10:05 EST."),
        (incident(on_call=None), "Nobody is on call by the policy; answer by Tue 10 Nov 10:05 EST."),
        (incident(respond_by=None), "On call: cy; answer as soon as you can."),
        (
            incident(respond_by=OPENED + MINUTE),
            "On call: cy; an answer is overdue since Tue 10 Nov 10:01 EST.",
        ),
        (incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="ada"), "ada has it."),
        (incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="PagerDuty"), "PagerDuty has it."),
        (
            incident(state=IncidentState.RESOLVED, resolved_at=OPENED + 38 * MINUTE),
            "It turned GREEN again after 38 min.",
        ),
        (
            incident(state=IncidentState.RESOLVED, resolved_at=OPENED + MINUTE, resolved_by="bo"),
            "bo resolved it after 60 s.",
        ),
    ],
)
def test_it_says_who_has_it_or_who_should(of: Incident, line: str) -> None:
    assert line in words(of).lines


def test_what_is_over_asks_for_no_answer() -> None:
    assert not any(
        "press Acknowledge" in line for line in words(incident(state=IncidentState.RESOLVED)).lines
    )


def test_one_page_of_many_names_the_others_and_takes_them_all() -> None:
    of = incident()
    many = tuple(incident(id=f"INC-{n}", environment=f"env-{n}") for n in range(8, 30))
    said = words(of, waiting=(of, *many))
    assert said.headline == "production is RED: api, and so are 22 other environments (P0, INC-7)"
    assert said.others is not None
    assert said.others.startswith("With it: env-8 (INC-8), env-9 (INC-9)")
    assert said.others.endswith("and 10 more.")
    assert "which takes all 23" in said.answer
    assert "so is env-8" in words(of, waiting=(of, many[0])).headline


def test_an_answer_in_pagerduty_is_offered_only_where_it_is_heard() -> None:
    assert "PagerDuty" not in words().answer
    assert "PagerDuty" in Words(view(), POLICY, hears_back=True).answer


def test_the_same_version_elsewhere_is_a_fact_beside_it() -> None:
    assert words(alike=(Alike("staging", Colour.GREEN),)).elsewhere is None  # of what, without a suspect?


def test_news_say_who_and_how_it_ended() -> None:
    has = incident(
        state=IncidentState.ACKNOWLEDGED, acknowledged_by="ada", acknowledged_at=OPENED + 4 * MINUTE
    )
    assert news(words(has), "acknowledged") == "production (P0, INC-7): ada has it, after 4 min."
    over = incident(state=IncidentState.RESOLVED, resolved_at=OPENED + 9 * MINUTE)
    assert news(words(over), "resolved") == "production (P0, INC-7): over. It turned GREEN again after 9 min."


@pytest.mark.parametrize(
    ("severity", "urgency"),
    [("P0", "critical"), ("P1", "error"), ("P2", "warning"), ("P3", "info"), ("P9", "critical")],
)
def test_the_shorter_the_response_time_the_more_urgent(severity: str, urgency: str) -> None:
    assert pagerduty.urgency(POLICY, severity) == urgency


@given(name=st.text(min_size=1, max_size=300), number=st.integers(1, 10**9))
def test_an_incident_is_found_again_by_its_key(name: str, number: int) -> None:
    key = pagerduty.key_of(name, f"INC-{number}")
    assert len(key) <= 255
    assert pagerduty.incident_of(name, key) == f"INC-{number}"
    assert pagerduty.incident_of("another " + name, key) is None or ("another " + name)[:120] == name[:120]


@given(title=st.text(max_size=400), environment=st.text(min_size=1, max_size=80))
def test_every_line_is_one_line_and_bounded(title: str, environment: str) -> None:
    of = incident(cause=Cause.DECLARED, title=title or None, environment=environment)
    said = words(of)
    assert "\n" not in said.headline.replace(environment, "")
    assert len(said.headline) < 500
    assert pagerduty.page(said, "acme", ()).summary == visible(said.headline)
    assert mail.page(said, "ada@acme.example", "acme", "k", ()).thread == "acme/INC-7"
    assert webhook.page(said, "acme", 1)["headline"] == visible(said.headline)


def test_the_subject_stays_the_same_whatever_becomes_of_it() -> None:
    of = incident()
    over = replace(of, state=IncidentState.RESOLVED, resolved_at=OPENED + MINUTE)
    assert words(of).subject == words(over).subject == "INC-7 · production · P0: RED: api"
    told = mail.told(words(over), "ada@acme.example", "acme", "k", "resolved")
    assert told.subject == f"Re: {words(of).subject}"


@pytest.mark.parametrize(
    ("place", "pages", "addresses"),
    [
        (None, None, []),
        ({"channel": "C01INC", "ts": "1.2"}, None, ["https://slack.com/app_redirect?channel=C01INC"]),
        ({"channel": "C/../x", "ts": "1.2"}, None, []),
        (None, "https://portcullis.acme.example", ["https://portcullis.acme.example/status"]),
    ],
)
def test_links_lead_to_the_channel_and_the_status_page(
    place: Any, pages: str | None, addresses: list[str]
) -> None:
    assert [address for address, _ in links.of_incident(view(place=place), pages)] == addresses


def test_the_least_that_a_page_says_is_enough_to_find_it() -> None:
    assert bare("INC-7", "P0", "production", 3 * MINUTE) == "production: an incident for 3 min (P0, INC-7)"
