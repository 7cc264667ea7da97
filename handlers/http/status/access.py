"""Who may see the status page: by the policy, and, where it says nothing, by whether it is asked for from here."""

import ipaddress
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web

from handlers.http.context import CONTEXT
from handlers.http.doors import bearer

_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


class Sight(Enum):
    """What somebody may see."""

    ALL = "all"
    PUBLIC = "public"  # without names of people, and without what programs and people wrote
    NEEDS_TOKEN = "needs-token"  # noqa: S105 -- a word, no secret
    NOTHING = "nothing"  # there is no such page


def sight(request: web.Request) -> Sight:
    """What the sender of this request may see.

    A token that may read shows everything; one that is wrong shows nothing, or a misspelt one would go unnoticed.
    """
    context = request.app[CONTEXT]
    readers = context.in_force.policy.status_page.readers
    if readers == "off":
        return Sight.NOTHING
    if "Authorization" in request.headers:
        return Sight.ALL if bearer(request) is not None else Sight.NEEDS_TOKEN
    if readers == "public" or (readers is None and _from_here(request)):
        return Sight.PUBLIC
    return Sight.NEEDS_TOKEN


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
