"""Putting a policy in force: recorded once, told, and a bad file leaves the old one in force."""

from bot.flows.reload_policy import PolicyHolder, put_in_force, refuse
from bot.policy import PolicyError, Problem
from tests.flows.policy_text import REWORDED, policy_of
from tests.flows.world import World


async def test_the_first_policy_is_recorded_and_not_told(world: World) -> None:
    assert await put_in_force(world.ledger, world.policy) is True
    (entry,) = await world.entries("policy")
    assert entry["type"] == "policy.in-force"
    assert (entry["facts"]["digest"], entry["facts"]["previous"]) == (world.policy.digest, None)
    assert await world.deliveries() == []


async def test_the_same_policy_again_is_no_news(world: World) -> None:
    await put_in_force(world.ledger, world.policy)
    before = await world.everything()
    assert await put_in_force(world.ledger, world.policy) is False
    assert await world.everything() == before


async def test_another_policy_is_recorded_with_the_one_before_and_told(world: World) -> None:
    first = world.policy.digest
    await put_in_force(world.ledger, world.policy)
    await world.reload(REWORDED)
    entry = (await world.entries("policy"))[-1]
    assert (entry["facts"]["digest"], entry["facts"]["previous"]) == (world.policy.digest, first)
    (notice,) = await world.deliveries()
    assert (notice.kind, notice.destination, notice.facts["code"]) == (
        "policy-notice",
        "slack:channel:deployments",
        "in-force",
    )


async def test_open_requests_are_judged_by_the_policy_in_force(world: World) -> None:
    await world.ready()
    await world.ask()
    await world.run_timers()
    before = (await world.request()).readiness
    await world.reload(REWORDED)
    await world.run_timers()
    after = (await world.request()).readiness
    assert before is not None
    assert after is not None
    assert (before.policy_digest == after.policy_digest, after.policy_digest) == (False, world.policy.digest)


async def test_a_refused_reload_is_recorded_and_told_and_changes_nothing(world: World) -> None:
    await put_in_force(world.ledger, world.policy)
    problems = [Problem("policy.yaml", n, f"problem {n}") for n in range(1, 9)]
    await refuse(world.ledger, world.policy, PolicyError(problems))
    entry = (await world.entries("policy"))[-1]
    assert (entry["type"], entry["facts"]["in_force"], entry["facts"]["count"]) == (
        "policy.refused",
        world.policy.digest,
        8,
    )
    assert len(entry["facts"]["problems"]) == 5
    assert [d.facts["code"] for d in await world.deliveries("policy-notice")] == ["refused"]
    assert await put_in_force(world.ledger, world.policy) is False


async def test_a_holder_holds_the_policy_that_it_was_given(world: World) -> None:
    holder = PolicyHolder(world.policy)
    holder.policy = policy_of(REWORDED)
    assert holder.policy.organization == "acme-corp"
