"""Take a monitor's reading: colours change after consecutive readings, RED opens one incident, GREEN closes it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.environment import (
    Colour,
    EnvironmentState,
    EnvironmentStatus,
    MonitorState,
    Reading,
    observed,
)
from bot.domain.incident import Incident, IncidentState
from bot.domain.owed import Timer
from bot.flows import owing
from bot.flows.colours import stale_after, statuses, unread
from bot.flows.roles import on_call
from bot.policy import Monitor, Policy
from bot.ports import Ledger, Transaction

KEEP_EVERY = timedelta(seconds=60)  # an unchanged colour is written this often, to show when it was verified


@dataclass(slots=True)
class Watched:
    """What the watching loop holds of one monitor between two readings."""

    state: MonitorState | None = None
    kept_at: datetime | None = None


async def observe(
    ledger: Ledger, policy: Policy, environment: str, monitor: Monitor, reading: Reading, watched: Watched
) -> None:
    """Count the reading in; write when the colour changes or the last writing is old."""
    if watched.state is None:
        kept = await ledger.read(lambda tx: tx.environments.monitors(environment))
        known = next((m for m in kept if m.name == monitor.name), None)
        watched.state = known or unread(environment, monitor, reading.at)
    before = watched.state.at(reading.at, stale_after(monitor))
    after = observed(before, reading, fail_after=monitor.fail_after, pass_after=monitor.pass_after)
    watched.state = after
    due = watched.kept_at is None or reading.at - watched.kept_at >= KEEP_EVERY
    if after.colour is not before.colour or due:
        await ledger.write(lambda tx: _keep(tx, policy, after))
        watched.kept_at = reading.at


def _keep(tx: Transaction, policy: Policy, state: MonitorState) -> None:
    tx.environments.keep(state)
    settle(tx, policy, state.environment)


async def age(ledger: Ledger, policy: Policy) -> None:
    """Let monitors that fell silent turn UNKNOWN, and say so. Called on a schedule: nobody else notices silence."""

    def step(tx: Transaction) -> None:
        for name in policy.environments:
            settle(tx, policy, name)

    await ledger.write(step)


def settle(tx: Transaction, policy: Policy, name: str) -> None:
    """Bring the recorded colour of an environment, its incident and its messages in line with its monitors."""
    if name not in policy.environments:
        return
    status = next(s for s in statuses(tx, policy, tx.now) if s.name == name)
    recorded = tx.environments.get(name, lock=True)
    causes = tuple(m.name for m in status.causes) if status.colour is not Colour.GREEN else ()
    if recorded is not None and (recorded.colour, recorded.causes) == (status.colour, causes):
        return
    if recorded is None and not status.monitors:
        return
    turned = recorded is None or recorded.colour is not status.colour
    since = tx.now if recorded is None or turned else recorded.since
    state = EnvironmentState(name=name, colour=status.colour, since=since, causes=causes)
    facts: dict[str, JsonValue] = {
        "from": None if recorded is None else recorded.colour.value,
        "to": status.colour.value,
        "causes": [{"monitor": m.name, "code": m.code} for m in status.causes],
    }
    tx.environments.put(
        state, Fact(type="environment.turned" if turned else "environment.causes", facts=facts)
    )
    _incidents(tx, policy, status, causes)
    if turned:
        _judge_waiting_requests(tx, policy)


def _incidents(tx: Transaction, policy: Policy, status: EnvironmentStatus, causes: tuple[str, ...]) -> None:
    open_now = tx.incidents.open(status.name)
    if status.colour is Colour.RED and not open_now:
        open_incident(tx, policy, status.name, causes)
    for incident in open_now:
        if status.colour is Colour.GREEN:
            _close(tx, policy, incident)
        elif incident.causes != causes and status.colour is Colour.RED:
            tx.incidents.put(replace(incident, causes=causes), Fact(type="incident.causes"))
            incident_card(tx, policy, incident.id)
        else:
            _note(tx, policy, incident, "colour", colour=status.colour.value)
            incident_card(tx, policy, incident.id)


def open_incident(tx: Transaction, policy: Policy, environment: str, causes: tuple[str, ...]) -> Incident:
    """One incident for one environment: severity and response time from the policy, the person on call by name."""
    severity = policy.environments[environment].severity or next(iter(policy.severities))
    within = policy.severities.get(severity)
    incident = Incident(
        id=f"INC-{tx.incidents.next_number()}",
        environment=environment,
        severity=severity,
        state=IncidentState.OPEN,
        opened_at=tx.now,
        respond_by=None if within is None else tx.now + within,
        causes=causes,
        on_call=on_call(policy, "primary", tx.now),
    )
    tx.incidents.put(incident, Fact(type="incident.opened", facts={"causes": list(causes)}))
    incident_card(tx, policy, incident.id)
    return incident


def _close(tx: Transaction, policy: Policy, incident: Incident) -> None:
    closed = replace(incident, state=IncidentState.RESOLVED, resolved_at=tx.now)
    tx.incidents.put(closed, Fact(type="incident.resolved", facts={"because": "green"}))
    incident_card(tx, policy, incident.id)
    _note(tx, policy, closed, "green")


def incident_card(tx: Transaction, policy: Policy, incident_id: str) -> None:
    """Post the incident, or bring its message up to date."""
    owing.channel(tx, policy.slack.channels.incidents, "incident-card", incident_id, {}, once=True)


def _note(tx: Transaction, policy: Policy, incident: Incident, code: str, **facts: JsonValue) -> None:
    owing.channel(
        tx,
        policy.slack.channels.incidents,
        "incident-note",
        incident.id,
        {"code": code, "at": tx.now.isoformat(), **facts},
    )


def _judge_waiting_requests(tx: Transaction, policy: Policy) -> None:
    """A colour changed: what waits may pass now, what would have passed may not."""
    for request in tx.requests.open():
        environment = policy.environments.get(request.environment)
        if environment is not None and request.state.value in ("evaluating", "awaiting-approval", "approved"):
            tx.schedule(Timer(kind="evaluate", subject=request.id, due_at=tx.now))
