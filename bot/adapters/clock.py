"""The system's clock: the one place in the product that reads the time."""

from datetime import UTC, datetime


class SystemClock:
    """Implements ports.Clock."""

    def now(self) -> datetime:
        """The present instant: aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- this is the file the rule names
