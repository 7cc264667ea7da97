"""Whoever reads in Slack, as the access matrix sees them (F10)."""

from bot.flows.access import Reader
from bot.flows.asking import Asker
from handlers.slack.context import SlackContext


def reader(context: SlackContext, asker: Asker) -> Reader:
    """What `asker` may read, by the policy of this moment and the live sources that are connected."""
    authority = context.collector.authority
    return Reader(asker=asker, ledger=context.ledger, policy=context.policy, authority=authority)
