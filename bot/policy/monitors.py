"""How an environment's colour is found out: one model per kind of monitor (K3, K4, D3)."""

from datetime import timedelta
from typing import Annotated, ClassVar, Final

from pydantic import Discriminator, Field, Tag, model_validator

from bot.policy.services import Argv, HttpUrl
from bot.policy.types import Name, PositiveDuration, Section, Text

_EVERY: Final = timedelta(seconds=30)
_TIMEOUT: Final = timedelta(seconds=5)
Count = Annotated[int, Field(ge=1, le=1000)]


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
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """The status code that means healthy."""
    slower_than: PositiveDuration | None = None
    """An answer slower than this is a warning."""
    allow_private: bool = False
    """Whether the address may be a private or loopback one; link-local and metadata addresses never are."""
    follow_redirects: bool = False
    """Whether a redirect is followed; unsaid, it is a failure."""


class Heartbeat(Section):
    """Somebody else reports, and silence is the alarm."""

    every: PositiveDuration
    """The longest silence that is fine."""


class AlertmanagerMatch(Section):
    """Which alerts of Alertmanager tell of this environment."""

    matchers: Annotated[dict[str, Text], Field(min_length=1)]
    """Labels and the values they must have, all of them."""


class TcpPort(Section):
    """A port that must accept a connection."""

    host: Text
    """A name or an address."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Its number."""


class PrometheusQuery(Section):
    """A PromQL query with bounds."""

    query: Text
    """It gives one number."""
    warn_above: float | None = None
    """More than this is YELLOW."""
    fail_above: float | None = None
    """More than this is RED."""
    warn_below: float | None = None
    """Less than this is YELLOW."""
    fail_below: float | None = None
    """Less than this is RED."""

    @model_validator(mode="after")
    def _bounded(self) -> "PrometheusQuery":
        if self.warn_above is self.fail_above is self.warn_below is self.fail_below is None:
            raise ValueError("a query needs a bound: warn_above, fail_above, warn_below or fail_below")
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
    heartbeat: Heartbeat


class AlertmanagerMonitor(Watch):
    """Is told by Alertmanager."""

    kind: ClassVar[str] = "alertmanager"
    every: PositiveDuration | None = None
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


def _kind(value: object) -> str | None:
    if isinstance(value, Watch):
        return value.kind
    if not isinstance(value, dict):
        return None
    found = [each.kind for each in KINDS if each.kind in value]
    return found[0] if len(found) == 1 else None


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
        custom_error_context={
            "sentence": "a monitor has exactly one of http, file, command, heartbeat, alertmanager, tcp, prometheus"
        },
    ),
]
"""One monitor; the key that stands in it says of which kind."""
