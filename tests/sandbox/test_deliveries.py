"""Payloads reach the app as Slack sends them: signed, within three seconds, events again, commands once."""

import asyncio

import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from sandbox.shapes import Refused


async def test_every_delivery_is_signed_with_the_apps_secret(client, stub):
    await client.command("ada", "help", channel="deployments")
    await client.open_home("ada")
    assert len(stub.received) == 2
    for one in stub.received:
        assert SignatureVerifier("shhh").is_valid_request(one.raw, one.headers)
        assert not SignatureVerifier("other").is_valid_request(one.raw, one.headers)


async def test_a_command_carries_what_slack_sends(client, stub):
    await client.command("ada", "status DEP-42", channel="deployments")
    body = stub.received[0].body
    assert set(body) == {
        "token",
        "team_id",
        "team_domain",
        "channel_id",
        "channel_name",
        "user_id",
        "user_name",
        "command",
        "text",
        "api_app_id",
        "is_enterprise_install",
        "response_url",
        "trigger_id",
    }
    assert (body["user_id"], body["channel_name"], body["text"]) == ("U01ADA", "deployments", "status DEP-42")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("ask @ada.", "ask <@U01ADA|ada>."),
        ("in #incidents", "in <#C02INC|incidents>"),
        ("by @security", "by <!subteam^S0SEC|@security>"),
        ("now @here", "now <!here>"),
        ("see https://x.example/a?b=1", "see <https://x.example/a?b=1>"),
        ("<!channel> & co", "&lt;!channel&gt; &amp; co"),
        ("<@U02BO>", "&lt;@U02BO&gt;"),
        ("mail@nowhere @nobody", "mail@nowhere @nobody"),
        ("  trimmed  ", "trimmed"),
    ],
)
async def test_an_escaped_command_tells_mentions_from_text(client, stub, typed, sent):
    await client.command("ada", typed, channel="deployments")
    assert stub.received[0].body["text"] == sent


async def test_an_unescaped_command_is_sent_as_typed(client, stub):
    await client.command("ada", "@ada <b>", channel="deployments", command="/raw")
    assert stub.received[0].body["text"] == "@ada <b>"


async def test_a_command_the_manifest_does_not_know_is_refused(client, stub):
    with pytest.raises(Refused, match="/nope is not a valid command"):
        await client.command("ada", "", channel="deployments", command="/nope")
    with pytest.raises(Refused, match="not in #quiet"):
        await client.command("bo", "help", channel="quiet")
    with pytest.raises(Refused, match="nobody here is called zed"):
        await client.command("zed", "help", channel="deployments")
    assert stub.received == []


async def test_the_answer_in_the_acknowledgement_is_shown(client, stub):
    @stub.on("/deploy")
    async def answer(received):
        return {
            "response_type": "in_channel" if "loud" in received.body["text"] else "ephemeral",
            "text": "done",
        }

    delivered = await client.command("ada", "quiet", channel="deployments")
    assert delivered.acknowledged
    assert delivered.status == 200
    assert [one["text"] for one in await client.ephemerals("ada")] == ["done"]
    await client.command("ada", "loud", channel="deployments")
    assert [one["text"] for one in await client.messages("deployments")] == ["done"]


async def test_an_answer_with_bad_blocks_is_shown_as_a_failure(client, stub):
    @stub.on("/deploy")
    async def answer(received):
        return {"text": "x", "blocks": [{"type": "marquee"}]}

    await client.command("ada", "", channel="deployments")
    [told] = await client.ephemerals("ada")
    assert "invalid_blocks" in told["text"]


async def test_a_late_acknowledgement_is_a_visible_timeout_and_is_not_retried(client, stub):
    @stub.on("/deploy")
    async def answer(received):
        await asyncio.sleep(1.2)

    delivered = await client.command("ada", "", channel="deployments")
    assert (delivered.acknowledged, delivered.error, delivered.attempts) == (False, "operation_timeout", 1)
    [told] = await client.ephemerals("ada")
    assert told["text"] == "/deploy failed with the error “operation_timeout”"
    assert [one["error"] for one in await client.requests()] == ["operation_timeout"]


async def test_a_server_error_fails_the_command(client, stub):
    @stub.on("/deploy")
    async def answer(received):
        return web.Response(status=500)

    delivered = await client.command("ada", "", channel="deployments")
    assert (delivered.status, delivered.error, delivered.attempts) == (500, "dispatch_failed", 1)


async def test_an_app_that_is_not_there_is_told(client, sandbox):
    sandbox.events_url = None
    delivered = await client.command("ada", "", channel="deployments")
    assert (delivered.acknowledged, delivered.error) == (False, "dispatch_failed")


async def test_an_event_is_retried_three_times_with_number_and_reason(client, stub):
    @stub.on("app_home_opened")
    async def answer(received):
        return web.Response(status=503)

    delivered = await client.open_home("ada")
    assert (delivered.acknowledged, delivered.attempts) == (False, 4)
    assert [one.headers.get("X-Slack-Retry-Num") for one in stub.received] == [None, "1", "2", "3"]
    assert stub.received[1].headers["X-Slack-Retry-Reason"] == "http_error"
    assert len({one.body["event_id"] for one in stub.received}) == 1


async def test_an_app_may_ask_for_no_retry(client, stub):
    @stub.on("app_home_opened")
    async def answer(received):
        return web.Response(status=503, headers={"X-Slack-No-Retry": "1"})

    assert (await client.open_home("ada")).attempts == 1


async def test_the_app_hears_a_mention_and_nothing_it_did_not_subscribe_to(client, stub):
    await client.say("ada", "just talking", channel="deployments")
    await client.say("ada", "hey @gatekeeper, status?", channel="deployments")
    [event] = [one.body["event"] for one in stub.received]
    assert (event["type"], event["text"]) == ("app_mention", "hey <@U0GATE>, status?")


async def test_deliver_twice_sends_the_same_payload_signed_again(client, stub):
    await client.fault("deliver_twice", method="/deploy")
    await client.command("ada", "once", channel="deployments")
    await client.command("ada", "twice", channel="deployments")
    first, second, third = stub.received
    assert first.body == second.body != third.body
    assert SignatureVerifier("shhh").is_valid_request(second.raw, second.headers)


async def test_a_dropped_acknowledgement_makes_slack_retry_an_event(client, stub):
    await client.fault("drop_ack", method="events_api")
    delivered = await client.open_home("ada")
    assert (delivered.acknowledged, delivered.attempts) == (True, 2)
    assert stub.received[1].headers["X-Slack-Retry-Reason"] == "http_timeout"


async def test_a_redirect_is_no_acknowledgement(client, stub):
    @stub.on("/deploy")
    async def answer(received):
        return web.Response(status=302, headers={"Location": stub.url})

    assert not (await client.command("ada", "", channel="deployments")).acknowledged
    assert len(stub.received) == 1
