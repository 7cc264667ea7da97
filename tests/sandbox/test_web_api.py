"""The Web API is as strict as Slack's: tokens, scopes, channels, messages, history and metadata."""

import json

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

TOKEN, APP_TOKEN = "xoxb-bot-1", "xapp-app-1"


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        (APP_TOKEN, "auth.test", "not_allowed_token_type"),
        (TOKEN, "apps.connections.open", "not_allowed_token_type"),
        (TOKEN, "chat.sendMessage", "unknown_method"),
        (TOKEN, "usergroups.list", "missing_scope"),
    ],
)
async def test_a_call_is_refused_by_name(api, token, method, error):
    answer = await api(method, token=token)
    assert (answer["ok"], answer["error"]) == (False, error)


async def test_a_call_without_a_token_is_not_authed(sandbox):
    async with aiohttp.ClientSession() as session:
        for url in (f"{sandbox.api_url}auth.test", f"{sandbox.api_url}auth.test?token={TOKEN}"):
            async with session.post(url) as answer:
                assert (await answer.json())["error"] == "not_authed"


async def test_a_missing_scope_is_named_with_what_is_granted(api):
    answer = await api("users.lookupByEmail", email="ada@acme.example")
    assert answer["needed"] == "users:read.email"
    assert "chat:write" in answer["provided"].split(",")


@pytest.mark.parametrize("way", ["form", "json", "query"])
async def test_arguments_come_by_form_json_and_query_alike(sandbox, way):
    url, headers = f"{sandbox.api_url}conversations.info", {"Authorization": f"Bearer {TOKEN}"}
    wanted = {"channel": "C01DEP"}
    async with aiohttp.ClientSession(headers=headers) as session:
        calls = {
            "form": session.post(url, data=wanted),
            "json": session.post(url, json=wanted),
            "query": session.get(url, params=wanted),
        }
        call = calls.pop(way)
        for other in calls.values():
            other.close()
        async with call as answer:
            assert (await answer.json())["channel"]["name"] == "deployments"


@pytest.mark.parametrize(("body", "error"), [("{", "invalid_json"), ("[]", "json_not_object")])
async def test_a_body_that_is_no_json_object_is_refused(sandbox, body, error):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    url = f"{sandbox.api_url}auth.test"
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url, data=body) as answer:
        assert (await answer.json())["error"] == error


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"channel": "C01DEP"}, "no_text"),
        ({"channel": "C01DEP", "text": "  "}, "no_text"),
        ({"channel": "C01DEP", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "#nowhere", "text": "hi"}, "channel_not_found"),
        ({"channel": "C03QUIET", "text": "hi"}, "not_in_channel"),
        ({"channel": "C01DEP", "text": "hi", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": "C01DEP", "text": "hi", "metadata": {"event": "x"}}, "invalid_metadata_format"),
        ({"text": "hi"}, "invalid_arguments"),
        (
            {"channel": "C01DEP", "blocks": [{"type": "markdown", "text": "x" * 9000}] * 2},
            "msg_blocks_too_long",
        ),
    ],
)
async def test_a_message_slack_would_refuse_is_refused(api, client, args, error):
    assert (await api("chat.postMessage", **args))["error"] == error
    assert await client.messages("deployments") == []


@pytest.mark.parametrize("name", ["C01DEP", "#deployments", "deployments"])
async def test_a_message_may_be_posted_by_channel_name(api, client, name):
    answer = await api("chat.postMessage", channel=name, text="hello")
    assert answer["channel"] == "C01DEP"
    assert [client.text_of(one) for one in await client.messages("#deployments")] == ["hello"]


async def test_only_posting_resolves_a_channel_name(api):
    assert (await api("conversations.info", channel="deployments"))["error"] == "channel_not_found"
    assert (await api("conversations.history", channel="#deployments"))["error"] == "channel_not_found"


