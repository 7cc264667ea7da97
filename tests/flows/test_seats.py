"""Which seats a request needs, by the policy; and that they are filled exactly where some assignment fills them."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.change_request import SYSTEM, BrokenGlass, ChangeRequest, Kind
from bot.domain.refusal import Refusal
from bot.flows.count import may_fill_a_seat, quorum_with
from bot.flows.seats import seat_plan
from bot.policy import Policy
from tests.flows.fakes import TUESDAY_TEN
from tests.flows.policy_text import policy_of
from tests.flows.test_roles import REQUEST

PEOPLE = ("ada", "bo", "cy", "vic", "sam")
ROLES = ("lead", "manager", "security", "vp")
USUAL = """\
      seats:
        - {role: [platform-lead, release-manager]}
        - {role: [platform-lead, on-call-sre]}
      minimum: 2
"""

holders = st.fixed_dictionaries(
    {role: st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True) for role in ROLES}
)
seats_drawn = st.lists(
    st.tuples(st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True), st.integers(1, 2)),
    min_size=1,
    max_size=3,
)


def policy_drawn(
    held: dict[str, list[str]], seats: list[tuple[list[str], int]], minimum: int, glass: str = ""
) -> Policy:
    roles = "".join(f"  {role}: {{people: [{', '.join(people)}]}}\n" for role, people in held.items())
    lines = "".join(f"        - {{role: [{', '.join(role)}], count: {count}}}\n" for role, count in seats)
    return policy_of(
        ("roles:\n", f"roles:\n{roles}"),
        (USUAL, f"      seats:\n{lines}      minimum: {minimum}\n"),
        ("    severity: P0\n", f"    severity: P0\n{glass}"),
    )


def filled_by_force(places: list[tuple[str, ...]], roles: dict[str, frozenset[str]], minimum: int) -> bool:
    """Some way to seat distinct people fills every place, and enough of them signed."""
    if len(roles) < max(minimum, len(places)):
        return False
    return any(
        all(roles[who] & set(seat) for seat, who in zip(places, way, strict=True))
        for way in permutations(roles, len(places))
    )


@pytest.mark.requirement("P7")
@given(holders, seats_drawn, st.integers(0, 5), st.lists(st.sampled_from(PEOPLE), unique=True), st.randoms())
@settings(max_examples=60, deadline=None)
def test_a_quorum_is_filled_exactly_where_some_assignment_of_distinct_people_fills_it(
    held: dict[str, list[str]],
    seats: list[tuple[list[str], int]],
    minimum: int,
    signers: list[str],
    chance: Any,
) -> None:
    policy = policy_drawn(held, seats, minimum)
    counted = counting(policy, REQUEST, signers)
    places = [tuple(role) for role, count in seats for _ in range(count)]
    quorum = quorum_with(policy, REQUEST, counted)
    assert quorum.filled == filled_by_force(places, counted, minimum)
    shuffled = list(counted.items())
    chance.shuffle(shuffled)
    assert quorum_with(policy, REQUEST, dict(shuffled)) == quorum


def counting(policy: Policy, request: ChangeRequest, signers: list[str]) -> dict[str, frozenset[str]]:
    """The roles for which each signature counts; whoever may fill nothing does not count."""
    counted = {}
    for person in signers:
        try:
            counted[person] = may_fill_a_seat(policy, request, person, TUESDAY_TEN)
        except Refusal:
            continue
    return counted


GLASS = "    break_glass: {{seats: [{{role: vp}}], minimum: {minimum}, requires: []}}\n"


def broken(request: ChangeRequest = REQUEST) -> ChangeRequest:
    glass = BrokenGlass(
        by=SYSTEM,
        at=TUESDAY_TEN,
        ticket="INC-7",
        reason="Checkout is down",
        bypasses=(),
        expires_at=TUESDAY_TEN + timedelta(hours=4),
    )
    return replace(request, kind=Kind.EMERGENCY, break_glass=glass)


@pytest.mark.requirement("P13")
@given(holders, seats_drawn, st.integers(2, 3), st.lists(st.sampled_from(PEOPLE), unique=True))
@settings(max_examples=60, deadline=None)
def test_break_glass_takes_its_own_seat_and_so_many_distinct_people_who_could_sit_anywhere(
    held: dict[str, list[str]], seats: list[tuple[list[str], int]], minimum: int, signers: list[str]
) -> None:
    """Whoever could fill a usual seat counts as the second person; the VP's seat takes a VP."""
    policy = policy_drawn(held, seats, 1, GLASS.format(minimum=minimum))
    request = broken()
    counted = counting(policy, request, signers)
    usual = {role for roles, _ in seats for role in roles}
    assert set(counted) == {p for p in signers if any(p in held[role] for role in usual | {"vp"})}
    has_vp = any("vp" in roles for roles in counted.values())
    assert quorum_with(policy, request, counted).filled == (has_vp and len(counted) >= minimum)


