"""RED that goes on after a person resolved its incident: a reminder after half an hour, the next incident after an hour."""

from pydantic import JsonValue

from bot.domain.environment import Colour
from bot.domain.incident import Cause
from bot.domain.owed import Timer
from bot.flows.escalate import chain_of, responder
from bot.flows.incident_news import note
from bot.flows.incidents import open_incident
from bot.flows.soon_again import OPENED, TIMER
from bot.policy import Policy
from bot.ports import Ledger, Transaction


async def still_red(ledger: Ledger, policy: Policy, incident_id: str) -> None:
    """Called by the timer. What turned GREEN meanwhile, or has another incident of its monitors, needs nothing."""

    def step(tx: Transaction) -> None:
        incident = tx.incidents.get(incident_id, lock=True)
        if incident is None or incident.resolved_at is None or incident.resolved_by is None:
            return
        name = incident.environment
        seen = tx.environments.get(name)
        if name not in policy.environments or seen is None or seen.colour is not Colour.RED:
            return
        if seen.since > incident.resolved_at or any(
            each.cause is Cause.MONITORS for each in tx.incidents.open(name)
        ):
            return
        opens_at = incident.resolved_at + OPENED
        if tx.now < opens_at:
            on_call = responder(tx, policy, incident.escalation or chain_of(policy, incident.severity))
            people: list[JsonValue] = [
                each for each in dict.fromkeys([incident.resolved_by, on_call]) if each is not None
            ]
            facts: dict[str, JsonValue] = {"people": people, "until": opens_at.isoformat()}
            note(tx, policy, incident, "still-red", since=seen.since.isoformat(), **facts)
            tx.schedule(Timer(kind=TIMER, subject=incident.id, due_at=opens_at))
            return
        opened = open_incident(tx, policy, name, cause=Cause.MONITORS, causes=seen.causes)
        note(
            tx, policy, opened, "red-all-along",
            before=incident.id, person=incident.resolved_by, since=seen.since.isoformat(),
        )  # fmt: skip

    await ledger.write(step)
