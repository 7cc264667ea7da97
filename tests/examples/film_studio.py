"""The film studio for its tests: its policy as it stands, a pretend GitHub with its repository, and everybody's hands."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from bot.adapters.github import GitHub
from bot.domain.refusal import Refusal
from bot.flows import attest, close
from bot.flows.access import Reader
from bot.flows.inquire import RequestView, request_view
from bot.flows.reload_policy import load_policy
from bot.flows.request import Submitted
from bot.flows.roles import on_call
from bot.ports import Repositories
from handlers.slack.request_card import render
from sandbox.client import SandboxClient
from sandbox.github import PretendGitHub
from tests.flows.fakes import DIGEST, OLD_DIGEST
from tests.flows.going_back import RUNS
from tests.flows.live import LiveWorld
from tests.flows.stepping_up import Pages

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "film-studio"
SERVICE, REPOSITORY = "ai-film-studio", "film-studio/ai-film-studio"
NEW, OLD = "v1.4.0", "v1.3.2"
TUESDAY_SIX = datetime(2026, 11, 10, 11, 0, tzinfo=UTC)
"""06:00 in New York: within the window."""
TUESDAY_NINE = datetime(2026, 11, 10, 14, 0, tzinfo=UTC)
"""09:00 in New York: the window opens again on the next morning at 05:00."""

SIX: Final = ("ben", "lou", "noa", "cat", "dan", "ana")
"""Code owner, two more approvals, Security, Product, Engineering lead."""
CODEOWNERS = "*        @lou-d\n/api/    @ben-o\n/web/    @max-d @ana-e\n"
TICKERS: Final = {"product": "dan", "security": "cat", "engineering-lead": "ana", "release-manager": "eva"}


class Studio(LiveWorld):
    """Eva, a release manager, asks; Fin wrote the change under /api/, which Ben owns."""

    def __init__(self, url: str, github: PretendGitHub, session: aiohttp.ClientSession) -> None:
        self._session, self.github = session, github
        super().__init__(url, load_policy(EXAMPLE / "policy.yaml"))
        self.pages = Pages(self)
        self.clock.at = TUESDAY_SIX
        self.registry.digests = {NEW: DIGEST, OLD: OLD_DIGEST}
        self.deployer.found = RUNS

    def _wire(self) -> None:
        super()._wire()
        self.connect(repositories=self._repositories(), patience=timedelta(seconds=30))

    def _repositories(self) -> Repositories:
        token = SecretStr(self.github.token)
        return GitHub(
            self._session, api_url=self.github.url, token=token, clock=self.clock, call_s=20, answer_s=30
        )

    # What stands before anything is asked

    async def open(self, *, authors: tuple[str, ...] = ("fin-d",), path: str = "api/app.py") -> None:
        """Everything that production's gates want is there, and everybody has a passkey."""
        for name, person in self.policy.people.items():
            self.github.add_user(str(person.github))
            await self.pages.give(name)
        self.github.team("film-studio", "approvers", ["lou-d"])
        repository = self.github.repository(REPOSITORY)
        repository.codeowners(CODEOWNERS, author="lou-d")
        old = repository.commit({"api/app.py": "1", "web/app.js": "1"}, author="lou-d")
        new = repository.commit({path: "2"}, author=authors[0], co_authors=authors[1:])
        await self.green()
        await self.built(OLD, OLD_DIGEST, old, timedelta(days=9), ["lou-d"])
        await self.built(NEW, DIGEST, new, timedelta(days=4), [*authors])
        ran = {"artifact": OLD, "digest": OLD_DIGEST, "environment": "production"}
        await self.stated("deployment", timedelta(days=7), **ran)

    async def built(self, tag: str, digest: str, commit: str, ago: timedelta, authors: list[str]) -> None:
        """What CI, staging and the scanner say of one version."""
        of = {"artifact": tag, "digest": digest}
        await self.stated("build", ago, details={"authors": authors, "commit": commit}, **of)
        await self.stated("deployment", ago - timedelta(hours=1), environment="staging", **of)
        await self.stated("verification", ago - timedelta(hours=2), environment="staging", **of)
        await self.stated("scan", timedelta(hours=1), counts={"critical": 0, "high": 0}, **of)

    async def stated(self, kind: str, ago: timedelta = timedelta(0), **changes: Any) -> None:
        await self.state(kind, ago, **({"service": SERVICE, "artifact": NEW, "digest": DIGEST} | changes))

    # What people do

    async def submit(self, person: str = "eva", **changes: Any) -> Submitted:
        usual: dict[str, Any] = {"service": SERVICE, "artifact": NEW, "reason": "Storyboards load faster"}
        return await super().submit(person, **(usual | changes))

    async def ask(self, person: str = "eva", **changes: Any) -> str:
        asked = await super().ask(person, **changes)
        await self.run_timers()
        return asked

    async def approve(self, *people: str, request_id: str = "DEP-1") -> None:
        """They press Approve and use their passkeys, one after the other."""
        for person in people:
            await self.pages.passkey(await self.pages.press(person, request_id), person)
            await self.run_timers()

    async def press_start(self, person: str = "eva", request_id: str = "DEP-1") -> None:
        await close.ask_to_start(
            self.ledger,
            self.policy,
            self.asker(person),
            request_id,
            key=self.key(),
            authority=self.authority,
        )

    async def said_to(self, person: str, request_id: str = "DEP-1") -> str:
        """What becomes of somebody's approval: `counted`, or the code of why it does not count."""
        try:
            await self.approve(person, request_id=request_id)
        except Refusal as refusal:
            return refusal.code
        state, code = (await self.standing(request_id))[person]
        return code or state

    @property
    def on_call(self) -> str:
        """Hal or Ida, whose turn it is."""
        return on_call(self.policy, "primary", self.clock.now()) or "nobody"

    async def tick_everything(self, request_id: str = "DEP-1") -> None:
        """Everybody ticks what is theirs."""
        for entry in (await attest.listed(self.ledger, self.policy, request_id)).entries:
            if entry.item.attest is None:
                continue
            listed = await attest.listed(self.ledger, self.policy, request_id)
            target = attest.Target(request=request_id, revision=listed.request.revision, item=entry.key)
            asker = self.asker(TICKERS.get(entry.item.attest) or self.on_call)
            await attest.tick(self.ledger, self.policy, asker, target, key=self.key())
        await self.run_timers()

    def reader(self, person: str) -> Reader:
        return Reader(
            asker=self.asker(person), ledger=self.ledger, policy=self.policy, authority=self.authority
        )

    # What can be seen

    async def seats(self, request_id: str = "DEP-1") -> list[tuple[str, str | None]]:
        """The seats in the policy's order, and who holds each."""
        quorum = (await self.view(request_id)).quorum
        return [(" or ".join(seat.roles), seat.person) for seat in quorum.seats]

    async def view(self, request_id: str = "DEP-1") -> RequestView:
        return await request_view(self.ledger, self.policy, request_id)

    async def card(self, request_id: str = "DEP-1") -> str:
        """The request's message, as text."""
        shown = render(await self.view(request_id), self.policy)
        return SandboxClient.text_of({"text": shown.text, "blocks": list(shown.blocks)})
