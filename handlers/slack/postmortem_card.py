"""A post-mortem as messages: the one that stands for it, what one person is told, and the whole of it once published."""

from datetime import timedelta
from functools import partial
from typing import Final

from bot.domain.owed import Delivery
from bot.domain.postmortem import Postmortem, PostmortemState
from bot.flows.timeline import Account
from bot.policy import Policy
from handlers.slack.blocks import Block, Message, actions, button, context, escape, message
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts, plural
from handlers.wording.postmortem import (
    LEGEND,
    before,
    due,
    graphs,
    item,
    lacks,
    missed,
    moment,
    times,
)
from handlers.wording.times import When, clock_time, in_zone, span

WRITE, ACTION, PUBLISH = "postmortem_write", "postmortem_action", "postmortem_publish"
"""The action_ids of its buttons."""
MOMENTS: Final = 25
"""Lines of the timeline that a message shows."""
GRAPHS: Final = 6
ONE_DAY: Final = timedelta(hours=20)
"""A timeline that is longer names the days, too."""
_LINE: Final = 2800


def render(account: Account, policy: Policy) -> Message:
    """The message that stands for it in the channel, as it is now."""
    voice, postmortem = Voice(policy, account.now), account.postmortem
    lines = [
        _first(account, voice),
        _whose(account, voice),
        *_times(account),
        escape(before(account, voice.name)),
    ]
    if postmortem is None:
        return message(lines)
    if postmortem.state is PostmortemState.DRAFT:
        missing = lacks(postmortem.missing())
        lines.append(f"It lacks {missing}." if missing else "✓ Nothing is missing: it can be published.")
    lines += _actions(postmortem, voice)
    return message(lines, *_graph_blocks(account), *actions(*buttons(postmortem)))


def full(account: Account, policy: Policy) -> Message:
    """The whole of it: what is known, what people wrote, and the timeline; the CLI has what does not fit."""
    voice, postmortem = Voice(policy, account.now), account.postmortem
    lines = [_first(account, voice), _whose(account, voice), *_times(account)]
    lines.append(escape(before(account, voice.name)))
    if postmortem is not None:
        lines += _written(postmortem)
        lines += ["*What is done about it*", *(_actions(postmortem, voice) or ["Nothing yet"])]
    lines += ["*What happened*", *timeline(account, voice)]
    row = [] if postmortem is None else actions(*buttons(postmortem))
    whole = context(f"All of it, as Markdown: `portcullis incident {account.incident.id} --markdown`")
    return message(lines, *_graph_blocks(account), whole, *row)


def timeline(account: Account, voice: Voice) -> list[str]:
    """The newest lines of it: the end is nearer to what people have to know."""
    shown = account.moments[-MOMENTS:]
    rest = len(account.moments) - len(shown)
    more = [f"{plural(rest, 'earlier line')} left out"] if rest else []
    zone = voice.policy.zone
    days = bool(account.moments) and account.moments[-1].at - account.moments[0].at > ONE_DAY
    at: When = in_zone(zone) if days else partial(clock_time, zone=zone)
    return more + [f"`{escape(at(each.at))}` {escape(moment(each, voice.name), 300)}" for each in shown]


def note(delivery: Delivery, account: Account, policy: Policy) -> Message | None:
    """What is told of it; None where it is true no more: nobody is reminded of what is published."""
    code, postmortem = Facts(delivery.facts).text("code"), account.postmortem
    if postmortem is None:
        return None
    if code == "published":
        return full(account, policy)
    if postmortem.state is PostmortemState.PUBLISHED:
        return None
    voice = Voice(policy, account.now)
    alone = delivery.destination.startswith("slack:channel:")
    head, text = _reminder(code, postmortem, account, voice, alone=alone)
    missing = lacks(postmortem.missing())
    told = [head, escape(text, 600), *_times(account)]
    told.append(f"It lacks {missing}." if missing else "✓ Nothing is missing: it can be published.")
    return message(told, *actions(*buttons(postmortem)))


