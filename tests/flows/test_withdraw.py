"""Approvals taken back: by a word before the start, by a second factor after it; nothing starts by one that was (P16)."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.approval import ApprovalState
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Method, Purpose
from bot.flows import step_up
from bot.flows.intents import intent_of
from bot.ports import Factors
from tests.flows import rolling
from tests.flows.fakes import DIGEST, NEXT_DIGEST, NEXT_TAG, OLD_TAG, TAG
from tests.flows.freezing import refused
from tests.flows.going_back import RUNS, WAY_BACK, ask_back, live, proved, withdraw
from tests.flows.policy_text import ONE_SEAT
from tests.flows.rolling import IN_STEPS
from tests.flows.world import DAY, HOUR, MINUTE, World

pytestmark = pytest.mark.requirement("P16")
FRIDAY_NIGHT = timedelta(days=3, hours=12)


async def open_for_approval(world: World, *changes: tuple[str, str]) -> None:
    await world.reload(*changes)
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()


async def approved_and_waiting(world: World) -> None:
    """DEP-1 is approved on a weekend, and waits for Monday."""
    world.clock.advance(4 * DAY)
    await open_for_approval(world, ONE_SEAT)
    await world.approve("ada")
    assert await world.state_of() == "approved"
    await world.deliveries()


# --- before the start -----------------------------------------------------------------------------------------------


async def test_before_the_start_a_word_is_enough_and_the_thread_and_the_requester_are_told(
    world: World,
) -> None:
    await approved_and_waiting(world)
    done = await withdraw(world, reason="I misread the diff")
    assert (done.token, done.request.state.value) == (None, "awaiting-approval")
    assert await world.standing() == {"ada": ("withdrawn", None)}
    owed = await world.deliveries()
    (note,) = [d.facts for d in owed if d.kind == "request-note"]
    assert (note["code"], note["person"], note["reason"]) == ("withdrawn", "ada", "I misread the diff")
    assert [d.facts["code"] for d in owed if d.destination == "slack:user:U05LIN"] == ["withdrawn"]
    assert "approval.withdrawn" in await world.types("approval/DEP-1/1/ada")
    assert "request.approval-withdrawn" in await world.types("request/DEP-1")


async def test_a_signature_that_is_not_counted_yet_can_be_taken_back_too(world: World) -> None:
    await open_for_approval(world, ONE_SEAT)
    await world.sign("ada")
    await withdraw(world)
    await world.run_timers()
    assert await world.state_of() == "awaiting-approval"
    assert world.deployer.started == []


async def test_where_the_quorum_still_stands_it_stays_approved(world: World) -> None:
    world.clock.advance(4 * DAY)
    await open_for_approval(world, ONE_SEAT)
    await world.sign("ada")
    await world.sign("bo")
    await world.run_timers()
    assert await world.state_of() == "approved"
    await withdraw(world)
    await world.run_timers()
    assert await world.state_of() == "approved"


async def test_it_can_be_approved_again_with_a_fresh_factor(world: World) -> None:
    await approved_and_waiting(world)
    await withdraw(world)
    await world.run_timers()
    assert await world.refusal_of_signing("ada", code="ada-1") == "code-used"
    await world.approve("ada")
    assert await world.standing() == {"ada": ("counted", None)}
    assert await world.state_of() == "approved"


@pytest.mark.parametrize(
    ("person", "code"),
    [("bo", "nothing-to-withdraw"), ("lin", "nothing-to-withdraw"), ("nobody", "unknown-person")],
)
async def test_only_ones_own_approval_can_be_taken_back(world: World, person: str, code: str) -> None:
    await approved_and_waiting(world)
    assert await refused(withdraw(world, person)) == code


async def test_the_same_command_delivered_twice_withdraws_once_and_a_second_one_is_told_so(
    world: World,
) -> None:
    await approved_and_waiting(world)
    await withdraw(world, key="one")
    await withdraw(world, key="one")
    assert await refused(withdraw(world)) == "withdrawn-already"
    assert (await world.types("approval/DEP-1/1/ada")).count("approval.withdrawn") == 1


async def test_a_request_that_is_over_has_nothing_to_withdraw(world: World) -> None:
    await approved_and_waiting(world)
    await world.reject("bo")
    assert await refused(withdraw(world)) == "over-already"


# --- after the start ------------------------------------------------------------------------------------------------


async def test_after_the_start_it_names_an_incident_and_takes_a_second_factor(world: World) -> None:
    await live(world)
    assert await refused(withdraw(world)) == "incident-first"
    assert await refused(withdraw(world, incident="soon")) == "bad-incident"
    done = await withdraw(world, incident="INC-9", reason="Tills are slow")
    assert done.token is not None
    token = done.token
    intent = await world.ledger.read(lambda tx: intent_of(tx, token))
    request = await world.request()
    assert (intent.purpose, intent.person, intent.words) == (Purpose.WITHDRAW, "ada", "INC-9 Tills are slow")
    assert (intent.request, intent.revision, intent.fingerprint) == (
        "DEP-1",
        request.revision,
        request.fingerprint,
    )
    assert await world.standing() == {"ada": ("counted", None)}  # a link does nothing
    assert done.back is not None
    assert (done.back.away.tag, done.back.target.tag) == (TAG, OLD_TAG)


async def test_one_factor_withdraws_and_approves_the_rollback_which_starts_at_once(world: World) -> None:
    await live(world)
    await proved(world)
    await world.run_timers()
    assert await world.standing() == {"ada": ("withdrawn", None)}
    request = await world.request("DEP-2")
    assert (request.state.value, request.revision, request.ticket, request.reason) == (
        "live",
        1,
        "INC-9",
        "Tills are slow",
    )
    (approval,) = (await world.approvals("DEP-2")).values()
    assert (approval.state, approval.factor.method, approval.fingerprint) == (
        ApprovalState.COUNTED,
        "passkey",
        request.fingerprint,
    )
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG]


@pytest.mark.requirement("P8")
async def test_a_code_typed_on_our_page_does_it_and_a_wrong_one_does_not(world: World) -> None:
    await live(world)
    token = (await withdraw(world, incident="INC-9")).token
    assert token is not None
    factors = Factors(codes=world.codes, pages="https://portcullis.example")

    async def by_code(code: str) -> None:
        asked = await step_up.challenge(world.ledger, world.policy, token, Method.TOTP, address="192.0.2.7")
        await step_up.by_code(
            world.ledger, world.policy, factors, token, asked.challenge.id, code, address="192.0.2.7"
        )

    assert await refused(by_code("bo-77")) == "wrong-code"
    assert await world.standing() == {"ada": ("counted", None)}
    await by_code("ada-77")
    assert await refused(by_code("ada-78")) == "link-used"
    await world.run_timers()
    assert await world.state_of("DEP-2") == "live"


async def test_however_often_it_is_asked_there_is_one_rollback(world: World) -> None:
    await live(world)
    await proved(world)
    assert await refused(proved(world)) == "withdrawn-already"
    await world.run_timers()
    assert await refused(proved(world)) in ("withdrawn-already", "newer-runs")
    assert len(world.deployer.rolled_back) == 1


async def test_two_who_withdraw_in_the_same_moment_share_one_rollback(world: World) -> None:
    await world.reload(WAY_BACK)
    await world.ready()
    world.deployer.found = RUNS
    await world.ask()
    await world.run_timers()
    await world.sign("ada")
    await world.sign("cy")
    await world.run_timers()
    assert await world.state_of() == "live"
    await asyncio.gather(proved(world, "ada"), proved(world, "cy"))
    await world.run_timers()
    assert {p: s for p, (s, _) in (await world.standing()).items()} == {"ada": "withdrawn", "cy": "withdrawn"}
    assert set(await world.approvals("DEP-2")) == {"ada", "cy"}
    assert len(world.deployer.rolled_back) == 1
    newest = await world.ledger.read(lambda tx: tx.requests.newest(limit=5))
    assert [r.id for r in newest] == ["DEP-2", "DEP-1"]


async def test_a_rollback_that_somebody_asked_for_already_gets_the_approval(world: World) -> None:
    await live(world)
    await ask_back(world, "bo")
    await proved(world)
    await world.run_timers()
    request = await world.request("DEP-2")
    assert (request.requester.person, request.state.value) == ("bo", "live")
    assert list(await world.approvals("DEP-2")) == ["ada"]


@pytest.mark.parametrize("words", ["INC-9", "INC-9 "])
async def test_a_reason_is_not_needed_where_an_incident_says_it(world: World, words: str) -> None:
    await live(world)
    await proved(world, words=words)
    assert (await world.request("DEP-2")).ticket == "INC-9"


async def test_whoever_may_not_approve_the_rollback_withdraws_all_the_same(world: World) -> None:
    """The factor is counted against the rollback's own seats; the rollback waits for somebody who fills one."""
    await world.reload(ONE_SEAT, WAY_BACK)
    await world.ready()
    world.deployer.found = RUNS
    await world.ask()
    await world.run_timers()
    await world.approve("bo")
    await proved(world, "bo")
    await world.run_timers()
    assert await world.state_of("DEP-2") == "awaiting-approval"
    assert await world.standing("DEP-2") == {"bo": ("refused", "no-seat")}
    await world.approve("cy", request_id="DEP-2")
    assert await world.state_of("DEP-2") == "live"