async def test_metadata_is_returned_only_where_it_is_asked_for(api):
    metadata = {"event_type": "request", "event_payload": {"id": 42}}
    await api("chat.postMessage", channel="C01DEP", text="hello", metadata=json.dumps(metadata))
    plain = await api("conversations.history", channel="C01DEP")
    full = await api("conversations.history", channel="C01DEP", include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == metadata


async def test_replies_stand_in_the_thread_and_not_in_the_channel(api, client):
    root = await api("chat.postMessage", channel="C01DEP", text="root")
    reply = await api("chat.postMessage", channel="C01DEP", text="reply", thread_ts=root["ts"])
    nested = await api("chat.postMessage", channel="C01DEP", text="again", thread_ts=reply["ts"])
    assert nested["message"]["thread_ts"] == root["ts"]
    assert [one["text"] for one in await client.messages("deployments")] == ["root"]
    thread = await api("conversations.replies", channel="C01DEP", ts=root["ts"])
    assert [one["text"] for one in thread["messages"]] == ["root", "reply", "again"]
    assert thread["messages"][0]["reply_count"] == 2


async def test_history_is_paged_newest_first(api):
    for number in range(5):
        await api("chat.postMessage", channel="C01DEP", text=str(number))
    first = await api("conversations.history", channel="C01DEP", limit=2)
    assert [one["text"] for one in first["messages"]] == ["4", "3"]
    cursor = first["response_metadata"]["next_cursor"]
    second = await api("conversations.history", channel="C01DEP", limit=2, cursor=cursor)
    assert [one["text"] for one in second["messages"]] == ["2", "1"]
    assert second["has_more"] is True
    assert (await api("conversations.history", channel="C01DEP", cursor="nonsense"))[
        "error"
    ] == "invalid_cursor"


async def test_an_update_keeps_blocks_it_does_not_mention_and_its_ts(api, client):
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "first"}}
    posted = await api("chat.postMessage", channel="C01DEP", text="first", blocks=[block])
    await api("chat.update", channel="C01DEP", ts=posted["ts"], text="second")
    [message] = await client.messages("deployments")
    assert (message["text"], message["ts"], client.text_of(message)) == ("second", posted["ts"], "first")
    await api("chat.update", channel="C01DEP", ts=posted["ts"], text="third", blocks=[])
    [message] = await client.messages("deployments")
    assert "blocks" not in message or not message["blocks"]


async def test_nobody_elses_message_is_updated_or_deleted(api, client):
    await client.say("ada", "mine", channel="deployments")
    [message] = await client.messages("deployments")
    answer = await api("chat.update", channel="C01DEP", ts=message["ts"], text="ours")
    assert answer["error"] == "cant_update_message"
    assert (await api("chat.delete", channel="C01DEP", ts=message["ts"]))["error"] == "cant_delete_message"


async def test_an_ephemeral_is_seen_by_its_addressee_alone_and_cannot_be_updated(api, client):
    posted = await api("chat.postEphemeral", channel="C01DEP", user="U01ADA", text="psst")
    assert [one["text"] for one in await client.ephemerals("ada")] == ["psst"]
    assert await client.ephemerals("bo") == []
    assert await client.messages("deployments") == []
    update = await api("chat.update", channel="C01DEP", ts=posted["message_ts"], text="loud")
    assert update["error"] == "message_not_found"
    assert (await api("chat.postEphemeral", channel="C03QUIET", user="U01ADA", text="x"))[
        "error"
    ] == "not_in_channel"


async def test_a_message_to_a_person_is_a_direct_one(api, client):
    answer = await api("chat.postMessage", channel="U02BO", text="for you")
    assert answer["channel"] == "D02BO"
    assert [one["text"] for one in await client.direct_messages("bo")] == ["for you"]


async def test_no_bot_is_told_of_second_factors_or_of_addresses_without_the_scope(sandbox):
    web_client = AsyncWebClient(token=TOKEN, base_url=sandbox.api_url)
    user = (await web_client.users_info(user="U01ADA"))["user"]
    assert "has_2fa" not in user
    assert "email" not in user["profile"]
    assert (user["tz"], user["real_name"]) == ("Europe/Berlin", "Ada Lind")


async def test_users_are_not_found_by_a_json_body_which_slack_does_not_read_there(api):
    assert (await api("users.info", user="U01ADA"))["error"] == "user_not_found"
    assert len((await api("users.list", limit=1))["members"]) > 1


async def test_the_sdks_own_client_works_against_it(sandbox):
    web_client = AsyncWebClient(token=TOKEN, base_url=sandbox.api_url)
    me = await web_client.auth_test()
    posted = await web_client.chat_postMessage(channel="deployments", text="by the SDK")
    link = await web_client.chat_getPermalink(channel="C01DEP", message_ts=posted["ts"])
    listed = await web_client.conversations_list()
    assert me["user_id"] == "U0GATE"
    assert link["permalink"].startswith(sandbox.url)
    assert {one["name"] for one in listed["channels"]} == {"deployments", "incidents", "quiet"}


async def test_secrets_never_reach_the_inspector(api, client):
    await api("chat.postMessage", channel="C01DEP", text=f"my token is {TOKEN} and shhh")
    shown = json.dumps(await client.requests())
    assert TOKEN not in shown
    assert "shhh" not in shown


async def test_another_sites_page_may_not_drive_it(sandbox):
    async with aiohttp.ClientSession() as session:
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            async with session.post(f"{sandbox.url}/control/command", json={}, headers=headers) as answer:
                assert answer.status == 403
