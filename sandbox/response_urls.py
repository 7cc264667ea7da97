"""What a POST to a response URL does: a new message, or the first one replaced or deleted; five uses."""

import json
import time

from aiohttp import web

from sandbox.limits import TEXT_LIMIT, block_flaws
from sandbox.shapes import ApiError, Json
from sandbox.tickets import ResponseUrl
from sandbox.world import World

_KNOWN = {
    "text",
    "blocks",
    "attachments",
    "response_type",
    "replace_original",
    "delete_original",
    "thread_ts",
    "mrkdwn",
    "unfurl_links",
    "unfurl_media",
    "metadata",
}


class ResponseUrlDoor:
    """Answers `/response/{key}`."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: web.Request) -> web.Response:
        """Use a response URL once."""
        started = time.monotonic()
        content: Json = {}
        body: Json = {"ok": True}
        status = 200
        try:
            target = self._world.response_urls.find(request.match_info["key"])
            content = await _content(request)
            respond(self._world, target, content)
            target.uses += 1
        except ApiError as refusal:
            body, status = refusal.body(), refusal.status
        self._world.inspector.record(
            "in",
            "response_url",
            ok=status == 200,
            status=status,
            error=body.get("error"),
            started=started,
            request=content,
            response=body,
        )
        return web.json_response(body, status=status)


async def _content(request: web.Request) -> Json:
    try:
        content = json.loads(await request.text())
    except ValueError as error:
        raise ApiError("invalid_payload", status=400) from error
    if not isinstance(content, dict):
        raise ApiError("invalid_payload", status=400)
    return content


def respond(world: World, target: ResponseUrl, content: Json) -> None:
    """Do what a response says, whether it came to a URL or inside an acknowledgement; raises ApiError."""
    unknown = set(content) - _KNOWN
    if unknown:
        raise ApiError("invalid_arguments", f"[ERROR] unknown: {', '.join(sorted(unknown))}", status=400)
    original = world.board.find(target.channel, target.message_ts) if target.message_ts else None
    if content.get("delete_original"):
        if original is None:
            raise ApiError("message_not_found", status=404)
        world.board.remove(original)
        return
    body = _checked(content)
    if content.get("replace_original"):
        if original is None:
            raise ApiError("message_not_found", status=404)
        world.board.edit(original, body)
        return
    kind = content.get("response_type", "ephemeral")
    if kind not in {"ephemeral", "in_channel"}:
        raise ApiError("invalid_arguments", "[ERROR] [json-pointer:/response_type]", status=400)
    hidden = kind == "ephemeral"
    author = world.bot_author() | ({"is_ephemeral": True} if hidden else {"team": world.workspace.team.id})
    thread_ts = content.get("thread_ts") or target.thread_ts
    world.board.post(
        target.channel, {**author, **body}, only_for=target.user if hidden else None, thread_ts=thread_ts
    )


def _checked(content: Json) -> Json:
    text, blocks = content.get("text") or "", content.get("blocks")
    if not isinstance(text, str):
        raise ApiError("invalid_arguments", "[ERROR] must be a string [json-pointer:/text]", status=400)
    if len(text) > TEXT_LIMIT:
        raise ApiError("msg_too_long", status=400)
    if blocks and (flaws := block_flaws(blocks, "message")):
        raise ApiError("invalid_blocks", *flaws, status=400)
    if not text.strip() and not blocks:
        raise ApiError("no_text", status=400)
    return {"text": text, **({"blocks": blocks} if blocks else {})}
