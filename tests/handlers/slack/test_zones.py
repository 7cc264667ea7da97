"""The reader's zone: asked once a day, bounded, and missing without harm."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from aiohttp import web

from handlers.slack import zones
from handlers.slack.web_api import SlackApi, SlackFailed
from handlers.slack.zones import Zones
from tests.handlers.slack.conftest import serve

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)


@dataclass
class Directory:
    """Answers `users.info` from a table; None stands for a Slack that fails."""

    people: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    slow: bool = False

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        assert method == "users.info"
        self.asked.append(arguments["user"])
        if self.slow:
            await asyncio.Event().wait()
        found = self.people.get(arguments["user"])
        if found is None:
            raise SlackFailed("user_not_found")
        return {"ok": True, "user": found}

    @property
    def api(self) -> SlackApi:
        return cast("SlackApi", self)


async def test_slack_is_asked_once_a_day() -> None:
    slack, kept = Directory({"U1": {"tz": "Asia/Kolkata"}}), Zones()
    for after in (timedelta(0), timedelta(hours=23, minutes=59)):
        zone = await kept.of(slack.api, "U1", NOW + after)
        assert zone is not None
        assert zone.key == "Asia/Kolkata"
    assert slack.asked == ["U1"]
    slack.people["U1"] = {"tz": "Europe/Berlin"}  # she moved
    zone = await kept.of(slack.api, "U1", NOW + timedelta(days=1))
    assert zone is not None
    assert zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    "user",
    [
        None,
        {},
        {"tz": None},
        {"tz": 5},
        {"tz": "Mars/Olympus"},
        {"tz": "America"},
        {"tz": "../../etc"},
        {"tz": ""},
        "x",
    ],
)
async def test_whatever_slack_says_a_zone_or_none_comes_of_it(user: Any) -> None:
    slack, kept = Directory({"U1": user}), Zones()
    assert await kept.of(slack.api, "U1", NOW) is None


async def test_a_slack_that_fails_is_left_alone_for_minutes_and_not_for_a_day() -> None:
    slack, kept = Directory(), Zones()
    assert await kept.of(slack.api, "U1", NOW) is None
    assert await kept.of(slack.api, "U1", NOW + timedelta(minutes=4)) is None
    assert slack.asked == ["U1"]
    slack.people["U1"] = {"tz": "Asia/Kolkata"}
    assert await kept.of(slack.api, "U1", NOW + timedelta(minutes=6)) is not None


async def test_a_slack_that_does_not_answer_costs_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "PATIENCE", 0.01)
    assert await Zones().of(Directory(slow=True).api, "U1", NOW) is None


async def test_only_the_last_readers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "MOST_KEPT", 3)
    slack, kept = Directory({f"U{n}": {"tz": "UTC"} for n in range(9)}), Zones()
    for n in (0, 1, 2, 0, 3):  # 0 is asked for again, so 1 is the oldest
        await kept.of(slack.api, f"U{n}", NOW)
    assert slack.asked == ["U0", "U1", "U2", "U3"]
    await kept.of(slack.api, "U0", NOW)
    await kept.of(slack.api, "U1", NOW)
    assert slack.asked == ["U0", "U1", "U2", "U3", "U1"]


async def test_the_user_is_named_where_slack_looks_for_it() -> None:
    """In a JSON body it would not: Slack then answers user_not_found."""
    seen: list[tuple[str, str, str]] = []

    async def info(request: web.Request) -> web.Response:
        seen.append((request.method, request.query_string, await request.text()))
        return web.json_response({"ok": True, "user": {"tz": "Asia/Kolkata"}})

    runner, url = await serve(web.get("/api/users.info", info))
    api = SlackApi("xoxb-test", f"{url}/api/")
    zone = await Zones().of(api, "U01LIN", NOW)
    await api.close()
    await runner.cleanup()
    assert zone is not None
    assert seen == [("GET", "user=U01LIN", "")]
