"""On-call duty as people read it: every state has its sentence, every text is escaped, and what is untrue is not sent."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.incident import IncidentState
from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows import handoff
from bot.flows.asked_duty import keep
from bot.ports import Duty
from handlers.slack import oncall
from handlers.slack.oncall_note import declared, incidents, note
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts
from handlers.wording.oncall_refusals import ONCALL
from handlers.wording.said import Said
from handlers.wording.times import utc
from sandbox.client import SandboxClient
from storage import schema
from tests.flows.manning import CONTACTS, LEADS, PAGERDUTY, SUN, Rota
from tests.flows.world import DAY, HOUR, MINUTE
from tests.handlers.slack.examples import NOW, incident


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Rota]:
    url = f"sqlite:///{tmp_path / 'portcullis.db'}"
    await schema.ensure(url)
    made = await Rota(url).begin()
    yield made
    await made.close()


async def who(world: Rota, **asked: Any) -> str:
    found = await handoff.rosters(world.ledger, world.policy, **asked)
    return shown(oncall.render(found, world.policy))


def shown(said: Any) -> str:
    return SandboxClient.text_of({"text": said.text, "blocks": list(said.blocks)})


async def sent(world: Rota, delivery: Delivery) -> str | None:
    found = await note(world.ledger, world.policy, delivery, Voice(world.policy, world.clock.now()))
    return None if found is None else shown(found)


async def test_who_until_when_and_who_next_in_the_reader_s_zone_and_the_rotation_s(world: Rota) -> None:
    said = await who(world)
    assert "cy is on call until" in said
    assert "/ 09:00 EST, then bo" in said
    assert "America/New_York" in said
    later = await who(world, at=world.clock.now() + 7 * DAY)
    assert "bo is on call until" in later
    assert later.count("At ") == 1


async def test_layers_overrides_ahead_and_reasons_are_named(world: Rota) -> None:
    await world.begin(SUN)
    await world.override("bo", "bo", 2 * DAY, reason="<!channel> & co")
    said = await who(world)
    assert "vic is on call (layer europe)" in said
    assert "OVR-1: bo from" in said
    assert "“<!channel> & co”" in said  # as people read it; escaped on the way there
    for number in range(6):
        await world.override("bo", "bo", (4 + number) * DAY, HOUR)
    assert "and 2 more overrides" in await who(world)


async def test_an_override_that_others_replaced_is_shown_behind_them(world: Rota) -> None:
    await world.override("cy", "vic", length=2 * HOUR)
    await world.override("vic", "sam", length=2 * HOUR)
    await world.override("sam", "bo", HOUR, HOUR)
    lines = (await who(world)).splitlines()
    (first,) = [line for line in lines if "OVR-1: vic" in line]
    (second,) = [line for line in lines if "OVR-2: sam" in line]
    (third,) = [line for line in lines if "OVR-3: bo" in line]
    assert first.endswith("(behind OVR-2 and OVR-3, holds nothing)")
    assert second.endswith("(partly behind OVR-3)")
    assert "behind" not in third


async def test_the_seats_sentence_names_who_keeps_them_and_leads_where_there_are_any(world: Rota) -> None:
    await world.begin(LEADS)
    made = await world.override("cy", "lin")
    said = shown(declared(world.policy, (made,)))
    assert (
        "lin gets the pages; seats in approvals stay with cy, for they go only to primary's own people"
        in said
    )
    assert "own people, or by a lead." in said
    moved = await world.override("cy", "bo", 30 * HOUR)
    assert "seats" not in shown(declared(world.policy, (moved,)))


async def test_what_another_system_says_is_told_with_its_age_and_its_silence(world: Rota) -> None:
    await world.begin(PAGERDUTY, CONTACTS)
    assert "was not asked yet" in await who(world)
    source = "pagerduty PABC123"
    await keep(world.ledger, world.policy, "primary", source, Duty(people=("ada@acme.example",)))
    world.clock.advance(3 * MINUTE)
    said = await who(world)
    assert "ada is on call; no change is in sight" in said
    assert "Told 3 min ago" in said
    world.clock.advance(8 * MINUTE)
    await keep(world.ledger, world.policy, "primary", source, None, "odd")
    said = await who(world)
    assert "vic stands in, as a contact of the policy" in said
    assert "did not say (code: odd). It answered last 11 min ago" in said
    await world.begin(PAGERDUTY)
    assert "names no contact to stand in" in await who(world)


async def test_before_it_begins_it_is_said_when(world: Rota) -> None:
    at = world.clock.now() - 5 * DAY
    assert "Nobody is on call yet: it begins" in await who(world, at=at)


async def test_a_hand_off_names_both_what_is_open_and_the_notes(world: Rota) -> None:
    await handoff.leave_note(world.ledger, world.policy, world.asker("cy"), None, "db-2 is <slow>", key="n")
    await world.pass_time(7 * DAY)
    leaves, takes = await world.owed("handoff-note")
    first, second = await sent(world, leaves), await sent(world, takes)
    assert first is not None
    assert "You are no longer on call in primary: bo has it now." in first
    assert second is not None
    assert "You are on call in primary from now on until" in second
    assert "after cy" in second
    assert "No incident is open." in second
    assert "cy leaves a note: “db-2 is <slow>”" in second


async def test_an_open_incident_is_told_with_who_has_it_once(world: Rota) -> None:
    voice = Voice(world.policy, NOW)
    taken = incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="cy", acknowledged_at=NOW)
    assert incidents([taken], voice) == ["● INC-7 P0 in production, opened 3 min ago, acknowledged by cy"]


async def test_what_a_later_change_made_untrue_is_not_sent(world: Rota) -> None:
    await world.pass_time(7 * DAY)
    leaves, takes = await world.owed("handoff-note")
    await world.override("cy", "cy")
    assert await sent(world, takes) is None
    assert await sent(world, leaves) is None


async def test_stand_ins_are_told_why(world: Rota) -> None:
    await world.begin(PAGERDUTY, CONTACTS)
    await keep(world.ledger, world.policy, "primary", "pagerduty PABC123", None, "timeout")
    told = await world.owed("handoff-note")
    assert told
    said = await sent(world, told[0])
    assert said is not None
    assert "vic stands in for primary" in said


@pytest.mark.parametrize("begins", [None, 2 * HOUR])
async def test_an_override_is_told_when_it_is_declared_and_when_it_is_taken_back(
    world: Rota, begins: Any
) -> None:
    await world.override("cy", "vic", begins, reason="Dentist")
    first, *_ = await world.owed("override-note")
    said = await sent(world, first)
    assert said is not None
    assert "vic is on call in primary from" in said
    assert "instead of cy. Declared by cy. “Dentist”" in said
    assert (
        "vic gets the pages; seats in approvals stay with cy, for they go only to primary's own people."
        in said
    )
    await world.cancel("cy")
    back, *_ = await world.owed("override-note")
    said = await sent(world, back)
    assert said is not None
    assert "It is cy again." in said
    assert ("is called off by cy" in said) is (begins is not None)


FACTS: dict[str, Any] = {
    "rotation": "primary", "on_call": ["cy", "bo"], "taker": "vic", "roles": ["platform-lead"], "by": "cy", "person": "cy",
    "override": "OVR-3", "at": "2026-11-10T15:00:00+00:00", "begins_at": "2026-11-10T15:00:00+00:00", "limit": 10,
    "limit_days": 400, "length": 600, "name": "<x>", "key": "until", "zone": "UTC", "usage": "/oncall", "source": "pagerduty P1",
    "meant": None, "known": ["primary"], "weekday": "Saturday", "later": "2026-11-28 09:00", "ids": ["OVR-3"], "back": ["OVR-3"],
}  # fmt: skip


@pytest.mark.parametrize("code", ONCALL)
def test_every_refusal_is_a_sentence_with_or_without_its_facts(code: str) -> None:
    for facts in (FACTS, {**FACTS, "own": True, "meant": "primary"}, {}):
        said = ONCALL[code](Said(Facts(Refusal(code, facts).facts), str, utc))
        assert said.endswith((".", "?"))
        assert "None" not in said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"ids": ["OVR-4", "OVR-5"], "others": 0}, "Say which one: OVR-4 or OVR-5. Write /oncall override cancel OVR-4;"),
        ({"ids": [], "others": 2}, "None of the overrides in force or ahead is yours to take back."),
        ({"ids": [], "others": 0}, "No override is in force or ahead, so there is none to cancel."),
    ],
)  # fmt: skip
def test_which_overrides_there_are_to_cancel_is_said(facts: dict[str, Any], said: str) -> None:
    assert said in ONCALL["which-override"](Said(Facts(facts), str, utc))
