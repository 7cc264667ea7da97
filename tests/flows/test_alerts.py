"""What Alertmanager tells: the firing alerts decide, repeats change nothing, what is not repeated ages out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.environment import Colour
from bot.flows import alerts as flow
from bot.flows import observe
from bot.flows.alerts import TIMER, Alert, Counted, Told, alerts, let_age, monitors_of
from bot.flows.firing import Firing, Shard, Summary, shard_of
from bot.flows.inquire import environments
from tests.flows.policy_text import policy_of
from tests.flows.world import HOUR, MINUTE, SECOND, World

SMOKE = "      - {name: smoke, http:"
ALERTS = "      - {name: alerts, alertmanager: {matchers: {environment: dev}}"


def with_alerts(more: str = "") -> tuple[str, str]:
    return (SMOKE, f"{ALERTS}{more}}}\n{SMOKE}")


@pytest.fixture
async def calm(world: World) -> World:
    """All environments are GREEN, dev's Alertmanager included."""
    await world.reload(with_alerts())
    await world.green()
    await world.deliveries()
    return world


def alert(name: str, severity: str | None = "critical", *, firing: bool = True, **labels: str) -> Alert:
    worn = {"alertname": name, "environment": "dev", **labels}
    if severity is not None:
        worn["severity"] = severity
    print_ = f"{name}-{severity}-{sorted(labels.items())}"
    return Alert(fingerprint=print_, firing=firing, labels=worn)


def over(name: str, severity: str = "critical") -> Alert:
    return alert(name, severity, firing=False)


async def tell(
    world: World, *told: Alert, group: str = "g", source: str = "am", truncated: bool = False
) -> Counted:
    payload = Told(source=source, receiver="portcullis", group=group, alerts=told, truncated=truncated)
    return await alerts(world.ledger, world.policy, payload)


async def seen(world: World) -> tuple[str, str]:
    """Colour and code of the monitor as seen now, after every loop went by."""
    await world.see("dev", "smoke", Colour.GREEN)
    await age(world)
    await observe.age(world.ledger, world.policy)
    (dev,) = [e for e in await environments(world.ledger, world.policy) if e.name == "dev"]
    (state,) = [m for m in dev.monitors if m.name == "alerts"]
    return state.colour.value, state.code


async def age(world: World) -> None:
    while claimed := await world.timers.claim(limit=50, busy=frozenset()):
        for each in claimed:
            if each.item.kind == TIMER:
                await let_age(world.ledger, world.policy, each.item.subject)
            else:
                await world.fire(each.item.kind, each.item.subject)
            await world.timers.finish(each)


async def facts(world: World) -> dict[str, Any]:
    kept = await world.ledger.read(lambda tx: tx.environments.monitors("dev"))
    return dict(next(m.facts for m in kept if m.name == "alerts"))


@pytest.mark.requirement("D6")
@pytest.mark.requirement("F7")
@pytest.mark.parametrize(
    ("told", "colour"),
    [
        (["critical"], "RED"),
        (["CRITICAL"], "RED"),
        (["warning"], "YELLOW"),
        (["warning", "critical"], "RED"),
        (["info"], "GREEN"),
        (["none"], "GREEN"),
        (["page"], "YELLOW"),  # a word that the policy does not name closes the gate and pages nobody
        ([None], "YELLOW"),
        ([], "UNKNOWN"),
    ],
)
async def test_the_worst_alert_that_fires_is_the_colour(
    world: World, told: list[str | None], colour: str
) -> None:
    await world.reload(with_alerts())
    await tell(world, *(alert(f"A{n}", severity) for n, severity in enumerate(told)))
    assert (await seen(world))[0] == colour


async def test_the_policy_says_what_a_severity_means(world: World) -> None:
    await world.reload(
        (SMOKE, ALERTS.removesuffix("}") + ", severities: {page: RED, critical: GREEN}}}\n" + SMOKE)
    )
    await tell(world, alert("A", "critical"))
    assert await seen(world) == ("GREEN", "no-alerts")
    await tell(world, alert("A", "page"), group="other")
    assert await seen(world) == ("RED", "alerts")


