"""`/env status ENVIRONMENT`, `/env history` and `/env next`: the board in messages (D2, K6, F12)."""

from typing import Final

from bot.domain.board import Board, Standing
from bot.domain.environment import Turn
from bot.domain.incident import Incident
from bot.flows.asking import known_alone, no_more
from bot.flows.board import board
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.payloads import Command
from handlers.slack.voice import Voice
from handlers.wording import board as words
from handlers.wording.board import Audience, audience_of
from handlers.wording.groups import GROUPS
from handlers.wording.times import span

MOST_STEPS: Final = 15
MOST_LINES: Final = 30
MOST_ENVIRONMENTS: Final = 15
MOST_TURNS: Final = 12
MOST_INCIDENTS: Final = 8


async def one(context: SlackContext, name: str) -> Message:
    """One environment with its components. Raises Refusal `unknown-environment`."""
    policy = context.policy
    standing_name = known_alone("environment", name, [*policy.environments], "/env status [ENVIRONMENT]")
    found = await board(context.ledger, policy)
    standing = found.standing(standing_name)
    if standing is None:  # the policy was replaced between the two
        return message([f"{escape(name)} is not there any more."])
    return render_one(standing, found, audience_of(policy, public=False))


def render_one(standing: Standing, found: Board, audience: Audience) -> Message:
    """Its own line, then a line for each component under its group, the worst kept where they are many."""
    status = standing.status
    owner = audience.owner(standing.owner)
    head = (
        f"*{words.sign(standing.colour)} {escape(standing.name)}* {escape(words.since(status, found.at))} · "
        f"{escape(words.verified(status, found.at))}{f' · {escape(owner)}' if owner else ''}"
    )
    lines = [
        head,
        *[f"⚠ {i.id} {escape(_has(i, audience))}" for i in standing.incidents[:MOST_INCIDENTS]],
    ]
    chosen = {line.name for line in sorted(standing.lines, key=lambda line: -line.colour.rank)[:MOST_LINES]}
    for group, members in standing.groups:
        kept = [line for line in members if line.name in chosen]
        lines += [f"*{GROUPS[group]}*"] if kept else []
        for line in kept:
            whose = audience.owner(line.owner)
            lines.append(
                f"{words.sign(line.colour)} {escape(line.name)} {escape(words.since(line.status, found.at))} · "
                f"{escape(words.line_detail(line, audience), 300)} · "
                f"{escape(words.verified(line.status, found.at))} by {escape(words.by_what(line), 150)}"
                f"{f' · {escape(whose)}' if whose else ''}"
            )
    hidden = len(standing.lines) - len(chosen)
    lines += [f"and {hidden} more, no worse than these"] if hidden else []
    lines += [] if standing.lines else [escape(words.detail(status, audience))]
    return message(lines)


def _has(incident: Incident, audience: Audience) -> str:
    by = incident.acknowledged_by
    return words.STATES[incident.state] + (f": {audience.names(by)} has it" if by is not None else "")


async def next_up(context: SlackContext, _command: Command, rest: str) -> Message:
    """What to do next, in its order. Raises Refusal `too-many-words`."""
    no_more(rest, "/env next")
    policy = context.policy
    return render_next(await board(context.ledger, policy), audience_of(policy, public=False))


def render_next(found: Board, audience: Audience) -> Message:
    """One line a step; one sentence where there is nothing to do."""
    if not found.steps:
        return message([f"🟢 *{escape(words.headline(found))}*", "Nothing is to be fixed or verified."])
    lines = [f"*{escape(words.headline(found))}* ({escape(words.counted(found))})"]
    for number, step in enumerate(found.steps[:MOST_STEPS], 1):
        head = f"{number}. {words.sign(step.status.colour)} *{words.told(step, found)}: {escape(step.environment)}*"
        lines.append(f"{head} · {escape(words.why(step, found, audience), 500)}")
    hidden = len(found.steps) - MOST_STEPS
    return message([*lines, *([f"and {hidden} more"] if hidden > 0 else [])])


async def history(context: SlackContext, _command: Command, rest: str) -> Message:
    """All environments, or one of them in detail. Raises Refusal `unknown-environment`."""
    policy = context.policy
    usage = "/env history [ENVIRONMENT]"
    name = known_alone("environment", rest, [*policy.environments], usage) if rest else None
    found = await board(context.ledger, policy)
    audience, voice = audience_of(policy, public=False), Voice(policy, found.at)
    standing = None if name is None else found.standing(name)
    return render_history(found, audience, voice) if standing is None else detailed(standing, found, voice)


def render_history(found: Board, audience: Audience, voice: Voice) -> Message:
    """Uptime of each environment, then how incidents were answered, and the newest."""
    aim = words.target(found)
    lines = [f"*The last {found.days} days*{f' · {escape(aim)}' if aim else ''}"]
    lines += [
        f"{words.sign(each.colour)} *{escape(each.name)}* {escape(words.uptimes(each, found), 300)}"
        for each in found.standings[:MOST_ENVIRONMENTS]
    ]
    if len(found.standings) > MOST_ENVIRONMENTS:
        lines.append(f"and {len(found.standings) - MOST_ENVIRONMENTS} more: `/env history ENVIRONMENT`")
    lines.append(escape(words.responses(found.answered)))
    return message([*lines, *_incidents(found, audience, voice, None)])


def detailed(standing: Standing, found: Board, voice: Voice) -> Message:
    """One environment: its uptime, its days in words, its newest colours, its incidents."""
    lines = [
        f"*{words.sign(standing.colour)} {escape(standing.name)}* {escape(words.uptimes(standing, found), 300)}",
        escape(words.history(standing)),
    ]
    newest = list(reversed(standing.turns))[:MOST_TURNS]
    ends = [found.at, *[turn.since for turn in newest]]
    for turn, end in zip(newest, ends, strict=False):
        lines.append(_turn(turn, span(end - turn.since), voice))
    if len(standing.turns) > MOST_TURNS:
        lines.append(f"and {len(standing.turns) - MOST_TURNS} before these")
    audience = audience_of(voice.policy, public=False)
    return message([*lines, *_incidents(found, audience, voice, standing.name)])


def _turn(turn: Turn, lasted: str, voice: Voice) -> str:
    causes = f" ({escape(', '.join(turn.causes), 200)})" if turn.causes else ""
    return f"{words.sign(turn.colour)} {turn.colour.value} from {escape(voice.when(turn.since))}, {lasted}{causes}"


def _incidents(found: Board, audience: Audience, voice: Voice, environment: str | None) -> list[str]:
    chosen = [i for i in found.incidents if environment in (None, i.environment)]
    lines = [
        f"*{i.id}* {escape(i.environment)} · {escape(i.severity)} · {escape(voice.when(i.opened_at))} · "
        f"{escape(words.incident_about(i, audience), 200)} · {escape(words.incident_state(i, found))}"
        for i in chosen[:MOST_INCIDENTS]
    ]
    hidden = len(chosen) - MOST_INCIDENTS
    return [*lines, *([f"and {hidden} before these"] if hidden > 0 else [])]
