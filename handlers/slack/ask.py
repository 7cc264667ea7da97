"""`/deploy request …` taken apart: words, keys with quotes, the start, the reason. Nothing here is believed yet."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher, get_close_matches
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import Start
from bot.domain.refusal import Refusal
from bot.domain.wall_clock import real_instants, start_instant
from bot.flows.request import Ask
from bot.policy import Policy
from handlers.slack.payloads import Command

USAGE: Final = (
    "/deploy request SERVICE ARTIFACT [ENVIRONMENT] [ticket=CHG-1] [at=14:30] [emergency=INC-7] [reason…]"
)
KEYS: Final = ("ticket", "at", "fixes", "emergency", "reason")
_QUOTES: Final = str.maketrans("“”„‟″", '"""""')
_WORD: Final = re.compile(r"(?P<key>[A-Za-z][A-Za-z_-]{0,30})=(?P<rest>.*)", re.DOTALL)
_SAME: Final = 0.85  # how alike a word and an environment are when it begins a longer reason
_NEAR: Final = 0.6  # and when it stands alone
_IN_REASON: Final = 0.75  # how alike a misspelt key has to be to stop a reason
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The words that are no keys (each with where it begins in the text), and the keys."""

    words: Sequence[str]
    keys: Mapping[str, str]


def ask(command: Command, text: str, policy: Policy, now: datetime) -> Ask:
    """What is asked for. `text` is what stands after `request`. Raises Refusal with a sentence's code."""
    environments = list(policy.environments)
    parts = _parts(text, environments)
    words = list(parts.words)
    missing = ("service", "artifact")[len(words) :]
    if missing:
        raise Refusal("too-few-words", {"missing": missing[0], "usage": USAGE})
    service, artifact, *rest = words
    environment, rest = _environment(rest, environments)
    reason = " ".join(word.strip('"') if len(rest) == 1 else word for word in rest)
    if "reason" in parts.keys and reason:
        raise Refusal("key-twice", {"name": "reason"})
    return Ask(
        asker=command.asker,
        key=command.key,
        service=service.strip('"'),
        artifact=artifact.strip('"'),
        environment=environment,
        ticket=parts.keys.get("ticket"),
        fixes=parts.keys.get("fixes"),
        emergency=parts.keys.get("emergency"),
        start=start(parts.keys.get("at"), policy, now),
        reason=parts.keys.get("reason") or reason or None,
    )


def start(text: str | None, policy: Policy, now: datetime) -> Start:
    """`next`, an RFC 3339 instant with its offset, or wall-clock time in the policy's zone. Raises Refusal `bad-start`."""
    if text is None:
        return Start()
    if text.lower() == "next":
        return Start(mode="next")
    bad = Refusal("bad-start", {"name": text[:40], "zone": policy.timezone})
    if match := _CLOCK.fullmatch(text):
        return Start(mode="at", at=_next_time(int(match[1]), int(match[2]), policy, now))
    try:
        at = datetime.fromisoformat(text)
        if len(text) <= len("2026-03-02"):  # a date alone is midnight, which nobody means
            raise bad
        instant = at.astimezone(UTC) if at.tzinfo else start_instant(at, policy.zone)
    except (ValueError, OverflowError):
        raise bad from None
    return Start(mode="at", at=instant)


def _next_time(hour: int, minute: int, policy: Policy, now: datetime) -> datetime:
    """The next instant at which the policy's clock shows this time, today or tomorrow."""
    today = now.astimezone(policy.zone).replace(
        tzinfo=None, hour=hour, minute=minute, second=0, microsecond=0
    )
    for wall in (today, today + timedelta(days=1)):
        shown = real_instants(wall, policy.zone) or (start_instant(wall, policy.zone),)
        if later := [at for at in shown if at > now]:  # an hour that is shown twice may come once more today
            return later[0]
    return start_instant(today + timedelta(days=2), policy.zone)


def _parts(text: str, environments: Sequence[str]) -> _Parts:
    """Split into words and keys. Once the reason has begun, only keys that we know are taken out of it."""
    words: list[str] = []
    keys: dict[str, str] = {}
    rest = text.translate(_QUOTES).strip()
    while rest:
        if rest.startswith('"'):
            word, rest = _quoted(rest)
            words.append(word)
            continue
        word = rest.split(maxsplit=1)[0]
        match = _WORD.fullmatch(word)
        key = match["key"].lower() if match else ""
        if match and _is_key(key, in_reason=_reason_began(words, environments)):
            value, rest = _value(key, rest[len(match["key"]) + 1 :])
            if key in keys:
                raise Refusal("key-twice", {"name": key})
            keys[key] = value
            continue
        words.append(word)
        rest = rest[len(word) :].lstrip()
    return _Parts(words, keys)


def _reason_began(words: Sequence[str], environments: Sequence[str]) -> bool:
    """Whether there is a word beyond the service, the artifact and the environment."""
    third = words[2].casefold() if len(words) > 2 else ""  # noqa: PLR2004
    named = third in {name.casefold() for name in environments}
    return len(words) > (3 if named else 2)


def _is_key(key: str, *, in_reason: bool) -> bool:
    """Whether `key=` is meant as a key. Raises Refusal `unknown-key` for one that is misspelt."""
    if key in KEYS:
        return True
    meant = get_close_matches(key, KEYS, n=1, cutoff=_IN_REASON if in_reason else _NEAR)
    if in_reason and not meant:
        return False
    raise Refusal("unknown-key", {"name": key, "meant": meant[0] if meant else None, "known": list(KEYS)})


def _value(key: str, rest: str) -> tuple[str, str]:
    """The value after `key=`, and what follows it."""
    if rest.startswith('"'):
        end = rest.find('"', 1)
        if end < 0:
            raise Refusal("unclosed-quote", {"name": key})
        value, rest = rest[1:end], rest[end + 1 :]
    else:
        value = rest.split(maxsplit=1)[0] if rest and not rest[0].isspace() else ""
        rest = rest[len(value) :]
    if not value.strip():
        raise Refusal("key-empty", {"name": key})
    return value.strip(), rest.lstrip()


def _quoted(rest: str) -> tuple[str, str]:
    """A quoted stretch, quotes kept: it is words and never a key. Quotes that never close are only a sign."""
    end = rest.find('"', 1)
    if end < 0:
        word = rest.split(maxsplit=1)[0]
        return word, rest[len(word) :].lstrip()
    return rest[: end + 1], rest[end + 1 :].lstrip()


def _environment(rest: list[str], names: list[str]) -> tuple[str | None, list[str]]:
    """The third word where it names an environment; a word that nearly does is asked about, not guessed at."""
    if not rest:
        return None, rest
    word = rest[0]
    spelt = {name.casefold(): name for name in names}
    if word.casefold() in spelt:
        return spelt[word.casefold()], rest[1:]
    if not word.startswith('"') and (meant := _nearly(word.casefold(), list(spelt), alone=len(rest) == 1)):
        facts: dict[str, JsonValue] = {"name": word[:80], "meant": spelt[meant], "position": 3}
        raise Refusal("unknown-environment", facts)
    return None, rest


def _nearly(word: str, names: list[str], *, alone: bool) -> str | None:
    for name in names:
        if alone and len(word) > 2 and name.startswith(word):  # noqa: PLR2004 -- `prod`, `stag`
            return name
        if SequenceMatcher(None, word, name).ratio() >= (_NEAR if alone else _SAME):
            return name
    return None
