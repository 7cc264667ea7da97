"""Enrolling: what proves a person, which browser it counts in, what waits for whom, and what a stolen login cannot do."""

from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from bot.domain.audit import Fact
from bot.domain.refusal import Refusal
from bot.flows import enroll as enrolling
from bot.flows.enroll import MOST, enroll_totp, factor_name
from bot.flows.enroll_proof import LASTS
from tests.flows.enrolling import ADMINISTRATORS, ISSUER, NAMED, PASSKEYS_TOO, Desk
from tests.flows.policy_text import policy_of
from tests.flows.world import DAY, HOUR, MINUTE, SECOND, World

pytestmark = pytest.mark.requirement("P8")


async def enroll(world: World, person: str = "ada", *, again: bool = False) -> str:
    made = await enroll_totp(
        world.ledger, world.policy, person=person, sealed="sealed", by="root", again=again
    )
    return made.id


@pytest.fixture
def desk(world: World) -> Desk:
    """Administrators (ada, vic) are named, and logins count."""
    world.policy = policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO)
    return Desk(world)


# From the host, without pages


async def test_an_enrolment_is_recorded_with_who_did_it(world: World) -> None:
    credential = await enroll(world)
    (entry,) = await world.entries(f"credential/{credential}")
    assert (entry["type"], entry["by"]["via"]) == ("credential.enrolled", "host:root")
    assert entry["facts"]["bootstrap"] is True


async def test_a_second_one_needs_to_be_meant_and_revokes_the_first(world: World) -> None:
    first = await enroll(world)
    with pytest.raises(Refusal, match="enrolled-already"):
        await enroll(world)
    second = await enroll(world, again=True)
    held = await world.ledger.read(lambda tx: tx.credentials.of("ada"))
    assert [c.id for c in held] == [second]
    assert await world.types(f"credential/{first}") == ["credential.enrolled", "credential.revoked"]


