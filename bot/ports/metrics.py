"""What flows ask of measurements: the numbers of a query at an instant."""

from datetime import datetime
from typing import Protocol

from bot.domain.analysis import Answer


class Metrics(Protocol):
    """A store of measurements (Prometheus)."""

    async def ask(self, query: str, at: datetime | None = None) -> Answer:
        """The numbers of an instant query, as of `at` or now. Never raises, and never takes long: what goes wrong is a
        code in the answer."""
        ...
