"""The moves a change request may make (P9: nothing starts that nobody approved)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.artifact import Artifact
from bot.domain.change_request import MOVES, OPEN, SYSTEM, ChangeRequest, Kind, RequestState, Start

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
ENDED = [s for s in RequestState if s not in OPEN]
REQUEST = ChangeRequest(
    id="DEP-1",
    number=1,
    kind=Kind.INITIAL,
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    requester=SYSTEM,
    requested_at=NOW,
    expires_at=NOW + timedelta(days=1),
    evidence_deadline=NOW + timedelta(hours=1),
)


def reachable(start: RequestState, without: RequestState | None = None) -> set[RequestState]:
    found, frontier = {start}, [start]
    while frontier:
        for following in MOVES.get(frontier.pop(), frozenset()) - found - {without}:
            found.add(following)
            frontier.append(following)
    return found


@pytest.mark.requirement("P9")
@pytest.mark.parametrize("started", [RequestState.STARTING, RequestState.LIVE])
def test_nothing_starts_except_through_approved(started: RequestState) -> None:
    assert started in reachable(RequestState.EVALUATING)
    assert started not in reachable(RequestState.EVALUATING, without=RequestState.APPROVED)


def test_every_state_can_be_reached_and_no_state_moves_to_itself() -> None:
    assert reachable(RequestState.EVALUATING) == set(RequestState)
    assert all(state not in following for state, following in MOVES.items())


@pytest.mark.parametrize("state", ENDED)
def test_what_has_ended_stays_ended(state: RequestState) -> None:
    ended = replace(REQUEST, state=state)
    assert not ended.is_open
    assert not any(ended.may_become(s) for s in RequestState)


@pytest.mark.parametrize("state", sorted(OPEN))
def test_what_is_open_can_end(state: RequestState) -> None:
    assert replace(REQUEST, state=state).is_open
    assert reachable(state) & set(ENDED)


@pytest.mark.parametrize("state", sorted(OPEN - {RequestState.STARTING}))
def test_until_it_starts_it_can_be_cancelled_or_expire(state: RequestState) -> None:
    request = replace(REQUEST, state=state)
    assert request.may_become(RequestState.CANCELLED)
    assert request.may_become(RequestState.EXPIRED)


def test_once_started_it_cannot_be_cancelled_nor_started_again() -> None:
    started = replace(REQUEST, state=RequestState.STARTING)
    assert not started.may_become(RequestState.CANCELLED)
    assert not started.may_become(RequestState.APPROVED)


@pytest.mark.parametrize(
    ("mode", "at", "by_itself"), [("asap", None, False), ("next", None, True), ("at", NOW, True)]
)
def test_it_starts_by_itself_only_when_the_requester_said_when(
    mode: str, at: datetime | None, by_itself: bool
) -> None:
    assert Start(mode=mode, at=at).by_itself is by_itself


@pytest.mark.parametrize(("mode", "at"), [("at", None), ("asap", NOW), ("next", NOW), ("later", None)])
def test_a_start_that_contradicts_itself_does_not_exist(mode: str, at: datetime | None) -> None:
    with pytest.raises(ValueError, match="not a start"):
        Start(mode=mode, at=at)
