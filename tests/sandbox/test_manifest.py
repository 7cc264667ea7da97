"""What the manifest does not grant is not there: commands, scopes, events, interactivity, Home."""

import copy

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.client import SandboxClient
from sandbox.manifest import App, ManifestError
from sandbox.server import Sandbox
from sandbox.shapes import Refused
from sandbox.workspace import Workspace

MANIFEST = {
    "features": {"slash_commands": [{"command": "/deploy", "description": "Ask"}]},
    "oauth_config": {"scopes": {"bot": ["commands"]}},
    "settings": {"event_subscriptions": {"bot_events": ["app_mention"]}},
}
CAST = {
    "people": [{"id": "U1", "name": "ada", "real_name": "Ada"}],
    "channels": [{"id": "C1", "name": "general"}],
}


async def refused_by(manifest, gesture):
    """The reason for which a gesture is refused under this manifest."""
    sandbox = Sandbox(
        Workspace.from_mapping(CAST),
        signing_secret="secret",
        bot_token="xoxb-1",
        app_token="xapp-1",
        manifest=manifest,
        events_url=None,
    )
    await sandbox.start()
    try:
        async with SandboxClient(sandbox.url) as client:
            with pytest.raises(Refused) as refusal:
                await gesture(client)
        return str(refusal.value)
    finally:
        await sandbox.stop()


@pytest.mark.parametrize(("enabled", "error"), [(True, None), (False, "messages_tab_disabled")])
async def test_people_are_written_to_where_the_messages_tab_is_open(enabled, error):
    manifest = copy.deepcopy(MANIFEST)
    manifest["oauth_config"]["scopes"]["bot"] = ["chat:write"]
    if enabled:
        manifest["features"]["app_home"] = {"messages_tab_enabled": True}
    sandbox = Sandbox(
        Workspace.from_mapping(CAST),
        signing_secret="secret",
        bot_token="xoxb-1",
        app_token="xapp-1",
        manifest=manifest,
        events_url=None,
    )
    await sandbox.start()
    try:
        client = AsyncWebClient("xoxb-1", base_url=f"{sandbox.url}/api/")
        try:
            answer = (await client.chat_postMessage(channel="U1", text="Hello")).data
        except SlackApiError as refused:
            answer = refused.response.data
        assert answer.get("error") == error
    finally:
        await sandbox.stop()


async def test_a_command_needs_its_scope():
    manifest = copy.deepcopy(MANIFEST)
    manifest["oauth_config"]["scopes"]["bot"] = []
    why = await refused_by(manifest, lambda client: client.command("ada", "", channel="general"))
    assert "grants no scope commands" in why


async def test_a_shortcut_needs_interactivity_and_its_place_in_the_manifest():
    manifest = copy.deepcopy(MANIFEST)
    why = await refused_by(manifest, lambda client: client.shortcut("ada", "ask"))
    assert "no shortcut ask" in why
    manifest["features"]["shortcuts"] = [{"name": "Ask", "type": "global", "callback_id": "ask"}]
    why = await refused_by(manifest, lambda client: client.shortcut("ada", "ask"))
    assert "does not enable interactivity" in why


async def test_a_home_that_is_not_enabled_cannot_be_opened():
    assert "no Home tab" in await refused_by(MANIFEST, lambda client: client.open_home("ada"))


@pytest.mark.parametrize(
    ("scopes", "heard"), [([], False), (["app_mentions:read"], True), (["channels:history"], False)]
)
def test_an_event_needs_its_subscription_and_its_scope(scopes, heard):
    manifest = {**MANIFEST, "oauth_config": {"scopes": {"bot": scopes}}}
    assert App.from_manifest(manifest).hears("app_mention") is heard
    assert not App.from_manifest(manifest).hears("message.channels")


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"features": {"slash_commands": [{"command": "deploy"}]}}, "does not start with a slash"),
        ({"features": {"shortcuts": [{"type": "local"}]}}, "global or message"),
        ({"features": []}, None),
        ({"settings": "on"}, "settings: expected a mapping"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(manifest, why):
    if why is None:
        assert App.from_manifest(manifest).commands == {}
        return
    with pytest.raises(ManifestError, match=why):
        App.from_manifest(manifest)
