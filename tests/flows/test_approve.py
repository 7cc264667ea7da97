"""Signing an approval: a fresh second factor, bound to what was shown, decided once."""

import asyncio

import pytest

from bot.domain.refusal import Refusal
from bot.flows import approve
from tests.flows.policy_text import ONE_SEAT, REWORDED, policy_of
from tests.flows.world import DAY, MINUTE, SECOND, World

WRONG = "000000"


@pytest.fixture
async def asked(world: World) -> World:
    """DEP-1 of Lin awaits approval: a lead or a release manager, and a lead or whoever is on call."""
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.deliveries()
    return world


@pytest.mark.requirement("P9")
async def test_nothing_starts_without_an_approval(asked: World) -> None:
    await asked.pass_time(DAY - SECOND)
    assert asked.deployer.started == []
    assert await asked.state_of() == "awaiting-approval"


@pytest.mark.requirement("P8")
async def test_a_signature_is_kept_with_the_factor_and_never_with_the_code(asked: World) -> None:
    await asked.sign("ada", code="ada-77")
    approval = (await asked.approvals())["ada"]
    request = await asked.request()
    assert approval.state.value == "signed"
    assert approval.fingerprint == request.fingerprint
    assert (approval.factor.method, approval.factor.at) == ("totp", asked.clock.now())
    assert approval.factor.credential.startswith("totp-")
    assert "ada-77" not in str(await asked.entries())


@pytest.mark.requirement("P9")
async def test_the_requester_approves_nothing_of_their_own_whatever_their_roles(world: World) -> None:
    await world.ready()
    await world.ask("ada")
    await world.run_timers()
    assert await world.refusal_of_signing("ada") == "own-request"
    await world.approve("bo", "vic")
    assert await world.state_of() == "live"


async def test_who_holds_no_role_of_a_seat_cannot_sign(asked: World) -> None:
    await asked.enroll("lin")
    await asked.ask("ada", artifact="c0ffee1")
    await asked.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=90 * MINUTE)
    await asked.run_timers()
    assert await asked.refusal_of_signing("lin", "DEP-2") == "no-seat"


async def test_somebody_outside_the_directory_cannot_sign(asked: World) -> None:
    assert await asked.refusal_of_signing("mallory") == "unknown-person"


async def test_whoever_has_no_second_factor_cannot_sign(world: World) -> None:
    await world.green()
    await world.runs_already()
    await world.prove()
    await world.ask()
    await world.run_timers()
    assert await world.refusal_of_signing("ada") == "not-enrolled"


async def test_a_method_that_the_policy_forbids_is_refused(asked: World) -> None:
    await asked.reload(("methods: [totp]", "methods: [passkey]"))
    await asked.run_timers()
    assert await asked.refusal_of_signing("ada") == "method-forbidden"


async def test_whom_the_policy_excludes_cannot_sign(asked: World) -> None:
    await asked.reload(("[requester, commit-authors]", "[requester, commit-authors, vic, release-manager]"))
    await asked.run_timers()
    assert await asked.refusal_of_signing("vic") == "excluded"
    assert await asked.refusal_of_signing("bo") == "excluded"
    assert await asked.refusal_of_signing("ada") == "signed"


async def test_an_unknown_request_and_a_closed_one_cannot_be_signed(asked: World) -> None:
    signature = approve.Signature(
        asker=asked.asker("ada"), key="k", request="DEP-404", revision=1, fingerprint="x", code="ada-1"
    )
    with pytest.raises(Refusal, match="unknown-request"):
        await approve.sign(asked.ledger, asked.policy, asked.codes, signature)
    await asked.cancel("lin")
    assert await asked.refusal_of_signing("ada") == "not-awaiting-approval"


async def test_a_request_whose_time_is_over_cannot_be_signed_even_before_it_is_closed(asked: World) -> None:
    asked.clock.advance(DAY)
    assert await asked.refusal_of_signing("ada") == "not-awaiting-approval"


async def test_the_modal_is_refused_before_anybody_types_a_code_in_vain(asked: World) -> None:
    for person, code in {"lin": "own-request", "sam": "commit-author", "cy": None}.items():
        refused = None
        try:
            await approve.openable(asked.ledger, asked.policy, asked.asker(person), "DEP-1")
        except Refusal as refusal:
            refused = refusal.code
        assert refused == code


@pytest.mark.requirement("P8")
async def test_a_wrong_code_is_counted_and_audited_and_signs_nothing(asked: World) -> None:
    with pytest.raises(Refusal) as refused:
        await asked.sign("ada", code=WRONG)
    assert refused.value.code == "wrong-code"
    assert refused.value.facts["left"] == 4
    assert await asked.approvals() == {}
    last = (await asked.entries("request/DEP-1"))[-1]
    assert (last["type"], last["by"]["person"]) == ("factor.failed", "ada")
    assert WRONG not in str(last)


