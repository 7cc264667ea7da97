"""What another system says holds for ten minutes; after that a contact stands in, holds no role by it, and it is said."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.authority import Word
from bot.flows.asked_duty import ask_soon
from bot.flows.on_duty import By, rostered
from bot.flows.reload_policy import PolicyHolder
from bot.flows.roles import first_responder, word_on
from bot.jobs.duties import Duties
from tests.flows.manning import CONTACTS, PAGERDUTY, USERGROUP, Elsewhere, Rota
from tests.flows.world import HOUR, MINUTE, SECOND


@pytest.fixture
async def world(empty_installation: Path, tmp_path: Path) -> AsyncIterator[Rota]:
    path = tmp_path / "portcullis.db"
    shutil.copy(empty_installation, path)
    made = await Rota(f"sqlite:///{path}").begin(PAGERDUTY, CONTACTS)
    await made.deliveries()
    yield made
    await made.close()


def asking(world: Rota, other: Elsewhere, *, connected: bool = True) -> Duties:
    outside = other if connected else None
    return Duties(
        world.ledger, PolicyHolder(world.policy), pagerduty=outside, groups=outside, clock=world.clock
    )


async def word(world: Rota, person: str) -> Word:
    def query(tx: object) -> Word:
        policy = rostered(tx, world.policy)  # type: ignore[arg-type]
        return word_on(policy, "on-call-sre", person, world.clock.now())[0]

    return await world.ledger.read(query)


@pytest.mark.requirement("P21")
async def test_what_pagerduty_says_is_who_is_on_call_and_who_holds_the_role(world: Rota) -> None:
    other = Elsewhere()
    other.people, other.until = ("nobody@acme.example", "ADA@acme.example"), world.clock.now() + HOUR
    assert await asking(world, other).ask_all() == [other.until]
    duty = await world.duty()
    assert (duty.person, duty.by, duty.until) == ("ada", By.ELSEWHERE, other.until)
    assert (await word(world, "ada"), await word(world, "cy")) == (Word.YES, Word.NO)
    responder = await world.ledger.read(lambda tx: first_responder(rostered(tx, world.policy), tx.now))
    assert responder == "ada"


@pytest.mark.requirement("C10")
async def test_older_than_ten_minutes_is_unknown_and_a_contact_stands_in_without_the_role(
    world: Rota,
) -> None:
    other = Elsewhere()
    other.people = ("ada@acme.example",)
    duties = asking(world, other)
    await duties.ask_all()
    assert await world.notes("handoff-note") == []  # nobody took over just now
    other.problem = "timeout"
    world.clock.advance(10 * MINUTE)
    await duties.ask_all()
    assert await world.on_duty() == "ada"
    world.clock.advance(SECOND)
    await duties.ask_all()
    duty = await world.duty()
    assert (duty.person, duty.by, duty.problem) == ("vic", By.CONTACT, "timeout")
    assert [await word(world, p) for p in ("ada", "vic")] == [Word.UNANSWERED] * 2
    told = await world.notes("handoff-note")
    assert told == [("channel:incidents", "stands-in"), ("user:U04VIC", "stands-in")]
    await duties.ask_all()
    assert await world.notes("handoff-note") == []
    other.problem = None
    await duties.ask_all()
    assert await world.notes("handoff-note") == [("user:U04VIC", "leaves"), ("user:U01ADA", "takes-over")]


async def test_a_start_tells_of_no_stand_in_before_the_system_was_asked(world: Rota) -> None:
    await world.look()
    assert await world.notes("handoff-note") == []


@pytest.mark.parametrize(
    ("people", "problem", "said"),
    [
        ((), None, "nobody-on-call"),
        (("who@acme.example",), None, "nobody-known"),
        ((), "rate-limited", "rate-limited"),
    ],
)
async def test_why_nobody_knows_is_kept(
    world: Rota, people: tuple[str, ...], problem: str | None, said: str
) -> None:
    other = Elsewhere()
    other.people, other.problem = people, problem
    await asking(world, other).ask("primary")
    duty = await world.duty()
    assert (duty.by, duty.problem) == (By.CONTACT, said)


async def test_without_contacts_nobody_is_on_call_and_without_a_connection_nobody_is_asked(
    world: Rota,
) -> None:
    await world.begin(PAGERDUTY)
    await asking(world, Elsewhere(), connected=False).ask_all()
    duty = await world.duty()
    assert (duty.person, duty.by, duty.problem) == (None, By.NOBODY, "not-connected")


async def test_of_a_user_group_the_first_of_the_directory_is_primary(world: Rota) -> None:
    await world.begin(USERGROUP)
    other = Elsewhere()
    other.people = ("U99NOBODY", "U03CY", "U02BO")
    await asking(world, other).ask("primary")
    assert (other.asked, await world.on_duty()) == (["S0ONCALL"], "bo")


async def test_what_another_place_said_before_is_no_answer_of_this_one(world: Rota) -> None:
    other = Elsewhere()
    other.people = ("ada@acme.example",)
    await asking(world, other).ask_all()
    await world.begin(USERGROUP)
    assert (await world.duty()).problem == "not-asked"


async def test_a_rotation_of_people_asks_nobody_outside(world: Rota) -> None:
    await world.begin()
    other = Elsewhere()
    duties = asking(world, other)
    await duties.ask("primary")
    assert (await duties.ask_all(), other.asked) == ([], [])
    await world.ledger.write(lambda tx: ask_soon(tx, world.policy, "primary"))
    assert ("ask-duty", "primary") not in world.timers_set()


async def test_who_needs_it_has_it_asked_now(world: Rota) -> None:
    await world.ledger.write(lambda tx: ask_soon(tx, world.policy, "primary"))
    assert ("ask-duty", "primary") in world.timers_set()


async def test_the_loop_asks_again_when_the_policy_changes_and_survives_what_fails(world: Rota) -> None:
    other = Elsewhere()
    other.people = ("ada@acme.example",)
    duties = asking(world, other)
    task = asyncio.create_task(duties.run())
    for rounds in (1, 2):
        for _ in range(200):
            if len(other.asked) >= rounds:
                break
            await asyncio.sleep(0.01)
        assert len(other.asked) == rounds
        duties.changed.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_before_a_rotation_begins_nobody_is_on_call_and_it_is_said(world: Rota) -> None:
    await world.begin()
    duty = await world.duty(datetime(2026, 11, 1, tzinfo=UTC))
    assert (duty.person, duty.problem, duty.then) == (None, "not-begun", "ada")
