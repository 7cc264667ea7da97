"""The rules of Block Kit's interactive elements: where each may stand, its properties and its limits."""

from collections.abc import Mapping
from typing import Any

from sandbox.findings import Findings

_SELECT = {"type", "action_id", "placeholder", "confirm", "focus_on_load"}
_MULTI = _SELECT | {"max_selected_items"}
_INPUT = {"type", "action_id", "placeholder", "initial_value", "focus_on_load", "dispatch_action_config"}
_PICKED = {"type", "action_id", "options", "initial_option", "confirm", "focus_on_load"}

KEYS: dict[str, set[str]] = {
    "button": {"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"},
    "overflow": {"type", "action_id", "options", "confirm"},
    "image": {"type", "image_url", "alt_text", "slack_file"},
    "static_select": _SELECT | {"options", "option_groups", "initial_option"},
    "external_select": _SELECT | {"initial_option", "min_query_length"},
    "users_select": _SELECT | {"initial_user"},
    "channels_select": _SELECT | {"initial_channel", "response_url_enabled"},
    "conversations_select": _SELECT
    | {"initial_conversation", "default_to_current_conversation", "response_url_enabled", "filter"},
    "multi_static_select": _MULTI | {"options", "option_groups", "initial_options"},
    "multi_external_select": _MULTI | {"initial_options", "min_query_length"},
    "multi_users_select": _MULTI | {"initial_users"},
    "multi_channels_select": _MULTI | {"initial_channels"},
    "multi_conversations_select": _MULTI
    | {"initial_conversations", "default_to_current_conversation", "filter"},
    "datepicker": _SELECT | {"initial_date"},
    "timepicker": _SELECT | {"initial_time", "timezone"},
    "datetimepicker": {"type", "action_id", "initial_date_time", "confirm", "focus_on_load"},
    "radio_buttons": _PICKED,
    "checkboxes": (_PICKED - {"initial_option"}) | {"initial_options"},
    "plain_text_input": _INPUT | {"multiline", "min_length", "max_length"},
    "email_text_input": _INPUT,
    "url_text_input": _INPUT,
    "number_input": _INPUT | {"is_decimal_allowed", "min_value", "max_value"},
}
_SINGLE = {"static_select", "external_select", "users_select", "channels_select", "conversations_select"}
_MULTIPLE = {f"multi_{one}" for one in _SINGLE}
_CHOICES = {"datepicker", "timepicker", "radio_buttons", "checkboxes"}
PLACES: dict[str, set[str]] = {
    "section": {"button", "overflow", "image"} | _SINGLE | _MULTIPLE | _CHOICES,
    "actions": {"button", "overflow", "datetimepicker"} | _SINGLE | _MULTIPLE | _CHOICES,
    "input": {"datetimepicker", "plain_text_input", "email_text_input", "url_text_input", "number_input"}
    | _SINGLE
    | _MULTIPLE
    | _CHOICES,
}
_REQUIRED_ID = {"overflow", *_SINGLE, *_MULTIPLE, *_CHOICES}
_OPTION_LIMIT = {"overflow": 5, "radio_buttons": 10, "checkboxes": 10}


def check_element(found: Findings, element: Any, at: str, place: str) -> None:
    """Check one element standing in a block of this type."""
    if not isinstance(element, Mapping):
        found.flaw(at, "must be an object")
        return
    kind = element.get("type")
    if kind not in PLACES[place]:
        found.flaw(f"{at}/type", f"unsupported type: {kind}")
        return
    found.keys(element, at, KEYS[str(kind)])
    if kind == "image":
        check_image(found, element, at)
        return
    found.string(element, "action_id", at, limit=255)
    if element.get("action_id") == "":
        found.flaw(f"{at}/action_id", "must be more than 0 characters")
    found.text(element, "placeholder", at, limit=150, plain=True, required=False)
    if "confirm" in element:
        _check_confirm(found, element["confirm"], f"{at}/confirm")
    if kind == "button":
        _check_button(found, element, at)
    if kind == "number_input" and "is_decimal_allowed" not in element:
        found.flaw(at, "missing required field: is_decimal_allowed")
    if kind == "plain_text_input":
        _check_text_input(found, element, at)
    if kind in {"static_select", "multi_static_select", *_OPTION_LIMIT}:
        _check_options(found, element, at)


