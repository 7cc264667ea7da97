"""An incident and its post-mortem as one Markdown document (F9, P21)."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.postmortem import Postmortem
from bot.flows.timeline import Account
from handlers.wording.markdown import fenced, md, md_paragraphs
from handlers.wording.postmortem import (
    LEGEND,
    Names,
    before,
    due,
    graphs,
    item,
    lacks,
    moment,
    times,
)
from handlers.wording.times import When, in_zone, span

NOT_WRITTEN: Final = "_Not written yet._"


def seconds(zone: ZoneInfo) -> When:
    """Shows an instant to the second, in `zone`: `2026-11-10 10:00:05 EST`."""
    return lambda at: at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def document(account: Account, names: Names, zone: ZoneInfo) -> str:
    """The whole document, with a line feed at its end."""
    parts = [*_head(account, names, zone), *_facts(account, names, zone), *_written(account, names, zone)]
    return "\n".join(parts) + "\n"


def _head(account: Account, names: Names, zone: ZoneInfo) -> list[str]:
    incident, when = account.incident, in_zone(zone)
    title = f": {md(incident.title)}" if incident.title else ""
    head = f"# {incident.id}{title} ({md(incident.environment)}, {md(incident.severity)})"
    over = (
        "still open"
        if incident.resolved_at is None
        else f"over {when(incident.resolved_at)}, after {span(incident.resolved_at - incident.opened_at)}"
    )
    lines = [head, "", f"- Opened {when(incident.opened_at)}, {over}"]
    if incident.acknowledged_by is not None:
        lines.append(f"- Answered by {md(names(incident.acknowledged_by))}")
    if account.others:
        lines.append(f"- Told together with {', '.join(account.others)}")
    if incident.rolled_back_by is not None:
        lines.append(f"- {md(incident.rolled_back_by)} took back {md(incident.suspect or 'what was live')}")
    if incident.ticket is not None:
        lines.append(f"- Ticket: {md(incident.ticket)}")
    return [*lines, f"- Post-mortem: {_standing(account.postmortem, names, account.now, when)}", ""]


def _standing(postmortem: Postmortem | None, names: Names, now: datetime, when: When) -> str:
    if postmortem is None:
        return "none is owed"
    if postmortem.published_at is not None:
        by = postmortem.published_by.person if postmortem.published_by is not None else None
        late = postmortem.published_at - postmortem.due_at
        after = f", {span(late)} late" if late.total_seconds() > 0 else ""
        return f"published {when(postmortem.published_at)} by {md(names(by or 'somebody'))}{after}"
    owner = md(names(postmortem.owner)) if postmortem.owner else "nobody"
    return f"a draft of {owner}, {due(postmortem, now, when)}; it lacks {lacks(postmortem.missing()) or 'nothing'}"


def _facts(account: Account, names: Names, zone: ZoneInfo) -> list[str]:
    at = seconds(zone)
    lines = ["## Times", "", *[f"- {md(line)}" for line in times(account)], ""]
    if account.courses:
        lines += ["## Colours", "", *fenced([*graphs(account), LEGEND]), ""]
        lines += [f"From {at(account.begins)} to {at(account.until)}.", ""]
    lines += ["## What changed before", "", md(before(account, names)), "", "## Timeline", ""]
    rows = [f"| {at(each.at)} | {md(moment(each, names))} |" for each in account.moments]
    return [*lines, "| When | What |", "|---|---|", *rows, ""]


def _written(account: Account, names: Names, zone: ZoneInfo) -> list[str]:
    postmortem = account.postmortem
    if postmortem is None:
        return []
    today = account.now.astimezone(zone).date()
    lines = ["## Summary", "", _text(postmortem.summary), "", "## Impact", "", _text(postmortem.impact), ""]
    whys = [f"{n}. {md(why)}" for n, why in enumerate(postmortem.whys, 1)] or [NOT_WRITTEN]
    actions = [
        f"- {postmortem.incident}/{each.number} {md(item(each, names, today))}" for each in postmortem.actions
    ]
    return [*lines, "## Five whys", "", *whys, "", "## Action items", "", *(actions or [NOT_WRITTEN])]


def _text(written: str | None) -> str:
    return NOT_WRITTEN if written is None else md_paragraphs(written)
