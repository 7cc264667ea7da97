"""User groups of Slack, asked over a real socket: who is in, and honestly why Slack does not tell."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.slack_groups import SlackGroups
from bot.ports import GroupError
from sandbox.server import Sandbox
from sandbox.workspace import Workspace
from tests.flows.fakes import FakeClock

GROUP = "S0SECURITY"


@dataclass
class Slack:
    """Answers in turn; the last answer stays."""

    answers: list[web.Response | dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    disabled: set[str] = field(default_factory=set)
    url: str = ""

    async def list(self, received: web.Request) -> web.StreamResponse:
        asked = dict(received.query)
        self.asked.append(asked)
        assert received.headers["Authorization"] == "Bearer xoxb-test"
        if asked["usergroup"] in self.disabled:
            seen = "include_disabled" in asked
            return web.json_response(
                {"ok": True, "users": []} if seen else {"ok": False, "error": "no_such_subteam"}
            )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.json_response(answer) if isinstance(answer, dict) else answer


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    made = Slack()
    app = web.Application()
    app.router.add_get("/api/usergroups.users.list", made.list)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    yield made
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def groups(session: aiohttp.ClientSession, url: str, clock: FakeClock | None = None) -> SlackGroups:
    return SlackGroups(session, token=SecretStr("xoxb-test"), api_url=url, clock=clock or FakeClock())


@pytest.mark.requirement("P7")
async def test_the_members_of_a_group_are_told(slack: Slack, session: aiohttp.ClientSession) -> None:
    slack.answers = [{"ok": True, "users": ["U01ADA", "W02BO"]}]
    assert await groups(session, slack.url).members(GROUP, fresh=True) == {"U01ADA", "W02BO"}


async def test_every_page_is_read(slack: Slack, session: aiohttp.ClientSession) -> None:
    more = {"response_metadata": {"next_cursor": "abc="}}
    slack.answers = [{"ok": True, "users": ["U01ADA"], **more}, {"ok": True, "users": ["U02BO"]}]
    assert await groups(session, slack.url).members(GROUP, fresh=True) == {"U01ADA", "U02BO"}
    assert slack.asked[1]["cursor"] == "abc="


async def test_pages_without_end_are_no_answer(slack: Slack, session: aiohttp.ClientSession) -> None:
    slack.answers = [{"ok": True, "users": ["U01ADA"], "response_metadata": {"next_cursor": "again"}}]
    assert await code(groups(session, slack.url)) == "too-many-members"


async def code(asked: SlackGroups) -> str:
    with pytest.raises(GroupError) as refused:
        await asked.members(GROUP, fresh=True)
    return refused.value.code


REFUSALS = {
    "plan_upgrade_required": "no-groups-on-this-plan",
    "paid_teams_only": "no-groups-on-this-plan",
    "missing_scope": "scope-missing",
    "no_such_subteam": "group-unknown",
    "token_revoked": "token-refused",
    "fatal_error": "unavailable",
    "whatever_slack_thinks_of_next": "refused-by-slack",
}


@pytest.mark.parametrize(("said", "means"), REFUSALS.items())
async def test_what_slack_refuses_is_named(
    slack: Slack, session: aiohttp.ClientSession, said: str, means: str
) -> None:
    slack.answers = [{"ok": False, "error": said}]
    assert await code(groups(session, slack.url)) == means


async def test_a_disabled_group_has_no_members_and_is_told_from_an_unknown_one(
    slack: Slack, session: aiohttp.ClientSession
) -> None:
    slack.disabled = {GROUP}
    assert await code(groups(session, slack.url)) == "group-disabled"


MALFORMED: dict[str, Any] = {
    "no users": {"ok": True},
    "users that are no list": {"ok": True, "users": "U01ADA"},
    "a user that is no id": {"ok": True, "users": ["U01ADA", None]},
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_malformed_names_nobody(
    slack: Slack, session: aiohttp.ClientSession, answer: dict[str, Any]
) -> None:
    slack.answers = [answer]
    assert await code(groups(session, slack.url)) == "malformed-response"


async def test_a_page_of_html_is_no_answer(slack: Slack, session: aiohttp.ClientSession) -> None:
    slack.answers = [web.Response(text="<html>Bad gateway</html>", status=502, content_type="text/html")]
    assert await code(groups(session, slack.url)) in ("unavailable", "malformed-response")


async def test_nobody_listening_is_no_answer(session: aiohttp.ClientSession) -> None:
    assert await code(groups(session, "http://127.0.0.1:9/api/")) == "refused"


async def test_to_show_an_answer_of_the_last_minute_will_do_and_to_decide_none(
    slack: Slack, session: aiohttp.ClientSession
) -> None:
    slack.answers = [
        {"ok": True, "users": ["U01ADA"]},
        {"ok": True, "users": ["U02BO"]},
        {"ok": True, "users": []},
    ]
    clock = FakeClock()
    asked = groups(session, slack.url, clock)
    assert await asked.members(GROUP, fresh=False) == {"U01ADA"}
    clock.advance(timedelta(seconds=59))
    assert await asked.members(GROUP, fresh=False) == {"U01ADA"}
    assert await asked.members(GROUP, fresh=True) == {"U02BO"}
    clock.advance(timedelta(seconds=61))
    assert await asked.members(GROUP, fresh=False) == frozenset()
    assert len(slack.asked) == 3


async def test_while_slack_wants_to_be_left_alone_it_is(slack: Slack, session: aiohttp.ClientSession) -> None:
    limited = web.json_response(
        {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "20"}
    )
    slack.answers = [limited, {"ok": True, "users": ["U01ADA"]}]
    clock = FakeClock()
    asked = groups(session, slack.url, clock)
    assert await code(asked) == "rate-limited"
    assert await code(asked) == "rate-limited"
    assert len(slack.asked) == 1
    clock.advance(timedelta(seconds=20))
    assert await asked.members(GROUP, fresh=True) == {"U01ADA"}


async def test_the_pretend_workspace_answers_as_slack_does(session: aiohttp.ClientSession) -> None:
    workspace = Workspace.from_mapping(
        {
            "team": {"id": "T0ACME", "name": "Acme", "domain": "acme"},
            "bot": {"user_id": "U0BOT", "bot_id": "B0BOT", "app_id": "A0BOT", "name": "portcullis"},
            "people": [{"id": "U01ADA", "name": "ada", "real_name": "Ada", "tz": "UTC"}],
            "channels": [{"id": "C0ONE", "name": "one"}],
            "usergroups": [{"id": GROUP, "handle": "security", "name": "Security", "users": ["ada"]}],
        }
    )
    manifest: dict[str, Any] = {
        "display_information": {"name": "Portcullis"},
        "oauth_config": {"scopes": {"bot": ["usergroups:read"]}},
        "settings": {},
    }
    sandbox = Sandbox(
        workspace,
        signing_secret="s",
        bot_token="xoxb-test",
        app_token="x",
        manifest=manifest,
        events_url=None,
    )
    await sandbox.start()
    try:
        asked = groups(session, sandbox.api_url)
        assert await asked.members(GROUP, fresh=True) == {"U01ADA"}
        with pytest.raises(GroupError, match="group-unknown"):
            await asked.members("S0NOBODY", fresh=True)
    finally:
        await sandbox.stop()
