"""Every route declares what it takes, and each one that takes a token refuses every token that is for something else."""

import ast
import io
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.domain.api_token import EVERYTHING, ApiToken, Grant, Scope
from bot.ports import Factors
from handlers.http.app import build_http
from handlers.http.context import HttpContext
from handlers.http.doors import DOORS, NO_TOKEN, Door, behind
from handlers.http.pagerduty import add_pagerduty
from tests.handlers.http.conftest import Served
from tests.handlers.http.told_policy import told_policy

HANDLERS = Path(__file__).resolve().parents[3] / "handlers"
HELD = {
    "evidence": Grant(frozenset({Scope.EVIDENCE})),
    "heartbeats": Grant(frozenset({Scope.HEARTBEATS})),
    "backup": Grant(heartbeats=frozenset({"backup"})),
    "nightly": Grant(heartbeats=frozenset({"production/nightly"})),
    "alerts": Grant(frozenset({Scope.ALERTS})),
    "read": Grant(frozenset({Scope.READ})),
    "all": EVERYTHING,
}
VALUES = {"id": "DEP-1", "monitor": "nightly", "environment": "production"}
TAKES = {
    "/api/v1/evidence": {"evidence"},
    "/api/v1/decision": {"read"},
    "/api/v1/requests": {"read"},
    "/api/v1/requests/{id}": {"read"},
    "/heartbeat/{monitor}": {"heartbeats"},
    "/heartbeat/{environment}/{monitor}": {"heartbeats", "nightly"},
    "/alertmanager": {"alerts"},
    "/calendar.ics": {"read"},
    "/status": {"read"},
    "/status.json": {"read"},
}
"""Who is let in besides a token of everything, at each route that looks at tokens."""
OPEN = re.compile(r"/(slack/events|pagerduty/webhooks|healthz?|readyz|metrics|mfa/.*|status/static/.*)")
"""Signed by who sends it, opened by a link and a second factor, or the same for everybody."""


def secret(name: str) -> str:
    return f"{name}-token-0123456789"


@pytest.fixture
def context_changes() -> dict[str, Any]:
    return {"tokens": tuple(ApiToken(name=n, secret=SecretStr(secret(n)), grant=g) for n, g in HELD.items())}


@pytest.fixture
def told(served: Any) -> Any:
    served.in_force.policy = told_policy()
    return served


def whole() -> web.Application:
    """The application with everything that it may have, as `Portcullis` builds it; nobody asks it anything."""

    async def events(_request: web.Request) -> web.StreamResponse:
        raise NotImplementedError

    context = HttpContext.__new__(HttpContext)
    object.__setattr__(context, "factors", Factors(codes=None, pages="https://portcullis.example.com"))
    app = build_http(context, events)
    add_pagerduty(app, None)  # type: ignore[arg-type]  # nobody calls it
    return app


def routes(app: web.Application) -> Iterator[tuple[str, str, Door]]:
    for route in app.router.routes():
        assert route.resource is not None
        yield route.method, route.resource.canonical, app[DOORS][route]


TOKEN_ROUTES = sorted((method, path) for method, path, door in routes(whole()) if door.scope is not None)


async def ask(served: Served, method: str, path: str, said: str | None) -> tuple[int, Any, Any]:
    """Status, headers, and what is answered."""
    headers = {} if said is None else {"Authorization": said}
    async with served.session.request(method, served.url + path, headers=headers) as answer:
        body = await answer.read()
        is_json = answer.content_type == "application/json" and method != "HEAD"
        return answer.status, answer.headers, json.loads(body) if is_json else body


def test_whoever_adds_a_route_says_here_who_may_use_it() -> None:
    found = list(routes(whole()))
    assert {path for _, path, door in found if door.scope is not None} == set(TAKES)
    strangers = {path for _, path, door in found if door.strangers and door.scope is not None}
    assert strangers == {"/status", "/status.json", "/calendar.ics"}
    untouched = {path for _, path, door in found if door.scope is None}
    assert untouched
    assert [path for path in untouched if not OPEN.fullmatch(path)] == []
    assert [path for path in TAKES if OPEN.fullmatch(path)] == []
    assert {(m, p) for m, p, d in found if d.scope is Scope.READ and m not in ("GET", "HEAD")} == set()


@pytest.mark.parametrize(("method", "path"), TOKEN_ROUTES)
async def test_every_route_that_takes_a_token_refuses_each_that_is_for_something_else(
    told: Any, method: str, path: str
) -> None:
    address = path.format_map(VALUES)
    before = await told.entries()
    for name, grant in HELD.items():
        status, headers, said = await ask(told, method, address, f"Bearer {secret(name)}")
        if name in TAKES[path] or grant.everything:
            assert status not in (401, 403), (name, said)
            continue
        assert status == 403, (name, said)
        assert headers["Cache-Control"] == "no-store"
        if method != "HEAD":
            assert said["error"] == "not-for-this-token"
            assert said["takes"] in tuple(Scope)
            assert said["message"].startswith(f"The token {name} is for {' '.join(grant.words)} alone; ")
            assert said["message"].count(". ") == 0
            assert said["message"].endswith("says in PORTCULLIS_API_TOKENS what each token is for.")
            assert secret(name) not in json.dumps(said)
    refused = {name for name, grant in HELD.items() if name not in TAKES[path] and not grant.everything}
    assert len(refused) >= len(HELD) - 3
    if said_nothing(method, path):
        assert await told.entries() == before


