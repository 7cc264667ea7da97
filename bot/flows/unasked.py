"""An answer by somebody whom nobody asked: whoever was to be paged and was not hears of it.

A button is a Slack session, and a session can be stolen. Who presses *Acknowledge* or *Resolve* before the page is sent
calls it off; without a word of it whoever is on call would sleep on while production burns.
"""

from typing import Final

from bot.domain.change_request import Actor
from bot.domain.incident import Incident, IncidentState
from bot.domain.owed import Delivery
from bot.domain.page import Page, PageState, WayState
from bot.flows.asking import user_lane
from bot.flows.incident_news import NEWS
from bot.flows.together import ACKNOWLEDGED
from bot.policy import Policy
from bot.ports import Ledger, Transaction

UNASKED: Final = "unasked"
"""The code of this word; its fact `deed` is what was answered."""


def owe_word(
    tx: Transaction, policy: Policy, incident: Incident, actor: Actor, deed: str, *, others: int = 0
) -> None:
    """`actor` answers, and with it `others` that the same page was to tell of; `incident` is as it stood just before, its
    pages not yet called off. Nobody hears of it where they answer themselves, where a page reached them already, or
    where whoever answers is on call or was paged for it; nor of what nobody was to be paged for, or what somebody
    declared and takes back."""
    pages = tx.pages.of(incident.group or incident.id)
    if incident.state is not IncidentState.OPEN or incident.muted_by is not None or _asked(pages, actor):
        return
    if actor.person is not None and actor.person in (incident.on_call, incident.declared_by):
        return
    reached = {page.recipient for page in pages if page.state is PageState.REACHED}
    called_off = [page.recipient for page in pages if page.state is PageState.OWED]
    for person in dict.fromkeys([incident.on_call, *called_off]):
        if person is not None and person not in reached and person != actor.person:
            _owe(tx, policy, incident, person, actor, deed, others)


def _asked(pages: list[Page], actor: Actor) -> bool:
    """Whether a page asked whoever answers: them by name or, where they answered there, PagerDuty."""
    return any(
        way.state is WayState.ARRIVED
        and (
            page.recipient == actor.person
            or (actor.via.startswith("pagerduty") and way.destination.startswith("pagerduty:"))
        )
        for page in pages
        for way in page.ways
    )


def _owe(
    tx: Transaction, policy: Policy, incident: Incident, person: str, actor: Actor, deed: str, others: int
) -> None:
    known = policy.people.get(person)
    if known is None:
        return
    slack = [] if known.slack is None else [user_lane(known.slack)]
    for way in slack if known.email is None else [*slack, f"email:{person}"]:
        tx.owe(
            Delivery(
                key=f"{NEWS}:{incident.id}:{way}:{UNASKED}",
                kind=NEWS,
                destination=way,
                subject=incident.id,
                due_at=tx.now,
                facts={
                    "code": UNASKED,
                    "deed": deed,
                    "others": others,
                    "person": actor.person or actor.via,
                    "to": person,
                    "at": tx.now.isoformat(),
                },
            )
        )


async def still_true(ledger: Ledger, incident_id: str, deed: str, person: str) -> bool:
    """Whether it stands as that person answered it: what was raised again or opened anew is paged, and not told."""

    def query(tx: Transaction) -> bool:
        incident = tx.incidents.get(incident_id)
        if incident is None:
            return False
        if deed == ACKNOWLEDGED and incident.is_open:
            return incident.acknowledged_by == person
        return not incident.is_open

    return await ledger.read(query)