async def test_once_something_newer_runs_it_is_refused_and_says_so(world: World) -> None:
    await live(world)
    await world.state("deployment", environment="production", artifact=NEXT_TAG, digest=NEXT_DIGEST)
    with pytest.raises(Refusal) as caught:
        await proved(world)
    assert (caught.value.code, caught.value.facts["artifact"]) == ("newer-runs", NEXT_TAG)
    assert await world.standing() == {"ada": ("counted", None)}


async def test_while_something_newer_rolls_out_it_is_refused_and_says_so(world: World) -> None:
    await live(world)
    await world.prove(NEXT_TAG, NEXT_DIGEST)
    newer = await world.ask(artifact=NEXT_TAG)
    await world.run_timers()

    async def meanwhile(_run: Any) -> None:
        world.deployer.during = None
        assert await refused(withdraw(world, incident="INC-9")) == "newer-runs"

    world.deployer.during = meanwhile
    await world.approve("vic", request_id=newer)
    assert await world.state_of(newer) == "live"


async def test_a_statement_that_arrives_late_and_is_dated_back_does_not_move_the_way_back(
    world: World,
) -> None:
    await live(world)
    await world.state(
        "deployment", timedelta(minutes=6), environment="production", artifact=NEXT_TAG, digest=NEXT_DIGEST
    )
    await proved(world)
    await world.run_timers()
    assert (await world.request("DEP-2")).artifact.tag == OLD_TAG


