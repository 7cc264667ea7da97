"""What each route takes of whoever asks: every one declares it, and tokens are looked at here and nowhere else.

A route without a door keeps the application from starting, so none is open because somebody forgot.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import BasicAuth, hdrs, web

from bot.domain.api_token import ApiToken, Scope
from handlers.http.answers import problem
from handlers.http.context import CONTEXT
from handlers.wording.tokens import not_for_this

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Door:
    """What is taken at a route."""

    scope: Scope | None
    """What a token has to be for. None: no token is looked at; whoever asks is known otherwise, or need not be."""
    strangers: bool = False
    """Whoever sends no known token comes in as well, and is shown what anybody may see. The token may then also be sent
    as the password of Basic credentials, as browsers and calendar clients do."""
    heartbeat: Callable[[web.Request], str] | None = None
    """Which heartbeat is asked for: the scope of that one is enough."""

    def allows(self, token: ApiToken, request: web.Request) -> bool:
        """Whether the token is for this."""
        return self.scope is not None and token.grant.allows(self.scope, self.asked(request))

    def asked(self, request: web.Request) -> str | None:
        """The one heartbeat that is asked for, where it is one."""
        return None if self.heartbeat is None else self.heartbeat(request)


NO_TOKEN: Final = Door(None, strangers=True)
"""Signed by who sends it, opened by a link and a second factor, or the same for everybody."""

DOORS: web.AppKey[dict[web.AbstractRoute, Door]] = web.AppKey("doors", dict)
BEARER: web.RequestKey[ApiToken] = web.RequestKey("bearer", ApiToken)
NOT_FOR_THIS: web.ResponseKey[str] = web.ResponseKey("not-for-this", str)
"""The name of the token that was refused, for the log."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Adds routes behind one door."""

    app: web.Application
    door: Door

    def get(self, path: str, handler: Handler) -> None:
        """GET, and HEAD with it."""
        self._add(hdrs.METH_HEAD, path, handler)
        self._add(hdrs.METH_GET, path, handler)

    def post(self, path: str, handler: Handler) -> None:
        """POST."""
        self._add(hdrs.METH_POST, path, handler)

    def _add(self, method: str, path: str, handler: Handler) -> None:
        doors: dict[web.AbstractRoute, Door] = self.app.setdefault(DOORS, {})
        doors[self.app.router.add_route(method, path, handler)] = self.door


def behind(app: web.Application, door: Door) -> Entrance:
    """Where routes that take this are added."""
    return Entrance(app, door)


async def every_route_has_a_door(app: web.Application) -> None:
    """Raises LookupError at the start for a route that was added past `behind`."""
    for route in app.router.routes():
        if route not in app[DOORS]:
            raise LookupError(f"{route.method} {route.resource} does not declare what it takes")


@web.middleware
async def at_the_door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """401 for no known token, 403 for one that is for something else; then the handler, which knows whose it is."""
    if request.match_info.http_exception is not None:
        return await handler(request)
    door = _door(request)
    if door.scope is not None:
        token = _sent(request, door)
        if token is not None and not door.allows(token, request):
            return _forbidden(token, door.scope, door.asked(request))
        if token is not None:
            request[BEARER] = token
        elif not door.strangers:
            return _unauthorized()
    return await handler(request)


def admitted(request: web.Request) -> bool:
    """Whether a token lets it in, before the body is read: strangers may send less."""
    if request.match_info.http_exception is not None:
        return False
    door = _door(request)
    token = _sent(request, door)
    return token is not None and door.allows(token, request)


def bearer(request: web.Request) -> ApiToken | None:
    """The token that was let in: None where the door lets strangers in, and this is one."""
    return request.get(BEARER)


def sender(request: web.Request) -> str:
    """The name of the token that was let in. Raises KeyError behind a door that takes none."""
    return request[BEARER].name


def _door(request: web.Request) -> Door:
    return request.app[DOORS][request.match_info.route]


def _sent(request: web.Request, door: Door) -> ApiToken | None:
    """The known token that the request carries in a way that this door takes, or None."""
    said = request.headers.get(hdrs.AUTHORIZATION, "")
    scheme, _, given = said.partition(" ")
    if scheme.lower() == "bearer":
        return _known(request, given.strip())
    if not door.strangers:
        return None
    try:
        return _known(request, BasicAuth.decode(said, encoding="utf-8").password)
    except ValueError:
        return None


def _known(request: web.Request, given: str) -> ApiToken | None:
    """The token with this secret. Every one is compared, each in constant time."""
    sent = given.encode("utf-8", "surrogateescape")  # so are bytes that are no text decoded by aiohttp
    found = None
    for token in request.app[CONTEXT].tokens:
        if hmac.compare_digest(sent, token.secret.get_secret_value().encode()):
            found = token
    return found


def _unauthorized() -> web.Response:
    """401, without saying what was wrong with the token."""
    answer = problem(
        401,
        "unauthorized",
        "This takes a known token: send “Authorization: Bearer …” with one of PORTCULLIS_API_TOKENS.",
    )
    answer.headers["WWW-Authenticate"] = 'Bearer realm="portcullis"'
    return answer


def _forbidden(token: ApiToken, scope: Scope, heartbeat: str | None) -> web.Response:
    """403: the token is known, and for something else. Its holder may know so; what there is here stays untold."""
    words = not_for_this(token.name, token.grant, scope, heartbeat)
    answer = problem(403, "not-for-this-token", words, takes=scope.value)
    answer.headers["Cache-Control"] = "no-store"
    answer[NOT_FOR_THIS] = token.name
    return answer
