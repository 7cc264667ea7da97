"""Finds how many requests a ratio in PromQL was made of: its divisor, counted instead of rated."""

import re
from typing import Final

_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'`"
_WEAKER: Final = re.compile(r"[-+]|[<>=!]=?|\b(?:and|or|unless|atan2)\b")
"""Operators beside which a divisor at the top is not the divisor of the whole."""
_AS_STRONG: Final = re.compile(r"[*%^]")
_MATCHES: Final = re.compile(r"\s*(?:on|ignoring|bool|group_left|group_right)\b")
_RATE: Final = re.compile(r"\brate(?=\s*\()")
_NO_COUNT: Final = re.compile(r"\b(?:irate|deriv|delta|idelta|histogram_quantile|avg|min|max)\b")


def counted_divisor(query: str) -> str | None:
    """Of `sum(rate(a[5m])) / sum(rate(b[5m]))` it is `sum(increase(b[5m]))`: how many there were in the query's own
    window. None where the query is no such ratio, or its divisor rates nothing."""
    top = _top(query)
    if top is None or _WEAKER.search(top):
        return None
    place = top.rfind("/")
    if place < 0:
        return None
    after, divisor = top[place + 1 :], query[place + 1 :].strip()
    if _AS_STRONG.search(after) or _MATCHES.match(divisor):
        return None
    if _NO_COUNT.search(_outside_quotes(divisor)) or not _RATE.search(_outside_quotes(divisor)):
        return None
    return _counted(divisor)


def _outside_quotes(query: str) -> str:
    """The same length, with what stands in quotes and comments blanked out."""
    return _walked(query)[0]


def _top(query: str) -> str | None:
    """The same length, with everything in brackets or quotes blanked out; None where brackets do not close."""
    return _walked(query)[1]


def _walked(query: str) -> tuple[str, str | None]:
    plain, top, depth, quote, skip = [], [], 0, "", False
    for char in query:
        if quote:
            if skip:
                skip = False
            elif char == "\\" and quote != "`":
                skip = True
            elif char == quote:
                quote = ""
            plain.append(" ")
            top.append(" ")
            continue
        if char in _QUOTES:
            quote = char
        depth += (char in _OPEN) - (char in _CLOSE)
        plain.append(" " if quote else char)
        top.append(char if depth == 0 and not quote and char not in _CLOSE else " ")
        if depth < 0:
            return "".join(plain), None
    return "".join(plain), None if depth or quote or "#" in "".join(plain) else "".join(top)


def _counted(divisor: str) -> str:
    """With `increase` wherever it says `rate`, outside of quotes."""
    pieces, last = [], 0
    for found in _RATE.finditer(_outside_quotes(divisor)):
        pieces += [divisor[last : found.start()], "increase"]
        last = found.end()
    return "".join([*pieces, divisor[last:]])
