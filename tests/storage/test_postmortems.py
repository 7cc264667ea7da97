"""Post-mortems in the ledger: the newest are found whether they are published or not."""

from datetime import timedelta

from bot.domain.postmortem import PostmortemState
from storage.ledger import Ledger
from tests.storage import builders as a


async def test_the_newest_are_those_that_are_due_last_published_or_not(ledger: Ledger) -> None:
    draft = {"state": PostmortemState.DRAFT, "published_at": None, "published_by": None}

    def put(tx: a.Any) -> None:
        for number, changes in ((1, draft), (2, {}), (3, draft)):
            due = a.AT + timedelta(hours=number)
            tx.postmortems.put(a.postmortem(incident=f"INC-{number}", due_at=due, **changes), a.BECAUSE)

    await ledger.write(put)
    found = await ledger.read(lambda tx: [p.id for p in tx.postmortems.newest(limit=2)])
    assert found == ["INC-3", "INC-2"]
