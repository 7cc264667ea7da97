"""What happened in words: every moment has its line, times say what was missed, and the document is whole."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.incident import Judged
from bot.flows.timeline import Goal, Moment, Times
from handlers.wording.postmortem import (
    CELLS,
    before,
    first_summary,
    graph,
    graphs,
    item,
    missed,
    moment,
    times,
)
from handlers.wording.postmortem_markdown import document
from tests.handlers.slack.aftermath import MOMENTS, account, action, over, postmortem, published

pytestmark = pytest.mark.requirement("F9")
AT = datetime(2026, 11, 10, 14, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


def said(happened: str, by: str | None = None, /, **facts: Any) -> str:
    return moment(Moment(at=AT, code=happened, person=by, facts=facts), str.title)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (said("opened", cause="monitors", causes=["api", "db"]), "Opened: api and db said RED."),
        (said("opened", cause="deployment", suspect="DEP-42"), "Opened: DEP-42 went wrong."),
        (said("opened", "ada", cause="declared"), "Ada declared it."),
        (said("acknowledged", "cy"), "Cy took it."),
        (
            said("resolved", because="green"),
            "GREEN again: all monitors passed, so it was over without anybody pressing Resolve.",
        ),
        (said("resolved", "cy", because="said"), "Cy resolved it."),
        (said("judged", "ada", request="DEP-42", related=False), "Ada: it was not DEP-42."),
        (said("rolling-back", request="DEP-43"), "DEP-43 was asked for, to go back."),
        (said("unanswered", round=2), "Nobody had answered after 2 rounds."),
        (said("noted", "lin", words="I restarted it"), "Lin: I restarted it"),
        (said("ticketed", ticket="acme/x#7"), "Ticket acme/x#7 was opened."),
        (said("ticket-asked", where="webhook:jira"), "Asked the webhook jira for a ticket."),
        (said("ticket-failed", code="http-404"), "No ticket could be opened (code: http-404)."),
        (said("way-failed", way="email:cy", code="no-address"), "e-mail did not work (code: no-address)."),
        (
            said("paged", recipient="cy", step=1, state="reached", ways=["slack:user:U1", "email:cy"]),
            "Step 1: Cy paged by Slack and e-mail.",
        ),
        (
            said("paged", recipient="pagerduty:default", step=0, state="reached", ways=["pagerduty:default"]),
            "Besides the escalation: PagerDuty default paged.",
        ),
        (
            said("paged", recipient="cy", step=1, of=3, round=2, rounds=3, state="owed"),
            "Step 1 of 3, round 2 of 3: Cy paged; no way has answered yet.",
        ),
        (
            said("paged", recipient="cy", step=3, of=3, round=1, rounds=3, state="failed"),
            "Step 3 of 3: Cy could not be reached.",
        ),
        (said("paged", recipient="cy", step=2, state="failed"), "Step 2: Cy could not be reached."),
        (
            said("paged", recipient="cy", step=2, state="cancelled"),
            "Step 2: Cy was to be paged; somebody had answered before.",
        ),
        (
            said("turned", environment="production", colour="RED", causes=["db"]),
            "production turned RED (db).",
        ),
        (
            said("went-live", "lin", request="DEP-42", service="checkout", artifact="7a3f9c2"),
            "DEP-42 (checkout 7a3f9c2) by Lin went live.",
        ),
        (
            said(
                "failed", "ada", request="DEP-43", service="checkout", artifact="51be07d", rolls_back="DEP-42"
            ),
            "DEP-43 (checkout 51be07d) by Ada, which takes DEP-42 back, failed.",
        ),
        (said("ways-of-the-future"), "Ways of the future."),
    ],
)
def test_every_moment_has_its_line(line: str, words: str) -> None:
    assert line == words


CODES = st.sampled_from(
    [*{m.code for m in MOMENTS}, "way-failed", "judged", "failed", "ticketed", "unheard-of"]
)
FACTS = st.dictionaries(
    st.sampled_from(["cause", "causes", "recipient", "state", "ways", "way", "request", "round", "step"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.lists(st.text(max_size=9), max_size=3),
)


@given(CODES, FACTS)
def test_no_facts_break_a_line(code: str, facts: dict[str, Any]) -> None:
    line = moment(Moment(at=AT, code=code, facts=facts), str)
    assert line
    assert "None" not in line or "None" in str(facts)


@pytest.mark.requirement("F12")
def test_what_was_kept_what_was_missed_and_what_nobody_knows_are_told_apart() -> None:
    unknown = Times(
        detection=Goal(took=None, within=timedelta(minutes=5)),
        answer=Goal(took=timedelta(minutes=5), within=timedelta(minutes=5)),
        resolution=Goal(took=timedelta(hours=9)),
    )
    known = replace(account(), times=unknown)
    assert times(known) == [
        "Found: not known: no monitor opened it",
        "✓ Answered: 5 min after it opened (goal 5 min)",
        "Over: 9 h after it opened",
    ]
    assert missed(known) == []
    assert len(missed(account())) == 2


def test_a_graph_has_as_many_characters_whatever_it_shows() -> None:
    known = account()
    drawn = graph(known.courses[0], known.begins, known.until)
    assert len(drawn) == CELLS
    assert drawn[0] == "▁"
    assert set(drawn) == {"▁", "█"}
    assert graphs(known) == [f"{drawn} production"]


def test_what_went_live_before_is_no_claim_and_its_judges_are_named() -> None:
    assert "ada judged that it was DEP-42" in before(account(), str)
    unjudged = account(incident=over(judged=()))
    assert "Nobody judged whether it was that." in before(unjudged, str)
    taken_back = account(incident=over(judged=(), rolled_back_by="DEP-43"))
    assert before(taken_back, str).endswith(" DEP-43 took it back, asked for because of this incident.")
    nothing = account(incident=over(judged=(), suspect=None), changed=())
    assert before(nothing, str).startswith("Nothing changed there")
    older = account(incident=over(judged=(), suspect="DEP-40"))
    assert before(older, str).startswith("Shortly before: DEP-40; DEP-42")


def test_of_several_judgements_of_one_deployment_the_last_one_counts() -> None:
    def judged(request: str, *, related: bool) -> Judged:
        return Judged(request=request, related=related, by="cy", at=AT)

    words = (judged("DEP-42", related=False), judged("DEP-41", related=False), judged("DEP-42", related=True))
    told = before(account(incident=over(judged=words)), str)
    assert told.endswith(" cy judged that it was DEP-42; cy judged that it was not DEP-41.")


def test_a_first_summary_is_of_facts() -> None:
    named = account(incident=over(title="Nobody can pay", causes=()))
    assert first_summary(named) == "“Nobody can pay” for 1 h 30 min; P0."


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 11, 20), "◷ due Fri 20 Nov 2026: A larger pool (bo)"),
        (date(2026, 11, 23), "⚠ overdue by 3 d: A larger pool (bo)"),
    ],
)
def test_an_action_item_says_whether_it_is_late(today: date, words: str) -> None:
    assert item(action(), str, today) == words


# The document


def test_the_document_has_every_part_in_its_order() -> None:
    text = document(account(published()), str.title, ZONE)
    parts = ["# INC-7", "## Times", "## Colours", "## What changed before", "## Timeline", "## Summary"]
    parts += ["## Impact", "## Five whys", "## Action items"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    for words in (
        "⚠ Found: 6 min",
        "| 2026-11-10 06:22:00 EST | Opened: api said RED. |",
        "- Ticket: acme/checkout\\#7",
        "published Tue 10 Nov 09:22 EST by Ada",
        "1. w1",
        "- INC-7/2 ✓ done by Ada: An alert (Bo)",
    ):
        assert words in text
    assert text.endswith("\n")


def test_a_draft_says_what_nobody_wrote_and_what_it_lacks() -> None:
    text = document(account(postmortem()), str, ZONE)
    assert text.count("_Not written yet._") == 4
    assert "it lacks the summary, the impact, all five whys and an action item" in text


def test_an_incident_without_one_is_told_as_well() -> None:
    text = document(account(None, incident=over(resolved_at=None), others=("INC-8",)), str, ZONE)
    assert "still open" in text
    assert "Told together with INC-8" in text
    assert "none is owed" in text
    assert "## Summary" not in text


def test_what_people_wrote_is_no_markup() -> None:
    hostile = published(summary="# Title\n- *x* <b>@all</b>", impact="|a|", whys=("`", "2", "3", "4", "5"))
    text = document(account(hostile, incident=over(title="**x**")), str, ZONE)
    assert "\n# Title" not in text
    assert "<b>" not in text
    assert "@all" not in text
    assert "**x**" not in text
