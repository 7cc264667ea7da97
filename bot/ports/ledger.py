"""What flows need of the ledger: records whose changes are audited, and one transaction around all of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import JsonValue

from bot.domain.approval import Approval
from bot.domain.audit import Entry, Fact
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import Run
from bot.domain.environment import EnvironmentState, MonitorState, Turn
from bot.domain.evidence import Evidence
from bot.domain.feed import FeedState
from bot.domain.freeze import Freeze
from bot.domain.identity import Identity, Provider
from bot.domain.incident import Incident
from bot.domain.override import Override
from bot.domain.owed import Claimed, Delivery, Timer
from bot.domain.page import Page
from bot.domain.postmortem import Postmortem
from bot.domain.second_factor import Challenge, Credential, Intent

T = TypeVar("T")
R = TypeVar("R")
Place = Mapping[str, JsonValue]


class Records(Protocol[R]):
    """Audited records of one noun. `put` writes the record and its audit entry; there is no other way to write."""

    def get(self, id: str, *, lock: bool = False) -> R | None: ...  # noqa: A002
    def put(self, record: R, because: Fact) -> None: ...


class Requests(Records[ChangeRequest], Protocol):
    def next_number(self) -> int: ...
    def open(
        self,
        *,
        service: str | None = None,
        environment: str | None = None,
        artifact: str | None = None,
        state: RequestState | None = None,
    ) -> list[ChangeRequest]: ...
    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        service: str | None = None,
        environment: str | None = None,
    ) -> list[ChangeRequest]: ...


class Approvals(Records[Approval], Protocol):
    def of(self, request: str) -> list[Approval]: ...


class Statements(Records[Evidence], Protocol):
    """Evidence rows."""

    def about(self, service: str, *, artifact: str | None, limit: int = 1000) -> list[Evidence]: ...
    def deployments(self, service: str, environment: str, *, limit: int = 200) -> list[Evidence]: ...


class Runs(Records[Run], Protocol):
    def of(self, request: str) -> list[Run]: ...
    def keep_output(self, run: str, output: str) -> None: ...
    def output(self, run: str) -> str | None: ...


class Environments(Records[EnvironmentState], Protocol):
    """Recorded colours; the monitors' readings are measurements, kept beside them and not audited."""

    def turns(self, environment: str, *, since: datetime) -> list[Turn]:
        """How its colour went from `since` on, oldest first, the colour that it had at that instant included."""
        ...

    def monitors(self, environment: str | None = None) -> list[MonitorState]: ...
    def keep(self, monitor: MonitorState) -> None: ...


class Incidents(Records[Incident], Protocol):
    def next_number(self) -> int: ...
    def open(self, environment: str | None = None) -> list[Incident]: ...
    def newest(
        self, *, limit: int, environment: str | None = None, since: datetime | None = None
    ) -> list[Incident]: ...


class Pages(Records[Page], Protocol):
    """Who was told of an incident, by which ways, and whether one of them worked."""

    def of(self, incident: str) -> list[Page]: ...


class Postmortems(Records[Postmortem], Protocol):
    def drafts(self) -> list[Postmortem]: ...
    def newest(self, *, limit: int) -> list[Postmortem]:
        """Published or not, the last due first."""
        ...


class Overrides(Records[Override], Protocol):
    def next_number(self) -> int: ...
    def since(self, instant: datetime) -> list[Override]:
        """Overrides that were not over at `instant`, in the order in which they were declared."""
        ...


class Freezes(Records[Freeze], Protocol):
    def next_number(self) -> int: ...
    def since(self, instant: datetime) -> list[Freeze]:
        """Freezes that were not over at `instant`: those ahead, those in force and what ended since."""
        ...

    def newest(self, *, limit: int) -> list[Freeze]: ...


class Feeds(Protocol):
    """Fetched calendars by address: what is known of each, and the bytes of its last good copy."""

    def get(self, url: str) -> FeedState | None: ...
    def all(self) -> list[FeedState]: ...
    def body(self, url: str) -> bytes | None: ...
    def keep(self, state: FeedState, body: bytes | None = None) -> None: ...


