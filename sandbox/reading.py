"""Flattens a message or view into the text a person reads, for tests and transcripts."""

import re
from collections.abc import Mapping
from typing import Any

_LINKED = re.compile(r"<(?P<target>[^<>|]*)(?:\|(?P<label>[^<>]*))?>")


def text_of(message: Mapping[str, Any]) -> str:
    """The readable text of a message's or view's blocks, a line for each; its `text` where it has no blocks.

    `<https://…|label>` becomes its label, a date its fallback, and the escapes of `& < >` are undone; mentions stay
    as `<@U…>`, since who is mentioned matters.
    """
    blocks = message.get("blocks")
    if not blocks:
        return plain(str(message.get("text", "")))
    title = [plain(message["title"]["text"])] if isinstance(message.get("title"), Mapping) else []
    lines = [line for block in blocks for line in _lines(block)]
    return "\n".join([*title, *lines])


def plain(text: str) -> str:
    """mrkdwn as plain text."""
    shown = _LINKED.sub(_unlink, text)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _unlink(found: re.Match[str]) -> str:
    target, label = found["target"], found["label"]
    if target.startswith(("@", "#", "!subteam")) or (target.startswith("!") and label is None):
        return found[0]
    return label if label is not None else target


def _lines(block: Mapping[str, Any]) -> list[str]:
    kind = block.get("type")
    if kind == "divider":
        return ["---"]
    if kind == "actions":
        return [" ".join(_element(one) for one in block.get("elements", ()))]
    if kind == "context":
        return [" ".join(_element(one) for one in block.get("elements", ()))]
    if kind == "table":
        return [" | ".join(_flat(cell) for cell in row) for row in block.get("rows", ())]
    if kind == "input":
        return [f"{_flat(block.get('label'))}: {_element(block.get('element') or {})}"]
    lines = [_flat(block.get(key)) for key in ("title", "text") if block.get(key)]
    lines += [_flat(field) for field in block.get("fields", ())]
    if isinstance(block.get("accessory"), Mapping):
        lines.append(_element(block["accessory"]))
    if kind == "image":
        lines.append(str(block.get("alt_text", "")))
    if kind == "rich_text":
        lines += [_flat(one) for one in block.get("elements", ())]
    return lines


def _element(element: Mapping[str, Any]) -> str:
    kind = element.get("type")
    if kind == "button":
        return f"[ {_flat(element.get('text'))} ]"
    if kind == "image":
        return str(element.get("alt_text", ""))
    if kind in {"mrkdwn", "plain_text"}:
        return _flat(element)
    offered = [_flat(option.get("text")) for option in element.get("options", ())]
    return f"[ {kind}: {' | '.join(offered)} ]" if offered else f"[ {kind} ]"


def _flat(content: Any) -> str:
    if isinstance(content, str):
        return plain(content)
    if isinstance(content, list):
        return "".join(_flat(one) for one in content)
    if not isinstance(content, Mapping):
        return ""
    if content.get("type") == "user":
        return f"<@{content.get('user_id')}>"
    if content.get("type") == "link":
        return str(content.get("text") or content.get("url", ""))
    if "text" in content:
        own = content["text"]
        return plain(str(own)) if content.get("type") == "mrkdwn" else str(own)
    if content.get("type") == "raw_number":
        return str(content.get("value", ""))
    return _flat(content.get("elements", []))
