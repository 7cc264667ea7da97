"""The buttons of an incident, and what people type about one: signed by Slack, replayed, forged, or by strangers."""

import pytest

from tests.attacks.forging import Forger
from tests.attacks.test_payloads import NO_TEAM, OTHER_APP, OTHER_TEAM, learnt
from tests.scenarios.hands import ADA, BO, CY, EVE, INCIDENTS, LIN
from tests.scenarios.stage import Stage

pytestmark = [pytest.mark.requirement("F9"), pytest.mark.requirement("F1")]
BUTTONS = ("incident_acknowledge", "incident_resolve", "incident_escalate")


async def red(stage: Stage) -> None:
    await stage.health("error")
    await stage.message(INCIDENTS, "RED", "production", "P0", f"<@{CY}>")
    await stage.quiet()


async def test_a_replayed_acknowledgement_takes_nothing_that_was_raised_again(stage: Stage) -> None:
    """Ada has it; Bo sees that she needs help and presses *Escalate*. Her click, sent again, answers nobody's page."""
    await red(stage)
    slack = Forger(stage)
    click = slack.press(ADA, "incident_acknowledge", "INC-1")
    headers = slack.headers(click)
    assert (await slack.post(click, headers)).status == 200
    assert (await slack.post(slack.press(BO, "incident_escalate", "INC-1"))).status == 200
    assert len(await stage.entries("incident.acknowledged")) == 1
    assert (await slack.post(click, headers)).status == 200
    assert len(await stage.entries("incident.acknowledged")) == 1


@pytest.mark.parametrize("button", BUTTONS)
async def test_no_stranger_and_no_forged_click_answers_an_incident(stage: Stage, button: str) -> None:
    await learnt(stage)
    await red(stage)
    slack, forger = Forger(stage), Forger(stage, secret="0" * 32)
    before = len(await stage.entries("incident."))
    mine = slack.press(ADA, button, "INC-1")
    for headers in (forger.headers(mine), slack.headers(mine, age=301), slack.headers(mine + "&")):
        assert (await slack.post(mine, headers)).status == 401
    for other in (OTHER_TEAM, NO_TEAM, OTHER_APP):
        await slack.post(slack.press(ADA, button, "INC-1", **other))
    assert (await slack.post(slack.press(EVE, button, "INC-1"))).status == 200
    for value in ("INC-99", "INC-1\x00", "INC-1 DEP-1", "DEP-1", "", "x" * 2000, "INC-1' OR 1=1 --"):
        assert (await slack.post(slack.press(ADA, button, value))).status == 200
    assert len(await stage.entries("incident.")) == before


async def test_any_title_arrives_as_text_and_calls_nobody(stage: Stage) -> None:
    slack = Forger(stage)
    title = "<!channel> <@U01ADA> *x* \u202egnp.exe\u2066 &amp; <https://evil.example|click> \x07"
    heard = await slack.post(slack.command(LIN, f"incident staging {title}", command="/env"))
    assert heard.status == 200
    card = await stage.message(INCIDENTS, "staging", "evil.example")
    text = str(card)
    for bad in ("<!channel", "<@U01ADA", "<https://evil", "\u202e", "\u2066", "\x07"):
        assert bad not in text
    long = await slack.post(slack.command(LIN, f"incident dev {'x' * 3000}", command="/env"))
    assert long.status == 200
    assert "150" in long.text


async def test_a_stranger_declares_nothing_overrides_nothing_and_reads_no_monitor(stage: Stage) -> None:
    slack = Forger(stage)
    before = await stage.written()
    for command, text in (
        ("/env", "incident production everything burns"),
        ("/env", "check production"),
        ("/oncall", "override eve until tomorrow"),
        ("/oncall", "handoff a note"),
    ):
        heard = await slack.post(slack.command(EVE, text, command=command))
        assert heard.status == 200
    after = await stage.written()
    assert after["head"] == before["head"]
