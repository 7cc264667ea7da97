"""What a deployer's own status says of a run, where asking may fail."""

import structlog

from bot.domain.deployment import Run, RunResult
from bot.ports import Deployer

log = structlog.get_logger(__name__)


async def looked_up(deployer: Deployer, run: Run) -> RunResult | None:
    """Whether the version of the run runs there by the deployer's status; None where that does not know, or broke off:
    not knowing is an answer, and what follows from it is the caller's matter."""
    try:
        return await deployer.look_up(run)
    except Exception:
        log.exception("deployer.raised", run=run.id)
        return None
