"""What flows ask of the world around: the time, registries, deployers, monitors, repositories, groups, Slack."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.artifact import RegistryAnswer
from bot.domain.deployment import Run, RunResult
from bot.domain.environment import Reading
from bot.domain.owed import Delivery
from bot.domain.repository import Changes, Owners
from bot.policy import Monitor, Policy


class Clock(Protocol):
    """The only source of the time; aware, in UTC."""

    def now(self) -> datetime: ...


class Registry(Protocol):
    """An OCI registry; never raises: what goes wrong is in the answer."""

    async def resolve(self, image: str, reference: str) -> RegistryAnswer: ...


class Deployer(Protocol):
    """Starts a rollout, shifts it to its run's next step (`Run.aim`, per cent of the traffic), and rolls back.

    `roll_back` brings `Run.artifact`, a version that ran before, back to all of the traffic. `look_up` tells what came
    of a call that may have been made before a crash, and of a rollback whether that version runs now (P17).
    """

    async def start(self, run: Run) -> RunResult: ...
    async def shift(self, run: Run) -> RunResult: ...
    async def roll_back(self, run: Run) -> RunResult: ...
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


class Repositories(Protocol):
    """The read side of a source forge (GitHub). Every call raises RepositoryError with a code, and nothing else."""

    async def team(self, team: str) -> frozenset[str]:
        """The numeric ids of the active members of ORG/TEAM, those of its child teams included."""
        ...

    async def account(self, login: str) -> str:
        """The numeric id that a login has now; a login can be given to somebody else, an id cannot."""
        ...

    async def changes(self, repository: str, *, base: str | None, head: str) -> Changes:
        """What changed from `base` to `head` and who wrote it; without `base`, the whole tree at `head`."""
        ...

    async def owners(self, repository: str, *, at: str, files: Sequence[str]) -> Owners:
        """Who owns these files by CODEOWNERS as it stands at the commit `at`."""
        ...


class Groups(Protocol):
    """Slack user groups."""

    async def members(self, group: str, *, fresh: bool) -> frozenset[str]:
        """The member ids of an enabled group. Not `fresh`: an answer of the last minute will do.

        Raises GroupError, whose code says why: a workspace on a free plan has no groups (`no-groups-on-this-plan`).
        """
        ...


class GroupError(Exception):
    """The group's members are not known; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


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
