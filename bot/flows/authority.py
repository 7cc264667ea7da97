"""Asks every live source that a decision about people needs: who may approve, and who wrote what is approved (P7, P8).

Asked when an approval arrives and again at the start. What is asked only to be shown is asked seldom, and kept.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.domain.approval import ApprovalState
from bot.domain.authority import NOT_ASKED, Answers, Membership
from bot.domain.change_request import ChangeRequest
from bot.domain.identity import Provider
from bot.domain.repository import Author, RepositoryError
from bot.flows.accounts import CHANGED_HANDS, Directory, directory_of
from bot.flows.authorship import AUTHORS, excludes
from bot.flows.commits import Commits, commits_of
from bot.flows.login_roles import LoginRoles
from bot.flows.roles import has_a_say, live_sources_of
from bot.flows.seats import seat_plan
from bot.flows.sources import NOT_CONNECTED, TIMEOUT, Round, Topic
from bot.flows.state_rules import as_asked, left_policy
from bot.policy import Policy
from bot.ports import Clock, Groups, IdentityProvider, Ledger, Repositories, Transaction

PATIENCE: Final = timedelta(seconds=15)
"""All answers that a decision waits for are there by then, or count as none."""
AT_A_PRESS: Final = timedelta(seconds=2)
"""The same where Slack waits for the answer to a button: it gives three seconds."""
TO_SHOW: Final = timedelta(seconds=5)
REMEMBERED: Final = timedelta(hours=1)
"""So long the numeric id of a login is believed where it is only shown."""
REPOSITORY: Final = "repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the sources said. `authors` is None where no repository was asked; `authors_problem` is a code."""

    answers: Answers = NOT_ASKED
    authors: tuple[Author, ...] | None = None
    authors_problem: str | None = None


NOBODY_ASKED: Final = Asked()


def sources_for(policy: Policy, request: ChangeRequest) -> tuple[str, ...]:
    """Every source on which it depends whether a signature of this request counts; empty where the policy itself and
    CI's evidence know all of it. Pure, so that a policy without live sources costs nothing more."""
    policy = as_asked(policy, request)
    if left_policy(policy, request) is not None:
        return ()
    plan = seat_plan(policy, request)
    excluded = () if plan.own else policy.environments[request.environment].approval.exclude
    wanted = {role for role in plan.counting if has_a_say(policy.roles[role], request)}
    found = live_sources_of(policy, wanted.union(excluded))
    repository = repository_source(policy, request)
    return found if repository is None or plan.asks_nobody else (*found, repository)


def repository_source(policy: Policy, request: ChangeRequest) -> str | None:
    """The repository whose commits tell who wrote the change, as a source; None where that excludes nobody."""
    repository = as_asked(policy, request).services[request.service].repository
    wanted = repository is not None and excludes(policy, request, AUTHORS)
    return f"{REPOSITORY} {repository}" if wanted else None


def not_connected(sources: Iterable[str], now: datetime) -> Answers:
    """What is known where there is nobody to ask."""
    return Answers({s: Membership(source=s, asked_at=now, problem=NOT_CONNECTED) for s in sources})