def check_image(found: Findings, image: Mapping[str, Any], at: str) -> None:
    """An image element or block: an address, and words for those who do not see it."""
    if "slack_file" not in image:
        found.string(image, "image_url", at, limit=3000, required=True)
    found.string(image, "alt_text", at, limit=2000, required=True)


def _check_button(found: Findings, button: Mapping[str, Any], at: str) -> None:
    found.text(button, "text", at, limit=75, plain=True)
    found.string(button, "value", at, limit=2000)
    found.string(button, "url", at, limit=3000)
    found.string(button, "accessibility_label", at, limit=75)
    if button.get("style") not in {None, "primary", "danger"}:
        found.flaw(f"{at}/style", "must be primary or danger")


def _check_text_input(found: Findings, element: Mapping[str, Any], at: str) -> None:
    for key, low, high in (("min_length", 0, 3000), ("max_length", 1, 3000)):
        value = element.get(key)
        if value is not None and not (isinstance(value, int) and low <= value <= high):
            found.flaw(f"{at}/{key}", f"must be between {low} and {high}")
    found.string(element, "initial_value", at, limit=element.get("max_length") or 3000)


def _check_confirm(found: Findings, confirm: Any, at: str) -> None:
    if not isinstance(confirm, Mapping):
        found.flaw(at, "must be a confirmation dialog object")
        return
    found.keys(confirm, at, {"title", "text", "confirm", "deny", "style"})
    found.text(confirm, "title", at, limit=100, plain=True)
    found.text(confirm, "text", at, limit=300)
    found.text(confirm, "confirm", at, limit=30, plain=True)
    found.text(confirm, "deny", at, limit=30, plain=True)


def _check_options(found: Findings, element: Mapping[str, Any], at: str) -> None:
    kind = str(element["type"])
    limit = _OPTION_LIMIT.get(kind, 100)
    grouped = "option_groups" in element
    if grouped and "options" in element:
        found.flaw(at, "options and option_groups may not both be given")
    options = []
    if grouped:
        for group_at, group in found.items(element, "option_groups", at, limit=100):
            if not isinstance(group, Mapping):
                found.flaw(group_at, "must be an option group")
                continue
            found.text(group, "label", group_at, limit=75, plain=True)
            options += found.items(group, "options", group_at, limit=100)
    else:
        options = found.items(element, "options", at, limit=limit)
    for option_at, option in options:
        check_option(found, option, option_at, plain=kind not in {"radio_buttons", "checkboxes"})
    _check_initial(found, element, at, [one for _, one in options])


def check_option(found: Findings, option: Any, at: str, *, plain: bool) -> None:
    """One option of a menu or a group of boxes."""
    if not isinstance(option, Mapping):
        found.flaw(at, "must be an option")
        return
    found.keys(option, at, {"text", "value", "description", "url"})
    found.text(option, "text", at, limit=75, plain=plain)
    found.string(option, "value", at, limit=150, required=True)
    found.text(option, "description", at, limit=75, plain=plain, required=False)


def _check_initial(found: Findings, element: Mapping[str, Any], at: str, options: list[Any]) -> None:
    chosen = list(element.get("initial_options") or ())
    if "initial_options" in element and not chosen:
        found.flaw(f"{at}/initial_options", "no fewer than 1 items allowed [0 given]")
    if "initial_option" in element:
        chosen.append(element["initial_option"])
    for one in chosen:
        if one not in options:
            found.flaw(at, "the initial option must be one of the options")
