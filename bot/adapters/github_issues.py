"""Opens issues at GitHub as tickets of incidents; one that was opened before is found again by a mark in its body."""

import hashlib
import hmac
import re
from datetime import datetime
from typing import Final

import aiohttp
from pydantic import BaseModel, Field, SecretStr, TypeAdapter

from bot.adapters.github_calls import Calls, NotThere, translated
from bot.domain.repository import RepositoryError
from bot.ports import Clock, Later, Undeliverable

MOST_TITLE: Final = 250
MOST_BODY: Final = 60_000  # characters; GitHub takes 65,536
LOOKED_AT: Final = 300  # issues: one that we opened and do not know of is among the newest
_PER_PAGE: Final = 100
_TWO_NAMES: Final = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9._-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_PASSING: Final = frozenset({"unavailable", "timeout", "dns", "dns-unavailable", "no-route", "refused", "unreachable",
                             "disconnected", "tls", "malformed-response"})  # fmt: skip


class _Issue(BaseModel):
    number: int = Field(ge=1)
    body: str | None = None


_ISSUES: Final = TypeAdapter(list[_Issue])


class GitHubIssues:
    """Implements ports.Tickets."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        token: SecretStr | None,
        clock: Clock,
        call_s: float = 10,
    ) -> None:
        """`call_s` bounds each call of the API, in seconds."""
        self._session = session
        self._api_url = api_url
        self._token = token
        self._clock = clock
        self._call_s = call_s

    async def open(self, repository: str, *, title: str, body: str, id: str) -> str:  # noqa: A002
        """The ticket's name, like `acme/checkout#7`. An answer that was lost on the way opens no second one: its mark
        is looked for among the newest 300 first. Raises Later or Undeliverable."""
        if self._token is None:
            raise Undeliverable("not-configured")
        if not _TWO_NAMES.fullmatch(repository):
            raise Undeliverable("repository-unknown")
        try:
            number = await self._opened(repository, title, body, _mark(self._token, id))
        except NotThere as absent:
            raise Undeliverable(f"http-{absent.status}") from None
        except RepositoryError as error:
            raise self._verdict(error) from None
        return f"{repository}#{number}"

    async def _opened(self, repository: str, title: str, body: str, mark: str) -> int:
        owner, name = repository.split("/")
        where = {"owner": owner, "name": name}
        calls = self._calls()
        for page in range(1, 1 + LOOKED_AT // _PER_PAGE):
            found = await self._page(calls, where, page)
            number = next((one.number for one in found if mark in (one.body or "")), None)
            if number is not None:
                return number
            if len(found) < _PER_PAGE:
                break
        issue = {
            "title": _cut(" ".join(title.split()), MOST_TITLE),
            "body": f"{_cut(body, MOST_BODY)}\n\n{mark}",
        }
        said = await calls.create("/repos/{owner}/{name}/issues", where, issue)
        async with translated():
            return _Issue.model_validate(said).number

    async def _page(self, calls: Calls, where: dict[str, str], page: int) -> list[_Issue]:
        path = "/repos/{owner}/{name}/issues?state=all&sort=created&direction=desc&per_page={per}&page={page}"
        said = await calls.item(path, where | {"per": str(_PER_PAGE), "page": str(page)})
        async with translated():
            return _ISSUES.validate_python(said)

    def _calls(self) -> Calls:
        assert self._token is not None  # noqa: S101 -- asked before
        return Calls(
            self._session, api_url=self._api_url, token=self._token, clock=self._clock, timeout_s=self._call_s
        )

    def _verdict(self, error: RepositoryError) -> Later | Undeliverable:
        if error.code == "rate-limited":
            until = datetime.fromisoformat(str(error.facts["until"]))
            return Later("rate-limited", max(0.0, (until - self._clock.now()).total_seconds()))
        return Later(error.code) if error.code in _PASSING else Undeliverable(error.code)


def _mark(token: SecretStr, id: str) -> str:  # noqa: A002
    """What an issue of ours carries, unseen. Nobody can write it beforehand who does not know the token, or an issue
    of a stranger could be taken for the ticket."""
    digest = hmac.new(token.get_secret_value().encode(), id.encode("utf-8", "replace"), hashlib.sha256)
    return f"<!-- portcullis: {digest.hexdigest()} -->"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
