"""Incidents, environments, bugs, and what nobody listens to."""

from typing import Any

import pytest

from bot.domain.audit import Fact
from bot.domain.incident import IncidentState
from handlers.slack import listeners
from handlers.slack.context import SlackContext
from storage.ledger import Ledger
from tests.handlers.slack.conftest import People, Stub, until
from tests.handlers.slack.examples import incident
from tests.handlers.slack.workspace import ADA, CY, LIN, shown, waiting


async def test_an_incident_is_acknowledged_once_and_by_name(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await ledger.write(lambda tx: tx.incidents.put(incident(), Fact(type="incident.opened")))
    await people.press(CY, "incident_acknowledge", "INC-7")
    said = shown((await until(lambda: stub.replies))[0])
    assert said == "INC-7 is yours. `/env postmortem INC-7 note …` keeps a line of what you do."
    await people.press(ADA, "incident_acknowledge", "INC-7", ts="2.2")
    assert "cy has INC-7 already." in shown((await until(lambda: stub.replies[1:]))[0])
    await people.press(CY, "incident_resolve", "INC-7", ts="3.3")
    assert "INC-7 is resolved." in shown((await until(lambda: stub.replies[2:]))[0])
    await people.press(CY, "incident_resolve", "INC-7", ts="4.4")
    assert "INC-7 is over: cy closed it." in shown((await until(lambda: stub.replies[3:]))[0])
    kept = await ledger.read(lambda tx: tx.incidents.get("INC-7"))
    assert kept is not None
    assert (kept.state, kept.acknowledged_by, kept.resolved_by) == (IncidentState.RESOLVED, "cy", "cy")


@pytest.mark.parametrize("text", ["", "status"])
async def test_env_shows_every_environment(text: str, people: People) -> None:
    lines = shown((await people.command(LIN, text, name="/env")).body).split("\n")
    assert lines[0] == "*Nothing is RED; nobody knows how production and staging are*"
    assert (
        lines[1]
        == "⚪ *production* UNKNOWN · never verified · nobody watches it: the policy names no monitor"
    )
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [("sttus", "Did you mean /env status?"), ("hstory", "Did you mean /env history?")],
)
async def test_env_names_what_it_does_not_have(text: str, said: str, people: People) -> None:
    assert said in shown((await people.command(LIN, text, name="/env")).body)


class Broken:
    """A ledger whose disk is full; the exception's text must reach nobody."""

    async def write(self, step: object) -> None:
        raise OSError("secret path /var/lib/x")

    async def read(self, query: object) -> None:
        raise OSError("secret path /var/lib/x")


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, event: str, **facts: object) -> None:
        self.lines.append(f"{event} {facts}")


async def test_a_bug_is_one_honest_sentence_with_an_id_that_the_log_has(
    people: People, context: SlackContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log()
    monkeypatch.setattr(listeners, "log", log)
    monkeypatch.setattr(type(context.ledger), "write", Broken.write)
    answer = await people.command(LIN, "request checkout 7a3f9c2 hush-hush")
    said = shown(answer.body)
    assert "Something broke here" in said
    (logged,) = log.lines
    assert said.split("as ")[-1].rstrip(".") in logged
    assert "OSError" in logged
    assert "secret path" not in said + logged
    assert "hush-hush" not in logged


async def test_a_bug_after_the_ack_is_told_too(people: People, stub: Stub, context: SlackContext, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(type(context.ledger), "read", Broken.read)
    assert (await people.press(ADA, "request_details", "DEP-42")).status == 200
    assert "Something broke here" in shown((await until(lambda: stub.replies))[0])


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "block_actions", "actions": [{"action_id": "request_approve"}]},
        {
            "type": "block_actions",
            "actions": [{"action_id": "request_approve", "type": "button"}],
            "user": {"id": 5},
        },
        {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "deploy_approve", "private_metadata": "no json"},
        },
        {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "deploy_approve", "id": "V", "state": {"values": {}}},
        },
        {
            "type": "view_submission",
            "view": {"type": "modal", "callback_id": "deploy_reject", "id": "V", "state": {"values": 7}},
        },
    ],
)
async def test_a_malformed_payload_is_answered_and_changes_nothing(
    payload: dict[str, Any], people: People, ledger: Ledger
) -> None:
    await waiting(ledger)
    before = await ledger.read(lambda tx: len(tx.trail.entries()))
    assert (await people.interact({"team": {"id": "T0ACME"}, "user": {"id": ADA}} | payload)).status == 200
    assert await ledger.read(lambda tx: len(tx.trail.entries())) == before


async def test_what_nobody_listens_to_is_404(people: People) -> None:
    assert (await people.command(LIN, "x", name="/other")).status == 404


async def test_a_menu_that_searches_gets_names(people: People) -> None:
    asked = {"type": "block_suggestion", "action_id": "service", "block_id": "service", "value": "pay"}
    answer = await people.interact({"team": {"id": "T0ACME"}, "user": {"id": LIN}} | asked)
    assert [o["value"] for o in answer.body["options"]] == ["payments"]
