"""A link from Slack to a page of ours: it carries no authority, and is shown to one person alone."""

from typing import Final

from handlers.slack.blocks import Block, actions, plain
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Press

OPEN: Final = "our_page"
"""The action_id of every such button: Slack tells of the press although the browser follows the link."""


async def opened(context: SlackContext, press: Press) -> None:
    """Nothing is done: what counts happens on the page."""


def link(url: str, text: str, subject: str, *, primary: bool = True) -> list[Block]:
    """A row with one button that leads to the page. `subject`: what it is about, for whoever reads the payload."""
    button: Block = {"type": "button", "action_id": OPEN, "text": plain(text), "value": subject, "url": url}
    return actions(button | ({"style": "primary"} if primary else {}))
