"""The hand-off: what is open and a note for the next one; and the message that goes by itself at every change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.duty import holders, next_change
from bot.domain.incident import Incident
from bot.domain.override import Override
from bot.domain.owed import Timer
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker, known, plain_text
from bot.flows.freezes import Frozen, freezes
from bot.flows.link import known_person
from bot.flows.on_duty import By, OnDuty, duty_at, overrides_of, place_of, zone_of
from bot.flows.review import owed
from bot.flows.rollouts import run_of
from bot.policy import Policy
from bot.ports import Ledger, Transaction

KIND: Final = "handoff"
"""The kind of its timer; the subject is the rotation."""
NOTE: Final = "handoff-note"
"""The kind of the messages; the subject is the rotation."""
HANDED, NOTES = "handed-over", "notes"
"""The surfaces under which it stands who was told last to be on call, and the notes for the next one."""
MOST_NOTES: Final = 10
LONGEST_NOTE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody left for whoever takes over."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is open, and passes to the next one."""

    incidents: tuple[Incident, ...] = ()
    held: tuple[ChangeRequest, ...] = ()
    """Rollouts that stand still: held by somebody, or by a freeze."""
    freezes: tuple[Frozen, ...] = ()
    reviews: tuple[ChangeRequest, ...] = ()
    """Break-glass reviews that are owed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """One rotation as `/oncall who` shows it."""

    duty: OnDuty
    at: datetime
    now: datetime
    zone: str
    overrides: tuple[Override, ...] = ()
    """Those in force and ahead, in the order in which they begin."""
    holding: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of each of these, the ids of those that hold during its hours: another one may have replaced it."""
    notes: tuple[Note, ...] = ()


# What is shown


async def rosters(
    ledger: Ledger, policy: Policy, rotation: str | None = None, at: datetime | None = None
) -> tuple[Roster, ...]:
    """Who is on call, in one rotation or in each. Raises Refusal `unknown-rotation`, or `no-rotations` where the
    policy has none."""
    if not policy.on_call:
        raise Refusal("no-rotations")
    wanted = [known("rotation", rotation, list(policy.on_call))] if rotation is not None else policy.on_call

    def query(tx: Transaction) -> tuple[Roster, ...]:
        return tuple(roster(tx, policy, name, at) for name in wanted)

    return await ledger.read(query)


def roster(tx: Transaction, policy: Policy, rotation: str, at: datetime | None = None) -> Roster:
    """One rotation at an instant, or now."""
    asked = tx.now if at is None else at
    since = max(asked, tx.now)
    overrides = overrides_of(tx, policy, rotation, since)
    return Roster(
        duty=duty_at(tx, policy, rotation, asked),
        at=asked,
        now=tx.now,
        zone=zone_of(policy, rotation).key,
        overrides=tuple(sorted(overrides, key=lambda o: (o.begins_at, o.declared_at))),
        holding={each.id: tuple(o.id for o in holders(overrides, each, since)) for each in overrides},
        notes=notes_of(tx, rotation),
    )


async def open_work(ledger: Ledger, policy: Policy) -> Work:
    """Everything that is open now."""

    def query(tx: Transaction) -> tuple[tuple[Incident, ...], tuple[ChangeRequest, ...]]:
        rolling = tx.requests.open(state=RequestState.STARTING)
        return tuple(tx.incidents.open()), tuple(r for r in rolling if _stands_still(tx, r))

    incidents, held = await ledger.read(query)
    now = await ledger.read(lambda tx: tx.now)
    active = tuple(f for f in await freezes(ledger, policy) if f.begins_at <= now)
    return Work(incidents=incidents, held=held, freezes=active, reviews=await owed(ledger))


def _stands_still(tx: Transaction, request: ChangeRequest) -> bool:
    run = run_of(tx, request)
    return request.held is not None or (run is not None and bool(run.frozen))


# Notes for the next one


async def leave_note(
    ledger: Ledger, policy: Policy, asker: Asker, rotation: str | None, text: str, *, key: str
) -> Roster:
    """Keep a note until the next hand-off of a rotation; where there is only one, it need not be named.

    Raises Refusal `unknown-person`, `no-rotations`, `unknown-rotation`, `handoff-which-rotation`, `handoff-no-note`,
    `handoff-note-too-long` or `too-many-notes`.
    """

    def step(tx: Transaction) -> Roster:
        name = _of_note(policy, rotation, text)
        if tx.remembered(key) is not None:
            return roster(tx, policy, name)
        actor = known_person(tx, policy, asker)
        said = plain_text(text)
        if not said:
            raise Refusal("handoff-no-note")
        if len(said) > LONGEST_NOTE:
            raise Refusal("handoff-note-too-long", {"length": len(said), "limit": LONGEST_NOTE})
        kept = notes_of(tx, name)
        if len(kept) >= MOST_NOTES:
            raise Refusal("too-many-notes", {"rotation": name, "limit": MOST_NOTES})
        _keep_notes(tx, name, (*kept, Note(by=actor.person or "", at=tx.now, text=said)))
        tx.trail.record(Fact(type="on-call.note", by=actor, facts={"text": said}), subject=place_of(name))
        tx.remember(key, name)
        return roster(tx, policy, name)

    return await ledger.write(step)


