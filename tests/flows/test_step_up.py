"""A click becomes authority: one challenge, one use, one person, one set of facts; and an auditor can check it."""

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bot.domain.canonical import canonical
from bot.domain.refusal import Refusal
from bot.domain.second_factor import PREFIX, Method
from bot.flows import step_up
from bot.flows.reload_policy import put_in_force
from tests.flows.policy_text import REWORDED, policy_of
from tests.flows.stepping_up import ALL, LOGINS, Pages
from tests.flows.world import DAY, HOUR, MINUTE
from tests.soft_authenticator import b64, unb64


@pytest.mark.requirement("P8")
async def test_a_passkey_signs_what_was_shown(pages: Pages) -> None:
    await pages.give("ada")
    done = await pages.passkey(await pages.press("ada"), "ada")
    approval = (await pages.world.approvals())["ada"]
    request = await pages.world.request()
    assert (done.method, done.intent.request) == (Method.PASSKEY, "DEP-1")
    assert (approval.fingerprint, approval.revision) == (request.fingerprint, request.revision)
    assert (approval.factor.method, approval.factor.credential) == ("passkey", "passkey-ada")
    assert approval.via == "slack:T1/U01ADA"


@pytest.mark.requirement("P8")
@pytest.mark.requirement("P9")
async def test_an_auditor_verifies_the_persons_signature_from_the_audit_entries_alone(pages: Pages) -> None:
    await pages.give("ada")
    await pages.passkey(await pages.press("ada"), "ada")
    entries = await pages.world.entries()
    signed = next(e for e in entries if e["type"] == "approval.signed")["state"]
    enrolled = next(
        e for e in entries if e["type"] == "credential.enrolled" and (e["state"] or {}).get("passkey")
    )
    kept = signed["factor"]["evidence"]
    facts = kept["challenge"]
    assert (facts["person"], facts["request"], facts["fingerprint"]) == (
        "ada",
        "DEP-1",
        signed["fingerprint"],
    )
    assert enrolled["state"]["person"] == "ada"
    assert enrolled["state"]["passkey"]["public_key"] == kept["public_key"]
    client_data = unb64(kept["client_data_json"])
    said = json.loads(client_data)
    challenge = hashlib.sha256(PREFIX + canonical(facts)).digest()
    assert (unb64(said["challenge"]), said["type"]) == (challenge, "webauthn.get")
    cose = cbor2.loads(unb64(kept["public_key"]))
    x, y = (int.from_bytes(cose[name]) for name in (-2, -3))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    message = unb64(kept["authenticator_data"]) + hashlib.sha256(client_data).digest()
    key.verify(unb64(kept["signature"]), message, ec.ECDSA(hashes.SHA256()))  # raises where it is not good
    assert unb64(kept["authenticator_data"])[32] & 0x04  # the authenticator verified its user


@pytest.mark.requirement("P8")
async def test_a_link_alone_approves_nothing_however_often_it_is_looked_at(pages: Pages) -> None:
    token = await pages.press("ada")
    before = await pages.world.everything()
    for _ in range(3):
        shown = await step_up.shown(pages.world.ledger, pages.world.policy, token)
        assert shown.intent.person == "ada"
    assert await pages.world.everything() == before


async def test_the_token_of_a_link_is_kept_nowhere(pages: Pages) -> None:
    token = await pages.press("ada")
    asked = await pages.ask(token, Method.TOTP)
    with open(pages.world.url.removeprefix("sqlite:///"), "rb") as database:  # noqa: PTH123
        kept = database.read()
    assert token.encode() not in kept
    assert asked.intent.id == hashlib.sha256(token.encode()).hexdigest()


@pytest.mark.requirement("P8")
async def test_a_link_works_once(pages: Pages) -> None:
    await pages.give("ada")
    token = await pages.press("ada")
    await pages.passkey(token, "ada")
    assert await pages.why_not(pages.passkey(token, "ada")) == "link-used"
    assert await pages.why_not(pages.code(token, pages.good("ada"))) == "link-used"


async def test_a_link_works_for_ten_minutes(pages: Pages) -> None:
    token = await pages.press("ada")
    pages.world.clock.advance(10 * MINUTE)
    assert await pages.why_not(pages.code(token, pages.good("ada"))) == "link-over"


@pytest.mark.parametrize("token", ["", "x" * 43, "\ud800", "../../etc/passwd"])
async def test_a_link_that_nobody_was_given_leads_nowhere(pages: Pages, token: str) -> None:
    assert await pages.why_not(pages.ask(token)) == "link-unknown"


