"""Policies with a freeze that is fetched, and calendars to fetch."""

from datetime import datetime

from bot.domain.canonical import sha256
from bot.domain.feed import Fetched
from bot.policy.feeds import FeedRule
from tests.flows.world import World

URL = "https://calendar.example/secret-4711/freezes.ics"
PEAK = '    - {name: peak-trading, environments: [production], from: "2026-11-23", to: "2026-12-01", effect: prohibit}\n'
FEED = f"    - {{name: upstream, environments: [production], ics: '{URL}', stale_after: 1d}}\n"
WITH_FEED = (PEAK, PEAK + FEED)
WITHOUT_GATES = ("      environments-green: {environments: [production, staging]}\n", "")


def calendar(*events: tuple[str, str, str]) -> bytes:
    """Events of a title, a start and an end."""
    lines = [
        f"BEGIN:VEVENT\r\nSUMMARY:{title}\r\nDTSTART:{start}\r\nDTEND:{end}\r\nEND:VEVENT\r\n"
        for title, start, end in events
    ]
    return ("BEGIN:VCALENDAR\r\n" + "".join(lines) + "END:VCALENDAR\r\n").encode()


EMPTY = calendar()
TODAY = calendar(("Stocktaking", "20261110T000000Z", "20261111T000000Z"))
LATER = calendar(("Stocktaking", "20261117T000000Z", "20261118T000000Z"))


def good(body: bytes, **more: str) -> Fetched:
    return Fetched("ok", body, **more)


def feed(world: World, name: str = "upstream") -> FeedRule:
    return next(each for each in world.policy.feeds if each.name == name)


def digest(body: bytes) -> str:
    return sha256(body)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