class Credentials(Records[Credential], Protocol):
    def of(self, person: str) -> list[Credential]:
        """What is enrolled and not revoked, pending ones included, oldest first."""
        ...

    def by_passkey(self, credential_id: str) -> Credential | None:
        """Whoever's passkey this is, revoked or not: one credential belongs to one person for good."""
        ...

    def accept_step(self, credential: str, step: int) -> bool:
        """Compare-and-set the last accepted TOTP step; False where it was used already."""
        ...

    def accept_counter(self, credential: str, counter: int) -> bool:
        """Compare-and-set a passkey's signature counter. False where it did not grow (a copy exists); passkeys that
        count nothing always say 0, and are believed as long as they always said 0."""
        ...

    def failures_since(self, person: str, since: datetime) -> int: ...
    def failures_from(self, address: str, since: datetime) -> int: ...
    def failed_at(
        self, since: datetime, *, person: str | None = None, address: str | None = None
    ) -> list[datetime]:
        """When a factor failed since then, of this person or from this address; the oldest first."""
        ...

    def note_failure(self, person: str, at: datetime, *, address: str | None = None) -> None: ...


class Identities(Records[Identity], Protocol):
    """Linked accounts. `put` of an account that is another person's raises: it is linked for good."""

    def of(self, person: str) -> list[Identity]:
        """Links in force, by provider."""
        ...

    def find(self, provider: Provider, subject: str) -> Identity | None:
        """The link of this account, in force or not: whose it is, and was."""
        ...

    def all(self) -> list[Identity]:
        """Every link in force."""
        ...


class Intents(Protocol):
    """Clicks that wait for their second factor, and the challenges of each. Not audited: what they lead to is."""

    def get(self, id: str) -> Intent | None: ...  # noqa: A002
    def put(self, intent: Intent) -> None: ...
    def use(self, id: str, at: datetime) -> bool:  # noqa: A002
        """Mark it used; False where it was used already."""
        ...

    def ask(self, challenge: Challenge) -> None: ...
    def challenge(self, id: str) -> Challenge | None: ...  # noqa: A002
    def consume(self, id: str, at: datetime) -> Challenge | None:  # noqa: A002
        """Consume a challenge: it is returned to the first who asks, while it lasts; None to everybody else."""
        ...


class Trail(Protocol):
    """The audit entries."""

    def record(self, fact: Fact, *, subject: str) -> None:
        """An entry for something that happened without changing a record (a denial, a reload)."""
        ...

    def entries(
        self, *, after: int = 0, limit: int = 1000, subject: str | None = None
    ) -> Sequence[Entry]: ...


class Transaction(Protocol):
    """One unit of work. State, audit entries, timers and deliveries commit together or not at all."""

    @property
    def now(self) -> datetime: ...
    @property
    def requests(self) -> Requests: ...
    @property
    def approvals(self) -> Approvals: ...
    @property
    def evidence(self) -> Statements: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def environments(self) -> Environments: ...
    @property
    def incidents(self) -> Incidents: ...
    @property
    def pages(self) -> Pages: ...
    @property
    def postmortems(self) -> Postmortems: ...
    @property
    def overrides(self) -> Overrides: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def identities(self) -> Identities: ...
    @property
    def intents(self) -> Intents: ...
    @property
    def freezes(self) -> Freezes: ...
    @property
    def feeds(self) -> Feeds: ...
    @property
    def trail(self) -> Trail: ...

    def remembered(self, key: str) -> JsonValue | None:
        """The answer given before to what Slack or CI sent under this id, if any (promise 4)."""
        ...

    def remember(self, key: str, answer: JsonValue) -> None: ...
    def schedule(self, timer: Timer) -> None: ...
    def unschedule(self, kind: str, subject: str) -> None: ...
    def owe(self, delivery: Delivery) -> None: ...
    def place(self, subject: str, surface: str) -> Place | None:
        """Where a message about `subject` stands (channel and timestamp), or how to reach who asked."""
        ...

    def put_place(self, subject: str, surface: str, place: Place) -> None: ...


class Ledger(Protocol):
    """The durable store. A step is a plain function: it cannot await, so nothing outside is called inside it."""

    async def write(self, step: Callable[[Transaction], T]) -> T:
        """Run `step` in one transaction and commit it; when this returns, it is on disk. An exception rolls back."""
        ...

    async def read(self, query: Callable[[Transaction], T]) -> T: ...


class Owed(Protocol[R]):
    """The worker's side of timers and deliveries: claim with a lease, renew, finish or put off."""

    async def claim(self, *, limit: int, busy: frozenset[str]) -> list[Claimed[R]]: ...
    async def renew(self, claimed: Sequence[Claimed[R]]) -> None: ...
    async def finish(self, claimed: Claimed[R]) -> None: ...
    async def put_off(self, claimed: Claimed[R], *, until: datetime, code: str) -> None: ...
    async def next_due(self) -> datetime | None: ...
