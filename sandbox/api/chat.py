"""chat.*: posting, updating, deleting, ephemerals and permalinks."""

import time

from sandbox.api.registry import Call, method
from sandbox.board import Message
from sandbox.limits import BLOCKS_TEXT_LIMIT, TEXT_LIMIT, block_flaws, characters
from sandbox.shapes import ApiError, Json
from sandbox.workspace import Channel

_BURST, _PER_SECOND = 3, 1.0


@method("chat.postMessage", "chat:write")
def post_message(call: Call) -> Json:
    """Post as the app, into a channel it is in (or any public one with chat:write.public) or to a person."""
    channel = _addressee(call)
    world = call.world
    may_anywhere = world.app.scopes is None or "chat:write.public" in world.app.scopes
    if not world.is_member(channel, world.workspace.bot.user_id) and not may_anywhere:
        raise ApiError("not_in_channel")
    content = message_content(call)
    thread_ts = call.get("thread_ts")
    if thread_ts is not None:
        thread_ts = _root(call, channel, thread_ts)
    _keep_pace(call, channel)
    if call.flag("reply_broadcast"):
        content["reply_broadcast"] = True
    body = {**world.bot_author(), "team": world.workspace.team.id, **content}
    message = world.board.post(channel.id, body, thread_ts=thread_ts, metadata=_metadata(call))
    return {"channel": channel.id, "ts": message.ts, "message": world.board.wire(message, metadata=True)}


@method("chat.update", "chat:write")
def update(call: Call) -> Json:
    """Change a message of the app; blocks not given are kept, an empty list removes them."""
    channel, message = _own_message(call, "cant_update_message")
    content = message_content(call)
    for key in ("blocks", "attachments"):
        kept = message.body.get(key)
        if call.document(key) is None and kept:
            content[key] = kept
    edited = {"edited": {"user": call.world.workspace.bot.user_id, "ts": f"{time.time():.6f}"}}
    call.world.board.edit(message, {**content, **edited}, _metadata(call))
    wire = call.world.board.wire(message)
    return {"channel": channel.id, "ts": message.ts, "text": wire.get("text", ""), "message": wire}


@method("chat.delete", "chat:write")
def delete(call: Call) -> Json:
    """Delete a message of the app."""
    channel, message = _own_message(call, "cant_delete_message")
    call.world.board.remove(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.postEphemeral", "chat:write")
def post_ephemeral(call: Call) -> Json:
    """Show one person in the channel something that nobody else sees."""
    channel = call.channel()
    world = call.world
    person = call.person()
    if not world.is_member(channel, world.workspace.bot.user_id):
        raise ApiError("not_in_channel")
    if not world.is_member(channel, person.id):
        raise ApiError("user_not_in_channel")
    body = {**world.bot_author(), **message_content(call), "is_ephemeral": True}
    message = world.board.post(channel.id, body, only_for=person.id, thread_ts=call.get("thread_ts"))
    return {"message_ts": message.ts}


@method("chat.getPermalink")
def permalink(call: Call) -> Json:
    """An address that shows the message on the sandbox's page."""
    channel = call.channel()
    ts = call.need("message_ts")
    if call.world.board.find(channel.id, ts) is None:
        raise ApiError("message_not_found")
    return {"channel": channel.id, "permalink": f"{call.world.base_url}/#/{channel.id}/{ts}"}


def message_content(call: Call) -> Json:
    """Text and blocks of a call, checked; raises no_text, msg_too_long or invalid_blocks with pointers."""
    content: Json = {"text": call.get("text") or ""}
    if len(content["text"]) > TEXT_LIMIT:
        raise ApiError("msg_too_long")
    blocks = call.document("blocks")
    if blocks:
        if flaws := block_flaws(blocks, "message"):
            raise ApiError("invalid_blocks", *flaws)
        if characters(blocks) > BLOCKS_TEXT_LIMIT:
            raise ApiError("msg_blocks_too_long")
        content["blocks"] = blocks
    attachments = call.document("attachments")
    if attachments:
        content["attachments"] = attachments
    if not content["text"].strip() and not blocks and not attachments:
        raise ApiError("no_text")
    return content


def _metadata(call: Call) -> Json | None:
    metadata = call.document("metadata")
    if metadata is None:
        return None
    good = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str)
    if not good or not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise ApiError("invalid_metadata_format")
    return metadata


def _addressee(call: Call) -> Channel:
    wanted = call.need("channel")
    workspace = call.world.workspace
    person = next((one for one in workspace.people if one.id == wanted), None)
    channel = workspace.direct(person) if person else workspace.channel(wanted)
    if channel is None:
        raise ApiError("channel_not_found")
    if person is not None and not call.world.app.messages_enabled:
        raise ApiError("messages_tab_disabled")
    return channel


def _root(call: Call, channel: Channel, thread_ts: str) -> str:
    parent = call.world.board.find(channel.id, thread_ts)
    if parent is None or parent.only_for is not None:
        raise ApiError("thread_not_found")
    return parent.thread_ts or parent.ts


def _own_message(call: Call, refusal: str) -> tuple[Channel, Message]:
    channel = call.channel()
    message = call.world.board.find(channel.id, call.need("ts"))
    if message is None or message.only_for is not None:
        raise ApiError("message_not_found")
    if message.body.get("bot_id") != call.world.workspace.bot.bot_id:
        raise ApiError(refusal)
    return channel, message


def _keep_pace(call: Call, channel: Channel) -> None:
    if not call.world.pace.strict_rate:
        return
    now = time.monotonic()
    recent = [at for at in call.world.posted.get(channel.id, ()) if now - at <= _BURST * _PER_SECOND]
    call.world.posted[channel.id] = recent
    if len(recent) >= _BURST:
        raise ApiError("ratelimited", status=429)
    recent.append(now)
