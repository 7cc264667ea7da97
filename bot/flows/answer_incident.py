"""Acknowledge or resolve an incident: by anybody of the directory, without a second factor; once."""

from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.incident import Incident, IncidentState
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker
from bot.flows.observe import incident_card, judge_waiting_requests
from bot.policy import Policy
from bot.ports import Ledger, Transaction


async def acknowledge(ledger: Ledger, policy: Policy, asker: Asker, incident_id: str) -> None:
    """Say "I have it". A second click by the same person changes nothing; by another it is refused by name."""
    actor = asker.actor(policy)

    def step(tx: Transaction) -> None:
        incident = _open(tx, incident_id)
        if incident.state is IncidentState.ACKNOWLEDGED:
            if incident.acknowledged_by == actor.person:
                return
            raise Refusal("acknowledged-already", {"incident": incident.id, "by": incident.acknowledged_by})
        taken = replace(
            incident,
            state=IncidentState.ACKNOWLEDGED,
            acknowledged_by=actor.person,
            acknowledged_at=tx.now,
        )
        _write(tx, policy, taken, actor, "acknowledged")

    await ledger.write(step)


async def resolve(ledger: Ledger, policy: Policy, asker: Asker, incident_id: str) -> None:
    """Say that it is over. The colour stays what the monitors see."""
    actor = asker.actor(policy)

    def step(tx: Transaction) -> None:
        incident = _open(tx, incident_id)
        ended = replace(incident, state=IncidentState.RESOLVED, resolved_by=actor.person, resolved_at=tx.now)
        _write(tx, policy, ended, actor, "resolved")
        judge_waiting_requests(tx)

    await ledger.write(step)


def _open(tx: Transaction, incident_id: str) -> Incident:
    incident = tx.incidents.get(incident_id, lock=True)
    if incident is None:
        raise Refusal("unknown-incident", {"incident": incident_id[:40]})
    if not incident.is_open:
        raise Refusal("incident-over", {"incident": incident.id, "by": incident.resolved_by})
    return incident


def _write(tx: Transaction, policy: Policy, incident: Incident, actor: Actor, code: str) -> None:
    tx.incidents.put(incident, Fact(type=f"incident.{code}", by=actor))
    incident_card(tx, policy, incident.id)
    owing.channel(
        tx,
        policy.slack.channels.incidents,
        "incident-note",
        incident.id,
        {"code": code, "person": actor.person, "at": tx.now.isoformat()},
    )
