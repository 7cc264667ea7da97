"""A change request (`DEP-42`): what is asked, how it stands, and which moves its state allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from bot.domain.artifact import Artifact
from bot.domain.outcome import Readiness


class Kind(StrEnum):
    """Why production would change (P9)."""

    INITIAL = "initial"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    CONFIGURATION = "configuration"
    EMERGENCY = "emergency"


class RequestState(StrEnum):
    """How a request stands."""

    EVALUATING = "evaluating"
    AWAITING_APPROVAL = "awaiting-approval"
    APPROVED = "approved"
    STARTING = "starting"
    LIVE = "live"
    REFUSED = "refused"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    UNRESOLVED = "unresolved"  # the deployer was called and nobody knows what came of it

    @property
    def is_open(self) -> bool:
        """Something may still happen to it."""
        return self in OPEN


OPEN = frozenset(
    {
        RequestState.EVALUATING,
        RequestState.AWAITING_APPROVAL,
        RequestState.APPROVED,
        RequestState.STARTING,
    }
)

MOVES: dict[RequestState, frozenset[RequestState]] = {
    RequestState.EVALUATING: frozenset(
        {
            RequestState.AWAITING_APPROVAL,
            RequestState.APPROVED,
            RequestState.REFUSED,
            RequestState.CANCELLED,
            RequestState.EXPIRED,
        }
    ),
    RequestState.AWAITING_APPROVAL: frozenset(
        {
            RequestState.EVALUATING,
            RequestState.APPROVED,
            RequestState.REFUSED,
            RequestState.REJECTED,
            RequestState.CANCELLED,
            RequestState.EXPIRED,
        }
    ),
    RequestState.APPROVED: frozenset(
        {
            RequestState.AWAITING_APPROVAL,
            RequestState.STARTING,
            RequestState.REFUSED,
            RequestState.REJECTED,
            RequestState.CANCELLED,
            RequestState.EXPIRED,
        }
    ),
    RequestState.STARTING: frozenset({RequestState.LIVE, RequestState.FAILED, RequestState.UNRESOLVED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it: a person of the directory where known, and always the Slack user, token or program."""

    via: str  # "slack:T1/U01ADA", "token:ci", "portcullis"
    person: str | None = None


SYSTEM = Actor(via="portcullis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """When it may start: `asap` once approved and green, `next` opening, or `at` an instant."""

    mode: str = "asap"
    at: datetime | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("asap", "next", "at") or (self.mode == "at") != (self.at is not None):
            raise ValueError(f"not a start: {self.mode} {self.at}")

    @property
    def by_itself(self) -> bool:
        """The requester said when, so nobody has to press a button at that instant."""
        return self.mode != "asap"


ASAP = Start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How a request ended: a code, who, when and the words a person gave."""

    code: str
    by: Actor
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Somebody said stop: nothing of it starts or goes on until somebody says resume."""

    by: Actor
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Somebody in `role` said of an item of the checklist that it is so (P18, F3): true of one revision only."""

    item: str
    role: str
    by: Actor
    at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Somebody looked at a broken glass afterwards, and said what they found."""

    by: Actor
    at: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlass:
    """An emergency passes gates that stand closed (P13): loud, listed, expiring, and reviewed afterwards.

    `bypasses` is what the policy let it pass when the glass was broken; nothing is added later. `review_due` is set
    when it was used: when something started that a closed gate would have held.
    """

    by: Actor
    at: datetime
    ticket: str
    reason: str
    bypasses: tuple[str, ...]
    expires_at: datetime
    requires: tuple[str, ...] = ()  # what the policy demanded of it: `incident-ticket`, `rollback-plan`
    told: tuple[str, ...] = ()  # who was on call then; empty: nobody was, and others are told instead
    told_at: datetime | None = None  # when that message had really arrived; nothing starts before
    used_at: datetime | None = None
    review_due: datetime | None = None
    review: Review | None = None

    def __post_init__(self) -> None:
        if not (self.ticket and self.reason):
            raise ValueError("nobody breaks glass without an incident ticket and a reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """One request to change an environment. Immutable: each change is a new value and an audit entry."""

    id: str
    number: int
    kind: Kind
    service: str
    environment: str
    artifact: Artifact
    requester: Actor
    requested_at: datetime
    expires_at: datetime
    evidence_deadline: datetime
    state: RequestState = RequestState.EVALUATING
    revision: int = 1
    ticket: str | None = None
    reason: str | None = None
    fixes: str | None = None
    emergency: str | None = None
    start: Start = ASAP
    readiness: Readiness | None = None
    fingerprint: str | None = None
    rollback_target: Artifact | None = None
    bound: Mapping[str, JsonValue] = field(default_factory=dict)  # what the fingerprint is made of
    asked_to_start: Actor | None = None  # who pressed Start, until the gates have answered
    approved_at: datetime | None = None
    closing: Closing | None = None
    held: Hold | None = None
    attested: tuple[Attestation, ...] = ()  # one an item; of an earlier revision: void
    break_glass: BrokenGlass | None = None
    rolls_back: str | None = None  # the request whose version is taken back (P16)

    @property
    def is_open(self) -> bool:
        return self.state.is_open

    @property
    def automatic(self) -> bool:
        """A rollback that nobody asked for: what was watched failed, and the approval of what it takes back contained
        it (P15)."""
        return self.kind is Kind.ROLLBACK and self.requester == SYSTEM

    @property
    def ticks(self) -> tuple[Attestation, ...]:
        """What people attested of what is asked for now; what they said of an earlier revision is void."""
        return tuple(tick for tick in self.attested if tick.revision == self.revision)

    def may_become(self, state: RequestState) -> bool:
        """Whether the state machine has this arrow."""
        return state in MOVES.get(self.state, frozenset())
