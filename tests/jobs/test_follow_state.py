"""The policy in memory follows the project's state, whoever changed it; without an approval to follow, nobody looks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.domain.change_request import SYSTEM, Kind
from bot.flows.project_state import enter_by
from bot.flows.reload_policy import PolicyHolder, judge_anew, put_in_force
from bot.jobs import follow_state
from bot.jobs.follow_state import FollowState
from bot.policy import Policy
from bot.ports import Transaction
from storage import schema
from storage.ledger import Ledger
from tests.flows.changing_state import RULES, SECTION
from tests.flows.fakes import FakeClock
from tests.flows.policy_text import REWORDED, policy_of
from tests.storage.builders import request as a_request


@pytest.fixture
async def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'ledger.db'}"
    await schema.ensure(found)
    return found


@pytest.fixture
async def ledger(url: str) -> AsyncIterator[Ledger]:
    made = Ledger(url, FakeClock())
    yield made
    await made.close()


@pytest.fixture
async def beside(url: str) -> AsyncIterator[Ledger]:
    """The same ledger, as another process has it."""
    made = Ledger(url, FakeClock())
    yield made
    await made.close()


async def enters(ledger: Ledger, policy: Policy) -> None:
    """A change to production takes effect."""
    change = a_request(9, kind=Kind.CONFIGURATION, requester=SYSTEM)
    await ledger.write(lambda tx: judge_anew(tx, enter_by(tx, policy, "production", change)))


@pytest.mark.requirement("K1")
async def test_a_change_in_another_process_is_followed_and_told_once(ledger: Ledger, beside: Ledger) -> None:
    policy = policy_of(SECTION, RULES)
    await put_in_force(ledger, policy)
    holder, told = PolicyHolder(policy), list[str]()
    follower = FollowState(beside, holder, lambda: told.append(holder.policy.state))
    await follower.look()
    assert told == []
    await enters(ledger, policy)
    await follower.look()
    await follower.look()
    assert (holder.policy.state, told, follower.pulse.done) == ("production", ["production"], 1)
    assert "soak" in holder.policy.environments["production"].gates


async def test_what_somebody_else_followed_or_reloaded_is_told_too(ledger: Ledger) -> None:
    policy = policy_of(SECTION, RULES)
    await put_in_force(ledger, policy)
    holder, told = PolicyHolder(policy), list[str]()
    follower = FollowState(ledger, holder, lambda: told.append(holder.policy.organization))
    holder.policy = policy_of(SECTION, RULES, REWORDED)
    await follower.look()
    assert told == ["acme-corp"]


async def test_a_reload_meanwhile_is_not_undone(ledger: Ledger) -> None:
    """It read the old policy, another was put in force, and the old one does not come back."""
    policy = policy_of(SECTION, RULES)
    await put_in_force(ledger, policy)
    await enters(ledger, policy)
    holder, newer = PolicyHolder(policy), policy_of(SECTION, RULES, REWORDED)

    class Slow:
        async def read(self, query: Callable[[Transaction], Policy]) -> Policy:
            found = await ledger.read(query)
            holder.policy = newer
            return found

    assert await holder.follow(Slow()) is False  # type: ignore[arg-type]
    assert holder.policy is newer
    assert await holder.follow(ledger) is True
    assert (holder.policy.organization, holder.policy.state) == ("acme-corp", "production")


class Closed:
    """A ledger that nobody may ask."""

    async def read(self, _: object) -> object:
        raise AssertionError("asked")


async def test_where_the_file_says_the_state_the_ledger_is_not_even_asked() -> None:
    holder = PolicyHolder(policy_of())
    await FollowState(Closed(), holder, lambda: None).look()  # type: ignore[arg-type]


async def test_it_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_state, "EVERY", 0.001)
    follower = FollowState(Closed(), PolicyHolder(policy_of(SECTION, RULES)), lambda: None)  # type: ignore[arg-type]
    task = asyncio.create_task(follower.run())
    async with asyncio.timeout(20):
        while follower.pulse.failed < 2:
            await asyncio.sleep(0.001)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
