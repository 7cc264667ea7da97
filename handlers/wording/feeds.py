"""What is said of calendars that are fetched: what went wrong with one, that it is stale, and that it is well again."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import Facts

PROBLEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "timeout": "the address did not answer in time",
        "refused": "the address refuses connections",
        "dns": "there is no host of that name",
        "dns-unavailable": "our name server does not answer",
        "tls": "its certificate could not be verified",
        "address-refused": "the address lies where feeds may not be read (allow_private permits a private network)",
        "no-route": "our network is down",
        "unreachable": "the host cannot be reached",
        "disconnected": "the connection broke",
        "malformed-response": "it answers with something that is not HTTP",
        "bad-url": "the address cannot be read",
        "redirected": "it leads to other addresses too often, or from https to http",
        "compressed": "it answers compressed, which was not asked for",
        "too-large": "it is larger than 1 MiB",
        "empty": "it answers with nothing",
        "html": "it answers with a web page and not with a calendar; it may want a login",
        "not-a-calendar": "what it answers is no calendar that can be used",
        "not-modified": "it says that a copy has not changed which we do not have",
        "too-slow": "its calendar takes too long to read",
        "trial-failed": "its calendar could not be tried in a process of its own",
        "no-copy": "the copy at hand can no longer be read",
    }
)
_HTTP: Final = re.compile(r"http-(\d{3})")


def problem(code: str) -> str:
    """What went wrong at the last attempt, as the end of a sentence."""
    status = _HTTP.fullmatch(code)
    return f"it answers with HTTP {status[1]}" if status else PROBLEMS.get(code, f"code: {code}")


def stale(facts: Facts) -> str:
    """That a feed turned stale."""
    age = (
        "has never been fetched"
        if facts.number("age") is None
        else f"was last good {facts.seconds('age')} ago"
    )
    code = facts.text("problem", "")
    why = f": {problem(code)}" if code else ""
    return (
        f"The calendar of the freeze {facts.text('name')} {age}{why}. "
        "Nobody knows what stands in it now, so nothing passes the calendar gate where it applies, until it answers again."
    )


def well(facts: Facts) -> str:
    """That a feed is well again."""
    return f"The calendar of the freeze {facts.text('name')} is up to date again; what waited for it is being judged anew."
