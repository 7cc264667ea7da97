"""Take a monitor's reading: colours change after consecutive readings, RED opens one incident, GREEN closes it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.environment import (
    Colour,
    EnvironmentState,
    EnvironmentStatus,
    MonitorState,
    Reading,
    observed,
)
from bot.domain.incident import Incident, IncidentState
from bot.flows import owing
from bot.flows.colours import stale_after, statuses, unread
from bot.flows.roles import first_responder
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
    before = watched.state
    after = observed(before, reading, fail_after=monitor.fail_after, pass_after=monitor.pass_after)
    due = watched.kept_at is None or reading.at - watched.kept_at >= keep_every(monitor)
    if after.colour is not before.colour or due:
        # Only what is written is held: where writing fails, the next reading finds the change again.
        await ledger.write(lambda tx: _keep(tx, policy, after))
        watched.kept_at = reading.at
    watched.state = after


def keep_every(monitor: Monitor) -> timedelta:
    """How long an unchanged reading may go unwritten: never so long that the one after it comes too late, and a
    monitor that is read all the time looks blind."""
    if monitor.every is None:  # pushed: nobody knows when the next one comes
        return min(KEEP_EVERY, stale_after(monitor) / 4)
    return min(KEEP_EVERY, max(timedelta(0), stale_after(monitor) - monitor.every - monitor.timeout))


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
    news = turned or recorded is None or not set(causes) <= set(recorded.causes)
    _incidents(tx, policy, status, causes, turned=turned, news=news)
    if turned:
        judge_waiting_requests(tx)


def _incidents(
    tx: Transaction,
    policy: Policy,
    status: EnvironmentStatus,
    causes: tuple[str, ...],
    *,
    turned: bool,
    news: bool,
) -> None:
    """RED has one open incident. Resolved by a person, it stays so until something else is wrong (`news`)."""
    open_now = tx.incidents.open(status.name)
    red = status.colour is Colour.RED
    if red and news and not open_now:
        open_incident(tx, policy, status.name, causes)
    for incident in open_now:
        if status.colour is Colour.GREEN:
            _close(tx, policy, incident)
            continue
        if red and incident.causes != causes:
            tx.incidents.put(
                replace(incident, causes=causes), Fact(type="incident.causes", facts={"causes": list(causes)})
            )
        if turned:
            _note(tx, policy, incident, "colour", colour=status.colour.value)
        incident_card(tx, policy, incident.id)


def open_incident(tx: Transaction, policy: Policy, environment: str, causes: tuple[str, ...]) -> Incident:
    """One incident for one environment: severity and response time from the policy, the person on call by name."""
    severity = policy.environments[environment].severity or next(iter(policy.severities), "P0")
    within = policy.severities.get(severity)
    incident = Incident(
        id=f"INC-{tx.incidents.next_number()}",
        environment=environment,
        severity=severity,
        state=IncidentState.OPEN,
        opened_at=tx.now,
        respond_by=None if within is None else tx.now + within,
        causes=causes,
        on_call=first_responder(policy, tx.now),
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


def judge_waiting_requests(tx: Transaction) -> None:
    """A colour changed, or an incident ended: what waits may pass now, what would have passed may not."""
    for request in tx.requests.open():
        if request.state is not RequestState.STARTING:
            owing.evaluate_at(tx, request, tx.now)
