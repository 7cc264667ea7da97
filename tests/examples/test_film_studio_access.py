"""The film studio's access matrix: who may read, ask, approve, start and take back, by the role that they hold (F10)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.domain.refusal import Refusal
from bot.flows import break_glass, loud
from sandbox.github import PretendGitHub
from tests.examples.film_studio import SERVICE, SIX, TUESDAY_NINE, Studio
from tests.flows.going_back import ask_back

pytestmark = pytest.mark.requirement("F10")

YES, UNKNOWN = "allowed", "unknown-person"
NO_READ, NO_ASK, NO_WAY_BACK, NO_SEAT = "may-not-read", "may-not-request", "may-not-roll-back", "no-seat"
VERBS = ("read", "ask", "ask in an emergency", "approve", "start", "roll back")
PRODUCTION: dict[str, tuple[str, ...]] = {
    # The document gives developers "no direct access"; Fin wrote the change
    "fin": (NO_READ, NO_ASK, NO_ASK, "commit-author", NO_SEAT, NO_WAY_BACK),
    # … unless the code is theirs: by CODEOWNERS Max owns other files, and Lou is in GitHub's team of approvers
    "max": (NO_READ, NO_ASK, NO_ASK, NO_SEAT, NO_SEAT, NO_WAY_BACK),
    "lou": (YES, NO_ASK, NO_ASK, YES, YES, NO_WAY_BACK),
    # The document gives QA engineers "no direct access"
    "joe": (NO_READ, NO_ASK, NO_ASK, NO_SEAT, NO_SEAT, NO_WAY_BACK),
    # The document gives DevOps engineers "limited read access"
    "kim": (YES, NO_ASK, NO_ASK, NO_SEAT, NO_SEAT, NO_WAY_BACK),
    # The document gives release managers "full deployment access"; Eva asked for the change that the others look at
    "eva": (YES, YES, YES, "own-request", YES, YES),
    "noa": (YES, YES, YES, YES, YES, YES),
    # The document gives site reliability engineers "full access for incidents"
    "hal": (YES, NO_ASK, YES, NO_SEAT, NO_SEAT, YES),
    "ida": (YES, NO_ASK, YES, NO_SEAT, NO_SEAT, YES),
    # The document gives administrators "full access (emergency only)"
    "gus": (YES, NO_ASK, YES, NO_SEAT, NO_SEAT, YES),
    "oli": (YES, NO_ASK, YES, NO_SEAT, NO_SEAT, YES),
    # Whoever signs: the code owner, Security, Product, the Engineering lead
    "ben": (YES, NO_ASK, NO_ASK, YES, YES, NO_WAY_BACK),
    "cat": (YES, NO_ASK, NO_ASK, YES, YES, NO_WAY_BACK),
    "dan": (YES, NO_ASK, NO_ASK, YES, YES, NO_WAY_BACK),
    "ana": (YES, NO_ASK, NO_ASK, YES, YES, NO_WAY_BACK),
    "nobody": (UNKNOWN,) * 6,
}


async def said(work: Awaitable[object]) -> str:
    try:
        await work
    except Refusal as refusal:
        return refusal.code
    return "allowed"


async def read(studio: Studio, person: str) -> str:
    return await said(studio.reader(person).request("DEP-1"))


async def ask(studio: Studio, person: str) -> str:
    return await said(asked_and_taken_back(studio, person))


async def ask_in_an_emergency(studio: Studio, person: str) -> str:
    return await said(asked_and_taken_back(studio, person, emergency="INC-7", ticket=None))


async def asked_and_taken_back(studio: Studio, person: str, **changes: object) -> None:
    asked = await studio.submit(person, **changes)
    await studio.cancel(person, asked.request_id)


async def approve(studio: Studio, person: str) -> str:
    said_to_them = await studio.said_to(person)
    return YES if said_to_them == "counted" else said_to_them


async def start(studio: Studio, person: str) -> str:
    return await said(studio.press_start(person))


async def roll_back(studio: Studio, person: str) -> str:
    async def asked() -> None:
        filed = await ask_back(studio, person, service=SERVICE, to="v1.3.2")
        await studio.cancel(person, filed.request.id)

    return await said(asked())


async def closed(studio: Studio) -> None:
    """Approved by all six and ticked while the window is closed: whoever presses Start is heard, and nothing starts."""
    studio.clock.at = TUESDAY_NINE
    await studio.green()
    await studio.ask()
    await studio.approve(*SIX)
    await studio.tick_everything()
    assert await studio.state_of() == "approved"


async def asked_for(studio: Studio) -> None:
    await studio.ask()


async def nothing(studio: Studio) -> None:
    """Nobody asked for anything yet."""


async def live(studio: Studio) -> None:
    """The new version runs."""
    await studio.stated("deployment", timedelta(0), environment="production")


DOING: dict[str, tuple[Callable[[Studio], Awaitable[None]], Callable[[Studio, str], Awaitable[str]]]] = {
    "read": (asked_for, read),
    "ask": (nothing, ask),
    "ask in an emergency": (nothing, ask_in_an_emergency),
    "approve": (asked_for, approve),
    "start": (closed, start),
    "roll back": (live, roll_back),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_in_production_each_role_may_do_what_the_document_gives_it(studio: Studio, verb: str) -> None:
    before, doing = DOING[verb]
    await before(studio)
    column = VERBS.index(verb)
    found = {person: await doing(studio, person) for person in PRODUCTION}
    assert found == {person: row[column] for person, row in PRODUCTION.items()}


def test_the_matrix_holds_everybody(empty_studio: Studio) -> None:
    assert set(PRODUCTION) == {*empty_studio.policy.people, "nobody"}


async def test_staging_is_open_to_everybody_of_the_directory_and_to_nobody_else(studio: Studio) -> None:
    for person in studio.policy.people:
        assert await said(asked_and_taken_back(studio, person, environment="staging")) == YES, person
    assert await said(studio.ask("nobody", environment="staging")) == UNKNOWN


async def test_while_github_is_silent_a_code_owner_may_neither_read_nor_start(
    studio: Studio, github: PretendGitHub
) -> None:
    await closed(studio)
    github.faults.arm("answer", path="/repos/", times=1000, status=503)
    assert [await start(studio, person) for person in ("ben", "fin")] == ["not-answered", "not-answered"]
    assert [await read(studio, person) for person in ("ben", "fin")] == [NO_READ, NO_READ]
    assert await start(studio, "eva") == YES  # it was she who asked for it


async def test_an_administrator_and_whoever_answers_for_it_let_an_emergency_through(studio: Studio) -> None:
    """The window is closed and nothing is ticked: both signatures pass that, and no promotion needs so few."""
    studio.clock.at = TUESDAY_NINE
    await studio.green()
    await studio.ask("hal", emergency="INC-7", ticket=None)
    await on_call_is_told(studio)
    assert await studio.said_to("noa") == "counted"  # may fill a usual seat, so counts as a second person
    assert await studio.seats() == [("administrator", None), ("sre or engineering-lead", None)]
    assert [await studio.said_to(person) for person in ("hal", "gus", "ida")] == [
        "own-request",
        "counted",
        "counted",
    ]
    assert await studio.state_of() == "starting"
    assert "break-glass.used" in await studio.types()


async def on_call_is_told(studio: Studio) -> list[str]:
    """What is told loudly arrives: nothing starts before. Where it went."""
    owed = await studio.deliveries(loud.NOTICE)
    for each in owed:
        await break_glass.told(studio.ledger, each)
    return [each.destination.removeprefix("slack:") for each in owed]


@pytest.mark.requirement("F14")
async def test_an_emergency_is_told_where_the_document_wants_it_and_to_whoever_is_on_call(
    studio: Studio,
) -> None:
    await studio.ask("gus", emergency="INC-7", ticket=None)
    on_call = studio.policy.people[studio.on_call].slack
    assert {"channel:incidents", "channel:production-alerts", f"user:{on_call}"} <= {
        *await on_call_is_told(studio)
    }
