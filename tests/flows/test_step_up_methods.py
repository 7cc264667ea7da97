"""Codes, logins and what the policy says of them; and answers that are no answers."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Method
from tests.flows.policy_text import policy_of
from tests.flows.stepping_up import ALL, HOME, ISSUER, LOGINS, Pages
from tests.flows.world import MINUTE, SECOND, World
from tests.soft_authenticator import SoftAuthenticator, b64


@pytest.mark.requirement("P8")
async def test_a_code_is_bound_to_its_link_and_never_counts_twice(pages: Pages) -> None:
    await pages.world.ask("bo", artifact="c0ffee1")
    await pages.world.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=90 * MINUTE)
    await pages.world.run_timers()
    await pages.code(await pages.press("ada"), "ada-50")
    second = await pages.press("ada", "DEP-2")
    refused = await pages.refusal(pages.code(second, "ada-50"))
    assert (refused.code, refused.facts["left"]) == ("code-used", 4)
    assert await pages.why_not(pages.code(second, "ada-49")) == "code-used"
    await pages.code(second, "ada-51")
    approval = (await pages.world.approvals("DEP-1"))["ada"]
    assert approval.factor.method == "totp"
    assert approval.factor.evidence["step"] == 50
    assert "ada-50" not in str(await pages.world.entries())


@pytest.mark.requirement("P8")
async def test_a_method_that_the_policy_forbids_is_refused_although_it_is_enrolled(pages: Pages) -> None:
    await pages.give("ada")
    changed = (ALL[0], "second_factor: {methods: [passkey]}")
    await pages.world.reload(changed, LOGINS)
    await pages.world.run_timers()
    token = await pages.press("ada")
    refused = await pages.refusal(pages.code(token, pages.good("ada")))
    assert refused == Refusal("method-forbidden", {"method": "totp", "allowed": ["passkey"]})
    assert await pages.why_not(pages.press("vic")) == "method-forbidden"  # has a code alone


async def test_whoever_has_nothing_or_nothing_confirmed_is_told_before_they_follow_a_link(
    world: World,
) -> None:
    world.policy = policy_of(ALL, LOGINS)
    await world.green()
    await world.runs_already()
    await world.prove()
    await world.ask()
    await world.run_timers()
    pages = Pages(world)
    assert await pages.why_not(pages.press("ada")) == "not-enrolled"
    await pages.give("ada", pending=True)
    assert await pages.why_not(pages.press("ada")) == "not-confirmed"


@pytest.mark.requirement("P8")
async def test_a_fresh_login_of_the_persons_own_account_approves(pages: Pages) -> None:
    identity = await pages.link("ada")
    await pages.login(await pages.press("ada"), identity.subject)
    factor = (await pages.world.approvals())["ada"].factor
    assert (factor.method, factor.credential) == ("oidc", identity.id)
    assert factor.evidence["amr"] == ["mfa"]


@pytest.mark.requirement("P8")
async def test_a_login_with_another_account_or_an_old_one_proves_nothing(pages: Pages) -> None:
    await pages.link("ada")
    await pages.link("vic")
    token = await pages.press("ada")
    assert await pages.why_not(pages.login(token, f"{ISSUER} vic")) == "login-not-yours"
    assert await pages.why_not(pages.login(token, f"{ISSUER} stranger")) == "login-not-yours"
    old = pages.login(token, f"{ISSUER} ada", ago=3 * MINUTE + SECOND)
    assert await pages.why_not(old) == "login-too-old"
    await pages.login(token, f"{ISSUER} ada", ago=3 * MINUTE)


@pytest.mark.requirement("P8")
async def test_an_account_that_was_linked_just_now_approves_nothing_for_production(pages: Pages) -> None:
    await pages.link("ada", ago=timedelta(0))
    token = await pages.press("ada")
    assert await pages.why_not(pages.login(token, f"{ISSUER} ada")) == "method-not-enrolled"
    pages.world.clock.advance(timedelta(hours=24))
    await pages.world.ask(artifact="c0ffee1")
    await pages.world.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=90 * MINUTE)
    await pages.world.green()
    await pages.world.run_timers()
    await pages.login(await pages.press("ada", "DEP-2"), f"{ISSUER} ada")


async def test_a_slack_account_that_is_somebody_elses_by_now_signs_nothing(pages: Pages) -> None:
    token = await pages.press("vic")
    pages.world.policy = policy_of(
        ALL, LOGINS, ("slack: U04VIC", "slack: U99OTHER"), ("lin: {slack: U05LIN", "lin: {slack: U04VIC")
    )
    assert await pages.why_not(pages.code(token, pages.good("vic"))) == "person-gone"


async def test_without_a_policy_for_logins_none_counts(pages: Pages) -> None:
    await pages.link("ada")
    pages.world.policy = policy_of(ALL)
    token = await pages.press("ada")
    assert await pages.why_not(pages.ask(token, Method.OIDC)) == "method-forbidden"


JUNK: list[dict[str, Any]] = [
    {},
    {"id": None},
    {"id": 7},
    {"id": ["x"]},
    {"id": "x" * 100_000},
    {"id": "\ud800"},
    {"id": base64.b64encode(b"ada").decode(), "response": {}},
]


@pytest.mark.parametrize("answer", JUNK, ids=range(len(JUNK)))
async def test_whatever_is_sent_for_an_answer_is_refused_and_counted(
    pages: Pages, answer: dict[str, Any]
) -> None:
    await pages.give("ada")
    token = await pages.press("ada")
    refused = await pages.refusal(pages.answer(token, await pages.ask(token), answer))
    assert (refused.code, refused.facts["left"]) == ("passkey-unknown", 4)


async def test_another_devices_answer_under_my_passkeys_name_is_refused(pages: Pages) -> None:
    mine = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    thief = SoftAuthenticator(mine.origin, mine.rp_id, id=mine.id)
    answer = thief.get({"challenge": b64(asked.signed)})
    assert await pages.why_not(pages.answer(token, asked, answer)) == "passkey-wrong-signature"
    assert (await pages.world.entries("request/DEP-1"))[-1]["facts"] == {
        "address": HOME,
        "code": "passkey-wrong-signature",
        "method": "passkey",
    }
