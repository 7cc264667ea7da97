"""How an environment's colour is found out: one model per kind of monitor (K3, K4, D3)."""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from bot.policy.services import Argv, HttpUrl
from bot.policy.suggestions import meant
from bot.policy.types import Name, PositiveDuration, Section, Text

_EVERY: Final = timedelta(seconds=30)
_TIMEOUT: Final = timedelta(seconds=5)
_SEVERITIES: Final[dict[str, Literal["GREEN", "YELLOW", "RED"]]] = {
    "critical": "RED",
    "warning": "YELLOW",
    "info": "GREEN",
    "none": "GREEN",
}
_WATCHDOG: Final = {"alertname": "Watchdog"}
Count = Annotated[int, Field(ge=1, le=1000)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class Watch(Section):
    """What every monitor has."""

    kind: ClassVar[str]

    name: Name
    """Its name, once in its environment."""
    component: Name | None = None
    """The component whose state it tells; the worst of its monitors counts."""
    every: PositiveDuration | None = _EVERY
    """How often it is read."""
    fail_after: Count = 3
    """So many failures in a row turn it RED."""
    pass_after: Count = 2
    """So many successes in a row turn it GREEN again."""
    timeout: PositiveDuration = _TIMEOUT
    """How long one reading may take."""
    stale_after: PositiveDuration | None = None
    """Older than this, what it said is UNKNOWN, never silently GREEN."""

    @model_validator(mode="after")
    def _read_in_time(self) -> "Watch":
        if self.every and self.stale_after and self.stale_after < self.every and self.kind != "file":
            raise ValueError("stale_after is shorter than every: it would be stale between two readings")
        return self


class HttpProbe(Section):
    """A web address that must answer."""

    url: HttpUrl
    """What is asked."""
    contract: bool = False
    """Whether the answer follows the health contract: {status: ok|warning|error, checks, timestamp}."""
    requires: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """The checks that the contract's answer must hold and that must be true; one that is missing is a failure."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """The status code that means healthy."""
    slower_than: PositiveDuration | None = None
    """An answer slower than this is a warning."""
    tls_expires_within: PositiveDuration | None = None
    """A certificate that ends within this time is a warning; one that has ended is always a failure."""
    allow_private: bool = False
    """Whether the address may be a private or loopback one; link-local and metadata addresses never are."""
    follow_redirects: bool = False
    """Whether a redirect is followed; unsaid, it is a failure."""

    @model_validator(mode="after")
    def _sensible(self) -> "HttpProbe":
        if self.requires and not self.contract:
            raise ValueError("requires names checks of the health contract: say contract: true as well")
        if "errors" in self.requires:
            raise ValueError("errors is a list of what went wrong, no check that could be required")
        if self.tls_expires_within and not self.url.startswith("https:"):
            raise ValueError("tls_expires_within speaks of a certificate, and http has none")
        return self


class Heartbeat(Section):
    """Somebody else reports, and silence is the alarm."""

    every: PositiveDuration
    """The longest silence that is fine."""


Labels = Annotated[dict[str, Text], Field(min_length=1, max_length=20)]


class AlertmanagerMatch(Section):
    """Which alerts of Alertmanager tell of this environment."""

    matchers: Labels
    """Labels and the values they must have, all of them."""
    severities: dict[str, Literal["GREEN", "YELLOW", "RED"]] = Field(default_factory=_SEVERITIES.copy)
    """The colour of an alert by its label `severity`; GREEN does not count, and one that is not named here is YELLOW.
    """
    watchdog: Labels = Field(default_factory=_WATCHDOG.copy)
    """The labels of an alert that always fires: it proves that Alertmanager is alive, and is no alert itself."""


class TcpPort(Section):
    """A port that must accept a connection."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,253}$|^[0-9a-fA-F:.]{2,45}$")]
    """A name or a numeric address."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Its number."""
    slower_than: PositiveDuration | None = None
    """A connection that takes longer than this is a warning."""
    allow_private: bool = False
    """Whether the address may be a private or loopback one; link-local and metadata addresses never are."""


