"""Keeps the beginning and the end of a program's output within 64 KiB, and says how much lies between."""

from bot.adapters.plain_text import printable

HEAD_BYTES = 16 * 1024
TAIL_BYTES = 48 * 1024


class KeptOutput:
    """Takes bytes as they come; holds no more than the cap (and one write) of them."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def feed(self, chunk: bytes) -> None:
        """One more piece of output."""
        room = HEAD_BYTES - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        excess = len(self._tail) - TAIL_BYTES
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess

    def text(self) -> str:
        """The output as text that can be shown: undecodable bytes replaced, control characters removed. Its UTF-8
        form is no longer than the cap and the one line that tells what was dropped."""
        if not self._dropped:
            whole = printable(bytes(self._head + self._tail).decode("utf-8", "replace"))
            encoded = whole.encode()
            if len(encoded) <= HEAD_BYTES + TAIL_BYTES:
                return whole
            return _joined(
                encoded[:HEAD_BYTES], encoded[-TAIL_BYTES:], len(encoded) - HEAD_BYTES - TAIL_BYTES
            )
        head = printable(self._head.decode("utf-8", "replace")).encode()
        tail = printable(self._tail.decode("utf-8", "replace")).encode()
        cut = max(len(head) - HEAD_BYTES, 0) + max(len(tail) - TAIL_BYTES, 0)
        return _joined(head[:HEAD_BYTES], tail[-TAIL_BYTES:], self._dropped + cut)


def _joined(head: bytes, tail: bytes, dropped: int) -> str:
    start, end = head.decode("utf-8", "ignore"), tail.decode("utf-8", "ignore")
    return f"{start}\n[… {dropped} bytes dropped …]\n{end}"
