"""One round of questions to the live sources of roles: each thing is asked once, all at the same time, and every
failure becomes a code, never an exception (P7, P8)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import structlog
from pydantic import JsonValue

from bot.domain.authority import Membership
from bot.domain.identity import Provider
from bot.domain.repository import CODEOWNERS, Changes, Owners, RepositoryError
from bot.flows.accounts import CHANGED_HANDS, Directory, by_slack, marks_of_author
from bot.flows.commits import Commits
from bot.ports import GroupError, Groups, LoginRefused, Repositories

log = structlog.get_logger(__name__)
T = TypeVar("T")

NOT_ASKED: Final = "not-asked"
NOT_CONNECTED: Final = "not-connected"
TIMEOUT: Final = "timeout"
MOST_OWNERS: Final = 100
"""So many owners and teams of one CODEOWNERS are looked up."""
MOST_NAMED: Final = 10
"""So many names are kept among the facts that people are shown."""
MOST_LOOKED_UP: Final = 60
"""So many logins of the directory are looked up only to show who could sign; the rest is asked when it matters."""
AT_ONCE: Final = 8
"""So many logins are looked up at the same time."""
_NOBODY: Final = frozenset({"login-unknown", "not-a-person"})
"""GitHub answered: nobody has this login now."""

LoginRoles = Callable[[str], Awaitable[frozenset[str]]]
"""The roles that the identity provider gives a person now. Raises LoginRefused."""
Remembered = Callable[[str], str | None]
"""The numeric id that a login had a short while ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What the questions are about. `people` are those on whom a decision depends: asked about one by one, and anew;
    of everybody else only what is known already is told, to be shown."""

    asked_at: datetime
    directory: Directory
    people: frozenset[str]
    fresh: bool
    repository: str | None = None
    commits: Commits | None = None  # None: there is no change that it is about


@dataclass(slots=True, kw_only=True)
class Round:
    """The questions of one asking. Close it: what is still under way is cancelled."""

    topic: Topic
    repositories: Repositories | None
    groups: Groups | None
    logins: LoginRoles | None
    remembered: Remembered
    deadline: float  # of the running loop's clock
    accounts: dict[str, str] = field(default_factory=dict)  # what logins were found to be
    _tasks: dict[tuple[str, str], asyncio.Task[Any]] = field(default_factory=dict)
    _line: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def source(self, source: str) -> Membership:
        """What one source says, by the text that the policy tells it with."""
        kind, _, name = source.partition(" ")
        ask = {
            "github_team": self._team_source,
            "slack_usergroup": self._group_source,
            "codeowners": self._code_owners,
            "oidc_role": self._login_source,
            "repository": self._commit_authors,
        }.get(kind)
        if ask is None:  # a rotation that another system holds
            return self._silent(source, NOT_CONNECTED)
        return await self._guarded(source, ask(source, name))

    async def changes(self) -> Changes:
        """What the change holds. Raises RepositoryError and TimeoutError."""
        forge, repository, commits = self._forge(), self.topic.repository, self.topic.commits
        if repository is None or commits is None:
            raise RepositoryError("no-repository")
        if commits.problem is not None or commits.head is None:
            raise RepositoryError(commits.problem or "commit-not-stated", artifact=commits.about or "")
        head = commits.head
        return await self._once(
            "changes", repository, lambda: forge.changes(repository, base=commits.base, head=head)
        )

    async def close(self) -> None:
        """Cancel what nobody waits for any more."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # Each kind of source

    async def _team_source(self, source: str, team: str) -> Membership:
        found = await self._team(team)
        members, silent = await self._by_account(found)
        return self._said(source, members, silent, {"count": len(found)})

    async def _group_source(self, source: str, group: str) -> Membership:
        groups = self.groups
        if groups is None:
            return self._silent(source, NOT_CONNECTED)
        found = await self._once("group", group, lambda: groups.members(group, fresh=self.topic.fresh))
        members, silent = by_slack(self.topic.directory, found)
        return self._said(source, members, silent, {"count": len(found)})

    async def _login_source(self, source: str, role: str) -> Membership:
        """Asked for one by one; nobody is asked about whom nothing depends on."""
        logins = self.logins
        if logins is None:
            return self._silent(source, NOT_CONNECTED)
        silent = dict.fromkeys(self.topic.directory.people, NOT_ASKED)
        members = set()
        people = sorted(self.topic.people)
        for person, held in zip(people, await self._each(people, logins), strict=True):
            if isinstance(held, str):
                silent[person] = held
                continue
            silent.pop(person, None)
            if role in held:
                members.add(person)
        return self._said(source, frozenset(members), silent, {})

    async def _each(self, people: list[str], logins: LoginRoles) -> list[frozenset[str] | str]:
        async def one(person: str) -> frozenset[str] | str:
            try:
                return await self._once("login", person, lambda: _coroutine(logins(person)))
            except LoginRefused as refused:
                return refused.code
            except TimeoutError:
                return TIMEOUT
            except Exception:
                log.exception("authority.login-failed")
                return "failed"

        return list(await asyncio.gather(*(one(person) for person in people)))

    async def _commit_authors(self, source: str, _name: str) -> Membership:
        """Not who may, but who may not: whoever of the directory wrote the change, to be shown."""
        changes = await self.changes()
        marks = [marks_of_author(author) for author in changes.authors]
        directory = self.topic.directory
        wrote = {p for p in directory.people if any(directory.marks(p).fits(author) for author in marks)}
        return self._said(source, frozenset(wrote), {}, {"authors": len(marks), "files": len(changes.files)})

    async def _code_owners(self, source: str, _name: str) -> Membership:
        if self.topic.commits is None:
            return self._silent(source, "by-change")
        changes, repositories = await self.changes(), self._forge()
        repository = self.topic.repository or ""
        owners = await self._once("owners", repository, lambda: _owners(repositories, repository, changes))
        ids, problem = await self._owning_accounts(owners)
        members, silent = await self._by_account(ids)
        members |= {
            p for p, entry in self.topic.directory.people.items() if _casefold(entry.email) in owners.emails
        }
        if (
            problem is not None
        ):  # one of the owners could not be looked up: whoever is not among the rest may be it
            silent = {p: problem for p in self.topic.directory.people if p not in members} | silent
        return self._said(source, members, silent, _told(owners, changes))

    # What the kinds have in common

    def _forge(self) -> Repositories:
        if self.repositories is None:
            raise RepositoryError(NOT_CONNECTED)
        return self.repositories

    async def _team(self, team: str) -> frozenset[str]:
        forge = self._forge()
        return await self._once("team", team.casefold(), lambda: forge.team(team))

    async def _owning_accounts(self, owners: Owners) -> tuple[frozenset[str], str | None]:
        """The accounts behind logins and teams, and the code of what could not be looked up. A login or a team that
        does not exist any more owns nothing."""
        if len(owners.logins) + len(owners.teams) > MOST_OWNERS:
            raise RepositoryError("too-many-owners", most=MOST_OWNERS)
        teams = await asyncio.gather(*map(self._team, sorted(owners.teams)), return_exceptions=True)
        logins = await asyncio.gather(*map(self._account, sorted(owners.logins)), return_exceptions=True)
        ids: set[str] = set()
        problem = None
        for found in (*teams, *logins):
            if isinstance(found, BaseException):
                code = _code(found)
                problem = problem if code in (*_NOBODY, "team-unknown") else problem or code
            else:
                ids |= {found} if isinstance(found, str) else found
        return frozenset(ids), problem

    async def _by_account(self, ids: frozenset[str]) -> tuple[frozenset[str], dict[str, str]]:
        """Who of the directory is among these GitHub accounts, and about whom that is not sure, with a code."""
        people = list(self.topic.directory.people)
        words = await asyncio.gather(*(self._is_among(person, ids) for person in people))
        members = frozenset(p for p, word in zip(people, words, strict=True) if word is True)
        silent = {p: word for p, word in zip(people, words, strict=True) if isinstance(word, str)}
        return members, silent

    async def _is_among(self, person: str, ids: frozenset[str]) -> bool | str:
        """Yes, no, or the code of why that is not known. A linked account wins over the directory's login; a login
        that has another id by now, or somebody else's, is a warning that somebody was swapped."""
        directory = self.topic.directory
        linked = directory.linked(person, Provider.GITHUB)
        login = directory.people[person].github
        depends = person in self.topic.people
        if linked and linked.isdisjoint(ids):
            return False
        if login is None or (linked and not depends):
            return bool(linked)
        try:
            now = await self._account(login) if depends or self._may_look_up() else self._known(login)
        except (RepositoryError, TimeoutError) as error:
            code = _code(error)
            return bool(linked) if code in _NOBODY else code
        if now is None:
            return NOT_ASKED
        owner = directory.owner(Provider.GITHUB, now)
        if (linked and now not in linked) or owner not in (None, person):
            return CHANGED_HANDS
        return now in ids

    async def _account(self, login: str) -> str:
        if not self.topic.fresh and (known := self._known(login)) is not None:
            return known
        name = login.casefold()
        self.accounts[name] = found = await self._once("account", name, lambda: self._look_up(login))
        return found

    async def _look_up(self, login: str) -> str:
        forge = self._forge()
        async with self._line:
            return await forge.account(login)

    def _may_look_up(self) -> bool:
        """Whether somebody on whom nothing depends may be looked up, only to be shown."""
        return not self.topic.fresh and sum(kind == "account" for kind, _ in self._tasks) < MOST_LOOKED_UP

    def _known(self, login: str) -> str | None:
        return self.remembered(login.casefold())

    async def _once(self, kind: str, name: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer to one question, however many sources need it. Whoever waits too long leaves it to the others."""
        task: asyncio.Task[T] | None = self._tasks.get((kind, name))
        if task is None:
            task = self._tasks[kind, name] = asyncio.ensure_future(ask())
        async with asyncio.timeout_at(self.deadline):
            return await asyncio.shield(task)

    async def _guarded(self, source: str, asking: Awaitable[Membership]) -> Membership:
        try:
            return await asking
        except (RepositoryError, GroupError, LoginRefused) as refused:
            facts = {} if isinstance(refused, GroupError) else refused.facts
            return self._silent(source, refused.code, {**facts})
        except TimeoutError:
            return self._silent(source, TIMEOUT)
        except Exception:
            log.exception("authority.source-failed", source=source)
            return self._silent(source, "failed")

    def _silent(self, source: str, problem: str, facts: dict[str, JsonValue] | None = None) -> Membership:
        return Membership(source=source, asked_at=self.topic.asked_at, problem=problem, facts=facts or {})

    def _said(
        self, source: str, members: frozenset[str], silent: dict[str, str], facts: dict[str, JsonValue]
    ) -> Membership:
        at = self.topic.asked_at
        return Membership(source=source, asked_at=at, members=members, silent=silent, facts=facts)


async def _coroutine(asking: Awaitable[T]) -> T:
    return await asking


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _code(error: BaseException) -> str:
    if isinstance(error, RepositoryError):
        return error.code
    if isinstance(error, TimeoutError):
        return TIMEOUT
    raise error


def _told(owners: Owners, changes: Changes) -> dict[str, JsonValue]:
    """What people want to know about an answer by CODEOWNERS."""
    named: Iterable[str] = sorted((*owners.logins, *owners.teams, *owners.emails))
    return {
        "path": owners.path,
        "files": len(changes.files),
        "unowned": owners.unowned,
        "owners": [*list(named)[:MOST_NAMED]],
    }


async def _owners(repositories: Repositories, repository: str, changes: Changes) -> Owners:
    """By CODEOWNERS as it stands at the new version (F1); a change that touches that file does not choose its own
    judges: then as it stood before, and only where there was none, as it stands now."""
    if changes.base is not None and not set(CODEOWNERS).isdisjoint(changes.files):
        try:
            return await repositories.owners(repository, at=changes.base, files=changes.files)
        except RepositoryError as error:
            if error.code != "no-codeowners":
                raise
    return await repositories.owners(repository, at=changes.head, files=changes.files)
