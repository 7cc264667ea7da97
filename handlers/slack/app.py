"""The Bolt app: what is heard, and who hears it. Listeners are looked through in order, so `/deploy` comes first."""

import logging
import secrets
from types import MappingProxyType
from typing import Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck

from handlers.slack import (
    actions,
    approve,
    checklist,
    factor_modal,
    freeze,
    incident_card,
    oncall_form,
    our_page,
    payloads,
    postmortem,
    postmortem_card,
    presses,
    reject,
    request_card,
    request_modal,
    roll_back,
    unfreeze,
)
from handlers.slack import details as detailed
from handlers.slack import hold as holding
from handlers.slack import resume as resuming
from handlers.slack.context import SlackContext
from handlers.slack.deploy import deploy
from handlers.slack.env import env
from handlers.slack.listeners import Listener, on_command, on_press, on_submission
from handlers.slack.oncall import oncall
from handlers.slack.payloads import Body

COMMANDS: Final = MappingProxyType({"/deploy": deploy, "/env": env, "/oncall": oncall})
PRESSES: Final = MappingProxyType(
    {
        request_card.APPROVE: approve.pressed,
        our_page.OPEN: our_page.opened,
        request_card.REJECT: reject.pressed,
        request_card.DETAILS: detailed.pressed,
        request_card.START: presses.start,
        request_card.HOLD: holding.pressed,
        request_card.RESUME: resuming.pressed,
        request_card.CHECKLIST: checklist.pressed,
        checklist.TICK: checklist.tick,
        checklist.UNTICK: checklist.untick,
        incident_card.ACKNOWLEDGE: presses.acknowledge,
        incident_card.RESOLVE: presses.resolve,
        incident_card.ESCALATE: presses.escalate,
        incident_card.ROLL_BACK: presses.roll_back,
        incident_card.NOT_THIS: presses.not_this,
        incident_card.WAS_THIS: presses.was_this,
        postmortem_card.WRITE: postmortem.write,
        postmortem_card.ACTION: actions.add,
        postmortem_card.PUBLISH: postmortem.publish,
        actions.DONE: actions.done,
    }
)
SUBMISSIONS: Final = MappingProxyType(
    {
        approve.CALLBACK: approve.submitted,
        reject.CALLBACK: reject.submitted,
        request_modal.CALLBACK: request_modal.submitted,
        roll_back.CALLBACK: roll_back.submitted,
        freeze.CALLBACK: freeze.submitted,
        unfreeze.CALLBACK: unfreeze.submitted,
        factor_modal.CALLBACK: factor_modal.submitted,
        oncall_form.CALLBACK: oncall_form.submitted,
        postmortem.CALLBACK: postmortem.submitted,
        actions.CALLBACK: actions.submitted,
    }
)
MENUS: Final = ("service", "environment")
"""The menus that search, where a policy has more than a hundred names."""
EVENTS: Final[tuple[str, ...]] = ()
"""Events of the Events API that are listened to: none in this version."""
SHORTCUTS: Final[tuple[str, ...]] = ()


def build_app(context: SlackContext) -> AsyncApp:
    """The app with every listener. Nothing outside is called before the first message, nor to answer one.

    Without a signing secret (Socket Mode alone) a random one takes its place, so that nothing posted is believed.
    """

    async def ours() -> AuthorizeResult:
        """One workspace, one token: Bolt need not ask Slack who we are before it answers."""
        return AuthorizeResult(enterprise_id=None, team_id=context.workspace.id, bot_token=client.token)

    client = context.api.client(patient=True)
    app = AsyncApp(
        name="portcullis",  # or Bolt looks through the whole stack, source files and all, to make one up
        client=client,
        authorize=ours,
        signing_secret=context.signing_secret or secrets.token_hex(32),
        process_before_response=True,
        ignoring_self_events_enabled=False,
        attaching_function_token_enabled=False,
        logger=_quiet_logger(),
    )
    for command, handle_command in COMMANDS.items():
        app.command(command)(on_command(context, handle_command))
    for action, handle_press in PRESSES.items():
        app.action(action)(on_press(context, handle_press))
    for callback, handle_submission in SUBMISSIONS.items():
        app.view(callback)(on_submission(context, handle_submission))
    for menu in MENUS:
        app.options(menu)(_suggest(context))
    return app


def _suggest(context: SlackContext) -> Listener:
    async def listener(ack: AsyncAck, body: Body) -> None:
        try:
            action_id, typed = payloads.suggestion(body)
            options = request_modal.suggestions(context.policy, action_id, typed)
        except payloads.Malformed:
            options = []
        await ack(options=options)

    return listener


def _quiet_logger() -> logging.Logger:
    """Bolt's own words at debug level hold payloads, and at warning level an unhandled one: neither is let through."""
    logger = logging.getLogger("portcullis.bolt")
    logger.setLevel(logging.ERROR)
    return logger
