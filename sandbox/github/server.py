"""The pretend GitHub itself: one server on a loopback port, and the hands that set its scene."""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import count

from aiohttp import web

from sandbox.github.faults import Faults, happen
from sandbox.github.history import Repository, Signature, Signer
from sandbox.github.people import Account, People, Team
from sandbox.github.routes import Routes
from sandbox.github.shapes import Problem

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in, and the status of the answer; None where a fault gave it, or none was given."""

    path: str
    query: dict[str, str]
    token: str | None
    status: int | None


class _AccountSigner(Signer):
    """Signs with the first address of an account."""

    def __init__(self, people: People) -> None:
        self._people = people

    def __call__(self, who: str | Signature) -> Signature:
        if isinstance(who, Signature):
            return who
        account = self._people.by_login(who)
        return Signature(name=account.login, email=account.emails[0])


class PretendGitHub:
    """A GitHub with the accounts, teams and repositories that it is told of, which answers to `token` alone.

    `asked` is every request so far; `faults` is what shall go wrong; `remaining` is how many requests its rate limit
    still allows, until the instant `reset` (seconds since 1970).
    """

    def __init__(self, *, token: str = "pretend-token", tree_limit: int = 100_000) -> None:  # noqa: S107
        self.token = token
        self.people = People()
        self.faults = Faults()
        self.asked: list[Asked] = []
        self.remaining = 5000
        self.reset = int(time.time()) + _HOUR_S
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, int] = {}
        self._ids = count(50_001)
        self._routes = Routes(self.people, self.repositories, self.moved, tree_limit=tree_limit)
        self._runner: web.AppRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """The address of its API, such as http://127.0.0.1:8071/; empty before the start."""
        return self._url

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serve, on a free port unless told. Raises OSError where that is taken."""
        app = web.Application(middlewares=[self._at_the_door])
        self._routes.add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._url = f"http://{host}:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Serve no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def add_user(self, login: str, *, emails: list[str] | None = None, kind: str = "User") -> int:
        """A new account; gives its id, which nobody else ever gets."""
        return self.people.add(login, kind=kind, emails=emails).id

    def user(self, login: str) -> Account:
        """Who has this login now."""
        return self.people.by_login(login)

    def rename(self, login: str, to: str) -> None:
        """Give an account another login; anybody may take the old one from now on."""
        self.people.rename(login, to)

    def remove_user(self, login: str) -> None:
        """Delete an account."""
        self.people.remove(login)

    def team(
        self,
        org: str,
        slug: str,
        members: Iterable[str] = (),
        *,
        pending: Iterable[str] = (),
        parent: str | None = None,
        secret: bool = False,
    ) -> None:
        """Make a team of these logins, or make it anew. `pending` were invited and have not accepted; the members of a
        team are its `parent`'s too; a `secret` one is shown to nobody."""
        self.people.set_team(
            Team(
                org=org,
                slug=slug,
                members={self.user(login).id for login in members},
                pending={self.user(login).id for login in pending},
                parent=parent,
                secret=secret,
            )
        )

    def join(self, org: str, slug: str, login: str) -> None:
        """Take somebody into a team."""
        self.people.team(org, slug).members.add(self.user(login).id)

    def leave(self, org: str, slug: str, login: str) -> None:
        """Put somebody out of a team."""
        self.people.team(org, slug).members.discard(self.user(login).id)

    def repository(self, name: str) -> Repository:
        """The repository OWNER/NAME, made where there is none."""
        key = name.lower()
        if key not in self.repositories:
            self.repositories[key] = Repository(next(self._ids), name, _AccountSigner(self.people))
        return self.repositories[key]

    def rename_repository(self, name: str, to: str) -> None:
        """Move a repository; its old name leads to it until somebody else takes that."""
        moved = self.repositories.pop(name.lower())
        moved.name = to
        self.repositories[to.lower()] = moved
        self.moved[name.lower()] = moved.id

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Faults first, then the token, then the rate limit; whatever comes of it is on record."""
        fault = self.faults.take(request.path)
        if fault is not None:
            self._note(request, None)
            return await happen(fault, request)
        try:
            self._let_in(request)
            answer = await handler(request)
        except Problem as problem:
            answer = problem.answer()
        except web.HTTPNotFound:
            answer = Problem(404, "Not Found").answer()
        answer.headers.update(self._limits())
        self._note(request, answer.status)
        return answer

    def _let_in(self, request: web.Request) -> None:
        token = _token(request)
        if token is None:
            raise Problem(401, "Requires authentication")
        if token != self.token:
            raise Problem(401, "Bad credentials")
        if self.remaining <= 0:
            raise Problem(403, "API rate limit exceeded for user ID 1.")
        self.remaining -= 1

    def _limits(self) -> dict[str, str]:
        return {
            "x-ratelimit-limit": "5000",
            "x-ratelimit-remaining": str(max(self.remaining, 0)),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-resource": "core",
        }

    def _note(self, request: web.Request, status: int | None) -> None:
        query = dict(request.query)
        self.asked.append(Asked(path=request.path, query=query, token=_token(request), status=status))


def _token(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() in ("token", "bearer") and token else None
