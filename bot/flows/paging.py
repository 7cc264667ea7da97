"""What becomes of pages: a way worked, or none did and the chain goes on (promise 3)."""

from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.owed import Delivery
from bot.domain.page import Page, PageState, Way, WayState
from bot.flows.escalate import page_failed
from bot.flows.incident_news import POSTED, owe_update
from bot.flows.pages import owe_page, still_owed
from bot.flows.together import waiting
from bot.policy import Policy
from bot.ports import Ledger, Place, Transaction

__all__ = ["arrived", "failed", "owe_page", "posted", "still_owed"]


async def arrived(
    ledger: Ledger,
    policy: Policy,  # noqa: ARG001 -- as agreed with its callers
    delivery: Delivery,
    receipt: str | None = None,
) -> None:
    """A page's delivery was accepted, or was not sent any more because `still_owed` said no: that it stays called off
    is all that is written then."""

    def step(tx: Transaction) -> None:
        page, way = _way(tx, delivery)
        if page is None or way is None or way.state is not WayState.OWED:
            return
        state = WayState.ARRIVED if still_owed(tx, page.id) else WayState.CANCELLED
        there = replace(way, state=state, at=tx.now, receipt=receipt)
        tx.pages.put(page.told(there), Fact(type=f"page.{state.value}", facts={"way": way.destination}))

    await ledger.write(step)


async def posted(ledger: Ledger, delivery: Delivery, place: Place) -> None:
    """The message of a page stands there in Slack. Where somebody answered while it was on its way, it says so next."""

    def step(tx: Transaction) -> None:
        tx.put_place(delivery.subject, POSTED, place)
        page = tx.pages.get(delivery.subject)
        incident = None if page is None else tx.incidents.get(page.incident)
        if incident is not None and not waiting(tx, incident):
            owe_update(tx, delivery.subject, delivery.destination)

    await ledger.write(step)


async def failed(ledger: Ledger, policy: Policy, delivery: Delivery, code: str) -> None:
    """A page's delivery will never arrive. While another way may work, that is all; then the chain goes on.

    What was called off and therefore not sent is no failure.
    """

    def step(tx: Transaction) -> None:
        page, way = _way(tx, delivery)
        if page is None or way is None or way.state is not WayState.OWED:
            return
        after = page.told(replace(way, state=WayState.FAILED, at=tx.now, code=code))
        tx.pages.put(after, Fact(type="page.way-failed", facts={"way": way.destination, "code": code}))
        if after.state is PageState.FAILED:
            page_failed(tx, policy, after)

    await ledger.write(step)


def _way(tx: Transaction, delivery: Delivery) -> tuple[Page | None, Way | None]:
    page = tx.pages.get(delivery.subject, lock=True)
    ways = () if page is None else page.ways
    return page, next((way for way in ways if way.destination == delivery.destination), None)
