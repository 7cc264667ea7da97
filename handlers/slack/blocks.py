"""Block Kit at the edge: escaping in one place, dates in the reader's zone, and Slack's limits kept by construction."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from handlers.wording.times import clock_time, in_zone
from handlers.wording.visible import visible

Block = dict[str, Any]
SECTION_LIMIT: Final = 2900  # of Slack's 3,000
CONTEXT_LIMIT: Final = 1900
BLOCKS_LIMIT: Final = 50
FALLBACK_LIMIT: Final = 600
LINE_LIMIT: Final = 700
"""Characters of one line; longer ones are cut, with an ellipsis."""

_DATE: Final = re.compile(r"\ue000(\d{1,12})\ue001([^\ue000-\ue002]{0,60})\ue002")
_MARKS: Final = re.compile(r"[\ue000-\ue002]")


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted: blocks, and the text that a notification shows."""

    text: str
    blocks: tuple[Block, ...] = ()


def escape(text: str, limit: int = LINE_LIMIT) -> str:
    """Any text as mrkdwn that shows exactly it: `<!channel>` arrives as text. The only way text gets into a message.

    Control and bidi characters are dropped, white space is collapsed, and what is longer than `limit` is cut. The
    dates of `reader_time` become Slack's; text that imitates one can only show a date.
    """
    text = _cut(" ".join(visible(text).split()), limit)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _DATE.sub(r"<!date^\1^{date_short_pretty} {time}|\2>", text)
    return _MARKS.sub("", text)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    if cut.rfind("\ue000") > cut.rfind("\ue002"):  # not through the middle of a date
        cut = cut[: cut.rfind("\ue000")]
    return cut.rstrip() + "…"


def reader_time(zone: ZoneInfo, *, beside: bool = False) -> Callable[[datetime], str]:
    """A `When` for `escape`: the reader's own zone; `beside`: with the policy's time of day, which decides."""
    fallback = in_zone(zone)

    def when(at: datetime) -> str:
        shown = f"\ue000{int(at.timestamp())}\ue001{fallback(at)}\ue002"
        return f"{shown} / {clock_time(at, zone)}" if beside else shown

    return when


def bare(mrkdwn: str, limit: int = FALLBACK_LIMIT) -> str:
    """Our own mrkdwn without bold and code marks and with the dates' fallbacks: the text of a notification."""
    text = re.sub(r"<!date\^\d+\^[^|>]*\|([^>]*)>", r"\1", mrkdwn)
    text = text.replace("*", "").replace("`", "")
    return text if len(text) <= limit else text[: limit - 1].rsplit("&", 1)[0] + "…"


def mention(user: str | None) -> str | None:
    """A mention that notifies: only for people who can act."""
    return f"<@{user}>" if user and re.fullmatch(r"[UW][A-Z0-9]{1,30}", user) else None


def mrkdwn(text: str) -> Block:
    """A text object; `verbatim` keeps Slack from turning @names and #names in it into links or mentions."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": visible(text) or "…", "emoji": True}


def sections(lines: Iterable[str]) -> list[Block]:
    """Lines of mrkdwn in as few sections as Slack's limit allows."""
    blocks: list[Block] = []
    held: list[str] = []
    for line in lines:
        if held and sum(len(h) + 1 for h in held) + len(line) > SECTION_LIMIT:
            blocks.append(_section(held))
            held = []
        held.append(line)
    if held:
        blocks.append(_section(held))
    return blocks[: BLOCKS_LIMIT - 2]


def _section(lines: Sequence[str]) -> Block:
    text = "\n".join(lines)
    return {"type": "section", "text": mrkdwn(text[:SECTION_LIMIT] or " "), "expand": True}


def context(text: str) -> Block:
    """A small grey line."""
    return {"type": "context", "elements": [mrkdwn(text[:CONTEXT_LIMIT])]}


def button(action: str, text: str, value: str, style: str | None = None) -> Block:
    """A button; `action` is what the listener hears, `value` the subject."""
    made: Block = {"type": "button", "action_id": action, "text": plain(text), "value": value}
    return made | ({"style": style} if style else {})


def actions(*buttons: Block) -> list[Block]:
    """A row of buttons, or nothing where there is none."""
    return [{"type": "actions", "elements": list(buttons)}] if buttons else []


