"""Counting signatures into seats: distinct people, matched in whatever order they came, roles asked at that instant."""

import itertools
from datetime import UTC, datetime

import pytest

from bot.domain.change_request import Start
from bot.flows.inquire import request_view
from tests.flows.fakes import NEXT_DIGEST, NEXT_TAG, TAG, TUESDAY_TEN
from tests.flows.policy_text import AUTHORS_MAY, ON_CALL_SEAT, ONE_SEAT, REWORDED
from tests.flows.world import HOUR, MINUTE, SECOND, World

HANDOFF = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)  # Monday 09:00 in New York: from Cy to Bo


async def asked(world: World, *changes: tuple[str, str], person: str = "lin") -> World:
    if changes:
        await world.reload(*changes)
    await world.ready()
    await world.ask(person)
    await world.run_timers()
    await world.deliveries()
    return world


PAIRS = [
    pair
    for two in (("ada", "bo"), ("ada", "cy"), ("bo", "cy"), ("ada", "vic"))
    for pair in itertools.permutations(two)
]


@pytest.mark.requirement("P7")
@pytest.mark.parametrize("signers", PAIRS, ids="+".join)
async def test_the_order_of_clicks_never_matters(world: World, signers: tuple[str, str]) -> None:
    """A lead fits both seats: whoever clicks first, the other one finds the seat that is theirs."""
    await asked(world)
    for n, person in enumerate(signers):
        assert len(world.deployer.started) == 0, n
        await world.approve(person)
    assert await world.state_of() == "live"


@pytest.mark.requirement("P7")
async def test_two_people_for_the_same_seat_fill_one(world: World) -> None:
    await asked(world, AUTHORS_MAY)
    await world.approve("bo", "sam")
    assert await world.state_of() == "awaiting-approval"
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert view.quorum.missing == 1
    assert set(view.could_sign) == {"ada", "cy", "vic"}
    await world.approve("cy")
    assert await world.state_of() == "live"


@pytest.mark.requirement("P7")
async def test_one_person_fills_one_seat_however_many_roles_they_hold(world: World) -> None:
    await asked(world)
    await world.approve("ada")
    assert await world.state_of() == "awaiting-approval"
    assert await world.refusal_of_signing("ada") == "already-signed"


async def test_who_could_sign_are_those_who_would_bring_it_nearer(world: World) -> None:
    await asked(world)
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert set(view.could_sign) == {"ada", "bo", "cy", "vic"}  # not lin, who asks, nor sam, who wrote it
    await world.approve("bo")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert set(view.could_sign) == {"ada", "cy", "vic"}
    await world.approve("cy")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert view.could_sign == ()


async def test_a_minimum_above_the_seats_names_who_may_still_sign(world: World) -> None:
    await asked(world, (ONE_SEAT[0], ONE_SEAT[1].replace("minimum: 1", "minimum: 2")))
    await world.approve("bo")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert set(view.could_sign) == {"ada", "vic"}
    await world.approve("vic")
    assert await world.state_of() == "live"


async def test_signatures_counted_at_once_are_each_told(world: World) -> None:
    await asked(world)
    await world.sign("ada")
    await world.sign("cy")
    await world.run_timers()
    notes = await world.deliveries("request-note")
    assert [d.facts.get("person") for d in notes if d.facts["code"] == "approval-counted"] == ["ada", "cy"]


@pytest.mark.requirement("P11")
async def test_the_record_of_an_approval_has_exactly_its_five_keys(world: World) -> None:
    await asked(world)
    await world.pass_time(22 * MINUTE + 5 * SECOND)
    await world.approve("ada")
    (counted,) = [e for e in await world.entries("approval/DEP-1/1/ada") if e["type"] == "approval.counted"]
    assert counted["facts"] == {
        "approval": {
            "artifact": TAG,
            "approver": "ada@acme.example",
            "approved_at": "2026-11-10T15:22:05Z",
            "deployment_window": "standard",
            "approval_duration_seconds": 1325,
        }
    }


@pytest.mark.requirement("P11")
async def test_the_record_names_the_verdict_where_no_window_is_open(world: World) -> None:
    world.clock.at = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)  # a Saturday
    await asked(world)
    await world.approve("bo")
    (counted,) = [e for e in await world.entries("approval/DEP-1/1/bo") if e["type"] == "approval.counted"]
    assert counted["facts"]["approval"]["deployment_window"] == "prohibited"
    assert counted["facts"]["approval"]["approver"] == "bo"


