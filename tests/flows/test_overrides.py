"""Overrides and swaps: by whom, from when, told to whom, in force at once, taken back; and the past stays as it was."""

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.refusal import Refusal
from bot.flows import overrides
from bot.flows.asking import Asker
from bot.flows.on_duty import By, rostered
from bot.flows.roles import roles_of
from handlers.wording.facts import Facts
from handlers.wording.oncall_refusals import ONCALL
from handlers.wording.said import Said
from handlers.wording.times import utc
from tests.flows.manning import LEADS, PAGERDUTY, SUN, Rota
from tests.flows.world import DAY, HOUR, MINUTE, SECOND


@pytest.fixture
async def world(empty_installation: Path, tmp_path: Path) -> AsyncIterator[Rota]:
    path = tmp_path / "portcullis.db"
    shutil.copy(empty_installation, path)
    made = await Rota(f"sqlite:///{path}").begin()
    yield made
    await made.close()


# Declaring


@pytest.mark.requirement("P21")
async def test_it_holds_at_once_is_audited_and_both_people_and_the_channel_are_told(world: Rota) -> None:
    made = await world.override("cy", "vic", reason="Dentist")
    assert (made.override.id, made.relieved) == ("OVR-1", ("cy",))
    assert await world.on_duty() == "vic"
    (entry,) = await world.entries("override/OVR-1")
    assert (entry["type"], entry["by"]["person"]) == ("override.declared", "cy")
    told = await world.notes("override-note")
    assert told == [
        ("user:U04VIC", "declared"),
        ("user:U03CY", "declared"),
        ("channel:incidents", "declared"),
    ]


@pytest.mark.requirement("P7")
async def test_a_role_by_rotation_is_taken_and_given_back_in_the_same_instant(world: Rota) -> None:
    async def holders() -> set[str]:
        def query(tx: object) -> set[str]:
            policy = rostered(tx, world.policy)  # type: ignore[arg-type]
            now = world.clock.now()
            return {p for p in policy.people if "on-call-sre" in roles_of(policy, p, now).roles}

        return await world.ledger.read(query)

    assert await holders() == {"cy"}
    # Bo is one of the rotation's people; vic is none, and gets the pages alone.
    await world.override("cy", "bo", length=2 * HOUR)
    assert await holders() == {"bo"}
    world.clock.advance(2 * HOUR - SECOND)
    assert await holders() == {"bo"}
    world.clock.advance(SECOND)
    assert await holders() == {"cy"}
    await world.override("cy", "bo")
    await world.cancel("bo", "OVR-2")
    assert await holders() == {"cy"}
    await world.override("cy", "vic")
    assert (await world.on_duty(), await holders()) == ("vic", {"cy"})


@pytest.mark.parametrize(
    ("asker", "taker", "begins", "length", "allowed"),
    [
        ("cy", "vic", None, DAY, True),  # on call for all of it
        ("bo", "bo", None, DAY, True),  # one of the rotation takes it
        ("ada", "ada", 8 * DAY, DAY, True),
        ("vic", "vic", None, DAY, False),  # nobody helps themselves to a duty that is not theirs
        ("lin", "vic", None, DAY, False),
        ("bo", "ada", None, DAY, False),  # to hand a third one's turn to a fourth takes a lead
        ("cy", "vic", 5 * DAY, 3 * DAY, False),  # on Monday it is bo's
        ("bo", "vic", 8 * DAY, DAY, True),  # then it is his own
    ],
)
async def test_who_may_declare_one(
    world: Rota, asker: str, taker: str, begins: timedelta | None, length: timedelta, allowed: bool
) -> None:
    if allowed:
        await world.override(asker, taker, begins, length)
        return
    refused = await world.refusal(asker, world.wanted(taker, begins, length))
    assert refused.code == "override-not-yours"


async def test_a_lead_of_the_rotation_declares_any_and_takes_any_back(world: Rota) -> None:
    await world.begin(LEADS)
    await world.override("ada", "sam", 2 * DAY)
    await world.cancel("vic")
    assert (await world.refusal("lin", world.wanted("sam"))).facts["roles"] == ["platform-lead"]


