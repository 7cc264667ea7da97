"""What the calendar that goes out is made from: the calendar that decides, its freezes, and since when it is so."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.calendar import Calendar, Rule
from bot.domain.feed import FeedStatus
from bot.domain.freeze import Freeze
from bot.flows.living_calendar import LOOKS_BACK, living
from bot.flows.reload_policy import SUBJECT
from bot.policy import Policy
from bot.ports import Ledger, Transaction

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The calendar as of one transaction."""

    calendar: Calendar
    declared: Mapping[Rule, Freeze]
    """The freezes that people declared, by the rule each of them is."""
    unknown: tuple[FeedStatus, ...]
    """The fetched calendars that are missing or too old to decide by."""
    in_force_at: datetime | None
    """Since when the policy is in force; None where nobody recorded that."""


async def published(ledger: Ledger, policy: Policy) -> Published:
    """The calendar that decides now (P12)."""

    def query(tx: Transaction) -> Published:
        alive = living(tx, policy)
        freezes = ((freeze.rule(), freeze) for freeze in tx.freezes.since(tx.now - LOOKS_BACK))
        return Published(
            calendar=alive.calendar,
            declared={rule: freeze for rule, freeze in freezes if rule is not None},
            unknown=tuple(feed for feed in alive.feeds if feed.stale_at(tx.now)),
            in_force_at=_in_force_at(tx, policy.digest),
        )

    return await ledger.read(query)


def _in_force_at(tx: Transaction, digest: str) -> datetime | None:
    found, after = None, 0
    while entries := tx.trail.entries(after=after, limit=_PAGE, subject=SUBJECT):
        for entry in entries:
            said = json.loads(entry.body)
            if said["type"] == "policy.in-force" and said["facts"]["digest"] == digest:
                found = datetime.fromisoformat(said["at"])
        after = entries[-1].seq
    return found
