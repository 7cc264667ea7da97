"""On-call duty from Slack: who, an override typed and one by form, a swap, one taken back, and what is open."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.clock import SystemClock
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, EVE, LIN
from tests.scenarios.stage import Stage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEAR = SystemClock().now().year
TURNS = (
    'rotation: {people: [cy], handoff: "0 9 * * MON"}',
    f'rotation: {{people: [cy, bo], handoff: "0 0 1 1 *", starts: "{YEAR}-01-01"}}\n    leads: platform-lead',
)
"""Two who take turns once a year: this one is cy's, the next one bo's."""
NEXT_YEAR = datetime(YEAR + 1, 2, 1, tzinfo=UTC)


async def oncall(stage: Stage, user: str, text: str = "") -> str:
    return await stage.deploy(user, text, command="/oncall")


@pytest.mark.requirement("P21")
async def test_an_override_is_typed_seen_and_taken_back(make_stage: Make) -> None:
    stage = await make_stage(TURNS)
    assert "Cy is on call until" in await oncall(stage, LIN)
    answer = await oncall(stage, CY, "override primary @bo until 4h Dentist & more")
    assert "OVR-1: Bo from" in answer
    assert "“Dentist & more”" in answer
    assert "Instead of Cy" in answer
    who = await oncall(stage, EVE, "who primary")
    assert "Bo is on call until" in who
    assert "then Cy" in who
    assert "declared by Cy" in who
    assert "Cy is on call" in await oncall(stage, LIN, "who at=5h")
    assert "OVR-1 is taken back" in await oncall(stage, BO, "override cancel ovr-1")
    assert "Cy is on call until" in await oncall(stage, LIN, "who")
    assert [e["type"] for e in await stage.entries("override.")] == [
        "override.declared",
        "override.cancelled",
    ]
    await stage.intact()


async def test_by_form_with_a_stretch_in_return(make_stage: Make) -> None:
    stage = await make_stage(TURNS)

    def at(ahead: timedelta) -> str:
        return str(int((stage.clock.now() + ahead).timestamp()))

    await oncall(stage, CY, "override")
    await stage.modal(CY, "Override on-call duty", "In return")
    half = await stage.people.submit(
        CY, {"rotation": "primary", "person": "bo", "until": at(HOUR), "back": "cy"}
    )
    assert half.acknowledged
    await stage.modal(CY, "Not possible")
    await stage.people.close(CY, everything=True)
    await oncall(stage, CY, "override")
    await stage.modal(CY, "Override on-call duty")
    filled = {
        "rotation": "primary",
        "person": "bo",
        "from": at(2 * HOUR),
        "until": at(DAY),
        "reason": "A wedding",
        "back": "cy",
        "back-from": str(int(NEXT_YEAR.timestamp())),
        "back-until": str(int((NEXT_YEAR + DAY).timestamp())),
    }
    sent = await stage.people.submit(CY, filled)
    assert (sent.acknowledged, sent.errors) == (True, {}), sent
    await stage.told(CY, "OVR-1: Bo from", "OVR-2: Cy from", "A wedding")
    who = await oncall(stage, LIN)
    assert "Cy is on call until" in who
    assert "OVR-2: Cy from" in who
    await stage.intact()


async def test_what_a_field_is_refused_for_stands_beside_it(make_stage: Make) -> None:
    stage = await make_stage(TURNS)
    await oncall(stage, CY, "override")
    await stage.modal(CY, "Override on-call duty")
    past = str(int((stage.clock.now() - HOUR).timestamp()))
    sent = await stage.people.submit(CY, {"rotation": "primary", "person": "bo", "until": past})
    assert set(sent.errors or {}) == {"until"}


async def test_what_is_open_and_a_note_for_the_next_one(make_stage: Make) -> None:
    stage = await make_stage(TURNS)
    await stage.deploy(ADA, "freeze production to=2h The database moves")
    assert "there is none to cancel" in await oncall(stage, CY, "override cancel")
    assert "Your note is kept for the next one in primary." in await oncall(
        stage, CY, "handoff primary db-2 is <slow>"
    )
    told = await stage.told(
        CY, "Cy is on call", "No incident is open", "Frozen: production, FRZ-1", "leaves a note"
    )
    assert "“db-2 is <slow>”" in told
    await oncall(stage, CY, "handoff")
    await stage.quiet()


async def test_help_shows_how_each_is_written_and_commands_are_deduplicated(stage: Stage) -> None:
    shown = await oncall(stage, LIN, "help")
    assert all(word in shown for word in ("/oncall who", "/oncall override", "/oncall handoff"))
    assert "/oncall who" in await oncall(stage, LIN, "who help")
    delivered = await stage.people.command(LIN, "nonsense", channel=DEPLOYMENTS, command="/oncall")
    assert delivered.acknowledged
