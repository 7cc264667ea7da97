"""Turns what a person typed or chose into the state values Slack sends, with the rules Slack's client enforces."""

import re
from collections.abc import Callable
from datetime import date

from sandbox.shapes import Json, Refused
from sandbox.world import World

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
REQUIRED = "Please complete this required field."


class Unfit(Exception):  # noqa: N818 - shown next to the field
    """What was typed cannot be sent; the text is what Slack's client shows next to the field."""


def state_of(world: World, element: Json, text: str | list[str] | None) -> Json:
    """The state value of one element for what was typed, or its initial value for None.

    Raises Refused for a choice that is not offered, Unfit for text the client would not send.
    """
    kind = str(element["type"])
    if kind in _TEXT:
        return _text_value(element, _single(text) if text is not None else element.get("initial_value"))
    if kind in {"static_select", "radio_buttons", "overflow"}:
        chosen = element.get("initial_option") if text is None else _option(element, _single(text))
        return {"type": kind, "selected_option": chosen}
    if kind in {"multi_static_select", "checkboxes"}:
        several = element.get("initial_options") if text is None else _options(element, text)
        return {"type": kind, "selected_options": several or []}
    if kind == "external_select":
        found = element.get("initial_option") if text is None else _suggested(world, element, [_single(text)])
        return {
            "type": kind,
            "selected_option": found[0] if isinstance(found, list) and found else found or None,
        }
    if kind == "multi_external_select":
        wanted = text if isinstance(text, list) else [one.strip() for one in (text or "").split(",")]
        initial = element.get("initial_options", [])
        return {
            "type": kind,
            "selected_options": initial if text is None else _suggested(world, element, wanted),
        }
    if kind in _PICKERS:
        field, initial, check = _PICKERS[kind]
        value = element.get(initial) if text is None else check(_single(text))
        return {"type": kind, field: value}
    if kind in _DIRECTORY:
        field, initial, several_allowed = _DIRECTORY[kind]
        return {"type": kind, field: _from_directory(world, element, text, initial, several=several_allowed)}
    raise Refused(f"the sandbox cannot fill in {kind}")


def is_empty(value: Json) -> bool:
    """Whether a state value holds nothing."""
    return not any(content for key, content in value.items() if key != "type")


def options_of(element: Json) -> list[Json]:
    """All options of an element, those in groups included."""
    groups = [option for group in element.get("option_groups") or () for option in group["options"]]
    return [*(element.get("options") or ()), *groups]


def _single(text: str | list[str]) -> str:
    if isinstance(text, list):
        return text[0] if text else ""
    return text


def _option(element: Json, wanted: str) -> Json | None:
    if not wanted:
        return None
    offered = options_of(element)
    for option in offered:
        if wanted in {option["value"], option["text"]["text"]}:
            return option
    raise Refused(f"{wanted!r} is not offered; there are {', '.join(one['value'] for one in offered)}")


def _options(element: Json, text: str | list[str]) -> list[Json]:
    wanted = text if isinstance(text, list) else [one.strip() for one in text.split(",")]
    return [option for one in wanted if one and (option := _option(element, one))]


def _suggested(world: World, element: Json, wanted: list[str]) -> list[Json]:
    """Options the app offered before for what was typed."""
    chosen = []
    for one in wanted:
        option = world.offered.get((str(element["action_id"]), one))
        if one and option is None:
            raise Refused(f"{one!r} was not offered: ask for suggestions first")
        if option is not None:
            chosen.append(option)
    return chosen


def _text_value(element: Json, text: str | None) -> Json:
    kind = str(element["type"])
    value = text or None
    if value is not None:
        _TEXT[kind](element, value)
    return {"type": kind, "value": value}


def _plain(element: Json, text: str) -> None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(text) < least:
        raise Unfit(f"Please enter at least {least} characters.")
    if len(text) > most:
        raise Unfit(f"Please enter no more than {most} characters.")


def _email(element: Json, text: str) -> None:
    del element
    if not _EMAIL.fullmatch(text):
        raise Unfit("Please enter a valid email address.")


def _url(element: Json, text: str) -> None:
    del element
    if not re.fullmatch(r"https?://\S+", text):
        raise Unfit("Please enter a valid URL.")


def _number(element: Json, text: str) -> None:
    pattern = r"-?\d+(\.\d+)?" if element.get("is_decimal_allowed") else r"-?\d+"
    if not re.fullmatch(pattern, text):
        raise Unfit("Please enter a number.")
    if "min_value" in element and float(text) < float(element["min_value"]):
        raise Unfit(f"Please enter a number of at least {element['min_value']}.")
    if "max_value" in element and float(text) > float(element["max_value"]):
        raise Unfit(f"Please enter a number of at most {element['max_value']}.")


def _date(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError as error:
        raise Unfit("Please enter a date as YYYY-MM-DD.") from error


def _time(text: str) -> str | None:
    if text and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise Unfit("Please enter a time as HH:MM.")
    return text or None


def _instant(text: str) -> int | None:
    if text and not re.fullmatch(r"\d{10}", text):
        raise Unfit("Please enter seconds since 1970.")
    return int(text) if text else None


def _from_directory(
    world: World, element: Json, text: str | list[str] | None, initial: str, *, several: bool
) -> object:
    if text is None:
        return element.get(initial, [] if several else None)
    wanted = text if isinstance(text, list) else [one.strip() for one in text.split(",")]
    find = world.workspace.person if "users" in element["type"] else world.workspace.channel
    ids = []
    for one in wanted:
        found = find(one) if one else None
        if found is None and one:
            raise Refused(f"{one!r} is not in the workspace")
        if found is not None:
            ids.append(found.id)
    if several:
        return ids
    return ids[0] if ids else None


_TEXT: dict[str, Callable[[Json, str], None]] = {
    "plain_text_input": _plain,
    "email_text_input": _email,
    "url_text_input": _url,
    "number_input": _number,
}
_PICKERS: dict[str, tuple[str, str, Callable[[str], object]]] = {
    "datepicker": ("selected_date", "initial_date", _date),
    "timepicker": ("selected_time", "initial_time", _time),
    "datetimepicker": ("selected_date_time", "initial_date_time", _instant),
}
_DIRECTORY: dict[str, tuple[str, str, bool]] = {
    "users_select": ("selected_user", "initial_user", False),
    "channels_select": ("selected_channel", "initial_channel", False),
    "conversations_select": ("selected_conversation", "initial_conversation", False),
    "multi_users_select": ("selected_users", "initial_users", True),
    "multi_channels_select": ("selected_channels", "initial_channels", True),
    "multi_conversations_select": ("selected_conversations", "initial_conversations", True),
}
