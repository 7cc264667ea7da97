"""The quiet around a deployment: a restart that is expected may fail for a while, and a crash loop may not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.environment import Colour, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """After a call of the deployer for `request`, what tells of `service` may fail during [since, until)."""

    request: str
    service: str
    since: datetime
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Whether it lasts at an instant."""
        return self.since <= now < self.until


def crash_loop(turns: Iterable[Turn], quiet: Quiet) -> bool:
    """Whether it failed, recovered and failed again within the quiet: no restart does that."""
    reds = [turn for turn in turns if turn.colour is Colour.RED and turn.since >= quiet.since]
    return len(reds) > 1
