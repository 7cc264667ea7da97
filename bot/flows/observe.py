"""Take monitors' readings: colours change after consecutive readings, RED opens one incident, GREEN closes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.environment import (
    AHEAD,
    Colour,
    EnvironmentState,
    EnvironmentStatus,
    MonitorState,
    Reading,
    observed,
    status_of,
)
from bot.domain.incident import Cause, Incident
from bot.flows import same_trouble, silence
from bot.flows.colours import as_seen, stale_after, statuses, unread
from bot.flows.escalate import keep_time
from bot.flows.incident_news import card, note
from bot.flows.incidents import close_incident, judge_waiting_requests, open_incident
from bot.flows.listening import keep_listening, listening_of
from bot.flows.mute import unmute
from bot.flows.red_again import reopened
from bot.policy import Monitor, Policy
from bot.ports import Ledger, Transaction

AT_ONCE: Final = 25
"""Environments that one writing settles at most: people's commands go between two of them."""
KEEP_EVERY = timedelta(seconds=60)  # an unchanged colour is written this often, to show when it was verified


@dataclass(slots=True)
class Watched:
    """What the watching loop holds of one monitor between two readings."""

    state: MonitorState | None = None
    kept_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading of one monitor, to be counted in together with others."""

    environment: str
    monitor: Monitor
    reading: Reading
    watched: Watched


async def observe(
    ledger: Ledger, policy: Policy, environment: str, monitor: Monitor, reading: Reading, watched: Watched
) -> None:
    """Count the reading in; write when the colour changes or the last writing is old."""
    await observe_all(ledger, policy, [Seen(environment, monitor, reading, watched)])


async def observe_all(ledger: Ledger, policy: Policy, seen: Sequence[Seen]) -> None:
    """Count several readings in, in their order: each environment is settled once. Few are written at once where many
    turn together, and only when all are is any of them held: what fails is found again, and written again the same."""
    await _recall(ledger, seen)
    after: dict[int, tuple[Watched, MonitorState, bool]] = {}
    unsettled: set[str] = set()
    for one in seen:
        watched, monitor, reading = one.watched, one.monitor, one.reading
        _, before, changed = after.get(id(watched), (watched, watched.state, False))
        before = before or unread(one.environment, monitor, reading.at)
        state = observed(before, reading, fail_after=monitor.fail_after, pass_after=monitor.pass_after)
        due = watched.kept_at is None or not -AHEAD <= reading.at - watched.kept_at < keep_every(monitor)
        turned = state.colour is not before.colour
        # What is merely verified anew, while it was believed, changes no colour of its environment.
        if (
            turned
            or before.read_at is None
            or not -AHEAD <= reading.at - before.read_at <= stale_after(monitor)
        ):
            unsettled.add(one.environment)
        changed = changed or due or turned
        after[id(watched)] = (watched, state, changed)
    kept = [state for _, state, changed in after.values() if changed]
    for few in _slices(kept, unsettled):
        await ledger.write(partial(_keep, policy=policy, states=few, unsettled=unsettled))
    for watched, state, changed in after.values():
        watched.state = state
        watched.kept_at = state.read_at if changed else watched.kept_at


async def _recall(ledger: Ledger, seen: Sequence[Seen]) -> None:
    """What was held of monitors before this process began, read once for each environment."""
    new = {one.environment for one in seen if one.watched.state is None}
    if not new:
        return

    def query(tx: Transaction) -> dict[str, MonitorState]:
        found = [each for name in new for each in tx.environments.monitors(name)]
        return {each.id: each for each in found}

    known = await ledger.read(query)
    for one in seen:
        if one.watched.state is None:
            one.watched.state = known.get(f"{one.environment}/{one.monitor.name}")


def keep_every(monitor: Monitor) -> timedelta:
    """How long an unchanged reading may go unwritten: never so long that the one after it comes too late, and a
    monitor that is read all the time looks blind."""
    if monitor.every is None:  # pushed: nobody knows when the next one comes
        return min(KEEP_EVERY, stale_after(monitor) / 4)
    return min(KEEP_EVERY, max(timedelta(0), stale_after(monitor) - monitor.every - monitor.timeout))


def _slices(states: Sequence[MonitorState], unsettled: set[str]) -> Iterator[list[MonitorState]]:
    """The states in steps that settle at most AT_ONCE environments each, and each environment once."""
    few: list[MonitorState] = []
    settled: set[str] = set()
    place = {name: n for n, name in enumerate(dict.fromkeys(each.environment for each in states))}
    for state in sorted(states, key=lambda each: (each.environment in unsettled, place[each.environment])):
        if state.environment in unsettled and state.environment not in settled:
            if len(settled) == AT_ONCE:
                yield few
                few, settled = [], set()
            settled.add(state.environment)
        few.append(state)
    if few:
        yield few


def _keep(tx: Transaction, policy: Policy, states: Sequence[MonitorState], unsettled: set[str]) -> None:
    for state in states:
        tx.environments.keep(state)
    for name in dict.fromkeys(state.environment for state in states):
        if name in unsettled:
            settle(tx, policy, name)


async def age(ledger: Ledger, policy: Policy) -> None:
    """Let monitors that fell silent turn UNKNOWN, and say so. Called on a schedule: nobody else notices silence."""

    def look(tx: Transaction) -> list[str]:
        keep_listening(tx)
        turned = [each.name for each in statuses(tx, policy, tx.now) if not _recorded(tx, each)]
        for name in turned[:AT_ONCE]:
            settle(tx, policy, name)
        unmute(tx, policy)
        keep_time(tx)
        return turned[AT_ONCE:]

    def settle_some(tx: Transaction, names: Sequence[str]) -> None:
        for name in names:
            settle(tx, policy, name)

    left = await ledger.write(look)
    for n in range(0, len(left), AT_ONCE):
        await ledger.write(partial(settle_some, names=left[n : n + AT_ONCE]))


def _recorded(tx: Transaction, status: EnvironmentStatus) -> bool:
    """Whether it is on record as it is seen now."""
    kept = tx.environments.get(status.name)
    if kept is None:
        return not status.monitors
    return (kept.colour, kept.causes) == (status.colour, _causes(status))


async def silence_over(ledger: Ledger, policy: Policy, environment: str) -> None:
    """The time is over in which a deployment was expected to restart: what is still RED opens its incident now. Called
    by the timer of the kind "silence"."""

    def step(tx: Transaction) -> None:
        if environment in policy.environments:
            _settle(tx, policy, _status(tx, policy, environment), again=True)

    await ledger.write(step)


def settle(tx: Transaction, policy: Policy, name: str) -> None:
    """Bring the recorded colour of an environment, its incident and its messages in line with its monitors."""
    if name in policy.environments:
        _settle(tx, policy, _status(tx, policy, name))


def _status(tx: Transaction, policy: Policy, name: str) -> EnvironmentStatus:
    """One environment as seen now."""
    kept = {each.name: each for each in tx.environments.monitors(name)}
    listening = listening_of(tx)
    seen = [
        as_seen(kept.get(m.name, unread(name, m, tx.now)), m, tx.now, listening)
        for m in policy.environments[name].monitors
    ]
    return status_of(name, seen)


def _settle(tx: Transaction, policy: Policy, status: EnvironmentStatus, *, again: bool = False) -> None:
    recorded = tx.environments.get(status.name, lock=True)
    causes = _causes(status)
    if recorded is not None and (recorded.colour, recorded.causes) == (status.colour, causes):
        if again and status.colour is Colour.RED:
            _open_if_due(tx, policy, status, causes, red_since=recorded.since, again=True)
        return
    if recorded is None and not status.monitors:
        return
    turned = recorded is None or recorded.colour is not status.colour
    since = tx.now if recorded is None or turned else recorded.since
    state = EnvironmentState(name=status.name, colour=status.colour, since=since, causes=causes)
    facts: dict[str, JsonValue] = {
        "from": None if recorded is None else recorded.colour.value,
        "to": status.colour.value,
        "causes": [{"monitor": m.name, "code": m.code} for m in status.causes],
    }
    tx.environments.put(
        state, Fact(type="environment.turned" if turned else "environment.causes", facts=facts)
    )
    news = turned or recorded is None or not set(causes) <= set(recorded.causes)
    if status.colour is Colour.RED and (news or again):
        _open_if_due(tx, policy, status, causes, red_since=since, again=again and not news)
    _keep_up(tx, policy, status, causes, turned=turned)
    if turned:
        judge_waiting_requests(tx)


def _causes(status: EnvironmentStatus) -> tuple[str, ...]:
    return tuple(m.name for m in status.causes) if status.colour is not Colour.GREEN else ()


def _open_if_due(
    tx: Transaction,
    policy: Policy,
    status: EnvironmentStatus,
    causes: tuple[str, ...],
    *,
    red_since: datetime,
    again: bool,
) -> None:
    """RED has one open incident, unless it is a restart that is expected: the last one, where that was over for minutes
    only. Resolved by a person, it stays so until something else is wrong; `again`: nothing else is, the time to restart
    is over."""
    if any(i.cause is Cause.MONITORS for i in tx.incidents.open(status.name)):
        return
    if again and any(
        i.cause is Cause.MONITORS and max(i.opened_at, i.resolved_at or i.opened_at) >= red_since
        for i in tx.incidents.newest(limit=5, environment=status.name)
    ):
        return
    if same_trouble.joined(tx, policy, status, causes):
        return
    restart = silence.expected(tx, policy, status, red_since=red_since)
    if restart is not None and restart.code is None:
        silence.keep_quiet(tx, status.name, restart.quiet)
        return
    opened = reopened(tx, policy, status.name, causes)
    if opened is None:
        opened = open_incident(tx, policy, status.name, cause=Cause.MONITORS, causes=causes)
    if restart is not None:
        note(tx, policy, opened, "crash-loop", request=restart.quiet.request)
    elif (request := silence.kept_quiet(tx, status.name, red_since)) is not None:
        note(tx, policy, opened, "restart-over", request=request, since=red_since.isoformat())


def _keep_up(
    tx: Transaction, policy: Policy, status: EnvironmentStatus, causes: tuple[str, ...], *, turned: bool
) -> None:
    """What is open hears of the colour; GREEN ends what the monitors opened, and nothing that people have to end."""
    for incident in tx.incidents.open(status.name):
        if incident.cause is not Cause.MONITORS:
            same_trouble.no_longer_red(tx, policy, incident, status)
            if turned and not (status.colour is Colour.RED and incident.causes == causes):
                _told_colour(tx, policy, incident, status)
        elif status.colour is Colour.GREEN:
            close_incident(tx, policy, incident)
        elif (incident.again_at or incident.opened_at) != tx.now or incident.causes != causes:
            if status.colour is Colour.RED and incident.causes != causes:
                fact = Fact(type="incident.causes", facts={"causes": list(causes)})
                tx.incidents.put(replace(incident, causes=causes), fact)
                card(tx, policy, incident)
            if turned:
                _told_colour(tx, policy, incident, status)


def _told_colour(tx: Transaction, policy: Policy, incident: Incident, status: EnvironmentStatus) -> None:
    note(tx, policy, incident, "colour", colour=status.colour.value)
    card(tx, policy, incident)
