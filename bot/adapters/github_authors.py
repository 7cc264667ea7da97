"""Who wrote a commit: its author, its co-authors by trailer, and its committer where that is a person."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bot.adapters.github_shapes import Account, Commit
from bot.domain.repository import Author, no_reply

_LINES: Final = re.compile(r"\r\n|\r|\n")
_TRAILER: Final = re.compile(r"[A-Za-z0-9-]+[ \t]*:.*|[ \t]+\S.*")  # or what continues the line before
_CO_AUTHOR: Final = re.compile(r"co-authored-by[ \t]*:(.*)", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"<[ \t]*([^<>\s@]+@[^<>\s@]+)[ \t]*>|^[ \t]*([^<>\s@]+@[^<>\s@]+)[ \t]*$")
_WEB_FLOW: Final = "web-flow"
_WEB_FLOW_ADDRESS: Final = "noreply@github.com"


def authors_of(commits: Iterable[Commit]) -> tuple[Author, ...]:
    """Everybody who wrote any of these commits, each once (P7: nobody approves what they wrote).

    Author and co-authors always; the committer too, who may have changed what was written, unless it is GitHub's own
    account, which commits whatever is merged in the browser. Logins and addresses are in lower case.
    """
    found: dict[Author, None] = {}
    for one in commits:
        git = one.commit
        found |= dict.fromkeys(_by(one.author, git.author.email if git.author else None))
        for address in co_authors(git.message):  # whoever adds one keeps one more person from approving
            found |= dict.fromkeys(replace(author, placed=True) for author in _by(None, address))
        committed_by = git.committer.email if git.committer else None
        if not _is_web_flow(one.committer, committed_by):
            found |= dict.fromkeys(_by(one.committer, committed_by))
    return tuple(found)


def co_authors(message: str) -> list[str]:
    """The addresses of `Co-authored-by:` trailers at the end of a commit message.

    The last paragraph, and those before it that consist of trailers alone; never the subject, nor what is quoted in
    the text.
    """
    _, *lines = _LINES.split(message.strip())
    found: list[str] = []
    for number, paragraph in enumerate(_paragraphs_from_the_end(lines)):
        trailers_alone = all(_TRAILER.fullmatch(line) for line in paragraph)
        if number == 0 or trailers_alone:
            found += filter(None, map(_co_author, paragraph))
        if not trailers_alone:
            break
    return found


def _co_author(line: str) -> str | None:
    trailer = _CO_AUTHOR.fullmatch(line.strip())
    address = _ADDRESS.search(trailer[1]) if trailer else None
    return (address[1] or address[2]) if address else None


def _paragraphs_from_the_end(lines: list[str]) -> list[list[str]]:
    paragraphs: list[list[str]] = [[]]
    for line in reversed(lines):
        if line.strip():
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [paragraph for paragraph in paragraphs if paragraph]


def _by(account: Account | None, address: str | None) -> list[Author]:
    """The author behind an account and an address.

    A no-reply address holds the id of the account and the login of that day; the login is left out where the id is
    known, because somebody else may have it by now. That such an address names a host of GitHub's is not asked: whoever
    writes it into a commit can only keep one more person from approving that commit.
    """
    email = address.strip().lower() or None if address else None
    private = no_reply(email) if email else None
    if account is not None:
        return [Author(account=str(account.id), login=account.login.lower(), email=email)]
    if private is not None:
        account_id, login = private
        return [Author(account=account_id, login=None if account_id else login, email=email, placed=False)]
    return [Author(email=email, placed=False)] if email else []


def _is_web_flow(account: Account | None, address: str | None) -> bool:
    if account is not None:
        return account.login.lower() == _WEB_FLOW
    return (address or "").strip().lower() == _WEB_FLOW_ADDRESS
