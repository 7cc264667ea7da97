"""Who may ask for a change somewhere, and who may read about it: the access matrix (F10).

Only what a policy restricts is restricted. Stopping, holding and rejecting are open to everybody: the safe direction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.authority import NOT_ASKED, Answers
from bot.domain.change_request import ChangeRequest
from bot.domain.refusal import Refusal
from bot.flows.asking import Asker, known_request
from bot.flows.authority import Authority, about_at_a_press, asked_of
from bot.flows.on_duty import rostered
from bot.flows.roles import Held, live_sources_of, roles_of
from bot.gates import checklist
from bot.policy import Environment, Policy
from bot.ports import Ledger

REQUEST, READ = "may-not-request", "may-not-read"
MOST_NAMED: Final = 12
"""So many roles are named to somebody who holds none of them."""


def may_request(
    policy: Policy,
    person: str,
    request: ChangeRequest,
    now: datetime,
    answers: Answers = NOT_ASKED,
    *,
    benefit: bool = False,
) -> None:
    """Whether `person` may ask for `request`: by a role that the environment names and that has a say in this kind of
    change (`only_for`). `benefit` (of the doubt): a source that was not asked counts as yes, and is asked later.

    Raises Refusal `may-not-request`.
    """
    wanted = policy.environments[request.environment].access.request
    if wanted is None:
        return
    held = roles_of(policy, person, now, answers, request)
    if (held.possible if benefit else held.roles).isdisjoint(wanted):
        without = (
            held.not_for & roles_of(policy, person, now, answers).roles
        )  # theirs, and without a say in this
        raise _refusal(policy, REQUEST, request.environment, wanted, held, without)


def may_read(
    policy: Policy, person: str, environment: str, now: datetime, answers: Answers = NOT_ASKED
) -> None:
    """Whether `person` may read about `environment`: by a role that it names for reading or for asking, or by one that
    could fill a seat there. What left the policy is as open as it was without rules.

    Raises Refusal `may-not-read`.
    """
    found = policy.environments.get(environment)
    if found is None or found.access.read is None:
        return
    wanted = readers(policy, found)
    held = roles_of(policy, person, now, answers)
    if held.roles.isdisjoint(wanted):
        raise _refusal(policy, READ, environment, wanted, held)


def readers(policy: Policy, environment: Environment) -> tuple[str, ...]:
    """The roles that may read where reading is restricted: those named for it first, then whoever acts there: asks,
    fills a seat, or ticks what the checklist asks people for."""
    seats = list(environment.approval.seats)
    for section in (environment.break_glass, environment.rollback):
        seats += [] if section is None else section.seats
    acting = (*(environment.access.request or ()), *(role for seat in seats for role in seat.role))
    rule = environment.gates.get(checklist.NAME)
    items = policy.checklists[rule.name] if isinstance(rule, checklist.Parameters) else ()
    ticking = (item.attest for item in items if item.attest is not None)
    return tuple(dict.fromkeys((*(environment.access.read or ()), *acting, *ticking)))


def _refusal(
    policy: Policy,
    code: str,
    environment: str,
    wanted: Iterable[str],
    held: Held,
    without: frozenset[str] = frozenset(),
) -> Refusal:
    """`without` are roles of theirs that would do, for another kind of change."""
    roles = [role for role in wanted if role not in held.not_for]
    own = [role for role in wanted if role in without]
    facts: dict[str, JsonValue] = {
        "environment": environment,
        "roles": [*roles[:MOST_NAMED]],
        "not_for": [*own],
        "emergency": any("emergency" in (policy.roles[role].only_for or ()) for role in own),
        "unanswered": [*sorted({source for role, source in held.unanswered if role in wanted})],
    }
    return Refusal(code, facts)


# For those who read


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whoever reads, and what may be asked about them. `authority` is None where no live source is connected."""

    asker: Asker
    ledger: Ledger
    policy: Policy
    authority: Authority | None = None

    async def request(self, request_id: str) -> None:
        """Raise Refusal `may-not-read`, or `unknown-person` for a stranger, where this request may not be read. Its
        requester always may."""
        request, now = await self.ledger.read(lambda tx: (known_request(tx, request_id, lock=False), tx.now))
        if not restricted(self.policy, request.environment):
            return
        person = self.asker.actor(self.policy).person or ""
        if person != request.requester.person:
            await self._about(person, request.environment, now, request)

    async def environment(self, environment: str, about: ChangeRequest | None = None) -> None:
        """The same for whatever is told about an environment, or about a request of it."""
        if restricted(self.policy, environment):
            person = self.asker.actor(self.policy).person or ""
            now = await self.ledger.read(lambda tx: tx.now)
            await self._about(person, environment, now, about)

    async def readable(self, requests: Iterable[ChangeRequest]) -> list[ChangeRequest]:
        """Those that may be read, in their order; what may not is left out."""
        found, allowed = list(requests), dict[str, bool]()
        for name, one in {request.environment: request for request in found}.items():
            try:
                await self.environment(name, one)
            except Refusal:
                allowed[name] = False
        mine = self.policy.person_by_slack(self.asker.user)
        person = None if mine is None else mine[0]
        return [
            r
            for r in found
            if allowed.get(r.environment, True) or (person is not None and r.requester.person == person)
        ]

    async def _about(
        self, person: str, environment: str, now: datetime, request: ChangeRequest | None
    ) -> None:
        """By the policy's own words where they suffice; only otherwise its live sources are asked."""
        policy = await self.ledger.read(lambda tx: rostered(tx, self.policy))
        try:
            may_read(policy, person, environment, now)
        except Refusal as refusal:
            if not refusal.facts.get("unanswered") or self.authority is None:
                raise
        else:
            return
        roles = readers(self.policy, self.policy.environments[environment])
        if request is not None:
            answers = (await asked_of(self.authority, self.policy, request, person, roles=roles)).answers
        else:
            answers = await about_at_a_press(self.authority, self.policy, person)
        may_read(policy, person, environment, now, answers)


def restricted(policy: Policy, environment: str) -> bool:
    """Whether reading about it takes a role."""
    found = policy.environments.get(environment)
    return found is not None and found.access.read is not None


# For those who ask


def sources_of_requesters(policy: Policy, request: ChangeRequest) -> tuple[str, ...]:
    """The live sources on which it depends whether its requester may ask for it; empty where the policy knows."""
    found = policy.environments.get(request.environment)
    wanted = None if found is None else found.access.request
    return () if wanted is None else live_sources_of(policy, wanted)