@pytest.mark.requirement("P8")
async def test_a_challenge_lasts_two_minutes_and_no_longer_than_the_policy_calls_fresh(pages: Pages) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    answer = device.get({"challenge": b64(asked.signed)})
    pages.world.clock.advance(timedelta(seconds=120))
    assert await pages.why_not(pages.answer(token, asked, answer)) == "challenge-over"
    pages.world.policy = policy_of(ALL, LOGINS, ("within: 3m", "within: 30s"))
    asked = await pages.ask(token)
    assert asked.challenge.expires_at - asked.challenge.created_at == timedelta(seconds=30)


@pytest.mark.requirement("P8")
async def test_a_challenge_is_used_up_before_its_answer_is_looked_at(pages: Pages) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    good = device.get({"challenge": b64(asked.signed)})
    bad = good | {"response": good["response"] | {"signature": b64(b"no")}}
    assert (await pages.why_not(pages.answer(token, asked, bad))).startswith("passkey-")
    assert await pages.why_not(pages.answer(token, asked, good)) == "challenge-over"
    assert await pages.world.approvals() == {}


@pytest.mark.requirement("P8")
async def test_two_answers_in_the_same_moment_count_once(pages: Pages) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    answer = device.get({"challenge": b64(asked.signed)})
    ends = await asyncio.gather(
        *(pages.answer(token, asked, answer) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(end, step_up.Done) for end in ends) == 1
    assert {e.code for e in ends if isinstance(e, Refusal)} <= {"challenge-over", "link-used"}
    assert (await pages.world.types()).count("approval.signed") == 1


async def test_the_challenge_of_one_link_answers_no_other(pages: Pages) -> None:
    device = await pages.give("ada")
    first, second = await pages.press("ada"), await pages.press("ada")
    asked = await pages.ask(first)
    answer = device.get({"challenge": b64(asked.signed)})
    assert await pages.why_not(pages.answer(second, asked, answer)) == "challenge-over"


async def test_the_challenge_of_one_method_answers_no_other(pages: Pages) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token, Method.TOTP)
    answer = device.get({"challenge": b64(asked.signed)})
    assert await pages.why_not(pages.answer(token, asked, answer)) == "challenge-over"


@pytest.mark.requirement("P8")
async def test_the_link_of_one_person_takes_nobody_elses_passkey(pages: Pages) -> None:
    await pages.give("ada")
    await pages.give("vic")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    assert [known.credential_id for known in asked.known] == [b64(pages.keys["ada"].id)]
    answer = pages.keys["vic"].get({"challenge": b64(asked.signed)})
    refused = await pages.refusal(pages.answer(token, asked, answer))
    assert (refused.code, refused.facts["left"]) == ("passkey-not-yours", 4)
    assert await pages.world.approvals() == {}


async def test_the_link_of_one_person_takes_nobody_elses_code(pages: Pages) -> None:
    token = await pages.press("ada")
    assert await pages.why_not(pages.code(token, pages.good("vic"))) == "wrong-code"


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(
    ("changes", "code"),
    [({"revoked_at": True}, "passkey-unknown"), ({"pending": True}, "passkey-unknown")],
)
async def test_a_passkey_that_is_taken_away_or_not_confirmed_proves_nothing(
    pages: Pages, changes: dict[str, Any], code: str
) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    if "revoked_at" in changes:
        changes = {"revoked_at": pages.world.clock.now()}
    await pages.change("passkey-ada", **changes)
    answer = device.get({"challenge": b64(asked.signed)})
    assert await pages.why_not(pages.answer(token, asked, answer)) == code
    assert await pages.why_not(pages.ask(token)) == "method-not-enrolled"


@pytest.mark.requirement("P8")
async def test_a_new_factor_approves_nothing_for_production_before_its_cool_off_is_over(pages: Pages) -> None:
    world = pages.world
    for credential in await world.ledger.read(lambda tx: tx.credentials.of("ada")):
        await pages.change(credential.id, usable_from=world.clock.now() + 2 * HOUR)
    await pages.give("ada", usable_from=world.clock.now() + DAY)
    refused = await pages.refusal(pages.press("ada"))
    assert refused == Refusal("cooling-off", {"until": (world.clock.now() + 2 * HOUR).isoformat()})
    world.clock.advance(2 * HOUR)
    token = await pages.press("ada")  # the code is old enough now, the passkey is not
    assert await pages.why_not(pages.ask(token)) == "method-not-enrolled"
    await pages.code(token, pages.good("ada"))
    assert "ada" in await world.approvals()


async def test_a_new_factor_approves_elsewhere_at_once(pages: Pages) -> None:
    pages.world.policy = policy_of(ALL, LOGINS, ("    kind: production", "    kind: staging"))
    await pages.world.reload(ALL, LOGINS, ("    kind: production", "    kind: staging"))
    await pages.world.run_timers()
    await pages.give("ada", usable_from=pages.world.clock.now() + DAY)
    await pages.passkey(await pages.press("ada"), "ada")