async def test_a_revoked_factor_signs_nothing(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    (old,) = await world.ledger.read(lambda tx: tx.credentials.of("ada"))
    await enroll(world, again=True)
    await world.sign("ada")
    assert (await world.approvals())["ada"].factor.credential != old.id


async def test_nobody_outside_the_directory_is_enrolled(world: World) -> None:
    before = await world.everything()
    with pytest.raises(Refusal, match="unknown-person-name"):
        await enroll(world, "mallory")
    assert await world.everything() == before


async def test_without_administrators_the_host_alone_enrols_at_once_and_loudly(world: World) -> None:
    await enroll(world)
    (held,) = await world.ledger.read(lambda tx: tx.credentials.of("ada"))
    assert (held.proves, held.usable_from) == (True, None)
    told = await world.deliveries("factor-note")
    assert {(d.destination, d.facts["code"]) for d in told} == {
        ("slack:user:U01ADA", "enrolled-bootstrap"),
        ("slack:channel:deployments", "enrolled-bootstrap"),
    }


async def test_where_administrators_have_factors_the_host_alone_enrols_nothing(desk: Desk) -> None:
    world = desk.world
    await desk.administrator("ada")
    await enroll(world, "bo")
    (waiting,) = await desk.held("bo")
    assert (waiting.pending, waiting.proves) == (True, False)
    await desk.confirm("bo", by="ada")
    (confirmed,) = await desk.held("bo")
    assert (confirmed.proves, confirmed.confirmed_by) == (True, "ada")


async def test_the_first_administrator_is_a_bootstrap_and_the_second_is_not(desk: Desk) -> None:
    first = await desk.administrator("ada")
    assert (first.pending, first.usable_from) == (False, None)
    second = await desk.enrolled("vic")
    assert (second.pending, second.proves) == (True, False)


async def test_a_factor_that_waits_makes_nobody_an_administrator_who_confirms(desk: Desk) -> None:
    await desk.administrator("ada")
    await desk.enrolled("vic")
    assert await desk.why_not(desk.confirm("vic", by="vic")) == "own-factor"
    await desk.enrolled("bo")
    assert await desk.why_not(desk.confirm("bo", by="vic")) == "not-confirmed"


# The link, and what proves a person


async def test_the_link_alone_enrols_nothing(desk: Desk) -> None:
    token = await desk.begin("bo")
    assert (await desk.standing(token)).proof is None
    assert await desk.why_not(desk.passkey(token)) == "not-proved"
    assert await desk.why_not(desk.offer_app(token)) == "not-proved"
    assert await desk.held("bo") == []


async def test_a_stranger_gets_no_link(desk: Desk) -> None:
    assert await desk.why_not(desk.begin("nobody")) == "unknown-person"


async def test_a_thief_of_the_slack_login_gains_nothing_by_having_the_victim_log_in(desk: Desk) -> None:
    """The thief opens a link as Bo and sends it to Bo, who logs in with his second factor, in his own browser."""
    token = await desk.begin("bo")
    await desk.by_login(token, browser="the victim's")
    assert await desk.why_not(desk.passkey(token, "thief", browser="the thief's")) == "not-proved"
    assert await desk.why_not(desk.passkey(token, "thief", browser=None)) == "not-proved"
    assert await desk.why_not(desk.offer_app(token, "the thief's")) == "not-proved"
    assert await desk.held("bo") == []
    assert (await desk.standing(token, "the thief's")).proof is None
    made = await desk.passkey(token, browser="the victim's")  # and Bo gets what he logged in for
    assert made.person == "bo"


async def test_a_thief_of_the_slack_login_gains_nothing_by_having_the_victim_type_the_code(
    desk: Desk,
) -> None:
    code = await desk.issue("bo")
    token = await desk.begin("bo")
    await desk.by_code(token, code, browser="the victim's")
    assert await desk.why_not(desk.passkey(token, "thief", browser="the thief's")) == "not-proved"
    assert await desk.why_not(desk.by_code(token, code, browser="the thief's")) == "wrong-enrolment-code"


async def test_a_creation_that_another_browser_began_is_not_taken(desk: Desk) -> None:
    token = await desk.begin("bo")
    await desk.by_login(token, browser="the victim's")
    made = await desk.offer_app(token, "the victim's")
    code = pyotp.TOTP(made.made.secret).at(desk.world.clock.now())
    assert await desk.why_not(desk.keep_app(token, made.challenge, code, "the thief's")) == "not-proved"


@pytest.mark.parametrize(
    ("subject", "named", "why"),
    [
        (f"{ISSUER} sub-bo", True, None),
        (f"{ISSUER} sub-ada", True, "login-not-yours"),
        (f"{ISSUER} sub-bo-2", True, "login-not-yours"),
        (f"{ISSUER} SUB-BO", True, "login-not-yours"),
        (f"{ISSUER} bo@acme.example", True, "login-not-yours"),
        (f"{ISSUER} sub-bo", False, "login-not-named"),
    ],
)
async def test_a_first_login_is_the_one_that_the_directory_names_by_subject(
    desk: Desk, subject: str, named: bool, why: str | None
) -> None:
    if not named:
        desk.world.policy = policy_of(ADMINISTRATORS, PASSKEYS_TOO)
    token = await desk.begin("bo")
    if why is None:
        await desk.by_login(token, subject)
        await desk.passkey(token)
        assert (await desk.links("bo"))["oidc"] == subject
    else:
        assert await desk.why_not(desk.by_login(token, subject, email="bo@acme.example")) == why
        assert await desk.why_not(desk.passkey(token)) == "not-proved"
        failed = [e for e in await desk.world.entries("person/bo") if e["type"] == "factor.failed"]
        assert [e["facts"]["code"] for e in failed] == [why]


async def test_a_login_that_is_somebody_elses_is_refused_whatever_the_directory_says(desk: Desk) -> None:
    token = await desk.begin("bo")
    await desk.by_login(token)
    await desk.passkey(token)
    other = ("cy:  {slack: U03CY, github: cy-m}", "cy:  {slack: U03CY, github: cy-m, oidc: sub-bo}")
    desk.world.policy = policy_of(ADMINISTRATORS, PASSKEYS_TOO, other)
    theirs = await desk.begin("cy")
    assert await desk.why_not(desk.by_login(theirs)) == "linked-elsewhere"


async def test_once_linked_the_login_is_the_linked_one_even_if_the_directory_changes(desk: Desk) -> None:
    token = await desk.begin("bo")
    await desk.by_login(token)
    await desk.passkey(token)
    changed = (NAMED[0], NAMED[1].replace("sub-bo", "sub-evil"))
    desk.world.policy = policy_of(ADMINISTRATORS, PASSKEYS_TOO, changed)
    assert await desk.why_not(desk.begin("bo")) == "link-contradicts"


async def test_a_login_of_yesterday_proves_nothing(desk: Desk) -> None:
    token = await desk.begin("bo")
    assert await desk.why_not(desk.by_login(token, ago=6 * MINUTE)) == "login-too-old"


async def test_a_proof_lasts_ten_minutes_and_for_one_factor(desk: Desk) -> None:
    token = await desk.begin("bo")
    desk.world.clock.advance(9 * MINUTE)
    await desk.by_login(token)
    desk.world.clock.advance(LASTS - SECOND)
    assert (await desk.standing(token)).proof is not None
    desk.world.clock.advance(SECOND)
    assert await desk.why_not(desk.passkey(token)) == "link-over"
    again = await desk.begin("bo")
    await desk.by_login(again)
    await desk.passkey(again)
    assert await desk.why_not(desk.passkey(again, "second")) == "link-used"
    assert len(await desk.held("bo")) == 1


# The code from the host


async def test_a_code_works_once_for_one_person_and_however_it_is_typed(desk: Desk) -> None:
    code = await desk.issue("bo")
    others = await desk.begin("cy")
    assert await desk.why_not(desk.by_code(others, code)) == "wrong-enrolment-code"
    token = await desk.begin("bo")
    await desk.by_code(token, f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} ")
    again = await desk.begin("bo")
    assert await desk.why_not(desk.by_code(again, code)) == "wrong-enrolment-code"


async def test_a_code_is_kept_as_a_digest_alone(desk: Desk) -> None:
    code = await desk.issue("bo")
    kept = await desk.world.ledger.read(lambda tx: tx.place("person/bo", "enrolment-code"))
    trail = str(await desk.world.entries())
    for form in (code, code.replace("-", "")):
        assert form not in str(kept)
        assert form not in trail


async def test_a_code_ends_after_its_time_and_when_a_newer_one_is_made(desk: Desk) -> None:
    first = await desk.issue("bo")
    second = await desk.issue("bo")
    token = await desk.begin("bo")
    assert await desk.why_not(desk.by_code(token, first)) == "wrong-enrolment-code"
    desk.world.clock.advance(HOUR)
    late = await desk.begin("bo")
    assert await desk.why_not(desk.by_code(late, second)) == "wrong-enrolment-code"


async def test_five_wrong_codes_lock_enrolment_by_person_and_by_address(desk: Desk) -> None:
    code = await desk.issue("bo")
    token = await desk.begin("bo")
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(Refusal) as refused:
            await desk.by_code(token, "AAAA-AAAA-AAAA-AAAA", address="203.0.113.9")
        assert refused.value.facts["left"] == left
    assert await desk.why_not(desk.by_code(token, code)) == "locked-out"
    others = await desk.begin("cy")
    other_code = await desk.issue("cy")
    assert await desk.why_not(desk.by_code(others, other_code, address="203.0.113.9")) == "locked-out"
    await desk.by_code(others, other_code, address="198.51.100.20")
    desk.world.clock.advance(15 * MINUTE + SECOND)
    await desk.by_code(await desk.begin("bo"), code)


async def test_a_code_is_not_issued_over_what_is_enrolled_unless_that_is_meant(desk: Desk) -> None:
    await desk.administrator("ada")
    assert await desk.why_not(desk.issue("ada")) == "enrolled-already"
    await desk.issue("ada", again=True)
    assert await desk.held("ada") == []
    assert await desk.links("ada") == {}
    assert await desk.why_not(desk.issue("mallory")) == "unknown-person-name"


# A factor that one has already


async def test_another_passkey_is_added_with_the_first_one(desk: Desk) -> None:
    await desk.administrator("ada")
    token = await desk.begin("ada")
    await desk.by_factor(token, "ada")
    added = await desk.passkey(token, "ada's phone")
    assert (added.pending, added.usable_from) == (False, desk.world.clock.now() + DAY)
    assert len(await desk.held("ada")) == 2


async def test_a_factor_of_somebody_else_proves_nothing_about_me(desk: Desk) -> None:
    await desk.administrator("ada")
    await desk.enrolled("vic")
    await desk.confirm("vic", by="ada")
    token = await desk.begin("vic")
    desk.keys["stolen"] = desk.keys["ada"]
    assert await desk.why_not(desk.by_factor(token, "stolen")) == "passkey-not-yours"


async def test_a_factor_that_waits_for_its_confirmation_proves_nothing(desk: Desk) -> None:
    await desk.administrator("ada")
    await desk.enrolled("bo")
    token = await desk.begin("bo")
    assert await desk.why_not(desk.by_factor(token, "bo")) == "not-confirmed"


async def test_a_code_of_ones_app_proves_oneself_once(desk: Desk) -> None:
    await enroll(desk.world, "bo")
    token = await desk.begin("bo")
    assert await desk.why_not(desk.by_app(token, "cy-7")) == "wrong-code"
    await desk.by_app(token, "bo-7")
    again = await desk.begin("bo")
    assert await desk.why_not(desk.by_app(again, "bo-7")) == "code-used"
    assert (await desk.passkey(token)).person == "bo"


# What is kept


async def test_a_passkey_that_was_anybodys_even_revoked_is_nobody_elses(desk: Desk) -> None:
    await desk.administrator("ada")
    desk.keys["bo"] = desk.keys["ada"]
    code, token = await desk.issue("bo"), await desk.begin("bo")
    await desk.by_code(token, code)
    assert await desk.why_not(desk.passkey(token)) == "passkey-taken"
    await desk.issue("ada", again=True)
    assert await desk.why_not(desk.passkey(token)) == "passkey-taken"
    assert await desk.held("bo") == []


async def test_ten_factors_are_the_most(desk: Desk) -> None:
    first = await desk.administrator("ada")
    copies = [replace(first, id=f"copy-{n}", method="totp", passkey=None) for n in range(MOST - 1)]
    for copy in copies:
        await desk.world.ledger.write(
            lambda tx, c=copy: tx.credentials.put(c, Fact(type="credential.enrolled"))
        )
    token = await desk.begin("ada")
    await desk.by_factor(token, "ada")
    assert (await desk.standing(token)).full
    assert await desk.why_not(desk.passkey(token, "eleventh")) == "too-many-factors"
    assert await desk.why_not(desk.offer_app(token)) == "too-many-factors"


async def test_the_cool_off_is_told_to_the_person_and_the_channel_at_once(desk: Desk) -> None:
    token = await desk.begin("bo")
    await desk.by_login(token)
    made = await desk.passkey(token)
    usable = desk.world.clock.now() + DAY
    assert made.usable_from == usable
    told = await desk.world.deliveries("factor-note")
    assert {d.destination for d in told} == {"slack:user:U02BO", "slack:channel:deployments"}
    assert {(d.facts["code"], d.facts["usable_from"]) for d in told} == {("enrolled", usable.isoformat())}


async def test_a_secret_is_kept_only_when_a_code_of_it_was_typed_and_the_code_does_nothing_else(
    desk: Desk,
) -> None:
    token = await desk.begin("bo")
    await desk.by_login(token)
    made = await desk.offer_app(token)
    assert await desk.held("bo") == []
    assert await desk.why_not(desk.keep_app(token, made.challenge, "000000")) == "wrong-code"
    assert await desk.held("bo") == []
    code = pyotp.TOTP(made.made.secret).at(desk.world.clock.now())
    kept = await desk.keep_app(token, made.challenge, code)
    assert desk.totp.opened(kept.sealed, person="bo") == made.made.secret
    step = desk.real_codes.codes.step(kept, code, desk.world.clock.now())
    assert step is not None
    assert not await desk.world.ledger.write(lambda tx: tx.credentials.accept_step(kept.id, step))
    assert made.made.secret not in repr(made)


async def test_where_no_environment_takes_codes_none_are_offered(desk: Desk) -> None:
    desk.world.policy = policy_of(
        ADMINISTRATORS, NAMED, (PASSKEYS_TOO[0], "second_factor: {methods: [passkey]}")
    )
    token = await desk.begin("bo")
    await desk.by_login(token)
    assert await desk.why_not(desk.offer_app(token)) == "method-forbidden"
    assert [m.value for m in (await desk.standing(token)).methods] == ["passkey"]


async def test_a_reset_voids_what_was_proved_and_not_used_yet(desk: Desk) -> None:
    await desk.administrator("ada")
    token = await desk.begin("bo")
    await desk.by_login(token)
    code = await desk.issue("cy")
    desk.world.clock.advance(SECOND)
    await enroll_totp(desk.world.ledger, desk.world.policy, person="bo", sealed="x", by="root", again=True)
    await enroll_totp(desk.world.ledger, desk.world.policy, person="bo", sealed="x", by="root", again=True)
    assert await desk.why_not(desk.passkey(token)) == "not-proved"
    await desk.by_code(await desk.begin("cy"), code)  # another person's code is untouched


# Taking one's own away


async def test_a_lost_factor_is_taken_away_with_another_one_and_never_with_itself(desk: Desk) -> None:
    first = await desk.administrator("ada")
    token = await desk.begin("ada")
    await desk.by_factor(token, "ada")
    second = await desk.passkey(token, "phone")
    alone = await desk.begin("ada")
    await desk.by_factor(alone, "ada")
    assert await desk.why_not(desk.remove(alone, first.id)) == "needs-another-factor"
    assert await desk.why_not(desk.remove(alone, "passkey-of-nobody")) == "unknown-factor"
    assert (await desk.remove(alone, second.id)).revoked_at is not None
    assert [c.id for c in await desk.held("ada")] == [first.id]
    assert await desk.why_not(desk.remove(alone, first.id)) == "link-used"


async def test_a_factor_of_today_takes_none_of_last_years_away(desk: Desk) -> None:
    first = await desk.administrator("ada")
    desk.world.clock.advance(30 * DAY)
    token = await desk.begin("ada")
    await desk.by_factor(token, "ada")
    await desk.passkey(token, "new")
    fresh = await desk.begin("ada")
    await desk.by_factor(fresh, "new")
    assert await desk.why_not(desk.remove(fresh, first.id)) == "cooling-off"
    desk.world.clock.advance(DAY)
    later = await desk.begin("ada")
    await desk.by_factor(later, "new")
    await desk.remove(later, first.id)


async def test_nobody_takes_away_somebody_elses(desk: Desk) -> None:
    first = await desk.administrator("ada")
    token = await desk.begin("bo")
    await desk.by_login(token)
    assert await desk.why_not(desk.remove(token, first.id)) == "unknown-factor"


async def test_the_host_code_takes_nothing_away(desk: Desk) -> None:
    await enroll(desk.world, "bo")
    (held,) = await desk.held("bo")
    code = await desk.issue("cy")
    token = await desk.begin("cy")
    await desk.by_code(token, code)
    mine = replace(held, id="cys", person="cy")
    await desk.world.ledger.write(lambda tx: tx.credentials.put(mine, Fact(type="credential.enrolled")))
    assert await desk.why_not(desk.remove(token, "cys")) == "needs-another-factor"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (None, None),
        ("  ", None),
        ("MacBook", "MacBook"),
        ("a\u202eb\n\tc", "a b c"),
        ("<!channel>", "<!channel>"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_name_is_one_line_of_what_can_be_seen(typed: str | None, kept: str | None) -> None:
    assert factor_name(typed) == kept


async def test_a_link_of_another_purpose_enrols_nobody(desk: Desk) -> None:
    await desk.administrator("ada")
    await desk.enrolled("bo")
    from bot.flows.confirm import begin_confirmation

    begun = await begin_confirmation(desk.world.ledger, desk.world.policy, desk.world.asker("ada"), "bo")
    assert await desk.why_not(desk.standing(begun.token)) == "link-unknown"


async def test_whoever_left_the_policy_enrols_nothing(desk: Desk) -> None:
    token = await desk.begin("sam")
    gone = policy_of(ADMINISTRATORS)
    people = {k: v for k, v in gone.people.items() if k != "sam"}
    desk.world.policy = replace(gone, people=people)
    assert await desk.why_not(desk.standing(token)) == "person-gone"


async def test_what_a_person_has_is_told_without_opening_anything(desk: Desk) -> None:
    await desk.administrator("ada")
    before = await desk.world.everything()
    person, held = await enrolling.held_by(desk.world.ledger, desk.world.policy, desk.world.asker("ada"))
    assert (person, len(held)) == ("ada", 1)
    assert await desk.world.everything() == before


def test_the_limits_are_those_that_are_documented() -> None:
    assert (10, timedelta(minutes=10)) == (MOST, LASTS)
