"""A world whose roles are asked live: a pretend forge, groups and an identity provider, each of which can fail."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.domain.approval import Approval, SecondFactor
from bot.domain.audit import Fact
from bot.domain.authority import Membership
from bot.domain.identity import Identity, Provider
from bot.domain.repository import Author, Changes, Owners, RepositoryError
from bot.flows import owing
from bot.flows.authority import Authority
from bot.flows.collect import Collector
from bot.policy import Policy
from bot.ports import GroupError, LoginRefused, Transaction
from tests.flows.fakes import OLD_TAG, TAG
from tests.flows.policy_text import policy_of
from tests.flows.world import World

TEAM = "acme/production-approvers"
IDS = {"ada-l": "101", "bo-r": "102", "cy-m": "103", "vic-e": "104", "lin-q": "105", "sam-k": "106"}

LEADS_BY_TEAM = ("platform-lead:   {people: [ada, vic]}", f"platform-lead: {{github_team: {TEAM}}}")
ONE_LEAD = (
    """\
      seats:
        - {role: [platform-lead, release-manager]}
        - {role: [platform-lead, on-call-sre]}
      minimum: 2
""",
    "      seats: [{role: platform-lead}]\n      minimum: 1\n",
)
IN_REPOSITORY = (
    "    image: registry.acme.example/checkout\n",
    "    image: registry.acme.example/checkout\n    repository: acme/checkout\n",
)


@dataclass
class Forge:
    """Implements ports.Repositories from what a test puts in. `fails` maps what is asked to a code, or to a wait."""

    ids: dict[str, str] = field(default_factory=lambda: dict(IDS))
    teams: dict[str, set[str]] = field(default_factory=lambda: {TEAM: {"101", "104"}})
    files: tuple[str, ...] = ("app.py",)
    authors: tuple[Author, ...] = (Author(account="106", login="sam-k"),)
    owned: Owners = field(default_factory=lambda: Owners(path="CODEOWNERS"))
    fails: dict[str, str] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    during: Any = None

    async def _asked(self, what: str, about: str) -> None:
        self.asked.append((what, about))
        if self.during is not None:
            during, self.during = self.during, None
            await during()
        if what in self.hangs:
            await asyncio.sleep(60)
        code = self.fails.get(f"{what} {about}") or self.fails.get(what)
        if code == "bug":
            raise LookupError("a bug in the adapter")
        if code:
            raise RepositoryError(code)

    async def team(self, team: str) -> frozenset[str]:
        await self._asked("team", team)
        if team not in self.teams:
            raise RepositoryError("team-unknown", team=team)
        return frozenset(self.teams[team])

    async def account(self, login: str) -> str:
        await self._asked("account", login)
        if login not in self.ids:
            raise RepositoryError("login-unknown", login=login)
        return self.ids[login]

    async def changes(self, repository: str, *, base: str | None, head: str) -> Changes:
        await self._asked("changes", f"{base}..{head}")
        return Changes(base=base, head=head, files=self.files, authors=self.authors)

    async def owners(self, repository: str, *, at: str, files: Sequence[str]) -> Owners:
        await self._asked("owners", at)
        return self.owned


@dataclass
class SlackUserGroups:
    """Implements ports.Groups."""

    groups: dict[str, set[str]] = field(default_factory=dict)
    fails: str | None = None
    asked: list[tuple[str, bool]] = field(default_factory=list)

    async def members(self, group: str, *, fresh: bool) -> frozenset[str]:
        self.asked.append((group, fresh))
        if self.fails:
            raise GroupError(self.fails)
        return frozenset(self.groups[group])


@dataclass
class Logins:
    """The part of ports.IdentityProvider that gives roles. Each text is good once, as where tokens rotate."""

    roles_of: dict[str, frozenset[str]] = field(default_factory=dict)  # by person
    good: dict[str, str] = field(default_factory=dict)  # text to person
    fails: str | None = None
    slow: float = 0
    asked: list[str] = field(default_factory=list)

    async def roles(self, refresh: str) -> tuple[frozenset[str], str]:
        self.asked.append(refresh)
        await asyncio.sleep(self.slow)
        if self.fails:
            raise LoginRefused(self.fails)
        person = self.good.pop(refresh, None)
        if person is None:
            raise LoginRefused("grant-revoked")
        again = f"{refresh}+"
        self.good[again] = person
        return self.roles_of.get(person, frozenset()), again

    async def begin(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def finish(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


class LiveWorld(World):
    """A world with an authority."""

    def __init__(self, url: str, policy: Policy | None = None) -> None:
        self.hub = Forge()
        self.groups = SlackUserGroups()
        self.logins = Logins()
        super().__init__(url, policy or policy_of(LEADS_BY_TEAM))

    def _wire(self) -> None:
        super()._wire()
        self.authority = self.connect()

    def connect(self, **changes: Any) -> Authority:
        """Another authority, with something else than usual."""
        usual: dict[str, Any] = {
            "repositories": self.hub,
            "groups": self.groups,
            "logins": self.logins,
            "clock": self.clock,
            "patience": timedelta(seconds=1),
        }
        self.authority = Authority(self.ledger, **(usual | changes))
        self.collector = Collector(self.ledger, self.registry, self.deployers, self.clock, self.authority)
        return self.authority

    async def under(self, *changes: tuple[str, str]) -> None:
        """The policy with these changes is in force, everything is there, and Lin has asked."""
        await self.reload(*changes)
        await self.ready()
        await self.state("build", details={"authors": ["sam-k"], "commit": TAG})
        await self.state("build", artifact=OLD_TAG, details={"authors": ["sam-k"], "commit": OLD_TAG})
        await self.ask()
        await self.run_timers()
        await self.deliveries()

    async def link(self, person: str, provider: Provider, subject: str, **changes: Any) -> None:
        identity = Identity(
            **{
                "provider": provider,
                "subject": subject,
                "person": person,
                "label": person,
                "linked_at": self.clock.now(),
                "linked_by": "host:root",
            }
            | changes
        )
        await self.ledger.write(lambda tx: tx.identities.put(identity, Fact(type="identity.linked")))

    async def logged_in(self, person: str, *roles: str) -> None:
        """They logged in once, and the provider gives them these roles."""
        await self.link(person, Provider.OIDC, f"https://id.example {person}")
        self.logins.roles_of[person] = frozenset(roles)
        self.logins.good[f"sealed-{person}"] = person
        place = {
            "subject": f"https://id.example {person}",
            "refresh": f"sealed-{person}",
            "roles": [],
            "at": self.clock.now().isoformat(),
        }
        await self.ledger.write(lambda tx: tx.put_place(f"person/{person}", "login", place))

    async def sign_by(self, person: str, *, via: str | None = None, request_id: str = "DEP-1") -> None:
        """A signature whose second factor was checked already, as the pages write it."""

        def step(tx: Transaction) -> None:
            request = tx.requests.get(request_id)
            assert request is not None
            known = self.policy.people[person].slack
            approval = Approval(
                request=request.id,
                revision=request.revision,
                person=person,
                via=via or f"slack:T1/{known}",
                fingerprint=request.fingerprint or "",
                signed_at=tx.now,
                factor=SecondFactor(method="passkey", credential="c1", at=tx.now),
            )
            tx.approvals.put(approval, Fact(type="approval.signed"))
            owing.evaluate_at(tx, request, tx.now)

        await self.ledger.write(step)

    async def click(self, *people: str) -> dict[str, tuple[str, str | None]]:
        """They sign one after the other, everything due runs; how their signatures stand."""
        for person in people:
            await self.sign_by(person)
            await self.run_timers()
        return await self.standing()

    async def said(self, source: str, *people: str) -> Membership:
        """What one source says when it is asked about these people for DEP-1."""
        asked = await self.authority.ask(self.policy, await self.request(), people=people)
        return asked.answers.by_source[source]

    async def place(self, subject: str, surface: str) -> Any:
        return await self.ledger.read(lambda tx: tx.place(subject, surface))