class PrometheusQuery(Section):
    """A PromQL query with bounds."""

    query: Text
    """It gives one number."""
    warn_above: Bound | None = None
    """More than this is YELLOW."""
    fail_above: Bound | None = None
    """More than this is RED."""
    warn_below: Bound | None = None
    """Less than this is YELLOW."""
    fail_below: Bound | None = None
    """Less than this is RED."""

    @model_validator(mode="after")
    def _bounded(self) -> "PrometheusQuery":
        if self.warn_above is self.fail_above is self.warn_below is self.fail_below is None:
            raise ValueError("a query needs a bound: warn_above, fail_above, warn_below or fail_below")
        if self.warn_above is not None and self.fail_above is not None and self.warn_above > self.fail_above:
            raise ValueError("warn_above is beyond fail_above: nothing would ever be a mere warning")
        if self.warn_below is not None and self.fail_below is not None and self.warn_below < self.fail_below:
            raise ValueError("warn_below is beyond fail_below: nothing would ever be a mere warning")
        return self


class Polled(Watch):
    """A monitor that the bot reads itself, again and again."""

    every: PositiveDuration = _EVERY


class HttpMonitor(Polled):
    """Asks a web address."""

    kind: ClassVar[str] = "http"
    http: HttpProbe


class FileMonitor(Polled):
    """Reads a status file that somebody else writes."""

    kind: ClassVar[str] = "file"
    file: Text
    """Its path, relative to the folder of the policy file."""


class CommandMonitor(Polled):
    """Runs a program; its exit code is the answer."""

    kind: ClassVar[str] = "command"
    command: Argv
    """The program and its arguments, run without a shell in the folder of the policy file."""
    warn_exit: Annotated[int, Field(ge=1, le=255)] | None = None
    """The exit code that is a warning; 0 is fine, every other one a failure."""
    pass_env: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = ()
    """The environment variables that are passed on; all others but PATH, HOME and LANG are withheld."""


class TcpMonitor(Polled):
    """Opens a connection."""

    kind: ClassVar[str] = "tcp"
    tcp: TcpPort


class PrometheusMonitor(Polled):
    """Asks Prometheus."""

    kind: ClassVar[str] = "prometheus"
    prometheus: PrometheusQuery


class HeartbeatMonitor(Watch):
    """Waits to be told that all is well; `heartbeat.every` says how long."""

    kind: ClassVar[str] = "heartbeat"
    every: PositiveDuration | None = None
    fail_after: Count = 1
    """So many reports of trouble in a row turn it RED; silence does at once."""
    pass_after: Count = 1
    heartbeat: Heartbeat

    @field_validator("stale_after")
    @classmethod
    def _silence_is_the_alarm(cls, value: timedelta | None) -> timedelta | None:
        if value is not None:
            raise ValueError("a heartbeat is RED when it falls silent; heartbeat.every says after how long")
        return value


class AlertmanagerMonitor(Watch):
    """Is told by Alertmanager."""

    kind: ClassVar[str] = "alertmanager"
    every: PositiveDuration | None = None
    fail_after: Count = 1
    pass_after: Count = 1
    alertmanager: AlertmanagerMatch


KINDS: Final[tuple[type[Watch], ...]] = (
    HttpMonitor,
    FileMonitor,
    CommandMonitor,
    HeartbeatMonitor,
    AlertmanagerMonitor,
    TcpMonitor,
    PrometheusMonitor,
)
_EXACTLY_ONE: Final = f"a monitor has exactly one of {', '.join(each.kind for each in KINDS)}"


def _kind(value: object) -> str | None:
    if isinstance(value, Watch):
        return value.kind
    if not isinstance(value, dict):
        return None
    found = [each.kind for each in KINDS if each.kind in value]
    return found[0] if len(found) == 1 else None


def _not_misspelt(value: object) -> object:
    """Raise ValueError for a monitor of no kind with a key that comes near one."""
    kinds = [each.kind for each in KINDS]
    if isinstance(value, dict) and not any(kind in value for kind in kinds):
        strange = (key for key in value if isinstance(key, str) and key not in Watch.model_fields)
        hint = next((found for key in strange if (found := meant(key, kinds))), "")
        if hint:
            raise ValueError(f"{_EXACTLY_ONE}{hint}")
    return value


Monitor = Annotated[
    Annotated[HttpMonitor, Tag("http")]
    | Annotated[FileMonitor, Tag("file")]
    | Annotated[CommandMonitor, Tag("command")]
    | Annotated[HeartbeatMonitor, Tag("heartbeat")]
    | Annotated[AlertmanagerMonitor, Tag("alertmanager")]
    | Annotated[TcpMonitor, Tag("tcp")]
    | Annotated[PrometheusMonitor, Tag("prometheus")],
    Discriminator(
        _kind,
        custom_error_type="problem",
        custom_error_message="{sentence}",
        custom_error_context={"sentence": _EXACTLY_ONE},
    ),
    BeforeValidator(_not_misspelt),
]
"""One monitor; the key that stands in it says of which kind."""
