"""Opens a WebSocket, pings it and waits for the pong (RFC 6455): exit 0 it answers, 3 it answers late, 1 it does not.

check_websocket.py URL [LATE_AFTER_MS]
"""

import base64
import hashlib
import os
import socket
import ssl
import sys
import time
from typing import BinaryIO
from urllib.parse import urlsplit

FINE, BROKEN, LATE = 0, 1, 3
LIMIT_S = 5.0
LONGEST = 64 * 1024
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PING, _PONG, _CLOSE = 0x9, 0xA, 0x8


class Broken(Exception):  # noqa: N818
    """It is no WebSocket that answers, and why."""


def knock(url: str) -> None:
    """The whole way once: name, connection, certificate, handshake, ping, pong. Raises Broken, or OSError."""
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise Broken(f"{url} is no WebSocket's address")
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    with socket.create_connection((parts.hostname, port), LIMIT_S) as connection:
        if not secure:
            _talk(connection, parts.netloc, parts.path or "/")
            return
        with ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname) as line:
            _talk(line, parts.netloc, parts.path or "/")


def _talk(line: socket.socket, host: str, path: str) -> None:
    with line.makefile("rb") as answers:
        key = base64.b64encode(os.urandom(16)).decode()
        line.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        _shaken(answers, key)
        said = os.urandom(8)
        mask = os.urandom(4)
        hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(said))
        line.sendall(bytes([0x80 | _PING, 0x80 | len(said)]) + mask + hidden)
        _until_pong(answers, said)


def _shaken(answers: BinaryIO, key: str) -> None:
    """Read the answer to the handshake, which proves that it has understood it."""
    lines: list[str] = []
    while (line := answers.readline(LONGEST).decode("latin-1").strip()) or not lines:
        if not line:
            raise Broken("it hung up")
        lines.append(line)
        if sum(map(len, lines)) > LONGEST:
            raise Broken("its answer has no end")
    words = lines[0].split()
    if len(words) < 2 or words[1] != "101":
        raise Broken(f"it answered {' '.join(words[1:2]) or 'nothing'} instead of 101")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines[1:])
    }
    proof = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()
    if headers.get("sec-websocket-accept") != proof:
        raise Broken("its handshake proves nothing: something else answered")


def _until_pong(answers: BinaryIO, said: bytes) -> None:
    """Read frames until the pong; what the service pushes meanwhile is passed over."""
    read = 0
    while read < LONGEST:
        kind, length = _exactly(answers, 2)
        if length & 0x7F in {126, 127}:
            more = _exactly(answers, 2 if length & 0x7F == 126 else 8)
            length = int.from_bytes(more, "big")
        if length > LONGEST:
            break
        content = _exactly(answers, length)
        read += 2 + length
        if kind & 0xF == _CLOSE:
            raise Broken("it closed the connection")
        if kind & 0xF == _PONG and content == said:
            return
    raise Broken("it talks, and answers no ping")


def _exactly(answers: BinaryIO, size: int) -> bytes:
    found = answers.read(size)
    if len(found) < size:
        raise Broken("it hung up")
    return found


def main(url: str, late_after_ms: str = "1000") -> int:
    """One line that says how it is, and the exit status."""
    began = time.monotonic()
    try:
        knock(url)
    except (Broken, OSError) as error:
        print(f"no WebSocket: {error}")
        return BROKEN
    took = round((time.monotonic() - began) * 1000)
    if took > int(late_after_ms):
        print(f"pong after {took} ms, and {late_after_ms} ms are the limit")
        return LATE
    print(f"pong after {took} ms")
    return FINE


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
