"""What a source repository tells of a change: its commits, who wrote them, and the files it touches."""

import re
from dataclasses import dataclass
from typing import Final

CODEOWNERS: Final = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where the file may stand; the first place that has one counts."""
_NO_REPLY: Final = re.compile(r"(?:([1-9][0-9]{0,18})\+)?([^+@\s]+)@users\.noreply\.[a-z0-9.-]+")


def no_reply(address: str) -> tuple[str | None, str] | None:
    """The account's id, where it is there, and its login of that day, in GitHub's address (in lower case) for whoever
    keeps their own to themselves; None for any other address."""
    found = _NO_REPLY.fullmatch(address)
    return None if found is None else (found[1], found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Whoever wrote or co-wrote a commit, by whatever the repository knows: a numeric account id, a login, an
    address. All of them are compared with what is known of people; any one that fits makes somebody an author.

    Logins and addresses are in lower case, because their owners may write them either way. What a commit says of who
    made it is not proved: it keeps people from approving, and never lets anybody approve.
    """

    account: str | None = None  # numeric id
    login: str | None = None
    email: str | None = None
    placed: bool = True
    """False: a commit's author or committer of whom the repository knows no account. Whoever commits can write any
    address there, so it may be anybody's but that of a person whom the directory knows by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What lies between two commits, whole shas both.

    `files`: every path that is not the same in both, both names of a renamed one. `authors`: of the commits that `head`
    has and `base` has not; none for a rollback. `base` is None for a first deployment: then `files` is the whole tree,
    and the authors are those of the commit `head` alone.
    """

    base: str | None
    head: str
    files: tuple[str, ...]
    authors: tuple[Author, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who owns the changed files, by the last rule of CODEOWNERS that fits each: logins, ORG/TEAM, addresses, all in
    lower case."""

    path: str  # of the CODEOWNERS file that was read
    logins: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    unowned: int = 0  # files that no rule gives to anybody
    skipped: int = 0  # lines of CODEOWNERS that are no rule, and count for nothing


class RepositoryError(Exception):
    """The repository did not answer, or not so that it can be believed; `code` says why, `facts` names what.

    Not asked: `no-token`, `insecure-address` (the token would cross a network in the clear).
    Refused: `token-refused`, `forbidden`, `rate-limited` (`until`).
    Not there, or not shown to this token: `team-unknown`, `login-unknown`, `not-a-person`, `repository-unknown`,
    `commit-unknown`, `no-codeowners`. `unrelated-commits`: both are there and have no history in common.
    More than is read: `too-many-members`, `too-many-commits`, `too-many-files`, `too-many-pages`, `too-large`,
    `codeowners-too-large`, `codeowners-too-costly` (its patterns take too long), `codeowners-match-failed`.
    No answer: `timeout`, `refused`, `dns`, `dns-unavailable`, `tls`, `no-route`, `unreachable`, `disconnected`,
    `unavailable` (5xx, `status`), `unexpected-status` (`status`), `malformed-response`, `bad-url`,
    `redirect-refused` (away from the API's own address), `too-many-redirects`.
    """

    def __init__(self, code: str, **facts: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
