"""A heartbeat: somebody reports that all is well, or that it is not; silence is the alarm."""

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from bot.domain.environment import Colour, Reading
from bot.domain.refusal import Refusal
from bot.flows.observe import settle
from bot.flows.told import one_line, tell
from bot.policy import HeartbeatMonitor, Policy
from bot.ports import Ledger, Transaction

DETAIL_LIMIT: Final = 200
"""Characters of a detail that are kept."""
_MOST_NAMES: Final = 5


class Word(StrEnum):
    """How it is, by the words of the health contract (D3)."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


_SAID: Final = {
    Word.OK: (Colour.GREEN, "ok"),
    Word.WARNING: (Colour.YELLOW, "status-warning"),
    Word.ERROR: (Colour.RED, "status-error"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of a report: the colour that the monitor has now, and when it will be missed."""

    environment: str
    monitor: str
    colour: Colour
    missed_at: datetime


def named(policy: Policy, name: str, environment: str | None = None) -> tuple[str, HeartbeatMonitor]:
    """The heartbeat of this name, in this environment where several have one.

    Raises Refusal `unknown-monitor` (with `meant`, the nearest), `not-a-heartbeat` (with its kind) or
    `ambiguous-monitor` (with `known`, the full names).
    """
    alike = [
        (place, monitor)
        for place, section in policy.environments.items()
        for monitor in section.monitors
        if monitor.name == name and environment in (None, place)
    ]
    found = [(place, each) for place, each in alike if isinstance(each, HeartbeatMonitor)]
    if len(found) == 1:
        return found[0]
    if found:
        full: list[JsonValue] = [f"{place}/{name}" for place, _ in found[:_MOST_NAMES]]
        raise Refusal("ambiguous-monitor", {"name": name, "known": full})
    if alike:
        place, other = alike[0]
        raise Refusal("not-a-heartbeat", {"name": f"{place}/{name}", "kind": other.kind})
    raise _unknown(policy, name if environment is None else f"{environment}/{name}")


def _unknown(policy: Policy, asked: str) -> Refusal:
    full = [
        f"{place}/{monitor.name}"
        for place, section in policy.environments.items()
        for monitor in section.monitors
        if isinstance(monitor, HeartbeatMonitor)
    ]
    spelt = {one.casefold(): one for each in full for one in (each, each.partition("/")[2])}
    near = get_close_matches(asked.casefold()[:200], spelt, n=1)
    return Refusal("unknown-monitor", {"name": asked[:80], "meant": spelt[near[0]] if near else None})


async def heartbeat(
    ledger: Ledger,
    policy: Policy,
    environment: str,
    monitor: HeartbeatMonitor,
    *,
    word: Word = Word.OK,
    detail: str | None = None,
    source: str,
) -> Heard:
    """Count one report in. `source` is the name of the token it came with; `detail` is for people, cut to 200
    characters on one line."""
    colour, code = _SAID[word]
    facts: dict[str, JsonValue] = {"source": source}
    if said := one_line(detail or "", DETAIL_LIMIT):
        facts["detail"] = said

    def step(tx: Transaction) -> Heard:
        reading = Reading(colour=colour, code=code, at=tx.now, facts=facts)
        state, turned = tell(tx, environment, monitor, reading)
        if turned:
            settle(tx, policy, environment)
        return Heard(
            environment=environment,
            monitor=monitor.name,
            colour=state.colour,
            missed_at=tx.now + monitor.heartbeat.every,
        )

    return await ledger.write(step)
