"""The record of every call and delivery, with secrets taken out, for people and for tests."""

import copy
import time
from collections import deque
from dataclasses import asdict, dataclass, field

from sandbox.changes import Changes
from sandbox.shapes import Json

KEPT = 1000
HIDDEN = "•••"
_SECRET_KEYS = frozenset({"token", "authorization", "ticket"})


@dataclass(slots=True, kw_only=True)
class Entry:
    """One exchange. `direction` is `in` (the app called us) or `out` (we sent to the app); `at` is Unix seconds."""

    id: int
    at: float
    direction: str
    name: str
    transport: str
    ok: bool
    status: int | None
    error: str | None
    elapsed_ms: float
    request: Json = field(default_factory=dict)
    response: Json = field(default_factory=dict)
    attempt: int = 1
    note: str = ""


class Inspector:
    """The last thousand exchanges."""

    def __init__(self, changes: Changes, secrets: tuple[str, ...]) -> None:
        self._changes = changes
        self._secrets = tuple(one for one in secrets if one)
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0

    def record(  # noqa: PLR0913 - one exchange has this many sides
        self,
        direction: str,
        name: str,
        *,
        transport: str = "http",
        ok: bool,
        status: int | None,
        error: str | None,
        started: float,
        request: Json,
        response: Json,
        attempt: int = 1,
        note: str = "",
    ) -> None:
        """Keep one exchange that began at `started` (time.monotonic)."""
        self._count += 1
        elapsed = time.monotonic() - started
        self._entries.append(
            Entry(
                id=self._count,
                at=time.time() - elapsed,
                direction=direction,
                name=name,
                transport=transport,
                ok=ok,
                status=status,
                error=error,
                elapsed_ms=round(elapsed * 1000, 1),
                request=self._clean(request),
                response=self._clean(response),
                attempt=attempt,
                note=note,
            )
        )
        self._changes.bump()

    def entries(self, after: int = 0) -> list[Json]:
        """The kept exchanges with a greater id, oldest first."""
        return [asdict(one) for one in self._entries if one.id > after]

    def _clean(self, content: Json) -> Json:
        cleaned = self._hide(copy.deepcopy(content))
        return cleaned if isinstance(cleaned, dict) else {}

    def _hide(self, content: object) -> object:
        if isinstance(content, dict):
            return {
                k: HIDDEN if str(k).lower() in _SECRET_KEYS else self._hide(v) for k, v in content.items()
            }
        if isinstance(content, list):
            return [self._hide(one) for one in content]
        if isinstance(content, str):
            for secret in self._secrets:
                content = content.replace(secret, HIDDEN)
        return content