class Authority:
    """The way to GitHub teams, CODEOWNERS, commits, Slack user groups and the identity provider's roles. Whatever is
    None is not connected: its answer is a code, as every failure's is."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        repositories: Repositories | None,
        groups: Groups | None,
        logins: IdentityProvider | None,
        clock: Clock,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._ledger = ledger
        self._repositories = repositories
        self._groups = groups
        self._clock = clock
        self._patience = patience
        self._accounts: dict[str, tuple[str, datetime]] = {}
        self.connect_logins(logins)

    def connect_logins(self, provider: IdentityProvider | None) -> None:
        """Ask this provider for roles from now on: it needs our pages, which are built later."""
        self._logins = None if provider is None else LoginRoles(self._ledger, provider)

    async def ask(
        self,
        policy: Policy,
        request: ChangeRequest,
        *,
        people: Iterable[str] | None = None,
        roles: Iterable[str] = (),
        within: timedelta | None = None,
    ) -> Asked:
        """Ask anew about whoever signed the present revision, and about `people`. `roles` are asked about besides
        those of the seats. Never raises: what went wrong is a code in the answer."""
        sources = tuple(dict.fromkeys((*sources_for(policy, request), *live_sources_of(policy, roles))))
        now = self._clock.now()
        live, dead = self._apart(sources, now)
        if not live:
            return NOBODY_ASKED if not dead else Asked(answers=Answers(dead))
        read = partial(_topic, policy=policy, request=request, people=frozenset(people or ()), at=now)
        topic = await self._ledger.read(read)
        asked = await self._round(policy, topic, live, within or self._patience)
        return replace(asked, answers=Answers({**asked.answers.by_source, **dead}, topic.people))

    async def show(self, policy: Policy, request: ChangeRequest, sources: Iterable[str]) -> Answers:
        """What these sources say of the whole directory, to be shown and never to decide: answers of the last minutes
        will do, and nobody is asked about one by one."""
        now = self._clock.now()
        live, dead = self._apart([s for s in sources if not s.startswith("oidc_role ")], now)
        told = {source: each for source, each in dead.items() if not source.startswith(f"{REPOSITORY} ")}
        if not live:
            return Answers(told) if told else NOT_ASKED
        read = partial(_topic, policy=policy, request=request, people=frozenset(), at=now)
        topic = replace(await self._ledger.read(read), people=frozenset[str](), fresh=False)
        asked = await self._round(policy, topic, live, min(TO_SHOW, self._patience))
        return Answers({**asked.answers.by_source, **told})

    async def about(self, policy: Policy, person: str) -> Answers:
        """What every live source says of one person now, whatever the change (`/deploy whoami`)."""
        now = self._clock.now()
        live, dead = self._apart(live_sources_of(policy, policy.roles), now)
        if not live:
            return Answers(dead)
        directory = await self._ledger.read(partial(directory_of, policy=policy))
        topic = Topic(asked_at=now, directory=directory, people=frozenset({person}), fresh=True)
        asked = await self._round(policy, topic, live, self._patience)
        return Answers({**asked.answers.by_source, **dead})

    def _apart(self, sources: Iterable[str], now: datetime) -> tuple[tuple[str, ...], dict[str, Membership]]:
        """What can be asked, and the answers of what is not connected: for those nothing has to be read."""
        ways = {
            "github_team": self._repositories, "codeowners": self._repositories, REPOSITORY: self._repositories,
            "slack_usergroup": self._groups, "oidc_role": self._logins,
        }  # fmt: skip
        wanted = tuple(sources)
        live = tuple(source for source in wanted if ways.get(source.partition(" ")[0]) is not None)
        return live, {**not_connected([s for s in wanted if s not in live], now).by_source}

    async def _round(
        self, policy: Policy, topic: Topic, sources: tuple[str, ...], within: timedelta
    ) -> Asked:
        logins = self._logins
        asking = Round(
            topic=topic,
            repositories=self._repositories,
            groups=self._groups,
            logins=None if logins is None else partial(logins.of, policy),
            remembered=self._remembered,
            deadline=asyncio.get_running_loop().time() + within.total_seconds(),
        )
        try:
            said = await asyncio.gather(*map(asking.source, sources))
            asked = Asked(answers=Answers({each.source: each for each in said}))
            asked = await self._with_authors(asking, asked)
        finally:
            await asking.close()
        now = self._clock.now()
        self._accounts |= {login: (account, now) for login, account in asking.accounts.items()}
        return await self._ledger.read(partial(_doubted, topic=topic, accounts=asking.accounts, asked=asked))

    async def _with_authors(self, asking: Round, asked: Asked) -> Asked:
        """The authors as the repository tells them. Without a way to it CI's evidence alone decides."""
        told = next((s for s in asked.answers.by_source if s.startswith(f"{REPOSITORY} ")), None)
        if told is None or self._repositories is None:
            return asked
        problem = asked.answers.by_source[told].problem
        if problem is not None:
            return replace(asked, authors_problem=problem)
        try:
            return replace(asked, authors=(await asking.changes()).authors)
        except RepositoryError as error:
            return replace(asked, authors_problem=error.code)
        except TimeoutError:
            return replace(asked, authors_problem=TIMEOUT)

    def _remembered(self, login: str) -> str | None:
        account, at = self._accounts.get(login, (None, None))
        return account if at is not None and self._clock.now() - at < REMEMBERED else None


