"""What flows need from outside, as Protocols; adapters, storage and handlers implement them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import JsonValue

from bot.domain.approval import Approval
from bot.domain.artifact import RegistryAnswer
from bot.domain.audit import Entry, Fact
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import Run, RunResult
from bot.domain.environment import EnvironmentState, MonitorState, Reading
from bot.domain.evidence import Evidence
from bot.domain.feed import FeedState
from bot.domain.freeze import Freeze
from bot.domain.incident import Incident
from bot.domain.owed import Claimed, Delivery, Timer
from bot.domain.second_factor import Credential
from bot.policy import Monitor, Policy

T = TypeVar("T")
R = TypeVar("R")
Place = Mapping[str, JsonValue]


class Clock(Protocol):
    """The only source of the time; aware, in UTC."""

    def now(self) -> datetime: ...


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

    def monitors(self, environment: str | None = None) -> list[MonitorState]: ...
    def keep(self, monitor: MonitorState) -> None: ...


class Incidents(Records[Incident], Protocol):
    def next_number(self) -> int: ...
    def open(self, environment: str | None = None) -> list[Incident]: ...


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
    def of(self, person: str) -> list[Credential]: ...
    def accept_step(self, credential: str, step: int) -> bool:
        """Compare-and-set the last accepted TOTP step; False where it was used already."""
        ...

    def failures_since(self, person: str, since: datetime) -> int: ...
    def note_failure(self, person: str, at: datetime) -> None: ...


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
    def credentials(self) -> Credentials: ...
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


class Registry(Protocol):
    """An OCI registry; never raises: what goes wrong is in the answer."""

    async def resolve(self, image: str, reference: str) -> RegistryAnswer: ...


class Deployer(Protocol):
    """Starts a rollout, and shifts it to its run's next step (`Run.aim`, per cent of the traffic).

    `look_up` tells what came of a call that may have been made before a crash.
    """

    async def start(self, run: Run) -> RunResult: ...
    async def shift(self, run: Run) -> RunResult: ...
    async def look_up(self, run: Run) -> RunResult | None: ...
    def rollback_command(
        self, service: str, environment: str, tag: str, digest: str | None
    ) -> str | None: ...


class Deployers(Protocol):
    """The deployer of a service."""

    def of(self, service: str) -> Deployer | None: ...


class Prober(Protocol):
    """Takes one reading of one monitor; never raises, and never takes longer than the monitor's time limit."""

    async def read(self, environment: str, monitor: Monitor) -> Reading: ...


class Seal(Protocol):
    """Encrypts second-factor secrets under the setting's key."""

    def close(self, secret: bytes, *, purpose: str) -> str: ...
    def open(self, sealed: str, *, purpose: str) -> bytes: ...


class CodeCheck(Protocol):
    """Reads a time-based code: the step it belongs to, or None where it is wrong."""

    def step(self, credential: Credential, code: str, at: datetime) -> int | None: ...


class Announcer(Protocol):
    """Turns a delivery into a message, rendered from the state at the moment of sending."""

    async def announce(self, delivery: Delivery) -> None:
        """Raises `Later` when it should be tried again, `Undeliverable` when that is pointless."""
        ...


class Later(Exception):  # noqa: N818
    """Try again, no sooner than `after_seconds` from now."""

    def __init__(self, code: str, after_seconds: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.after_seconds = after_seconds


class Undeliverable(Exception):  # noqa: N818
    """It will not arrive however often it is tried; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PolicyInForce(Protocol):
    """The policy that is in force now; a reload replaces it whole."""

    @property
    def policy(self) -> Policy: ...