async def test_a_way_back_that_is_not_the_approved_one_is_not_taken(world: World) -> None:
    """What is stated while it rolls out was known when it came to run, and may be true; one factor does not settle it."""
    await rolling.rolling(world, IN_STEPS)
    world.deployer.found = RUNS
    await world.run_timers()
    assert await rolling.stands(world) == ("between-steps", 25)
    await world.state(
        "deployment", timedelta(minutes=30), environment="production", artifact=NEXT_TAG, digest=NEXT_DIGEST
    )
    await world.pass_time(15 * MINUTE)
    assert await world.state_of() == "live"
    assert await refused(proved(world)) == "way-back-moved"


async def test_what_changed_since_the_click_is_not_withdrawn_by_it(world: World) -> None:
    await live(world)
    assert await refused(proved(world, revision=2)) == "changed-since"
    assert await refused(proved(world, fingerprint="sha256:other")) == "changed-since"


async def test_going_back_is_not_withdrawn(world: World) -> None:
    await live(world)
    await proved(world)
    await world.run_timers()
    assert await refused(proved(world, request_id="DEP-2")) == "withdraws-rollback"


async def test_a_first_deployment_has_nothing_to_go_back_to(world: World) -> None:
    await world.reload(ONE_SEAT, ("rollback-target:    {}", "rollback-target:    {initial: warn}"))
    await world.green()
    await world.prove()
    await world.enroll("ada")
    await world.ask(reason="The first one")
    await world.run_timers()
    await world.approve("ada")
    assert await world.state_of() == "live"
    assert await refused(withdraw(world, incident="INC-9")) == "no-way-back"


