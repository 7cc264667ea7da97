"""Text in Markdown that shows exactly itself: no markup, no link, nobody called, whatever somebody typed."""

import re
from typing import Final

from handlers.wording.visible import visible

_MARKS: Final = re.compile(r"([\\`*_\[\]#|~!])")
_FENCE: Final = re.compile(r"`{3,}")


def md(text: str) -> str:
    """One line: white space collapsed, every mark of Markdown and HTML disarmed, and no @name that calls somebody."""
    line = " ".join(visible(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MARKS.sub(r"\\\1", line)
    return line.replace("@", "@\u2060").replace("://", ":\u2060//").replace("www.", "www\u2060.")


def md_paragraphs(text: str) -> str:
    """Several lines, each as `md` has it; empty ones part paragraphs."""
    return "\n".join(_started(md(line)) for line in text.splitlines()).strip()


def _started(line: str) -> str:
    """A line that a list or a number would begin, as text."""
    return re.sub(r"^([-+=]|\d+(?=[.)]))", r"\\\1" if line[:1] in "-+=" else r"\1\\", line) if line else line


def fenced(lines: list[str]) -> list[str]:
    """Lines as they are, in a block that none of them can end."""
    text = [visible(line) for line in lines]
    longest = max((len(found) for line in text for found in _FENCE.findall(line)), default=2)
    fence = "`" * (longest + 1)
    return [fence, *text, fence]
