"""What may be made to go wrong: each fault is armed for a number of requests whose path contains a text."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

KINDS = frozenset({"answer", "hang", "trickle", "huge", "disconnect"})
_TRICKLE_S = 0.05
_CHUNK = b" " * 65_536


@dataclass(slots=True, kw_only=True)
class Fault:
    """One armed fault. `path` limits it to requests whose path contains it; `after` lets that many through first."""

    kind: str
    path: str = ""
    times: int = 1
    after: int = 0
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Faults:
    """All armed faults, first armed first taken.

    `answer` gives the status, headers and body that it is told; `hang` says nothing until the client leaves;
    `trickle` sends a byte now and then, for ever; `huge` sends spaces without end; `disconnect` closes the connection.
    """

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(
        self,
        kind: str,
        *,
        path: str = "",
        times: int = 1,
        after: int = 0,
        status: int = 200,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Arm a fault; raises ValueError for an unknown kind or fewer than one time."""
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}; there are {', '.join(sorted(KINDS))}")
        if times < 1:
            raise ValueError("a fault happens at least once")
        self._armed.append(
            Fault(
                kind=kind,
                path=path,
                times=times,
                after=after,
                status=status,
                body=body.encode() if isinstance(body, str) else body,
                headers=headers or {"Content-Type": "application/json; charset=utf-8"},
            )
        )

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def take(self, path: str) -> Fault | None:
        """The first armed fault for this path, used up by one."""
        for fault in self._armed:
            if fault.path not in path:
                continue
            if fault.after:
                fault.after -= 1
                continue
            fault.times -= 1
            if fault.times == 0:
                self._armed.remove(fault)
            return fault
        return None


async def happen(fault: Fault, request: web.Request) -> web.StreamResponse:
    """Let the fault happen to this request."""
    if fault.kind == "answer":
        return web.Response(status=fault.status, body=fault.body, headers=fault.headers)
    if fault.kind == "disconnect":
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    # aiohttp tells no handler that its client has left, so it is looked at
    while fault.kind == "hang" and request.transport and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_TRICKLE_S)
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        while fault.kind != "hang":
            await response.write(_CHUNK if fault.kind == "huge" else b" ")
            await asyncio.sleep(0 if fault.kind == "huge" else _TRICKLE_S)
    return response
