"""The access matrix: who may ask for a change, and who may read about it (F10)."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.domain.change_request import Start
from bot.domain.refusal import Refusal
from bot.flows.access import Reader, may_read, may_request
from bot.flows.authority import Authority
from bot.flows.collect import Collector
from bot.policy import Policy
from bot.ports import GroupError
from tests.flows.freezing import refused
from tests.flows.going_back import ask_back, live
from tests.flows.policy_text import ONE_SEAT, policy_of
from tests.flows.rolling import hold
from tests.flows.world import World

pytestmark = pytest.mark.requirement("F10")


def matrix(text: str) -> tuple[str, str]:
    return ("    severity: P0\n", f"    severity: P0\n    access: {text}\n")


LIMITED = matrix("{request: [release-manager], read: [watcher]}")
WATCHER = ("roles:\n", "roles:\n  watcher: {people: [lin]}\n")
SCHEDULED_ONLY = (
    "release-manager: {people: [bo, sam]}",
    "release-manager: {people: [bo, sam], only_for: [scheduled]}",
)
BY_GROUP = ("roles:\n", "roles:\n  asker: {slack_usergroup: S0ASKERS}\n")


@dataclass
class FakeGroups:
    """One Slack user group."""

    users: set[str] = field(default_factory=set)
    problem: str | None = None

    async def members(self, group: str, *, fresh: bool) -> frozenset[str]:
        if self.problem is not None:
            raise GroupError(self.problem)
        return frozenset(self.users)


def connected(world: World, groups: FakeGroups) -> Authority:
    """Slack's groups are connected from now on."""
    authority = Authority(world.ledger, repositories=None, groups=groups, logins=None, clock=world.clock)
    world.collector = Collector(
        world.ledger, world.registry, world.deployers, world.clock, authority=authority
    )
    return authority


def reader(world: World, person: str, authority: Authority | None = None) -> Reader:
    return Reader(asker=world.asker(person), ledger=world.ledger, policy=world.policy, authority=authority)


async def code(work: Any) -> str:
    try:
        await work
    except Refusal as refusal:
        return refusal.code
    return "allowed"


async def answered(work: Any) -> tuple[str, Any]:
    """The code, and the sources that were silent."""
    try:
        await work
    except Refusal as refusal:
        return refusal.code, refusal.facts["unanswered"]
    return "allowed", []


# --- asking ---------------------------------------------------------------------------------------------------------


async def test_unsaid_everybody_may_ask_and_read(world: World) -> None:
    await world.ready()
    assert await world.ask("sam") == "DEP-1"
    for person in ("lin", "cy", "nobody"):
        assert await code(reader(world, person).request("DEP-1")) == "allowed"


@pytest.mark.parametrize(
    ("person", "told"),
    [("bo", "allowed"), ("sam", "allowed"), ("ada", "may-not-request"), ("lin", "may-not-request")],
)
async def test_only_the_roles_that_are_named_may_ask_and_a_refusal_leaves_nothing(
    world: World, person: str, told: str
) -> None:
    await world.reload(WATCHER, LIMITED)
    await world.ready()
    before = await world.everything()
    assert await code(world.ask(person)) == told
    assert (await world.everything() == before) is (told != "allowed")


async def test_the_refusal_names_the_roles(world: World) -> None:
    await world.reload(WATCHER, LIMITED)
    with pytest.raises(Refusal) as caught:
        await world.ask("ada")
    assert (caught.value.facts["environment"], caught.value.facts["roles"]) == (
        "production",
        ["release-manager"],
    )


async def test_another_environment_is_as_open_as_it_was(world: World) -> None:
    await world.reload(WATCHER, LIMITED)
    assert await world.ask("ada", environment="staging") == "DEP-1"


@pytest.mark.requirement("P7")
async def test_a_role_that_has_no_say_in_the_kind_of_change_may_not_ask_for_it(world: World) -> None:
    await world.reload(WATCHER, SCHEDULED_ONLY, LIMITED)
    await world.ready()
    with pytest.raises(Refusal) as caught:
        await world.ask("bo")
    assert (caught.value.code, caught.value.facts["not_for"]) == ("may-not-request", ["release-manager"])
    assert await world.ask("bo", start=Start(mode="next")) == "DEP-1"


async def test_holding_and_rejecting_stay_open(world: World) -> None:
    await world.reload(WATCHER, LIMITED)
    await world.ready()
    await world.ask("bo")
    await world.run_timers()
    await hold(world, "cy")
    assert (await world.request()).held is not None
    await world.reject("ada")
    assert await world.state_of() == "rejected"


async def test_a_rollback_is_asked_for_by_its_own_rule(world: World) -> None:
    await live(world, ONE_SEAT)
    await world.reload(ONE_SEAT, WATCHER, LIMITED)
    assert (await ask_back(world, "ada")).request.id == "DEP-2"


# --- asking, by a role that another system holds --------------------------------------------------------------------


