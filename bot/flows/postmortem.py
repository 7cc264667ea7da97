"""The post-mortem that an incident owes (F9, P21): who writes it and until when, what is written, and its publication."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.authority import Word
from bot.domain.canonical import digest_of
from bot.domain.change_request import SYSTEM, Actor
from bot.domain.incident import Incident
from bot.domain.owed import Timer
from bot.domain.postmortem import WHYS, Postmortem, PostmortemState
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker, bounded_reason, plain_text, slack_user_of
from bot.flows.incident_news import note
from bot.flows.on_duty import rostered
from bot.flows.review import DAY, next_moment
from bot.flows.roles import word_on
from bot.policy import Policy
from bot.ports import Ledger, Transaction

KIND: Final = "postmortem"
"""The kind of its timer; the subject is the incident."""
CARD: Final = "postmortem-card"
NOTE: Final = "postmortem-note"
"""The kinds of its messages: the one that stands for it, and what is told of it."""
LIMITS: Final[Mapping[str, int]] = MappingProxyType({"summary": 1500, "impact": 1500, "why": 500})
"""Characters: all of it together fits one message."""
_CONTACT: Final = "primary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What people write into it; blank is nothing."""

    summary: str | None = None
    impact: str | None = None
    whys: tuple[str, ...] = ()


def owe_postmortem(tx: Transaction, policy: Policy, incident: Incident) -> Postmortem | None:
    """`incident` was resolved just now: the draft that it owes, where its severity owes one (F9, P21).

    One of many that a single page told of is written up with the one that led them.
    """
    told_by_another = incident.group is not None and not incident.leads
    if (
        incident.is_open
        or told_by_another
        or incident.severity not in policy.incidents.postmortems.severities
    ):
        return None
    return _begin(tx, policy, incident, SYSTEM)


async def begin(ledger: Ledger, policy: Policy, asker: Asker, incident_id: str, *, key: str) -> Postmortem:
    """Start one that nobody owes. By anybody of the directory; where it is there already, it stays as it is.

    Raises Refusal `unknown-incident` or `incident-not-over`.
    """
    actor = asker.actor(policy)

    def step(tx: Transaction) -> Postmortem:
        incident = tx.incidents.get(incident_id, lock=True)
        if incident is None:
            raise Refusal("unknown-incident", {"incident": incident_id[:40]})
        if incident.is_open:
            raise Refusal("incident-not-over", {"incident": incident.id})
        tx.remember(key, incident.id)
        return _begin(tx, policy, incident, actor)

    return await ledger.write(step)


def _begin(tx: Transaction, policy: Policy, incident: Incident, by: Actor) -> Postmortem:
    there = tx.postmortems.get(incident.id, lock=True)
    if there is not None:
        return there
    due = tx.now + policy.incidents.postmortems.within
    owner = _owner(tx, policy, incident)
    draft = Postmortem(incident=incident.id, opened_at=tx.now, due_at=due, owner=owner)
    facts: dict[str, JsonValue] = {"due": due.isoformat(), "owner": owner, "severity": incident.severity}
    tx.postmortems.put(draft, Fact(type="postmortem.owed", by=by, facts=facts))
    tx.schedule(Timer(kind=KIND, subject=draft.id, due_at=next_moment(due, tx.now)))
    card(tx, policy, draft)
    owing.tell_person(tx, policy, owner, NOTE, draft.id, {"code": "owed"})
    return draft


def _owner(tx: Transaction, policy: Policy, incident: Incident) -> str | None:
    """Whom the policy names, else whoever answered, else the first contact; None where there is nobody at all."""
    named = policy.incidents.postmortems.owner
    if named is not None and named in policy.people:
        return named
    if named is not None:
        roster = rostered(tx, policy)
        holds = (p for p in policy.people if word_on(roster, named, p, tx.now)[0] is Word.YES)
        if (holder := next(holds, None)) is not None:
            return holder
    if incident.acknowledged_by in policy.people:
        return incident.acknowledged_by
    return policy.contacts.get(_CONTACT)


async def write(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    incident_id: str,
    written: Written,
    *,
    seen: str,
    key: str,
) -> Postmortem:
    """Write summary, impact and whys. By anybody of the directory. `seen` is the `version` of what they had before
    them: what somebody else wrote meanwhile is not written over.

    Raises Refusal `no-postmortem`, `postmortem-published`, `postmortem-changed` or `postmortem-too-long`.
    """
    actor = asker.actor(policy)
    told = _bounded(written)

    def step(tx: Transaction) -> Postmortem:
        before = a_draft(tx, incident_id)
        if tx.remembered(key) is not None:
            return before
        if version(before) != seen:
            raise Refusal("postmortem-changed", {"incident": before.id})
        tx.remember(key, before.id)
        after = replace(before, summary=told.summary, impact=told.impact, whys=told.whys)
        changed: list[JsonValue] = [
            name for name in ("summary", "impact", "whys") if getattr(before, name) != getattr(after, name)
        ]
        if changed:
            tx.postmortems.put(after, Fact(type="postmortem.written", by=actor, facts={"changed": changed}))
            card(tx, policy, after)
        return after

    return await ledger.write(step)


def _bounded(written: Written) -> Written:
    """What is written without outer white space. Raises Refusal `postmortem-too-long`."""
    whys = [text for why in written.whys[:WHYS] if (text := _fits(why, "why"))]
    return Written(
        summary=_fits(written.summary, "summary"), impact=_fits(written.impact, "impact"), whys=tuple(whys)
    )


