"""`/deploy reset-factor`: two administrators take away what somebody enrolled; the person themselves raises an alarm."""

from bot.domain.second_factor import Purpose
from bot.flows import reset as resetting
from handlers.slack import factor_modal
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.enroll import named
from handlers.slack.payloads import Command
from handlers.slack.voice import Voice

USAGE = "/deploy reset-factor PERSON reason"


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """One administrator's part, or the alarm. Raises Refusal."""
    policy = context.policy
    person = named(policy, rest, USAGE)
    reason = rest.partition(" ")[2] or None
    begun = await resetting.begin_reset(context.ledger, policy, command.asker, person, reason)
    voice = Voice(policy, context.clock.now())
    if isinstance(begun, resetting.Raised):
        return _raised(begun, voice)
    who = voice.who(person)
    first = (
        f"{voice.who(begun.first)} asked for it before you: with your second factor it happens at once."
        if begun.first
        else "You are the first: within an hour a second administrator has to say so too, in the same way."
    )
    lines = [
        f"*Take away everything that {who} enrolled and linked?*",
        f"{first} What {who} signed and what has not started is void then.",
    ]
    return factor_modal.way(context, command, lines, begun.token, Purpose.RESET, person)


def _raised(alarm: resetting.Raised, voice: Voice) -> Message:
    lines = ["*The channel was told that your second factors may not be your own.*"]
    if alarm.told:
        able = " or ".join(voice.who(p) for p in alarm.told[:6])
        lines.append(f"Two administrators have to take them away; speak to {able} in person or by phone.")
    else:
        lines.append(
            f"Whoever runs the bot takes them away on its host: `portcullis enroll {escape(alarm.person)} --again`"
        )
    return message(lines)
