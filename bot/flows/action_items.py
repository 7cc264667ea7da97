"""What is done so that it does not happen again (F9): by whom, until when, reminded when it is due and then weekly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.owed import Timer
from bot.domain.postmortem import ActionItem, Postmortem
from bot.domain.refusal import Refusal
from bot.domain.wall_clock import local, start_instant
from bot.flows import owing
from bot.flows.asking import Asker, known, plain_text, slack_user_of
from bot.flows.postmortem import a_draft, card, known_postmortem
from bot.policy import Policy
from bot.ports import Ledger, Transaction

KIND: Final = "action"
"""The kind of its timer; the subject is its id, `INC-7/2`."""
NOTE: Final = "action-note"
"""The kind of its messages."""
TEXT_LIMIT: Final = 200
MOST: Final = 20
"""Action items of one post-mortem: all of them fit its message."""
MORNING: Final = time(9)
"""When somebody is reminded, by the clock of the policy's zone."""
WEEK: Final = timedelta(days=7)
FARTHEST: Final = timedelta(days=730)
LOOKED_THROUGH: Final = 1000
"""So many post-mortems, the newest, are looked through for open items."""


@dataclass(frozen=True, slots=True)
class Item:
    """An action item and the incident that it comes from."""

    incident: str
    item: ActionItem

    @property
    def id(self) -> str:
        return f"{self.incident}/{self.item.number}"


async def add(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    incident_id: str,
    text: str,
    owner: str,
    due: date,
    *,
    key: str,
) -> Item:
    """Add one, also to what is published already. By anybody of the directory.

    Raises Refusal `no-postmortem`, `action-no-text`, `action-too-long`, `unknown-person-name`,
    `action-due-in-the-past`, `action-due-too-far` or `too-many-actions`.
    """
    actor = asker.actor(policy)
    words = _bounded(text)
    person = known("person-name", owner, list(policy.people))

    def step(tx: Transaction) -> Item:
        seen = tx.remembered(key)
        if isinstance(seen, str):
            return _known(tx, seen)[1]
        before = known_postmortem(tx, incident_id)
        _may_be_due(due, local(tx.now, policy.zone).date())
        if len(before.actions) >= MOST:
            raise Refusal("too-many-actions", {"incident": before.id, "limit": MOST})
        number = max((item.number for item in before.actions), default=0) + 1
        made = Item(before.id, ActionItem(number=number, text=words, owner=person, due=due))
        tx.remember(key, made.id)
        after = replace(before, actions=(*before.actions, made.item))
        facts: dict[str, JsonValue] = {"action": made.id, "owner": person, "due": due.isoformat()}
        tx.postmortems.put(after, Fact(type="postmortem.action-added", by=actor, facts=facts))
        tx.schedule(Timer(kind=KIND, subject=made.id, due_at=first_moment(due, policy.zone)))
        if person != actor.person:
            owing.tell_person(tx, policy, person, NOTE, made.id, {"code": "yours", "by": actor.person})
        card(tx, policy, after)
        return made

    return await ledger.write(step)


def _bounded(text: str) -> str:
    words = " ".join(plain_text(text).split())
    if not words:
        raise Refusal("action-no-text")
    if len(words) > TEXT_LIMIT:
        raise Refusal("action-too-long", {"length": len(words), "limit": TEXT_LIMIT})
    return words


def _may_be_due(due: date, today: date) -> None:
    if due < today:
        raise Refusal("action-due-in-the-past", {"due": due.isoformat(), "today": today.isoformat()})
    if due > today + FARTHEST:
        raise Refusal("action-due-too-far", {"due": due.isoformat(), "limit_days": FARTHEST.days})


async def done(ledger: Ledger, policy: Policy, asker: Asker, item_id: str, *, key: str) -> Item:
    """Say that it is done; nobody is reminded any more. By anybody of the directory.

    Raises Refusal `unknown-action` or `action-done-already`.
    """
    actor = asker.actor(policy)

    def step(tx: Transaction) -> Item:
        before, found = _known(tx, item_id)
        if tx.remembered(key) is not None:
            return found
        if found.item.done_by is not None:
            raise Refusal("action-done-already", {"action": found.id, "by": found.item.done_by.person})
        tx.remember(key, found.id)
        closed = Item(before.id, replace(found.item, done_by=actor, done_at=tx.now))
        actions = tuple(closed.item if item == found.item else item for item in before.actions)
        after = replace(before, actions=actions)
        facts: dict[str, JsonValue] = {"action": found.id}
        tx.postmortems.put(after, Fact(type="postmortem.action-done", by=actor, facts=facts))
        tx.unschedule(KIND, found.id)
        card(tx, policy, after)
        return closed

    return await ledger.write(step)


