"""What a feed brought is kept: good copies over bad answers, changes audited, people told once."""

import json

import pytest

from bot.domain.feed import FeedState, Fetched
from bot.flows.keep_feed import fire, keep
from tests.flows.feed_text import EMPTY, LATER, TODAY, URL, WITH_FEED, digest, feed, good
from tests.flows.world import DAY, HOUR, MINUTE, World

pytestmark = pytest.mark.requirement("P6")


@pytest.fixture(autouse=True)
async def _with_a_feed(world: World) -> None:
    await world.reload(WITH_FEED)


async def state(world: World) -> FeedState:
    found = await world.ledger.read(lambda tx: tx.feeds.get(URL))
    assert found is not None
    return found


async def kept(world: World, fetched: Fetched) -> FeedState:
    await keep(world.ledger, world.policy, feed(world), fetched)
    return await state(world)


async def changes(world: World) -> list[str]:
    return [kind for kind in await world.types("feed/upstream") if kind == "feed.changed"]


async def test_a_good_answer_is_kept_with_what_names_its_edition(world: World) -> None:
    found = await kept(world, good(TODAY, etag='"v1"', last_modified="then"))
    now = world.clock.now()
    assert found == FeedState(
        url=URL, checked_at=now, fetched_at=now, digest=digest(TODAY), etag='"v1"', last_modified="then"
    )
    assert await world.ledger.read(lambda tx: tx.feeds.body(URL)) == TODAY


@pytest.mark.parametrize(
    "bad", [Fetched("timeout"), Fetched("http-404"), Fetched("html"), good(b"no calendar")]
)
async def test_a_bad_answer_never_replaces_a_good_copy(world: World, bad: Fetched) -> None:
    first = await kept(world, good(TODAY, etag='"v1"'))
    world.clock.advance(HOUR)
    for failures in (1, 2):
        found = await kept(world, bad)
        assert (found.digest, found.etag, found.fetched_at) == (first.digest, '"v1"', first.fetched_at)
        assert (found.problem, found.failures) == ("not-a-calendar" if bad.body else bad.code, failures)
        assert found.checked_at == world.clock.now()
    assert await world.ledger.read(lambda tx: tx.feeds.body(URL)) == TODAY
    assert len(await changes(world)) == 1
    assert (await kept(world, Fetched("not-modified"))).failures == 0


async def test_not_modified_makes_the_copy_young_again(world: World) -> None:
    await kept(world, good(TODAY, etag='"v1"'))
    world.clock.advance(HOUR)
    found = await kept(world, Fetched("not-modified"))
    assert (found.fetched_at, found.digest, found.etag) == (world.clock.now(), digest(TODAY), '"v1"')
    assert len(await changes(world)) == 1


async def test_not_modified_without_a_copy_is_a_problem(world: World) -> None:
    found = await kept(world, Fetched("not-modified"))
    assert (found.problem, found.fetched_at) == ("not-modified", None)


