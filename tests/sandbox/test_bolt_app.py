"""An app written with Bolt, unchanged but for its addresses, works against the sandbox by HTTP and by Socket Mode."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

MODAL = {
    "type": "modal",
    "callback_id": "ask",
    "title": {"type": "plain_text", "text": "Ask"},
    "submit": {"type": "plain_text", "text": "Ask"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}


def bolt_app(api_url):
    """A small app: a command that opens a modal, which refuses once and then posts."""
    app = AsyncApp(
        signing_secret="shhh",
        client=AsyncWebClient(token="xoxb-bot-1", base_url=api_url),
        process_before_response=True,
    )

    @app.command("/deploy")
    async def command(ack, body, client):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("ask")
    async def submitted(ack, body, client):
        reason = body["view"]["state"]["values"]["reason"]["text"]["value"]
        if len(reason) < 5:
            await ack(response_action="errors", errors={"reason": "Say more"})
            return
        await ack()
        await client.chat_postMessage(channel="#deployments", text=f"asked: {reason}")

    @app.event("app_mention")
    async def mentioned(say):
        await say("here")

    return app


@asynccontextmanager
async def over_http(sandbox):
    app = bolt_app(sandbox.api_url)

    async def events(request):
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    application = web.Application()
    application.router.add_post("/slack/events", events)
    runner = web.AppRunner(application, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sandbox.events_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield
    await runner.cleanup()


@asynccontextmanager
async def over_sockets(sandbox):
    app = bolt_app(sandbox.api_url)
    web_client = AsyncWebClient(token="xapp-app-1", base_url=sandbox.api_url)
    handler = AsyncSocketModeHandler(app, "xapp-app-1", web_client=web_client)
    await handler.connect_async()
    yield
    await handler.close_async()
    await asyncio.sleep(0)


@pytest.mark.parametrize("way", [over_http, over_sockets])
async def test_a_bolt_app_goes_through_a_whole_exchange(sandbox, client, way):
    async with way(sandbox):
        assert (await client.command("ada", "request", channel="deployments")).acknowledged
        refused = await client.submit("ada", {"reason": "no"})
        assert refused.errors == {"reason": "Say more"}
        assert (await client.submit("ada", {"reason": "because"})).acknowledged
        assert await client.modal("ada") is None

        async def posted():
            return [one["text"] for one in await client.messages("deployments")] == ["asked: because"]

        await client.wait_for(posted, what="the message after the modal")
        assert (await client.say("bo", "hey @gatekeeper", channel="incidents")).acknowledged
        said = await client.messages("incidents")
        assert [one["text"] for one in said] == ["hey <@U0GATE>", "here"]
        assert all(one["ok"] for one in await client.requests())
