"""The status page: who sees it, what it never says, what it costs the ledger, and that it holds for hundreds."""

import asyncio
import gzip
import json
import re
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.domain.api_token import ApiToken
from bot.domain.audit import Fact
from bot.domain.environment import Colour, EnvironmentState, MonitorState
from bot.domain.incident import Cause, Incident, IncidentState
from bot.flows.board import board
from bot.gates import GATES
from bot.policy import Policy, parse
from bot.policy.status_page import StatusPage, Targets
from bot.ports import Transaction
from bot.settings import Settings
from bot.wiring.portcullis import is_private
from handlers.http.status.kept import Boards, Rendered, View
from handlers.http.status.pages import rendered
from tests.handlers.http.conftest import TOKEN, Served

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICY = """\
version: 1
organization: "acme <b>"
timezone: America/New_York
people:
  ada: {slack: U02ADA, name: "Ada <script>Lopez"}
  bo: {slack: U03BO}
roles: {platform: {people: [ada]}}
environments:
  production:
    owner: ada
    monitors:
      - {name: api, component: api, http: {url: "https://a.example/health"}, stale_after: 365d}
      - {name: pg, component: store, tcp: {host: a.example, port: 5432}, stale_after: 365d}
  staging:
    owner: platform
    monitors:
      - {name: smoke, component: web, http: {url: "https://b.example/health"}, stale_after: 365d}
components: {store: {group: database, owner: bo}, web: {group: frontend}}
"""


def policy_of(text: str = POLICY, **changes: Any) -> Policy:
    read = parse(text, "policy.yaml", {n: g.parameters for n, g in GATES.items()}, Path("/n"))
    return replace(read, **changes)


def readers(word: str | None) -> StatusPage:
    return StatusPage.model_validate({"readers": word} if word else {})


@pytest.fixture
async def page(served: Served) -> Served:
    """The application with a policy of two environments, in which production's database is RED."""
    served.in_force.policy = policy_of(status_page=readers("public"))
    await keep(served, "production", api=Colour.GREEN, pg=Colour.RED)
    await keep(served, "staging", smoke=Colour.GREEN)
    return served


async def keep(served: Served, environment: str, **colours: Colour) -> None:
    now = served.clock.now()

    def step(tx: Transaction) -> None:
        for name, colour in colours.items():
            state = MonitorState(
                environment=environment,
                name=name,
                component=None,
                colour=colour,
                since=now - 3 * HOUR,
                read_at=now - timedelta(minutes=1),
                code="ok" if colour is Colour.GREEN else "check-failed",
                facts={} if colour is Colour.GREEN else {"failed": ["db-7.internal <img src=x>"]},
            )
            tx.environments.keep(state)
        turned = EnvironmentState(name=environment, colour=Colour.GREEN, since=now - 10 * DAY)
        tx.environments.put(turned, Fact(type="environment.turned"))

    await served.ledger.write(step)


async def declared(served: Served, title: str = "Ada says <payments> fail") -> None:
    now = served.clock.now()
    incident = Incident(
        id="INC-7",
        environment="production",
        severity="P1",
        state=IncidentState.OPEN,
        opened_at=now - HOUR,
        respond_by=now,
        causes=(),
        on_call="bo",
        cause=Cause.DECLARED,
        title=title,
        declared_by="ada",
    )
    await served.ledger.write(lambda tx: tx.incidents.put(incident, Fact(type="incident.opened")))


