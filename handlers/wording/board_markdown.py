"""The board as Markdown, for `portcullis status --markdown` and for the file that the policy asks for (K7)."""

import re
from collections.abc import Iterator
from typing import Final

from bot.domain.board import Board, Standing
from bot.domain.environment import EnvironmentStatus
from bot.policy import Policy
from handlers.wording.board import (
    Audience,
    audience_of,
    by_what,
    counted,
    detail,
    headline,
    incident_about,
    incident_state,
    line_detail,
    never_read,
    responses,
    share,
    sign,
    target,
    told,
    why,
    window,
)
from handlers.wording.groups import GROUPS
from handlers.wording.times import When, in_zone
from handlers.wording.visible import visible

MOST_INCIDENTS: Final = 20
MOST_LINES: Final = 50
"""Components of one environment that are listed."""
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]#|!~])")


def escaped(text: str) -> str:
    """Any text as Markdown that shows exactly it: no markup, no table cell, no mention and no link comes of it."""
    text = visible(" ".join(text.split()))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    return text.replace("@", "&#64;").replace("://", ":&#47;/").replace("www.", "www&#46;")


def markdown(board: Board, organization: str, audience: Audience, when: When) -> str:
    """The whole board; instants in words of `when`, so that the file changes only when something does."""
    return "\n".join(_lines(board, organization, audience, when)) + "\n"


def file_text(board: Board, policy: Policy) -> str:
    """What stands in the file that the policy asks for: for the public where the page is public."""
    audience = audience_of(policy, public=policy.status_page.readers == "public")
    return markdown(board, policy.organization, audience, in_zone(policy.zone))


def _lines(board: Board, organization: str, audience: Audience, when: When) -> Iterator[str]:
    yield f"# Status of {escaped(organization)}"
    yield ""
    yield f"{sign(board.colour)} **{escaped(headline(board))}** ({counted(board)}), as of {escaped(when(board.at))}."
    yield ""
    if board.steps:
        yield "## Next steps"
        yield ""
        for number, step in enumerate(board.steps, 1):
            yield (
                f"{number}. {sign(step.status.colour)} **{escaped(told(step, board))}: {escaped(step.environment)}** · "
                f"{escaped(why(step, board, audience))}"
            )
        yield ""
    yield from _environments(board, audience, when)
    for standing in board.standings:
        yield from _components(standing, audience, when)
    yield f"## Incidents of the last {board.days} days"
    yield ""
    yield escaped(responses(board.answered))
    yield ""
    yield from _incidents(board, audience, when)


def _environments(board: Board, audience: Audience, when: When) -> Iterator[str]:
    windows = [window(each.days) for each in (board.standings[0].uptime if board.standings else ())]
    head = ["Environment", "Status", "Since", "Last verified", "Detail", "Owner", *windows]
    aim = target(board)
    yield "## Environments" + (f" (uptime: {aim})" if aim else "")
    yield ""
    yield _row(head)
    yield _row(["---"] * len(head))
    for each in board.standings:
        status = each.status
        known = [f"{share(u)}{' ✗' if board.missed(u) else ''}" for u in each.figures]
        shares = known + ["–"] * (len(each.uptime) - len(known))
        yield _row(
            [
                f"**{escaped(each.name)}**",
                f"{sign(each.colour)} {each.colour.value}",
                _since(status, when),
                escaped(when(status.verified_at)) if status.verified_at else "never in full",
                escaped(detail(status, audience)),
                escaped(audience.owner(each.owner) or "–"),
                *shares,
            ]
        )
    yield ""


def _since(status: EnvironmentStatus, when: When) -> str:
    if never_read(status):
        return "never read yet"
    return escaped(when(status.since)) if status.since else "–"


def _components(standing: Standing, audience: Audience, when: When) -> Iterator[str]:
    if not standing.lines:
        return
    yield f"### {escaped(standing.name)}"
    yield ""
    yield _row(["Component", "Status", "Since", "Last verified", "Detail", "Owner"])
    yield _row(["---"] * 6)
    shown = [(group, line) for group, lines in standing.groups for line in lines][:MOST_LINES]
    for group, line in shown:
        status = line.status
        at = escaped(when(status.verified_at)) if status.verified_at else "never in full"
        yield _row(
            [
                f"{GROUPS[group]}: **{escaped(line.name)}**",
                f"{sign(line.colour)} {line.colour.value}",
                _since(status, when),
                f"{at}, by {escaped(by_what(line))}",
                escaped(line_detail(line, audience)),
                escaped(audience.owner(line.owner) or "–"),
            ]
        )
    if len(standing.lines) > MOST_LINES:
        yield ""
        yield f"and {len(standing.lines) - MOST_LINES} more"
    yield ""


def _incidents(board: Board, audience: Audience, when: When) -> Iterator[str]:
    for each in board.incidents[:MOST_INCIDENTS]:
        yield (
            f"- **{escaped(each.id)}** {escaped(each.environment)}, {escaped(each.severity)}, {escaped(when(each.opened_at))}: "
            f"{escaped(incident_about(each, audience))}; {escaped(incident_state(each, board))}"
        )
    if len(board.incidents) > MOST_INCIDENTS:
        yield f"- and {len(board.incidents) - MOST_INCIDENTS}{' or more' if board.more else ''} before these"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
