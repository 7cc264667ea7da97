"""Which workspace and app are ours: learnt from Slack, and the only ones that are served."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from handlers.slack.context import SlackContext
from handlers.slack.web_api import SlackFailed

log = structlog.get_logger(__name__)

SUBJECT, SURFACE = "slack", "workspace"
ASK_AGAIN = 15.0  # seconds, while Slack does not answer
EVERY = 3600.0  # seconds: an operator may have moved the app


async def keep_learning(context: SlackContext) -> None:
    """Ask Slack whose token we hold, until cancelled; what was learnt before is believed until it answers."""
    kept = await context.ledger.read(lambda tx: tx.place(SUBJECT, SURFACE))
    found = None if kept is None else kept.get("team")
    context.workspace.id = found if isinstance(found, str) else None
    while True:
        try:
            answer = await context.api.call("auth.test", patient=True)
            await _ours(context, answer.get("team_id"))
            own = await context.api.call("users.info", patient=True, user=answer.get("user_id"))
        except SlackFailed as failed:
            log.warning("slack.who-are-we", code=failed.code)
            await asyncio.sleep(ASK_AGAIN)
            continue
        context.workspace.app = _app_of(own)
        await asyncio.sleep(EVERY)


async def _ours(context: SlackContext, team: object) -> None:
    """From now on this workspace is served, and no other."""
    if isinstance(team, str) and team != context.workspace.id:
        await context.ledger.write(lambda tx: tx.put_place(SUBJECT, SURFACE, {"team": team}))
        context.workspace.id = team


def _app_of(own: Mapping[str, Any]) -> str | None:
    """The id of our own app, as our bot's profile says it."""
    user = own.get("user")
    profile = user.get("profile") if isinstance(user, Mapping) else None
    app = profile.get("api_app_id") if isinstance(profile, Mapping) else None
    return app if isinstance(app, str) and app else None
