"""The ticket of an incident elsewhere (P21): owed when it opens, opened once however often it is tried, its name kept."""

from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.incident import Incident
from bot.domain.owed import Delivery
from bot.flows.incident_news import card, note
from bot.policy import Policy
from bot.ports import Ledger, Transaction

KIND: Final = "ticket"
"""The kind of its delivery; the subject is the incident."""
GITHUB: Final = "ticket:github"
"""The lane of tickets at GitHub; those of a webhook go with everything else that it is told."""
TITLE_LIMIT: Final = 200


def owe_ticket(tx: Transaction, policy: Policy, incident: Incident) -> None:
    """`incident` opened just now: its ticket, where the policy asks for one. Where it is opened is settled here."""
    asked = policy.incidents.tickets
    if asked is None or (asked.severities is not None and incident.severity not in asked.severities):
        return
    where = GITHUB if asked.github is not None else f"webhook:{asked.webhook}"
    facts: dict[str, JsonValue] = {"code": "opened", "repository": asked.github}
    tx.owe(
        Delivery(
            key=f"{KIND}:{incident.id}",
            kind=KIND,
            destination=where,
            subject=incident.id,
            due_at=tx.now,
            facts=facts,
        )
    )


async def is_open(ledger: Ledger, incident_id: str) -> bool:
    """Whether its ticket has a name already, so that none is opened for it again."""
    found = await ledger.read(lambda tx: tx.incidents.get(incident_id))
    return found is not None and found.ticket is not None


async def opened(ledger: Ledger, policy: Policy, incident_id: str, name: str) -> None:
    """It is open, and this is what the other system calls it. Said twice, it is kept once."""

    def step(tx: Transaction) -> None:
        incident = tx.incidents.get(incident_id, lock=True)
        if incident is None or incident.ticket is not None:
            return
        after = replace(incident, ticket=name[:TITLE_LIMIT])
        tx.incidents.put(after, Fact(type="incident.ticketed", facts={"ticket": after.ticket}))
        note(tx, policy, after, "ticketed", ticket=after.ticket)
        card(tx, policy, after)

    await ledger.write(step)


async def asked(ledger: Ledger, policy: Policy, incident_id: str, where: str) -> None:
    """A webhook was told of it: it names no ticket, so that it was asked is all that is known."""
    await _noted(ledger, policy, incident_id, "ticket-asked", {"where": where})


async def failed(ledger: Ledger, policy: Policy, incident_id: str, where: str, code: str) -> None:
    """None will be opened: people read why, and open one by hand."""
    await _noted(ledger, policy, incident_id, "ticket-failed", {"where": where, "code": code})


async def _noted(
    ledger: Ledger, policy: Policy, incident_id: str, code: str, facts: dict[str, JsonValue]
) -> None:
    key = f"{code}:{incident_id}"

    def step(tx: Transaction) -> None:
        incident = tx.incidents.get(incident_id, lock=True)
        if incident is None or tx.remembered(key) is not None:
            return
        tx.remember(key, True)
        tx.trail.record(Fact(type=f"incident.{code}", facts=facts), subject=f"incident/{incident.id}")
        # Its own code stands beside: that of the line is what happened.
        said = {("why" if name == "code" else name): value for name, value in facts.items()}
        note(tx, policy, incident, code, **said)

    await ledger.write(step)
