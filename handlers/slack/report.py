"""The incident report of a deployment in its thread (D5): the facts in short; what it printed stays in the ledger."""

from bot.flows.report import Report
from bot.policy import Policy
from handlers.slack.blocks import Message, context, escape, message
from handlers.slack.request_card import title
from handlers.slack.voice import Voice
from handlers.wording.report import (
    course,
    gates_said,
    headline,
    incidents,
    kept,
    taken_back,
    verification,
    who,
)


def render(report: Report, policy: Policy) -> Message:
    """The message as the deployment stands now."""
    voice, request = Voice(policy, report.now), report.request
    said = [
        who(report, voice.name),
        *course(report, voice.when),
        gates_said(request),
        *[f"{kept(output)}." for output in report.outputs],
        *taken_back(report, voice.when),
        *verification(report, voice.when),
        *incidents(report, report.now),
    ]
    head = f"*Report: {request.id} {headline(report)}*  {title(request)}"
    whole = context(f"With the last lines it printed: `portcullis report {request.id} --markdown`")
    return message([head, *[escape(line) for line in said]], whole)