async def drop(ledger: Ledger, policy: Policy, asker: Asker, item_id: str, *, key: str) -> str:
    """Take one out of a draft; what is published stays as it is. Gives its id.

    Raises Refusal `unknown-action` or `postmortem-published`.
    """
    actor = asker.actor(policy)

    def step(tx: Transaction) -> str:
        if isinstance(seen := tx.remembered(key), str):
            return seen
        incident, found = _known(tx, item_id)
        before = a_draft(tx, incident.id)
        tx.remember(key, found.id)
        after = replace(before, actions=tuple(item for item in before.actions if item != found.item))
        facts: dict[str, JsonValue] = {"action": found.id, "text": found.item.text}
        tx.postmortems.put(after, Fact(type="postmortem.action-dropped", by=actor, facts=facts))
        tx.unschedule(KIND, found.id)
        card(tx, policy, after)
        return found.id

    return await ledger.write(step)


async def open_items(ledger: Ledger) -> Sequence[Item]:
    """Everything that is still to be done, the first due first."""
    return await ledger.read(_open)


def _open(tx: Transaction) -> Sequence[Item]:
    found = [
        Item(postmortem.id, item)
        for postmortem in tx.postmortems.newest(limit=LOOKED_THROUGH)
        for item in postmortem.actions
        if not item.is_done
    ]
    return sorted(found, key=lambda one: (one.item.due, one.id))


async def find(ledger: Ledger, item_id: str) -> Item:
    """One of them. Raises Refusal `unknown-action`."""
    return await ledger.read(lambda tx: _known(tx, item_id, lock=False)[1])


async def remind(ledger: Ledger, policy: Policy, item_id: str) -> None:
    """A moment of its timer: the morning on which it is due, then weekly until it is done. Where its owner cannot be
    told, the channel of incidents is."""

    def step(tx: Transaction) -> None:
        try:
            _, found = _known(tx, item_id)
        except Refusal:
            return
        item = found.item
        if item.is_done:
            return
        weeks = (local(tx.now, policy.zone).date() - item.due) // WEEK
        key = f"action:{found.id}:{item.due.isoformat()}:{weeks}"
        if tx.now >= first_moment(item.due, policy.zone) and tx.remembered(key) is None:
            tx.remember(key, True)
            _remind(tx, policy, found, weeks)
        due_at = next_moment(item.due, tx.now, policy.zone)
        tx.schedule(Timer(kind=KIND, subject=found.id, due_at=due_at))

    await ledger.write(step)


def _remind(tx: Transaction, policy: Policy, found: Item, weeks: int) -> None:
    facts: dict[str, JsonValue] = {"code": "overdue" if weeks else "due", "weeks": weeks}
    if slack_user_of(policy, found.item.owner) is not None:
        owing.tell_person(tx, policy, found.item.owner, NOTE, found.id, facts)
    else:
        owing.channel(tx, policy.slack.channels.incidents, NOTE, found.id, facts)


def first_moment(due: date, zone: ZoneInfo) -> datetime:
    """The morning on which it is due, as the zone's clock shows it."""
    return start_instant(datetime.combine(due, MORNING), zone)


def next_moment(due: date, now: datetime, zone: ZoneInfo) -> datetime:
    """The first of its mornings after `now`: of the day on which it is due, and of every seventh day after that."""
    weeks = max(0, (local(now, zone).date() - due) // WEEK)
    found = first_moment(due + weeks * WEEK, zone)
    return found if found > now else first_moment(due + (weeks + 1) * WEEK, zone)


def _known(tx: Transaction, item_id: str, *, lock: bool = True) -> tuple[Postmortem, Item]:
    incident, _, number = item_id.rpartition("/")
    found = tx.postmortems.get(incident, lock=lock)
    actions = () if found is None else found.actions
    item = next((item for item in actions if str(item.number) == number), None)
    if found is None or item is None:
        raise Refusal("unknown-action", {"action": item_id[:40]})
    return found, Item(found.id, item)