@pytest.mark.requirement("P7")
@pytest.mark.requirement("P8")
async def test_a_role_lost_between_signing_and_counting_refuses_and_says_why(world: World) -> None:
    world.clock.at = HANDOFF - 2 * SECOND
    await asked(world, ON_CALL_SEAT)
    await world.sign("cy")
    world.clock.advance(2 * SECOND)
    await world.run_timers()
    assert await world.standing() == {"cy": ("refused", "no-seat")}
    assert await world.told("approver-answer", "cy") == ["no-seat"]
    assert world.deployer.started == []
    assert await world.refusal_of_signing("cy") == "no-seat"
    await world.approve("bo")
    assert await world.state_of() == "live"


@pytest.mark.requirement("P8")
async def test_a_role_lost_before_the_start_asks_for_another_approval(world: World) -> None:
    """Approved while a soak runs; the hand-off comes before its end. Roles are asked live at the start as well."""
    world.clock.at = HANDOFF - 30 * MINUTE
    await world.reload(ON_CALL_SEAT)
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=MINUTE)
    await world.ask(artifact=NEXT_TAG, start=Start(mode="next"))
    await world.run_timers()
    await world.approve("cy")
    assert await world.state_of() == "approved"
    await world.deliveries()
    await world.pass_time(59 * MINUTE)
    request = await world.request()
    assert (request.state.value, request.approved_at) == ("awaiting-approval", None)
    assert await world.standing() == {"cy": ("refused", "no-seat")}
    assert world.deployer.started == []
    owed = await world.deliveries()
    assert [d.facts["code"] for d in owed if d.kind == "request-answer"] == ["approval-lost"]
    assert [d.facts["code"] for d in owed if d.kind == "request-note"] == ["approval-lost"]
    await world.approve("bo")
    assert await world.state_of() == "live"


@pytest.mark.requirement("P8")
async def test_the_last_seat_asks_the_first_signers_role_again(world: World) -> None:
    world.clock.at = HANDOFF - HOUR
    await asked(world)
    await world.approve("cy")
    await world.pass_time(HOUR)
    await world.approve("ada")
    assert await world.state_of() == "awaiting-approval"
    assert await world.standing() == {"ada": ("counted", None), "cy": ("refused", "no-seat")}
    assert "approved" not in await world.told("request-note")


async def test_a_role_that_changed_but_suffices_is_counted_as_it_is_now(world: World) -> None:
    """Cy is a release manager too by now: the policy said so before, and the rotation moved on."""
    world.clock.at = HANDOFF - HOUR
    await asked(world, ("{people: [bo, sam]}", "{people: [bo, sam, cy]}"))
    await world.approve("cy")
    assert (await world.approvals())["cy"].roles == ("on-call-sre", "release-manager")
    await world.pass_time(HOUR)
    await world.approve("ada")
    assert (await world.approvals())["cy"].roles == ("release-manager",)
    assert await world.state_of() == "live"


async def test_a_role_lost_by_another_policy_voids_the_signature(world: World) -> None:
    await asked(world)
    await world.sign("vic")
    await world.reload(("{people: [ada, vic]}", "{people: [ada]}"))
    await world.run_timers()
    assert await world.standing() == {"vic": ("void", "facts-changed")}
    assert await world.refusal_of_signing("vic") == "no-seat"


async def test_an_approver_who_left_the_directory_stops_nobody(world: World) -> None:
    await asked(world)
    await world.sign("vic")
    await world.reload(
        ("  vic: {slack: U04VIC, github: vic-e}\n", ""), ("{people: [ada, vic]}", "{people: [ada]}")
    )
    await world.run_timers()
    assert await world.standing() == {"vic": ("void", "facts-changed")}


@pytest.mark.requirement("P9")
async def test_a_commit_author_fills_no_seat(world: World) -> None:
    await asked(world)
    assert await world.refusal_of_signing("sam") == "commit-author"


AUTHORS: dict[str, object] = {
    "nobody stated them": None,
    "an empty list": [],
    "a list with something that is no name": ["sam-k", {"login": "ada-l"}],
    "a blank name": ["sam-k", " "],
    "no list": "sam-k",
}


