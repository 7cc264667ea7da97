"""A checklist is ticked by whoever holds the role, once, for one revision; and nothing starts before all of it is."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.change_request import Start
from bot.domain.refusal import Refusal
from bot.flows import attest
from bot.flows.attest import Target
from bot.flows.when import Wanted, when
from tests.flows import ticking
from tests.flows.fakes import STRANGE_DIGEST, TAG
from tests.flows.policy_text import NO_SEATS
from tests.flows.ticking import BRIEFED, PLAN, READY, asked, entry, listed, target, tick, untick, who
from tests.flows.world import DAY, HOUR, MINUTE, World


@pytest.fixture
async def waiting(world: World) -> World:
    """DEP-1 waits for approval and for its checklist."""
    await asked(world)
    return world


async def refusal_of(doing: Any) -> Refusal:
    with pytest.raises(Refusal) as raised:
        await doing
    return raised.value


# What waits and what starts


@pytest.mark.requirement("P18")
@pytest.mark.requirement("F3")
async def test_with_an_open_checklist_it_can_be_approved_and_does_not_start(waiting: World) -> None:
    assert await waiting.outcome("checklist") == ("waiting", "open")
    assert (await waiting.request()).expires_at == waiting.clock.now() + DAY
    await waiting.approve("ada", "cy")
    assert await waiting.state_of() == "approved"
    await waiting.pass_time(2 * HOUR)
    assert await waiting.runs() == []


@pytest.mark.requirement("P18")
async def test_the_last_approval_starts_what_is_ticked_already(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    await tick(waiting, "lin", READY)
    await waiting.run_timers()
    assert await waiting.outcome("checklist") == ("passed", "ticked")
    assert await waiting.runs() == []  # nothing starts that nobody approved
    await waiting.approve("ada", "cy")
    assert await waiting.state_of() == "live"


@pytest.mark.requirement("P18")
async def test_what_is_approved_before_it_is_ticked_offers_the_start_button(waiting: World) -> None:
    await waiting.approve("ada", "cy")
    await tick(waiting, "cy", BRIEFED)
    await waiting.run_timers()
    await waiting.deliveries()
    await tick(waiting, "lin", READY)
    await waiting.run_timers()
    assert await waiting.state_of() == "approved"
    assert await waiting.told("request-answer", "lin") == ["ready-to-start"]
    await waiting.press_start()
    await waiting.run_timers()
    assert await waiting.state_of() == "live"


@pytest.mark.requirement("P18")
async def test_what_starts_by_itself_starts_with_the_last_tick(world: World) -> None:
    await asked(world, start=Start(mode="next"))
    await world.approve("ada", "cy")
    await tick(world, "cy", BRIEFED)
    await world.run_timers()
    assert await world.runs() == []
    await tick(world, "lin", READY)
    await world.run_timers()
    assert await world.state_of() == "live"


@pytest.mark.requirement("P18")
async def test_an_item_of_a_gate_stands_as_the_gate_does(waiting: World) -> None:
    assert (await entry(waiting, PLAN)).ticked
    assert (await listed(waiting)).done == 1


async def test_a_request_for_the_next_window_lives_until_it_as_if_it_were_ticked(world: World) -> None:
    world.clock.at = world.clock.at.replace(day=14, hour=15)  # a Saturday: closed until Monday
    await asked(world)
    opens = world.clock.at.replace(day=16, hour=5, minute=0)  # midnight in New York
    assert (await world.request()).expires_at >= opens + DAY


# Who may tick


@pytest.mark.requirement("P18")
@pytest.mark.parametrize("person", ["ada", "bo", "lin"])
async def test_without_the_role_nothing_is_ticked_and_it_is_said_who_may(waiting: World, person: str) -> None:
    before = await waiting.everything()
    refusal = await refusal_of(tick(waiting, person, BRIEFED))
    assert (refusal.code, refusal.facts["may"], refusal.facts["role"]) == (
        "may-not-tick",
        ["cy"],
        "on-call-sre",
    )
    assert await waiting.everything() == before


async def test_a_slack_account_alone_ticks_nothing(waiting: World) -> None:
    assert (await refusal_of(tick(waiting, "eve", READY))).code == "unknown-person"


@pytest.mark.requirement("P18")
async def test_the_role_is_asked_when_ticking_and_what_was_said_stays_said(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    await waiting.reload(ticking.GATE, ticking.ITEMS)  # the very same policy: no new revision
    waiting.clock.advance(7 * DAY - HOUR)
    assert (await entry(waiting, BRIEFED)).tick is not None
    assert await who(waiting) == {BRIEFED: "cy"}


async def test_a_role_that_nobody_could_be_asked_about_is_not_held(world: World) -> None:
    asked_live = ("on-call-sre:     {on_call: primary}", "on-call-sre:     {slack_usergroup: S0ONCALL}")
    one_seat = ("        - {role: [platform-lead, on-call-sre]}\n", "        - {role: [platform-lead]}\n")
    await asked(world, asked_live, one_seat)
    refusal = await refusal_of(tick(world, "cy", BRIEFED))
    assert (refusal.code, refusal.facts["unanswered"]) == ("may-not-tick", ["slack_usergroup S0ONCALL"])


async def test_the_requester_may_tick_unless_the_item_excludes_them(world: World) -> None:
    await asked(world, ticking.WITHOUT_REQUESTER)
    refusal = await refusal_of(tick(world, "lin", READY))
    assert (refusal.code, refusal.facts["excluded"]) == ("may-not-tick", ["requester"])
    assert "lin" not in (await entry(world, READY)).may
    await tick(world, "ada", READY)
    assert await who(world) == {READY: "ada"}


@pytest.mark.parametrize(
    ("exclusion", "out", "able"),
    [
        (ticking.WITHOUT_AUTHORS, "sam", ("ada", "bo", "cy", "vic", "lin")),
        (ticking.WITHOUT_LEADS, "ada", ("cy", "lin", "sam")),
        (ticking.WITHOUT_LEADS, "bo", ("cy", "lin", "sam")),
    ],
)
async def test_whom_an_item_excludes_does_not_tick_it(
    world: World, exclusion: tuple[str, str], out: str, able: tuple[str, ...]
) -> None:
    await asked(world, exclusion)
    assert (await entry(world, READY)).may == able
    assert (await refusal_of(tick(world, out, READY))).code == "may-not-tick"


# Once, and by one


@pytest.mark.requirement("P18")
async def test_a_tick_is_recorded_with_who_said_it_in_which_role_when_and_of_what(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    (said,) = (await waiting.request()).attested
    assert (said.item, said.role, said.by.person, said.at, said.revision) == (
        BRIEFED,
        "on-call-sre",
        "cy",
        waiting.clock.now(),
        1,
    )
    made = next(e for e in await waiting.entries("request/DEP-1") if e["type"] == "request.ticked")
    assert made["by"]["person"] == "cy"
    assert made["facts"] == {"item": BRIEFED, "role": "on-call-sre", "revision": 1}
    assert made["state"]["attested"][0]["item"] == BRIEFED


@pytest.mark.requirement("P18")
async def test_a_tick_is_told_in_the_thread_and_the_card_follows_the_judgement(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    await waiting.run_timers()
    owed = await waiting.deliveries()
    (note,) = [d.facts for d in owed if d.kind == "request-note"]
    assert (note["code"], note["person"], note["item"], note["done"], note["all"]) == (
        "ticked", "cy", BRIEFED, 2, 3,
    )  # fmt: skip
    assert [d.subject for d in owed if d.kind == "request-card"] == ["DEP-1"]


async def test_the_same_click_sent_again_ticks_once(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED, key="click")
    await tick(waiting, "cy", BRIEFED, key="click")
    await tick(waiting, "cy", BRIEFED)  # and who said it already says it once
    assert (await waiting.types("request/DEP-1")).count("request.ticked") == 1


async def test_two_clicks_at_once_decide_once(waiting: World) -> None:
    answers = await asyncio.gather(
        *(tick(waiting, person, READY) for person in ("lin", "ada", "bo")), return_exceptions=True
    )
    refused = [a for a in answers if isinstance(a, Refusal)]
    assert [r.code for r in refused] == ["ticked-already"] * 2
    assert (await waiting.types("request/DEP-1")).count("request.ticked") == 1
    by = (await who(waiting))[READY]
    assert {r.facts["by"] for r in refused} == {by}


@pytest.mark.requirement("P18")
async def test_only_who_ticked_it_takes_it_back_and_then_it_waits_again(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    await tick(waiting, "lin", READY)
    await waiting.run_timers()
    assert (await refusal_of(untick(waiting, "ada", READY))).code == "not-your-tick"
    await untick(waiting, "lin", READY)
    await waiting.run_timers()
    assert await waiting.outcome("checklist") == ("waiting", "open")
    assert await who(waiting) == {BRIEFED: "cy"}
    assert (await refusal_of(untick(waiting, "lin", READY))).code == "not-ticked"
    await waiting.approve("ada", "cy")
    assert await waiting.runs() == []


async def test_what_is_under_way_or_over_is_neither_ticked_nor_unticked(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    await tick(waiting, "lin", READY)
    await waiting.approve("ada", "cy")
    assert await waiting.state_of() == "live"
    assert (await refusal_of(untick(waiting, "lin", READY))).code == "checklist-closed"
    assert (await refusal_of(tick(waiting, "ada", READY))).code == "checklist-closed"
    assert not (await listed(waiting)).tickable


async def test_before_the_gates_answered_there_is_nothing_to_tick(world: World) -> None:
    await world.reload(ticking.GATE, ticking.ITEMS)
    await world.ready()
    await world.ask()
    assert (await refusal_of(tick(world, "lin", READY))).code == "checklist-closed"


# Revisions


async def pushed_again(world: World) -> None:
    """Another image stands under the same tag, and all that is wanted is proved of it."""
    world.clock.advance(MINUTE)
    world.registry.digests[TAG] = STRANGE_DIGEST
    await world.prove(TAG, STRANGE_DIGEST)
    await world.run_timers()


@pytest.mark.requirement("P18")
async def test_a_new_revision_voids_every_tick_and_shows_it(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    await waiting.run_timers()
    await waiting.deliveries()
    await pushed_again(waiting)
    assert (await waiting.request()).revision == 2
    assert await waiting.outcome("checklist") == ("waiting", "open")
    seen = await entry(waiting, BRIEFED)
    assert seen.tick is None
    assert seen.void is not None
    assert (seen.void.by.person, seen.void.revision) == ("cy", 1)
    assert "checklist.voided" in await waiting.types("request/DEP-1")
    owed = await waiting.deliveries()
    assert [d.facts["ticks"] for d in owed if d.facts.get("code") == "revised"] == [1]
    (told,) = [d.facts for d in owed if d.kind == "approver-answer"]
    assert (told["code"], told["items"]) == ("ticks-voided", [BRIEFED])
    await tick(waiting, "cy", BRIEFED)
    assert [(s.item, s.revision) for s in (await waiting.request()).attested] == [(BRIEFED, 2)]


@pytest.mark.requirement("P18")
async def test_ticks_of_the_revision_before_start_nothing_where_nobody_has_to_approve(world: World) -> None:
    """Without seats a judgement can start it: it must not be the one that still saw the old ticks."""
    later = Start(mode="at", at=world.clock.now() + HOUR)
    await asked(world, NO_SEATS, start=later)
    await tick(world, "cy", BRIEFED)
    await tick(world, "lin", READY)
    await world.run_timers()
    assert await world.outcome("checklist") == ("passed", "ticked")
    world.clock.advance(HOUR + timedelta(minutes=1))  # due, and at that moment the facts change
    await world.green()
    await pushed_again(world)
    assert (await world.request()).revision == 2
    assert await world.runs() == []
    assert await world.outcome("checklist") == ("waiting", "open")


async def test_a_list_that_was_shown_before_the_change_ticks_nothing(waiting: World) -> None:
    old = await target(waiting, READY)
    await pushed_again(waiting)
    asker = waiting.asker("lin")
    doing = attest.tick(waiting.ledger, waiting.policy, asker, old, key="old")
    assert (await refusal_of(doing)).code == "checklist-changed"


@pytest.mark.parametrize("item", ["0123456789ab", "gate"])
async def test_what_is_no_item_of_people_is_not_ticked(waiting: World, item: str) -> None:
    key = (await target(waiting, PLAN)).item if item == "gate" else item
    meant = Target(request="DEP-1", revision=1, item=key)
    doing = attest.tick(waiting.ledger, waiting.policy, waiting.asker("lin"), meant, key="odd")
    assert (await refusal_of(doing)).code == "checklist-changed"


async def test_an_environment_without_a_checklist_has_none_to_show(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    assert (await refusal_of(listed(world))).code == "no-checklist"
    assert (await refusal_of(listed(world, "DEP-9"))).code == "unknown-request"


async def test_a_restart_loses_no_tick(waiting: World) -> None:
    await tick(waiting, "cy", BRIEFED)
    await waiting.restart()
    assert await who(waiting) == {BRIEFED: "cy"}


async def test_what_nobody_asked_for_yet_has_no_open_checklist_and_says_that_it_will(waiting: World) -> None:
    found = await when(
        waiting.ledger,
        waiting.policy,
        waiting.collector,
        waiting.clock,
        Wanted(service="checkout", environment="production", artifact=TAG),
    )
    assert found.wants_checklist
    assert found.earliest.at == waiting.clock.now()
