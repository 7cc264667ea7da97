"""Block Kit's rules for messages and views: what Slack would refuse is refused here, with the same pointers."""

from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from sandbox.elements import check_element, check_image
from sandbox.findings import Findings

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
TEXT_LIMIT = 40_000
BLOCKS_TEXT_LIMIT = 13_200
VIEW_BYTES = 250_000
_VIEW_KEYS = {
    "type",
    "title",
    "blocks",
    "close",
    "submit",
    "private_metadata",
    "callback_id",
    "clear_on_close",
    "notify_on_close",
    "external_id",
    "submit_disabled",
}


def _section(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "text", "fields", "accessory", "expand"})
    if "text" not in block and "fields" not in block:
        found.flaw(at, "missing required field: text")
    found.text(block, "text", at, limit=3000, required=False)
    if "fields" in block:
        for field_at, one in found.items(block, "fields", at, limit=10):
            found.text_object(one, field_at, limit=2000)
    if "accessory" in block:
        check_element(found, block["accessory"], f"{at}/accessory", "section")


def _actions(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "elements"})
    for element_at, one in found.items(block, "elements", at, limit=25):
        check_element(found, one, element_at, "actions")


def _context(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "elements"})
    for element_at, one in found.items(block, "elements", at, limit=10):
        if isinstance(one, Mapping) and one.get("type") == "image":
            check_image(found, one, element_at)
        else:
            found.text_object(one, element_at, limit=2000)


def _input(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "label", "element", "hint", "optional", "dispatch_action"})
    found.text(block, "label", at, limit=2000, plain=True)
    found.text(block, "hint", at, limit=2000, plain=True, required=False)
    if "element" not in block:
        found.flaw(at, "missing required field: element")
    else:
        check_element(found, block["element"], f"{at}/element", "input")


def _header(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "text", "level"})
    found.text(block, "text", at, limit=150, plain=True)


def _divider(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id"})


def _image(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "image_url", "alt_text", "title", "slack_file"})
    check_image(found, block, at)
    found.text(block, "title", at, limit=2000, plain=True, required=False)


def _markdown(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "text"})
    found.string(block, "text", at, limit=12_000, required=True)


def _rich_text(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "elements"})
    known = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for element_at, one in found.items(block, "elements", at, limit=100, least=0):
        if not isinstance(one, Mapping) or one.get("type") not in known:
            found.flaw(element_at, "unsupported rich text element")


def _table(found: Findings, block: Mapping[str, Any], at: str) -> None:
    found.keys(block, at, {"type", "block_id", "rows", "column_settings"})
    for row_at, row in found.items(block, "rows", at, limit=100):
        if not isinstance(row, list) or not 1 <= len(row) <= 20:
            found.flaw(row_at, "a row has between 1 and 20 cells")
            continue
        for index, cell in enumerate(row):
            if not isinstance(cell, Mapping) or cell.get("type") not in {
                "raw_text",
                "rich_text",
                "raw_number",
            }:
                found.flaw(f"{row_at}/{index}", "unsupported cell")


_RULES: dict[str, Callable[[Findings, Mapping[str, Any], str], None]] = {
    "section": _section,
    "actions": _actions,
    "context": _context,
    "input": _input,
    "header": _header,
    "divider": _divider,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "table": _table,
}
_MODAL = frozenset(
    {"section", "actions", "context", "input", "header", "divider", "image", "rich_text", "alert"}
)
_SURFACES = {
    "message": frozenset(_RULES) | {"video", "file", "context_actions", "card", "carousel", "container"},
    "modal": _MODAL,
    "home": _MODAL - {"alert"},
}


def block_flaws(blocks: Any, surface: str) -> list[str]:
    """Everything Slack would find wrong with these blocks on a `message`, `modal` or `home`."""
    found = Findings()
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    limit = MESSAGE_BLOCKS if surface == "message" else VIEW_BLOCKS
    if len(blocks) > limit:
        found.flaw("/blocks", f"no more than {limit} items allowed [{len(blocks)} given]")
    for index, block in enumerate(blocks):
        _check_block(found, block, f"/blocks/{index}", surface)
    _check_unique(found, blocks)
    return found.flaws


