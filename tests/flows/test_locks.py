"""Five failures in a quarter of an hour lock what takes a second factor: by person, by address, and nothing else."""

import pytest

from bot.domain.refusal import Refusal
from tests.flows.stepping_up import Pages
from tests.flows.world import MINUTE, SECOND

WRONG = "000000"
CAFE, OFFICE = "203.0.113.9", "198.51.100.20"


async def fail(pages: Pages, person: str, times: int, address: str = CAFE) -> list[object]:
    """Type wrong codes; the tries that were left after each."""
    token = await pages.press(person)
    return [(await pages.refusal(pages.code(token, WRONG, address))).facts["left"] for _ in range(times)]


@pytest.mark.requirement("P8")
async def test_five_failures_lock_the_person_wherever_they_are_and_whatever_they_use(pages: Pages) -> None:
    await pages.give("ada")
    token = await pages.press("ada")
    assert await fail(pages, "ada", 5) == [4, 3, 2, 1, 0]
    locked = Refusal("locked-out", {"minutes": 15, "what": "person"})
    assert await pages.refusal(pages.code(token, pages.good("ada"), OFFICE)) == locked
    assert await pages.refusal(pages.passkey(token, "ada", OFFICE)) == locked
    assert await pages.refusal(pages.press("ada")) == locked
    assert await pages.world.refusal_of_signing("ada") == "locked-out"  # nor in Slack


@pytest.mark.requirement("P8")
async def test_five_failures_from_one_address_lock_it_for_everybodys_codes(pages: Pages) -> None:
    assert await fail(pages, "ada", 3) == [4, 3, 2]
    assert await fail(pages, "vic", 2) == [1, 0]
    token = await pages.press("bo")
    locked = Refusal("locked-out", {"minutes": 15, "what": "address"})
    assert await pages.refusal(pages.code(token, pages.good("bo"), CAFE)) == locked
    await pages.code(token, pages.good("bo"), OFFICE)
    await pages.code(await pages.press("ada"), pages.good("ada"), OFFICE)


@pytest.mark.requirement("P8")
async def test_whoever_fails_on_purpose_behind_an_address_stops_nobody_elses_passkey_there(
    pages: Pages,
) -> None:
    await pages.give("bo")
    await fail(pages, "ada", 5)
    await pages.passkey(await pages.press("bo"), "bo", CAFE)
    assert "bo" in await pages.world.approvals()


@pytest.mark.requirement("P8")
async def test_a_lock_never_holds_the_safe_direction(pages: Pages) -> None:
    await fail(pages, "ada", 5)
    await pages.world.reject("ada")
    assert await pages.world.state_of() == "rejected"


async def test_a_lock_ends_a_quarter_of_an_hour_after_the_first_failure(pages: Pages) -> None:
    await fail(pages, "ada", 1)
    pages.world.clock.advance(5 * MINUTE)
    await fail(pages, "ada", 4)
    pages.world.clock.advance(10 * MINUTE)
    assert await pages.why_not(pages.press("ada")) == "locked-out"
    pages.world.clock.advance(SECOND)
    await pages.code(await pages.press("ada"), pages.good("ada"), CAFE)


async def test_a_right_code_does_not_forgive_the_wrong_ones(pages: Pages) -> None:
    await pages.world.ask("lin", artifact="c0ffee1")
    assert await fail(pages, "ada", 4) == [4, 3, 2, 1]
    await pages.code(await pages.press("ada"), pages.good("ada"), CAFE)
    await pages.world.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=90 * MINUTE)
    await pages.world.run_timers()
    token = await pages.press("ada", "DEP-2")
    assert (await pages.refusal(pages.code(token, WRONG, CAFE))).facts["left"] == 0


async def test_failures_are_audited_with_why_how_and_whence_and_never_with_what_was_typed(
    pages: Pages,
) -> None:
    await fail(pages, "ada", 1)
    entry = (await pages.world.entries("request/DEP-1"))[-1]
    assert (entry["type"], entry["by"]) == ("factor.failed", {"via": "slack:T1/U01ADA", "person": "ada"})
    assert entry["facts"] == {"code": "wrong-code", "method": "totp", "address": CAFE}
    assert WRONG not in str(entry)


@pytest.mark.requirement("P8")
async def test_a_thousand_guesses_are_five(pages: Pages) -> None:
    token = await pages.press("ada")
    codes = [await pages.why_not(pages.code(token, f"{n:06}", f"203.0.113.{n % 250}")) for n in range(1000)]
    assert codes[:5] == ["wrong-code"] * 5
    assert set(codes[5:]) == {"locked-out"}
    assert (await pages.world.types()).count("factor.failed") == 5
