"""PagerDuty's webhooks: an answer there is one here, once, and only where PagerDuty signed it."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.domain.incident import IncidentState
from handlers.http.pagerduty import signed
from tests.flows.paging_world import red
from tests.flows.world import HOUR
from tests.handlers.paging.outside import HOOK_SECRET, OLD_SECRET, Outside, outside

pytestmark = pytest.mark.requirement("F14")


@pytest.fixture
async def o(sqlite_url: str) -> AsyncIterator[Outside]:
    """A RED production that PagerDuty knows of."""
    async with outside(sqlite_url) as made:
        made.pagerduty.subscribe(f"{made.bot_url}/pagerduty/webhooks", HOOK_SECRET)
        await red(made.world)
        await made.until(lambda: made.pagerduty.incidents.open(made.key) is not None)
        yield made


def event(o: Outside, kind: str = "incident.acknowledged", agent: Any = None, **data: Any) -> dict[str, Any]:
    incident = o.pagerduty.incidents.all[0]
    made = o.pagerduty.event(incident, kind, agent)
    made["data"] |= data
    return made


async def post(
    o: Outside, body: bytes, header: str | None = None, secret: str = HOOK_SECRET
) -> tuple[int, Any]:
    sign = (
        header if header is not None else "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    )
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            o.bot_url + "/pagerduty/webhooks", data=body, headers={"X-PagerDuty-Signature": sign}
        ) as answer,
    ):
        return answer.status, await answer.json()


async def send(o: Outside, said: dict[str, Any], **how: Any) -> tuple[int, Any]:
    status, answer = await post(o, json.dumps({"event": said}).encode(), **how)
    return status, answer.get("done")


async def test_an_acknowledgement_there_is_one_here_by_the_person_of_that_address(o: Outside) -> None:
    ada = o.pagerduty.add_user("Ada Lovelace", "Ada@acme.example")
    status, _ = await o.pagerduty.answer(o.key, "acknowledged", user=ada)
    assert status == 200
    incident = await o.world.incident()
    assert (incident.state, incident.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "ada")
    assert ("escalate", "INC-1") not in o.world.timers_set()


async def test_whom_the_directory_does_not_know_is_called_pagerduty(o: Outside) -> None:
    eve = o.pagerduty.add_user("Eve", "eve@elsewhere.example")
    await o.pagerduty.answer(o.key, "acknowledged", user=eve)
    assert (await o.world.incident()).acknowledged_by == "PagerDuty"


async def test_where_pagerduty_does_not_say_who_the_answer_counts_all_the_same(o: Outside) -> None:
    ada = o.pagerduty.add_user("Ada", "ada@acme.example")
    o.pagerduty.faults.arm("hang", path="/users/")
    status, _ = await o.pagerduty.answer(o.key, "acknowledged", user=ada)
    assert status == 200
    assert (await o.world.incident()).acknowledged_by == "PagerDuty"


async def test_resolved_there_is_over_here(o: Outside) -> None:
    ada = o.pagerduty.add_user("Ada", "ada@acme.example")
    await o.pagerduty.answer(o.key, "resolved", user=ada)
    incident = await o.world.incident()
    assert (incident.state, incident.resolved_by) == (IncidentState.RESOLVED, "ada")


async def test_the_same_event_again_does_nothing(o: Outside) -> None:
    said = event(o)
    assert await send(o, said) == (200, "acknowledged")
    entries = len(await o.world.entries("INC-1"))
    for _ in range(3):
        assert await send(o, said) == (200, "nothing")
    assert len(await o.world.entries("INC-1")) == entries


async def test_an_answer_to_what_somebody_has_or_what_is_over_does_nothing(o: Outside) -> None:
    await o.acknowledge("cy")
    assert await send(o, event(o)) == (200, "nothing")
    assert (await o.world.incident()).acknowledged_by == "cy"
    await o.resolve("cy")
    assert await send(o, event(o, "incident.resolved")) == (200, "nothing")
    assert (await o.world.incident()).resolved_by == "cy"


async def hears(o: Outside, words: str) -> None:
    """The incident's thread says so, once."""
    await o.until(lambda: [words in str(each) for each in o.slack.said].count(True) == 1)


async def test_closed_there_by_nobody_whom_we_know_is_a_line_in_the_thread_and_stays_open(o: Outside) -> None:
    assert await send(o, event(o, "incident.resolved")) == (200, "told")
    incident = await o.world.incident()
    assert incident.state is IncidentState.OPEN
    assert incident.escalation is not None
    assert incident.escalation.next_at is not None
    assert ("escalate", "INC-1") in o.world.timers_set()
    await hears(o, "PagerDuty closed it there, and names nobody whom the policy's directory knows")


async def test_the_same_word_of_the_end_again_is_one_line(o: Outside) -> None:
    said = event(o, "incident.resolved")
    assert await send(o, said) == (200, "told")
    assert await send(o, said) == (200, "nothing")
    await hears(o, "PagerDuty closed it there")


