"""The colours of environments, and why a monitor says what it says."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from bot.domain.environment import Colour, EnvironmentStatus, MonitorState
from handlers.wording.facts import Facts, listed, plural

SIGNS: Final[Mapping[Colour, str]] = {
    Colour.GREEN: "🟢",
    Colour.YELLOW: "🟡",
    Colour.UNKNOWN: "⚪",
    Colour.RED: "🔴",
}
_HTTP = re.compile(r"http-(\d{3})")
MOST_CAUSES: Final = 3

_CAUSES: Final[Mapping[str, str]] = {
    "ok": "passes",
    "never-read": "has never been read",
    "stale": "has been silent for too long",
    "timeout": "did not answer in time",
    "refused": "refused the connection",
    "disconnected": "broke the connection off",
    "dns": "has a host name that does not exist",
    "dns-unavailable": "could not be asked: the name server does not answer",
    "no-route": "could not be asked: no route to it from here",
    "tls": "has a TLS certificate or handshake that fails",
    "address-refused": "points at an address that may not be read",
    "bad-url": "has an address that is none",
    "malformed-response": "answered with something that is not HTTP",
    "redirected": "answered with a redirect",
    "too-large": "answered with far too much",
    "slow": "answers, but slower than allowed",
    "check-failed": "reports failing checks",
    "status-error": "reports an error",
    "status-warning": "reports a warning",
    "memory-over-limit": "reports too much memory in use",
    "errors-reported": "reports errors",
    "lies-about-time": "answers with a time that cannot be right",
    "contract-broken": "answers with something that breaks the health contract",
    "stated": "is stated by its status file",
    "missing": "has no status file",
    "unreadable": "has a status file that says no colour",
    "outside-policy-folder": "has a status file outside the policy's folder, which is not read",
}


def cause(code: str, facts: Mapping[str, JsonValue] | None = None) -> str:
    """Why a monitor has its colour, as the end of a sentence that begins with its name."""
    read = Facts(facts or {})
    if match := _HTTP.fullmatch(code):
        return f"answered {match[1]}" + (f", not {read.text('expected')}" if "expected" in read.said else "")
    words = _CAUSES.get(code, f"says {code}")
    failed = read.texts("failed")
    return f"{words} ({listed(failed)})" if failed else words


def causes(monitors: tuple[MonitorState, ...]) -> str:
    """`api answered 503, not 200; worker has been silent for too long`, and how many more."""
    shown = [f"{m.name} {cause(m.code, m.facts)}" for m in monitors[:MOST_CAUSES]]
    rest = len(monitors) - MOST_CAUSES
    return "; ".join(shown) + (f"; and {rest} more" if rest > 0 else "")


def details(status: EnvironmentStatus) -> str:
    """K2's detail line of an environment, without its colour."""
    if not status.monitors:
        return "nobody watches it: the policy names no monitor"
    if status.colour is Colour.GREEN:
        return f"{plural(len(status.monitors), 'monitor passes', 'monitors pass')}"
    return causes(status.causes)
