"""Opens the tickets of incidents: an issue at GitHub, or whatever a webhook makes of it. Tried again, opened once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from pydantic import JsonValue

from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows import tickets as flow
from bot.flows.inquire import IncidentView, incident_view
from bot.policy import Policy
from bot.ports import Announcer, Later, Ledger, PolicyInForce, Tickets, Undeliverable, Webhooks
from handlers.paging import webhook
from handlers.wording.tickets import body, title
from handlers.wording.times import in_zone

WEBHOOK: Final = "webhook:"
WORN_OUT: Final = timedelta(hours=24)
"""A ticket that could not be opened for so long is opened by hand: the incident's thread says so."""


class TicketAnnouncer:
    """`bot.ports.Announcer` for deliveries of the kind "ticket", in the lanes `ticket:github` and `webhook:NAME`.

    `name` is the installation's: two bots that write to one repository find only their own tickets again. None for
    `tickets` or `webhooks`: that way is not configured. `besides` sends what else goes to a webhook.
    """

    def __init__(
        self,
        ledger: Ledger,
        in_force: PolicyInForce,
        *,
        tickets: Tickets | None,
        webhooks: Webhooks | None,
        name: str,
        besides: Announcer | None = None,
    ) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._tickets = tickets
        self._webhooks = webhooks
        self._name = name
        self._besides = besides

    async def announce(self, delivery: Delivery) -> None:
        """Open it, unless it is open. Raises Later, or Undeliverable once the incident's thread says so."""
        if delivery.kind != flow.KIND:
            if self._besides is None:
                raise Undeliverable("unknown-kind")
            await self._besides.announce(delivery)
            return
        policy = self._in_force.policy
        try:
            await self._patiently(delivery, policy)
        except Refusal as refusal:
            raise Undeliverable(refusal.code) from refusal
        except Undeliverable as undeliverable:
            await flow.failed(
                self._ledger, policy, delivery.subject, delivery.destination, undeliverable.code
            )
            raise

    async def _patiently(self, delivery: Delivery, policy: Policy) -> None:
        try:
            await self._announce(delivery, policy)
        except Later as later:
            now = await self._ledger.read(lambda tx: tx.now)
            if now - delivery.due_at > WORN_OUT:
                raise Undeliverable(later.code) from later
            raise

    async def _announce(self, delivery: Delivery, policy: Policy) -> None:
        view = await incident_view(self._ledger, policy, delivery.subject)
        if view.incident.ticket is not None:
            return
        if delivery.destination.startswith(WEBHOOK):
            await self._ask(delivery, view, policy)
        else:
            await self._open(delivery, view, policy)

    async def _open(self, delivery: Delivery, view: IncidentView, policy: Policy) -> None:
        repository = delivery.facts.get("repository")
        if self._tickets is None:
            raise Undeliverable("not-configured")
        if not isinstance(repository, str):
            raise Undeliverable("no-repository")
        name = await self._tickets.open(
            repository,
            title=title(view),
            body=body(view, self._names(policy), in_zone(policy.zone)),
            id=self._id(view),
        )
        await flow.opened(self._ledger, policy, view.incident.id, name)

    async def _ask(self, delivery: Delivery, view: IncidentView, policy: Policy) -> None:
        if self._webhooks is None:
            raise Undeliverable("not-configured")
        incident = view.incident
        said: dict[str, JsonValue] = {
            "type": "incident.ticket",
            "installation": self._name,
            "incident": webhook.incident(incident),
            "title": title(view),
            "body": body(view, self._names(policy), in_zone(policy.zone)),
        }
        name = delivery.destination.removeprefix(WEBHOOK)
        await self._webhooks.post(name, said, id=f"{self._id(view)}/ticket")
        await flow.asked(self._ledger, policy, incident.id, delivery.destination)

    def _id(self, view: IncidentView) -> str:
        return f"{self._name}/{view.incident.id}"

    def _names(self, policy: Policy) -> Callable[[str], str]:
        return partial(_called, policy)


def _called(policy: Policy, person: str) -> str:
    found = policy.people.get(person)
    return (found.name if found is not None else None) or person
