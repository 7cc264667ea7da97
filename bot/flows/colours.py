"""The colours of all environments as seen now: recorded readings, aged, worst-of, in fix-first order (K2)."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.environment import AHEAD, Colour, EnvironmentStatus, MonitorState, status_of
from bot.flows.listening import Listening, listening_of
from bot.policy import HeartbeatMonitor, Monitor, Policy
from bot.ports import Transaction

MISSED_READINGS = 3  # a monitor that missed so many of its own intervals is blind
PUSHED_SILENCE = timedelta(
    hours=4, minutes=30
)  # Alertmanager repeats itself every 4 h by default, rounded up


def stale_after(monitor: Monitor) -> timedelta:
    """How old a reading may be before the monitor counts as blind."""
    if monitor.stale_after is not None:
        return monitor.stale_after
    if isinstance(monitor, HeartbeatMonitor):
        return monitor.heartbeat.every
    if monitor.every is None:
        return PUSHED_SILENCE
    return monitor.every * MISSED_READINGS + monitor.timeout


def statuses(tx: Transaction, policy: Policy, now: datetime) -> tuple[EnvironmentStatus, ...]:
    """Every environment of the policy at `now`; monitors that no longer stand in the policy do not count."""
    kept = {m.id: m for m in tx.environments.monitors()}
    incidents = {i.environment: i.id for i in tx.incidents.open()}
    listening = listening_of(tx)
    found = []
    for name, environment in policy.environments.items():
        monitors = [
            as_seen(kept.get(f"{name}/{m.name}", unread(name, m, now)), m, now, listening)
            for m in environment.monitors
        ]
        found.append(status_of(name, monitors, incident=incidents.get(name)))
    return tuple(found)


def unread(environment: str, monitor: Monitor, now: datetime) -> MonitorState:
    """A monitor of which nothing is known yet."""
    return MonitorState(environment=environment, name=monitor.name, component=monitor.component, since=now)


def as_seen(
    state: MonitorState, monitor: Monitor, now: datetime, listening: Listening | None
) -> MonitorState:
    """The same state as seen at `now`: too old a reading makes a monitor blind, and a heartbeat's silence is its alarm.

    Silence counts only while somebody listened: what was not heard because the bot was not there is UNKNOWN until the
    heartbeat had its time once more (`Listening.alarm_at`).
    """
    limit = stale_after(monitor)
    if not isinstance(monitor, HeartbeatMonitor) or state.read_at is None or state.read_at > now + AHEAD:
        return state.at(now, limit)
    usual = state.read_at + limit
    alarm_at = usual if listening is None else listening.alarm_at(state.read_at, limit, now)
    if now <= alarm_at:
        return state.at(now, limit)
    return replace(
        state,
        colour=Colour.RED,
        since=state.since if state.colour is Colour.RED else alarm_at,
        code="silent",
        facts={"read_at": state.read_at.isoformat(), "limit_seconds": int(limit.total_seconds())},
        recent=(),
    )
