"""`/oncall …` taken apart: rotations, people, times and what is left as the reason. Nothing here is believed yet."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.durations import parse as parse_duration
from bot.domain.refusal import Refusal
from bot.domain.wall_clock import end_instant, local, start_instant
from bot.flows.on_duty import zone_of
from bot.flows.overrides import Wanted, rotations
from bot.policy import Policy

USAGE: Final = (
    "/oncall override ROTATION PERSON from TIME until TIME [and PERSON from TIME until TIME] [reason…]"
)
_KEY: Final = re.compile(r"(from|until|to|at)=(.*)", re.IGNORECASE | re.DOTALL)
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|(24):(00)", re.ASCII)
_ID: Final = re.compile(r"(?:ovr-?)?0*([1-9][0-9]{0,8})", re.IGNORECASE)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DATE: Final = len("2026-12-01")


@dataclass(slots=True)
class _Words:
    """The words that are still to be read, with `from=` and the like split in two."""

    left: list[str]

    @classmethod
    def of(cls, text: str) -> "_Words":
        """`from=09:00` and `from 09:00` are the same."""
        found: list[str] = []
        for word in text.split():
            match = _KEY.fullmatch(word)
            found += [word] if match is None else [match[1].lower(), *([match[2]] if match[2] else [])]
        return cls(found)

    def take(self) -> str:
        """The next word, or nothing."""
        return self.left.pop(0) if self.left else ""

    def next_is(self, *words: str) -> bool:
        """Whether the next word is one of these."""
        return bool(self.left) and self.left[0].lower() in words


def override_id(text: str) -> str:
    """`ovr-3`, `OVR3` or `3` as OVR-3. Raises Refusal `bad-override-id`."""
    match = _ID.fullmatch(text.strip())
    if match is None:
        raise Refusal("bad-override-id", {"name": text[:40] or "nothing"})
    return f"OVR-{match[1]}"


def wanted(text: str, policy: Policy, now: datetime, asker: str) -> tuple[Wanted, ...]:
    """The override, or the two of a swap. `text` is what stands after `override`. Raises Refusal."""
    words = _Words.of(text)
    rotation = _rotation(words, policy, asker)
    halves = [_half(words, policy, now, asker, rotation)]
    if (
        words.next_is("and")
        and len(words.left) > 1
        and _person(words.left[1], policy, asker) in policy.people
    ):
        words.take()
        halves.append(_half(words, policy, now, asker, rotation))
    reason = " ".join(words.left) or None
    return tuple(
        Wanted(rotation=rotation, person=person, begins_at=begins, ends_at=ends, reason=reason)
        for person, begins, ends in halves
    )


def asked(text: str, policy: Policy, now: datetime) -> tuple[str | None, datetime | None]:
    """The rotation and the instant of `/oncall who`. Raises Refusal."""
    words = _Words.of(text)
    rotation = None if not words.left or words.next_is("at") else words.take()
    if not words.left:
        return rotation, None
    key = words.take()
    if key.lower() != "at":
        raise Refusal("too-many-words", {"name": key[:40], "usage": "/oncall who [ROTATION] [at=TIME]"})
    zone = zone_of(policy, rotation or next(iter(policy.on_call), ""))
    at = _time(words, "at", zone, now, end=False)
    if words.left:
        raise Refusal(
            "too-many-words", {"name": words.left[0][:40], "usage": "/oncall who [ROTATION] [at=TIME]"}
        )
    return rotation, at


def _rotation(words: _Words, policy: Policy, asker: str) -> str:
    """The rotation; where the policy has only one, it may be left out."""
    known = rotations(policy)
    word = words.take()
    if not word:
        raise Refusal("override-too-few-words", {"usage": USAGE})
    if word not in policy.on_call and len(known) == 1 and _person(word, policy, asker) in policy.people:
        words.left.insert(0, word)
        return known[0]
    return word


def _person(word: str, policy: Policy, asker: str) -> str:
    """A key of the directory, a mention, or `me`."""
    name = word.removeprefix("@")
    if name.lower() == "me" and name not in policy.people:
        return asker
    found = policy.person_by_slack(name)
    return name if found is None else found[0]


def _half(
    words: _Words, policy: Policy, now: datetime, asker: str, rotation: str
) -> tuple[str, datetime | None, datetime]:
    word = words.take()
    if not word or word.lower() in ("from", "until", "to"):
        raise Refusal("override-too-few-words", {"usage": USAGE})
    person, zone = _person(word, policy, asker), zone_of(policy, rotation)
    begins = None
    if words.next_is("from"):
        words.take()
        begins = _time(words, "from", zone, now, end=False)
    if not words.next_is("until", "to"):
        raise Refusal("override-too-few-words", {"usage": USAGE})
    words.take()
    return person, begins, _time(words, "until", zone, begins or now, end=True) or now


def _time(words: _Words, key: str, zone: ZoneInfo, after: datetime, *, end: bool) -> datetime | None:
    """`now`, a span after `after`, a time of day, a day, or both, by the rotation's clock; None for now.

    Raises Refusal `bad-on-call-time`.
    """
    word = words.take()
    if word.lower() == "now" and not end:
        return None
    try:
        day = _day(word, zone, after)
        clock = _CLOCK.fullmatch(words.left[0]) if words.left and day is not None else _CLOCK.fullmatch(word)
        if clock is not None and day is not None:
            words.take()
        wall = end_instant if end else start_instant
        if clock is not None:
            first = local(after, zone).date() if day is None else day
            at = wall(_at(first, clock), zone)
            return at if day is not None or at > after else wall(_at(first + timedelta(days=1), clock), zone)
        if day is not None:
            return wall(datetime.combine(day, time()), zone)
        if not (word[:4].isdigit() and "-" in word):
            return after + parse_duration(word)
        said = datetime.fromisoformat(word)
        return said.astimezone(UTC) if said.tzinfo else wall(said, zone)
    except (ValueError, OverflowError):
        raise Refusal("bad-on-call-time", {"key": key, "name": word[:40], "zone": zone.key}) from None


def _at(day: date, clock: re.Match[str]) -> datetime:
    hour, minute = int(clock[1] or clock[3]), int(clock[2] or clock[4])
    return datetime.combine(day, time()) + timedelta(hours=hour, minutes=minute)


def _day(word: str, zone: ZoneInfo, after: datetime) -> date | None:
    """A date, or the next day of that name from that day on; None for another word. Raises ValueError."""
    if len(word) == _DATE and word[4:5] == "-":
        return date.fromisoformat(word)
    name = word.lower()[:3]
    if name not in _DAYS or not word.isalpha():
        return None
    today = local(after, zone).date()
    return today + timedelta(days=(_DAYS.index(name) - today.weekday()) % 7)