async def test_a_critical_alert_opens_one_incident_and_the_end_of_all_alerts_closes_it(calm: World) -> None:
    await tell(calm, alert("Down"), alert("Slow", "warning"))
    assert await seen(calm) == ("RED", "alerts")
    (incident,) = await calm.incidents()
    assert (incident.environment, incident.causes) == ("dev", ("alerts",))
    assert await facts(calm) == {"firing": 2, "red": 1, "failed": ["Down"]}
    await tell(calm, alert("Errors"), group="other")
    await tell(calm, over("Down"), alert("Slow", "warning"))
    assert await seen(calm) == ("RED", "alerts")  # Errors still fires
    await tell(calm, over("Errors"), group="other")
    assert await seen(calm) == ("YELLOW", "alerts")
    assert len(await calm.incidents()) == 1
    await tell(calm, over("Down"), over("Slow", "warning"))
    assert await seen(calm) == ("GREEN", "no-alerts")
    assert await calm.incidents() == []


async def test_the_same_payload_again_changes_nothing(calm: World) -> None:
    await tell(calm, alert("Down"))
    entries, incidents = len(await calm.entries()), await calm.incidents()
    for _ in range(50):
        calm.clock.advance(SECOND)
        counted = await tell(calm, alert("Down"))
    assert counted == Counted(monitors=("dev/alerts",), unmatched=0)
    assert (len(await calm.entries()), await calm.incidents()) == (entries, incidents)


async def test_what_is_not_named_in_its_group_any_more_does_not_fire(calm: World) -> None:
    """It was silenced there: Alertmanager then leaves it out."""
    await tell(calm, alert("Down"), alert("Slow", "warning"))
    await tell(calm, alert("Slow", "warning"))
    assert await seen(calm) == ("YELLOW", "alerts")


async def test_what_did_not_fit_into_a_payload_is_as_it_was(calm: World) -> None:
    await tell(calm, alert("Down"), alert("Slow", "warning"))
    await tell(calm, alert("Slow", "warning"), truncated=True)
    assert await seen(calm) == ("RED", "alerts")
    await tell(calm, over("Down"), truncated=True)
    assert await seen(calm) == ("YELLOW", "alerts")


async def test_what_is_dropped_of_a_long_group_is_the_mildest_and_the_oldest(
    calm: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "MOST_KEPT", 3)
    await tell(calm, alert("Down"), truncated=True)
    for n in range(5):
        calm.clock.advance(SECOND)
        await tell(calm, alert(f"Slow{n}", "warning"), truncated=True)
    assert await seen(calm) == ("RED", "alerts"), "no colour is lost"
    assert (await facts(calm))["firing"] == 4
    calm.clock.advance(SECOND)
    counted = await tell(calm, over("Down"), truncated=True)
    assert (await seen(calm), counted.dropped) == (("YELLOW", "alerts"), 0)