def _of_note(policy: Policy, rotation: str | None, text: str) -> str:
    """The rotation of a note. Of several none is guessed: the note would reach somebody else's next one."""
    if rotation is None and len(policy.on_call) > 1 and text.strip():
        try:
            return known("rotation", text.split(maxsplit=1)[0], list(policy.on_call))
        except Refusal as unknown:
            raise Refusal("handoff-which-rotation", unknown.facts) from None
    return rotation_named(policy, rotation)


def rotation_named(policy: Policy, rotation: str | None) -> str:
    """The rotation, or the first one. Raises Refusal `no-rotations` or `unknown-rotation`."""
    if not policy.on_call:
        raise Refusal("no-rotations")
    return (
        next(iter(policy.on_call)) if rotation is None else known("rotation", rotation, list(policy.on_call))
    )


def notes_of(tx: Transaction, rotation: str) -> tuple[Note, ...]:
    """What was left for the next one."""
    place = tx.place(place_of(rotation), NOTES) or {}
    found = place.get("notes")
    plain = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return tuple(
        Note(by=str(n["by"]), at=datetime.fromisoformat(str(n["at"])), text=str(n["text"])) for n in plain
    )


def _keep_notes(tx: Transaction, rotation: str, notes: tuple[Note, ...]) -> None:
    tx.put_place(place_of(rotation), NOTES, {"notes": _plain(notes)})


def _plain(notes: tuple[Note, ...]) -> list[JsonValue]:
    return [{"by": n.by, "at": n.at.isoformat(), "text": n.text} for n in notes]


# The change itself


def look_soon(tx: Transaction, rotation: str) -> None:
    """Have a rotation looked at now: for whoever changes who is on call, or when that will change."""
    tx.schedule(Timer(kind=KIND, subject=rotation, due_at=tx.now))


def look_at_all_soon(tx: Transaction, policy: Policy) -> None:
    """The same for every rotation of a policy that is put in force, and at each start."""
    for rotation in policy.on_call:
        look_soon(tx, rotation)


async def fire(ledger: Ledger, policy: Policy, rotation: str) -> None:
    """The timer: tell the change if there was one, and set the next. A change that the bot slept through is told as
    it stands now, once; one that was called off meanwhile is not told."""
    found = policy.on_call.get(rotation)
    if found is not None and found.duty is not None:  # another system's answers are compared when it is asked
        await ledger.write(lambda tx: hand_over(tx, policy, rotation))


def hand_over(tx: Transaction, policy: Policy, rotation: str) -> None:
    """In one transaction: who leaves and who takes over are told, the notes go with it, the next change is set."""
    if rotation not in policy.on_call:
        return
    duty = duty_at(tx, policy, rotation, tx.now)
    _set_next(tx, policy, rotation)
    told = tx.place(place_of(rotation), HANDED)
    before = None if told is None else _text(told.get("person"))
    stood_in = told is not None and told.get("by") == By.CONTACT.value
    if told is not None and before == duty.person and stood_in == (duty.by is By.CONTACT):
        return
    tx.put_place(
        place_of(rotation), HANDED, {"person": duty.person, "by": duty.by.value, "at": tx.now.isoformat()}
    )
    _judge_again(tx, policy, rotation)
    if told is None and duty.by is not By.CONTACT:
        return  # looked at for the first time: nobody leaves, and nobody takes over just now
    _tell(tx, policy, duty, before)


def _tell(tx: Transaction, policy: Policy, duty: OnDuty, before: str | None) -> None:
    facts: dict[str, JsonValue] = {
        "before": before,
        "after": duty.person,
        "by": duty.by.value,
        "problem": duty.problem,
        "until": None if duty.until is None else duty.until.isoformat(),
        "override": None if duty.override is None else duty.override.id,
        "notes": _plain(notes_of(tx, duty.rotation)),
    }
    said = {name: facts[name] for name in ("before", "after", "by", "override", "problem")}
    tx.trail.record(Fact(type="on-call.handed-over", facts=said), subject=place_of(duty.rotation))
    _keep_notes(tx, duty.rotation, ())
    if duty.by in (By.CONTACT, By.NOBODY):
        stands_in: dict[str, JsonValue] = {**facts, "code": "stands-in" if duty.person else "nobody"}
        owing.channel(tx, policy.slack.channels.incidents, NOTE, duty.rotation, stands_in)
        owing.tell_person(tx, policy, duty.person, NOTE, duty.rotation, stands_in)
        return
    if duty.person != before:
        owing.tell_person(tx, policy, before, NOTE, duty.rotation, {**facts, "code": "leaves"})
    owing.tell_person(tx, policy, duty.person, NOTE, duty.rotation, {**facts, "code": "takes-over"})


def _judge_again(tx: Transaction, policy: Policy, rotation: str) -> None:
    """A seat by this rotation is another person's now: what waits for approval, or has it, is judged at once."""
    if any(role.on_call == rotation for role in policy.roles.values()):
        for request in tx.requests.open():
            if request.state is not RequestState.STARTING:
                owing.evaluate_at(tx, request, tx.now)


def _set_next(tx: Transaction, policy: Policy, rotation: str) -> None:
    """One timer a rotation, at its next change. Of another system's nobody knows it here: its answers are compared."""
    duty = policy.on_call[rotation].duty
    due = None if duty is None else next_change(duty, overrides_of(tx, policy, rotation, tx.now), tx.now)
    if due is not None:
        tx.schedule(Timer(kind=KIND, subject=rotation, due_at=due))


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None
