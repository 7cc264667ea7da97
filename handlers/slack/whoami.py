"""`/deploy whoami`: who the asker is here, for their eyes only: accounts, roles with their source, second factors."""

from bot.domain.authority import Word
from bot.domain.identity import Provider
from bot.flows.roles import Basis
from bot.flows.whoami import RoleStanding, Whoami, whoami
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.listeners import later
from handlers.slack.payloads import Command
from handlers.slack.voice import Voice
from handlers.wording import enrolment
from handlers.wording.authority import silence, source_name, told
from handlers.wording.facts import listed
from handlers.wording.times import span

_PROVIDERS = {Provider.SLACK: "Slack", Provider.GITHUB: "GitHub", Provider.OIDC: "the identity provider"}
_SIGNS = {Word.YES: "✓", Word.NO: "–", Word.UNANSWERED: "?"}
_WORDS = {Word.YES: "held", Word.NO: "not held", Word.UNANSWERED: "not known"}
MOST_ROLES = 40


async def command(context: SlackContext, command: Command, _rest: str) -> Message:
    """The sources of roles are asked after the ack; the answer follows."""
    work = answer(context, command)
    context.background.start(later(context, command.response_url, work), name="whoami")
    return message(["Asking who you are here …"])


async def answer(context: SlackContext, command: Command) -> Message:
    """Ask and tell."""
    policy = context.policy
    found = await whoami(context.ledger, policy, context.collector.authority, command.asker)
    return render(found, Voice(policy, found.now))


def render(found: Whoami, voice: Voice) -> Message:
    """All of it, in as many lines as it takes."""
    if found.person is None:
        return _stranger(found, voice)
    lines = [f"*You are {voice.who(found.person)}* (`{escape(found.person)}` in the policy)"]
    if found.of_another is not None:
        lines.append(
            f"✗ *But this Slack account is linked to {voice.who(found.of_another)}:* it approves nothing until an "
            "administrator has looked whose it is."
        )
    lines += ["*Accounts*", *_accounts(found, voice), "*Roles, asked just now*"]
    lines += [_role(role) for role in found.roles[:MOST_ROLES]] or ["The policy has no roles."]
    if len(found.roles) > MOST_ROLES:
        lines.append(f"and {len(found.roles) - MOST_ROLES} more roles")
    return message([*lines, "*Second factors*", *_factors(found, voice)])


def _stranger(found: Whoami, voice: Voice) -> Message:
    named = [voice.name(person) for person in found.able]
    who = (
        f"whoever keeps the policy file; {listed(named, 3, last='or')} may know who that is" if named else ""
    )
    return message(
        [
            "*This Slack account stands for nobody in the policy:* it can ask for nothing and approve nothing.",
            (
                f"You can be added under `people`, with `slack: {escape(found.user, 40)}`, by "
                f"{escape(who or 'whoever keeps the policy file')}."
            ),
        ]
    )


def _accounts(found: Whoami, voice: Voice) -> list[str]:
    lines = [
        f"✓ *linked* · {_PROVIDERS[link.provider]}: {escape(link.label, 80)}, "
        f"since {escape(voice.when(link.linked_at))}"
        for link in found.links
    ]
    lines += [
        f"○ *not linked* · {_PROVIDERS[where]}: {escape(name, 80)}, as the policy says"
        for where, name in found.written
    ]
    lines += [
        f"✗ *disputed* · {_PROVIDERS[each.provider]}: the policy names {escape(each.said, 80)}, and "
        f"{escape(each.linked, 80)} is linked; an administrator has to look who is meant"
        for each in found.disputed
    ]
    return lines or ["○ *none*"]


def _role(role: RoleStanding) -> str:
    """`✓ held · platform-lead: by the GitHub team acme/leads`."""
    if role.word is Word.YES:
        why = listed([f"by {source_name(b.source)}" for b in role.bases if b.word is Word.YES], 4)
    elif role.word is Word.NO:
        lacking = [b for b in role.bases if b.must and b.word is Word.NO] or role.bases
        why = listed([f"not in {source_name(b.source)}" for b in lacking if b.word is Word.NO], 4)
    else:
        why = listed([_silent(b) for b in role.bases if b.word is Word.UNANSWERED], 4)
    only = f"; has a say only for {listed(list(role.only_for), 6)}" if role.only_for else ""
    return f"{_SIGNS[role.word]} *{_WORDS[role.word]}* · {escape(role.name, 80)}: {escape(why + only, 500)}"


def _silent(basis: Basis) -> str:
    found = silence(basis.code or "")
    if basis.code == "by-change":
        return f"{source_name(basis.source)}: {found.what}"
    said = "could not tell" if found.speaks else "did not answer"
    return f"{source_name(basis.source)} {said} ({told(found.what)}): {found.cure.removesuffix('.')}"


def _factors(found: Whoami, voice: Voice) -> list[str]:
    lines = []
    for credential in found.factors:
        what = enrolment.factor(credential.method, credential.name)
        at = credential.usable_from
        sign, stands = "✓", "counts everywhere"
        if credential.pending:
            sign, stands = "◷", "waits for an administrator to confirm it"
        elif found.cool_off_matters and at is not None and voice.now < at:
            sign, stands = "◷", f"counts for production from {voice.when(at)}"
        since = voice.when(credential.enrolled_at)
        lines.append(f"{sign} {escape(f'{what[:1].upper()}{what[1:]}, enrolled {since}: {stands}', 300)}")
    if any(link.provider is Provider.OIDC for link in found.links):
        lines.append("✓ A fresh login at the identity provider, where the policy accepts one")
    if not lines:
        lines.append("○ *none yet* · `/deploy enroll` is the way to one")
    if found.locked_for is not None:
        lines.append(
            f"✗ *locked* · too many wrong tries: whatever takes a second factor is locked for you for "
            f"{span(found.locked_for)} at most. Rejecting, holding and cancelling still work."
        )
    return lines