async def test_what_somebody_took_here_is_not_taken_back_there(o: Outside) -> None:
    """PagerDuty's acknowledgement ends after a time, also the one that we sent it for somebody who pressed in Slack."""
    await o.acknowledge("cy")
    assert await send(o, event(o, "incident.unacknowledged")) == (200, "nothing")
    assert (await o.world.incident()).acknowledged_by == "cy"


async def test_what_was_taken_there_and_taken_back_goes_on_at_once_and_once(o: Outside) -> None:
    assert await send(o, event(o)) == (200, "acknowledged")
    before = (await o.world.incident()).escalation
    said = event(o, "incident.unacknowledged", agent={"id": "PSVC", "type": "service_reference"})
    assert await send(o, said) == (200, "unacknowledged")
    incident = await o.world.incident()
    assert (incident.state, incident.acknowledged_by) == (IncidentState.OPEN, None)
    assert before is not None
    assert incident.escalation is not None
    assert incident.escalation.told == before.told + 1
    assert ("escalate", "INC-1") in o.world.timers_set()
    await hears(o, "PagerDuty took back that somebody has it: nobody has it now, and the chain goes on.")
    assert await send(o, said) == (200, "nothing")
    assert await send(o, event(o, "incident.unacknowledged")) == (200, "nothing")


async def test_taken_back_when_nobody_is_left_to_be_told_everybody_hears(o: Outside) -> None:
    for _ in range(10):
        incident = await o.world.incident()
        if incident.escalation is None or incident.escalation.exhausted:
            break
        o.world.clock.advance(HOUR)
        await o.world.run_timers()
    assert await send(o, event(o)) == (200, "acknowledged")
    assert await send(o, event(o, "incident.unacknowledged")) == (200, "unacknowledged")
    assert (await o.world.incident()).state is IncidentState.OPEN
    await hears(o, "and nobody else is paged")


@pytest.mark.parametrize("kind", ["service_reference", "inbound_integration_reference"])
async def test_the_echo_of_our_own_event_is_nobodys_answer(o: Outside, kind: str) -> None:
    said = event(o, agent={"id": "PSVC", "type": kind, "summary": "Checkout"})
    assert await send(o, said) == (200, "nothing")
    assert (await o.world.incident()).state is IncidentState.OPEN


@pytest.mark.parametrize(
    "changes",
    [
        {"incident_key": "acme/INC-99"},
        {"incident_key": "other/INC-1"},
        {"incident_key": "acme/INC-1/2"},
        {"incident_key": "acme/inc-1"},
        {"incident_key": "INC-1"},
        {"incident_key": None},
        {"incident_key": ["acme/INC-1"]},
    ],
)
async def test_what_is_not_ours_does_nothing(o: Outside, changes: dict[str, Any]) -> None:
    assert await send(o, event(o, **changes)) == (200, "nothing")
    assert (await o.world.incident()).state is IncidentState.OPEN


@pytest.mark.parametrize("kind", ["incident.triggered", "incident.escalated", "pagey.ping", "", None, 7])
async def test_other_events_do_nothing(o: Outside, kind: Any) -> None:
    said = event(o) | {"event_type": kind}
    assert await send(o, said) == (200, "nothing")
    assert (await o.world.incident()).state is IncidentState.OPEN


@pytest.mark.parametrize("secret", [HOOK_SECRET, OLD_SECRET])
async def test_any_of_the_secrets_will_do(o: Outside, secret: str) -> None:
    assert await send(o, event(o), secret=secret) == (200, "acknowledged")


async def test_one_good_signature_among_several_will_do(o: Outside) -> None:
    o.pagerduty.subscribe(f"{o.bot_url}/pagerduty/webhooks", "a-secret-of-another", HOOK_SECRET)
    status, _ = await o.pagerduty.answer(o.key, "acknowledged", user=None)
    assert status == 200
    assert (await o.world.incident()).state is IncidentState.ACKNOWLEDGED


@pytest.mark.parametrize(
    "header", ["", "v1=", "v1=" + "0" * 64, "v2=" + "0" * 64, "v1=ü", ",,,", "v1=" + "0," * 500]
)
async def test_what_is_not_signed_is_refused(o: Outside, header: str) -> None:
    body = json.dumps({"event": event(o)}).encode()
    assert (await post(o, body, header))[0] == 401
    assert (await o.world.incident()).state is IncidentState.OPEN


async def test_a_body_that_was_changed_is_refused(o: Outside) -> None:
    body = json.dumps({"event": event(o)}).encode()
    sign = "v1=" + hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert (await post(o, body.replace(b"acknowledged", b"resolved"), sign))[0] == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not-json"),
        (b"[]", "not-an-object"),
        (b"{}", "no-event"),
        (b'{"event": 3}', "no-event"),
        (b"\xff", "not-json"),
    ],
)
async def test_a_signed_body_that_is_no_event(o: Outside, body: bytes, code: str) -> None:
    status, answer = await post(o, body)
    assert (status, answer["error"]) == (400, code)


def test_no_secret_accepts_nothing() -> None:
    assert not signed(b"x", ["v1="], [])
    assert not signed(b"x", [], [])
