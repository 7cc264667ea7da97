"""What the HTTP handlers are given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from aiohttp import web

from bot.domain.api_token import ApiToken
from bot.domain.health import Health
from bot.flows.collect import Collector
from bot.ports import Clock, Factors, Ledger, PolicyInForce


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpContext:
    """Flows' dependencies, the tokens of CI, and the bot's view of itself."""

    ledger: Ledger
    in_force: PolicyInForce
    collector: Collector
    clock: Clock
    tokens: tuple[ApiToken, ...]
    health: Callable[[], Awaitable[Health]]
    metrics: Callable[[], bytes]
    background: Ledger | None = None
    """The same ledger for what comes in floods: it lets people's commands go first. None: it is all one."""
    factors: Factors | None = None
    """None: there are no pages of ours."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose X-Forwarded-For is believed."""
    private: bool = False
    """Nothing outside this machine has business at this port: there are no pages of ours, no tokens, no events that come
    in. Then no proxy stands in front either, which would make the whole world seem to ask from here."""
    body_seconds: float = 30.0
    """How long a body may take to arrive."""

    @property
    def patient(self) -> Ledger:
        """The ledger for what machines tell: durable when it is answered, and behind whatever a person waits for."""
        return self.ledger if self.background is None else self.background


CONTEXT: web.AppKey[HttpContext] = web.AppKey("context", HttpContext)
