"""The incident report of a deployment that failed or was taken back (D5): what, when, by whom, why it was let through,
what it printed, what came back and whether that runs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.approval import Approval, ApprovalState
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import Run
from bot.domain.environment import Turn
from bot.domain.evidence import Evidence, EvidenceKind, newest
from bot.domain.incident import Incident
from bot.domain.owed import Delivery
from bot.domain.ran import Ran, versions
from bot.domain.refusal import Refusal
from bot.flows.asking import channel_lane, known_request
from bot.policy import Policy
from bot.ports import Ledger, Place, Transaction

KIND: Final = "failure-report"
"""The kind of its message in the thread of the request."""
LAST_LINES: Final = 40
"""So many lines of what was printed are shown, the last; all that is kept stays in the ledger."""
ROLLED_BACK: Final = "rolled-back"
"""The closing's code of what was live and was taken back."""
_ENDED: Final = (RequestState.LIVE, RequestState.FAILED, RequestState.UNRESOLVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What one run printed: its last lines, how many there are in all, and the digest of everything that is kept."""

    run: Run
    lines: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is known of one deployment, as it stands now."""

    request: ChangeRequest
    build: Evidence | None
    approvals: tuple[Approval, ...]
    outputs: tuple[Output, ...]
    rollbacks: tuple[ChangeRequest, ...]  # that take it back, oldest first
    incidents: tuple[Incident, ...]  # of which it is the suspect, oldest first
    runs_now: Ran | None  # by all that is known, what runs there now
    verified: Evidence | None  # the newest word on that version there
    colour: Turn | None
    place: Place | None
    now: datetime

    @property
    def taken_back(self) -> bool:
        """Whether what was live is not any more."""
        closing = self.request.closing
        return closing is not None and closing.code == ROLLED_BACK


def owe_report(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """`request` failed just now, or was taken back: its report, in its thread. One for each way in which it ended."""
    code = request.state.value if request.closing is None else request.closing.code
    tx.owe(
        Delivery(
            key=f"{KIND}:{request.id}:{request.state.value}:{code}",
            kind=KIND,
            destination=channel_lane(policy.slack.channels.approvals),
            subject=request.id,
            due_at=tx.now,
            facts={"at": tx.now.isoformat()},
        )
    )


async def report(ledger: Ledger, request_id: str) -> Report:
    """The report of one deployment. Raises Refusal `unknown-request` or `not-deployed`."""
    return await ledger.read(lambda tx: report_of(tx, request_id))


def report_of(tx: Transaction, request_id: str) -> Report:
    """The same within a transaction."""
    request = known_request(tx, request_id, lock=False)
    if request.state not in _ENDED:
        raise Refusal("not-deployed", {"request": request.id, "state": request.state.value})
    runs_now = _runs_now(tx, request)
    turns = tx.environments.turns(request.environment, since=tx.now)
    return Report(
        request=request,
        build=newest(tx.evidence.about(request.service, artifact=request.artifact.tag), EvidenceKind.BUILD),
        approvals=tuple(a for a in tx.approvals.of(request.id) if a.state is ApprovalState.COUNTED),
        outputs=tuple(_output(tx, run) for run in tx.runs.of(request.id)),
        rollbacks=_rollbacks(tx, request),
        incidents=_incidents(tx, request),
        runs_now=runs_now,
        verified=None if runs_now is None else _verified(tx, request, runs_now),
        colour=turns[-1] if turns else None,
        place=tx.place(request.id, "card"),
        now=tx.now,
    )


def _output(tx: Transaction, run: Run) -> Output:
    lines = (tx.runs.output(run.id) or "").splitlines()
    return Output(run=run, lines=tuple(lines[-LAST_LINES:]), count=len(lines))


def _rollbacks(tx: Transaction, request: ChangeRequest) -> tuple[ChangeRequest, ...]:
    recent = tx.requests.newest(limit=100, service=request.service, environment=request.environment)
    return tuple(r for r in reversed(recent) if r.rolls_back == request.id)


def _incidents(tx: Transaction, request: ChangeRequest) -> tuple[Incident, ...]:
    near = tx.incidents.newest(limit=100, environment=request.environment, since=request.requested_at)
    return tuple(i for i in reversed(near) if request.id in {i.suspect, *(word.request for word in i.judged)})


def _runs_now(tx: Transaction, request: ChangeRequest) -> Ran | None:
    found = versions(tx.evidence.deployments(request.service, request.environment))
    return found[-1] if found else None


def _verified(tx: Transaction, request: ChangeRequest, ran: Ran) -> Evidence | None:
    """What was said of the version that runs there after it came to run there."""
    about = tx.evidence.about(request.service, artifact=ran.artifact.tag)
    found = newest(about, EvidenceKind.VERIFICATION, environment=request.environment)
    return found if found is not None and found.at >= ran.at else None
