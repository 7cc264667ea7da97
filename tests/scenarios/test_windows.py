"""`/deploy windows` over sockets: the reader's own zone, asked for once, and the answer when Slack does not say it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, LIN
from tests.scenarios.stage import Stage

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
HEAD = "*production / checkout* · America/New_York"


async def answer(stage: Stage, user: str, text: str, *words: str) -> str:
    """Ask, with nothing at once, and the new answer that follows."""
    before = len(await stage.people.ephemerals(user))
    assert await stage.deploy(user, f"windows {text}".strip()) == ""

    async def new() -> str | None:
        seen = (await stage.people.ephemerals(user))[before:]
        return next((t for t in map(stage.people.text_of, seen) if all(w in t for w in words)), None)

    return await stage.wait(new, what=f"{user} to be told {words}")


OURSELVES = "U00PORT"


async def asked_for_zones(stage: Stage) -> list[Any]:
    """Whose zone Slack was asked for; once the bot asks about itself, to know its own app."""
    asked = [r for r in await stage.people.requests() if r["name"] == "users.info"]
    return [r for r in asked if r["request"]["user"] != OURSELVES]


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket"])
async def test_each_reader_sees_the_week_beside_their_own_hours(
    make_stage: Make, *, socket_mode: bool
) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    told = await answer(stage, LIN, "production checkout", HEAD)
    strip = told.split("```")[1].strip("\n").splitlines()
    now = datetime.now(UTC)
    midnight = now.astimezone(NEW_YORK).replace(hour=0, minute=0, fold=0).astimezone(UTC).astimezone(BERLIN)
    assert strip[0] == "policy 0     6     12    18"
    assert strip[1].split()[:2] == ["yours", str(midnight.hour)]
    assert [row[:3] for row in strip if len(row) > 20 and row[4:6].strip().isdigit()] == days(now)
    assert "yours: Europe/Berlin" in told

    ada = await answer(stage, ADA, "checkout", HEAD)
    assert "yours" not in ada

    again = await answer(stage, LIN, "", "*production, every service but checkout*")
    assert "*staging*:" in again
    assert "*production / checkout*:" in again
    seen = await asked_for_zones(stage)
    assert [(r["request"]["user"], r["ok"]) for r in seen] == [(LIN, True), (ADA, True)]


def days(now: datetime) -> list[str]:
    """The days of the strip, Monday first where today is one."""
    names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    today = now.astimezone(NEW_YORK).weekday()
    return names[today:] + names[:today]


async def test_a_slack_that_does_not_say_the_zone_costs_the_second_axis_and_nothing_else(
    stage: Stage,
) -> None:
    await stage.people.fault("ok_false", method="users.info", error="missing_scope")
    told = await answer(stage, LIN, "production checkout", HEAD)
    assert "yours" not in told
    assert "*now:" in told
    await stage.people.fault("hang", method="users.info", seconds=30)
    told = await answer(stage, ADA, "production checkout", HEAD)
    assert "yours" not in told


async def test_a_wrong_name_is_answered_at_once(stage: Stage) -> None:
    assert "There is no environment “prodution”" in await stage.deploy(LIN, "windows prodution")
    assert "There is no service “chekout”" in await stage.deploy(LIN, "windows production chekout")
    assert await asked_for_zones(stage) == []
