"""manifest.yml is what Slack takes, and exactly what the code registers, listens to and calls."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters import slack_groups
from handlers.slack import app, deploy, help, web_api  # noqa: A004

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT.parent / "shared" / "data" / "slack-manifest.schema.2.0.0.json"

SCOPES = frozenset({"commands", "chat:write", "chat:write.public", "users:read", "usergroups:read"})
"""Scopes that Slack has and that this app may ever ask for: its schema would take `chat:wrote` too."""
EVENTS: frozenset[str] = frozenset()
"""Events that this app may ever subscribe to."""
ENDPOINT = "https://portcullis.example.com/slack/events"


def manifest() -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "manifest.yml")
    return read


def test_slacks_published_schema_takes_it() -> None:
    if not SCHEMA.exists():
        pytest.skip(
            f"Slack's manifest schema is not there ({SCHEMA.name}): the manifest was not validated against it"
        )
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(manifest())


def test_the_schema_would_notice_a_slip() -> None:
    if not SCHEMA.exists():
        pytest.skip(f"Slack's manifest schema is not there ({SCHEMA.name})")
    wrong = manifest()
    wrong["settings"]["socket_mod_enabled"] = True
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(wrong)


def test_only_scopes_and_events_of_the_allow_list_are_asked_for() -> None:
    assert scopes() <= SCOPES
    assert set(manifest()["settings"].get("event_subscriptions", {}).get("bot_events", [])) <= EVENTS


def test_commands_are_exactly_those_that_are_registered() -> None:
    stated = {c["command"]: c for c in manifest()["features"]["slash_commands"]}
    assert set(stated) == set(app.COMMANDS) == set(help.COMMANDS)
    for name, command in stated.items():
        assert command["should_escape"] is True
        assert command["url"] == ENDPOINT
        assert command["usage_hint"] == f"[{' | '.join(help.COMMANDS[name])}]"


def test_deploy_is_looked_at_first() -> None:
    assert next(iter(app.COMMANDS)) == "/deploy"


def test_every_sub_command_that_is_explained_is_dispatched() -> None:
    assert set(deploy.SUBS) == set(help.DEPLOY)
    assert not any(set(subs) & help.NOT_YET[name] for name, subs in help.COMMANDS.items())


def test_events_and_shortcuts_are_exactly_those_that_are_registered() -> None:
    subscribed = manifest()["settings"].get("event_subscriptions", {}).get("bot_events", [])
    assert sorted(subscribed) == sorted(app.EVENTS)
    assert {s["callback_id"] for s in manifest()["features"].get("shortcuts", [])} == set(app.SHORTCUTS)
    source = (ROOT / "handlers" / "slack" / "app.py").read_text()
    assert not re.search(r"app\.(event|message|shortcut|global_shortcut|message_shortcut|function)\(", source)


def test_interactivity_is_on_where_buttons_modals_and_menus_are_registered() -> None:
    interactivity = manifest()["settings"]["interactivity"]
    assert app.PRESSES
    assert app.SUBMISSIONS
    assert app.MENUS
    assert interactivity["is_enabled"] is True
    assert interactivity["request_url"] == interactivity["message_menu_options_url"] == ENDPOINT


def test_scopes_are_exactly_those_that_the_called_methods_take() -> None:
    called = {**web_api.METHODS, **slack_groups.METHODS}
    taken = {scope for scopes in called.values() for scope in scopes}
    assert scopes() == taken | {"commands"}


def test_people_can_be_written_to_and_nothing_of_theirs_is_read() -> None:
    """Slack answers `messages_tab_disabled` to a message for a person where that tab is off, as it is unsaid."""
    home = manifest()["features"]["app_home"]
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is True
    assert home["home_tab_enabled"] is False


CALLED = re.compile(r'(?:call|_say)\(\s*"([a-z]+\.[A-Za-z.]+)"')
PAST_THE_TABLE = re.compile(r"\bclient\.(?:chat|views|users|conversations|reactions|auth|usergroups)_\w+\(")


def test_every_method_that_the_code_calls_is_declared_and_none_besides() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "handlers" / "slack").glob("*.py"))
    assert set(CALLED.findall(source)) == set(web_api.METHODS)
    assert not PAST_THE_TABLE.search(source)


WITHOUT_A_SCOPE = frozenset({"auth_test", "apps_connections_open", "chat_getPermalink"})
"""Calls of `portcullis doctor` that any token of the app may make."""
OF_THE_CLIENT = re.compile(r"client\.((?:[a-z]+_)+[A-Za-z]+)\(")


def test_what_is_called_outside_the_handlers_is_declared_with_its_scopes() -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    sdk = {name for name in OF_THE_CLIENT.findall(source) if hasattr(AsyncWebClient, name)}
    declared = {method.replace(".", "_") for method in slack_groups.METHODS}
    assert sdk == declared | WITHOUT_A_SCOPE


def scopes() -> set[str]:
    return set(manifest()["oauth_config"]["scopes"]["bot"])