@pytest.mark.requirement("P13")
def test_one_person_never_breaks_glass_alone() -> None:
    policy = policy_drawn({r: ["ada"] for r in ROLES}, [(["lead"], 1)], 1, GLASS.format(minimum=2))
    counted = counting(policy, broken(), ["ada"])
    assert set(counted) == {"ada"}
    assert not quorum_with(policy, broken(), counted).filled


WAY_BACK = "    rollback: {seats: [{role: manager}]}\n"


@pytest.mark.requirement("P16")
def test_a_rollback_takes_the_seats_that_its_policy_names_and_its_requester_may_sign() -> None:
    held = {"lead": ["ada"], "manager": ["bo"], "security": ["cy"], "vp": ["vic"]}
    policy = policy_drawn(held, [(["lead"], 1)], 1, WAY_BACK)
    request = replace(REQUEST, kind=Kind.ROLLBACK, requester=replace(SYSTEM, person="bo"))
    plan = seat_plan(policy, request)
    assert (plan.seats, plan.minimum, plan.own) == ((("manager",),), 1, True)
    assert quorum_with(policy, request, counting(policy, request, ["bo"])).filled


@pytest.mark.requirement("P16")
def test_without_a_way_back_of_its_own_any_one_usual_seat_suffices_for_a_rollback() -> None:
    held = {"lead": ["ada"], "manager": ["bo"], "security": ["cy"], "vp": ["vic"]}
    policy = policy_drawn(held, [(["lead"], 1), (["manager", "security"], 2)], 3)
    asked = replace(REQUEST, kind=Kind.ROLLBACK, requester=replace(SYSTEM, person="bo"))
    plan = seat_plan(policy, asked)
    assert (plan.seats, plan.minimum) == ((("lead", "manager", "security"),), 1)


@pytest.mark.requirement("P15")
def test_a_rollback_that_nobody_asked_for_asks_nobody() -> None:
    policy = policy_drawn({"lead": ["ada"]}, [(["lead"], 1)], 1)
    plan = seat_plan(policy, replace(REQUEST, kind=Kind.ROLLBACK, requester=SYSTEM))
    assert (plan.asks_nobody, plan.minimum) == (True, 0)


def test_where_there_are_no_seats_nobody_is_asked() -> None:
    policy = policy_of((USUAL, "      seats: []\n      minimum: 0\n"))
    assert seat_plan(policy, REQUEST).asks_nobody
    with pytest.raises(Refusal, match="no-seats"):
        may_fill_a_seat(policy, REQUEST, "ada", TUESDAY_TEN)


@pytest.mark.requirement("P7")
def test_the_requester_fills_no_seat_whatever_the_policy_lists() -> None:
    policy = policy_of(("exclude: [requester, commit-authors]", "exclude: []"))
    request = replace(REQUEST, requester=replace(SYSTEM, person="ada"))
    for benefit in (False, True):
        with pytest.raises(Refusal, match="own-request"):
            may_fill_a_seat(policy, request, "ada", TUESDAY_TEN, benefit=benefit)
