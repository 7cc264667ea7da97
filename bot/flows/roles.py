"""Which roles a person holds now: what the policy itself says, and what its live sources answered (P7, P8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.authority import NOT_ASKED, Answers, Word
from bot.domain.change_request import ChangeRequest, Kind
from bot.policy import Policy, Role


@dataclass(frozen=True, slots=True)
class Held:
    """The roles a person holds, and those that could not be decided, each with the sources that did not answer.

    `not_for` are roles that have no say in this kind of change (`only_for`), whoever holds them.
    """

    roles: frozenset[str]
    unanswered: tuple[tuple[str, str], ...] = ()
    not_for: frozenset[str] = frozenset()

    @property
    def possible(self) -> frozenset[str]:
        """What is held, or would be if every source that was silent said yes."""
        return self.roles | {role for role, _ in self.unanswered}


def roles_of(
    policy: Policy,
    person: str,
    now: datetime,
    answers: Answers = NOT_ASKED,
    request: ChangeRequest | None = None,
) -> Held:
    """A role is held by whoever any of its sources names; where `all_of` stands, all of that must agree too.

    What a source did not answer is no yes: the role is not held, and stands among `unanswered` where a yes would
    change that. With a `request`, a role that has no say in its kind is not held.
    """
    held: set[str] = set()
    unanswered: list[tuple[str, str]] = []
    not_for = frozenset() if request is None else _without_a_say(policy, request)
    for name, role in policy.roles.items():
        if name in not_for:
            continue
        word, silent = _decide(policy, role, person, now, answers)
        if word is Word.YES:
            held.add(name)
        elif word is Word.UNANSWERED:
            unanswered.extend((name, source) for source in silent)
    return Held(frozenset(held), tuple(unanswered), not_for)


def has_a_say(role: Role, request: ChangeRequest) -> bool:
    """Whether the role counts for this kind of change (P7). `scheduled`: it named its start, and is no emergency."""
    if role.only_for is None:
        return True
    kinds: set[str] = {request.kind.value}
    if request.start.by_itself and request.kind not in (Kind.EMERGENCY, Kind.CONFIGURATION):
        kinds.add("scheduled")
    return not kinds.isdisjoint(role.only_for)


def _without_a_say(policy: Policy, request: ChangeRequest) -> frozenset[str]:
    return frozenset(name for name, role in policy.roles.items() if not has_a_say(role, request))


def word_on(
    policy: Policy, name: str, person: str, now: datetime, answers: Answers = NOT_ASKED
) -> tuple[Word, tuple[str, ...]]:
    """Whether this person holds this role, whatever the change, and the sources that keep it unsaid."""
    role = policy.roles.get(name)
    return (Word.NO, ()) if role is None else _decide(policy, role, person, now, answers)


def _decide(
    policy: Policy, role: Role, person: str, now: datetime, answers: Answers
) -> tuple[Word, tuple[str, ...]]:
    if not role.live_sources and not _elsewhere(policy, role):
        return _said(_named_by_policy(policy, role, person, now)), ()
    bases = bases_of(policy, role, person, now, answers)
    own = [basis for basis in bases if not basis.must]
    all_of = [basis for basis in bases if basis.must]
    named = _any(basis.word for basis in own) if own else Word.YES  # nothing but `all_of` stands there
    word = _all((named, *(basis.word for basis in all_of)))
    if word is not Word.UNANSWERED:
        return word, ()
    waited_for = all_of if named is Word.YES else bases
    return word, tuple(basis.source for basis in waited_for if basis.word is Word.UNANSWERED)


@dataclass(frozen=True, slots=True)
class Basis:
    """One thing that a role rests on, and what it says of somebody. `must`: it stands under `all_of`. `code` says why
    a source did not answer."""

    source: str
    word: Word
    must: bool = False
    code: str | None = None


def bases_of(
    policy: Policy, role: Role, person: str, now: datetime, answers: Answers = NOT_ASKED
) -> tuple[Basis, ...]:
    """Everything that the role rests on, the policy's own words first."""
    found = []
    if role.people is not None:
        found.append(Basis("people", _said(role.people == "*" or person in role.people)))
    elsewhere = _elsewhere(policy, role)
    if role.on_call is not None and not elsewhere:
        found.append(Basis(f"on_call {role.on_call}", _said(on_call(policy, role.on_call, now) == person)))
    must = role.all_of.sources if role.all_of else ()
    found += [_live(s, person, answers, must=False) for s in (*role.own_live_sources, *elsewhere)]
    return (*found, *(_live(s, person, answers, must=True) for s in must))


def _live(source: str, person: str, answers: Answers, *, must: bool) -> Basis:
    word = answers.of(source, person)
    code = answers.why_silent(source, person) if word is Word.UNANSWERED else None
    return Basis(source, word, must, code)


def _named_by_policy(policy: Policy, role: Role, person: str, now: datetime) -> bool:
    if role.people is not None and (role.people == "*" or person in role.people):
        return True
    return role.on_call is not None and on_call(policy, role.on_call, now) == person


def _said(yes: bool) -> Word:
    return Word.YES if yes else Word.NO


def _any(words: Iterable[Word]) -> Word:
    found = set(words)
    return next((w for w in (Word.YES, Word.UNANSWERED) if w in found), Word.NO)


def _all(words: Iterable[Word]) -> Word:
    found = set(words)
    return next((w for w in (Word.NO, Word.UNANSWERED) if w in found), Word.YES)


def _elsewhere(policy: Policy, role: Role) -> tuple[str, ...]:
    """The rotation of a role that another system keeps, and of which nobody knows here what it says."""
    duty = policy.on_call.get(role.on_call or "")
    return () if duty is None or duty.known else (f"on_call {role.on_call}",)


def live_sources_of(policy: Policy, roles: Iterable[str]) -> tuple[str, ...]:
    """What has to be asked to know who holds these roles, each source once, in the policy's order."""
    wanted = set(roles)
    found: dict[str, None] = {}
    for name, role in policy.roles.items():
        if name in wanted:
            found |= dict.fromkeys((*role.live_sources, *_elsewhere(policy, role)))
    return tuple(found)


def first_responder(policy: Policy, now: datetime) -> str | None:
    """Who answers for an incident: on call in the rotation that the escalation names first, or, where it names
    none, in the first that the policy has. Ask with `on_duty.called(tx, policy)`: the policy alone knows neither of
    overrides nor of what another system says."""
    named = [target.on_call for step in policy.escalation for target in step.notify if target.on_call]
    found = (on_call(policy, rotation, now) for rotation in named or policy.on_call)
    return next((person for person in found if person is not None), None)


def on_call(policy: Policy, rotation: str, now: datetime) -> str | None:
    """The person on call in a rotation, for all that this policy knows: with `on_duty.rostered(tx, policy)` overrides
    and what other systems said are in it, and a contact who only stands in is nobody here."""
    duty = policy.on_call.get(rotation)
    return None if duty is None else duty.person_at(now)