def _reminder(
    code: str, postmortem: Postmortem, account: Account, voice: Voice, *, alone: bool
) -> tuple[str, str]:
    what = f"the post-mortem of {postmortem.incident} ({account.incident.environment})"
    until = due(postmortem, account.now, voice.when)
    owner = f"{voice.call(postmortem.owner)} " if alone and postmortem.owner else ""
    if code == "owed":
        return (
            f"*✎ You write {escape(what)}*",
            f"It is {until}. What happened stands there already; what it did to people and why it happened does not.",
        )
    if code == "overdue" or account.now > postmortem.due_at:
        late = span(account.now - postmortem.due_at)
        return (
            f"*⚠ Overdue: {owner}{escape(what)}*",
            f"It is overdue by {late}. Anybody can write and publish it.",
        )
    return f"*◷ {owner}{escape(what[0].upper() + what[1:])}*", f"It is {until}."


def buttons(postmortem: Postmortem) -> list[Block]:
    """What can be done with it now."""
    add = button(ACTION, "Add an action", postmortem.incident)
    if postmortem.state is PostmortemState.PUBLISHED:
        return [add]
    ready = not postmortem.missing()
    write = button(WRITE, "Write", postmortem.incident, None if ready else "primary")
    publish = button(PUBLISH, "Publish", postmortem.incident, "primary" if ready else None)
    return [write, add, publish]


def _first(account: Account, voice: Voice) -> str:
    incident, postmortem = account.incident, account.postmortem
    where = f"{incident.id} · {escape(incident.environment)} · {escape(incident.severity)}"
    title = f" · {escape(incident.title, 160)}" if incident.title else ""
    if postmortem is None:
        return f"*{where}*{title}: no post-mortem is owed"
    if postmortem.state is PostmortemState.DRAFT:
        return f"*✎ Post-mortem of {where}*{title}: {escape(due(postmortem, account.now, voice.when))}"
    return f"*✓ Post-mortem of {where}*{title}"


def _whose(account: Account, voice: Voice) -> str:
    incident, postmortem = account.incident, account.postmortem
    lasted = f"Open for {span(account.until - incident.opened_at)}"
    since = f"{lasted} from {escape(voice.when(incident.opened_at))}"
    ticket = f" · ticket {escape(incident.ticket)}" if incident.ticket else ""
    if postmortem is None:
        return since + ticket
    if postmortem.published_at is not None:
        by = postmortem.published_by.person if postmortem.published_by is not None else None
        done = f"published by {voice.who(by)} {escape(voice.when(postmortem.published_at))}"
        return f"{since}{ticket} · {done}"
    owner = voice.who(postmortem.owner) if postmortem.owner else "nobody yet: whoever reads this may"
    return f"{since}{ticket} · written by {owner}"


def _times(account: Account) -> list[str]:
    """In one line, and what was missed in lines of its own."""
    late = missed(account)
    kept = [line for line in times(account) if line not in late]
    return [escape(line) for line in ([*late, " · ".join(kept)] if kept else late)]


def _written(postmortem: Postmortem) -> list[str]:
    lines = ["*In short*", *_paragraphs(postmortem.summary), "*What it did*", *_paragraphs(postmortem.impact)]
    whys = [f"{n}. {escape(why, _LINE)}" for n, why in enumerate(postmortem.whys, 1)]
    return [*lines, "*Why*", *(whys or ["_not written yet_"])]


def _paragraphs(text: str | None) -> list[str]:
    found = [escape(line, _LINE) for line in (text or "").splitlines() if line.strip()]
    return found or ["_not written yet_"]


def _actions(postmortem: Postmortem, voice: Voice) -> list[str]:
    today = voice.now.astimezone(voice.policy.zone).date()
    return [
        f"{postmortem.incident}/{each.number} {escape(item(each, voice.name, today), 400)}"
        for each in postmortem.actions
    ]


def _graph_blocks(account: Account) -> list[Block]:
    """The colours as they went; their signs differ in height, so nothing depends on colour."""
    shown = graphs(account)[:GRAPHS]
    if not shown:
        return []
    drawn = "\n".join(escape(line, 160) for line in shown)
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"```{drawn}```", "verbatim": True}},
        context(LEGEND),
    ]
