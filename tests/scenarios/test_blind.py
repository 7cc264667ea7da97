"""Nobody sees: the bot's own network is down, and that lasts. People are paged for it, and told when it is over."""

import socket
from datetime import timedelta

import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.hands import CY, INCIDENTS
from tests.scenarios.test_incident import paged

MINUTE = timedelta(minutes=1)


@pytest.mark.requirement("F14")
async def test_a_blindness_that_lasts_wakes_whoever_is_on_call_and_says_when_it_is_over(
    make_stage: Make,
) -> None:
    """The reference is switched off (or somebody sits between it and us), and then production fails: RED is not
    believed, and the silence about it is not kept for longer than five minutes."""
    with socket.socket() as away:
        away.bind(("127.0.0.1", 0))  # an address that refuses, and that nobody else takes meanwhile
        await _blind(make_stage, away)


async def _blind(make_stage: Make, away: socket.socket) -> None:
    port = away.getsockname()[1]
    monitoring = f'monitoring:\n  reference: [{{tcp: "127.0.0.1:{port}"}}]\n'
    stage = await make_stage(("\nenvironments:\n", f"\n{monitoring}environments:\n"))
    await stage.health("error")
    await stage.message(INCIDENTS, "Monitoring is blind", "The reference does not answer")
    for _ in range(5):
        stage.clock.advance(MINUTE)
    card = await stage.message(INCIDENTS, "MONITORING IS BLIND", "production", "P0", f"<@{CY}>")
    thread = str(card["ts"])
    await stage.message(
        INCIDENTS, "whatever is wrong now, here or elsewhere, nobody would hear", thread_of=thread
    )
    await paged(stage, CY, "MONITORING IS BLIND", "INC-1", "answer by")

    away.listen()
    await stage.message(INCIDENTS, "Monitoring sees again")
    await stage.message(INCIDENTS, "RESOLVED", "INC-1", "Monitoring sees again")
    await stage.message(INCIDENTS, "RED", "production", "INC-2", f"<@{CY}>")
