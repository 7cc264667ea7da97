"""Judge a request on facts gathered just now, and move it to where they put it. Runs when asked for, when facts
change, when an approval arrives, and when a waiting gate said it would pass."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, ChangeRequest, Closing, RequestState
from bot.domain.outcome import GateOutcome, Readiness, Status
from bot.domain.snapshot import Snapshot
from bot.flows import owing
from bot.flows.bind import bind
from bot.flows.collect import Collector, known_rows, running
from bot.flows.count import count_signatures, quorum_of, recount
from bot.flows.intend import another_run, intend
from bot.gates import calendar, judge
from bot.policy import Policy
from bot.ports import Ledger, Transaction

ASK_AGAIN = timedelta(seconds=15)
PASSING = frozenset({"ran_seconds"})  # facts that every judgement tells anew, though nothing happened


@dataclass(frozen=True, slots=True)
class Judgement:
    """A snapshot and what every gate said of it."""

    snapshot: Snapshot
    readiness: Readiness


async def judged(collector: Collector, policy: Policy, request: ChangeRequest, now: datetime) -> Judgement:
    """The one decision function behind Slack, HTTP, the scheduler and the command line.

    A request for a later instant is judged for that instant (`at=`).
    """
    snapshot = await collector.collect(policy, request)
    return Judgement(snapshot, _readiness(policy, snapshot, now))


def _readiness(policy: Policy, snapshot: Snapshot, now: datetime) -> Readiness:
    request = snapshot.request
    at = max(now, request.start.at) if request.start.at else now
    return judge(snapshot, policy.environments[request.environment].gates, at, policy.digest)


async def evaluate(ledger: Ledger, collector: Collector, policy: Policy, request_id: str) -> None:
    """Evaluate one request. Does nothing for one that is over or under way: it may be called any number of times."""
    request = await ledger.read(lambda tx: tx.requests.get(request_id))
    if request is None or not _evaluable(request):
        return
    if request.service not in policy.services or request.environment not in policy.environments:
        await ledger.write(lambda tx: _refuse_gone(tx, policy, request_id))
        return
    judgement = await judged(collector, policy, request, request.requested_at)
    await ledger.write(lambda tx: decide(tx, policy, request_id, judgement.snapshot))


def _evaluable(request: ChangeRequest) -> bool:
    return request.is_open and request.state is not RequestState.STARTING


def _refuse_gone(tx: Transaction, policy: Policy, request_id: str) -> None:
    request = tx.requests.get(request_id, lock=True)
    if request is not None and _evaluable(request):
        _close(tx, policy, request, RequestState.REFUSED, "no-longer-in-policy")
