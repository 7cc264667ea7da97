"""Answers that come from another system: only to what it was told of; ended by people of the directory alone; and taken
back as they were given."""

import json
from dataclasses import replace
from typing import Final

from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.incident import Incident, IncidentState
from bot.domain.page import WayState
from bot.domain.refusal import Refusal
from bot.flows.answer_incident import acknowledge_as, resolve_as
from bot.flows.escalate import known_open, tell_next
from bot.flows.incident_news import card, note
from bot.flows.together import led_by
from bot.policy import Policy
from bot.ports import Ledger, Transaction

_PAGE: Final = 1000


async def acknowledge_there(
    ledger: Ledger, policy: Policy, actor: Actor, incident_id: str, *, system: str, key: str
) -> None:
    """Somebody has it, says `system` (the first word of its ways). It need not be known who: whoever acknowledged is
    looking at it, and that much may be believed of an incident that was told there.

    Raises Refusal `not-told-there`, and as `answer_incident.acknowledge` does.
    """
    await ledger.read(lambda tx: _told_there(tx, incident_id, system))
    await acknowledge_as(ledger, policy, actor, incident_id, key=key)


async def resolve_there(
    ledger: Ledger, policy: Policy, actor: Actor, incident_id: str, *, system: str, key: str
) -> bool:
    """It is over, says `system`: so it is where a person of the directory said so. Where nobody is named (it was merged,
    timed out, or closed by a rule), or somebody whom nobody knows, it stays as it is here, and its thread says so. Whether
    it is over now. Raises Refusal `not-told-there`, `unknown-incident` or `incident-over`."""
    await ledger.read(lambda tx: _told_there(tx, incident_id, system))
    if actor.person is not None:
        await resolve_as(ledger, policy, actor, incident_id, key=key)
        return True

    def step(tx: Transaction) -> None:
        incident = known_open(tx, incident_id)
        if tx.remembered(key) is None:
            tx.remember(key, incident.id)
            note(tx, policy, incident, "ended-outside", where=system)

    await ledger.write(step)
    return False


async def take_back_there(
    ledger: Ledger, policy: Policy, actor: Actor, incident_id: str, *, system: str, key: str
) -> None:
    """`system` takes an acknowledgement back, as it does by itself after a time: what was acknowledged there is nobody's
    again, with all that was taken with it, and the chain goes on now. What somebody took here stays theirs.

    Raises Refusal `not-told-there`, `unknown-incident` or `not-answered-there`.
    """
    await ledger.read(lambda tx: _told_there(tx, incident_id, system))

    def step(tx: Transaction) -> None:
        if tx.remembered(key) is not None:
            return
        incident = tx.incidents.get(incident_id, lock=True)
        if incident is None:
            raise Refusal("unknown-incident", {"incident": incident_id[:40]})
        found = [each for each in (incident, *led_by(tx, incident)) if _taken_there(tx, each, system)]
        if not found:
            raise Refusal("not-answered-there", {"incident": incident.id, "where": system})
        tx.remember(key, incident.id)
        for each in found:
            free = replace(
                each, state=IncidentState.OPEN, acknowledged_by=None, acknowledged_at=None,
                first_answered_at=each.answered_at,
            )  # fmt: skip
            tx.incidents.put(free, Fact(type="incident.taken-back", by=actor, facts={"where": system}))
            note(tx, policy, free, "taken-back", where=system, person=actor.person)
            card(tx, policy, free)
            if each.id == incident.id:
                incident = free
        tell_next(tx, policy, incident, by=actor)

    await ledger.write(step)


def _told_there(tx: Transaction, incident_id: str, system: str) -> None:
    """Whoever holds a key of the system can open an incident there by any name; we answer for those we told of."""
    ways = (way for page in tx.pages.of(incident_id) for way in page.ways)
    if not any(w.destination.startswith(f"{system}:") and w.state is not WayState.FAILED for w in ways):
        raise Refusal("not-told-there", {"incident": incident_id[:40], "where": system})


def _taken_there(tx: Transaction, incident: Incident, system: str) -> bool:
    """Whether whoever has it said so there: by the newest entry of its trail."""
    if incident.state is not IncidentState.ACKNOWLEDGED:
        return False
    via, after = "", 0
    while entries := tx.trail.entries(after=after, limit=_PAGE, subject=f"incident/{incident.id}"):
        for entry in entries:
            said = json.loads(entry.body)
            via = said["by"]["via"] if said["type"] == "incident.acknowledged" else via
        after = entries[-1].seq
    return via.lower().startswith(system)
