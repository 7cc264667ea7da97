"""Slack's payloads, typed at the edge. What is malformed is a ValueError here and nowhere later."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bot.domain.refusal import Refusal
from bot.flows.asking import Asker

Body = Mapping[str, Any]
_ID: Final = re.compile(r"(?:dep-?)?0*([1-9][0-9]{0,8})", re.IGNORECASE)
_LINK: Final = re.compile(r"<(@|#|!subteam\^|!|)([^<>|]*)(?:\|([^<>]*))?>")


class Malformed(ValueError):  # noqa: N818 -- it says what the payload is
    """A payload that is not what Slack sends; nothing was done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command. `text` is what the person typed: Slack's escapes are undone."""

    asker: Asker
    name: str
    text: str
    trigger_id: str = field(repr=False)
    channel: str
    response_url: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """What makes a repeated delivery of this command the same command."""
        return f"command:{self.trigger_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that somebody pressed."""

    asker: Asker
    action_id: str
    value: str
    action_ts: str
    trigger_id: str = field(repr=False)
    response_url: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        return f"action:{self.action_ts}:{self.asker.user}:{self.action_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A modal that somebody sent: the values by block, and what was put into it when it was opened.

    Where several can be chosen, what was chosen stands in `chosen`; an instant is seconds since 1970, as text.
    """

    asker: Asker
    view_id: str
    values: Mapping[str, str]
    metadata: Mapping[str, Any] = field(repr=False)
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"view:{self.view_id}"


def command(body: Body) -> Command:
    """Read a slash command. Raises Malformed."""
    url, channel = _optional(body, "response_url"), _text(body, "channel_id")
    user = _text(body, "user_id")
    reply = {"channel": channel, "user": user} | ({"response_url": url} if url else {})
    return Command(
        asker=Asker(team=_text(body, "team_id"), user=user, reply=reply),
        name=_text(body, "command"),
        text=as_typed(_optional(body, "text") or ""),
        trigger_id=_text(body, "trigger_id"),
        channel=channel,
        response_url=url,
    )


def press(body: Body) -> Press:
    """Read a block action. Raises Malformed."""
    found = body.get("actions")
    first = found[0] if isinstance(found, list) and found else None
    if not isinstance(first, Mapping):
        raise Malformed("no action")
    return Press(
        asker=_asker(body),
        action_id=_text(first, "action_id"),
        value=_optional(first, "value") or "",
        action_ts=_text(first, "action_ts"),
        trigger_id=_text(body, "trigger_id"),
        response_url=_optional(body, "response_url"),
    )


def submission(body: Body) -> Submission:
    """Read a view submission. Raises Malformed."""
    view = _mapping(body, "view")
    try:
        metadata = json.loads(_optional(view, "private_metadata") or "{}")
    except ValueError as error:
        raise Malformed("private_metadata is not JSON") from error
    if not isinstance(metadata, dict):
        raise Malformed("private_metadata is no object")
    blocks = _mapping(_mapping(view, "state"), "values")
    values = {block: _entered(held) for block, held in blocks.items()}
    chosen = {block: _chosen(held) for block, held in blocks.items()}
    asker = _asker(body)
    reply = metadata.get("reply")
    if isinstance(reply, dict):
        asker = Asker(team=asker.team, user=asker.user, reply={**reply, "user": asker.user})
    return Submission(asker=asker, view_id=_text(view, "id"), values=values, metadata=metadata, chosen=chosen)


def suggestion(body: Body) -> tuple[str, str]:
    """What an external menu asks for: its action_id and what was typed so far. Raises Malformed."""
    return _text(body, "action_id"), _optional(body, "value") or ""


def team_of(body: Body) -> str | None:
    """The workspace that a payload comes from; that of its user where it names none of its own."""
    team, user = body.get("team"), body.get("user")
    found = body.get("team_id") or (team.get("id") if isinstance(team, Mapping) else None)
    found = found or (user.get("team_id") if isinstance(user, Mapping) else None)
    return found if isinstance(found, str) else None


def request_id(text: str, usage: str) -> str:
    """`dep-42`, `DEP42` or `42` as DEP-42. Raises Refusal `id-missing` or `bad-id`."""
    if not text:
        raise Refusal("id-missing", {"usage": usage})
    match = _ID.fullmatch(text)
    if match is None:
        raise Refusal("bad-id", {"name": text[:40]})
    return f"DEP-{match[1]}"


def as_typed(text: str) -> str:
    """The words a person typed: links and mentions as they read, and Slack's three escapes undone."""
    text = _LINK.sub(_readable, text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _readable(match: re.Match[str]) -> str:
    kind, target, label = match[1], match[2], match[3]
    if kind in ("@", "#"):
        return f"{kind}{label or target}"
    if kind == "!subteam^":
        return label or f"@{target}"
    if kind == "!":
        return label or f"@{target.split('^')[0]}"
    return target if not label or label in target else f"{label} ({target})"


def _asker(body: Body) -> Asker:
    user = _mapping(body, "user")
    team = team_of(body)
    if not team:
        raise Malformed("no team")
    return Asker(team=team, user=_text(user, "id"))


def _entered(held: object) -> str:
    """The value of the one element of an input block."""
    if not isinstance(held, Mapping):
        raise Malformed("no values")
    for element in held.values():
        if not isinstance(element, Mapping):
            continue
        chosen = element.get("selected_option")
        if isinstance(chosen, Mapping):
            return str(chosen.get("value") or "")
        value = element.get("value")
        if isinstance(value, str):
            return value
        day = element.get("selected_date")
        if isinstance(day, str):
            return day
        instant = element.get("selected_date_time")
        if isinstance(instant, int) and not isinstance(instant, bool):
            return str(instant)
    return ""


def _chosen(held: object) -> tuple[str, ...]:
    """The values chosen in the one element of an input block where several can be; what is no option is left out."""
    elements = held.values() if isinstance(held, Mapping) else ()
    found = [e.get("selected_options") for e in elements if isinstance(e, Mapping)]
    options = [option for several in found if isinstance(several, list) for option in several]
    return tuple(str(o.get("value") or "") for o in options if isinstance(o, Mapping) and o.get("value"))


def _mapping(body: Body, key: str) -> Body:
    found = body.get(key)
    if not isinstance(found, Mapping):
        raise Malformed(f"no {key}")
    return found


def _text(body: Body, key: str) -> str:
    found = body.get(key)
    if not isinstance(found, str) or not found:
        raise Malformed(f"no {key}")
    return found


def _optional(body: Body, key: str) -> str | None:
    found = body.get(key)
    return found if isinstance(found, str) and found else None
