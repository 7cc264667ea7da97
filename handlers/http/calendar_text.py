"""The calendar that goes out, as RFC 5545 text (and RFC 7986 for its name and its refreshing).

Everything is TRANSPARENT: it says when something may be deployed, not that people are busy. The same calendar gives
the same bytes, so that a client that has them is told so.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import icalendar

from bot.flows.calendar_feed import Published
from bot.policy import Policy
from bot.policy.document import LARGEST
from handlers.http.calendar_events import Event, Show, View, events, has_openings, whole_seconds

MOST_EVENTS: Final = 3_000
REFRESH: Final = timedelta(minutes=15)
_HEAD: Final = 16 * 1024
_LONGEST_TEXT: Final = 500


def render(published: Published, policy: Policy, view: View) -> bytes:
    """The calendar, at most MOST_EVENTS and as many bytes as a policy may include as a file; the rest is told of."""
    shown = sorted(events(published, view), key=lambda each: (each.start, each.end, each.identity))
    written: list[bytes] = []
    room, seen, cut_at = LARGEST - _HEAD, set[str](), None
    for event in shown:
        uid = _uid(policy, event)
        if uid in seen:  # the same thing said twice, such as one event of two copies
            continue
        content = _written(event, uid)
        room -= len(content)
        if len(written) == MOST_EVENTS or room < 0:
            cut_at = event.start
            break
        seen.add(uid)
        written.append(content)
    head = _head(published, policy, view, cut_at).to_ical()
    closing = b"END:VCALENDAR\r\n"
    return bytes(head.removesuffix(closing) + b"".join(written) + closing)


def _head(published: Published, policy: Policy, view: View, cut_at: datetime | None) -> icalendar.Calendar:
    place = ", ".join(view.environments)
    title = f"{view.service} in {place}" if view.service else place
    name = _plain(f"Deployments: {title} ({policy.organization})")
    told = _plain(" ".join(_told(published, policy, view, cut_at)), most=4 * _LONGEST_TEXT)
    head = icalendar.Calendar()
    head.add("version", "2.0")
    head.add("prodid", "-//Portcullis//Deployment calendar//EN")
    head.add("calscale", "GREGORIAN")
    head.add("name", name)
    head.add("x-wr-calname", name)
    head.add("description", told)
    head.add("x-wr-caldesc", told)
    head.add("x-wr-timezone", policy.timezone)
    head.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    head.add("x-published-ttl", icalendar.vDuration(REFRESH))
    return head


def _told(published: Published, policy: Policy, view: View, cut_at: datetime | None) -> Iterator[str]:
    start, end = _stamp(view.start), _stamp(view.end)
    yield f"When deployments may start, from {start} to {end}."
    if cut_at is not None:
        yield f"Cut off: there is more than fits, and it is complete only until {_stamp(cut_at)}; ask for one environment, or show=open."
    if published.unknown:
        names = ", ".join(feed.name for feed in published.unknown)
        yield f"Not known now: the fetched calendar of {names} is missing or too old; until it answers, nothing starts where it counts."
    if view.show is not Show.CLOSED:
        always = [n for n in view.environments if not has_openings(published, n, view.service)]
        if always:
            yield f"Without windows and restrictions, so open but for freezes and holidays: {', '.join(always)}."
    ungated = [n for n in view.environments if "calendar" not in policy.environments[n].gates]
    if ungated:
        yield f"Without a calendar gate, so nothing here stops anything there: {', '.join(ungated)}."


def _written(event: Event, uid: str) -> bytes:
    written = icalendar.Event()
    written.add("uid", uid)
    written.add("dtstamp", whole_seconds(event.revised_at))
    written.add("last-modified", whole_seconds(event.revised_at))
    written.add("sequence", event.sequence)
    written.add("dtstart", event.start)
    written.add("dtend", event.end)
    written.add("summary", _plain(event.summary))
    if event.description:
        written.add("description", "\n".join(_plain(line) for line in event.description.splitlines()))
    written.add("categories", list(event.categories))
    written.add("transp", "TRANSPARENT")
    written.add("status", "CONFIRMED")
    return bytes(written.to_ical())


def _uid(policy: Policy, event: Event) -> str:
    named = json.dumps([policy.organization, *event.identity])
    return f"{hashlib.sha256(named.encode()).hexdigest()[:32]}@portcullis"


def _plain(text: str, most: int = _LONGEST_TEXT) -> str:
    """Without what no calendar may hold: control characters and halves of characters."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
