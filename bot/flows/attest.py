"""Tick and untick what a checklist asks people for (P18, F3). A tick is a statement: who said it, in which role, when,
of which revision. It is recorded and takes no second factor, because it starts nothing: what is approved is approved
with one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import Actor, Attestation, ChangeRequest, RequestState
from bot.domain.outcome import GateOutcome, Status
from bot.domain.refusal import Refusal
from bot.flows import owing, shown
from bot.flows.asking import Asker, known_request
from bot.flows.authority import NOBODY_ASKED, Asked, Authority, asked_at_a_press
from bot.flows.authorship import Known, wrote_none_of_it
from bot.flows.link import known_person
from bot.flows.on_duty import rostered
from bot.flows.roles import roles_of
from bot.flows.state_rules import as_asked, left_policy
from bot.gates import checklist
from bot.policy import ChecklistItem, Policy
from bot.ports import Ledger, Transaction

_TICKABLE = (RequestState.AWAITING_APPROVAL, RequestState.APPROVED)
"""Before that its facts have not settled, and what was ticked would be about nothing; after it, it is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item and how it stands for a request. `outcome` is that of the gate which ticks it, as judged last."""

    key: str
    item: ChecklistItem
    tick: Attestation | None
    void: Attestation | None  # what somebody said of an earlier revision
    outcome: GateOutcome | None
    may: tuple[str, ...]  # the people of the directory who may tick it

    @property
    def ticked(self) -> bool:
        """Somebody ticked it, or its gate passes."""
        if self.item.gate is not None:
            return self.outcome is not None and self.outcome.status is Status.PASSED
        return self.tick is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The checklist of a request, and whether it can be ticked now."""

    request: ChangeRequest
    name: str
    entries: tuple[Entry, ...]
    tickable: bool
    now: datetime

    @property
    def done(self) -> int:
        """How many items are ticked."""
        return sum(entry.ticked for entry in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a button means: an item of the list that was shown, of the revision that it was shown for."""

    request: str
    revision: int
    item: str
    """The key of the item."""


def name_for(policy: Policy, environment: str) -> str | None:
    """The checklist that an environment asks for; None where it asks for none, or the policy has no such place."""
    found = policy.environments.get(environment)
    rule = None if found is None else found.gates.get(checklist.NAME)
    return rule.name if isinstance(rule, checklist.Parameters) else None


async def listed(ledger: Ledger, policy: Policy, request_id: str) -> Listed:
    """The checklist of a request. Raises Refusal `unknown-request`, `no-longer-in-policy` or `no-checklist`."""
    return await ledger.read(lambda tx: _listed(tx, policy, known_request(tx, request_id, lock=False)))


async def tick(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    target: Target,
    *,
    key: str,
    authority: Authority | None = None,
) -> Listed:
    """Say that an item is so, and have the request judged anew at once. Who said it already says it once. The live
    sources of roles are asked about the asker first, by `authority`.

    Raises Refusal `checklist-closed`, `checklist-changed`, `may-not-tick` or `ticked-already`.
    """
    person = asker.actor(policy).person
    roles = shown.roles_of_checklists(policy, policy.checklists)
    asked = await asked_at_a_press(ledger, authority, policy, target.request, person, roles=roles)

    def step(tx: Transaction, listed: Listed, entry: Entry, actor: Actor) -> ChangeRequest | None:
        said = entry.tick
        if said is not None and said.by.person == actor.person:
            return None
        item = entry.item.item
        if said is not None:
            raise Refusal("ticked-already", {"item": item, "by": said.by.person, "at": said.at.isoformat()})
        role = _role(tx, policy, listed.request, entry, actor, asked)
        made = Attestation(item=item, role=role, by=actor, at=tx.now, revision=listed.request.revision)
        return replace(listed.request, attested=(*_others(listed, entry), made))

    return await _change(ledger, policy, asker, target, "ticked", step, key=key)


async def untick(ledger: Ledger, policy: Policy, asker: Asker, target: Target, *, key: str) -> Listed:
    """Take one's own tick back, before the start. Raises Refusal `checklist-closed`, `checklist-changed`, `not-ticked`
    or `not-your-tick`."""

    def step(_tx: Transaction, shown: Listed, entry: Entry, actor: Actor) -> ChangeRequest:
        if entry.tick is None:
            raise Refusal("not-ticked", {"item": entry.item.item})
        if entry.tick.by.person != actor.person:
            raise Refusal("not-your-tick", {"item": entry.item.item, "by": entry.tick.by.person})
        return replace(shown.request, attested=_others(shown, entry))

    return await _change(ledger, policy, asker, target, "unticked", step, key=key)


Step = Callable[[Transaction, Listed, Entry, Actor], ChangeRequest | None]


async def _change(
    ledger: Ledger, policy: Policy, asker: Asker, target: Target, code: str, step: Step, *, key: str
) -> Listed:
    """Do it once, record it, tell the thread, and have the gates asked at once: their answer updates the card."""

    def write(tx: Transaction) -> Listed:
        before = _listed(tx, policy, known_request(tx, target.request))
        if tx.remembered(key) is not None:
            return before
        actor = known_person(tx, policy, asker)
        entry = _meant(before, target)
        changed = step(tx, before, entry, actor)
        tx.remember(key, target.request)
        if changed is None:
            return before
        item, role = entry.item.item, entry.item.attest
        facts: dict[str, JsonValue] = {"item": item, "role": role, "revision": changed.revision}
        tx.requests.put(changed, Fact(type=f"request.{code}", by=actor, facts=facts))
        after = _listed(tx, policy, changed)
        count: dict[str, JsonValue] = {"done": after.done, "all": len(after.entries)}
        owing.note(tx, policy, changed, code, person=actor.person, item=item, **count)
        owing.evaluate_at(tx, changed, tx.now)
        return after

    return await ledger.write(write)


def _others(shown: Listed, entry: Entry) -> tuple[Attestation, ...]:
    """What was said of the list's other items; what is on the list no more is left to the audit trail."""
    others = {each.item.item for each in shown.entries if each is not entry}
    return tuple(said for said in shown.request.attested if said.item in others)


def _meant(shown: Listed, target: Target) -> Entry:
    """The item of the button, in the list as it stands now."""
    request = shown.request
    if not shown.tickable:
        raise Refusal("checklist-closed", {"request": request.id, "state": request.state.value})
    found = next((e for e in shown.entries if e.key == target.item and e.item.attest is not None), None)
    if found is None or target.revision != request.revision:
        raise Refusal("checklist-changed", {"request": request.id})
    return found


def _listed(tx: Transaction, policy: Policy, request: ChangeRequest) -> Listed:
    policy = as_asked(policy, request)
    if left_policy(policy, request) is not None:
        raise Refusal("no-longer-in-policy", {"request": request.id})
    name = name_for(policy, request.environment)
    if name is None:
        raise Refusal("no-checklist", {"request": request.id, "environment": request.environment})
    items = policy.checklists[name]
    tickable = request.state in _TICKABLE
    seen = Asked(answers=shown.recall(tx, policy, request)) if tickable else NOBODY_ASKED
    asked = _Asked(tx, policy, request, seen) if tickable else None
    entries = tuple(_entry(request, item, asked) for item in items)
    return Listed(request=request, name=name, entries=entries, tickable=tickable, now=tx.now)


def _entry(request: ChangeRequest, item: ChecklistItem, asked: "_Asked | None") -> Entry:
    outcomes = () if request.readiness is None else request.readiness.outcomes
    said = next((each for each in request.attested if each.item == item.item), None)
    mine = said if said in request.ticks else None
    open_now = asked is not None and item.attest is not None and mine is None
    return Entry(
        key=item.compiled().key,
        item=item,
        tick=mine,
        void=None if mine is not None else said,
        outcome=next((outcome for outcome in outcomes if outcome.gate == item.gate), None),
        may=asked.able(item) if asked is not None and open_now else (),
    )


def _role(
    tx: Transaction, policy: Policy, request: ChangeRequest, entry: Entry, actor: Actor, asked: Asked
) -> str:
    """The role in which the item is ticked, asked for now: a statement stays true when its shift is over."""
    refused = _Asked(tx, policy, request, asked).against(entry.item, actor.person or "")
    if refused is None and entry.item.attest is not None:
        return entry.item.attest
    facts: dict[str, JsonValue] = {"item": entry.item.item, "role": entry.item.attest, "may": [*entry.may]}
    raise Refusal("may-not-tick", facts | (refused or {}))


class _Asked:
    """Who may tick what of one request: roles and authors are asked once for the whole list. `asked` is what the live
    sources of roles said: just now, or, to be shown, a while ago."""

    def __init__(self, tx: Transaction, policy: Policy, request: ChangeRequest, asked: Asked) -> None:
        self._policy = policy
        self._request = request
        self._known = cache(
            lambda person: Known(
                links=tx.identities.of(person), authors=asked.authors, problem=asked.authors_problem
            )
        )
        self._roles = cache(lambda person: roles_of(rostered(tx, policy), person, tx.now, asked.answers))
        self._built = cache(lambda: list(tx.evidence.about(request.service, artifact=request.artifact.tag)))

    def able(self, item: ChecklistItem) -> tuple[str, ...]:
        """The people of the directory who may tick it."""
        return tuple(person for person in self._policy.people if self.against(item, person) is None)

    def against(self, item: ChecklistItem, person: str) -> dict[str, JsonValue] | None:
        """Why this person may not tick it; None where they may. The requester may, unless the item excludes them:
        whoever knows that the dashboards are ready is often whoever asks."""
        held = self._roles(person)
        if item.attest not in held.roles:
            return {"unanswered": [*sorted({s for role, s in held.unanswered if role == item.attest})]}
        # Whoever may hold an excluded role, for all that is known, is excluded as well.
        out = {person, *held.possible} & set(item.exclude)
        if "requester" in item.exclude and person == self._request.requester.person:
            out |= {"requester"}
        if "commit-authors" in item.exclude and not self._no_author(person):
            out |= {"commit-authors"}
        return {"excluded": [*sorted(out)]} if out else None

    def _no_author(self, person: str) -> bool:
        """Where CI did not say who wrote the build, nobody can be cleared of having written it."""
        try:
            wrote_none_of_it(self._policy, self._request, person, self._built(), self._known(person))
        except Refusal:
            return False
        return True
