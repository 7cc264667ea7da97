"""Many at once: environments that turn RED within a minute share one page, and beyond a few one message in the channel.

A failing network turns everything RED. The first incident of a severity is paged at once. Those that follow within the
minute gather behind the second one, and are paged together when the minute is over: one page a minute, however many.
Production gathers with production alone, and what people declare again and again with what is declared: no noise makes
production wait, and none hides it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bot.domain.incident import Cause, Incident
from bot.policy import Policy
from bot.ports import Place, Transaction

WINDOW: Final = timedelta(minutes=1)
ACKNOWLEDGED: Final = "acknowledged"
RESOLVED: Final = "resolved"
MUTED: Final = "muted"
MOST_CARDS: Final = 5
"""So many incidents a minute have a card of their own; the others share one message."""
AT_ONCE_AGAIN: Final = timedelta(minutes=10)
"""What one person declares waits for nobody, once in this time."""
_PAGES, _CARDS, _DECLARED = "incident-pages", "incident-cards", "declared"


def waiting(tx: Transaction, incident: Incident) -> Sequence[Incident]:
    """Those that this incident's pages tell of and that nobody has yet; none where nobody is to be paged."""
    if not incident.leads:
        return [incident] if incident.waits and incident.group is None else []
    return [each for each in tx.incidents.open() if each.group == incident.id and each.waits]


def led_by(tx: Transaction, incident: Incident) -> Sequence[Incident]:
    """The open incidents that this one's pages tell of, itself left out."""
    if not incident.leads:
        return []
    return [i for i in tx.incidents.open() if i.group == incident.id and i.id != incident.id]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of an incident and of those it leads, and who has the last one of them that somebody took."""

    word: str | None
    person: str | None = None


def standing(tx: Transaction, incident: Incident) -> Standing:
    """What is true outside of an incident and of all that its pages told of: `acknowledged` once somebody has each of
    those that are open, `muted` while production keeps all of them from paging, `resolved` once all are over; None while
    somebody is still to take one of them."""
    if incident.leads:
        there = [each for each in tx.incidents.open() if each.group == incident.id]
    else:
        there = [incident] if incident.is_open else []
    if not there:
        return Standing(RESOLVED)
    taken = [
        (each.acknowledged_at, each.acknowledged_by) for each in there if each.acknowledged_at is not None
    ]
    if any(each.waits for each in there):
        return Standing(None)
    if not taken:
        return Standing(MUTED if all(each.muted_by is not None for each in there) else None)
    return Standing(ACKNOWLEDGED, max(taken, key=lambda one: one[0])[1])


def gathered(tx: Transaction, policy: Policy, incident: Incident) -> tuple[Incident, datetime | None]:
    """The incident in its group, and when its own page is due: now, at an instant, or never (None) where the page of
    the group's leader tells of it."""
    subject = _subject(policy, incident)
    place = tx.place(subject, _PAGES)
    until = _instant(place, "until")
    if place is None or until is None or not tx.now < until <= tx.now + WINDOW:
        _remember(tx, subject, tx.now + WINDOW)
        return replace(incident, group=None), tx.now
    leader = tx.incidents.get(str(place.get("leader") or ""))
    if leader is not None and _gathers(leader) and _subject(policy, leader) == subject:
        return replace(incident, group=leader.id), None
    _remember(tx, subject, until, leader=incident.id)
    return replace(incident, group=incident.id), until


def _subject(policy: Policy, incident: Incident) -> str:
    """What an incident shares a minute with: its severity, with what is like it."""
    section = policy.environments.get(incident.environment)
    if incident.cause is not Cause.MONITORS:
        like = "declared"
    else:
        like = "production" if section is not None and section.kind == "production" else "severity"
    return f"{like}/{incident.severity}"


def _gathers(leader: Incident) -> bool:
    """Whether the page of the group that it leads is still to go out."""
    chain = leader.escalation
    return leader.leads and chain is not None and chain.next_at is not None and not chain.told


def told_together(tx: Transaction, policy: Policy, incident: Incident) -> None:
    """The page of a group goes out: what turns RED from now on gathers behind another leader."""
    if incident.leads:
        _remember(tx, _subject(policy, incident), tx.now + WINDOW)


def lead_on(tx: Transaction, policy: Policy, before: Incident, after: Incident) -> None:
    """Another one leads the group whose page is still to go out."""
    subject = _subject(policy, before)
    place = tx.place(subject, _PAGES) or {}
    until = _instant(place, "until")
    if place.get("leader") == before.id and until is not None:
        _remember(tx, subject, until, leader=after.id)


def declared_again(tx: Transaction, policy: Policy, incident: Incident) -> bool:
    """Whether what its declarer said last was paged at once and shortly before, so that this may wait a minute with
    others. Where not, this is what they said last."""
    who = f"{_DECLARED}/{incident.declared_by}"
    at = _instant(tx.place(who, _DECLARED), "at")
    if at is not None and timedelta(0) <= tx.now - at < AT_ONCE_AGAIN:
        return True
    tx.put_place(who, _DECLARED, {"at": tx.now.isoformat()})
    subject = _subject(policy, incident)
    until = _instant(tx.place(subject, _PAGES), "until")
    if until is None or not tx.now < until <= tx.now + WINDOW:
        _remember(tx, subject, tx.now + WINDOW)
    return False


def _remember(tx: Transaction, subject: str, until: datetime, leader: str | None = None) -> None:
    tx.put_place(subject, _PAGES, {"until": until.isoformat(), "leader": leader})


def shown(tx: Transaction, incident: Incident) -> Incident:
    """The incident with a card of its own or, beyond the first few of a minute, in the message of many."""
    place = tx.place("channel", _CARDS)
    until = _instant(place, "until")
    if place is None or until is None or not tx.now < until <= tx.now + WINDOW:
        tx.put_place("channel", _CARDS, _cards(tx.now + WINDOW, 1, None))
        return incident
    count = place.get("count")
    number = (count if isinstance(count, int) else 0) + 1
    if number <= MOST_CARDS:
        tx.put_place("channel", _CARDS, _cards(until, number, None))
        return incident
    summary = str(place.get("summary") or incident.id)
    tx.put_place("channel", _CARDS, _cards(until, number, summary))
    return replace(incident, summary=summary)


def _cards(until: datetime, count: int, summary: str | None) -> Place:
    return {"until": until.isoformat(), "count": count, "summary": summary}


def _instant(place: Place | None, key: str) -> datetime | None:
    said = None if place is None else place.get(key)
    try:
        return datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
