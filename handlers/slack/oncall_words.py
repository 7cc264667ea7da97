"""`/oncall …` taken apart: rotations, people, times and what is left as the reason. Nothing here is believed yet."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.refusal import Refusal
from bot.flows.on_duty import zone_of
from bot.flows.overrides import BEHIND, Wanted, rotations
from bot.policy import Policy
from handlers.slack.oncall_times import Said, read

USAGE: Final = (
    "/oncall override ROTATION PERSON from TIME until TIME [and PERSON from TIME until TIME] [reason…]"
)
_KEY: Final = re.compile(r"(from|until|to|at)=(.*)", re.IGNORECASE | re.DOTALL)
_ID: Final = re.compile(r"(?:ovr-?)?0*([1-9][0-9]{0,8})", re.IGNORECASE)
_UNTIL: Final = ("until", "to")


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
    at = read(words.left, "at", zone, now, end=False).at
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
    if not word or word.lower() in ("from", *_UNTIL):
        raise Refusal("override-too-few-words", {"usage": USAGE})
    person, zone = _person(word, policy, asker), zone_of(policy, rotation)
    begins = None
    if words.next_is("from"):
        words.take()
        said = read(words.left, "from", zone, now, end=False)
        begins = said.at
        if begins is not None and begins < now - BEHIND:
            _a_week_on("override-begins-in-the-past", begins, said)
        if not words.next_is(*_UNTIL) and any(each.lower() in _UNTIL for each in words.left):
            raise Refusal("override-word-before-until", {"name": words.left[0][:40], "zone": zone.key})
    if not words.next_is(*_UNTIL):
        raise Refusal("override-too-few-words", {"usage": USAGE})
    words.take()
    said = read(words.left, "until", zone, begins or now, end=True)
    ends = said.at or now
    if ends <= now:
        _a_week_on("override-ends-in-the-past", ends, said)
    if begins is not None and ends <= begins:
        _a_week_on("override-ends-first", ends, said, begins)
    return person, begins, ends


def _a_week_on(code: str, at: datetime, said: Said, begins: datetime | None = None) -> None:
    """Refuse what is past although it was said by the name of a day: whoever said it may mean the next one. What was
    said in another way is the flow's to refuse."""
    if said.later is None:
        return
    facts = {"at": at.isoformat(), "weekday": said.weekday, "later": said.later}
    raise Refusal(code, facts if begins is None else {**facts, "begins_at": begins.isoformat()})
