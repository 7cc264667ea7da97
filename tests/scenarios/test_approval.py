"""Who may approve, with which code, and what: a click is intent, the second factor is authority."""

import asyncio
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from examples.readiness.builds import Build
from examples.readiness.world import publish
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, DEPLOYMENTS, LIN, PEOPLE, VIC
from tests.scenarios.stage import GOOD, Stage

TWO_SEATS = (
    "- {role: [platform-lead, release-manager], count: 1}\n      minimum: 1",
    "- {role: [platform-lead], count: 1}\n        - {role: [release-manager], count: 1}\n      minimum: 2",
)


async def asked(stage: Stage) -> tuple[str, dict[str, Any]]:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    return request, await stage.card(request, "Approve")


@pytest.mark.requirement("P8")
async def test_nobody_approves_their_own_request(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1", user=ADA)
    card = await stage.card(request, "Approve", f"<@{BO}> can approve")
    assert f"<@{ADA}>" not in str(card)
    await stage.press(ADA, "Approve", card)
    await stage.told(ADA, "nobody approves their own change")
    assert await stage.people.modal(ADA) is None
    assert [e["type"] for e in await stage.entries("approval.")] == ["approval.denied"]
    await stage.approve("bo", request)
    await stage.until(request, RequestState.LIVE)


@pytest.mark.requirement("P7")
@pytest.mark.requirement("P8")
async def test_without_the_role_there_is_no_seat_whatever_factor_is_enrolled(stage: Stage) -> None:
    request, card = await asked(stage)
    for button in ("Approve", "Reject"):
        await stage.press(VIC, button, card)
        await stage.told(VIC, "platform-lead or release-manager", "you are not")
        assert await stage.people.modal(VIC) is None
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL
    assert "is Lin's" in await stage.deploy(VIC, f"cancel {request}")
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL


@pytest.mark.requirement("P8")
async def test_the_author_of_a_commit_does_not_approve_it(stage: Stage) -> None:
    tag = await stage.publish(authors=("ada-l", "lin-w"))
    request = await stage.ask(f"catalogue {tag} ticket=CHG-1")
    card = await stage.card(request, "Approve", f"<@{BO}> can approve")
    await stage.press(ADA, "Approve", card)
    await stage.told(ADA, "You wrote commits in this build")
    await stage.approve("bo", request)
    await stage.until(request, RequestState.LIVE)


@pytest.mark.requirement("P8")
async def test_without_an_enrolled_factor_nothing_is_approved_and_no_is_still_easy(make_stage: Make) -> None:
    stage = await make_stage(enrolled=("ada",))
    request, card = await asked(stage)
    await stage.press(BO, "Approve", card)
    await stage.told(BO, "You have no second factor here yet", "portcullis enroll")
    assert await stage.people.modal(BO) is None
    await stage.reject("bo", request, "Not today")
    await stage.until(request, RequestState.REJECTED)


async def submit(stage: Stage, person: str, code: str) -> str:
    """The error beside the code; none where it was taken."""
    sent = await stage.people.submit(PEOPLE[person], {"code": code})
    assert sent.acknowledged
    return sent.errors.get("code", "")


@pytest.mark.requirement("P8")
async def test_a_wrong_code_counts_down_and_the_right_one_still_counts(stage: Stage) -> None:
    request, _ = await asked(stage)
    await stage.open_approval("ada", request)
    assert "4 tries are left" in await submit(stage, "ada", stage.wrong_code("ada"))
    assert "3 tries are left" in await submit(stage, "ada", "not a code")
    assert "2 tries" in await submit(stage, "ada", stage.code("bo"))  # somebody else's authenticator
    assert await submit(stage, "ada", stage.code("ada")) == ""
    await stage.until(request, RequestState.LIVE)
    assert len(await stage.entries("factor.failed")) == 3
    assert len(await stage.entries("approval.signed")) == 1


@pytest.mark.requirement("P8")
async def test_a_code_is_good_once(stage: Stage) -> None:
    newer = await stage.publish("checkout")
    request, _ = await asked(stage)
    other = await stage.ask(f"checkout {newer} ticket=CHG-2")
    await stage.card(other, "Approve")
    code = stage.code("ada")
    await stage.open_approval("ada", request)
    assert await submit(stage, "ada", code) == ""
    await stage.people.close(ADA, everything=True)
    await stage.open_approval("ada", other)
    assert "used already" in await submit(stage, "ada", code)
    assert await stage.read(lambda tx: tx.approvals.of(other)) == []


@pytest.mark.requirement("P8")
async def test_five_wrong_codes_lock_approving_and_nothing_else(stage: Stage) -> None:
    newer = await stage.publish()
    request, card = await asked(stage)
    other = await stage.ask(f"catalogue {newer} ticket=CHG-2")
    await stage.card(other, "Approve")
    await stage.open_approval("ada", request)
    for _ in range(4):
        assert "left" in await submit(stage, "ada", stage.wrong_code("ada"))
    assert "That was the last try" in await submit(stage, "ada", stage.wrong_code("ada"))
    sent = await stage.people.submit(ADA, {"code": stage.code("ada")})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.modal(ADA, "Not possible", "Too many wrong codes")
    await stage.people.close(ADA, everything=True)
    await stage.press(ADA, "Approve", card)
    await stage.told(ADA, "Too many wrong codes", "Rejecting and cancelling still work")
    assert [e["type"] for e in await stage.entries("approval.")] == ["approval.denied"]
    assert len(await stage.entries("factor.failed")) == 5
    await stage.reject("ada", other, "No is easy")
    await stage.until(other, RequestState.REJECTED)
    await stage.approve("bo", request)  # and nobody else is locked
    await stage.until(request, RequestState.LIVE)


async def test_two_people_who_approve_at_once_for_one_seat_start_one_run(stage: Stage) -> None:
    request, _ = await asked(stage)
    await asyncio.gather(stage.open_approval("ada", request), stage.open_approval("bo", request))
    sent = await asyncio.gather(
        stage.people.submit(ADA, {"code": stage.code("ada")}),
        stage.people.submit(BO, {"code": stage.code("bo")}),
    )
    assert all(one.acknowledged and not one.errors for one in sent)
    await stage.until(request, RequestState.LIVE)
    await stage.quiet()
    assert len(stage.calls()) == 1
    assert len(await stage.entries("run.intended")) == 1
    assert len(await stage.entries("request.live")) == 1
    await stage.intact()


async def test_one_person_who_clicks_twice_at_once_fills_one_seat(make_stage: Make) -> None:
    stage = await make_stage(TWO_SEATS)
    request, card = await asked(stage)
    assert "needs 2 more approvals" in stage.people.text_of(card)
    await asyncio.gather(stage.press(ADA, "Approve", card), stage.press(ADA, "Approve", card))
    await stage.modal(ADA, f"Approve {request}")
    code = {"code": stage.code("ada")}
    await asyncio.gather(
        stage.people.submit(ADA, code), stage.people.submit(ADA, code), return_exceptions=True
    )
    await stage.card(request, "needs 1 more approval", f"<@{BO}> can approve")
    assert len(await stage.entries("approval.signed")) == 1
    await stage.people.close(ADA, everything=True)
    await stage.press(ADA, "Approve", card)
    await stage.told(ADA, "You approved", "another person")
    assert stage.calls() == []
    await stage.approve("bo", request)
    await stage.until(request, RequestState.LIVE)
    assert len(stage.calls()) == 1


async def pushed_again(stage: Stage) -> None:
    """Somebody pushes another image under the same tag, and CI says it built it."""
    kept = stage.world.shelf.find("catalogue", GOOD)
    assert kept is not None
    found = ({"id": "CVE-2026-9", "package": "zlib", "version": "1", "severity": "low"},)
    await publish(stage.world, Build(service="catalogue", tag=GOOD, soaked=kept.soaked, findings=found))


@pytest.mark.requirement("P9")
async def test_what_changed_between_the_modal_and_the_code_is_not_approved_unseen(stage: Stage) -> None:
    request, _ = await asked(stage)
    before = await stage.request(request)
    await stage.open_approval("ada", request)
    await pushed_again(stage)

    async def revised() -> bool:
        return (await stage.request(request)).revision == 2

    await stage.wait(revised, what="the new facts to be judged")
    sent = await stage.people.submit(ADA, {"code": stage.code("ada")})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.modal(ADA, "Not possible", "changed while you read it")
    assert await stage.read(lambda tx: tx.approvals.of(request)) == []
    after = await stage.request(request)
    assert after.fingerprint != before.fingerprint
    assert stage.calls() == []
    await stage.people.close(ADA, everything=True)
    card = await stage.card(request, "Approve")
    await stage.message(DEPLOYMENTS, "the evidence", "revision 2", thread_of=card["ts"])
    await stage.approve("ada", request)  # the code was not used up by what was refused
    await stage.until(request, RequestState.LIVE)


@pytest.mark.requirement("P9")
async def test_an_approval_given_is_void_when_the_facts_change_and_is_asked_for_again(
    make_stage: Make,
) -> None:
    stage = await make_stage(TWO_SEATS)
    request, card = await asked(stage)
    await stage.approve("ada", request)
    await stage.card(request, "needs 1 more approval")
    await pushed_again(stage)
    await stage.card(request, "needs 2 more approvals")
    await stage.message(DEPLOYMENTS, "the evidence", "revision 2", "void", thread_of=card["ts"])
    await stage.told(ADA, "no longer counts", "the evidence")
    assert len(await stage.entries("approval.voided")) == 1
    await stage.approve("bo", request)
    await stage.card(request, "needs 1 more approval")
    assert stage.calls() == []
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    (run,) = await stage.entries("run.intended")
    assert sorted(one["person"] for one in run["facts"]["approved_by"]) == ["ada", "bo"]
    await stage.intact()


@pytest.mark.requirement("P4")
async def test_a_new_vulnerability_refuses_what_waits_for_approval(stage: Stage) -> None:
    request, _ = await asked(stage)
    await stage.open_approval("ada", request)
    found = ({"id": "CVE-2026-1", "package": "zlib", "version": "1", "severity": "critical"},)
    kept = stage.world.shelf.find("catalogue", GOOD)
    assert kept is not None
    worse = Build(service="catalogue", tag=GOOD, soaked=kept.soaked, critical=1, findings=found)
    await publish(stage.world, worse)
    await stage.until(request, RequestState.REFUSED)
    await stage.card(request, "Refused")
    await stage.told(LIN, "CVE-2026-1")
    await stage.people.submit(ADA, {"code": stage.code("ada")})
    await stage.modal(ADA, "Not possible", "was refused")
    assert stage.calls() == []


@pytest.mark.requirement("P8")
async def test_a_role_that_is_gone_by_the_start_fills_no_seat(make_stage: Make) -> None:
    stage = await make_stage(TWO_SEATS)
    request, card = await asked(stage)
    await stage.approve("ada", request)
    await stage.card(request, "needs 1 more approval")
    policy = stage.folder / "policy.yaml"
    policy.write_text(
        policy.read_text().replace("platform-lead:   {people: [ada]}", "platform-lead:   {people: [vic]}")
    )
    assert stage.bot is not None
    assert await stage.bot.reload()
    await stage.told(ADA, "no longer counts", "the policy")
    await stage.press(ADA, "Approve", card)
    await stage.told(ADA, "you are not")
    await stage.approve("bo", request)
    await stage.approve("vic", request)
    await stage.until(request, RequestState.LIVE)
