"""Tickets at a pretend GitHub: opened once, found again, and never mistaken for a stranger's."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.github_issues import GitHubIssues, _mark
from bot.ports import Later, Undeliverable
from tests.adapters.conftest import Serve, StoppedClock

TOKEN = SecretStr("ghp_0123456789abcdef")
pytestmark = pytest.mark.requirement("P21")


class Forge:
    """The issues of one repository, newest first, as GitHub's REST API tells them."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = []
        self.answers: list[web.Response] = []
        self.lose_answers = 0
        self.asked: list[str] = []

    def add(self, title: str, body: str | None) -> dict[str, Any]:
        made = {"number": len(self.issues) + 1, "title": title, "body": body, "state": "open"}
        self.issues.insert(0, made)
        return made

    async def listed(self, request: web.Request) -> web.Response:
        self.asked.append("list")
        if self.answers:
            return self.answers.pop(0)
        assert request.headers["Authorization"].endswith(TOKEN.get_secret_value())
        assert request.query["state"] == "all"
        page, per = int(request.query["page"]), int(request.query["per_page"])
        return web.json_response(self.issues[(page - 1) * per : page * per])

    async def opened(self, request: web.Request) -> web.Response:
        self.asked.append("open")
        if self.answers:
            return self.answers.pop(0)
        said = await request.json()
        made = self.add(said["title"], said["body"])
        if self.lose_answers:
            self.lose_answers -= 1
            return web.Response(status=502)
        return web.json_response(made, status=201)


@pytest.fixture
def forge() -> Forge:
    return Forge()


@pytest.fixture
async def tickets(
    serve: Serve, forge: Forge, session: aiohttp.ClientSession, clock: StoppedClock
) -> Callable[..., GitHubIssues]:
    app = web.Application()
    app.router.add_get("/repos/acme/checkout/issues", forge.listed)
    app.router.add_post("/repos/acme/checkout/issues", forge.opened)
    url = f"http://{await serve(app)}/"

    def make(token: SecretStr | None = TOKEN) -> GitHubIssues:
        return GitHubIssues(session, api_url=url, token=token, clock=clock)

    return make


async def opened(
    of: GitHubIssues, of_id: str = "INC-7", repository: str = "acme/checkout"
) -> tuple[str, str]:
    try:
        return "opened", await of.open(
            repository, title="production is RED\nreally", body="Since 10:00", id=of_id
        )
    except Later as later:
        return "later", later.code
    except Undeliverable as never:
        return "never", never.code


async def test_an_issue_is_opened_with_what_is_known(tickets: Any, forge: Forge) -> None:
    assert await opened(tickets()) == ("opened", "acme/checkout#1")
    assert forge.issues[0]["title"] == "production is RED really"
    assert forge.issues[0]["body"].startswith("Since 10:00\n")


async def test_the_same_incident_opens_no_second_issue(tickets: Any, forge: Forge) -> None:
    assert await opened(tickets()) == ("opened", "acme/checkout#1")
    assert await opened(tickets()) == ("opened", "acme/checkout#1")
    assert await opened(tickets(), "INC-8") == ("opened", "acme/checkout#2")


async def test_an_answer_that_was_lost_opens_no_second_issue(tickets: Any, forge: Forge) -> None:
    forge.lose_answers = 1
    assert await opened(tickets()) == ("later", "unavailable")
    for number in range(150):
        forge.add(f"another {number}", None)
    assert await opened(tickets()) == ("opened", "acme/checkout#1")
    assert len(forge.issues) == 151


async def test_a_stranger_cannot_write_our_mark(tickets: Any, forge: Forge) -> None:
    forge.add("mine!", _mark(SecretStr("ghp_another-token"), "INC-7") + " portcullis INC-7")
    assert await opened(tickets()) == ("opened", "acme/checkout#2")
    assert TOKEN.get_secret_value() not in forge.issues[0]["body"]


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (401, {}, ("never", "token-refused")),
        (403, {}, ("never", "forbidden")),
        (404, {}, ("never", "http-404")),
        (410, {}, ("never", "http-410")),
        (500, {}, ("later", "unavailable")),
        (429, {"Retry-After": "5"}, ("later", "rate-limited")),
    ],
)
async def test_what_an_answer_means(
    tickets: Any, forge: Forge, status: int, headers: dict[str, str], expected: tuple[str, str]
) -> None:
    forge.answers = [web.Response(status=status, headers=headers)]
    assert await opened(tickets()) == expected


async def test_a_limit_is_waited_for(tickets: Any, forge: Forge) -> None:
    forge.answers = [web.Response(status=429, headers={"Retry-After": "5"})]
    with pytest.raises(Later) as raised:
        await tickets().open("acme/checkout", title="t", body="b", id="INC-7")
    assert raised.value.after_seconds == 5.0


async def test_without_a_token_or_a_name_nobody_is_asked(tickets: Any, forge: Forge) -> None:
    assert await opened(tickets(None)) == ("never", "not-configured")
    assert await opened(tickets(), repository="acme/../x") == ("never", "repository-unknown")
    assert await opened(tickets(), repository="../checkout") == ("never", "repository-unknown")
    assert forge.asked == []