async def asked_by_group(world: World, groups: FakeGroups) -> Any:
    await world.reload(BY_GROUP, matrix("{request: [asker]}"))
    await world.ready()
    connected(world, groups)
    await world.ask("lin")
    await world.run_timers()
    return await world.request()


async def test_a_live_role_is_asked_before_anything_is_judged(world: World) -> None:
    request = await asked_by_group(world, FakeGroups({"U05LIN"}))
    assert request.state.value == "awaiting-approval"


async def test_whoever_the_source_does_not_name_is_refused_before_anybody_sees_it(world: World) -> None:
    request = await asked_by_group(world, FakeGroups({"U01ADA"}))
    assert (request.state.value, request.closing.code) == ("refused", "may-not-request")
    owed = [(d.kind, d.facts["code"]) for d in await world.deliveries() if d.kind.startswith("request-")]
    assert owed == [("request-answer", "refused")]
    assert not {kind for kind, _ in world.timers_set()} & {"evaluate", "remind"}


@pytest.mark.requirement("P8")
async def test_a_source_that_fails_denies_and_is_named(world: World) -> None:
    request = await asked_by_group(world, FakeGroups(problem="timeout"))
    assert (request.state.value, request.closing.code) == ("refused", "access-unknown")
    assert request.closing.reason == "slack_usergroup S0ASKERS"


async def test_without_a_way_to_ask_a_live_role_denies(world: World) -> None:
    await world.reload(BY_GROUP, matrix("{request: [asker]}"))
    await world.ready()
    await world.ask("lin")
    await world.run_timers()
    assert await world.state_of() == "refused"


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "told"),
    [
        ("lin", "allowed"),  # named for it
        ("bo", "allowed"),  # may ask
        ("ada", "allowed"),  # fills a seat
        ("cy", "allowed"),  # is on call, which fills one
        ("eve", "may-not-read"),
        ("nobody", "unknown-person"),
    ],
)
async def test_whoever_reads_asks_or_approves_may_read(world: World, person: str, told: str) -> None:
    eve = ("people:\n", "people:\n  eve: {slack: U08EVE}\n")
    await world.reload(eve, WATCHER, LIMITED)
    await world.ready()
    request = await world.ask("bo")
    assert await code(reader(world, person).request(request)) == told
    assert await code(reader(world, person).environment("production")) == told
    newest = await world.ledger.read(lambda tx: tx.requests.newest(limit=5))
    seen = await reader(world, person).readable(newest)
    assert [r.id for r in seen] == ([request] if told == "allowed" else [])


async def test_requesters_read_what_they_asked_for(world: World) -> None:
    eve = ("people:\n", "people:\n  eve: {slack: U08EVE}\n")
    await world.reload(eve, WATCHER, matrix("{read: [watcher]}"))
    await world.ready()
    mine, other = await world.ask("eve"), await world.ask("bo", environment="staging")
    third = await world.ask("bo", artifact="c0ffee1")
    newest = await world.ledger.read(lambda tx: tx.requests.newest(limit=5))
    assert [r.id for r in await reader(world, "eve").readable(newest)] == [other, mine]
    assert await code(reader(world, "eve").request(mine)) == "allowed"
    assert await code(reader(world, "eve").request(third)) == "may-not-read"


@pytest.mark.parametrize(
    ("groups", "told", "silent"),
    [
        (FakeGroups({"U08EVE"}), "allowed", []),
        (FakeGroups(), "may-not-read", []),
        (FakeGroups(problem="timeout"), "may-not-read", ["slack_usergroup S0ASKERS"]),
        (None, "may-not-read", ["slack_usergroup S0ASKERS"]),
    ],
)
async def test_a_live_role_is_asked_when_somebody_reads(
    world: World, groups: FakeGroups | None, told: str, silent: list[str]
) -> None:
    eve = ("people:\n", "people:\n  eve: {slack: U08EVE}\n")
    await world.reload(eve, BY_GROUP, matrix("{read: [asker]}"))
    await world.ready()
    await world.ask("bo")
    asked = reader(world, "eve", None if groups is None else connected(world, groups))
    assert await answered(asked.request("DEP-1")) == (told, silent)
    assert await answered(asked.environment("production")) == (told, silent)


async def test_what_left_the_policy_can_still_be_read(world: World) -> None:
    policy: Policy = policy_of(WATCHER, LIMITED)
    may_read(policy, "eve", "gone", world.clock.now())
    with pytest.raises(Refusal):
        may_read(policy, "eve", "production", world.clock.now())


async def test_an_unknown_request_is_unknown_to_everybody(world: World) -> None:
    await world.reload(WATCHER, LIMITED)
    assert await refused(reader(world, "ada").request("DEP-99")) == "unknown-request"


async def test_the_rule_is_pure(world: World) -> None:
    await world.reload(WATCHER, LIMITED)
    await world.ready()
    await world.ask("bo")
    request = await world.request()
    may_request(world.policy, "bo", request, world.clock.now())
    with pytest.raises(Refusal):
        may_request(world.policy, "lin", request, world.clock.now(), benefit=True)