async def test_a_rollout_between_two_calls_ends_where_it_stands_and_goes_back(world: World) -> None:
    await rolling.rolling(world, IN_STEPS)
    world.deployer.found = RUNS
    await world.run_timers()
    await proved(world)
    assert await world.state_of() == "failed"  # in the very transaction of the factor
    await world.run_timers()
    assert rolling.called(world) == [25]
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG]
    await world.pass_time(HOUR)
    assert rolling.called(world) == [25]


async def test_during_the_last_call_the_rollback_waits_for_it_and_then_goes_back(world: World) -> None:
    await open_for_approval(world, ONE_SEAT)
    world.deployer.found = RUNS

    async def meanwhile(_run: Any) -> None:
        world.deployer.during = None
        await proved(world)
        await world.fire("evaluate", "DEP-2")
        assert await world.state_of("DEP-2") == "approved"

    world.deployer.during = meanwhile
    await world.approve("ada")
    assert [await world.state_of(i) for i in ("DEP-1", "DEP-2")] == ["live", "live"]
    assert [r.artifact.tag for r in world.deployer.rolled_back] == [OLD_TAG]


async def test_what_was_not_called_yet_ends_without_a_rollback(world: World) -> None:
    await rolling.rolling(world, IN_STEPS)
    await rolling.hold(world, "lin")
    done = await withdraw(world, incident="INC-9")
    assert done.back is None
    await proved(world)
    await world.run_timers()
    assert await world.state_of() == "failed"
    assert rolling.called(world) == []
    assert world.deployer.rolled_back == []
    newest = await world.ledger.read(lambda tx: tx.requests.newest(limit=5))
    assert [r.id for r in newest] == ["DEP-1"]


# --- races ----------------------------------------------------------------------------------------------------------


async def test_withdrawn_while_the_start_is_being_decided_it_does_not_start(world: World) -> None:
    """The facts were gathered with the approval; the transaction that decides reads it again."""
    await open_for_approval(world, ONE_SEAT)
    await world.sign("ada")

    async def meanwhile() -> None:
        await withdraw(world)

    world.registry.meanwhile = meanwhile
    await world.fire("evaluate", "DEP-1")
    await world.run_timers()
    assert world.deployer.started == []
    assert await world.state_of() == "awaiting-approval"


@pytest.mark.requirement("P9")
@pytest.mark.parametrize("seed", range(12))
async def test_after_a_withdrawal_is_committed_nothing_starts_by_that_approval(
    world: World, seed: int
) -> None:
    """Signing, judging, withdrawing, starting and time passing, in any order: a run needs approvals that stand."""
    chance = random.Random(seed)  # noqa: S311
    world.clock.advance(4 * DAY if seed % 3 == 0 else timedelta(0))
    await open_for_approval(world, ONE_SEAT)
    world.deployer.found = RUNS
    withdrawn = False
    for _ in range(14):
        match chance.choice(["sign", "withdraw", "evaluate", "both", "start", "time", "timers"]):
            case "sign":
                withdrawn = await world.refusal_of_signing("ada") != "signed" and withdrawn
            case "withdraw":
                withdrawn = await _withdrawn(world) or withdrawn
            case "both":
                _, done = await asyncio.gather(world.fire("evaluate", "DEP-1"), _withdrawn(world))
                withdrawn = done or withdrawn
            case "evaluate":
                await world.fire("evaluate", "DEP-1")
            case "start":
                await _quietly(world.press_start())
            case "time":
                await world.pass_time(chance.choice([MINUTE, HOUR, FRIDAY_NIGHT]))
            case _:
                await world.run_timers()
        runs = await world.runs()
        if withdrawn:
            assert runs == []
            assert await world.state_of() in ("awaiting-approval", "expired")
        if runs:
            assert [r.artifact.digest for r in world.deployer.started] in ([], [DIGEST])
            break


async def _withdrawn(world: World) -> bool:
    """Whether it was committed before the start."""
    try:
        return (await withdraw(world)).token is None
    except Refusal:
        return False


async def _quietly(work: Any) -> None:
    try:
        await work
    except Refusal:
        return
