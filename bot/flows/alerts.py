"""What Alertmanager tells: which alerts fire decides the colours of the monitors whose matchers they meet.

A payload names all alerts of one group, so the newest payload of a group replaces what was known of it; an alert that
is not repeated any more, though nobody told that it is over, ages out: then nobody knows whether it fires, until its
group is told of again or a person says that it is over. What fires is kept in a fixed number of places
by group: a payload reads and writes one of them, however many alerts fire elsewhere.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from pydantic import JsonValue

from bot.domain.canonical import sha256
from bot.domain.environment import Colour, Reading
from bot.domain.owed import Timer
from bot.flows.colours import stale_after
from bot.flows.firing import Firing, Shard, Summary, seconds, shard_of
from bot.flows.observe import settle
from bot.flows.told import one_line, tell
from bot.policy import Policy
from bot.policy.monitors import AlertmanagerMonitor
from bot.ports import Ledger, Transaction

TIMER: Final = "alerts"
"""The kind of the timer that lets alerts age out; its subject is ENVIRONMENT/MONITOR."""
_PLACE: Final = "alerts"
_IN_A_THREAD: Final = 200
AT_ONCE: Final = 25
"""Monitors that are counted in with one writing: a payload that turns thousands holds nobody's command up."""
MOST_KEPT: Final = 10_000
"""Alerts of one truncated group that are kept besides those that its newest payload names."""
_MOST_NAMES: Final = 5
_LONGEST_NAME: Final = 60
_A_SECOND: Final = timedelta(seconds=1)
_AN_HOUR: Final = timedelta(hours=1)
Watching = Mapping[str, AlertmanagerMonitor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of a payload. The fingerprint names its set of labels."""

    fingerprint: str
    firing: bool
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One payload: all alerts of a group, or the first of them where `truncated`. `source` is the name of the token
    that it came with, which tells one Alertmanager from another."""

    source: str
    receiver: str
    group: str
    alerts: tuple[Alert, ...]
    truncated: bool = False

    @property
    def key(self) -> str:
        """The group, told apart from those of other receivers and other Alertmanagers."""
        whole = f"{self.source}\0{self.receiver}\0{self.group}"
        return sha256(whole.encode("utf-8", "replace")).removeprefix("sha256:")[:20]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What became of a payload: the monitors that it tells of, how many alerts meet no monitor's matchers, and how many
    that earlier payloads named were too many to keep."""

    monitors: tuple[str, ...]
    unmatched: int
    dropped: int = 0


@dataclass(slots=True)
class _Picked:
    """The alerts of a payload by monitor: whoever is matched has an entry, and in it what fires and counts."""

    firing: dict[str, dict[str, tuple[Colour, str]]] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    unmatched: int = 0


def monitors_of(policy: Policy) -> dict[str, AlertmanagerMonitor]:
    """The monitors that Alertmanager tells of, by ENVIRONMENT/NAME."""
    return {
        f"{place}/{monitor.name}": monitor
        for place, section in policy.environments.items()
        for monitor in section.monitors
        if isinstance(monitor, AlertmanagerMonitor)
    }


async def alerts(ledger: Ledger, policy: Policy, told: Told) -> Counted:
    """Count a payload in. The same payload once more changes only when it was told last.

    It is written in slices, each of them whole in itself: what a crash leaves out, the same payload sent again mends.
    """
    watching = monitors_of(policy)
    if len(told.alerts) <= _IN_A_THREAD:
        picked = _pick(watching, told.alerts)
    else:
        picked = await asyncio.to_thread(_pick, watching, told.alerts)

    before = await ledger.read(lambda tx: frozenset(_shard(tx, told).groups.get(told.key, ())))
    grouped = before | picked.firing.keys()
    ids, dropped = sorted(grouped | picked.alive), 0
    for few in (ids[n : n + AT_ONCE] for n in range(0, len(ids), AT_ONCE)):
        write = partial(_count_in, policy=policy, told=told, picked=picked, watching=watching)
        dropped += await ledger.write(partial(write, ids=few, grouped=grouped))
    known = tuple(id_ for id_ in ids if id_ in watching)
    return Counted(monitors=known, unmatched=picked.unmatched, dropped=dropped)


async def let_age(ledger: Ledger, policy: Policy, subject: str) -> None:
    """Believe the alerts of a monitor no more that were not repeated for too long. Called by the timer of the kind
    `alerts`.

    That is no news from Alertmanager: whatever else it told since then, the monitor is UNKNOWN, not GREEN. A monitor
    that the policy does not know any more is forgotten.
    """

    def step(tx: Transaction) -> None:
        monitor = monitors_of(policy).get(subject)
        summary = Summary.read(tx.place(subject, _PLACE))
        if monitor is None:
            _change(tx, subject, summary, [*summary.lines], lambda shard: shard.forget(subject))
            tx.put_place(subject, _PLACE, summary.place())
            return
        before = tx.now - stale_after(monitor)
        _change(tx, subject, summary, summary.older_than(before), lambda shard: shard.lose(subject, before))
        _say(tx, subject, monitor, summary)
        settle(tx, policy, subject.partition("/")[0])

    await ledger.write(step)


def end_lost(tx: Transaction, policy: Policy, environment: str) -> None:
    """A person says that it is over in the environment: so are the alerts that aged out there, of which Alertmanager
    perhaps never says it. What is repeated, or not told yet to be too old, fires all the same."""
    for id_, monitor in monitors_of(policy).items():
        if id_.partition("/")[0] != environment:
            continue
        summary = Summary.read(tx.place(id_, _PLACE))
        if summary.losing:
            _change(tx, id_, summary, summary.losing, partial(Shard.end_lost, monitor=id_))
            _say(tx, id_, monitor, summary)
            settle(tx, policy, environment)


def _change(
    tx: Transaction, id_: str, summary: Summary, names: Iterable[str], change: Callable[[Shard], None]
) -> None:
    """Change what some shards hold of a monitor, and count them anew."""
    for name in names:
        shard = Shard.read(name, tx.place(_PLACE, name))
        change(shard)
        tx.put_place(_PLACE, name, shard.place())
        summary.take(shard, id_)


def _pick(watching: Watching, told: Iterable[Alert]) -> _Picked:
    """Which monitors the alerts tell of. A monitor is looked for by one of its labels: to compare thousands of alerts
    with thousands of monitors would take minutes."""
    by_label: dict[tuple[str, str], set[str]] = {}
    for id_, monitor in watching.items():
        for labels in (monitor.alertmanager.matchers, monitor.alertmanager.watchdog):
            by_label.setdefault(next(iter(labels.items())), set()).add(id_)
    picked = _Picked()
    for alert in told:
        likely = {id_ for pair in alert.labels.items() for id_ in by_label.get(pair, ())}
        hits = [_hit(picked, id_, watching[id_], alert) for id_ in likely]
        picked.unmatched += not any(hits)
    return picked


def _hit(picked: _Picked, id_: str, monitor: AlertmanagerMonitor, alert: Alert) -> bool:
    """Whether the alert tells of the monitor: as one that counts, or as the watchdog that proves it is not blind."""
    match = monitor.alertmanager
    if match.watchdog.items() <= alert.labels.items():
        if alert.firing:
            picked.alive.add(id_)
        return True
    if not match.matchers.items() <= alert.labels.items():
        return False
    firing = picked.firing.setdefault(id_, {})
    severity = alert.labels.get("severity", "")
    colour = Colour[match.severities.get(severity, match.severities.get(severity.lower(), "YELLOW"))]
    if alert.firing and colour is not Colour.GREEN:
        name = one_line(alert.labels.get("alertname", ""), _LONGEST_NAME) or "an alert without a name"
        firing[alert.fingerprint] = (colour, name)
    return True


def _shard(tx: Transaction, told: Told) -> Shard:
    name = shard_of(told.key)
    return Shard.read(name, tx.place(_PLACE, name))


def _count_in(
    tx: Transaction,
    *,
    policy: Policy,
    told: Told,
    picked: _Picked,
    watching: Watching,
    ids: Sequence[str],
    grouped: frozenset[str],
) -> int:
    """Count in what a payload tells of some of its monitors, and settle their environments; how many alerts of them
    were too many to keep. `grouped`: all monitors that the group tells of, or told of until now."""
    within = [id_ for id_ in ids if id_ in grouped]
    shard = _shard(tx, told)
    dropped = _replace_group(tx, shard, told, picked, watching, within, MOST_KEPT // max(1, len(grouped)))
    turned = set()
    for id_ in ids:
        summary = Summary.read(tx.place(id_, _PLACE))
        if id_ in grouped:
            summary.take(shard, id_)
        if id_ in watching:
            summary.told_at = tx.now
            turned |= _say(tx, id_, watching[id_], summary)
        else:  # the policy does not know it any more
            tx.put_place(id_, _PLACE, summary.place())
    for place in sorted(turned):
        settle(tx, policy, place)
    return dropped


def _replace_group(
    tx: Transaction,
    shard: Shard,
    told: Told,
    picked: _Picked,
    watching: Watching,
    ids: Sequence[str],
    most: int,
) -> int:
    """Keep what fires in the group for these monitors; how many alerts of each were beyond `most`, and dropped."""
    before = dict(shard.groups.get(told.key, {}))
    named = {alert.fingerprint for alert in told.alerts} if told.truncated else set()
    dropped = 0
    for id_ in ids:
        now = {
            key: Firing(colour, seconds(tx.now), name)
            for key, (colour, name) in picked.firing.get(id_, {}).items()
        }
        # Of what did not fit into the payload nothing is known: it is as it was.
        held = before.get(id_, {}) if told.truncated else {}
        unsaid = {key: each for key, each in held.items() if key not in named}
        kept = _newest(unsaid, max(1, most))
        dropped += len(unsaid) - len(kept)
        shard.replace(told.key, id_, kept | now if id_ in watching else {})
    if ids:
        tx.put_place(_PLACE, shard.name, shard.place())
    return dropped


def _newest(alerts_: Mapping[str, Firing], most: int) -> dict[str, Firing]:
    """At most so many: the worst, and of those what was told last, so that no colour is lost with what is dropped."""
    if len(alerts_) <= most:
        return dict(alerts_)
    ordered = sorted(alerts_.items(), key=lambda one: (-one[1].colour.rank, -one[1].told, one[0]))
    return dict(ordered[:most])


def _say(tx: Transaction, id_: str, monitor: AlertmanagerMonitor, summary: Summary) -> set[str]:
    """Have the monitor say what fires, as of the last word of Alertmanager, and look again when something is too old.
    The environment, where the monitor's colour turned."""
    tx.put_place(id_, _PLACE, summary.place())
    tx.unschedule(TIMER, id_)
    limit = stale_after(monitor)
    if summary.oldest is not None:
        tx.schedule(Timer(kind=TIMER, subject=id_, due_at=summary.oldest + limit + _A_SECOND))
    elif summary.losing:  # which the policy may cease to know
        tx.schedule(Timer(kind=TIMER, subject=id_, due_at=tx.now + max(limit, _AN_HOUR)))
    if summary.told_at is None or tx.now - summary.told_at > limit:
        return set()
    environment = id_.partition("/")[0]
    _, turned = tell(tx, environment, monitor, _reading(summary, summary.told_at))
    return {environment} if turned else set()


def _reading(summary: Summary, at: datetime) -> Reading:
    red, yellow, lost_at = summary.red, summary.yellow, summary.lost_at
    if not red and lost_at is not None:  # it may be worse than what is known to fire
        facts: dict[str, JsonValue] = {
            "told_at": lost_at.isoformat(),
            "failed": [*summary.lost_names(_MOST_NAMES)],
        }
        return Reading(colour=Colour.UNKNOWN, code="never-ended", at=at, facts=facts)
    if not red and not yellow:
        return Reading(colour=Colour.GREEN, code="no-alerts", at=at)
    names: list[JsonValue] = [*summary.names(_MOST_NAMES)]
    return Reading(
        colour=Colour.RED if red else Colour.YELLOW,
        code="alerts",
        at=at,
        facts={"firing": red + yellow, "red": red, "failed": names},
    )