def said_nothing(method: str, path: str) -> bool:
    """Whether even whoever is let in writes nothing: reading does not, and an empty body is no statement."""
    return method != "POST" or not path.startswith("/heartbeat")


@pytest.mark.parametrize(("method", "path"), TOKEN_ROUTES)
async def test_an_unknown_token_is_401_everywhere_and_none_at_all_but_where_strangers_see_something(
    told: Any, method: str, path: str
) -> None:
    address = path.format_map(VALUES)
    for said in ("Bearer wrong-0123456789abcdef", f"bearer {secret('all')}x", "Bearer", "Bearer ", "Token x"):
        status, headers, _ = await ask(told, method, address, said)
        assert (status, "WWW-Authenticate" in headers) == (401, True), said
    status, _, _ = await ask(told, method, address, None)
    assert status == (200 if path == "/calendar.ics" else 401)


@pytest.mark.parametrize("path", ["/status", "/status.json", "/calendar.ics"])
@pytest.mark.parametrize("policy", ["public", "token"])
async def test_the_password_of_a_browser_is_a_token_like_any_other(told: Any, path: str, policy: str) -> None:
    page = told.in_force.policy.status_page.model_copy(update={"readers": policy})
    told.in_force.policy = replace(told.in_force.policy, status_page=page)
    for name, grant in HELD.items():
        password = b64encode(f"{name}:{secret(name)}".encode()).decode()
        status, _, _ = await ask(told, "GET", path, f"Basic {password}")
        assert status == (200 if grant.allows(Scope.READ) else 403), name


@pytest.mark.parametrize("path", sorted(set(TAKES) - {"/status", "/status.json", "/calendar.ics"}))
async def test_programs_send_no_password(told: Any, path: str) -> None:
    password = b64encode(f"ci:{secret('all')}".encode()).decode()
    method = next(m for m, p in TOKEN_ROUTES if p == path and m != "HEAD")
    assert (await ask(told, method, path.format_map(VALUES), f"Basic {password}"))[0] == 401


async def test_a_token_that_may_only_read_writes_nothing_anywhere(told: Any, good: Any) -> None:
    before = await told.entries()
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in TAKES:
            status, _, _ = await ask(told, method, path.format_map(VALUES), f"Bearer {secret('read')}")
            assert status in (403, 405)
    for body, path in ((good(), "/api/v1/evidence"), (b"", "/heartbeat/backup"), ({}, "/alertmanager")):
        assert (await told.post(body, path=path, token=secret("read")))[0] == 403
    question = "service=checkout&artifact=7a3f9c2&environment=production"
    assert (await told.get(f"/api/v1/decision?{question}", token=secret("read")))[0] != 403
    assert await told.entries() == before


async def test_a_refusal_is_logged_as_every_answer_is_with_whose_token_it_was(
    told: Any, good: Any, logged: io.StringIO
) -> None:
    await told.post(good(), token=secret("backup"))
    await told.get("/api/v1/requests", token=secret("read"))
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [(each["path"], each["status"], each.get("source")) for each in lines] == [
        ("/api/v1/evidence", 403, "backup"),
        ("/api/v1/requests", 200, None),
    ]
    assert "token-0123456789" not in logged.getvalue()


async def test_a_token_that_plays_no_alertmanager_sends_no_more_than_a_stranger(told: Any) -> None:
    sent = b" " * (2 * 1024 * 1024)
    for name in ("evidence", "read", "backup"):
        status, said = await told.post(sent, path="/alertmanager", token=secret(name))
        assert (status, said["error"]) == (413, "too-large")
        assert "1 MiB" in said["message"]
    assert (await told.post(sent, path="/alertmanager", token=secret("alerts")))[0] == 400


async def test_a_route_that_declares_nothing_keeps_the_application_from_starting() -> None:
    async def forgotten(_request: web.Request) -> web.Response:
        raise NotImplementedError

    app = whole()
    app.router.add_get("/api/v1/forgotten", forgotten)
    with pytest.raises(LookupError, match=r"forgotten.* does not declare what it takes"):
        await web.AppRunner(app).setup()
    declared = whole()
    behind(declared, NO_TOKEN).get("/api/v1/forgotten", forgotten)
    runner = web.AppRunner(declared)
    await runner.setup()
    await runner.cleanup()


def test_tokens_are_looked_at_in_one_place_alone() -> None:
    """Nobody else in handlers adds a route past the doors, compares a secret with a token's, or reads the header."""
    adding, reading, authorization = set(), set(), set()
    for path in sorted(HANDLERS.rglob("*.py")):
        name = str(path.relative_to(HANDLERS))
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and node.attr == "router":
                adding |= {name}
            if isinstance(node, ast.Attribute) and node.attr == "tokens":
                reading |= {name}
        if "AUTHORIZATION" in text or "BasicAuth" in text:
            authorization |= {name}
    assert adding == {"http/doors.py"}
    assert reading == {"http/doors.py", "http/status/access.py"}  # the latter asks whether there are any
    assert authorization == {"http/doors.py"}
