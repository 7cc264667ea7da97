"""Tickets on their way: opened once however often it is tried, and where none will be, the incident's thread says so."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from bot.adapters.github_issues import GitHubIssues
from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.incident import Cause, Incident, IncidentState
from bot.domain.owed import Delivery
from bot.flows.reload_policy import PolicyHolder
from bot.policy import Policy
from bot.ports import Later, Undeliverable
from handlers.tickets import TicketAnnouncer
from storage.ledger import Ledger
from tests.handlers.slack.conftest import ClockOf, serve
from tests.handlers.slack.examples import NOW, make_policy, request

pytestmark = pytest.mark.requirement("P21")
OPEN = Incident(
    id="INC-1",
    environment="production",
    severity="P0",
    state=IncidentState.OPEN,
    opened_at=NOW,
    respond_by=NOW + timedelta(minutes=5),
    causes=("api",),
    on_call="ada",
    title="Pay @everyone | **now**",
    cause=Cause.DECLARED,
    suspect="DEP-42",
)
DELIVERY = Delivery(
    key="ticket:INC-1",
    kind="ticket",
    destination="ticket:github",
    subject="INC-1",
    due_at=NOW,
    facts={"repository": "acme/checkout"},
)
TO_WEBHOOK = replace(DELIVERY, destination="webhook:jira")


@dataclass
class Forge:
    """A forge and a webhook in one: opens a ticket for an id once, and can fail."""

    failing: Exception | None = None
    lost: bool = False
    opened: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    posted: list[tuple[str, str, Any]] = field(default_factory=list)

    async def open(self, repository: str, *, title: str, body: str, id: str) -> str:  # noqa: A002
        if self.failing is not None:
            raise self.failing
        self.opened.setdefault(id, (repository, title, body))
        if self.lost:
            raise Later("timeout")
        return f"{repository}#{list(self.opened).index(id) + 1}"

    async def post(self, name: str, body: Any, *, id: str) -> None:  # noqa: A002
        if self.failing is not None:
            raise self.failing
        self.posted.append((name, id, body))


@pytest.fixture
def forge() -> Forge:
    return Forge()


@pytest.fixture
def policy() -> Policy:
    return make_policy()


@pytest.fixture
def clock() -> ClockOf:
    return ClockOf(NOW)


@pytest.fixture
async def ledger(sqlite_url: str, clock: ClockOf) -> Any:
    made = Ledger(sqlite_url, clock)

    def step(tx: Any) -> None:
        live = request(state=RequestState.LIVE)
        tx.requests.put(live, Fact(type="test"))
        tx.incidents.put(OPEN, Fact(type="incident.opened"))

    await made.write(step)
    yield made
    await made.close()


@pytest.fixture
def announcer(ledger: Ledger, policy: Policy, forge: Forge) -> TicketAnnouncer:
    return TicketAnnouncer(ledger, PolicyHolder(policy), tickets=forge, webhooks=forge, name="acme")


async def incident(ledger: Ledger) -> Incident:
    found = await ledger.read(lambda tx: tx.incidents.get("INC-1"))
    assert found is not None
    return found


async def types(ledger: Ledger) -> list[str]:
    entries = await ledger.read(lambda tx: tx.trail.entries(subject="incident/INC-1"))
    return [json.loads(entry.body)["type"] for entry in entries]


async def test_it_is_opened_and_its_name_is_kept(
    announcer: TicketAnnouncer, ledger: Ledger, forge: Forge
) -> None:
    await announcer.announce(DELIVERY)
    assert (await incident(ledger)).ticket == "acme/checkout#1"
    ((key, (repository, title, body)),) = forge.opened.items()
    assert (key, repository) == ("acme/INC-1", "acme/checkout")
    assert title.startswith("INC-1: Pay")
    assert "@everyone" not in title  # a title calls nobody
    assert "DEP-42" in body
    assert "no claim" in body


async def test_an_answer_that_was_lost_opens_no_second_one(
    announcer: TicketAnnouncer, ledger: Ledger, forge: Forge
) -> None:
    forge.lost = True
    with pytest.raises(Later):
        await announcer.announce(DELIVERY)
    assert (await incident(ledger)).ticket is None
    forge.lost = False
    await announcer.announce(DELIVERY)
    await announcer.announce(DELIVERY)
    assert (len(forge.opened), (await incident(ledger)).ticket) == (1, "acme/checkout#1")


async def test_a_webhook_is_told_under_one_id(
    announcer: TicketAnnouncer, ledger: Ledger, forge: Forge
) -> None:
    await announcer.announce(TO_WEBHOOK)
    await announcer.announce(TO_WEBHOOK)
    assert {(name, id_) for name, id_, _ in forge.posted} == {("jira", "acme/INC-1/ticket")}
    body = forge.posted[0][2]
    assert (body["type"], body["incident"]["id"]) == ("incident.ticket", "INC-1")
    assert (await incident(ledger)).ticket is None
    assert (await types(ledger)).count("incident.ticket-asked") == 1


@pytest.mark.parametrize("delivery", [DELIVERY, TO_WEBHOOK])
async def test_where_none_will_be_opened_the_thread_says_so(
    announcer: TicketAnnouncer, ledger: Ledger, forge: Forge, delivery: Delivery
) -> None:
    forge.failing = Undeliverable("http-404")
    with pytest.raises(Undeliverable, match="http-404"):
        await announcer.announce(delivery)
    assert "incident.ticket-failed" in await types(ledger)


async def test_what_could_not_be_opened_for_a_day_is_given_up_aloud(
    announcer: TicketAnnouncer, ledger: Ledger, forge: Forge, clock: ClockOf
) -> None:
    forge.failing = Later("timeout")
    clock.at = NOW + timedelta(hours=23)
    with pytest.raises(Later):
        await announcer.announce(DELIVERY)
    assert "incident.ticket-failed" not in await types(ledger)
    clock.at = NOW + timedelta(hours=25)
    with pytest.raises(Undeliverable):
        await announcer.announce(DELIVERY)
    assert "incident.ticket-failed" in await types(ledger)


@pytest.mark.parametrize(
    ("delivery", "code"),
    [
        (DELIVERY, "not-configured"),
        (TO_WEBHOOK, "not-configured"),
        (replace(DELIVERY, facts={}), "not-configured"),
        (replace(DELIVERY, subject="INC-9"), "unknown-incident"),
        (replace(DELIVERY, kind="page"), "unknown-kind"),
    ],
)
async def test_what_cannot_be_opened_here_is_undeliverable(
    ledger: Ledger, policy: Policy, delivery: Delivery, code: str
) -> None:
    bare = TicketAnnouncer(ledger, PolicyHolder(policy), tickets=None, webhooks=None, name="acme")
    with pytest.raises(Undeliverable, match=code):
        await bare.announce(delivery)


async def test_what_else_goes_to_a_webhook_goes_on(ledger: Ledger, policy: Policy) -> None:
    class Other:
        heard: list[str] = []  # noqa: RUF012

        async def announce(self, delivery: Delivery) -> None:
            self.heard.append(delivery.kind)

    other = Other()
    both = TicketAnnouncer(
        ledger, PolicyHolder(policy), tickets=None, webhooks=None, name="acme", besides=other
    )
    await both.announce(replace(TO_WEBHOOK, kind="page"))
    assert other.heard == ["page"]


class GitHub:
    """A forge on a socket that opens an issue and then hangs up, as often as it is told to."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.issues: list[dict[str, Any]] = []

    async def listed(self, _: web.Request) -> web.Response:
        return web.json_response(self.issues[::-1])

    async def created(self, received: web.Request) -> web.Response:
        self.issues.append({"number": len(self.issues) + 7, **await received.json()})
        if self.lost:
            self.lost -= 1
            assert received.transport is not None
            received.transport.close()
        return web.json_response(self.issues[-1], status=201)


async def test_a_forge_that_hangs_up_after_opening_it_has_one_issue_in_the_end(
    ledger: Ledger, policy: Policy, clock: ClockOf
) -> None:
    github = GitHub(lost=1)
    where = "/repos/acme/checkout/issues"
    runner, url = await serve(web.get(where, github.listed), web.post(where, github.created))
    async with ClientSession() as session:
        issues = GitHubIssues(session, api_url=url, token=SecretStr("not-a-token"), clock=clock)
        announcer = TicketAnnouncer(ledger, PolicyHolder(policy), tickets=issues, webhooks=None, name="acme")
        with pytest.raises(Later):
            await announcer.announce(DELIVERY)
        await announcer.announce(DELIVERY)
    await runner.cleanup()
    assert len(github.issues) == 1
    assert (await incident(ledger)).ticket == "acme/checkout#7"
    assert "\n- Severity: P0\n" in github.issues[0]["body"]
