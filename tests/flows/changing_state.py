"""A world whose project changes its state by approved changes: its policy, and verbs to ask for one."""

from typing import Any

import pytest

from bot.domain.refusal import Refusal
from bot.flows import state_change
from bot.flows.inquire import RequestView, request_view
from bot.flows.project_state import ProjectState, in_the_state_entered, project_state
from bot.flows.reload_policy import continued, put_in_force
from bot.flows.state_change import Standing, Wanted, ask_for_state
from tests.flows.policy_text import policy_of
from tests.flows.world import World

SECTION = (
    "organization: acme",
    """\
organization: acme
state: pre-production
state_change:
  environment: production
  gates:
    environments-green: {environments: [production, staging]}
    calendar: {}
  approval: {seats: [{role: release-manager}], exclude: [requester, lin], second_factor: {methods: [totp]}}""",
)
RULES = (
    "    severity: P0\n",
    "    severity: P0\n    when_state: {pre-production: {gates: {immutable-artifact: {}}, approval: {seats: [], minimum: 0}}}\n",
)
OTHER_SEATS = ("seats: [{role: release-manager}], exclude", "seats: [{role: platform-lead}], exclude")


class Project(World):
    """A world whose policy in memory follows the project's state, as the running bot's does."""

    async def fire(self, kind: str, subject: str) -> None:
        await super().fire(kind, subject)
        await self.follow()

    async def follow(self) -> None:
        self.policy = await in_the_state_entered(self.ledger, self.policy)

    async def restart(self) -> None:
        await super().restart()
        self.policy = policy_of(SECTION, RULES)
        await put_in_force(self.ledger, self.policy)
        await self.follow()

    async def reload(self, *changes: tuple[str, str]) -> None:
        policy = policy_of(SECTION, RULES, *changes)
        self.policy = await continued(self.ledger, self.policy, policy)
        await put_in_force(self.ledger, self.policy)

    async def wish(self, state: str = "production", person: str = "ada", **changes: Any) -> str:
        usual: dict[str, Any] = {"asker": self.asker(person), "key": self.key(), "reason": "the launch"}
        wanted = Wanted(state=state, **(usual | changes))
        asked = await ask_for_state(self.ledger, self.policy, wanted)
        await self.run_timers()
        return asked.request.id

    async def refused(self, state: str = "production", person: str = "ada", **changes: Any) -> Refusal:
        before = await self.everything()
        with pytest.raises(Refusal) as caught:
            await self.wish(state, person, **changes)
        assert await self.everything() == before
        return caught.value

    async def now(self) -> ProjectState:
        found = await self.ledger.read(project_state)
        assert found is not None
        return found

    async def view(self, request_id: str = "DEP-1") -> RequestView:
        return await request_view(self.ledger, self.policy, request_id)

    async def stands(self) -> Standing:
        return await state_change.standing(self.ledger, self.policy)

    async def to_production(self) -> None:
        """DEP-1 takes effect."""
        await self.wish()
        await self.approve("bo")
        assert (await self.now()).state == "production"


async def a_project(url: str) -> Project:
    """It is in pre-production, its environments are GREEN, and everybody has a second factor."""
    made = Project(url, policy_of(SECTION, RULES))
    await put_in_force(made.ledger, made.policy)
    await made.green()
    await made.enroll("ada", "bo", "cy", "vic", "sam", "lin")
    await made.deliveries()
    return made
