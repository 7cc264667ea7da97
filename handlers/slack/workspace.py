"""Which workspace is ours: learnt from Slack, kept in the ledger, and the only one that is served."""

import asyncio

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
        except SlackFailed as failed:
            log.warning("slack.who-are-we", code=failed.code)
            await asyncio.sleep(ASK_AGAIN)
            continue
        team = answer.get("team_id")
        if isinstance(team, str) and team != context.workspace.id:
            await context.ledger.write(lambda tx, team=team: tx.put_place(SUBJECT, SURFACE, {"team": team}))  # type: ignore[misc]
            context.workspace.id = team
        await asyncio.sleep(EVERY)