async def test_a_factor_that_was_good_at_the_challenge_and_cools_off_now_proves_nothing(pages: Pages) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    await pages.change("passkey-ada", usable_from=pages.world.clock.now() + HOUR)
    answer = device.get({"challenge": b64(asked.signed)})
    assert await pages.why_not(pages.answer(token, asked, answer)) in ("cooling-off", "method-not-enrolled")


@pytest.mark.requirement("P8")
async def test_a_counter_that_does_not_grow_is_refused_audited_and_told(pages: Pages) -> None:
    device = await pages.give("ada")
    await pages.world.ledger.write(lambda tx: tx.credentials.accept_counter("passkey-ada", 7))
    device.counter = 6  # answers with 7: as an old answer would, or a copy of the key
    refused = await pages.refusal(pages.passkey(await pages.press("ada"), "ada"))
    assert (refused.code, refused.facts["left"]) == ("passkey-copied", 4)
    types = await pages.world.types("request/DEP-1")
    assert types[-2:] == ["factor.counter", "factor.failed"]
    told = await pages.world.deliveries("security-event")
    assert [(d.destination, d.facts["code"], d.facts["counter"]) for d in told] == [
        ("slack:channel:incidents", "passkey-copied", 7)
    ]
    assert await pages.world.approvals() == {}
    await pages.passkey(await pages.press("ada"), "ada")  # 8: it grew


async def test_a_passkey_that_counts_nothing_is_good_for_as_long_as_it_counts_nothing(pages: Pages) -> None:
    device = await pages.give("ada")
    device.synced = True
    asked = await pages.ask(await pages.press("ada"))
    assert asked.known
    await pages.passkey(await pages.press("ada"), "ada")
    device.synced, device.counter = False, 0
    await pages.world.reload(ALL, LOGINS, REWORDED)
    await pages.world.run_timers()
    await pages.passkey(await pages.press("ada"), "ada")  # it says 1 now
    device.synced, device.counter = True, 0
    await pages.world.reload(ALL, LOGINS)
    await pages.world.run_timers()
    assert await pages.why_not(pages.passkey(await pages.press("ada"), "ada")) == "passkey-copied"


@pytest.mark.requirement("P8")
async def test_what_changed_between_the_page_and_the_signature_is_not_signed(pages: Pages) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    answer = device.get({"challenge": b64(asked.signed)})
    await pages.world.reload(ALL, LOGINS, REWORDED)  # another policy: another revision, another fingerprint
    await pages.world.run_timers()
    assert await pages.why_not(pages.answer(token, asked, answer)) == "changed-since"
    assert await pages.why_not(pages.ask(token)) == "changed-since"
    assert await pages.world.approvals() == {}


async def test_a_signature_over_other_facts_than_the_intents_proves_nothing(pages: Pages) -> None:
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    other = hashlib.sha256(asked.signed).digest()
    answer = device.get({"challenge": b64(other)})
    assert await pages.why_not(pages.answer(token, asked, answer)) == "passkey-wrong-challenge"


async def test_roles_and_authorship_are_asked_before_a_factor_is_used_and_when_it_is(pages: Pages) -> None:
    assert await pages.why_not(pages.press("lin")) == "own-request"
    assert await pages.why_not(pages.press("sam")) == "commit-author"
    assert await pages.why_not(pages.press("mallory")) == "unknown-person"
    device = await pages.give("ada")
    token = await pages.press("ada")
    asked = await pages.ask(token)
    answer = device.get({"challenge": b64(asked.signed)})
    pages.world.policy = policy_of(
        ALL, LOGINS, ("platform-lead:   {people: [ada, vic]}", "platform-lead:   {people: [vic]}"),
        ("people: [cy, bo, ada]", "people: [cy, bo]"),
    )  # fmt: skip
    assert await pages.why_not(pages.answer(token, asked, answer)) == "no-seat"


async def test_who_left_the_directory_signs_nothing(pages: Pages) -> None:
    token = await pages.press("vic")
    pages.world.policy = policy_of(
        ALL, LOGINS, ("  vic: {slack: U04VIC, github: vic-e}\n", ""), ("[ada, vic]", "[ada]")
    )
    assert await pages.why_not(pages.code(token, pages.good("vic"))) == "person-gone"


async def test_what_was_proved_under_a_policy_that_another_one_replaced_settles_nothing(pages: Pages) -> None:
    await pages.give("ada")
    token = await pages.press("ada")
    await put_in_force(pages.world.ledger, policy_of(ALL, LOGINS, REWORDED))
    assert await pages.why_not(pages.passkey(token, "ada")) == "policy-changed"
    assert await pages.world.approvals() == {}
