"""Count in what somebody told of a monitor: the same counts, colours and incidents as for what the bot read itself."""

from dataclasses import replace
from typing import Final

from bot.domain.environment import MonitorState, Reading, observed
from bot.flows.colours import as_seen, unread
from bot.flows.listening import listening_of
from bot.logs import without_told_secrets
from bot.policy import HeartbeatMonitor, Monitor
from bot.ports import Transaction

_MOST: Final = 20_000
"""Characters that are looked at, of which far fewer are shown."""


def one_line(text: str, limit: int) -> str:
    """What somebody wrote, as far as it can be shown: one line, without secrets (promise 8), control characters or
    halves of letters."""
    shown = "".join(c if c.isprintable() else " " for c in text[:_MOST])
    # Cleaned before it is cut: half a secret looks like none.
    return without_told_secrets(" ".join(shown.split()))[:limit]


def tell(tx: Transaction, environment: str, monitor: Monitor, reading: Reading) -> tuple[MonitorState, bool]:
    """The monitor's state after `reading`, kept, and whether its colour turned: then the environment has to be settled
    (observe.settle), once for all that was told of it.

    All of it happens in one transaction, so that two who tell at the same moment are both counted.
    """
    kept = next((m for m in tx.environments.monitors(environment) if m.name == monitor.name), None)
    before = unread(environment, monitor, tx.now)
    if kept is not None:
        listening = listening_of(tx) if isinstance(monitor, HeartbeatMonitor) else None
        before = as_seen(replace(kept, component=monitor.component), monitor, tx.now, listening)
    after = observed(before, reading, fail_after=monitor.fail_after, pass_after=monitor.pass_after)
    tx.environments.keep(after)
    turned = kept is None or after.colour is not kept.colour or after.colour is not before.colour
    return after, turned
