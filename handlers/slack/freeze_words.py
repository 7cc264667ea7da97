"""`/deploy freeze …` taken apart: where, the keys, the times, the reason. Nothing here is believed yet."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.durations import parse as parse_duration
from bot.domain.freeze import FreezeClass
from bot.domain.refusal import Refusal
from bot.domain.wall_clock import end_instant, local, start_instant
from bot.flows.freeze import Declaration
from bot.policy import Policy

USAGE: Final = "/deploy freeze ENVIRONMENT|all [services=A,B] [from=14:30] [to=4h] [class=hard|soft] [break-glass=yes] reason…"
KEYS: Final = ("environments", "services", "from", "to", "class", "break-glass", "reason")
EVERYWHERE: Final = frozenset({"all", "everything", "*"})
_YES: Final = {"yes": True, "true": True, "no": False, "false": False}
_QUOTES: Final = str.maketrans("“”„‟″", '"""""')
_TOKEN: Final = re.compile(
    r'(?P<key>[A-Za-z][A-Za-z_-]{0,30})=(?:"(?P<quoted>[^"]*)"|(?P<value>\S*))|"(?P<text>[^"]*)"|(?P<word>\S+)'
)
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DATE: Final = len("2026-12-01")


@dataclass(slots=True)
class _Parts:
    keys: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    quoted: set[str] = field(default_factory=set)


def declaration(text: str, policy: Policy, now: datetime) -> Declaration:
    """What is declared. `text` is what stands after `freeze`. Raises Refusal with a sentence's code."""
    parts = _parts(text)
    where = parts.keys.get("environments") or (parts.words.pop(0) if parts.words else "")
    if not where:
        raise Refusal("freeze-too-few-words", {"usage": USAGE})
    if parts.words and parts.words[0] not in parts.quoted:
        _no_slip(parts.words[0])
    said = " ".join(parts.words)
    if said and "reason" in parts.keys:
        raise Refusal("key-twice", {"name": "reason"})
    begins_at = _time("from", parts.keys.get("from"), policy, after=now, wall=start_instant)
    ends_at = _time("to", parts.keys.get("to"), policy, after=begins_at or now, wall=end_instant)
    return Declaration(
        environments=() if where.casefold() in EVERYWHERE else _names(where),
        services=_names(parts.keys.get("services", "")),
        strength=_class(parts.keys.get("class")),
        reason=parts.keys.get("reason") or said or None,
        begins_at=begins_at,
        ends_at=ends_at,
        break_glass=_yes(parts.keys.get("break-glass")),
    )


def _parts(text: str) -> _Parts:
    """Keys wherever they stand outside quotes, and all other words in their order."""
    parts = _Parts()
    for token in _TOKEN.finditer(text.translate(_QUOTES)):
        key = _key(token["key"])
        if key is None:
            if token["text"] is not None:
                parts.quoted.add(token["text"])
            parts.words.append(token["text"] if token["text"] is not None else token[0])
            continue
        value = (token["quoted"] if token["quoted"] is not None else token["value"]).strip()
        if key in parts.keys:
            raise Refusal("key-twice", {"name": key})
        if not value:
            raise Refusal("key-empty", {"name": key})
        parts.keys[key] = value
    return parts


def _key(spelt: str | None) -> str | None:
    """The key that is meant; None for a word of the reason that has a sign of equality in it."""
    if spelt is None:
        return None
    key = spelt.lower().replace("_", "-")
    key = {"environment": "environments", "service": "services", "until": "to", "for": "to"}.get(key, key)
    if key in KEYS:
        return key
    meant = get_close_matches(key, KEYS, n=1, cutoff=0.6)
    if meant:
        raise Refusal("unknown-freeze-key", {"name": spelt, "meant": meant[0]})
    return None


def _no_slip(word: str) -> None:
    """Raise Refusal `freeze-word` where the reason begins with what reads like an end or a class: `production 4h …`
    would freeze for ever, and hard."""
    if word.lower() in {kind.value for kind in FreezeClass}:
        raise Refusal("freeze-word", {"name": word, "meant": f"class={word.lower()}"})
    try:
        parse_duration(word)
    except ValueError:
        if not _CLOCK.fullmatch(word):
            return
    raise Refusal("freeze-word", {"name": word[:40], "meant": f"to={word[:40]}"})


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for each in text.split(",") if (name := each.strip()))


def _class(text: str | None) -> FreezeClass:
    if text is None:
        return FreezeClass.HARD
    try:
        return FreezeClass(text.lower())
    except ValueError:
        raise Refusal("bad-freeze-class", {"name": text[:40]}) from None


def _yes(text: str | None) -> bool:
    if text is not None and text.lower() not in _YES:
        raise Refusal("bad-break-glass", {"name": text[:40]})
    return _YES[text.lower()] if text is not None else False


Wall = Callable[[datetime, ZoneInfo], datetime]
"""The instant of a wall-clock time."""


def _time(
    key: str,
    text: str | None,
    policy: Policy,
    *,
    after: datetime,
    wall: Wall,
) -> datetime | None:
    """`now`, a span after `after`, a time of day, a date (its midnight) or a moment, by the policy's clock.

    `wall` says where a time falls that the clock skips or shows twice. Raises Refusal `bad-freeze-time`.
    """
    if text is None or (key == "from" and text.lower() == "now"):
        return None
    try:
        if match := _CLOCK.fullmatch(text):
            return _next_time(int(match[1]), int(match[2]), policy, after, wall)
        if not text[:4].isdigit() or "-" not in text:
            return after + parse_duration(text)
        if len(text) <= _DATE:
            return wall(datetime.combine(date.fromisoformat(text), datetime.min.time()), policy.zone)
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else wall(at, policy.zone)
    except (ValueError, OverflowError):
        facts = {"key": key, "name": text[:40], "zone": policy.timezone}
        raise Refusal("bad-freeze-time", {**facts}) from None


def _next_time(hour: int, minute: int, policy: Policy, after: datetime, wall: Wall) -> datetime:
    """The next instant after `after` at which the policy's clock shows this time."""
    day = local(after, policy.zone).replace(hour=hour, minute=minute, second=0, microsecond=0)
    at = wall(day, policy.zone)
    return at if at > after else wall(day + timedelta(days=1), policy.zone)
