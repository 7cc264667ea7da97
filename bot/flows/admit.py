"""Asks live whether a requester may ask for what they asked for, where the access matrix rests on such a role (F10).

The command itself is answered by the policy's own words; nothing is judged, shown or approved before this was asked.
"""

from dataclasses import replace

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.authority import NOT_ASKED
from bot.domain.change_request import SYSTEM, ChangeRequest, Closing, Kind, RequestState
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.access import may_request, sources_of_requesters
from bot.flows.authority import Authority
from bot.flows.on_duty import rostered
from bot.flows.seats import seat_plan
from bot.policy import Policy
from bot.ports import Ledger, Transaction

UNKNOWN = "access-unknown"
"""The closing's code where a source did not answer: an error denies, and says which source failed."""


async def admitted(
    ledger: Ledger, authority: Authority | None, policy: Policy, request: ChangeRequest
) -> bool:
    """Whether it may be judged. One that its requester may not ask for is refused here, and they are told."""
    if request.state is not RequestState.EVALUATING:
        return True
    if request.automatic:
        return True  # nobody asks for it
    if request.kind is Kind.ROLLBACK and not seat_plan(policy, request).asks_nobody:
        return True  # whoever may approve it may ask for it, and that is asked when they do
    if not sources_of_requesters(policy, request):
        return True  # the policy knew when it was asked for
    person = request.requester.person or ""
    answers = NOT_ASKED
    if authority is not None:
        roles = policy.environments[request.environment].access.request or ()
        answers = (await authority.ask(policy, request, people=(person,), roles=roles)).answers

    def step(tx: Transaction) -> bool:
        current = tx.requests.get(request.id, lock=True)
        if current is None or current.state is not RequestState.EVALUATING:
            return False
        try:
            may_request(rostered(tx, policy), person, current, tx.now, answers)
        except Refusal as refusal:
            _refuse(tx, policy, current, refusal)
            return False
        return True

    return await ledger.write(step)


def _refuse(tx: Transaction, policy: Policy, request: ChangeRequest, refusal: Refusal) -> None:
    silent = refusal.facts.get("unanswered")
    code = UNKNOWN if silent else refusal.code
    named = ", ".join(map(str, silent)) if isinstance(silent, list) else None
    closing = Closing(code=code, by=SYSTEM, at=tx.now, reason=named or None)
    closed = replace(request, state=RequestState.REFUSED, closing=closing)
    facts: dict[str, JsonValue] = {**refusal.facts, "code": code}
    tx.requests.put(closed, Fact(type="request.refused", facts=facts))
    tx.unschedule("evaluate", request.id)
    owing.answer(tx, policy, closed, RequestState.REFUSED.value)
