"""Sends what follows an incident or a failed deployment: post-mortems, action items, reports; rendered when sent."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Protocol

from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows import action_items, postmortem
from bot.flows import report as reports
from bot.flows.timeline import account, place_of
from bot.policy import Policy
from bot.ports import Clock, Later, Ledger, Place
from handlers.slack import actions, postmortem_card
from handlers.slack import report as report_message
from handlers.slack.blocks import Message
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts

PATIENCE: Final = timedelta(minutes=1)
"""How long a report waits for the message whose thread it belongs to."""


class Post(Protocol):
    """Posts a message, in a thread where one is named."""

    async def __call__(
        self, delivery: Delivery, channel: str, message: Message, *, thread_ts: str | None = None
    ) -> Mapping[str, Any]: ...


class Card(Protocol):
    """Edits the message that stands for the delivery's subject, or posts it and remembers where."""

    async def __call__(self, delivery: Delivery, place: Place | None, message: Message) -> None: ...


class Afterwards:
    """The kinds of deliveries that tell what follows, for the announcer, whose `post` and `card` it is given."""

    def __init__(self, ledger: Ledger, clock: Clock, post: Post, card: Card) -> None:
        self._ledger = ledger
        self._clock = clock
        self._post = post
        self._card = card
        self.kinds: Mapping[str, Callable[[Delivery, Policy], Awaitable[None]]] = {
            postmortem.CARD: self._postmortem_card,
            postmortem.NOTE: self._postmortem_note,
            action_items.NOTE: self._action_note,
            reports.KIND: self._report,
        }

    async def _postmortem_card(self, delivery: Delivery, policy: Policy) -> None:
        found = await account(self._ledger, policy, delivery.subject)
        where = replace(delivery, subject=place_of(delivery.subject))
        await self._card(where, found.place, postmortem_card.render(found, policy))

    async def _postmortem_note(self, delivery: Delivery, policy: Policy) -> None:
        found = await account(self._ledger, policy, delivery.subject)
        said = postmortem_card.note(delivery, found, policy)
        if said is not None:
            await self._post(delivery, lane(delivery), said)

    async def _action_note(self, delivery: Delivery, policy: Policy) -> None:
        try:
            found = await action_items.find(self._ledger, delivery.subject)
        except Refusal:
            return  # it was dropped meanwhile: nobody is told of what is gone
        said = actions.note(delivery, found, Voice(policy, self._clock.now()))
        if said is not None:
            await self._post(delivery, lane(delivery), said)

    async def _report(self, delivery: Delivery, policy: Policy) -> None:
        """In the thread of the request; where its message never arrived, in the channel."""
        found = await reports.report(self._ledger, delivery.subject)
        said = report_message.render(found, policy)
        if found.place is not None:
            channel, ts = str(found.place["channel"]), str(found.place["ts"])
            await self._post(delivery, channel, said, thread_ts=ts)
            return
        happened = Facts(delivery.facts).instant("at")
        if happened is not None and self._clock.now() - happened < PATIENCE:
            raise Later("card-not-posted", 2.0)
        await self._post(delivery, lane(delivery), said)


def lane(delivery: Delivery) -> str:
    """The channel or the user at the end of a Slack lane, as the policy names it."""
    return delivery.destination.split(":", 2)[-1].lstrip("#")
