"""`/env check [ENVIRONMENT]`: the monitors are read now, after the ack, and what they say is told to whoever asked."""

from typing import Final

from bot.domain.environment import Colour
from bot.flows.asking import known_alone
from bot.flows.check_environment import Checked, Found, check
from bot.policy import Policy
from bot.ports import Prober
from handlers.slack.blocks import Message, escape, message
from handlers.slack.context import SlackContext
from handlers.slack.listeners import later
from handlers.slack.payloads import Command
from handlers.wording.colours import SIGNS, cause
from handlers.wording.facts import plural
from handlers.wording.times import ago, span

MOST_SHOWN: Final = 40
USAGE: Final = "/env check [ENVIRONMENT]"


async def command(context: SlackContext, command: Command, rest: str) -> Message:
    """The first environment unless one is named. Raises Refusal `unknown-environment`, `too-many-words` or `unknown-person`: a reading
    costs whoever is read, so nobody from outside the directory asks for one."""
    policy = context.policy
    command.asker.actor(policy)
    name = (
        known_alone("environment", rest, [*policy.environments], USAGE)
        if rest
        else next(iter(policy.environments))
    )
    count = len(policy.environments[name].monitors)
    if not count:
        return message([f"Nobody watches {escape(name)}: the policy names no monitor."])
    if context.prober is None:
        return message(["Nothing is read on demand here; `/env status` shows what was found last."])
    if name in context.checking:
        return message([f"{escape(name)} is being read already; the answer goes to whoever asked first."])
    context.checking.add(name)
    work = _checked(context, policy, context.prober, name)
    context.background.start(later(context, command.response_url, work), name=f"check-{name}")
    return message([f"Reading {plural(count, 'monitor')} of {escape(name)} …"])


async def _checked(context: SlackContext, policy: Policy, prober: Prober, name: str) -> Message:
    try:
        return render(await check(context.ledger, policy, prober, name))
    finally:
        context.checking.discard(name)


def render(checked: Checked) -> Message:
    """What each monitor says now, the worst first, and what is held of it where that differs."""
    ranked = sorted(checked.found, key=lambda found: -_rank(found))
    bad = [found for found in ranked if found.reading is None or found.reading.colour.value != "GREEN"]
    head = (
        f"*{escape(checked.environment)}: {plural(len(ranked), 'monitor passes', 'monitors pass')} now*"
        if not bad
        else f"*{escape(checked.environment)}: {len(bad)} of {plural(len(ranked), 'monitor')} "
        f"{'does' if len(bad) == 1 else 'do'} not pass now*"
    )
    lines = [head, *[_line(found, checked) for found in ranked[:MOST_SHOWN]]]
    hidden = len(ranked) - MOST_SHOWN + checked.left_out
    lines += [f"and {hidden} more"] if len(ranked) > MOST_SHOWN or checked.left_out else []
    lines.append("One look changes no colour: that takes as many readings in a row as the policy says.")
    return message(lines)


def _rank(found: Found) -> int:
    return found.held.colour.rank if found.reading is None else found.reading.colour.rank


def _line(found: Found, checked: Checked) -> str:
    name, held = f"*{escape(found.monitor.name)}*", found.held
    last = f"{held.colour.value} for {span(checked.at - held.since)}"
    if found.reading is None:
        heard = f"heard {ago(held.read_at, checked.at)}" if held.read_at else "never heard"
        why = f"is told by others, {heard}" if found.is_told else "gave no answer in the time there was"
        reason = held.colour is not Colour.GREEN and held.read_at is not None
        said = f" · {escape(cause(held.code, held.facts), 300)}" if reason else ""
        return f"{SIGNS[held.colour]} {name} {why}; held to be {last}{said}"
    now = found.reading
    differs = "" if now.colour is held.colour else f"; held to be {last}"
    return (
        f"{SIGNS[now.colour]} {name} {now.colour.value} · {escape(cause(now.code, now.facts), 300)}{differs}"
    )
