"""What the sources of roles said last, kept beside a request to be shown: never audited, and never to decide by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.authority import NOT_ASKED, Answers, Membership
from bot.domain.change_request import ChangeRequest
from bot.flows.authority import sources_for
from bot.flows.login_roles import last_roles
from bot.flows.roles import live_sources_of
from bot.flows.sources import NOT_ASKED as NOBODY_ASKED
from bot.flows.state_rules import as_asked
from bot.gates import checklist
from bot.policy import Policy
from bot.ports import Transaction

AUTHORITY: Final = "authority"
"""The surface under which the answers of a request's sources stand."""
UNCOUNTED: Final = "uncounted"
"""The surface under which it stands why signatures of its present revision do not count."""
OLD: Final = timedelta(minutes=5)
"""While nobody signs, the sources are asked no oftener than this."""
_LOGIN: Final = "oidc_role "


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """One signature that does not count: whose, and why, with the facts of the refusal."""

    person: str
    code: str
    facts: Mapping[str, JsonValue]


def shown_sources(policy: Policy, request: ChangeRequest) -> tuple[str, ...]:
    """What is asked to show who could sign, and who may tick what the checklist asks people for."""
    found = sources_for(policy, request)
    environment = as_asked(policy, request).environments.get(request.environment)
    rule = None if environment is None else environment.gates.get(checklist.NAME)
    if not isinstance(rule, checklist.Parameters):
        return found
    roles = roles_of_checklists(policy, [rule.name])
    return tuple(dict.fromkeys((*found, *live_sources_of(policy, roles))))


def roles_of_checklists(policy: Policy, names: Iterable[str]) -> frozenset[str]:
    """The roles on which it depends who may tick something on these lists."""
    items = [item for name in names for item in policy.checklists[name]]
    named = {role for item in items for role in (item.attest, *item.exclude) if role is not None}
    return frozenset(named & policy.roles.keys())


def is_old(tx: Transaction, request: ChangeRequest) -> bool:
    """Whether the answers that are shown are missing, or so old that they may be asked for again."""
    place = tx.place(request.id, AUTHORITY)
    at = None if place is None else place.get("at")
    return not isinstance(at, str) or tx.now - datetime.fromisoformat(at) >= OLD


def keep(tx: Transaction, request: ChangeRequest, answers: Answers) -> bool:
    """Keep what was answered beside what is known already; whether that shows something new.

    Of whoever was not asked about, what was said before stays: a decision asks about few people.
    """
    if not answers.by_source:
        return False
    place = tx.place(request.id, AUTHORITY)
    before = _read(place)
    now = {s: _merged(a, before.get(s)) for s, a in answers.by_source.items() if not s.startswith(_LOGIN)}
    kept: dict[str, JsonValue] = {source: _plain(each) for source, each in (before | now).items()}
    tx.put_place(request.id, AUTHORITY, {"at": tx.now.isoformat(), "sources": kept})
    return {s: _gist(a) for s, a in before.items()} != {s: _gist(a) for s, a in (before | now).items()}


def recall(tx: Transaction, policy: Policy, request: ChangeRequest) -> Answers:
    """What the sources that this request needs said last. Roles by login are those of each person's last answer."""
    sources = shown_sources(policy, request)
    if not sources:
        return NOT_ASKED
    kept = _read(tx.place(request.id, AUTHORITY))
    found = {source: kept[source] for source in sources if source in kept}
    logins = [source for source in sources if source.startswith(_LOGIN)]
    if logins:
        roles = {person: last_roles(tx, person)[0] for person in policy.people}
        for source in logins:
            holders = frozenset(p for p, held in roles.items() if source.removeprefix(_LOGIN) in held)
            found[source] = Membership(source=source, asked_at=tx.now, members=holders)
    return Answers(found)


def keep_uncounted(
    tx: Transaction, request: ChangeRequest, person: str, facts: Mapping[str, JsonValue]
) -> None:
    """Keep why a signature of the present revision does not count."""
    place = tx.place(request.id, UNCOUNTED) or {}
    people = place.get("people") if place.get("revision") == request.revision else None
    before = people if isinstance(people, dict) else {}
    tx.put_place(
        request.id, UNCOUNTED, {"revision": request.revision, "people": {**before, person: {**facts}}}
    )


def uncounted(tx: Transaction, request: ChangeRequest, person: str, code: str) -> Uncounted:
    """Why this person's signature does not count, as far as it was kept."""
    place = tx.place(request.id, UNCOUNTED) or {}
    people = place.get("people") if place.get("revision") == request.revision else None
    facts = people.get(person) if isinstance(people, dict) else None
    fits = isinstance(facts, dict) and facts.get("code") == code
    return Uncounted(person=person, code=code, facts=facts if fits and isinstance(facts, dict) else {})


def _merged(answer: Membership, before: Membership | None) -> Membership:
    unasked = {person for person, code in answer.silent.items() if code == NOBODY_ASKED}
    members = answer.members | (frozenset() if before is None else before.members & unasked)
    silent = {person: code for person, code in answer.silent.items() if person not in unasked}
    return Membership(
        source=answer.source,
        asked_at=answer.asked_at,
        members=members,
        problem=answer.problem,
        silent=silent,
        facts=answer.facts,
    )


def _gist(answer: Membership) -> tuple[object, ...]:
    """What is news about an answer: not when it was given."""
    return answer.members, answer.problem, dict(answer.silent)


def _plain(answer: Membership) -> dict[str, JsonValue]:
    return {
        "at": answer.asked_at.isoformat(),
        "members": [*sorted(answer.members)],
        "problem": answer.problem,
        "silent": {**answer.silent},
        "facts": {**answer.facts},
    }


def _read(place: Mapping[str, JsonValue] | None) -> dict[str, Membership]:
    sources = None if place is None else place.get("sources")
    plain = sources if isinstance(sources, dict) else {}
    return {source: _restored(source, each) for source, each in plain.items() if isinstance(each, dict)}


def _restored(source: str, plain: Mapping[str, JsonValue]) -> Membership:
    members, silent, facts = plain.get("members"), plain.get("silent"), plain.get("facts")
    problem = plain.get("problem")
    return Membership(
        source=source,
        asked_at=datetime.fromisoformat(str(plain["at"])),
        members=frozenset(map(str, members)) if isinstance(members, list) else frozenset(),
        problem=None if problem is None else str(problem),
        silent={p: str(code) for p, code in silent.items()} if isinstance(silent, dict) else {},
        facts=facts if isinstance(facts, dict) else {},
    )