def _fits(text: str | None, field: str) -> str | None:
    plain, limit = plain_text(text), LIMITS[field]
    if len(plain) > limit:
        raise Refusal("postmortem-too-long", {"field": field, "length": len(plain), "limit": limit})
    return plain or None


def version(postmortem: Postmortem) -> str:
    """Names what people wrote: two that differ were written differently."""
    return digest_of([postmortem.summary, postmortem.impact, [*postmortem.whys]])


async def note_down(
    ledger: Ledger, policy: Policy, asker: Asker, incident_id: str, words: str, *, key: str
) -> Incident:
    """Add a line of one's own to an incident's timeline, while it is open or afterwards. By anybody of the directory.

    Raises Refusal `unknown-incident`, `note-no-words` or `reason-too-long`.
    """
    actor = asker.actor(policy)
    said = bounded_reason(words)
    if said is None:
        raise Refusal("note-no-words", {"incident": incident_id[:40]})

    def step(tx: Transaction) -> Incident:
        incident = tx.incidents.get(incident_id, lock=True)
        if incident is None:
            raise Refusal("unknown-incident", {"incident": incident_id[:40]})
        if tx.remembered(key) is None:
            tx.remember(key, incident.id)
            fact = Fact(type="incident.noted", by=actor, facts={"words": said})
            tx.trail.record(fact, subject=f"incident/{incident.id}")
            note(tx, policy, incident, "noted", person=actor.person, words=said)
        return incident

    return await ledger.write(step)


async def publish(ledger: Ledger, policy: Policy, asker: Asker, incident_id: str, *, key: str) -> Postmortem:
    """Say that it is done: the channel reads it, and nobody is reminded any more. By anybody of the directory.

    Raises Refusal `no-postmortem`, `postmortem-published`, or `postmortem-incomplete` with what it lacks.
    """
    actor = asker.actor(policy)

    def step(tx: Transaction) -> Postmortem:
        if isinstance(seen := tx.remembered(key), str) and (there := tx.postmortems.get(seen)) is not None:
            return there
        draft = a_draft(tx, incident_id)
        if missing := draft.missing():
            raise Refusal("postmortem-incomplete", {"incident": draft.id, "missing": [*missing]})
        tx.remember(key, draft.id)
        done = draft.published(actor, tx.now)
        facts: dict[str, JsonValue] = {"due": draft.due_at.isoformat(), "late": tx.now > draft.due_at}
        tx.postmortems.put(done, Fact(type="postmortem.published", by=actor, facts=facts))
        tx.unschedule(KIND, done.id)
        card(tx, policy, done)
        _tell_channel(tx, policy, done, {"code": "published"})
        return done

    return await ledger.write(step)


async def remind(ledger: Ledger, policy: Policy, incident_id: str) -> None:
    """A moment of its timer: a day before it is due, when it is due, then daily until it is published; the channel
    hears of it when it is overdue, or where nobody can be told. Of days that the bot was away the last alone counts."""

    def step(tx: Transaction) -> None:
        draft = tx.postmortems.get(incident_id, lock=True)
        if draft is None or draft.state is PostmortemState.PUBLISHED:
            return
        day = max((tx.now - draft.due_at) // DAY, -1)
        key = f"postmortem:{draft.id}:{day}"
        if tx.now >= draft.due_at - DAY and tx.remembered(key) is None:
            tx.remember(key, True)
            _remind(tx, policy, draft, day)
        tx.schedule(Timer(kind=KIND, subject=draft.id, due_at=next_moment(draft.due_at, tx.now)))

    await ledger.write(step)


def _remind(tx: Transaction, policy: Policy, draft: Postmortem, day: int) -> None:
    facts: dict[str, JsonValue] = {"code": "soon" if day < 0 else "overdue" if day else "due", "days": day}
    reachable = slack_user_of(policy, draft.owner) is not None
    owing.tell_person(tx, policy, draft.owner, NOTE, draft.id, facts)
    if day > 0 or not reachable:
        _tell_channel(tx, policy, draft, facts)


def card(tx: Transaction, policy: Policy, postmortem: Postmortem) -> None:
    """Bring the message that stands for it up to date."""
    owing.channel(tx, policy.slack.channels.incidents, CARD, postmortem.id, {}, once=True)


def _tell_channel(
    tx: Transaction, policy: Policy, postmortem: Postmortem, facts: Mapping[str, JsonValue]
) -> None:
    owing.channel(tx, policy.slack.channels.incidents, NOTE, postmortem.id, facts)


def known_postmortem(tx: Transaction, incident_id: str, *, lock: bool = True) -> Postmortem:
    """The post-mortem of an incident. Raises Refusal `no-postmortem`, which tells whether the incident is there."""
    found = tx.postmortems.get(incident_id, lock=lock)
    if found is None:
        incident = tx.incidents.get(incident_id)
        state = None if incident is None else incident.state.value
        raise Refusal("no-postmortem", {"incident": incident_id[:40], "state": state})
    return found


def a_draft(tx: Transaction, incident_id: str) -> Postmortem:
    """The same, while it can be written. Raises Refusal `no-postmortem` or `postmortem-published`."""
    found = known_postmortem(tx, incident_id)
    if found.state is PostmortemState.PUBLISHED:
        by = None if found.published_by is None else found.published_by.person
        raise Refusal("postmortem-published", {"incident": found.id, "by": by})
    return found
