"""Hand-written stand-ins for what lies outside: the clock, the registry, the deployer and the second factor."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.domain.artifact import RegistryAnswer, RegistryWord
from bot.domain.deployment import Run, RunResult
from bot.domain.second_factor import Credential

TUESDAY_TEN = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
"""10:00 in New York on a Tuesday: the preferred window opens."""

TAG, DIGEST = "7a3f9c2", "sha256:" + "9f2c" * 16
NEXT_TAG, NEXT_DIGEST = "c0ffee1", "sha256:" + "c0fe" * 16
OLD_TAG, OLD_DIGEST = "51be07d", "sha256:" + "b00b" * 16
STRANGE_DIGEST = "sha256:" + "dead" * 16


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = TUESDAY_TEN) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        assert by >= timedelta(0)
        self.at += by


class FakeRegistry:
    """Knows tags and digests; can be silent, and can let something happen while it is asked."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.digests = {TAG: DIGEST, NEXT_TAG: NEXT_DIGEST, OLD_TAG: OLD_DIGEST}
        self.silent = False
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.asked: list[str] = []

    async def resolve(self, image: str, reference: str) -> RegistryAnswer:
        self.asked.append(reference)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        now = self._clock.now()
        if self.silent:
            return RegistryAnswer(word=RegistryWord.UNREACHABLE, asked_at=now, problem="timeout")
        digest = reference if reference in self.digests.values() else self.digests.get(reference)
        word = RegistryWord.MISSING if digest is None else RegistryWord.FOUND
        return RegistryAnswer(word=word, asked_at=now, digest=digest)


class PowerCut(BaseException):
    """The process ends in the middle of something."""


@dataclass
class FakeDeployer:
    """Remembers every call; what comes of one is set beforehand."""

    result: RunResult = field(
        default_factory=lambda: RunResult(succeeded=True, code="exit-0", output="done\n")
    )
    found: RunResult | None = None
    during: Callable[[Run], Awaitable[None]] | None = None
    started: list[Run] = field(default_factory=list)
    shifted: list[Run] = field(default_factory=list)
    looked_up: list[Run] = field(default_factory=list)
    rolled_back: list[Run] = field(default_factory=list)

    async def start(self, run: Run) -> RunResult:
        self.started.append(run)
        if self.during is not None:
            await self.during(run)
        return self.result

    async def shift(self, run: Run) -> RunResult:
        self.shifted.append(run)
        if self.during is not None:
            await self.during(run)
        return self.result

    async def roll_back(self, run: Run) -> RunResult:
        self.rolled_back.append(run)
        if self.during is not None:
            await self.during(run)
        return self.result

    async def look_up(self, run: Run) -> RunResult | None:
        self.looked_up.append(run)
        return self.found

    def rollback_command(self, service: str, environment: str, tag: str, digest: str | None) -> str | None:
        return f"./deploy.sh {environment} {tag}"


@dataclass
class FakeDeployers:
    """The one deployer for every service, or none at all."""

    deployer: FakeDeployer | None

    def of(self, service: str) -> FakeDeployer | None:
        return self.deployer


class FakeCodeCheck:
    """The code `ada-7` is Ada's seventh; anything else is wrong."""

    def step(self, credential: Credential, code: str, at: datetime) -> int | None:
        person, _, step = code.rpartition("-")
        return int(step) if person == credential.person and step.isdigit() else None