async def test_a_change_is_audited_without_the_address(world: World) -> None:
    await kept(world, good(EMPTY))
    await kept(world, good(EMPTY))
    odd = LATER.replace(
        b"END:VCALENDAR", b"BEGIN:VEVENT\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    await kept(world, good(odd))
    entries = [e for e in await world.entries("feed/upstream") if e["type"] == "feed.changed"]
    facts = [e["facts"] for e in entries]
    assert [(f["previous"], f["digest"], f["events"], f["skipped"]) for f in facts] == [
        (None, digest(EMPTY), 0, 0),
        (digest(EMPTY), digest(odd), 2, 1),
    ]
    everything = json.dumps(await world.entries()) + str([d.facts for d in await world.deliveries()])
    assert "secret-4711" not in everything


async def test_open_requests_in_the_scope_are_judged_by_the_new_copy(world: World) -> None:
    await kept(world, good(EMPTY))
    await world.ready()
    await world.ask()
    await world.run_timers()
    assert await world.outcome("calendar") == ("passed", "preferred")
    await kept(world, good(TODAY))
    await world.run_timers()
    status, _ = await world.outcome("calendar")
    assert status in {"waiting", "blocked"}
    await kept(world, good(LATER))
    await world.run_timers()
    assert await world.outcome("calendar") == ("passed", "preferred")


async def test_what_did_not_change_judges_nothing_anew(world: World) -> None:
    await kept(world, good(EMPTY))
    await world.ready()
    await world.ask()
    await world.run_timers()
    before = world.timers_set()
    await kept(world, good(EMPTY))
    assert world.timers_set() == before


async def test_a_feed_that_turns_stale_is_told_once_and_so_is_its_recovery(world: World) -> None:
    await kept(world, good(EMPTY))
    fetched = world.clock.now()
    await world.deliveries()
    await world.pass_until(fetched + DAY)
    assert await world.told("policy-notice") == []
    await world.pass_time(MINUTE)  # nothing fetched it, and nothing looked: the timer alone
    (told,) = await world.deliveries("policy-notice")
    assert told.destination == "slack:channel:deployments"
    assert told.facts == {
        "code": "feed-stale", "name": "upstream", "since": fetched.isoformat(), "age": 86_400, "problem": None,
    }  # fmt: skip
    for _ in range(3):
        await kept(world, Fetched("timeout"))
        await fire(world.ledger, world.policy, "upstream")
        await world.pass_time(HOUR)
    assert await world.told("policy-notice") == []
    await kept(world, good(EMPTY))
    await kept(world, good(EMPTY))
    (told,) = await world.deliveries("policy-notice")
    assert (told.facts["code"], told.facts["problem"]) == ("feed-well", None)
    assert [t for t in await world.types("feed/upstream") if t != "feed.changed"] == [
        "feed.stale",
        "feed.well",
    ]
    await world.pass_time(DAY + MINUTE)
    assert await world.told("policy-notice") == ["feed-stale"]  # it is watched again


async def test_staleness_is_noticed_after_a_restart_too(world: World) -> None:
    await kept(world, good(EMPTY))
    await world.deliveries()
    await world.restart()
    await world.pass_time(DAY + MINUTE)
    assert await world.told("policy-notice") == ["feed-stale"]


async def test_a_feed_that_is_fetched_in_time_never_turns_stale(world: World) -> None:
    await kept(world, good(EMPTY))
    await world.deliveries()
    for _ in range(6):
        await world.pass_time(12 * HOUR)
        await kept(world, Fetched("not-modified"))
    assert await world.told("policy-notice") == []


async def test_requests_are_judged_when_a_feed_turns_stale_and_when_it_is_well_again(world: World) -> None:
    await kept(world, good(EMPTY))
    world.clock.advance(DAY - HOUR)
    await world.ready()
    await world.ask()
    await world.run_timers()
    before = (await world.request()).readiness
    await world.pass_time(HOUR + MINUTE)
    stale = (await world.request()).readiness
    assert before is not None
    assert stale is not None
    assert stale.judged_at > before.judged_at
    assert await world.outcome("calendar") == ("unknown", "feed-stale")
    await kept(world, good(EMPTY))
    await world.run_timers()
    assert (await world.outcome("calendar"))[0] != "unknown"


async def test_a_feed_that_cannot_be_fetched_at_all_is_told_at_once(world: World) -> None:
    await kept(world, Fetched("dns"))
    (told,) = [d for d in await world.deliveries("policy-notice") if d.facts["code"] == "feed-stale"]
    assert (told.facts["since"], told.facts["problem"]) == (None, "dns")


async def test_two_freezes_from_one_address_are_both_kept(world: World) -> None:
    old, new = WITH_FEED
    other = f"    - {{name: other, environments: [staging], ics: '{URL}'}}\n"
    await world.reload((old, new + other))
    await kept(world, good(TODAY))
    assert len(await changes(world)) == 1
    assert await world.types("feed/other") == ["feed.changed"]
    assert {("feed", "upstream"), ("feed", "other")} <= world.timers_set()


async def test_the_timer_of_a_feed_that_left_the_policy_does_nothing(world: World) -> None:
    await kept(world, good(EMPTY))
    await world.reload()
    await world.deliveries()
    await world.pass_time(2 * DAY)
    assert await world.told("policy-notice") == []
