"""The health contract (D3), as the bot fulfils it itself."""

from collections.abc import Mapping
from dataclasses import dataclass

CRITICAL = frozenset({"database", "websocket"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`checks` by name; one of `CRITICAL` that is False makes it an error, any other a warning."""

    checks: Mapping[str, bool]
    errors: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """D3: ok, warning or error."""
        if any(not good and name in CRITICAL for name, good in self.checks.items()):
            return "error"
        return "ok" if all(self.checks.values()) and not self.errors else "warning"
