"""conversations.*: listing, looking up, reading, opening and joining."""

from sandbox.api.registry import Call, method
from sandbox.board import Message
from sandbox.shapes import ApiError, Json
from sandbox.workspace import Channel

_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")


@method("conversations.list", *_READ)
def list_conversations(call: Call) -> Json:
    """Channels, and the app's direct conversations where `types` asks for im."""
    kinds = {one.strip() for one in (call.get("types") or "public_channel").split(",")}
    if unknown := kinds - {"public_channel", "private_channel", "im", "mpim"}:
        raise ApiError("invalid_types", f"[ERROR] unknown: {', '.join(sorted(unknown))}")
    workspace = call.world.workspace
    found = list(workspace.channels) if "public_channel" in kinds else []
    if "im" in kinds:
        found += [workspace.direct(person) for person in workspace.people]
    return call.page([_wire(call, one) for one in found], "channels")


@method("conversations.info", *_READ)
def info(call: Call) -> Json:
    """One conversation."""
    return {"channel": _wire(call, call.channel())}


@method("conversations.members", *_READ)
def members(call: Call) -> Json:
    """The ids of who is in it."""
    channel = call.channel()
    return call.page(sorted(call.world.members.get(channel.id, set(channel.members))), "members")


@method("conversations.open", "im:write", "mpim:write", "channels:manage", "groups:write")
def open_direct(call: Call) -> Json:
    """The app's conversation with one person."""
    wanted = [one.strip() for one in (call.get("users") or "").split(",") if one.strip()]
    if not wanted:
        raise ApiError("users_list_not_supplied")
    if len(wanted) > 1:
        raise ApiError("invalid_user_combination")
    person = next((one for one in call.world.workspace.people if one.id == wanted[0]), None)
    if person is None:
        raise ApiError("user_not_found")
    channel = call.world.workspace.direct(person)
    return {"channel": _wire(call, channel) if call.flag("return_im") else {"id": channel.id}}


@method("conversations.join", "channels:join")
def join(call: Call) -> Json:
    """Join a public channel as the app."""
    channel = call.channel()
    if channel.direct_with is not None:
        raise ApiError("method_not_supported_for_channel_type")
    call.world.members[channel.id].add(call.world.workspace.bot.user_id)
    call.world.changes.bump()
    return {"channel": _wire(call, channel)}


@method("conversations.history", *_HISTORY)
def history(call: Call) -> Json:
    """What was said in a channel, newest first; metadata only where it is asked for."""
    channel = _readable(call)
    said = _within(call, call.world.board.timeline(channel.id, None))
    return _page_of(call, list(reversed(said)))


@method("conversations.replies", *_HISTORY)
def replies(call: Call) -> Json:
    """A thread, oldest first."""
    channel = _readable(call)
    ts = call.need("ts")
    root = call.world.board.find(channel.id, ts)
    if root is None or root.only_for is not None:
        raise ApiError("thread_not_found")
    return _page_of(call, call.world.board.thread(channel.id, root.thread_ts or ts, None))


def _readable(call: Call) -> Channel:
    channel = call.channel()
    if not call.world.is_member(channel, call.world.workspace.bot.user_id):
        raise ApiError("not_in_channel")
    return channel


def _within(call: Call, said: list[Message]) -> list[Message]:
    oldest, latest, inclusive = call.get("oldest") or "0", call.get("latest"), call.flag("inclusive")

    def fits(message: Message) -> bool:
        at = float(message.ts)
        if latest is not None and (at > float(latest) or (at == float(latest) and not inclusive)):
            return False
        return at > float(oldest) or (at == float(oldest) and inclusive)

    try:
        return [one for one in said if fits(one)]
    except ValueError as error:
        raise ApiError("invalid_ts_oldest") from error


def _page_of(call: Call, said: list[Message]) -> Json:
    metadata = call.flag("include_all_metadata")
    page = call.page([call.world.board.wire(one, metadata=metadata) for one in said], "messages")
    return {**page, "has_more": bool(page["response_metadata"]["next_cursor"])}


def _wire(call: Call, channel: Channel) -> Json:
    world = call.world
    if channel.direct_with is not None:
        return {
            "id": channel.id,
            "is_im": True,
            "is_channel": False,
            "user": channel.direct_with,
            "is_open": True,
        }
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "is_archived": False,
        "is_general": False,
        "is_member": world.is_member(channel, world.workspace.bot.user_id),
        "num_members": len(world.members[channel.id]),
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "context_team_id": world.workspace.team.id,
    }
