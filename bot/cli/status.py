"""`portcullis status`: how every environment stands, from the ledger, as text, as Markdown or as JSON (K6, K7)."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.domain.board import Board
    from bot.policy import Policy
    from handlers.wording.board import Audience

YES, NO = 0, 1


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("status", help="how every environment stands, and what to do next")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--markdown", action="store_true", help="as a Markdown document")
    how.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument(
        "--public", action="store_true", help="without names of people, as everybody may read it"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0: all environments are GREEN; 1: one is not; 2: there is no ledger to ask, or no policy."""
    import json

    from bot.cli.configured import finished, policy_file, settings
    from bot.settings import GateSettings
    from handlers.http.status.as_json import board_json
    from handlers.wording.board import audience_of
    from handlers.wording.board_markdown import markdown
    from handlers.wording.times import in_zone
    from handlers.wording.visible import visible

    configured = settings(GateSettings)
    policy = policy_file(configured.policy)
    board = finished(_read(configured.database_url, policy))
    audience = audience_of(policy, public=args.public)
    if args.json:
        print(json.dumps(board_json(board, audience)))
    elif args.markdown:
        print(markdown(board, policy.organization, audience, in_zone(policy.zone)), end="")
    else:
        for line in _text(board, audience):
            print(visible(line))
    return NO if board.steps else YES


async def _read(url: str, policy: "Policy") -> "Board":
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import need_ledger
    from bot.flows.board import board
    from bot.flows.project_state import in_the_state_entered
    from storage.ledger import Ledger

    await need_ledger(url)
    ledger = Ledger(url, SystemClock())
    try:
        return await board(ledger, await in_the_state_entered(ledger, policy))
    finally:
        await ledger.close()


def _text(board: "Board", audience: "Audience") -> Iterator[str]:
    """What to do first, then every environment on a line."""
    from handlers.wording import board as words

    yield words.headline(board)
    for step in board.steps:
        yield f"  {words.told(step, board)}: {step.environment} · {words.why(step, board, audience)}"
    width = max((len(each.name) for each in board.standings), default=0)
    for each in board.standings:
        status = each.status
        yield (
            f"{each.name.ljust(width)}  {words.since(status, board.at)} · {words.verified(status, board.at)} · "
            f"{words.uptimes(each, board)}"
        )
    yield words.responses(board.answered)
