"""Payloads as Slack sends them: commands, block actions, view submissions, shortcuts and events."""

import secrets
import time
from collections.abc import Mapping

from sandbox.board import Message
from sandbox.shapes import Json
from sandbox.views import Shown
from sandbox.workspace import Channel, Person
from sandbox.world import World

VERIFICATION_TOKEN = "sandbox-verification-token"  # noqa: S105 - Slack's deprecated field; it opens nothing


def action_ts() -> str:
    """A time stamp of now in Slack's form."""
    return f"{time.time():.6f}"


def response_url(
    world: World,
    channel: Channel,
    person: Person,
    *,
    message_ts: str | None = None,
    thread_ts: str | None = None,
) -> str:
    """A fresh response URL for what this person did there."""
    key = world.response_urls.issue(
        channel=channel.id, user=person.id, message_ts=message_ts, thread_ts=thread_ts
    )
    return f"{world.base_url}/response/{key}"


def command(world: World, person: Person, channel: Channel, name: str, text: str) -> Json:
    """A slash command, as form fields."""
    team, bot = world.workspace.team, world.workspace.bot
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": bot.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url(world, channel, person),
        "trigger_id": world.triggers.issue(person.id),
    }


def _interaction(world: World, person: Person, kind: str) -> Json:
    team = world.workspace.team
    user = {"id": person.id, "username": person.name, "name": person.name, "team_id": team.id}
    return {
        "type": kind,
        "user": user,
        "api_app_id": world.workspace.bot.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": team.id, "domain": team.domain},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": world.triggers.issue(person.id),
    }


def message_action(
    world: World, person: Person, channel: Channel, message: Message, action: Json, values: Mapping[str, Json]
) -> Json:
    """A press or choice in a message; an ephemeral message itself is not sent along, as in Slack."""
    payload = _interaction(world, person, "block_actions") | {
        **message_context(channel, message),
        "state": {"values": dict(values)},
        "response_url": response_url(
            world, channel, person, message_ts=message.ts, thread_ts=message.thread_ts
        ),
        "actions": [action],
    }
    if message.only_for is None:
        payload["message"] = world.board.wire(message)
    return payload


def message_context(channel: Channel, message: Message) -> Json:
    """Where in a message something was done."""
    container: Json = {"type": "message", "message_ts": message.ts, "channel_id": channel.id}
    container["is_ephemeral"] = message.only_for is not None
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    return {"container": container, "channel": {"id": channel.id, "name": channel.name}}


def view_context(shown: Shown) -> Json:
    """Where in a view something was done."""
    return {"container": {"type": "view", "view_id": shown.id}, "view": view_body(shown)}


def block_suggestion(world: World, person: Person, asked: Json) -> Json:
    """Typing into an external select; there is no trigger in it."""
    payload = _interaction(world, person, "block_suggestion") | asked
    del payload["trigger_id"]
    return payload


def view_action(world: World, person: Person, shown: Shown, action: Json) -> Json:
    """A press or choice in a modal or on the Home tab."""
    return _interaction(world, person, "block_actions") | {
        **view_context(shown),
        "actions": [action],
    }


def view_submission(world: World, person: Person, shown: Shown) -> Json:
    """A modal sent off."""
    return _interaction(world, person, "view_submission") | {"view": view_body(shown), "response_urls": []}


def view_closed(world: World, person: Person, shown: Shown, *, cleared: bool) -> Json:
    """A modal put away without sending it; there is no trigger in it."""
    payload = _interaction(world, person, "view_closed") | {"view": view_body(shown), "is_cleared": cleared}
    del payload["trigger_id"]
    return payload


def view_body(shown: Shown) -> Json:
    """The view with what was filled in so far."""
    return {**shown.body, "state": {"values": shown.values}}


def global_shortcut(world: World, person: Person, callback_id: str) -> Json:
    """A shortcut from the composer."""
    return _interaction(world, person, "shortcut") | {"callback_id": callback_id, "action_ts": action_ts()}


def message_shortcut(
    world: World, person: Person, channel: Channel, message: Message, callback_id: str
) -> Json:
    """A shortcut on a message."""
    return _interaction(world, person, "message_action") | {
        "callback_id": callback_id,
        "action_ts": action_ts(),
        "message_ts": message.ts,
        "message": world.board.wire(message),
        "channel": {"id": channel.id, "name": channel.name},
        "response_url": response_url(world, channel, person, thread_ts=message.thread_ts),
    }


def event(world: World, content: Json) -> Json:
    """An Events API callback around one event."""
    team, bot = world.workspace.team, world.workspace.bot
    authorization = {
        "enterprise_id": None,
        "team_id": team.id,
        "user_id": bot.user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": team.id,
        "api_app_id": bot.app_id,
        "event": content,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(time.time()),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": secrets.token_urlsafe(16),
    }
