"""Fires due timers: each kind has one flow, which may run again after a crash and then finds its work done."""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot.domain.owed import Claimed, Timer
from bot.jobs.work import Worker
from bot.ports import Clock, Owed

log = structlog.get_logger(__name__)
Fire = Callable[[str], Awaitable[None]]  # the timer's subject


def timer_worker(owed: Owed[Timer], clock: Clock, kinds: Mapping[str, Fire]) -> Worker[Timer]:
    """A worker that gives each timer to its kind's flow. Timers of one subject never run at once."""

    async def fire(claimed: Claimed[Timer]) -> None:
        flow = kinds.get(claimed.item.kind)
        if flow is None:
            raise LookupError(f"no flow for timers of the kind {claimed.item.kind}")
        await flow(claimed.item.subject)
        await owed.finish(claimed)

    return Worker("timers", owed, clock, lane=lambda t: t.subject, work=fire)