def _check_block(found: Findings, block: Any, at: str, surface: str) -> None:
    if not isinstance(block, Mapping):
        found.flaw(at, "must be an object")
        return
    kind = block.get("type")
    if kind not in _SURFACES[surface]:
        found.flaw(f"{at}/type", f"unsupported type: {kind}")
        return
    found.string(block, "block_id", at, limit=255)
    before = len(found.flaws)
    if rule := _RULES.get(str(kind)):
        rule(found, block, at)
    if len(found.flaws) == before:
        _ask_the_sdk(found, block, at)


def _ask_the_sdk(found: Findings, block: Mapping[str, Any], at: str) -> None:
    try:
        for parsed in Block.parse_all([dict(block)]):
            parsed.to_dict()
    except SlackObjectFormationError as error:
        found.flaw(at, str(error))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        found.flaw(at, f"malformed {block.get('type')}: {error}")


def _check_unique(found: Findings, blocks: list[Any]) -> None:
    """block_id is unique in a surface; action_id is unique in its block, as Slack's reference has it."""
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        if not isinstance(block, Mapping):
            continue
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in seen:
                found.flaw(f"/blocks/{index}/block_id", f"`block_id` {block_id!r} already exists")
            seen.add(block_id)
        actions: set[str] = set()
        elements = block.get("elements")
        for place, one in enumerate(elements if isinstance(elements, list) else ()):
            action_id = one.get("action_id") if isinstance(one, Mapping) else None
            if isinstance(action_id, str) and action_id in actions:
                at = f"/blocks/{index}/elements/{place}/action_id"
                found.flaw(at, f"`action_id` {action_id!r} already exists for another element")
            elif isinstance(action_id, str):
                actions.add(action_id)


def characters(content: Any) -> int:
    """How many characters of text blocks hold, wherever they stand."""
    if isinstance(content, Mapping):
        own = content.get("text")
        rest = sum(
            characters(value) for key, value in content.items() if not isinstance(value, str) or key == ""
        )
        return rest + (len(own) if isinstance(own, str) else 0)
    if isinstance(content, list):
        return sum(characters(one) for one in content)
    return 0


def view_flaws(view: Any) -> list[str]:
    """Everything Slack would find wrong with a modal or a Home tab."""
    found = Findings()
    if not isinstance(view, Mapping):
        return ["[ERROR] must be an object [json-pointer:/view]"]
    kind = view.get("type")
    if kind not in {"modal", "home"}:
        return ["[ERROR] must be modal or home [json-pointer:/view/type]"]
    found.keys(view, "/view", _VIEW_KEYS)
    found.string(view, "private_metadata", "/view", limit=3000)
    found.string(view, "callback_id", "/view", limit=255)
    found.string(view, "external_id", "/view", limit=255)
    blocks = view.get("blocks")
    if kind == "modal":
        found.text(view, "title", "/view", limit=24, plain=True)
        found.text(view, "submit", "/view", limit=24, plain=True, required=_has_input(blocks))
        found.text(view, "close", "/view", limit=24, plain=True, required=False)
    if blocks is None:
        found.flaw("/view", "missing required field: blocks")
        return found.flaws
    found.flaws += [
        one.replace("pointer:/blocks", "pointer:/view/blocks") for one in block_flaws(blocks, kind)
    ]
    if not found.flaws:
        try:
            View(**view).to_dict()
        except (SlackObjectFormationError, TypeError, ValueError) as error:
            found.flaw("/view", str(error))
    return found.flaws


def _has_input(blocks: Any) -> bool:
    return isinstance(blocks, list) and any(
        isinstance(b, Mapping) and b.get("type") == "input" for b in blocks
    )
