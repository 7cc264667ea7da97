"""The read side of GitHub: who is in a team, what a change touches, who wrote it and who owns it (P7, P8)."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import aiohttp
from pydantic import SecretStr

from bot.adapters.codeowners import LARGEST, rules_in
from bot.adapters.codeowners_match import OwnerMatch
from bot.adapters.github_authors import authors_of
from bot.adapters.github_calls import NOT_FOUND, PER_PAGE, Calls, NotThere, translated
from bot.adapters.github_shapes import ACCOUNTS, Account, Commit, Comparison, Tree
from bot.adapters.github_trees import contents, touched
from bot.domain.repository import CODEOWNERS, Changes, Owners, RepositoryError
from bot.ports import Clock

MOST_MEMBERS: Final = 5_000
MOST_COMMITS: Final = 2_000
_FILES_OF_A_COMPARISON: Final = 300  # GitHub tells no more, and not that there are more
_NAME: Final = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]{1,100}"
_TWO_NAMES: Final = re.compile(rf"{_NAME}/{_NAME}")
_LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")
_WHOLE: Final = frozenset({40, 64})


class GitHub:
    """Implements ports.Repositories. Asks anew each time: nothing that it says is older than the question.

    The one thing it remembers is until when GitHub wants to be left alone. Whoever goes on asking while a limit holds
    gets a longer one.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        token: SecretStr | None,
        clock: Clock,
        call_s: float = 5,
        answer_s: float = 15,
    ) -> None:
        """`call_s` bounds each call of the API, `answer_s` each question, however many calls it takes."""
        self._session = session
        self._api_url = api_url
        self._token = token
        self._clock = clock
        self._call_s = call_s
        self._answer_s = answer_s
        self._match = OwnerMatch()
        self._quiet_until: datetime | None = None

    async def team(self, team: str) -> frozenset[str]:
        """The numeric ids of the active members of ORG/TEAM, those of its child teams included. Whoever was invited
        and has not accepted is none."""
        if not _TWO_NAMES.fullmatch(team):
            raise RepositoryError("team-unknown", team=team)
        org, slug = team.split("/")
        async with self._asking() as calls:
            try:
                found = await calls.items(
                    "/orgs/{org}/teams/{slug}/members?per_page={per_page}",
                    {"org": org, "slug": slug, "per_page": str(PER_PAGE)},
                    most=MOST_MEMBERS,
                )
            except NotThere:
                raise RepositoryError("team-unknown", team=team) from None
            if found is None:
                raise RepositoryError("too-many-members", team=team, most=MOST_MEMBERS)
            async with translated():
                return frozenset(str(one.id) for one in ACCOUNTS.validate_python(found))

    async def account(self, login: str) -> str:
        """The numeric id of the person who has this login now. Organizations and bots are no people."""
        if not _LOGIN.fullmatch(login):
            raise RepositoryError("login-unknown", login=login)
        async with self._asking() as calls:
            try:
                said = await calls.item("/users/{login}", {"login": login})
            except NotThere:
                raise RepositoryError("login-unknown", login=login) from None
            async with translated():
                found = Account.model_validate(said)
        if found.login.lower() != login.lower():
            raise RepositoryError("login-unknown", login=login)
        if found.type != "User":
            raise RepositoryError("not-a-person", login=login)
        return str(found.id)

    async def changes(self, repository: str, *, base: str | None, head: str) -> Changes:
        """What is different at `head`, and who wrote it. Both are commits by their sha, whole or the beginning of it.

        `files`: every path that is not the same at `head` as at `base`, also where `base` is newer (a rollback) or
        where the two stand on different branches; both names of a renamed file. `authors`: whoever wrote a commit that
        `head` has and `base` has not; a rollback brings nothing new, so it has none. Without `base`: the whole tree,
        and the authors of the commit `head` alone, because whoever ever wrote anything would leave nobody to approve.
        """
        async with self._asking() as calls:
            of = _Repository(calls, repository)
            head = await of.whole(head)
            if base is None:
                files = tuple(sorted(contents(await of.tree(head))))
                return Changes(base=None, head=head, files=files, authors=authors_of([await of.commit(head)]))
            base = await of.whole(base)
            first, commits = await of.compared(base, head)
            told = _files(first)
            if told is not None:
                files = told
            else:
                files = touched(contents(await of.tree(base)), contents(await of.tree(head)))
            return Changes(base=base, head=head, files=files, authors=authors_of(commits))

    async def owners(self, repository: str, *, at: str, files: Sequence[str]) -> Owners:
        """Who owns these files by CODEOWNERS as it stands at the commit `at`, by GitHub's rules (P8). Logins, teams
        and addresses are in lower case."""
        async with self._asking() as calls:
            of = _Repository(calls, repository)
            path, text = await of.code_owners(await of.whole(at))
            rules = rules_in(text)
            return rules.owners(await self._match.deciding(rules.patterns, files), path)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Calls]:
        now = self._clock.now()
        if self._token is None:
            raise RepositoryError("no-token")
        if self._quiet_until is not None and now < self._quiet_until:
            raise RepositoryError("rate-limited", until=self._quiet_until.isoformat())
        calls = Calls(
            self._session,
            api_url=self._api_url,
            token=self._token,
            clock=self._clock,
            timeout_s=self._call_s,
        )
        try:
            async with asyncio.timeout(self._answer_s):
                yield calls
        except TimeoutError:
            raise RepositoryError("timeout") from None
        except RepositoryError as error:
            if error.code == "rate-limited":
                self._quiet_until = datetime.fromisoformat(str(error.facts["until"]))
            raise