@pytest.mark.requirement("P8")
async def test_five_wrong_codes_in_a_quarter_of_an_hour_lock_approving_and_nothing_else(asked: World) -> None:
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(Refusal) as refused:
            await asked.sign("ada", code=WRONG)
        assert refused.value.facts["left"] == left
        asked.clock.advance(MINUTE)
    assert await asked.refusal_of_signing("ada") == "locked-out"  # the right code does not help
    assert await asked.refusal_of_signing("cy") == "signed"  # nor is anybody else locked
    asked.clock.advance(9 * MINUTE)
    assert await asked.refusal_of_signing("ada") == "locked-out"
    await asked.reject("ada")
    assert await asked.state_of() == "rejected"


async def test_whoever_is_locked_out_can_still_cancel_and_approves_again_when_the_time_is_over(
    asked: World,
) -> None:
    for _ in range(5):
        assert await asked.refusal_of_signing("ada", code=WRONG) == "wrong-code"
    await asked.cancel("ada")
    await asked.ask()
    await asked.run_timers()
    asked.clock.advance(15 * MINUTE)
    assert await asked.refusal_of_signing("ada", "DEP-2") == "locked-out"
    asked.clock.advance(SECOND)
    assert await asked.refusal_of_signing("ada", "DEP-2") == "signed"


@pytest.mark.requirement("P8")
async def test_a_code_signs_once_on_whatever_request(asked: World) -> None:
    await asked.ask(artifact="c0ffee1")
    await asked.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=90 * MINUTE)
    await asked.run_timers()
    await asked.sign("ada", code="ada-70")
    assert await asked.refusal_of_signing("ada", "DEP-2", code="ada-70") == "code-used"
    assert await asked.refusal_of_signing("ada", "DEP-2", code="ada-69") == "code-used"  # nor an older one
    assert await asked.refusal_of_signing("ada", "DEP-2", code="ada-71") == "signed"


async def test_somebody_elses_code_is_wrong(asked: World) -> None:
    assert await asked.refusal_of_signing("ada", code="bo-5") == "wrong-code"


async def test_a_submission_that_arrives_twice_decides_once(asked: World) -> None:
    await asked.sign("ada", key="view:V1", code="ada-70")
    before = await asked.everything()
    await asked.sign("ada", key="view:V1", code="ada-70")
    assert await asked.everything() == before


async def test_a_wrong_code_does_not_use_up_the_modal(asked: World) -> None:
    assert await asked.refusal_of_signing("ada", key="view:V1", code=WRONG) == "wrong-code"
    assert await asked.refusal_of_signing("ada", key="view:V1") == "signed"
    assert set(await asked.approvals()) == {"ada"}


async def test_two_clicks_of_one_person_are_one_signature(asked: World) -> None:
    results = await asyncio.gather(*(asked.refusal_of_signing("ada") for _ in range(4)))
    assert sorted(results) == ["already-signed"] * 3 + ["signed"]
    await asked.run_timers()
    assert await asked.standing() == {"ada": ("counted", None)}
    assert await asked.state_of() == "awaiting-approval"


@pytest.mark.requirement("P9")
async def test_a_signature_is_bound_to_the_fingerprint_that_was_shown(asked: World) -> None:
    shown = await asked.request()
    assert await asked.refusal_of_signing("ada", fingerprint="sha256:" + "0" * 64) == "changed-since"
    assert await asked.refusal_of_signing("ada", revision=shown.revision + 1) == "changed-since"
    await asked.reload(REWORDED)
    await asked.run_timers()
    assert await asked.refusal_of_signing("ada", fingerprint=shown.fingerprint, revision=1) == "changed-since"
    assert await asked.approvals() == {}


async def test_a_refused_signature_leaves_nothing_but_its_entry(asked: World) -> None:
    before = await asked.everything()
    for person in ("lin", "sam", "mallory"):
        await asked.refusal_of_signing(person)
    await asked.refusal_of_signing("ada", revision=9)
    denials = {"audit_entries": 2, "received": 2}  # of two whom the directory knows
    assert await asked.everything() == {name: n + denials.get(name, 0) for name, n in before.items()}


async def test_a_signature_is_refused_while_the_request_is_still_checked(world: World) -> None:
    await world.ready()
    world.registry.silent = True
    await world.ask()
    await world.run_timers()
    assert await world.refusal_of_signing("ada") == "not-awaiting-approval"


async def test_one_seat_is_filled_by_one_signature(world: World) -> None:
    await world.reload(ONE_SEAT)
    await world.ready()
    await world.ask()
    await world.run_timers()
    await world.approve("bo")
    assert await world.state_of() == "live"


@pytest.mark.requirement("P10")
async def test_a_try_of_somebody_who_may_not_approve_stands_in_the_trail_once(world: World) -> None:
    world.policy = policy_of(ONE_SEAT)
    await world.ready()
    await world.ask("ada")
    await world.run_timers()
    for _ in range(3):
        assert await world.refusal_of_signing("ada") == "own-request"
    denied = [e for e in await world.entries("request/DEP-1") if e["type"] == "approval.denied"]
    assert [(e["facts"], e["by"]["person"]) for e in denied] == [
        ({"code": "own-request", "revision": 1}, "ada")
    ]
