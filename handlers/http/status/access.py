"""Who may see the status page: by the policy, and, where it says nothing, by whether it is asked for from here."""

import ipaddress
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from aiohttp import BasicAuth, HttpVersion11, web

from handlers.http.answers import caller, holder
from handlers.http.context import CONTEXT

_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


class Sight(Enum):
    """What somebody may see."""

    ALL = "all"
    PUBLIC = "public"  # without names of people, and without what programs and people wrote
    NEEDS_TOKEN = "needs-token"  # noqa: S105 -- a word, no secret
    NOTHING = "nothing"  # there is no such page


def sight(request: web.Request) -> Sight:
    """What the sender of this request may see.

    A token of CI shows everything; one that is wrong shows nothing, or a misspelt one would go unnoticed.
    """
    context = request.app[CONTEXT]
    readers = context.in_force.policy.status_page.readers
    if readers == "off":
        return Sight.NOTHING
    if "Authorization" in request.headers:
        return Sight.ALL if _known(request) else Sight.NEEDS_TOKEN
    if readers == "public" or (readers is None and _from_here(request)):
        return Sight.PUBLIC
    return Sight.NEEDS_TOKEN


def _known(request: web.Request) -> bool:
    """Whether it carries a token: as a bearer, or as the password that a browser asks for."""
    if caller(request) is not None:
        return True
    try:
        credentials = BasicAuth.decode(request.headers.get("Authorization", ""), encoding="utf-8")
    except ValueError:
        return False
    return holder(request, credentials.password.encode("utf-8", "surrogateescape")) is not None


def _from_here(request: web.Request) -> bool:
    """Whether somebody on this machine asks for a page of this machine, of a bot that nobody else has business with.

    Through a proxy everybody seems to ask from here, and one without any setting (nginx) neither says that it is one nor
    what name it was asked for. So what decides is whether there is a reason to have one (`HttpContext.private`); whatever
    else speaks of one is looked at besides. A name that is not ours may be one that another site let point at us.
    """
    context = request.app[CONTEXT]
    if not context.private or context.trusted_proxies or context.tokens:
        return False
    if context.factors is not None and context.factors.pages is not None:
        return False
    if request.version < HttpVersion11 or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return False
    return _is_here(request.remote) and _is_here(host)


def _is_here(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