async def test_what_a_crash_left_out_of_a_payload_is_mended_by_the_same_payload(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager was not answered, so it sends again: each slice of a payload is whole in itself."""
    monkeypatch.setattr(flow, "AT_ONCE", 1)
    names = ("production", "staging", "dev")
    firsts = ("      - {name: api,", "      - {name: status,")
    told_of = "      - {name: alerts, alertmanager: {matchers: {environment: %s}}}\n"
    more = [(first, told_of % name + first) for name, first in zip(names, firsts, strict=False)]
    await world.reload(with_alerts(), *more)
    both = [alert("Down", environment=name) for name in names]
    whole = Told(source="am", receiver="r", group="g", alerts=tuple(both))

    class Crashing:
        writings = 0

        async def read(self, query: Any) -> Any:
            return await world.ledger.read(query)

        async def write(self, step: Any) -> Any:
            self.writings += 1
            if self.writings == 2:
                raise ConnectionError("the machine is off")
            return await world.ledger.write(step)

    with pytest.raises(ConnectionError):
        await alerts(Crashing(), world.policy, whole)
    assert len(await world.incidents()) == 1
    assert (await alerts(world.ledger, world.policy, whole)).monitors == (
        "dev/alerts", "production/alerts", "staging/alerts",
    )  # fmt: skip
    assert {i.environment for i in await world.incidents()} == set(names)
    gone = Told(source="am", receiver="r", group="g", alerts=())
    await alerts(world.ledger, world.policy, gone)
    fires = await world.ledger.read(lambda tx: [tx.place(f"{name}/alerts", "alerts") for name in names])
    assert [each and each["shards"] for each in fires] == [{}, {}, {}]


async def test_groups_of_two_alertmanagers_are_not_one(calm: World) -> None:
    await tell(calm, alert("Down"), source="am-1")
    await tell(calm, over("Down"), source="am-2")
    assert await seen(calm) == ("RED", "alerts")


async def test_alerts_that_meet_no_matchers_are_counted_and_change_nothing(calm: World) -> None:
    entries = len(await calm.entries())
    other = alert("Down", environment="production")
    assert await tell(calm, other) == Counted(monitors=(), unmatched=1)
    assert len(await calm.entries()) == entries


@pytest.mark.requirement("D1")
async def test_an_alert_that_is_not_repeated_ages_out_and_leaves_nobody_knowing(calm: World) -> None:
    await tell(calm, alert("Down"))
    calm.clock.advance(4 * HOUR + 30 * MINUTE)  # a repeat may be due every 4 h, rounded up
    assert await seen(calm) == ("RED", "alerts")
    calm.clock.advance(2 * SECOND)
    assert await seen(calm) == ("UNKNOWN", "stale")
    await tell(calm, over("Other"), group="other")
    assert await seen(calm) == ("UNKNOWN", "never-ended")  # nobody said that Down is over
    await tell(calm, over("Down"))
    assert await seen(calm) == ("GREEN", "no-alerts")


async def test_a_watchdog_keeps_green_alive_and_is_no_alert(world: World) -> None:
    await world.reload(with_alerts(", stale_after: 10m"))
    dog = Alert(fingerprint="dog", firing=True, labels={"alertname": "Watchdog", "severity": "none"})
    for _ in range(5):
        assert await tell(world, dog, group="dog") == Counted(monitors=("dev/alerts",), unmatched=0)
        assert await seen(world) == ("GREEN", "no-alerts")
        world.clock.advance(9 * MINUTE)
    fiercer = alert("Watchdog", "critical")  # even where it meets the matchers
    await tell(world, fiercer, group="dog")
    assert await seen(world) == ("GREEN", "no-alerts")
    world.clock.advance(11 * MINUTE)
    assert await seen(world) == ("UNKNOWN", "stale")
    gone = Alert(fingerprint="dog", firing=False, labels={"alertname": "Watchdog"})
    await tell(world, gone, group="dog")
    assert await seen(world) == ("UNKNOWN", "stale")


async def test_a_monitor_that_left_the_policy_leaves_nothing_behind(calm: World) -> None:
    await tell(calm, alert("Down"))
    calm.clock.advance(4 * HOUR)
    await tell(calm, alert("Slow"), group="b")
    calm.clock.advance(HOUR)
    assert await seen(calm) == ("RED", "alerts")  # Slow; and Down is lost
    await calm.reload()
    calm.clock.advance(5 * HOUR)
    await age(calm)
    await calm.reload(with_alerts())
    await tell(calm, over("Other"), group="other")
    assert await seen(calm) == ("GREEN", "no-alerts")


async def test_a_group_that_tells_of_another_environment_now_is_over_for_the_first(calm: World) -> None:
    await tell(calm, alert("Down"))
    counted = await tell(calm, alert("Down", environment="staging"))
    assert counted == Counted(monitors=("dev/alerts",), unmatched=1)
    assert await seen(calm) == ("GREEN", "no-alerts")


async def test_counts_that_the_policy_names_are_honoured(world: World) -> None:
    await world.reload(with_alerts(", fail_after: 2"))
    await tell(world, over("Down"))
    await tell(world, alert("Down"))
    assert await seen(world) == ("GREEN", "no-alerts")
    await tell(world, alert("Down"))
    assert await seen(world) == ("RED", "alerts")


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_told_in_whatever_order_the_colour_is_what_a_plain_list_says(
    world: World, seed: int
) -> None:
    """The list: every alert that its group named last; what was named longer ago than the limit, nobody knows."""
    limit = 10 * MINUTE
    await world.reload(with_alerts(", stale_after: 10m"))
    dice, groups = Random(seed), ["a", "b", "c"]  # noqa: S311 -- a walk, not a secret
    known: dict[str, dict[str, tuple[str, datetime]]] = {}
    told_at: datetime | None = None
    for _ in range(60):
        group = dice.choice(groups)
        severities = {f"A{n}": dice.choice(["critical", "warning", "info"]) for n in range(4)}
        sent = [alert(name, word, firing=dice.random() < 0.5) for name, word in severities.items()]
        sent = dice.sample(sent, dice.randrange(1, 4))
        await tell(world, *sent, group=group)
        now = told_at = world.clock.now()
        known[group] = {a.fingerprint: (a.labels["severity"], now) for a in sent if a.firing}
        world.clock.advance(dice.choice([0, 20, 100, 700]) * SECOND)
        now = world.clock.now().replace(microsecond=0)
        named = [one for group in known.values() for one in group.values() if one[0] != "info"]
        firing = [word for word, at in named if now - at <= limit]
        milder = "UNKNOWN" if len(firing) < len(named) else "YELLOW" if firing else "GREEN"
        expected = "RED" if "critical" in firing else milder
        assert (await seen(world))[0] == ("UNKNOWN" if now - told_at > limit else expected)


@contextmanager
def counting_writes(world: World) -> Iterator[list[int]]:
    writes: list[int] = []
    usual = world.ledger.write

    async def write(step: Any) -> Any:
        writes.append(1)
        return await usual(step)

    world.ledger.write = write  # type: ignore[method-assign]
    yield writes
    world.ledger.write = usual  # type: ignore[method-assign]


async def test_a_storm_in_one_payload_is_one_writing_and_one_incident(calm: World) -> None:
    storm = [alert(f"A{n % 40}", pod=str(n)) for n in range(10_000)]
    with counting_writes(calm) as writes:
        began = time.perf_counter()
        for _ in range(3):
            await tell(calm, *storm)
        assert time.perf_counter() - began < 15
    assert len(writes) == 3
    assert len(await calm.incidents()) == 1
    assert (await facts(calm))["firing"] == 10_000
    await tell(calm, *(Alert(fingerprint=a.fingerprint, firing=False, labels=a.labels) for a in storm))
    assert await seen(calm) == ("GREEN", "no-alerts")


async def test_a_storm_of_payloads_costs_no_more_at_its_end_than_at_its_beginning(calm: World) -> None:
    async def hundred(start: int) -> float:
        began = time.perf_counter()
        for n in range(start, start + 100):
            await tell(calm, alert("Down", pod=str(n)), group=f"pod={n}")
        return time.perf_counter() - began

    first = await hundred(0)
    for start in range(100, 1900, 100):
        await hundred(start)
    last = await hundred(1900)
    assert (await facts(calm))["firing"] == 2000
    assert len(await calm.incidents()) == 1
    assert last < 5 * first + 0.5


@given(st.text(max_size=50), st.text(max_size=50))
def test_every_group_has_one_of_the_shards(group: str, source: str) -> None:
    told = Told(source=source, receiver="", group=group, alerts=())
    assert 0 <= int(shard_of(told.key), 16) < 256


firing = st.builds(
    Firing, st.sampled_from([Colour.RED, Colour.YELLOW]), st.integers(0, 2**33), st.text(max_size=9)
)


@given(
    st.dictionaries(
        st.sampled_from(["aa", "bb", "cc"]),
        st.dictionaries(
            st.sampled_from(["dev/a", "dev/b"]), st.dictionaries(st.text(max_size=5), firing, min_size=1)
        ),
    )
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_is_kept_is_read_back_and_summed_up(kept: dict[str, dict[str, dict[str, Firing]]]) -> None:
    shard = Shard("00")
    for group, monitors in kept.items():
        for monitor, found in monitors.items():
            shard.replace(group, monitor, found)
    again = Shard.read("00", shard.place())
    assert again == shard
    summary = Summary()
    summary.take(again, "dev/a")
    everything = [each for monitors in kept.values() for each in monitors.get("dev/a", {}).values()]
    assert summary.red + summary.yellow == len(everything)
    assert Summary.read(summary.place()) == summary
    again.forget("dev/a")
    assert not list(again.of("dev/a"))
    assert sum(1 for _ in again.of("dev/b")) == sum(len(m.get("dev/b", {})) for m in kept.values())


def test_alertmanager_s_monitors_are_believed_at_once() -> None:
    (monitor,) = monitors_of(policy_of(with_alerts())).values()
    assert (monitor.fail_after, monitor.pass_after, monitor.every) == (1, 1, None)
    assert monitor.stale_after is None or isinstance(monitor.stale_after, timedelta)
