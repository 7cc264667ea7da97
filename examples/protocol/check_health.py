"""Asks a service how it is, by the health contract: exit 0 GREEN, 3 YELLOW (it works, with a warning), 1 RED.

check_health.py URL LATE_AFTER_MS [CHECK THAT HAS TO BE TRUE ...]
"""

import json
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

GREEN, RED, YELLOW = 0, 1, 3
LIMIT_S = 5.0
LONGEST = 64 * 1024
OLDEST, NEWEST = timedelta(minutes=5), timedelta(minutes=1)
SERVICES = ("database", "pioneer", "websocket")
CHECKS = (*SERVICES, "memory")


class Broken(Exception):  # noqa: N818
    """It does not answer as the contract says, and how."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A health check that has moved is no health check."""

    def redirect_request(self, *_: Any) -> None:
        return None


def asked(url: str) -> tuple[Any, int]:
    """What it answers, and after how many milliseconds. Raises Broken."""
    began = time.monotonic()
    opener = urllib.request.build_opener(_NoRedirect(), urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=LIMIT_S) as answer:
            body = answer.read(LONGEST + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise Broken(f"it answered {error.code}, not 200") from None
    except (OSError, ValueError) as error:
        raise Broken(f"it does not answer: {getattr(error, 'reason', error)}") from None
    if len(body) > LONGEST:
        raise Broken("its answer has no end")
    try:
        return json.loads(body.decode(), object_pairs_hook=_once), round((time.monotonic() - began) * 1000)
    except (ValueError, RecursionError):
        raise Broken("its answer is no JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values for one key: each reader would believe another one."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def judged(said: Any, now: datetime, requires: tuple[str, ...]) -> tuple[int, list[str]]:
    """The worst of what it says, and all of it in words. Raises Broken."""
    checks = said.get("checks") if isinstance(said, dict) else None
    if not isinstance(checks, dict) or said.get("status") not in {"ok", "warning", "error"}:
        raise Broken("its answer breaks the contract")
    errors = checks.get("errors", [])
    if not isinstance(errors, list) or any(not isinstance(each, str) for each in errors):
        raise Broken("its errors are no list of texts")
    if wrong := [name for name in CHECKS if not isinstance(checks.get(name, True), bool)]:
        raise Broken(f"neither true nor false: {', '.join(wrong)}")
    red = [f"{name} is not reported" for name in requires if checks.get(name) is None]
    must = dict.fromkeys((*SERVICES, *requires))
    red += [f"{name} fails" for name in must if checks.get(name) is not None and checks[name] is not True]
    red += ["its status is error"] if said["status"] == "error" else []
    yellow = (
        ["memory is over its limit"] if checks.get("memory") is False and "memory" not in requires else []
    )
    yellow += ["its status is warning"] if said["status"] == "warning" else []
    yellow += [f"{len(errors)} critical error(s) in its log"] if errors else []
    yellow += [] if -NEWEST <= now - _stated(said) <= OLDEST else ["its timestamp is not of now"]
    return (RED if red else YELLOW if yellow else GREEN), [*red, *yellow]


def _stated(said: dict[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(said["timestamp"])
    except (KeyError, TypeError, ValueError):
        raise Broken("its timestamp is none") from None
    if at.tzinfo is None:
        raise Broken("its timestamp has no zone")
    return at


def main(url: str, late_after_ms: str, *requires: str) -> int:
    """One line that says how it is, and the exit status."""
    try:
        said, took = asked(url)
        colour, why = judged(said, datetime.now(UTC), requires)
    except Broken as error:
        print(error)
        return RED
    if took > int(late_after_ms):
        colour, why = colour or YELLOW, [*why, f"it took {took} ms, and {late_after_ms} ms are the limit"]
    print("; ".join(why) or f"ok after {took} ms")
    return colour


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
