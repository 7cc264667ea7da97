"""An alert that is not repeated, and never said to be over: nobody knows, so nothing turns GREEN and nothing is resolved."""

import pytest

from bot.domain.environment import Colour
from bot.flows.alerts import TIMER, Alert
from bot.flows.answer_incident import resolve
from bot.flows.firing import MOST_LOST, SHARDS, Firing, Line, Shard, Summary
from bot.flows.incidents import declare
from tests.flows.test_alerts import SMOKE, alert, facts, over, seen, tell, with_alerts
from tests.flows.world import HOUR, MINUTE, World

DOG = Alert(fingerprint="dog", firing=True, labels={"alertname": "Watchdog", "severity": "none"})
OURS = "      - {name: alerts, alertmanager: {matchers: {environment: dev}}, stale_after: 30m}\n"


@pytest.fixture
async def watched(world: World) -> World:
    await world.reload((SMOKE, f"{OURS}{SMOKE}"))
    await world.green()
    await tell(world, DOG, group="dog")
    assert await seen(world) == ("GREEN", "no-alerts")
    await world.deliveries()
    return world


async def only_the_watchdog(world: World, minutes: int = 40) -> None:
    for _ in range(minutes // 5):
        world.clock.advance(5 * MINUTE)
        await tell(world, DOG, group="dog")
        await seen(world)


@pytest.mark.requirement("D1")
@pytest.mark.requirement("F7")
async def test_an_alert_that_was_never_said_to_be_over_resolves_no_incident(watched: World) -> None:
    await tell(watched, alert("Down"))
    assert await seen(watched) == ("RED", "alerts")
    await only_the_watchdog(watched)
    assert await seen(watched) == ("UNKNOWN", "never-ended")
    assert (await facts(watched))["failed"] == ["Down"]
    (incident,) = await watched.incidents()
    assert (incident.id, incident.state.value) == ("INC-1", "open")
    await only_the_watchdog(watched, 24 * 60)
    assert await seen(watched) == ("UNKNOWN", "never-ended")
    assert [i.id for i in await watched.incidents()] == ["INC-1"]


async def test_one_alert_ages_out_while_milder_ones_are_repeated(world: World) -> None:
    await world.reload(with_alerts(", stale_after: 10m"))
    await tell(world, alert("Down"), group="a")
    for _ in range(3):
        world.clock.advance(4 * MINUTE)
        await tell(world, alert("Slow", "warning"), group="b")
    assert await seen(world) == ("UNKNOWN", "never-ended")
    assert (await facts(world))["failed"] == ["Down"]
    await tell(world, over("Down"), group="a")
    assert await seen(world) == ("YELLOW", "alerts")


async def test_its_incident_goes_on_being_paged(watched: World) -> None:
    await tell(watched, alert("Down"))
    await seen(watched)
    before = (await watched.incident()).escalation
    await only_the_watchdog(watched)
    after = (await watched.incident()).escalation
    assert before is not None
    assert after is not None
    assert after.told > before.told


@pytest.mark.requirement("K5")
async def test_what_waits_for_production_goes_on_waiting(world: World) -> None:
    first = "      - {name: api, component: backend"
    ours = "      - {name: alerts, alertmanager: {matchers: {environment: production}}, stale_after: 30m}\n"
    await world.reload((first, ours + first))
    await world.ready()
    await tell(world, DOG, group="dog")
    await world.ask()
    await world.run_timers()
    assert await world.outcome("environments-green") == ("passed", "all-green")
    await tell(world, alert("Down", environment="production"))
    await world.run_timers()
    assert await world.outcome("environments-green") == ("blocked", "not-green")
    for _ in range(9):
        await world.pass_time(5 * MINUTE)
        await tell(world, DOG, group="dog")
    await world.run_timers()
    production = await world.ledger.read(lambda tx: tx.environments.get("production"))
    assert production is not None
    assert (production.colour, production.causes) == (Colour.UNKNOWN, ("alerts",))
    assert (await world.outcome("environments-green"))[0] == "unknown"
    assert await world.outcome("no-open-incident") == ("blocked", "incident-open")


async def test_the_next_payload_of_its_group_says_what_is(watched: World) -> None:
    await tell(watched, alert("Down"))
    await only_the_watchdog(watched)
    await tell(watched, alert("Down"))
    assert await seen(watched) == ("RED", "alerts")
    assert [i.id for i in await watched.incidents()] == ["INC-1"]
    await only_the_watchdog(watched)
    assert await seen(watched) == ("UNKNOWN", "never-ended")
    await tell(watched, over("Down"))
    assert await seen(watched) == ("GREEN", "no-alerts")
    assert await watched.incidents() == []


async def test_a_person_who_resolves_the_incident_ends_what_alertmanager_never_ends(watched: World) -> None:
    await tell(watched, alert("Down"))
    await only_the_watchdog(watched)
    await tell(watched, alert("Slow", "warning"), group="other")
    await resolve(watched.ledger, watched.policy, watched.asker("ada"), "INC-1")
    assert await seen(watched) == ("YELLOW", "alerts"), "what is repeated is not over by a word"
    await tell(watched, over("Slow", "warning"), group="other")
    assert await seen(watched) == ("GREEN", "no-alerts")
    await watched.reload((SMOKE, f"{OURS}{SMOKE}"))
    assert await seen(watched) == ("GREEN", "no-alerts")


async def test_what_fires_is_not_over_by_a_persons_word(watched: World) -> None:
    await tell(watched, alert("Down"))
    await seen(watched)
    await resolve(watched.ledger, watched.policy, watched.asker("ada"), "INC-1")
    assert await seen(watched) == ("RED", "alerts")


async def test_a_warning_that_was_never_ended_is_ended_by_an_incident_of_people(watched: World) -> None:
    await tell(watched, alert("Slow", "warning"))
    await only_the_watchdog(watched)
    assert await seen(watched) == ("UNKNOWN", "never-ended")
    assert await watched.incidents() == []
    asker = watched.asker("ada")
    made = await declare(watched.ledger, watched.policy, asker, "dev", "Slow is over", key="d")
    await resolve(watched.ledger, watched.policy, asker, made.id)
    assert await seen(watched) == ("GREEN", "no-alerts")


async def test_a_monitor_that_leaves_the_policy_takes_what_was_never_ended_with_it(watched: World) -> None:
    await tell(watched, alert("Down"))
    await only_the_watchdog(watched)
    await watched.reload()
    watched.clock.advance(2 * HOUR)
    await watched.run_timers()
    place = await watched.ledger.read(lambda tx: tx.place("dev/alerts", "alerts"))
    assert place is not None
    assert place["shards"] == {}
    assert (TIMER, "dev/alerts") not in await _timers(watched)


async def _timers(world: World) -> list[tuple[str, str]]:
    world.clock.advance(24 * HOUR)
    claimed = await world.timers.claim(limit=50, busy=frozenset())
    return [(each.item.kind, each.item.subject) for each in claimed]


async def test_a_storm_that_is_lost_keeps_one_alert_for_each_group(watched: World) -> None:
    storm = [alert(f"A{n % 40}", pod=str(n)) for n in range(10_000)]
    await tell(watched, *storm)
    await only_the_watchdog(watched)
    assert await seen(watched) == ("UNKNOWN", "never-ended")
    shards = await watched.ledger.read(
        lambda tx: [Shard.read(f"{n:02x}", tx.place("alerts", f"{n:02x}")) for n in range(SHARDS)]
    )
    assert sum(1 for shard in shards for _ in shard.of("dev/alerts")) == 1
    await tell(watched, *(Alert(fingerprint=a.fingerprint, firing=False, labels=a.labels) for a in storm))
    assert await seen(watched) == ("GREEN", "no-alerts")


async def test_what_is_kept_of_lost_groups_is_bounded_and_still_not_green(world: World) -> None:
    shard = Shard("00")
    for n in range(1000):
        group = {"f": Firing(Colour.RED, 1000 + n, f"A{n}"), "young": Firing(Colour.YELLOW, 10**9, "B")}
        shard.replace(f"{n:020x}", "dev/a", group)
    before = world.clock.now().fromtimestamp(10**6, world.clock.now().tzinfo)
    for _ in range(3):
        shard.lose("dev/a", before)
        lost = [each for each in shard.of("dev/a") if each.lost]
        assert len(lost) == MOST_LOST + 1
        assert sum(not each.lost for each in shard.of("dev/a")) == 1000
    for n in range(1000):
        shard.replace(f"{n:020x}", "dev/a", {})  # every group says that all is over
    (rest,) = shard.of("dev/a")
    assert rest.lost, "of those beyond the bound nobody knows which they were"
    summary = Summary()
    summary.take(Shard.read("00", shard.place()), "dev/a")
    assert (summary.losing, summary.oldest, summary.red + summary.yellow) == (["00"], None, 0)
    assert Summary.read(summary.place()) == summary
    shard.end_lost("dev/a")
    assert shard == Shard("00")


def test_what_an_older_version_kept_is_read() -> None:
    summary = Summary.read({"told_at": None, "shards": {"00": [1, 2, 3, "Down"]}})
    assert summary.lines == {"00": Line(1, 2, 3, "Down")}
