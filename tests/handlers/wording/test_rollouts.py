"""A rollout in words: how far it is, by what it is held, how it goes on, and the way back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.analysis import Finding, Verdict
from bot.domain.artifact import Artifact
from bot.domain.change_request import Actor, ChangeRequest, Hold, Kind, RequestState
from bot.domain.deployment import Frozen, Plan, Run, RunState
from bot.domain.verification import Look
from handlers.wording.facts import Facts
from handlers.wording.rollouts import NOTES, bar, command_shown, failed_where, head, lines, stands
from handlers.wording.times import utc

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
REQUEST = ChangeRequest(
    id="DEP-42",
    number=42,
    kind=Kind.PROMOTION,
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    requester=Actor(via="x", person="lin"),
    requested_at=NOW,
    expires_at=NOW + timedelta(days=1),
    evidence_deadline=NOW,
    state=RequestState.STARTING,
)
BETWEEN = Run(
    id="DEP-42/1",
    request="DEP-42",
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    rollback_target=None,
    state=RunState.BETWEEN,
    intended_at=NOW,
    plan=Plan(steps=(25, 50, 100)),
    reached=25,
    next_at=NOW + timedelta(minutes=5),
)
FREEZE = Frozen(rule="FRZ-3", since=NOW, until=None, reason="Peak trading", declared=True)
HELD = replace(REQUEST, held=Hold(by=Actor(via="x", person="ada"), at=NOW, reason="Errors"))
WATCHED = replace(BETWEEN, plan=replace(BETWEEN.plan, analysed=True))
UNJUDGED = replace(
    WATCHED,
    look=Look(
        at=BETWEEN.intended_at,
        percent=25,
        findings=(Finding(name="errors", verdict=Verdict.UNKNOWN, code="no-data"),),
    ),
)
BACK = "./deploy.sh 51be07d"


@pytest.mark.requirement("F5")
@given(st.integers(0, 100))
def test_the_bar_is_full_with_all_of_the_traffic_and_empty_with_none(percent: int) -> None:
    drawn = bar(percent)
    assert len(drawn) == 4
    assert (drawn == "▯▯▯▯") == (percent == 0)
    assert (drawn == "▮▮▮▮") == (percent == 100)


@pytest.mark.requirement("F5")
@pytest.mark.parametrize(
    ("request_", "run", "first"),
    [
        (REQUEST, BETWEEN, ("▶", "Rolling out 25 % ▮▯▯▯")),
        (REQUEST, replace(BETWEEN, state=RunState.CALLING, reached=50), ("▶", "Rolling out 50 % ▮▮▯▯")),
        (REQUEST, replace(BETWEEN, state=RunState.CALLING, reached=0), ("▶", "Rolling out 0 % ▯▯▯▯")),
        (REQUEST, replace(BETWEEN, state=RunState.CALLING, reached=0, plan=Plan()), ("▶", "Rolling out")),
        (HELD, BETWEEN, ("‖", "Held at 25 % ▮▯▯▯")),
        (HELD, replace(BETWEEN, state=RunState.CALLING), ("▶", "Rolling out 25 % ▮▯▯▯")),
        (REQUEST, replace(BETWEEN, frozen=(FREEZE,)), ("‖", "Held at 25 % ▮▯▯▯")),
        (REQUEST, UNJUDGED, ("‖", "Held at 25 % ▮▯▯▯")),
        (REQUEST, WATCHED, ("▶", "Rolling out 25 % ▮▯▯▯")),
        (HELD, replace(BETWEEN, state=RunState.INTENDED, reached=0), ("‖", "Held before its first step")),
        (HELD, replace(BETWEEN, state=RunState.INTENDED, reached=0, plan=Plan()), ("‖", "Held before its start")),
    ],
)  # fmt: skip
def test_it_begins_with_a_sign_and_how_far_it_is(
    request_: ChangeRequest, run: Run, first: tuple[str, str]
) -> None:
    assert head(request_, run) == first


def said(request_: ChangeRequest, run: Run, command: str | None = BACK) -> list[str]:
    return lines(request_, run, when=utc, names=str, command=command)


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    ("request_", "run", "words"),
    [
        (REQUEST, BETWEEN, ["Next: 50 % at 2026-11-10T15:05:00Z", "/deploy hold DEP-42"]),
        (REQUEST, replace(BETWEEN, state=RunState.CALLING), ["told to bring it to 50 %"]),
        (HELD, replace(BETWEEN, state=RunState.CALLING), ["to 50 %", "It is held after that"]),
        (HELD, BETWEEN, ["ada has held it since 2026-11-10T15:00:00Z: “Errors”", "/deploy resume DEP-42"]),
        (
            REQUEST,
            replace(BETWEEN, frozen=(FREEZE,)),
            [
                "FRZ-3 (Peak trading)",
                "since 2026",
                "until it is lifted",
                "by itself",
                "/deploy unfreeze FRZ-3",
            ],
        ),
        (
            REQUEST,
            replace(BETWEEN, frozen=(replace(FREEZE, rule="noon", until=NOW, declared=False),)),
            ["noon", "until 2026-11-10T15:00:00Z", "stands in the policy"],
        ),
        (REQUEST, UNJUDGED, ["Its figures are not known", "no data", "/deploy resume DEP-42"]),
        (REQUEST, WATCHED, ["Next: 50 %", "if what is measured passes"]),
    ],
)
def test_what_holds_it_is_said_with_how_it_goes_on(
    request_: ChangeRequest, run: Run, words: list[str]
) -> None:
    text = "\n".join(said(request_, run))
    assert [w for w in words if w not in text] == []


@pytest.mark.requirement("P14")
def test_whatever_holds_it_the_way_back_is_at_hand() -> None:
    for request_, run in (
        (HELD, BETWEEN),
        (REQUEST, UNJUDGED),
        (REQUEST, replace(BETWEEN, frozen=(FREEZE,))),
    ):
        assert said(request_, run)[-1].endswith(
            f"/deploy cancel DEP-42 ends it where it stands, then `{BACK}`"
        )
        assert "ask for the version before it" in said(request_, run, None)[-1]


@pytest.mark.requirement("P6")
def test_everything_that_holds_it_is_said() -> None:
    told = said(HELD, replace(UNJUDGED, frozen=(FREEZE, replace(FREEZE, rule="FRZ-4"))))
    assert [line[0] for line in told] == ["‖"] * 4 + ["I"]
    assert told[-1].startswith("It goes on once none of these holds it. To go back instead:")


@pytest.mark.parametrize(
    ("command", "shown"), [(BACK, BACK), ("x" * 401, None), ("", None), (None, None), (3, None)]
)
def test_half_a_command_is_never_shown(command: str | int | None, shown: str | None) -> None:
    assert command_shown(command) == shown


@pytest.mark.requirement("F5")
def test_a_rollout_that_failed_says_where_it_left_the_traffic() -> None:
    failed = replace(BETWEEN, state=RunState.FAILED)
    assert stands(failed, BACK) == f"It stands at 25 %. The way back: `{BACK}`"
    lost = stands(replace(failed, state=RunState.LOST), None)
    assert lost is not None
    assert lost.startswith("It stood at 25 %, and may stand at 50 % by now.")
    assert stands(BETWEEN, BACK) is None
    assert stands(replace(failed, plan=Plan(), reached=0), BACK) is None
    assert failed_where(Facts({})) == ""


@pytest.mark.parametrize("code", sorted(NOTES))
@pytest.mark.parametrize("full", [True, False])
def test_every_note_is_a_sentence_with_and_without_its_facts(code: str, full: bool) -> None:
    facts = {
        "percent": 25, "next": 50, "next_at": NOW.isoformat(), "rule": "FRZ-3", "reason": "Peak", "since": NOW.isoformat(),
        "until": NOW.isoformat(), "declared": True, "command": BACK, "ended": ["FRZ-3"], "by": ["FRZ-4"], "person": "ada",
    }  # fmt: skip
    text = NOTES[code](Facts(facts if full else {}), str.title, utc)
    assert text[:1].isupper() or not full
    assert text.endswith((".", "”", f"`{BACK}`")), text
    assert ".." not in text
