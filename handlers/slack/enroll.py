"""`/deploy enroll` and `/deploy confirm-factor`: a click is intent; a proof or a second factor elsewhere does it (P8)."""

from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.domain.second_factor import Credential, Purpose
from bot.flows import confirm as confirming
from bot.flows import enroll as enrolling
from bot.policy import Policy
from handlers.slack import factor_modal, our_page
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command
from handlers.slack.voice import Voice
from handlers.wording import enrolment

CONFIRM_USAGE = "/deploy confirm-factor PERSON"


async def command(context: SlackContext, command: Command, _rest: str) -> Message:
    """What the person has, and the way to the page; without pages, what the host's operator does. Raises Refusal."""
    policy = context.policy
    voice = Voice(policy, context.clock.now())
    if context.pages is None:
        person, held = await enrolling.held_by(context.ledger, policy, command.asker)
        return message(
            [*_held(held, voice), f"Whoever runs the bot enrols you on its host: {_on_host(person, held)}"]
        )
    begun = await enrolling.begin(context.ledger, policy, command.asker)
    lines = [
        *_held(begun.held, voice),
        (
            f"The link is for {voice.who(begun.person)} alone and works until {escape(voice.when(begun.until))}. It enrols "
            "nothing by itself: the page asks for a proof that Slack does not have (a login at your identity provider, a "
            "factor you have already, or the code that whoever runs the bot gives you)."
        ),
    ]
    url = f"{context.pages}/mfa/enroll/{begun.token}"
    return message(lines, *our_page.link(url, "Open the enrolment page", begun.person))


def _held(held: tuple[Credential, ...], voice: Voice) -> list[str]:
    if not held:
        return ["*You have no second factor here yet.*"]
    return ["*Your second factors*", *(_line(credential, voice) for credential in held)]


def _line(credential: Credential, voice: Voice) -> str:
    what = enrolment.factor(credential.method, credential.name)
    since = f"enrolled {voice.when(credential.enrolled_at)}"
    stands = "counts everywhere"
    if credential.pending:
        stands = f"waits for an administrator (/deploy confirm-factor {credential.person})"
    elif credential.usable_from is not None and voice.now < credential.usable_from:
        stands = f"counts for production from {voice.when(credential.usable_from)}"
    return escape(f"• {what[:1].upper()}{what[1:]}, {since}: {stands}")


def _on_host(person: str, held: tuple[Credential, ...]) -> str:
    return f"`portcullis enroll {escape(person)}{' --again' if held else ''}`"


async def confirm(context: SlackContext, command: Command, rest: str) -> Message:
    """The way to confirm what somebody enrolled with the host's help, for an administrator. Raises Refusal."""
    policy = context.policy
    person = named(policy, rest, CONFIRM_USAGE)
    begun = await confirming.begin_confirmation(context.ledger, policy, command.asker, person)
    voice = Voice(policy, context.clock.now())
    what = escape(enrolment.factor(begun.credential.method, begun.credential.name))
    who = voice.who(person)
    lines = [
        f"*Confirm {what} of {who}?*",
        (
            f"Enrolled {escape(voice.when(begun.credential.enrolled_at))}. Ask {who} in person or by phone whether it was "
            "them: a message in Slack proves nothing. For production it counts from your confirmation on, after the "
            "cool-off."
        ),
    ]
    return factor_modal.way(context, command, lines, begun.token, Purpose.CONFIRM, person)


def named(policy: Policy, rest: str, usage: str) -> str:
    """The person that the first word names: their key in the policy, or a mention. Raises Refusal `name-missing`."""
    word = rest.split(maxsplit=1)[0].removeprefix("@") if rest.strip() else ""
    if not word:
        raise Refusal("name-missing", {"usage": usage})
    found = policy.person_by_slack(word)
    return word if found is None else found[0]


def note(delivery: Delivery, voice: Voice) -> Message:
    """What changed about somebody's second factors, for them or for the channel."""
    own = delivery.destination.startswith("slack:user:")
    said = enrolment.note(delivery.facts, delivery.subject, voice.name, voice.when, own=own)
    text = escape(said, 2500)
    loud = delivery.facts.get("code") in ("enrolled-bootstrap", "reset-alarm", "locked-out")
    head, _, rest = text.partition(":")  # one word in bold is seen; a paragraph of it is not read
    return message([f"⚠ *{head}:*{rest}" if loud and not own else text])
