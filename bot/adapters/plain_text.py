"""Makes text that came from outside harmless to show: no control characters, no terminal codes, no bidi tricks."""

import re

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # C0 and C1, without tab and newline
_BIDI = re.compile(r"[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with terminal sequences, control characters (but newline and tab) and bidi marks removed."""
    text = text.replace("\r\n", "\n")
    for pattern in (_TERMINAL, _CONTROL, _BIDI, _SURROGATE):
        text = pattern.sub("", text)
    return text


def one_line(text: str, limit: int) -> str:
    """`text` made printable on a single line of at most `limit` characters; a cut is shown by an ellipsis."""
    line = " ".join(printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
