"""Which incidents people were to be paged for, and no page of them has reached anybody in the time that they had."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.domain.page import PageState
from bot.policy import Policy
from bot.ports import Transaction

USUALLY: Final = timedelta(minutes=5)
"""The time of a severity that the policy does not name (any more)."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """An incident of which nobody heard, and for how long it has been paged."""

    incident: str
    age: timedelta


def unreached(tx: Transaction, policy: Policy) -> tuple[Unreached, ...]:
    """The incidents that nobody has and of whose pages none arrived by any way within the severity's time, the oldest
    first. A page that is tried again and again counts from when it was owed, and one that failed as well: whatever the
    reason, nobody knows."""
    leading = {each.group or each.id: each for each in tx.incidents.open() if each.waits}
    found = []
    for id_, incident in leading.items():
        pages = tx.pages.of(id_)
        tried = [page.paged_at for page in pages if page.state in (PageState.OWED, PageState.FAILED)]
        if not tried or any(page.state is PageState.REACHED for page in pages):
            continue
        age = tx.now - min(tried)
        if age > policy.severities.get(incident.severity, USUALLY):
            found.append(Unreached(id_, age))
    return tuple(sorted(found, key=lambda each: (-each.age, each.incident)))
