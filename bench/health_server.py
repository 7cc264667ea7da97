"""A healthy service that costs next to nothing: raw bytes over a new connection each, so that the reader is measured."""

import asyncio
import os
import signal
from datetime import UTC, datetime

BODY = (
    '{"status":"ok","checks":{"database":true,"websocket":true,"memory":true,"errors":[]},"timestamp":"%s"}'
)


class Healthy(asyncio.Protocol):
    """Answers every request with the contract's body, and closes where it is asked to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data
        if not self.heard.endswith(b"\r\n\r\n"):
            return
        closes = b"connection: close" in self.heard.lower()
        self.heard = b""
        body = (BODY % datetime.now(UTC).isoformat()).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
        self.transport.write((head % (len(body), "Connection: close\r\n" if closes else "")).encode() + body)
        if closes:
            self.transport.close()


async def serve() -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM; the first line of output tells the address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Healthy, "127.0.0.1", 0, backlog=4096)
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    os.nice(5)  # it shares a core with whoever asks for nothing more than a figure
    print(f"ready at http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopping.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