async def asked_of(
    authority: Authority | None,
    policy: Policy,
    request: ChangeRequest,
    person: str,
    *,
    roles: Iterable[str] = (),
) -> Asked:
    """What the sources say of one person who pressed something, in time for the answer to the press."""
    if authority is None or person not in policy.people:
        return NOBODY_ASKED
    return await authority.ask(policy, request, people=(person,), roles=roles, within=AT_A_PRESS)


async def asked_at_a_press(
    ledger: Ledger,
    authority: Authority | None,
    policy: Policy,
    request_id: str,
    person: str | None,
    *,
    roles: Iterable[str] = (),
) -> Asked:
    """The same for a request of which only the id is known yet; about one that does not exist nothing is asked."""
    if authority is None or person is None:
        return NOBODY_ASKED
    request = await ledger.read(lambda tx: tx.requests.get(request_id))
    return (
        NOBODY_ASKED if request is None else await asked_of(authority, policy, request, person, roles=roles)
    )


async def about_at_a_press(authority: Authority | None, policy: Policy, person: str) -> Answers:
    """What every live source says of one person, whatever the change, where Slack waits: what is not answered by then
    is no yes."""
    if authority is None:
        return NOT_ASKED
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AT_A_PRESS.total_seconds()):
            return await authority.about(policy, person)
    return NOT_ASKED


def _topic(
    tx: Transaction, *, policy: Policy, request: ChangeRequest, people: frozenset[str], at: datetime
) -> Topic:
    signed = {
        a.person
        for a in tx.approvals.of(request.id)
        if a.revision == request.revision and a.state in (ApprovalState.SIGNED, ApprovalState.COUNTED)
    }
    known = request.service in policy.services
    repository = policy.services[request.service].repository if known else None
    commits: Commits | None = commits_of(tx, request) if repository is not None else None
    return Topic(
        asked_at=at,
        directory=directory_of(tx, policy),
        people=people | (signed & set(policy.people)),
        fresh=True,
        repository=repository,
        commits=commits or Commits(problem="no-repository"),
    )


def _doubted(tx: Transaction, *, topic: Topic, accounts: Mapping[str, str], asked: Asked) -> Asked:
    """The answers, with whoever stands in the directory with an account that was once somebody else's left unsure: it
    belongs to that person for good, in force or not."""
    doubted = {person for person in topic.people if _once_anothers(tx, topic.directory, person, accounts)}
    if not doubted:
        return asked
    silent = dict.fromkeys(doubted, CHANGED_HANDS)
    by_account = ("github_team ", "codeowners ")
    answers = {
        source: replace(said, silent={**said.silent, **silent}) if source.startswith(by_account) else said
        for source, said in asked.answers.by_source.items()
    }
    return replace(asked, answers=Answers(answers))


def _once_anothers(tx: Transaction, directory: Directory, person: str, accounts: Mapping[str, str]) -> bool:
    entry = directory.people.get(person)
    login = None if entry is None or entry.github is None else entry.github.casefold()
    if login not in accounts or login is None or directory.linked(person, Provider.GITHUB):
        return False
    link = tx.identities.find(Provider.GITHUB, accounts[login])
    return link is not None and link.person != person
