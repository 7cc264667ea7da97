"""The colours of environments, and why a monitor says what it says."""

import re
from collections.abc import Mapping
from datetime import UTC
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
_ENDED = re.compile(r"(exit|signal)-(\d{1,3})")
MOST_CAUSES: Final = 3

_CAUSES: Final[Mapping[str, str]] = {
    "ok": "passes",
    "never-read": "has never been read",
    "stale": "has been silent for too long",
    "silent": "has not reported in time",
    "alerts": "has alerts that fire",
    "never-ended": "has alerts that ceased to be repeated, and was never told that they ended",
    "no-alerts": "has no alert that fires",
    "timeout": "did not answer in time",
    "refused": "refused the connection",
    "disconnected": "broke the connection off",
    "dns": "has a host name that does not exist",
    "dns-unavailable": "could not be asked: the name server does not answer",
    "no-route": "could not be asked: no route to it from here",
    "unreachable": "cannot be reached",
    "we-are-blind": "could not be asked: our own network is down",
    "kind-not-supported": "is of a kind that is not read here",
    "tls": "has a TLS certificate or handshake that fails",
    "tls-expired": "has a TLS certificate that is over",
    "tls-expires": "has a TLS certificate that is over soon",
    "address-refused": "points at an address that may not be read",
    "bad-url": "has an address that is none",
    "malformed-response": "answered with something that is not HTTP",
    "redirected": "answered with a redirect",
    "too-large": "answered with far too much",
    "slow": "answers, but slower than allowed",
    "check-failed": "reports failing checks",
    "check-missing": "leaves out a check that it has to report",
    "status-error": "reports an error",
    "status-warning": "reports a warning",
    "memory-over-limit": "reports too much memory in use",
    "errors-reported": "reports errors",
    "lies-about-time": "answers with a time that cannot be right",
    "contract-broken": "answers with something that breaks the health contract",
    "stated": "is stated by its status file",
    "missing": "has no status file",
    "unreadable": "has a status file that says no colour",
    "own-file": "has a status file that the bot writes itself, which proves nothing",
    "outside-policy-folder": "has a status file outside the policy's folder, which is not read",
    "not-found": "has a command that is not there",
    "not-executable": "has a command that may not be run",
    "cannot-start": "has a command that does not start",
    "no-working-folder": "has a command whose folder is not there",
    "no-prometheus": "could not be asked: no Prometheus is configured",
    "prometheus-unreachable": "could not be asked: Prometheus does not answer",
    "bad-query": "has a query that Prometheus refuses",
    "no-data": "has a query without any data",
    "not-a-number": "has a query whose answer is no number",
    "out-of-bounds": "is out of its bounds",
}


def cause(code: str, facts: Mapping[str, JsonValue] | None = None) -> str:
    """Why a monitor has its colour, as the end of a sentence that begins with its name."""
    read = Facts(facts or {})
    if match := _HTTP.fullmatch(code):
        return f"answered {match[1]}" + (f", not {read.text('expected')}" if "expected" in read.said else "")
    words = _CAUSES.get(code) or _ended(code) or f"says {code}"
    told = read.texts("failed") or _told(code, read)
    if code == "alerts" and told:
        return f"reports {listed(told)}"
    if code == "never-ended" and told and (at := read.instant("told_at")) is not None:
        return (
            f"heard last of {listed(told)} at {at.astimezone(UTC):%-d %b, %H:%M} UTC, and never that it ended; if it "
            "did, resolve an incident here"
        )
    return f"{words} ({listed(told)})" if told else words


def _ended(code: str) -> str | None:
    """How a command ended that did not pass."""
    match = _ENDED.fullmatch(code)
    if match is None:
        return None
    return f"ended with exit status {match[2]}" if match[1] == "exit" else f"was ended by signal {match[2]}"


def _told(code: str, read: Facts) -> list[str]:
    """What there is to say besides, in brackets."""
    if code == "out-of-bounds":
        bounds = [f"{side} {read.text(side)}" for side in ("above", "below") if side in read.said]
        return [f"{read.text('value')}, {' and '.join(bounds)}"] if bounds and "value" in read.said else []
    if code in ("tls-expires", "tls-expired"):
        until = read.instant("certificate_until")
        return [f"on {until:%-d %b %Y}"] if until is not None else []
    if code == "check-missing":
        return read.texts("missing")
    if _ENDED.fullmatch(code) and "last_line" in read.said:
        return [f"“{read.text('last_line')}”"]
    return [read.text("detail")] if "detail" in read.said else []


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
