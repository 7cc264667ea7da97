"""Turns a delivery into a message, rendered from the state at the moment of sending, and posts or edits it.

A message that was posted while its answer was lost on the way is posted again when the delivery is tried again: the
duplicate carries the same request or incident id, and every post carries the delivery's key in its metadata.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.domain.change_request import RequestState
from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows.break_glass import told
from bot.flows.incident_news import AGAIN, NEWS, PAGE_UPDATE, POSTED
from bot.flows.inquire import RequestView, incident_view, page_view, request_view
from bot.flows.many import many_view, place_of
from bot.flows.paging import posted, still_owed
from bot.flows.unasked import UNASKED, still_true
from bot.policy import Policy
from bot.ports import Clock, Later, Ledger, Place, PolicyInForce, Undeliverable
from handlers.slack import (
    answers,
    break_glass,
    enroll,
    freeze_note,
    incident_card,
    incident_page,
    notes,
    oncall_note,
    reminder,
    request_card,
    roll_back,
    withdraw,
)
from handlers.slack.afterwards import Afterwards
from handlers.slack.blocks import Message
from handlers.slack.voice import Voice
from handlers.slack.web_api import SlackApi, SlackFailed
from handlers.wording.facts import Facts

log = structlog.get_logger(__name__)

CARD: Final = "card"
REPLY: Final = "reply"
PATIENCE: Final = timedelta(minutes=1)  # how long a note waits for the message whose thread it belongs to
REPLY_LIVES: Final = timedelta(minutes=25)  # of Slack's 30
REPLY_USES: Final = 4  # of Slack's 5
OPERATORS: Final = timedelta(seconds=60)

MENDABLE: Final = frozenset(
    {
        "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope",
        "no_permission", "not_allowed_token_type", "ekm_access_denied", "access_denied", "accesslimited",
    }
)  # fmt: skip
"""An operator can mend these: the message is kept and tried again."""
PASSING: Final = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "unreachable",
        "team_added_to_org",
    }
)
"""These pass by themselves."""
GONE: Final = frozenset(
    {
        "message_not_found",
        "cant_update_message",
        "edit_window_closed",
        "channel_not_found",
        "is_archived",
        "not_in_channel",
    }
)
"""The message cannot be edited where it stands: it is posted anew."""
UNSHOWABLE: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
"""Slack does not take the blocks: the text alone has to do."""

TOLD: Final[Mapping[str, Callable[[Delivery, RequestView, Policy], Message | None]]] = {
    "rollback-note": roll_back.note,
    "withdrawal-note": withdraw.note,
    "reminder-note": reminder.note,
}
"""What is told of a request outside its thread, by kind; None: it is true no more, so nothing is said."""
ON_CALL_NOTES: Final = ("override-note", "handoff-note")


class Announcer:
    """`bot.ports.Announcer` for Slack."""

    def __init__(self, ledger: Ledger, in_force: PolicyInForce, clock: Clock, api: SlackApi) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._clock = clock
        self._api = api
        self._kinds: Mapping[str, Callable[[Delivery, Policy], Awaitable[None]]] = {
            "request-card": self._request_card,
            "incident-card": self._incident_card,
            "request-note": self._request_note,
            "incident-note": self._incident_note,
            "incident-summary": self._incident_summary,
            "incident-alarm": self._incident_alarm,
            "page": self._page,
            PAGE_UPDATE: self._page_update,
            NEWS: self._incident_news,
            "request-answer": self._request_answer,
            "approver-answer": self._approver_answer,
            "security-event": self._security_event,
            "announcement": self._announcement,
            "policy-notice": self._policy_notice,
            "watch-notice": self._policy_notice,
            "freeze-note": self._freeze_note,
            **dict.fromkeys(ON_CALL_NOTES, self._on_call_note),
            "factor-note": self._factor_note,
            "request-notice": self._request_notice,
            **dict.fromkeys(TOLD, self._told_of_request),
            **Afterwards(ledger, clock, self._post, self._card).kinds,
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
        except SlackFailed as failed:
            raise verdict(failed) from failed
        except Refusal as refusal:
            raise Undeliverable(refusal.code) from refusal

    async def _request_card(self, delivery: Delivery, policy: Policy) -> None:
        view = await request_view(self._ledger, policy, delivery.subject)
        await self._card(delivery, view.place, request_card.render(view, policy))

    async def _incident_card(self, delivery: Delivery, policy: Policy) -> None:
        view = await incident_view(self._ledger, policy, delivery.subject)
        await self._card(delivery, view.place, incident_card.render(view, policy))

    async def _card(self, delivery: Delivery, place: Place | None, message: Message) -> None:
        """Edit the message where it stands, or post it and remember where."""
        if place is not None:
            try:
                await self._say("chat.update", message, channel=str(place["channel"]), ts=str(place["ts"]))
            except SlackFailed as failed:
                if failed.code not in GONE:
                    raise
            else:
                return
        posted = await self._post(delivery, channel_of(delivery), message)
        where = {"channel": str(posted["channel"]), "ts": str(posted["ts"])}
        await self._ledger.write(lambda tx: tx.put_place(delivery.subject, CARD, where))

    async def _request_note(self, delivery: Delivery, policy: Policy) -> None:
        view = await request_view(self._ledger, policy, delivery.subject)
        # Before its first message, and when it was refused without one, a request has no thread to tell.
        silent = view.request.state in (RequestState.EVALUATING, RequestState.REFUSED)
        await self._note(delivery, policy, view.place, silent=silent)

    async def _incident_note(self, delivery: Delivery, policy: Policy) -> None:
        view = await incident_view(self._ledger, policy, delivery.subject)
        await self._note(delivery, policy, view.place, silent=False)

    async def _incident_summary(self, delivery: Delivery, policy: Policy) -> None:
        view = await many_view(self._ledger, delivery.subject)
        where = replace(delivery, subject=place_of(delivery.subject))
        await self._card(where, view.place, incident_page.many(view, policy))

    async def _incident_alarm(self, delivery: Delivery, policy: Policy) -> None:
        view = await incident_view(self._ledger, policy, delivery.subject)
        said = incident_page.alarm(delivery, view, policy)
        if said is not None:
            await self._post(delivery, channel_of(delivery), said)

    async def _page(self, delivery: Delivery, policy: Policy) -> None:
        """Page somebody, unless somebody else has answered meanwhile."""
        incident_id, _, recipient = delivery.subject.split("/", 2)
        if not await self._ledger.read(lambda tx: still_owed(tx, delivery.subject)):
            return
        view = await page_view(self._ledger, policy, incident_id)
        to_person = delivery.destination.startswith("slack:user:")
        where = user_of(delivery) if to_person else channel_of(delivery)
        if view.place is not None and not to_person and where == policy.slack.channels.incidents.lstrip("#"):
            return  # its card stands there already, says the same and has the same buttons
        there = await self._post(delivery, where, incident_page.page(view, policy, recipient))
        place = {"channel": str(there["channel"]), "ts": str(there["ts"])}
        await posted(self._ledger, delivery, place)

    async def _page_update(self, delivery: Delivery, policy: Policy) -> None:
        """The message of a page says how it stands. One that is gone is posted by nobody anew."""
        incident_id, _, recipient = delivery.subject.split("/", 2)
        place = await self._ledger.read(lambda tx: tx.place(delivery.subject, POSTED))
        if place is None:
            return
        view = await page_view(self._ledger, policy, incident_id)
        said = incident_page.paged(view, policy, recipient)
        try:
            await self._say("chat.update", said, channel=str(place["channel"]), ts=str(place["ts"]))
        except SlackFailed as failed:
            if failed.code not in GONE:
                raise

    async def _incident_news(self, delivery: Delivery, policy: Policy) -> None:
        """What somebody has to know though no page asks them, while it is true."""
        facts = Facts(delivery.facts)
        said: Message | None = None
        if facts.text("code") == UNASKED:
            if await still_true(self._ledger, delivery.subject, facts.text("deed"), facts.text("person")):
                view = await incident_view(self._ledger, policy, delivery.subject)
                said = incident_page.unheard(delivery, view, policy)
        elif facts.text("code") == AGAIN:
            view = await page_view(self._ledger, policy, delivery.subject)
            said = incident_page.began_again(view, policy, facts.text("person"))
        else:
            raise Undeliverable("unknown-code")
        if said is not None:
            await self._post(delivery, user_of(delivery), said)

    async def _note(self, delivery: Delivery, policy: Policy, place: Place | None, *, silent: bool) -> None:
        now = self._clock.now()
        if place is not None:
            line = notes.render(delivery, Voice(policy, now))
            await self._post(delivery, str(place["channel"]), line, thread_ts=str(place["ts"]))
            return
        happened = Facts(delivery.facts).instant("at")
        if happened is not None and now - happened < PATIENCE:
            raise Later("card-not-posted", 2.0)
        if not silent:
            await self._post(
                delivery, channel_of(delivery), notes.render(delivery, Voice(policy, now), alone=True)
            )

    async def _request_answer(self, delivery: Delivery, policy: Policy) -> None:
        ready = delivery.facts.get("code") == "ready-to-start"
        view = await request_view(self._ledger, policy, delivery.subject, with_ready=ready)
        message = answers.to_requester(delivery, view, policy)
        # Whoever else pressed Start is answered too, but never by the way back to the requester.
        asked = policy.people.get(view.request.requester.person or "")
        own = asked is not None and user_of(delivery) == asked.slack
        if not (own and await self._replied(view, message)):
            await self._post(delivery, user_of(delivery), message)

    async def _replied(self, view: RequestView, message: Message) -> bool:
        """Answer where the command was typed, while its response URL lasts; False where it no longer does."""
        subject = view.request.id
        reply = await self._ledger.read(lambda tx: tx.place(subject, REPLY))
        url, used = usable(reply, view.request.requested_at, self._clock.now())
        if reply is None or url is None or not self._api.believes(url):
            return False
        body = {"response_type": "ephemeral", "replace_original": False, "text": message.text}
        try:
            await self._api.respond(url, body | {"blocks": list(message.blocks)})
        except SlackFailed as failed:
            if failed.code in ("unreachable", "rate-limited") or failed.code.startswith("http-5"):
                raise
            log.info("slack.reply-used-up", request=subject, code=failed.code)
            return False
        spent = {**reply, "used": used + 1}
        await self._ledger.write(lambda tx: tx.put_place(subject, REPLY, spent))
        return True

    async def _approver_answer(self, delivery: Delivery, policy: Policy) -> None:
        view = await request_view(self._ledger, policy, delivery.subject)
        await self._post(delivery, user_of(delivery), answers.to_approver(delivery, view, policy))

    async def _security_event(self, delivery: Delivery, policy: Policy) -> None:
        view = await request_view(self._ledger, policy, delivery.subject)
        await self._post(delivery, channel_of(delivery), notes.security(delivery, view, policy))

    async def _announcement(self, delivery: Delivery, policy: Policy) -> None:
        view = await request_view(self._ledger, policy, delivery.subject)
        await self._post(delivery, channel_of(delivery), notes.announcement(delivery, view, policy))

    async def _policy_notice(self, delivery: Delivery, policy: Policy) -> None:
        line = notes.render(delivery, Voice(policy, self._clock.now()))
        await self._post(delivery, channel_of(delivery), line)

    async def _told_of_request(self, delivery: Delivery, policy: Policy) -> None:
        view = await request_view(self._ledger, policy, delivery.subject)
        to_person = delivery.destination.startswith("slack:user:")
        said = TOLD[delivery.kind](delivery, view, policy)
        if said is not None:
            await self._post(delivery, user_of(delivery) if to_person else channel_of(delivery), said)

    async def _request_notice(self, delivery: Delivery, policy: Policy) -> None:
        view = await request_view(self._ledger, policy, delivery.subject)
        to_person = delivery.destination.startswith("slack:user:")
        where = user_of(delivery) if to_person else channel_of(delivery)
        await self._post(delivery, where, break_glass.notice(delivery, view, policy))
        await told(self._ledger, delivery)

    async def _factor_note(self, delivery: Delivery, policy: Policy) -> None:
        to_person = delivery.destination.startswith("slack:user:")
        where = user_of(delivery) if to_person else channel_of(delivery)
        await self._post(delivery, where, enroll.note(delivery, Voice(policy, self._clock.now())))

    async def _on_call_note(self, delivery: Delivery, policy: Policy) -> None:
        told = await oncall_note.note(self._ledger, policy, delivery, Voice(policy, self._clock.now()))
        if told is not None:
            to_person = delivery.destination.startswith("slack:user:")
            await self._post(delivery, user_of(delivery) if to_person else channel_of(delivery), told)

    async def _freeze_note(self, delivery: Delivery, policy: Policy) -> None:
        told = await freeze_note.note(self._ledger, policy, delivery, self._clock.now())
        if told is not None:
            await self._post(delivery, channel_of(delivery), told)

    async def _post(
        self, delivery: Delivery, channel: str, message: Message, *, thread_ts: str | None = None
    ) -> Mapping[str, Any]:
        mark = {"event_type": "portcullis_delivery", "event_payload": {"key": delivery.key}}
        thread = {"thread_ts": thread_ts} if thread_ts else {}
        posted = await self._say(
            "chat.postMessage",
            message,
            channel=channel,
            metadata=mark,
            unfurl_links=False,
            unfurl_media=False,
            **thread,
        )
        if not isinstance(posted.get("ts"), str) or not isinstance(posted.get("channel"), str):
            raise SlackFailed("unreachable")  # it answered with something that is not Slack's answer
        return posted

    async def _say(self, method: str, message: Message, **where: Any) -> Mapping[str, Any]:
        """Blocks if Slack takes them, else the text alone: what is owed arrives even if we drew it wrongly."""
        try:
            return await self._api.call(method, text=message.text, blocks=list(message.blocks), **where)
        except SlackFailed as failed:
            if failed.code not in UNSHOWABLE:
                raise
            log.error("slack.blocks-refused", code=failed.code)  # noqa: TRY400 -- not this exception's stack
            return await self._api.call(method, text=message.text, blocks=[], **where)


def verdict(failed: SlackFailed) -> Later | Undeliverable:
    """Whether trying again can help."""
    if failed.code == "rate-limited":
        return Later("rate-limited", failed.retry_after)
    if failed.code in MENDABLE:
        return Later(failed.code, OPERATORS.total_seconds())
    if failed.code in PASSING or failed.code.startswith("http-"):
        return Later(failed.code)
    return Undeliverable(failed.code)


def usable(reply: Place | None, requested_at: datetime, now: datetime) -> tuple[str | None, int]:
    """The response URL of a command while it lasts, and how often it was used."""
    if reply is None:
        return None, 0
    url, used = reply.get("response_url"), reply.get("used", 0)
    if not isinstance(url, str) or not isinstance(used, int):
        return None, 0
    if now - requested_at >= REPLY_LIVES or used >= REPLY_USES:
        return None, used
    return url, used


def channel_of(delivery: Delivery) -> str:
    """The channel of a delivery's lane, as the policy names it. Raises Undeliverable for another lane."""
    return _lane(delivery, "slack:channel:").lstrip("#")


def user_of(delivery: Delivery) -> str:
    """The user of a delivery's lane. Raises Undeliverable for another lane."""
    return _lane(delivery, "slack:user:")


def _lane(delivery: Delivery, prefix: str) -> str:
    if not delivery.destination.startswith(prefix):
        raise Undeliverable("wrong-lane")
    return delivery.destination.removeprefix(prefix)
