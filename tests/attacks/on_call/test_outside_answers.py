"""Answers from outside: whoever may speak in PagerDuty must not end what PagerDuty was never told of, or what burns."""

from typing import Any

import pytest

from bot.domain.incident import IncidentState
from tests.flows.paging_world import red
from tests.handlers.http.test_pagerduty import send
from tests.handlers.paging.outside import HOOK_SECRET, NAME, Outside

pytestmark = pytest.mark.requirement("F14")


def forged(o: Outside, incident: str, kind: str, agent: Any = None) -> dict[str, Any]:
    """The event of an incident that somebody opened in PagerDuty themselves, with a key of their choice."""
    taken = o.pagerduty.incidents.take(
        {
            "event_action": "trigger",
            "dedup_key": f"{NAME}/{incident}",
            "payload": {"summary": "x", "severity": "info", "source": "mallory"},
        }
    )
    assert taken is not None
    return o.pagerduty.event(taken, kind, agent)


async def test_what_pagerduty_was_never_told_of_is_not_answered_there(still: Outside) -> None:
    policy = [("escalation:", "escalation:")]
    await still.world.reload(*policy)  # the chain of this policy names no PagerDuty
    await red(still.world)
    await send(still, forged(still, "INC-1", "incident.acknowledged"))
    assert (await still.world.incident()).state is IncidentState.OPEN


async def test_what_pagerduty_closes_by_itself_is_not_over_while_it_is_red(o: Outside) -> None:
    """Auto-resolution and merges end an incident there without anybody having looked: no person is named."""
    o.pagerduty.subscribe(f"{o.bot_url}/pagerduty/webhooks", HOOK_SECRET)
    await red(o.world)
    await o.until(lambda: o.pagerduty.incidents.open(o.key) is not None)
    await o.pagerduty.answer(o.key, "resolved", user=None)
    assert (await o.world.incident()).is_open


async def test_whom_the_directory_does_not_know_ends_no_incident(o: Outside) -> None:
    eve = o.pagerduty.add_user("Eve", "eve@elsewhere.example")
    o.pagerduty.subscribe(f"{o.bot_url}/pagerduty/webhooks", HOOK_SECRET)
    await red(o.world)
    await o.until(lambda: o.pagerduty.incidents.open(o.key) is not None)
    await o.pagerduty.answer(o.key, "resolved", user=eve)
    assert (await o.world.incident()).is_open


async def test_an_acknowledgement_that_pagerduty_takes_back_is_taken_back_here(o: Outside) -> None:
    """Its acknowledgements end after a time; then PagerDuty calls people again, and here nobody would be told."""
    await red(o.world)
    await o.until(lambda: o.pagerduty.incidents.open(o.key) is not None)
    incident = o.pagerduty.incidents.all[0]
    await send(o, o.pagerduty.event(incident, "incident.acknowledged", None))
    assert (await o.world.incident()).state is IncidentState.ACKNOWLEDGED
    await send(o, o.pagerduty.event(incident, "incident.unacknowledged", None))
    assert (await o.world.incident()).waits
