"""The colours of all environments as seen now: recorded readings, aged, worst-of, in fix-first order (K2)."""

from datetime import datetime, timedelta

from bot.domain.environment import EnvironmentStatus, MonitorState, status_of
from bot.policy import HeartbeatMonitor, Monitor, Policy
from bot.ports import Transaction

MISSED_READINGS = 3  # a monitor that missed so many of its own intervals is blind
PUSHED_SILENCE = timedelta(hours=4)  # Alertmanager repeats itself at least this often by default


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
    found = []
    for name, environment in policy.environments.items():
        monitors = [
            kept.get(f"{name}/{m.name}", unread(name, m, now)).at(now, stale_after(m))
            for m in environment.monitors
        ]
        found.append(status_of(name, monitors, incident=incidents.get(name)))
    return tuple(found)


def unread(environment: str, monitor: Monitor, now: datetime) -> MonitorState:
    """A monitor of which nothing is known yet."""
    return MonitorState(environment=environment, name=monitor.name, component=monitor.component, since=now)
