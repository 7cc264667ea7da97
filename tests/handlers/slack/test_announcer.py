"""Deliveries against a Slack that answers, refuses, is slow to be asked and forgets."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.owed import Delivery
from bot.domain.page import Page, Way
from bot.flows.reload_policy import PolicyHolder
from bot.policy import Policy
from bot.ports import Announcer as AnnouncerPort
from bot.ports import Later, Undeliverable
from handlers.slack.announcer import REPLY_LIVES, REPLY_USES, Announcer
from handlers.slack.context import SlackContext
from handlers.slack.web_api import SlackApi
from storage.ledger import Ledger
from tests.handlers.slack.conftest import ClockOf, Stub
from tests.handlers.slack.examples import MINUTE, NOW, incident, request

FLOWS = Path(__file__).resolve().parents[3] / "bot" / "flows"


@pytest.fixture
def announcer(context: SlackContext) -> Announcer:
    return Announcer(context.ledger, context.in_force, context.clock, context.api)


def owed(kind: str, to: str = "channel:deployments", subject: str = "DEP-42", **facts: Any) -> Delivery:
    facts = {"at": NOW.isoformat(), **facts}
    return Delivery(
        key=f"{kind}:1", kind=kind, destination=f"slack:{to}", subject=subject, due_at=NOW, facts=facts
    )


async def have(ledger: Ledger, *requests: ChangeRequest, reply: dict[str, Any] | None = None) -> None:
    def step(tx: Any) -> None:
        for one in requests or (request(),):
            tx.requests.put(one, Fact(type="request.submitted"))
            if reply is not None:
                tx.put_place(one.id, "reply", reply)

    await ledger.write(step)


async def place(ledger: Ledger, subject: str = "DEP-42", surface: str = "card") -> Any:
    return await ledger.read(lambda tx: tx.place(subject, surface))


def test_every_kind_that_the_flows_owe_has_an_announcement(announcer: Announcer) -> None:
    port: AnnouncerPort = announcer
    # "reset-alarm" is a code of the kind factor-note
    folders = (FLOWS, FLOWS.parent / "jobs")
    source = "".join(path.read_text() for folder in folders for path in folder.glob("*.py"))
    kinds = set(
        re.findall(r'"([a-z]+-(?:card|note|answer|event|notice|summary|alarm|report)|announcement)"', source)
    )
    assert port is announcer
    assert (kinds - {"reset-alarm"}) | {"page", "page-update", "incident-news"} == announcer.kinds


async def test_a_card_is_posted_once_and_then_edited(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    await announcer.announce(owed("request-card"))
    assert stub.of("chat.postMessage")[0]["channel"] == "deployments"
    assert await place(ledger) == {"channel": "C0DEPLOY", "ts": "1700000000.000001"}
    await announcer.announce(owed("request-card"))
    edited = stub.of("chat.update")[0]
    assert (edited["channel"], edited["ts"]) == ("C0DEPLOY", "1700000000.000001")
    assert len(stub.calls) == 2


async def test_every_post_can_be_told_apart_and_shows_text_in_a_notification(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    await announcer.announce(owed("request-card"))
    posted = stub.of("chat.postMessage")[0]
    assert posted["metadata"] == {
        "event_type": "portcullis_delivery",
        "event_payload": {"key": "request-card:1"},
    }
    assert posted["text"].startswith("Approve checkout 7a3f9c2 → production?")
    assert posted["unfurl_links"] is False
    assert posted["unfurl_media"] is False


async def test_a_card_shows_the_state_of_the_moment_of_sending(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger, request(state=RequestState.STARTING))
    await announcer.announce(owed("request-card"))
    assert "Rolling out" in stub.of("chat.postMessage")[0]["text"]


@pytest.mark.parametrize("code", ["message_not_found", "is_archived", "edit_window_closed"])
async def test_a_message_that_is_gone_is_posted_anew(
    code: str, announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    await ledger.write(lambda tx: tx.put_place("DEP-42", "card", {"channel": "C0OLD", "ts": "1.1"}))
    stub.fail(code)
    await announcer.announce(owed("request-card"))
    assert [name for name, _ in stub.calls] == ["chat.update", "chat.postMessage"]
    assert (await place(ledger))["channel"] == "C0DEPLOY"


async def test_a_note_goes_to_the_thread_of_its_card(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    await announcer.announce(owed("request-card"))
    await announcer.announce(owed("request-note", code="approved"))
    note = stub.of("chat.postMessage")[1]
    assert note["thread_ts"] == "1700000000.000001"
    assert note["channel"] == "C0DEPLOY"


async def test_a_note_waits_for_its_card_but_not_for_ever(
    announcer: Announcer, ledger: Ledger, stub: Stub, clock: ClockOf
) -> None:
    await have(ledger)
    with pytest.raises(Later, match="card-not-posted"):
        await announcer.announce(owed("request-note", code="approved"))
    assert not stub.calls
    clock.at = NOW + 2 * MINUTE
    await announcer.announce(owed("request-note", code="approved"))
    note = stub.of("chat.postMessage")[0]
    assert "thread_ts" not in note
    assert note["text"].startswith("DEP-42: ")


async def test_a_note_about_what_was_refused_without_a_card_is_dropped(
    announcer: Announcer, ledger: Ledger, stub: Stub, clock: ClockOf
) -> None:
    await have(ledger, request(state=RequestState.REFUSED))
    clock.at = NOW + 2 * MINUTE
    await announcer.announce(owed("request-note", code="revised"))
    assert not stub.calls


async def test_an_incident_is_posted_with_its_thread(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await ledger.write(lambda tx: tx.incidents.put(incident(), Fact(type="incident.opened")))
    await announcer.announce(owed("incident-card", "channel:incidents", "INC-7"))
    await announcer.announce(
        owed("incident-note", "channel:incidents", "INC-7", code="acknowledged", person="ada")
    )
    card, note = stub.of("chat.postMessage")
    assert "<@U04CY> you are on call" in card["blocks"][0]["text"]["text"]
    assert note["thread_ts"] == "1700000000.000001"
    assert note["text"] == "ada has it. Nobody else is paged."


async def test_an_answer_uses_the_response_url_and_then_a_direct_message(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger, reply={"response_url": f"{stub.url}/response/1", "channel": "C", "user": "U01LIN"})
    for _ in range(REPLY_USES + 1):
        await announcer.announce(owed("request-answer", "user:U01LIN", code="awaiting-approval"))
    assert len(stub.replies) == REPLY_USES
    assert stub.replies[0]["response_type"] == "ephemeral"
    assert stub.replies[0]["replace_original"] is False
    assert [body["channel"] for body in stub.of("chat.postMessage")] == ["U01LIN"]
    assert (await place(ledger, surface="reply"))["used"] == REPLY_USES


async def test_an_old_response_url_is_not_tried(
    announcer: Announcer, ledger: Ledger, stub: Stub, clock: ClockOf
) -> None:
    await have(ledger, reply={"response_url": f"{stub.url}/response/1"})
    clock.at = request().requested_at + REPLY_LIVES
    await announcer.announce(owed("request-answer", "user:U01LIN", code="live"))
    assert not stub.replies
    assert len(stub.calls) == 1


@pytest.mark.parametrize("url", ["https://evil.example/x", "http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/", 7])  # fmt: skip
async def test_a_response_url_elsewhere_is_never_asked(
    url: object, announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger, reply={"response_url": url})
    await announcer.announce(owed("request-answer", "user:U01LIN", code="live"))
    assert len(stub.of("chat.postMessage")) == 1


async def test_an_expired_response_url_falls_back_to_a_direct_message(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger, reply={"response_url": f"{stub.url}/response/1"})
    stub.failures.append(web.Response(status=404, text="expired_url"))
    await announcer.announce(owed("request-answer", "user:U01LIN", code="live"))
    assert len(stub.of("chat.postMessage")) == 1


async def test_a_rate_limit_is_waited_out_by_the_lane(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    stub.failures.append(
        web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "7"})
    )
    with pytest.raises(Later) as later:
        await announcer.announce(owed("request-card"))
    assert (later.value.code, later.value.after_seconds) == ("rate-limited", 7.0)
    assert len(stub.calls) == 1


@pytest.mark.parametrize(
    ("failure", "code", "after"),
    [
        (web.Response(status=503, text="down"), "http-503", None),
        (web.Response(status=500, text='{"ok": false', content_type="application/json"), "http-500", None),
        (web.Response(status=200, text="<html>", content_type="text/html"), "http-200", None),
        (web.json_response({"ok": False, "error": "internal_error"}), "internal_error", None),
        (web.json_response({"ok": False, "error": "invalid_auth"}), "invalid_auth", 60.0),
        (web.json_response({"ok": True}), "unreachable", None),
    ],
)
async def test_what_may_pass_is_tried_again(
    failure: web.Response, code: str, after: float | None, announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    stub.failures.append(failure)
    with pytest.raises(Later) as later:
        await announcer.announce(owed("request-card"))
    assert (later.value.code, later.value.after_seconds) == (code, after)


@pytest.mark.parametrize("code", ["channel_not_found", "not_in_channel", "is_archived", "restricted_action"])
async def test_what_cannot_arrive_is_given_up_by_its_code(
    code: str, announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    stub.fail(code)
    with pytest.raises(Undeliverable) as given_up:
        await announcer.announce(owed("request-card"))
    assert given_up.value.code == code


async def test_a_slack_that_is_away_is_tried_again(ledger: Ledger, clock: ClockOf, policy: Policy) -> None:
    await have(ledger)
    api = SlackApi("xoxb-test", "http://127.0.0.1:9/api/")
    try:
        with pytest.raises(Later, match="unreachable"):
            await Announcer(ledger, PolicyHolder(policy), clock, api).announce(owed("request-card"))
    finally:
        await api.close()


async def test_blocks_that_slack_refuses_do_not_silence_the_message(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    stub.fail("invalid_blocks")
    await announcer.announce(owed("request-card"))
    first, second = stub.of("chat.postMessage")
    assert first["blocks"]
    assert second["blocks"] == []
    assert second["text"] == first["text"]


@pytest.mark.parametrize(
    ("delivery", "code"),
    [
        (owed("telegram"), "unknown-kind"),
        (owed("request-card", subject="DEP-404"), "unknown-request"),
        (owed("incident-card", subject="INC-404"), "unknown-incident"),
        (owed("request-card", "user:U01LIN"), "wrong-lane"),
        (owed("approver-answer", "channel:deployments", code="no-seat"), "wrong-lane"),
    ],
)
async def test_what_names_nothing_is_given_up(
    delivery: Delivery, code: str, announcer: Announcer, ledger: Ledger
) -> None:
    await have(ledger)
    with pytest.raises(Undeliverable) as given_up:
        await announcer.announce(delivery)
    assert given_up.value.code == code


@pytest.mark.parametrize(
    ("delivery", "channel", "text"),
    [
        (owed("announcement", "channel:releases", code="live", seconds=60), "releases", "✓ Live: checkout 7a3f9c2"),
        (owed("approver-answer", "user:U02ADA", code="no-seat"), "U02ADA", "Your approval of DEP-42 does not count"),
        (owed("security-event", "channel:#incidents", code="digest-mismatch"), "incidents", "✗ SECURITY"),
        (owed("policy-notice", subject="policy", code="refused", problems=["policy.yaml:3: no"], count=1), "deployments", "The new policy file was refused"),
    ],
)  # fmt: skip
async def test_each_kind_goes_to_its_lane(
    delivery: Delivery, channel: str, text: str, announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    await have(ledger)
    await announcer.announce(delivery)
    posted = stub.of("chat.postMessage")[0]
    assert posted["channel"] == channel
    assert posted["text"].startswith(text)


async def test_no_token_reaches_a_message(announcer: Announcer, ledger: Ledger, stub: Stub) -> None:
    await have(ledger, replace(request(), requested_at=NOW - timedelta(hours=1)))
    await announcer.announce(owed("request-card"))
    assert "xoxb" not in json.dumps(stub.calls)


@pytest.mark.requirement("F7")
async def test_a_page_to_the_channel_where_its_card_stands_is_no_second_card(
    announcer: Announcer, ledger: Ledger, stub: Stub
) -> None:
    channel, subject = "channel:incidents", "INC-7/2/slack:channel:incidents"
    page = Page(
        incident="INC-7",
        step=2,
        recipient=f"slack:{channel}",
        ways=(Way(destination=f"slack:{channel}"),),
        paged_at=NOW,
    )

    def step(tx: Any) -> None:
        tx.incidents.put(incident(), Fact(type="incident.opened"))
        tx.pages.put(page, Fact(type="page.owed"))

    await ledger.write(step)
    await announcer.announce(owed("page", channel, subject))
    assert [name for name, _ in stub.calls] == ["chat.postMessage"], "without a card it is posted"
    await announcer.announce(owed("incident-card", channel, "INC-7"))
    await announcer.announce(owed("page", channel, subject))
    assert len(stub.of("chat.postMessage")) == 2
