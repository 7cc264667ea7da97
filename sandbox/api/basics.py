"""api.test, auth.test, apps.connections.open and reactions.add."""

from sandbox.api.registry import Call, method
from sandbox.shapes import ApiError, Json


@method("api.test", token="none")  # noqa: S106 - no token is needed
def api_test(call: Call) -> Json:
    """Answer; with `error`, refuse with it."""
    if error := call.get("error"):
        raise ApiError(error)
    return {"args": {key: value for key, value in call.args.items() if key != "token"}}


@method("auth.test")
def auth_test(call: Call) -> Json:
    """Who the token is."""
    team, bot = call.world.workspace.team, call.world.workspace.bot
    return {
        "url": f"{call.world.base_url}/",
        "team": team.name,
        "user": bot.name,
        "team_id": team.id,
        "user_id": bot.user_id,
        "bot_id": bot.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", token="app")  # noqa: S106 - the kind of token
def connections_open(call: Call) -> Json:
    """A one-time Socket Mode address."""
    if call.world.app.known and not call.world.app.socket_mode:
        raise ApiError("socket_mode_not_enabled")
    return {"url": call.world.sockets.address(call.world.base_url)}


@method("reactions.add", "reactions:write")
def reactions_add(call: Call) -> Json:
    """React to a message as the app."""
    channel = call.channel()
    message = call.world.board.find(channel.id, call.need("timestamp"))
    if message is None or message.only_for is not None:
        raise ApiError("message_not_found")
    if not call.world.board.react(message, call.need("name").strip(":"), call.world.workspace.bot.user_id):
        raise ApiError("already_reacted")
    return {}
