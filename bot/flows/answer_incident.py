"""Acknowledge or resolve an incident: by anybody of the directory, without a second factor; once."""

from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.incident import Incident, IncidentState
from bot.domain.refusal import Refusal
from bot.flows.alerts import end_lost
from bot.flows.asking import Asker
from bot.flows.escalate import hand_over, known_open, stop
from bot.flows.incident_news import card, note, tell_outside
from bot.flows.incidents import close_incident
from bot.flows.together import ACKNOWLEDGED, RESOLVED, led_by
from bot.flows.unasked import owe_word
from bot.policy import Policy
from bot.ports import Ledger, Transaction


async def acknowledge(
    ledger: Ledger, policy: Policy, asker: Asker, incident_id: str, *, key: str | None = None
) -> None:
    """Say "I have it". A second click by the same person changes nothing; by another it is refused by name. The same
    click again (`key`) answers nothing that was raised since.

    Raises Refusal `unknown-incident`, `incident-over` or `acknowledged-already`.
    """
    await acknowledge_as(ledger, policy, asker.actor(policy), incident_id, key=key)


async def acknowledge_as(
    ledger: Ledger, policy: Policy, actor: Actor, incident_id: str, *, key: str | None = None
) -> None:
    """The same for whoever answered outside Slack. Nobody is paged any more from this transaction on; what its pages
    told of as well is acknowledged with it, and what no page has told of yet is not: another one leads it on. Raises as
    `acknowledge` does."""
    name = actor.person or actor.via

    def step(tx: Transaction) -> None:
        if _seen(tx, key, incident_id):
            return
        there = tx.incidents.get(incident_id, lock=True)
        others = [] if there is None else [other for other in led_by(tx, there) if other.waits]
        told = there is not None and there.escalation is not None and there.escalation.told > 0
        if there is not None and not there.is_open and others and told:
            owe_word(tx, policy, others[0], actor, ACKNOWLEDGED, others=len(others) - 1)
            for other in others:  # its pages told of others that nobody has yet
                _take(tx, policy, other, actor, with_=there.id)
            stop(tx, policy, there)
            tell_outside(tx, there, ACKNOWLEDGED, name)
            return
        incident = known_open(tx, incident_id)
        if incident.state is IncidentState.ACKNOWLEDGED:
            if incident.acknowledged_by == name:
                return
            raise Refusal("acknowledged-already", {"incident": incident.id, "by": incident.acknowledged_by})
        if others and not told:
            incident = hand_over(tx, policy, incident, others)
            others = []
        for other in others:
            _take(tx, policy, other, actor, with_=incident.id)
        taken = _take(tx, policy, incident, actor, others=len(others))
        owe_word(tx, policy, incident, actor, ACKNOWLEDGED, others=len(others))
        stop(tx, policy, taken)
        tell_outside(tx, taken, ACKNOWLEDGED, name)

    await ledger.write(step)


def _seen(tx: Transaction, key: str | None, incident_id: str) -> bool:
    """Whether this very click was answered before (promise 4); it is from now on, unless it is refused."""
    if key is None:
        return False
    if tx.remembered(key) is not None:
        return True
    tx.remember(key, incident_id[:40])
    return False


def _take(
    tx: Transaction,
    policy: Policy,
    incident: Incident,
    actor: Actor,
    *,
    others: int = 0,
    with_: str | None = None,
) -> Incident:
    name = actor.person or actor.via
    chain = None if incident.escalation is None else incident.escalation.stopped()
    taken = replace(
        incident,
        state=IncidentState.ACKNOWLEDGED,
        acknowledged_by=name,
        acknowledged_at=tx.now,
        escalation=chain,
    )
    facts = {} if with_ is None else {"with": with_}
    tx.incidents.put(taken, Fact(type="incident.acknowledged", by=actor, facts=facts))
    card(tx, policy, taken)
    said = {"others": others} if others else {}
    note(tx, policy, taken, "acknowledged", person=name, **facts, **said)
    return taken


async def resolve(
    ledger: Ledger, policy: Policy, asker: Asker, incident_id: str, *, key: str | None = None
) -> None:
    """Say that it is over. The colour stays what the monitors see; only what Alertmanager ceased to repeat, and never
    said the end of, is over by that word. The same click again (`key`) ends nothing that began anew. Raises `unknown-incident` or `incident-over`."""
    await resolve_as(ledger, policy, asker.actor(policy), incident_id, key=key)


async def resolve_as(
    ledger: Ledger, policy: Policy, actor: Actor, incident_id: str, *, key: str | None = None
) -> None:
    """The same for whoever said so outside Slack."""

    def step(tx: Transaction) -> None:
        if _seen(tx, key, incident_id):
            return
        incident = known_open(tx, incident_id)
        owe_word(tx, policy, incident, actor, RESOLVED)
        close_incident(tx, policy, incident, by=actor)
        end_lost(tx, policy, incident.environment)

    await ledger.write(step)