@pytest.mark.requirement("P9")
@pytest.mark.parametrize("authors", AUTHORS.values(), ids=AUTHORS.keys())
async def test_unknown_commit_authors_clear_nobody(world: World, authors: object) -> None:
    await world.ready()
    await world.state("build", details={} if authors is None else {"authors": authors})
    await world.ask()
    await world.run_timers()
    assert await world.state_of() == "awaiting-approval"
    assert await world.refusal_of_signing("ada") == "authors-unknown"


@pytest.mark.requirement("P9")
@pytest.mark.parametrize("name", ["Ada-L", "ADA@acme.example", " ada "])
async def test_an_author_is_known_by_any_of_their_identities(world: World, name: str) -> None:
    await world.ready()
    await world.state("build", details={"authors": ["sam-k", name]})
    await world.ask()
    await world.run_timers()
    assert await world.refusal_of_signing("ada") == "commit-author"
    assert await world.refusal_of_signing("vic") == "signed"


@pytest.mark.requirement("P9")
async def test_an_author_who_is_named_after_signing_does_not_count(world: World) -> None:
    await asked(world)
    await world.sign("ada")
    await world.pass_time(SECOND)
    await world.state("build", details={"authors": ["sam-k", "ada-l"]})
    await world.run_timers()
    assert (await world.approvals())["ada"].state.value == "counted"  # counted before CI named her
    await world.approve("cy")
    assert await world.standing() == {"ada": ("refused", "commit-author"), "cy": ("counted", None)}
    assert world.deployer.started == []


async def test_authors_may_approve_where_the_policy_does_not_exclude_them(world: World) -> None:
    await asked(world, AUTHORS_MAY)
    await world.approve("sam", "cy")
    assert await world.state_of() == "live"


async def test_a_signature_of_an_earlier_revision_fills_no_seat(world: World) -> None:
    await asked(world)
    await world.approve("ada")
    await world.reload(REWORDED)
    await world.run_timers()
    await world.approve("cy")
    assert await world.state_of() == "awaiting-approval"
    assert (await request_view(world.ledger, world.policy, "DEP-1")).quorum.people == 1


async def test_the_intent_names_who_approved_and_how(world: World) -> None:
    await asked(world)
    await world.approve("vic")
    await world.reload(REWORDED)  # and Vic's approval is void
    await world.run_timers()
    await world.approve("ada", "cy")
    (intended,) = [e for e in await world.entries("run/DEP-1/1") if e["type"] == "run.intended"]
    assert [(s["person"], s["method"]) for s in intended["facts"]["approved_by"]] == [
        ("ada", "totp"),
        ("cy", "totp"),
    ]
    assert intended["facts"]["approved_by"][0]["at"] == TUESDAY_TEN.isoformat()


@pytest.mark.requirement("P7")
async def test_a_role_that_cannot_be_asked_is_a_no_that_names_its_source(world: World) -> None:
    rotation = 'rotation: {people: [cy, bo, ada], handoff: "0 9 * * MON", starts: "2026-11-09"}'
    await asked(world, (rotation, "pagerduty: {schedule: PABC123}"), ON_CALL_SEAT)
    await world.approve("cy")
    assert await world.standing() == {"cy": ("refused", "not-answered")}
    (refused,) = [e for e in await world.entries("approval/DEP-1/1/cy") if e["type"] == "approval.refused"]
    assert refused["facts"]["silent"] == [{"source": "on_call primary", "code": "not-connected"}]


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(
    "role", ["{people: [bo, sam], all_of: {github_team: acme/approvers}}", "{all_of: {oidc_role: Lead}}"]
)
async def test_a_team_that_cannot_be_asked_denies(world: World, role: str) -> None:
    await asked(world, ("{people: [bo, sam]}", role), ONE_SEAT, ("{people: [ada, vic]}", "{people: [vic]}"))
    await world.approve("bo")
    assert await world.standing() == {"bo": ("refused", "not-answered")}
    (refused,) = [e for e in await world.entries("approval/DEP-1/1/bo") if e["type"] == "approval.refused"]
    assert [each["code"] for each in refused["facts"]["silent"]] == ["not-connected"]
    assert world.deployer.started == []