async def get(served: Served, path: str = "/status", **headers: str) -> tuple[int, str, Any]:
    async with served.session.get(served.url + path, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


def text_of(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


class Closed(HTMLParser):
    """Notices elements that are not closed in their order, and everything that loads or runs something."""

    VOID = frozenset({"meta", "link", "br", "path", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        found = dict(attrs)
        self.loads += [str(found[k]) for k in ("src", "href") if k in found]
        self.ids += [str(found["id"])] if "id" in found else []
        assert tag not in ("script", "iframe", "object", "embed", "form", "base"), tag
        assert not [k for k in found if k.startswith("on") or k == "style"], found

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag


def checked(html: str) -> Closed:
    parsed = Closed()
    parsed.feed(html)
    parsed.close()
    assert parsed.open == []
    assert len(set(parsed.ids)) == len(parsed.ids)
    return parsed


@pytest.mark.requirement("F14")
@pytest.mark.requirement("K7")
async def test_the_page_says_what_to_fix_first_and_every_component_with_word_age_and_monitor(
    page: Served,
) -> None:
    status, html, _ = await get(page)
    assert status == 200
    said = text_of(html)
    assert "Fix first: production" in said
    assert "1 RED, 1 GREEN · as of Wed 4 Mar 11:00 EST" in said
    assert "✗ RED store pg reports failing checks" in said
    assert "since Wed 4 Mar 08:00 EST · verified Wed 4 Mar 10:59 EST by pg (TCP)" in said
    assert "Frontend" in said
    assert "Databases" in said
    assert "90 days: 11 GREEN, 79 without a record" in said


async def test_it_has_no_script_nothing_of_third_parties_and_renews_itself(page: Served) -> None:
    _, html, headers = await get(page)
    parsed = checked(html)
    assert all(each.startswith("/status") for each in parsed.loads)
    assert '<meta http-equiv="refresh" content="30">' in html
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "script-src" not in policy
    for path in parsed.loads:
        status, _, asset = await get(page, path)
        assert status == 200, path
        if "/static/" in path:
            assert asset["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (await get(page, "/status/static/000000000000/passkey.js"))[0] == 404


async def test_the_public_reads_no_name_of_a_person_and_nothing_that_a_program_or_a_person_wrote(
    page: Served,
) -> None:
    await declared(page)
    for path in ("/status", "/status.json"):
        _, body, _ = await get(page, path)
        for secret in ("Lopez", "ada", "Ada", 'bo"', "db-7", "payments"):
            assert secret not in body.replace("board", ""), (path, secret)
        assert "platform" in body  # a role is nobody in particular
        assert "INC-7" in body


async def test_holders_of_a_token_read_owners_and_causes_and_everything_is_escaped(page: Served) -> None:
    await declared(page)
    _, html, headers = await get(page, Authorization=f"Bearer {TOKEN}")
    checked(html)
    said = text_of(html)
    assert "Ada <script>Lopez" in said
    assert "pg reports failing checks (db-7.internal <img src=x>)" in said
    assert "“Ada says <payments> fail”" in said
    assert "acme <b> · status" in said
    assert headers["Cache-Control"] == "private, max-age=10"


@pytest.mark.parametrize(
    ("word", "sent", "expected"),
    [
        ("public", {}, 200),
        ("public", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("public", {"Authorization": "Bearer wrong"}, 401),
        ("token", {}, 401),
        ("token", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("token", {"Authorization": "Basic " + b64encode(f"x:{TOKEN}".encode()).decode()}, 200),
        ("token", {"Authorization": "Basic " + b64encode(b"x:nope").decode()}, 401),
        ("token", {"Authorization": "Basic ,,,"}, 401),
        ("off", {}, 404),
        ("off", {"Authorization": f"Bearer {TOKEN}"}, 404),
        (None, {}, 401),  # also from this machine itself: there are tokens, and a proxy may stand in front
        (None, {"X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
async def test_who_may_see_it_is_the_policy_s_and_unsaid_only_a_token_s(
    page: Served, word: str | None, sent: dict[str, str], expected: int
) -> None:
    page.in_force.policy = policy_of(status_page=readers(word))
    for path in ("/status", "/status.json"):
        status, body, headers = await get(page, path, **sent)
        assert status == expected, path
        if status == 401:
            assert headers["WWW-Authenticate"].startswith("Basic ")
            assert headers["Cache-Control"] == "no-store"
            assert "production" not in body


ALONE: dict[str, Any] = {"private": True, "tokens": ()}
"""A bot that nothing outside is meant to reach."""


@pytest.mark.parametrize("context_changes", [ALONE])
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"X-Forwarded-For": "203.0.113.9"}, 401),
        ({"Forwarded": "for=127.0.0.1"}, 401),
        ({"Host": "status.attacker.example"}, 401),
        ({"Host": "["}, 401),
    ],
)
async def test_before_anything_outside_reaches_it_the_page_is_seen_from_its_own_machine(
    served: Served, sent: dict[str, str], expected: int
) -> None:
    served.in_force.policy = policy_of()
    assert (await get(served, **sent))[0] == expected


@pytest.mark.parametrize(
    "context_changes",
    [
        {**ALONE, "private": False},
        {**ALONE, "tokens": (ApiToken(name="ci", secret=SecretStr(TOKEN)),)},
        {**ALONE, "trusted_proxies": (ip_network("10.0.0.0/8"),)},
    ],
)
async def test_where_a_proxy_may_stand_in_front_nobody_counts_as_this_machine(served: Served) -> None:
    """One that was not told otherwise asks for 127.0.0.1, and says of nobody that it asks for them."""
    served.in_force.policy = policy_of()
    assert (await get(served))[0] == 401


@pytest.mark.parametrize(
    ("set_to", "private"),
    [
        ({}, True),
        ({"PORTCULLIS_PUBLIC_URL": "http://localhost:8080"}, False),
        ({"PORTCULLIS_API_TOKENS": "ci=made-up-0123456789"}, False),
        ({"slack_signing_secret": "made-up"}, False),
        ({"PORTCULLIS_PAGERDUTY_WEBHOOK_SECRETS": "main=made-up-0123456789"}, False),
        ({"PORTCULLIS_TRUSTED_PROXIES": "10.0.0.0/8"}, False),
    ],
)
def test_whatever_makes_somebody_outside_reach_the_port_is_a_reason_for_a_proxy(
    set_to: dict[str, str], private: bool
) -> None:
    usual = {"slack_bot_token": "xoxb-made-up", "slack_app_token": "xapp-made-up"}
    settings = Settings(_env_file=None, PORTCULLIS_SECRET_KEY="0" * 64, **usual, **set_to)  # type: ignore[arg-type]
    assert is_private(settings) is private


@pytest.mark.parametrize("context_changes", [ALONE])
async def test_a_proxy_that_speaks_http_1_0_gives_itself_away(served: Served) -> None:
    served.in_force.policy = policy_of()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /status HTTP/1.0\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n")
    assert b" 401 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_page_that_did_not_change_costs_a_line_and_a_change_shows_at_once(page: Served) -> None:
    _, first, headers = await get(page)
    tag = headers["ETag"]
    assert headers["Cache-Control"] == "public, max-age=10"
    assert headers["Vary"] == "Authorization, Accept-Encoding"
    page.clock.at += timedelta(seconds=20)
    status, body, again = await get(page, **{"If-None-Match": tag})
    assert (status, body, again["ETag"]) == (304, "", tag)
    assert again["Cache-Control"] == "public, max-age=10"
    page.clock.at += timedelta(seconds=2)
    await keep(page, "production", pg=Colour.GREEN)
    status, body, later = await get(page, **{"If-None-Match": tag})
    assert status == 200
    assert later["ETag"] != tag
    assert body != first


async def test_packed_and_unpacked_are_the_same_page(page: Served) -> None:
    async with page.session.get(page.url + "/status", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        body = await answer.text()
    _, plain, headers = await get(page, **{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in headers
    assert body == plain


class Counting:
    """A ledger that counts its readings, and lets them wait."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.readings = 0
        self.gate: asyncio.Event | None = None

    async def read(self, query: Any) -> Any:
        self.readings += 1
        if self.gate is not None:
            await self.gate.wait()
        return await self.inner.read(query)


async def test_a_thousand_visitors_cost_the_ledger_one_reading_a_second(page: Served) -> None:
    counting, boards = Counting(page.ledger), Boards(board, rendered)
    counting.gate = asyncio.Event()

    async def boards_of(view: View) -> Rendered:
        return await boards.of(view, counting, page.in_force.policy, page.clock)

    views = [View("html", True), View("html", False), View("json", True)]
    waiting = [asyncio.create_task(boards_of(views[n % 3])) for n in range(1000)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # a visitor who leaves takes it away from nobody
    counting.gate.set()
    found = await asyncio.gather(*waiting[1:])
    assert counting.readings == 1
    assert len({each.tag for each in found}) == 3
    page.clock.at += timedelta(seconds=0.9)
    await boards_of(views[0])
    assert counting.readings == 1
    page.clock.at += timedelta(seconds=12)
    await boards_of(views[0])
    assert counting.readings == 2
    page.clock.at -= timedelta(hours=1)  # a clock that was put back keeps nothing fresh for ever
    await boards_of(views[0])
    assert counting.readings == 3


async def test_a_new_policy_is_shown_at_once(page: Served) -> None:
    assert (await get(page))[0] == 200
    page.in_force.policy = policy_of(POLICY.replace("staging:", "rehearsal:"), status_page=readers("public"))
    assert "rehearsal" in (await get(page))[1]


@pytest.mark.requirement("D1")
async def test_where_the_record_does_not_answer_the_page_says_so_and_shows_nothing_old(
    page: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await get(page)
    page.clock.at += timedelta(minutes=1)

    async def broken(query: Any) -> Any:
        raise OSError("secret path /var/lib/x")

    monkeypatch.setattr(page.ledger, "read", broken)
    status, html, headers = await get(page)
    assert (status, headers["Cache-Control"], headers["Retry-After"]) == (503, "no-store", "10")
    assert "The status cannot be read right now" in html
    assert "production" not in html
    assert "secret" not in html
    checked(html)
    status, body, _ = await get(page, "/status.json")
    assert (status, json.loads(body)["error"]) == (503, "status-unknown")


async def test_json_tells_shares_instants_and_what_is_next(page: Served) -> None:
    page.in_force.policy = replace(page.in_force.policy, targets=Targets.model_validate({"uptime": 99.9}))
    _, body, headers = await get(page, "/status.json")
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    found = json.loads(body)
    assert (found["status"], found["headline"]) == ("RED", "Fix first: production")
    production = found["environments"][0]
    assert production["since"] == "2026-03-04T13:00:00Z"
    assert [c["name"] for c in production["components"]] == ["api", "store"]
    assert production["components"][1]["verified_by"] == [{"name": "pg", "kind": "tcp"}]
    assert production["uptime"]["7"] == {
        "share": 1.0,
        "unknown": 0.0,
        "known_since": None,
        "below_target": False,
    }
    assert found["next"][0]["do"] == "fix"
    assert found["incidents"]["mtta_seconds"] is None


def crowded() -> Policy:
    """200 environments of 50 monitors each: more than one file may hold, so one of them is multiplied."""
    lines = ["version: 1", "timezone: UTC", "environments:", "  one:", "    monitors:"]
    lines += [
        f"      - {{name: m{m}, component: c{m}, http: {{url: 'https://h/{m}'}}, stale_after: 365d}}"
        for m in range(50)
    ]
    one = policy_of("\n".join(lines) + "\n", status_page=readers("public"))
    return replace(one, environments={f"environment-{e}": one.environments["one"] for e in range(200)})


async def test_two_hundred_environments_of_fifty_monitors_stay_a_page_that_can_be_sent(
    served: Served,
) -> None:
    served.in_force.policy = crowded()
    now = served.clock.now()

    def step(tx: Transaction) -> None:
        for e in range(200):
            for m in range(50):
                colour = Colour.RED if e == 150 and m > 20 else Colour.GREEN
                tx.environments.keep(
                    MonitorState(
                        environment=f"environment-{e}",
                        name=f"m{m}",
                        component=None,
                        colour=colour,
                        since=now,
                        read_at=now,
                        code="ok" if colour is Colour.GREEN else "timeout",
                    )
                )

    await served.ledger.write(step)
    status, html, _ = await get(served)
    assert status == 200
    checked(html)
    assert len(html) < 400_000
    assert len(gzip.compress(html.encode())) < 40_000
    said = text_of(html)
    assert "Fix first: environment-150" in said
    assert "and 38 more, no worse than these" in said
    assert "176 more environments" in said
    assert all(f"environment-{n} " in said for n in range(200))