class _Repository:
    """One repository, for the time of one question."""

    def __init__(self, calls: Calls, name: str) -> None:
        if not _TWO_NAMES.fullmatch(name):
            raise RepositoryError("repository-unknown", repository=name)
        self._calls = calls
        self._name = name
        self._variables = dict(zip(("owner", "name"), name.split("/"), strict=True))

    async def whole(self, commit: str) -> str:
        """The whole sha of a commit. A branch may be called like the beginning of one: what GitHub finds by that name
        has to begin so."""
        if not _COMMIT.fullmatch(commit):
            raise RepositoryError("commit-unknown", repository=self._name, commit=commit)
        if len(commit) in _WHOLE:
            return commit
        sha = (await self.commit(commit)).sha
        if not sha.startswith(commit):
            raise RepositoryError("commit-unknown", repository=self._name, commit=commit)
        return sha

    async def commit(self, sha: str) -> Commit:
        """One commit; the list of its files is as short as GitHub makes it."""
        try:
            said = await self._item("/commits/{sha}?per_page=1", sha=sha)
        except NotThere:
            await self._is_there()
            raise RepositoryError("commit-unknown", repository=self._name, commit=sha) from None
        async with translated():
            return Commit.model_validate(said)

    async def tree(self, sha: str) -> Tree:
        """Everything that the commit holds."""
        try:
            said = await self._item("/git/trees/{sha}?recursive=1", sha=sha)
        except NotThere:
            await self._is_there()
            raise RepositoryError("commit-unknown", repository=self._name, commit=sha) from None
        async with translated():
            tree = Tree.model_validate(said)
        if tree.truncated:
            raise RepositoryError("too-many-files", repository=self._name, commit=sha)
        return tree

    async def compared(self, base: str, head: str) -> tuple[Comparison, list[Commit]]:
        """The first page of the comparison, which holds the files, and the commits of all pages."""
        first = await self._page(base, head, 1)
        if first.total_commits > MOST_COMMITS:
            raise RepositoryError(
                "too-many-commits", repository=self._name, commits=first.total_commits, most=MOST_COMMITS
            )
        commits = {one.sha: one for one in first.commits}
        for page in range(2, 2 + first.total_commits // PER_PAGE):
            if len(commits) < first.total_commits:
                commits |= {one.sha: one for one in (await self._page(base, head, page)).commits}
        cut = len(commits) != first.total_commits or (commits and head not in commits)
        if cut or first.base_commit.sha != base:
            raise RepositoryError("malformed-response")
        return first, list(commits.values())

    async def _page(self, base: str, head: str, page: int) -> Comparison:
        try:
            said = await self._item(
                "/compare/{base}...{head}?per_page={per_page}&page={page}",
                base=base,
                head=head,
                per_page=str(PER_PAGE),
                page=str(page),
            )
        except NotThere as absent:
            await self.commit(base)
            await self.commit(head)
            if absent.status != NOT_FOUND:  # both are there, so it is no answer to what was asked
                raise RepositoryError("unexpected-status", status=absent.status) from None
            raise RepositoryError("unrelated-commits", repository=self._name, base=base, head=head) from None
        async with translated():
            return Comparison.model_validate(said)

    async def code_owners(self, at: str) -> tuple[str, str]:
        """The path and the text of the CODEOWNERS that is in force at this commit."""
        for path in CODEOWNERS:
            try:
                found = await self._calls.raw(
                    f"/repos/{{owner}}/{{name}}/contents/{path}?ref={{ref}}",
                    self._variables | {"ref": at},
                    most_bytes=LARGEST,
                )
            except NotThere:
                continue
            except RepositoryError as error:
                if error.code == "too-large":
                    raise RepositoryError("codeowners-too-large", path=path, most=LARGEST) from None
                raise
            if found is not None:
                return path, found.decode("utf-8", errors="replace")
        await self.commit(at)
        raise RepositoryError("no-codeowners", repository=self._name, commit=at)

    async def _is_there(self) -> None:
        """Tells a commit that is missing from a repository that is."""
        try:
            await self._item("")
        except NotThere:
            raise RepositoryError("repository-unknown", repository=self._name) from None

    async def _item(self, path: str, **variables: str) -> object:
        return await self._calls.item("/repos/{owner}/{name}" + path, self._variables | variables)


def _files(first: Comparison) -> tuple[str, ...] | None:
    """What differs, where the comparison tells all of it: it shows what head did since the last common commit, which
    is all the difference only where that commit is base itself; and of long lists it silently keeps the beginning."""
    if first.status not in ("ahead", "identical") or first.files is None:
        return None
    if len(first.files) >= _FILES_OF_A_COMPARISON:
        return None
    old_names = {one.previous_filename for one in first.files if one.status == "renamed"} - {None}
    return tuple(sorted({one.filename for one in first.files} | {name for name in old_names if name}))
