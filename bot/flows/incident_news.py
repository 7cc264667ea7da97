"""What is told of an incident: its card, the lines of its thread, one message for many, and who heard of it outside."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.canonical import digest_of
from bot.domain.incident import Incident
from bot.domain.owed import Delivery
from bot.domain.page import WayState
from bot.flows import owing
from bot.flows.asking import channel_lane
from bot.flows.together import ACKNOWLEDGED, MUTED, RESOLVED
from bot.policy import Policy
from bot.ports import Transaction

SUMMARY_EVERY: Final = timedelta(seconds=10)
"""A message for many is brought up to date no more often than this."""
ALARM: Final = "incident-alarm"
"""The kind of what everybody in the channel is told, outside the thread."""
NEWS: Final = "incident-news"
PAGE_UPDATE: Final = "page-update"
"""The kind of a page's message brought up to date; the subject is the page."""
POSTED: Final = "page"
"""Where the message of a page stands in Slack."""
_OUTSIDE: Final = ("pagerduty:", "webhook:", "email:")
AGAIN: Final = "again"
"""The code of news: it is not over after all. Told to whoever was paged for it, and heard that it is over."""


def card(tx: Transaction, policy: Policy, incident: Incident) -> None:
    """Post the incident, or bring its message up to date; one of many has its line in their message instead."""
    channel = policy.slack.channels.incidents
    if incident.summary is None:
        owing.channel(tx, channel, "incident-card", incident.id, {}, once=True)
        return
    tx.owe(
        Delivery(
            key=f"incident-summary:{incident.summary}",
            kind="incident-summary",
            destination=channel_lane(channel),
            subject=incident.summary,
            due_at=tx.now + SUMMARY_EVERY,
        )
    )


def note(tx: Transaction, policy: Policy, incident: Incident, code: str, **facts: JsonValue) -> None:
    """A line of the incident's thread, which is its timeline. One of many has no thread; its record has it all."""
    if incident.summary is None:
        _say(tx, policy, "incident-note", incident.id, {"code": code, "at": tx.now.isoformat(), **facts})


def alarm(tx: Transaction, policy: Policy, incident: Incident, code: str, **facts: JsonValue) -> None:
    """Tell everybody in the channel, in a message of its own."""
    said: dict[str, JsonValue] = {"code": code, "at": tx.now.isoformat(), **facts}
    _say(tx, policy, ALARM, incident.id, said)


def _say(tx: Transaction, policy: Policy, kind: str, subject: str, said: dict[str, JsonValue]) -> None:
    tx.owe(
        Delivery(
            key=f"{kind}:{subject}:{digest_of(said)}",
            kind=kind,
            destination=channel_lane(policy.slack.channels.incidents),
            subject=subject,
            due_at=tx.now,
            facts=said,
        )
    )


def tell_outside(tx: Transaction, before: Incident, code: str, person: str | None = None) -> None:
    """Whoever was paged outside Slack, for the incident or for the one whose pages tell of it as well, hears that it is
    acknowledged, muted or resolved; whoever sends that asks first whether it is true (`together.standing`): of a group it
    is when the last one is answered. `before` is the incident as it stood in its group.

    Where the last one that waits is over, or goes its own way, the others may all be somebody's already.
    """
    codes = [code, ACKNOWLEDGED] if before.group is not None and before.waits and code == RESOLVED else [code]
    for subject in dict.fromkeys((before.id, before.group or before.id)):
        for each in codes:
            _tell(tx, subject, each, person)


def tell_again(tx: Transaction, incident: Incident) -> None:
    """It began anew while nobody has it, having been over for minutes: whoever was paged hears that at once, by the ways
    that worked. What flaps is told once while the same step of its chain waits."""
    told = 0 if incident.escalation is None else incident.escalation.told
    heard = tx.place(incident.id, AGAIN) or {}
    again = heard.get("told") == told
    update_pages(tx, incident.group or incident.id)
    tx.put_place(incident.id, AGAIN, {"told": told, "unheard": again})
    if again:
        return
    for page in tx.pages.of(incident.group or incident.id):
        for way in page.ways:
            if way.state is WayState.ARRIVED and not way.destination.startswith("slack:channel:"):
                owe_news(tx, page.incident, way.destination, AGAIN, page.recipient)


def keep_again_quiet(tx: Transaction, incident: Incident) -> None:
    """It began anew, and somebody has it: nobody outside is told, so nobody hears once more that it is over."""
    told = 0 if incident.escalation is None else incident.escalation.told
    tx.put_place(incident.id, AGAIN, {"told": told, "unheard": True})
    update_pages(tx, incident.group or incident.id)


def unheard_of(tx: Transaction, incident: Incident) -> bool:
    """Whether nobody outside knows that it began anew, since they heard that it was over."""
    heard = tx.place(incident.id, AGAIN)
    told = 0 if incident.escalation is None else incident.escalation.told
    return heard is not None and heard.get("unheard") is True and heard.get("told") == told


def leave_groups(tx: Transaction, groups: Iterable[str | None]) -> None:
    """Some of these groups have pages of their own from now on, or none: what is left of a group may be answered."""
    for group in dict.fromkeys(groups):
        if group is not None:
            for code in (ACKNOWLEDGED, MUTED, RESOLVED):
                _tell(tx, group, code, None)


def _tell(tx: Transaction, incident: str, code: str, person: str | None) -> None:
    """Those who were paged under this id hear it.

    PagerDuty hears it even of a page that nobody knows to have arrived: one that is on its way at this moment would
    go on calling people there, and of what it was never told it takes no notice.
    """
    update_pages(tx, incident)
    ways = [way for page in tx.pages.of(incident) for way in page.ways]
    heard = {
        way.destination
        for way in ways
        if way.destination.startswith(_OUTSIDE)
        and (way.state is WayState.ARRIVED or way.destination.startswith("pagerduty:"))
        and way.state is not WayState.FAILED
    }
    for destination in sorted(heard):
        owe_news(tx, incident, destination, code, person)


def update_pages(tx: Transaction, incident: str) -> None:
    """The messages in Slack by which people were paged under this id say how it stands, and have buttons only while
    there is something to answer. Updates that are pending melt into one a message."""
    for page in tx.pages.of(incident):
        if tx.place(page.id, POSTED) is not None:
            for way in page.ways:
                if way.destination.startswith("slack:"):
                    owe_update(tx, page.id, way.destination)


def owe_update(tx: Transaction, page: str, destination: str) -> None:
    """Bring the message of one page up to date."""
    key = f"{PAGE_UPDATE}:{page}"
    tx.owe(Delivery(key=key, kind=PAGE_UPDATE, destination=destination, subject=page, due_at=tx.now))


def owe_news(tx: Transaction, incident: str, destination: str, code: str, person: str | None = None) -> None:
    """One destination outside Slack hears what became of the incident, named by its id."""
    tx.owe(
        Delivery(
            key=f"{NEWS}:{incident}:{destination}:{code}",
            kind=NEWS,
            destination=destination,
            subject=incident,
            due_at=tx.now,
            facts={"code": code, "person": person, "at": tx.now.isoformat()},
        )
    )
