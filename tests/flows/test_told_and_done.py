"""What a waiting request is told and what then happens are one thing, over random calendars, freezes and lifts."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from bot.domain.calendar import Calendar, Verdict
from bot.domain.change_request import RequestState, Start
from bot.domain.freeze import FreezeClass
from bot.domain.refusal import Refusal
from bot.flows.living_calendar import living
from tests.flows import freezing
from tests.flows.policy_text import ONE_SEAT, POLICY
from tests.flows.world import DAY, MINUTE, SECOND, World

pytestmark = [pytest.mark.requirement("P6"), pytest.mark.requirement("P12")]

LONG_LIFE = (
    "expires: 24h\n    monitors:\n      - {name: api",
    "expires: 30d\n    monitors:\n      - {name: api",
)
BEGINS = datetime(2026, 10, 20, tzinfo=UTC)
SEEDS = 16  # 700 were tried once, in two and a half minutes
ROUNDS = 6
ZONES = ("America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


WEEKDAYS = ("*", "MON-FRI", "TUE-THU", "SAT,SUN", "FRI", "MON")
SCOPES = ("", ", environments: [production]", ", services: [checkout]", ", services: [pages]")
THE_CALENDAR = POLICY[POLICY.index("calendar:\n  outside") : POLICY.index("on_call:\n  primary")]
IN_PLACE = {"environment": "production", "service": "checkout"}


def some_rule(dice: Random, name: str, *effects: str) -> str:
    """A window or a restriction; its line."""
    start = f"{dice.choice([0, 0, 30, 59])} {dice.randrange(24)} * * {dice.choice(WEEKDAYS)}"
    clock = f'until: "{dice.randrange(24):02}:{dice.choice([0, 30]):02}"'
    ends = dice.choice([clock, 'until: "24:00"', f"for: {dice.randrange(1, 30)}h"])
    zone = dice.choice(["", "", f", timezone: {dice.choice(ZONES)}"])
    more = f"effect: {dice.choice(effects)}{dice.choice(SCOPES)}{zone}"
    return f'    - {{name: {name}, start: "{start}", {ends}, {more}}}\n'


def some_freeze(dice: Random, name: str) -> str:
    start = BEGINS + timedelta(hours=dice.randrange(0, 24 * 20))
    end = start + timedelta(hours=dice.randrange(1, 24 * 5))
    effect = dice.choice(["prohibit", "discourage"])
    return f'    - {{name: {name}, from: "{start:%Y-%m-%dT%H:%M}", to: "{end:%Y-%m-%dT%H:%M}", effect: {effect}}}\n'


def some_calendar(dice: Random) -> str:
    """A calendar of a few rules; its text."""
    text = f"calendar:\n  outside_windows: {dice.choice(['prohibit', 'prohibit', 'discourage', 'allow'])}\n"
    if windows := [some_rule(dice, f"w{n}", "allow", "prefer") for n in range(dice.randrange(4))]:
        text += "  windows:\n" + "".join(windows)
    if closed := [some_rule(dice, f"r{n}", "prohibit", "discourage") for n in range(dice.randrange(4))]:
        text += "  restrictions:\n" + "".join(closed)
    if freezes := [some_freeze(dice, f"f{n}") for n in range(dice.randrange(3))]:
        text += "  freezes:\n" + "".join(freezes)
    return text


async def alive(world: World) -> Calendar:
    return (await world.ledger.read(lambda tx: living(tx, world.policy))).calendar


async def first_open(world: World, *, reason: bool) -> datetime | None:
    """The first instant from now on at which it may start, found by walking along what changes."""
    good = {Verdict.PREFERRED, Verdict.ALLOWED} | ({Verdict.DISCOURAGED} if reason else set())
    calendar, now = await alive(world), world.clock.now()
    stretches = calendar.stretches(now, now + 120 * DAY, **IN_PLACE)
    return next((max(each.start, now) for each in stretches if each.verdict in good), None)


async def somebody_freezes_or_lifts(world: World, dice: Random, declared: list[str]) -> None:
    now, what = world.clock.now(), dice.random()
    starts = dice.choice([None, now + dice.randrange(1, 4000) * MINUTE])
    ends = dice.choice([None, (starts or now) + dice.randrange(10, 6000) * MINUTE])
    wanted: dict[str, Any] = {"begins_at": starts, "ends_at": ends}
    wanted |= {
        "strength": dice.choice([*FreezeClass]),
        "services": dice.choice([(), ("checkout",), ("pages",)]),
    }
    with suppress(Refusal):  # the same again, or what is over already
        if what < 0.6:
            declared.append((await freezing.declare(world, **wanted)).id)
        elif declared and what < 0.9:
            await freezing.lift(world, freeze_id=declared.pop(dice.randrange(len(declared))))
    await world.run_timers()


async def starts_as_told(world: World, dice: Random, *, reason: bool) -> bool:
    """Whether it started (or ended) in this round; each time what it was told is what the calendar says."""
    found, now, opens = await world.request(), world.clock.now(), await first_open(world, reason=reason)
    if found.state is RequestState.LIVE:
        assert [r.intended_at for r in await world.runs()] == [now] == [opens]
        return True
    assert found.state is RequestState.APPROVED
    assert found.readiness is not None
    assert found.readiness.earliest == opens
    until = now + timedelta(minutes=dice.randrange(1, 60 * 24 * 2), seconds=dice.randrange(60))
    if opens is not None and opens <= until and opens < found.expires_at:
        await world.pass_until(opens - SECOND)
        assert await world.state_of() == "approved"
        await world.pass_until(opens)
        assert [r.intended_at for r in await world.runs()] == [opens]
        return True
    await world.pass_until(until)
    if until >= found.expires_at:
        assert await world.state_of() == "expired"
    return until >= found.expires_at


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_it_starts_at_the_instant_that_was_told_and_never_earlier(seed: int, world: World) -> None:
    dice = Random(seed)  # noqa: S311
    world.clock.at = BEGINS + timedelta(minutes=dice.randrange(60 * 24 * 15))
    await world.reload((THE_CALENDAR, some_calendar(dice)), ONE_SEAT, LONG_LIFE)
    await world.ready()
    reason = dice.random() < 0.5
    await world.ask(start=Start(mode="next"), reason="It is urgent" if reason else None)
    await world.run_timers()
    if await world.state_of() == "refused":
        verdict = (await alive(world)).at(world.clock.now(), **IN_PLACE).verdict
        needs_reason = verdict is Verdict.DISCOURAGED and not reason
        assert needs_reason or await first_open(world, reason=reason) is None
        return
    await world.approve("ada")
    declared: list[str] = []
    for _ in range(ROUNDS):
        if await starts_as_told(world, dice, reason=reason):
            return
        await somebody_freezes_or_lifts(world, dice, declared)