REFUSED = {
    "no such rotation": ({"rotation": "primry"}, "unknown-rotation"),
    "no such person": ({"person": "zoe"}, "unknown-person-name"),
    "a beginning in the past": ({"begins": -HOUR}, "override-begins-in-the-past"),
    "an end in the past": ({"begins": -MINUTE, "length": SECOND}, "override-ends-in-the-past"),
    "an end before the beginning": ({"begins": 2 * HOUR, "length": -HOUR}, "override-ends-first"),
    "too far ahead": ({"begins": 399 * DAY, "length": 3 * DAY}, "override-too-far"),
    "nothing changes": ({"person": "cy"}, "override-changes-nothing"),
    "a reason without end": ({"reason": "x" * 1001}, "reason-too-long"),
}


@pytest.mark.parametrize(("changes", "code"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_is_refused_and_leaves_no_trace(
    world: Rota, changes: dict[str, object], code: str
) -> None:
    before = await world.everything()
    usual: dict[str, object] = {"person": "vic", "begins": None}
    refused = await world.refusal("cy", world.wanted(**(usual | changes)))  # type: ignore[arg-type]
    assert refused.code == code
    assert await world.everything() == before


async def test_another_system_s_rotation_is_overridden_there(world: Rota) -> None:
    await world.begin(PAGERDUTY)
    refused = await world.refusal("cy", world.wanted("vic"))
    assert (refused.code, refused.facts["source"]) == ("override-elsewhere", "pagerduty PABC123")
    with pytest.raises(Refusal, match="no-overrides"):
        await overrides.declarable(world.ledger, world.policy, world.asker("cy"))


async def test_strangers_change_nothing(world: Rota) -> None:
    before = await world.everything()
    stranger = Asker(team="T1", user="U99NOBODY")
    with pytest.raises(Refusal, match="unknown-person"):
        await overrides.declare(world.ledger, world.policy, stranger, [world.wanted("vic")], key="k")
    assert await world.everything() == before


async def test_the_same_command_twice_declares_once(world: Rota) -> None:
    first = await world.declare("cy", [world.wanted("vic")], key="once")
    assert await world.declare("cy", [world.wanted("vic")], key="once") == first
    assert len(await world.ledger.read(lambda tx: tx.overrides.since(tx.now))) == 1


async def test_two_hundred_are_enough(world: Rota, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overrides, "MOST_OPEN", 1)
    await world.override("cy", "vic", HOUR, HOUR)
    assert (await world.refusal("cy", world.wanted("sam", 3 * HOUR, HOUR))).code == "too-many-overrides"


async def test_of_two_that_overlap_the_last_declared_holds(world: Rota) -> None:
    await world.override("cy", "vic", length=8 * HOUR)
    await world.override("vic", "sam", HOUR, HOUR)
    now = world.clock.now()
    told = [await world.on_duty(now + n * HOUR) for n in (0, 1, 2, 8)]
    assert told == ["vic", "sam", "vic", "cy"]


async def test_one_of_somebody_who_left_the_directory_holds_nothing(world: Rota) -> None:
    await world.override("cy", "sam")
    await world.begin(("  sam: {slack: U06SAM, github: sam-k}\n", ""), ("[bo, sam]", "[bo]"))
    assert await world.on_duty() == "cy"


async def test_whoever_gave_a_part_away_hears_what_to_take_back_first(world: Rota) -> None:
    await world.override("cy", "vic", HOUR, HOUR)
    await world.override("cy", "sam", 30 * HOUR, HOUR)
    refused = await world.refusal("cy", world.wanted("sam", HOUR, 4 * HOUR))
    assert (refused.code, refused.facts["back"]) == ("override-not-yours", ["OVR-1"])
    said = ONCALL["override-not-yours"](Said(Facts(refused.facts), str, utc))
    assert "Or take OVR-1 back first (/oncall override cancel OVR-1): then it is yours to give." in said
    await world.cancel("cy", "OVR-1")
    await world.override("cy", "sam", HOUR, 4 * HOUR)


async def test_only_where_that_makes_it_theirs_again(world: Rota) -> None:
    await world.override("bo", "bo", HOUR, HOUR)  # bo took it: not cy's to take back
    assert (await world.refusal("cy", world.wanted("vic", None, 4 * HOUR))).facts["back"] == []
    await world.override("cy", "vic", 3 * HOUR, HOUR)
    assert (await world.refusal("cy", world.wanted("sam", None, 5 * HOUR))).facts["back"] == []


async def test_of_several_behind_each_other_each_that_is_in_the_way_is_named(world: Rota) -> None:
    await world.override("cy", "bo", HOUR, 2 * HOUR)
    await world.override("cy", "vic", 4 * HOUR, HOUR)
    assert (await world.refusal("cy", world.wanted("sam", HOUR, 5 * HOUR))).facts["back"] == [
        "OVR-1",
        "OVR-2",
    ]


async def test_what_there_is_to_take_back_is_what_is_not_over_and_one_s_own(world: Rota) -> None:
    async def own(name: str) -> tuple[tuple[str, ...], int]:
        return await overrides.cancellable(world.ledger, world.policy, world.asker(name))

    assert await own("cy") == ((), 0)
    await world.override("cy", "vic", None, HOUR)
    await world.override("cy", "sam", 2 * HOUR, HOUR)
    await world.override("cy", "sam", 4 * HOUR, HOUR)
    await world.cancel("cy", "OVR-3")
    assert await own("cy") == (("OVR-1", "OVR-2"), 0)
    assert await own("vic") == (("OVR-1",), 1)
    world.clock.advance(HOUR)
    assert await own("vic") == ((), 1)
    with pytest.raises(Refusal, match="unknown-person"):
        await overrides.cancellable(world.ledger, world.policy, Asker(team="T1", user="U99NOBODY"))


# Swaps


async def test_a_swap_is_two_overrides_or_none(world: Rota) -> None:
    mine, theirs = world.wanted("bo", 2 * HOUR, DAY), world.wanted("cy", 7 * DAY, DAY)
    made = await world.declare("cy", [mine, theirs])
    assert [(t.override.id, t.override.person, t.relieved) for t in made] == [
        ("OVR-1", "bo", ("cy",)),
        ("OVR-2", "cy", ("bo",)),
    ]
    assert await world.on_duty(world.clock.now() + 3 * HOUR) == "bo"
    assert await world.on_duty(world.clock.now() + 7 * DAY) == "cy"


async def test_a_swap_of_which_one_half_is_refused_leaves_no_trace(world: Rota) -> None:
    before = await world.everything()
    refused = await world.refusal("cy", world.wanted("bo", 2 * HOUR), world.wanted("zoe", 7 * DAY))
    assert refused.code == "unknown-person-name"
    assert await world.everything() == before


# Taking back


async def test_taken_back_the_turn_is_whose_it_was_and_the_past_is_not_changed(world: Rota) -> None:
    began = world.clock.now()
    await world.override("cy", "vic")
    world.clock.advance(HOUR)
    await world.cancel("vic")
    assert await world.on_duty() == "cy"
    assert await world.on_duty(began + 30 * MINUTE) == "vic"
    told = await world.notes("override-note")
    assert told[-3:] == [
        ("user:U04VIC", "ended-early"),
        ("user:U03CY", "ended-early"),
        ("channel:incidents", "ended-early"),
    ]


async def test_one_that_is_called_off_before_it_begins_never_was(world: Rota) -> None:
    await world.override("cy", "vic", 2 * HOUR)
    await world.cancel("cy")
    assert await world.on_duty(world.clock.now() + 3 * HOUR) == "cy"
    assert ("channel:incidents", "cancelled") in await world.notes("override-note")
    with pytest.raises(Refusal, match="override-cancelled"):
        await world.cancel("cy")


async def test_who_may_take_one_back_and_what_there_is_to_take_back(world: Rota) -> None:
    await world.override("cy", "vic", length=HOUR)
    with pytest.raises(Refusal, match="override-not-yours-to-cancel"):
        await world.cancel("lin")
    with pytest.raises(Refusal, match="unknown-override"):
        await world.cancel("cy", "OVR-9")
    world.clock.advance(HOUR)
    with pytest.raises(Refusal, match="override-over"):
        await world.cancel("cy")


async def test_taking_back_twice_by_the_same_press_is_one(world: Rota) -> None:
    await world.override("cy", "vic")
    await world.cancel("cy", key="once")
    await world.cancel("cy", key="once")
    assert await world.types("override/OVR-1") == ["override.declared", "override.cancelled"]


# Layers


@pytest.mark.requirement("P21")
async def test_layers_follow_the_sun_and_an_override_stands_above_all_of_them(world: Rota) -> None:
    await world.begin(SUN)
    now = await world.duty()  # 10:00 in New York, 16:00 in Berlin
    assert (now.person, now.layer, now.until) == ("vic", "europe", world.clock.now() + HOUR)
    assert now.then == "cy"
    refused = await world.refusal("vic", world.wanted("sam", None, 2 * HOUR))
    assert refused.facts["on_call"] == ["vic", "cy"]
    await world.override("bo", "bo", None, 2 * HOUR)
    held = await world.duty()
    assert (held.person, held.by, held.until) == ("bo", By.OVERRIDE, world.clock.now() + 2 * HOUR)
