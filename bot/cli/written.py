"""Prints a document about something in the ledger: what `incident` and `report` have in common."""

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from bot.policy import Policy
    from bot.ports import Ledger

T = TypeVar("T")
Names = Callable[[str], str]
YES, NO = 0, 1


def printed(
    find: "Callable[[Ledger, Policy], Awaitable[T]]", write: "Callable[[T, Policy, Names], str]"
) -> int:
    """Find it, and print what is written of it; what is refused is one line, and exit status 1.

    Ends with status 2 where the settings, the policy or the ledger cannot be used.
    """
    from bot.cli.configured import finished, policy_file, settings
    from bot.domain.refusal import Refusal
    from bot.settings import GateSettings
    from handlers.wording.refusals import sentence
    from handlers.wording.times import in_zone

    given = settings(GateSettings)
    policy = policy_file(given.policy)
    names = partial(_name, policy)
    try:
        found = finished(_found(find, given.database_url, policy))
    except Refusal as refusal:
        print(f"portcullis: {sentence(refusal, names=names, when=in_zone(policy.zone))}", file=sys.stderr)
        return NO
    sys.stdout.write(write(found, policy, names))
    return YES


def _name(policy: "Policy", person: str) -> str:
    known: Any = policy.people.get(person)
    return getattr(known, "name", None) or person


async def _found(find: "Callable[[Ledger, Policy], Awaitable[T]]", url: str, policy: "Policy") -> T:
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import need_ledger
    from storage.ledger import Ledger

    await need_ledger(url)
    ledger = Ledger(url, SystemClock())
    try:
        return await find(ledger, policy)
    finally:
        await ledger.close()
