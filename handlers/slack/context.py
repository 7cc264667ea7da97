"""What the Slack handlers are given, and the work that goes on after an ack."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.flows.collect import Collector
from bot.policy import Policy
from bot.ports import Clock, CodeCheck, Ledger, PolicyInForce, Prober
from handlers.slack.web_api import SlackApi
from handlers.slack.zones import Zones

log = structlog.get_logger(__name__)


class Background:
    """Tasks that an ack does not wait for. They are kept, so that none is lost, and drained at the end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` on its own; it answers for its own errors."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float = 5.0) -> None:
        """Wait for what is under way, and cancel what takes longer."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            log.warning("slack.background-cancelled", task=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


@dataclass(slots=True)
class Workspace:
    """The workspace that the token belongs to, and the app; None until Slack said so for the first time."""

    id: str | None = None
    app: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackContext:
    """The flows' dependencies and the way to Slack. Only `workspace` is served, once it is known."""

    ledger: Ledger
    in_force: PolicyInForce
    collector: Collector
    clock: Clock
    code_check: CodeCheck
    api: SlackApi
    signing_secret: str | None = field(default=None, repr=False)
    pages: str | None = None
    """Our own origin; None: there are no pages, and a code is typed in a modal."""
    workspace: Workspace = field(default_factory=Workspace)
    background: Background = field(default_factory=Background)
    zones: Zones = field(default_factory=Zones)
    prober: Prober | None = None
    """Reads a monitor when somebody asks for it; None: nothing can be read on demand."""
    checking: set[str] = field(default_factory=set)
    """The environments that somebody has read just now."""

    @property
    def policy(self) -> Policy:
        """The policy in force at this moment: read it once in a handler."""
        return self.in_force.policy