def message(lines: Sequence[str], *more: Block) -> Message:
    """Lines and what stands below them; the notification shows the first two lines."""
    return Message(bare("\n".join(lines[:2])), (*sections(lines), *more))


def sentence_message(sentence: str) -> Message:
    """One plain sentence."""
    return message([escape(sentence, 2000)])


def modal(
    callback: str,
    title: str,
    blocks: Sequence[Block],
    *,
    submit: str | None = None,
    close: str = "Close",
    metadata: str = "",
) -> Block:
    """A modal view."""
    view: Block = {
        "type": "modal",
        "callback_id": callback,
        "title": plain(title[:24]),
        "close": plain(close),
        "blocks": list(blocks),
        "private_metadata": metadata,
    }
    return view | ({"submit": plain(submit)} if submit else {})


def text_input(
    block: str,
    label: str,
    *,
    hint: str | None = None,
    placeholder: str | None = None,
    most: int,
    least: int = 0,
    optional: bool = False,
    multiline: bool = False,
) -> Block:
    """An input for text; its value is found under `block`."""
    element: Block = {
        "type": "plain_text_input",
        "action_id": "value",
        "max_length": most,
        "multiline": multiline,
    }
    if least:
        element["min_length"] = least
    if placeholder:
        element["placeholder"] = plain(placeholder)
    return _input(block, label, element, hint=hint, optional=optional)


def pick(block: str, label: str, options: Sequence[Block], *, initial: str | None = None) -> Block:
    """A menu of at most a hundred options; `initial` is the value of the one that is chosen already."""
    element: Block = {"type": "static_select", "action_id": block, "options": list(options)}
    chosen = next((o for o in options if o["value"] == initial), None)
    return _input(block, label, element | ({"initial_option": chosen} if chosen else {}))


def choice(block: str, label: str, names: Sequence[str], *, initial: str | None = None) -> Block:
    """A menu of names: all of them up to Slack's hundred, and a search beyond."""
    element: Block = {
        "type": "static_select",
        "action_id": block,
        "options": [option(name) for name in names],
    }
    if len(names) > 100:  # noqa: PLR2004 -- Slack's limit
        element = {"type": "external_select", "action_id": block, "min_query_length": 0}
    if initial in names:
        element["initial_option"] = option(str(initial))
    return _input(block, label, element)


def choices(
    block: str, label: str, names: Sequence[str], *, action: str, hint: str, initial: Sequence[str] = ()
) -> Block:
    """A menu of names of which several or none can be chosen; beyond Slack's hundred, a search that `action` hears."""
    element: Block = {
        "type": "multi_static_select",
        "action_id": action,
        "options": [option(name) for name in names],
    }
    if len(names) > 100:  # noqa: PLR2004 -- Slack's limit
        element = {"type": "multi_external_select", "action_id": action, "min_query_length": 0}
    if initial:
        element["initial_options"] = [option(name) for name in initial]
    return _input(block, label, element, hint=hint, optional=True)


def radio(block: str, label: str, ways: Mapping[str, tuple[str, str]]) -> Block:
    """One of a few ways, the first unless another is chosen: value to its name and one line that explains it."""
    options = [option(value, name, explained) for value, (name, explained) in ways.items()]
    element = {
        "type": "radio_buttons",
        "action_id": block,
        "options": options,
        "initial_option": options[0],
    }
    return _input(block, label, element)


def tick(block: str, label: str, name: str) -> Block:
    """One box to tick; ticked, `block` is what was chosen under it."""
    element = {"type": "checkboxes", "action_id": block, "options": [option(block, name)]}
    return _input(block, label, element, optional=True)


def moment(block: str, label: str, *, hint: str) -> Block:
    """A date and a time in the reader's own zone, which may be left out."""
    return _input(block, label, {"type": "datetimepicker", "action_id": block}, hint=hint, optional=True)


def option(value: str, name: str | None = None, explained: str | None = None) -> Block:
    """One option; unless it has a name of its own, its value is what is shown."""
    made = {"text": plain((name or value)[:75]), "value": value[:150]}
    return made | ({"description": plain(explained[:75])} if explained else {})


def _input(
    block: str, label: str, element: Mapping[str, Any], *, hint: str | None = None, optional: bool = False
) -> Block:
    made: Block = {
        "type": "input",
        "block_id": block,
        "label": plain(label),
        "element": dict(element),
        "optional": optional,
    }
    return made | ({"hint": plain(hint)} if hint else {})
