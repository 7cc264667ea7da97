"""Turns a delivery for PagerDuty, mail or a webhook into what is sent there, rendered from the state of that moment.

A page is asked for first: what somebody has meanwhile, what is over and what is muted wakes nobody. Lanes are in order,
so nothing that is true no more overtakes what ended it; and of what was superseded while it waited nothing is sent.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows.incident_news import AGAIN
from bot.flows.inquire import IncidentView, incident_view, page_view, request_view
from bot.flows.paging import still_owed
from bot.flows.together import ACKNOWLEDGED, MUTED, RESOLVED, standing
from bot.flows.unasked import UNASKED, still_true
from bot.policy import Policy
from bot.ports import Ledger, Mailer, PagerDuty, PolicyInForce, Undeliverable, Webhooks
from handlers.paging import links, mail, pagerduty, webhook
from handlers.wording.facts import Facts
from handlers.wording.paging import Words, unheard

T = TypeVar("T")
log = structlog.get_logger(__name__)
NOT_CONFIGURED: Final = "not-configured"
PAGERDUTY, EMAIL, WEBHOOK = "pagerduty", "email", "webhook"


@dataclass(frozen=True, slots=True)
class _Page:
    """A page on its way: all that any of the ways needs to render it."""

    delivery: Delivery
    view: IncidentView
    words: Words
    to: str
    step: int | None


class OutsideAnnouncer:
    """`bot.ports.Announcer` for the lanes `pagerduty:NAME`, `email:PERSON` and `webhook:NAME`."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: PolicyInForce,
        *,
        pagerduty: PagerDuty | None,
        mailer: Mailer | None,
        webhooks: Webhooks | None,
        name: str,
        pages: str | None = None,
        hears_back: bool = False,
    ) -> None:
        """`name` tells this installation from others that use the same services, and must stay what it is: PagerDuty
        knows our incidents by it. `pages` is our own origin; `hears_back`: PagerDuty's webhooks reach us."""
        self._ledger = ledger
        self._in_force = in_force
        self._pagerduty = pagerduty
        self._mailer = mailer
        self._webhooks = webhooks
        self._name = name
        self._pages = pages
        self._hears_back = hears_back
        self._kinds: Mapping[str, Callable[[Delivery, Policy], Awaitable[None]]] = {
            "page": self._page,
            "incident-news": self._news,
            "change-news": self._change,
        }

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of deliveries that this announcer can send."""
        return frozenset(self._kinds)

    async def announce(self, delivery: Delivery) -> None:
        """Send it. Raises Later when it should be tried again, Undeliverable when that is pointless."""
        send = self._kinds.get(delivery.kind)
        if send is None:
            raise Undeliverable("unknown-kind")
        try:
            await send(delivery, self._in_force.policy)
        except Refusal as refusal:
            raise Undeliverable(refusal.code) from refusal

    async def _page(self, delivery: Delivery, policy: Policy) -> None:
        incident, _, rest = delivery.subject.partition("/")
        way, to = self._lane(delivery)
        if not await self._ledger.read(lambda tx: still_owed(tx, delivery.subject)):
            return
        view = await page_view(self._ledger, policy, incident)
        step = rest.partition("/")[0]
        number = int(step) if step.isdecimal() else None
        page = _Page(delivery, view, Words(view, policy, self._hears_back), to, number)
        await self._paged(way, page, policy)

    async def _paged(self, way: str, page: _Page, policy: Policy) -> None:
        await {PAGERDUTY: self._alert, EMAIL: self._mail, WEBHOOK: self._post}[way](page, policy)

    async def _alert(self, page: _Page, policy: Policy) -> None:
        if self._pagerduty is None:
            raise Undeliverable(NOT_CONFIGURED)
        found = links.of_incident(page.view, self._pages)
        alert = _drawn(
            lambda: pagerduty.page(page.words, self._name, found),
            lambda: pagerduty.bare_page(page.view, policy, self._name),
        )
        await self._pagerduty.alert(page.to, alert)

    async def _mail(self, page: _Page, policy: Policy) -> None:
        if self._mailer is None:
            raise Undeliverable(NOT_CONFIGURED)
        to, key = _address(policy, page.to), page.delivery.key
        found = links.of_incident(page.view, self._pages)
        message = _drawn(
            lambda: mail.page(page.words, to, self._name, key, found),
            lambda: mail.bare_page(page.view, to, self._name, key),
        )
        await self._mailer.send(message)

    async def _post(self, page: _Page, _: Policy) -> None:
        if self._webhooks is None:
            raise Undeliverable(NOT_CONFIGURED)
        body = _drawn(
            lambda: webhook.page(page.words, self._name, page.step),
            lambda: webhook.bare_page(page.view, self._name, page.step),
        )
        await self._webhooks.post(page.to, body, id=f"{self._name}/{page.delivery.key}")

    async def _news(self, delivery: Delivery, policy: Policy) -> None:
        """Somebody has it, it is muted, or it is over: told while that is so of all that the page told of. Said of what was raised
        again, or while another one waits, it would keep PagerDuty from calling anybody."""
        code = Facts(delivery.facts).text("code")
        if code in (AGAIN, UNASKED):
            await (self._again if code == AGAIN else self._unheard)(delivery, policy)
            return
        view = await incident_view(self._ledger, policy, delivery.subject)
        if code not in (ACKNOWLEDGED, MUTED, RESOLVED):
            raise Undeliverable("unknown-code")
        now = await self._ledger.read(lambda tx: standing(tx, view.incident))
        if now.word != code:
            return
        words = Words(view, policy, self._hears_back, now.person)
        way, to = self._lane(delivery)
        if way == PAGERDUTY and self._pagerduty is not None:
            await self._pagerduty.alert(to, pagerduty.told(words, self._name, code))
        elif way == EMAIL and self._mailer is not None:
            sent = mail.told(words, _address(policy, to), self._name, delivery.key, code)
            await self._mailer.send(sent)
        elif way == WEBHOOK and self._webhooks is not None:
            body = webhook.told(words, self._name, code)
            await self._webhooks.post(to, body, id=f"{self._name}/{delivery.key}")
        else:
            raise Undeliverable(NOT_CONFIGURED)

    async def _again(self, delivery: Delivery, policy: Policy) -> None:
        """It is not over after all: who was paged for it is called again, while nobody has it."""
        view = await page_view(self._ledger, policy, delivery.subject)
        way, to = self._lane(delivery)
        if view.waiting:
            words = Words(view, policy, self._hears_back, again=True)
            await self._paged(way, _Page(delivery, view, words, to, None), policy)

    async def _unheard(self, delivery: Delivery, policy: Policy) -> None:
        """Somebody answered before whoever is on call was paged; their mail, where there is mail."""
        facts = Facts(delivery.facts)
        deed, person = facts.text("deed"), facts.text("person")
        way, to = self._lane(delivery)
        if way != EMAIL:
            raise Undeliverable("wrong-lane")
        if self._mailer is None:
            raise Undeliverable(NOT_CONFIGURED)
        if await still_true(self._ledger, delivery.subject, deed, person):
            words = Words(await incident_view(self._ledger, policy, delivery.subject), policy)
            said = unheard(words, deed, person, facts.number("others") or 0)
            address = _address(policy, to)
            await self._mailer.send(mail.unheard(words, address, self._name, delivery.key, said))

    async def _change(self, delivery: Delivery, policy: Policy) -> None:
        """Something went live. The policy does not know which of its names are PagerDuty's: one that is not is no
        failure, and nobody is told of it."""
        way, to = self._lane(delivery)
        if way != PAGERDUTY:
            raise Undeliverable("wrong-lane")
        if self._pagerduty is None:
            return
        view = await request_view(self._ledger, policy, delivery.subject)
        try:
            await self._pagerduty.changed(to, pagerduty.changed(view, policy, self._name))
        except Undeliverable as undeliverable:
            if undeliverable.code != NOT_CONFIGURED:
                raise

    def _lane(self, delivery: Delivery) -> tuple[str, str]:
        way, _, to = delivery.destination.partition(":")
        if way not in (PAGERDUTY, EMAIL, WEBHOOK) or not to:
            raise Undeliverable("wrong-lane")
        return way, to


def _address(policy: Policy, person: str) -> str:
    found = policy.people.get(person)
    if found is None or found.email is None:
        raise Undeliverable("no-address")
    return found.email


def _drawn(whole: Callable[[], T], least: Callable[[], T]) -> T:
    """A page is sent even if we cannot word it: the least that it has to say wakes people as well."""
    try:
        return whole()
    except Exception:
        log.exception("page.not-worded")
        return least()
