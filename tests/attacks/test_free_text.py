"""Broadcasts, mentions and bidi marks in every field that takes words: all of it arrives as text, everywhere."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.identity import Identity, Provider
from sandbox.github import PretendGitHub
from tests.attacks import free_text
from tests.attacks.conftest import MakePages
from tests.attacks.free_text import evil
from tests.browser.conftest import PageStage, new_key
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, INCIDENTS, LIN, PEOPLE, RELEASES
from tests.scenarios.stage import GOOD, Stage
from tests.scenarios.test_live_roles import opened, state_commit

pytestmark = [pytest.mark.requirement("P8"), pytest.mark.requirement("F1"), pytest.mark.timeout(240)]


def quoted(mark: str) -> str:
    """As a text of YAML."""
    return json.dumps(evil(mark))


def soon() -> datetime:
    """A working hour in the middle of a week that is not over."""
    at = datetime.now(UTC).replace(hour=15, minute=30) + timedelta(days=1)
    while at.weekday() not in (1, 2, 3):
        at += timedelta(days=1)
    return at


def policy_edits(health: str) -> tuple[tuple[str, str], ...]:
    """The example's policy with words of an author who means ill in every field that takes them."""
    scope = "services: [checkout], environments: [production]"
    return (
        ("name: Lin}", f"name: {quoted('pname')}}}"),
        (
            "email: cy@acme.example,  name: Cy}",
            f'email: "<!here><b>pmail</b>@acme.example", oidc: {quoted("psubject")}}}',
        ),
        (
            "  vp-engineering:  {people: [vic]}\n",
            (
                "  vp-engineering:  {people: [vic]}\n"
                f"  outsider: {{oidc_role: {quoted('prole')}}}\n"
                f"  insider: {{people: [ada], all_of: {{oidc_role: {quoted('pallof')}}}}}\n"
            ),
        ),
        ("version: 1\n", "version: 1\nsecond_factors: {administrators: [platform-lead, vp-engineering]}\n"),
        (
            '{pattern: "^CHG-[0-9]+$", emergency_pattern: "^INC-[0-9]+$"}',
            (
                f"{{pattern: {json.dumps('^CHG-[0-9]+$|' + evil('ppattern'))}, emergency_pattern: "
                f"{json.dumps('^INC-[0-9]+$|' + evil('ppattern'))}}}\n      checklist: {{name: before}}"
            ),
        ),
        (
            "severities: {P0: 5m",
            f"checklists:\n  before:\n    - {{item: {quoted('pitem')}, attest: engineer}}\nseverities: {{P0: 5m",
        ),
        (
            (
                "{name: standard, services: [checkout], environments: [production], "
                'start: "0 10 * * TUE-THU", until: "14:00"'
            ),
            f'{{name: {quoted("pwindow")}, reason: {quoted("pwinwhy")}, {scope}, start: "0 0 * * *", until: "24:00"',
        ),
        (
            "  holidays:\n",
            (
                f"    - {{name: {quoted('prule')}, reason: {quoted('prulewhy')}, services: [catalogue], environments: "
                '[production], start: "0 0 * * *", until: "24:00", effect: prohibit, break_glass: true}\n'
                "  holidays:\n"
                f"    - {{name: {quoted('pholiday')}, reason: {quoted('pholwhy')}, {scope}, effect: prohibit, days: "
                f'[{{date: "{soon():%m-%d}", name: {quoted("pday")}}}]}}\n'
            ),
        ),
        (
            (
                '{name: black-friday, services: [checkout], environments: [production], from: "2026-11-23", '
                'to: "2026-12-01", effect: prohibit, break_glass: true, reason: Peak trading}'
            ),
            (
                f"{{name: {quoted('pfreeze')}, services: [catalogue], environments: [production], "
                'from: "2020-11-23", to: "2099-12-01", effect: prohibit, '
                f"break_glass: true, reason: {quoted('pfrzwhy')}}}"
            ),
        ),
        (
            "    monitors:\n      - name: api\n",
            (
                f'    monitors:\n      - {{name: own, http: {{url: "{health}", contract: true, allow_private: true}}, '
                "every: 1s, fail_after: 1, pass_after: 1}\n      - name: api\n"
            ),
        ),
    )


@dataclass
class Sick:
    """A service whose health page says what it likes."""

    errors: list[str] = field(default_factory=list)

    async def answer(self, _: web.Request) -> web.Response:
        said = {"status": "ok", "checks": {"database": True, "errors": self.errors}}
        return web.json_response(said | {"timestamp": datetime.now(UTC).isoformat()})


@pytest.fixture
async def sick() -> AsyncIterator[tuple[Sick, str]]:
    made, app = Sick(), web.Application()
    app.router.add_get("/health", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}/health"
    await runner.cleanup()


@dataclass
class Walk:
    """One stage on which everybody fills in every field; what the pages showed is kept."""

    stage: PageStage
    pages: list[str] = field(default_factory=list)

    async def look(self, url: str) -> str:
        """Read a page of ours."""
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            self.pages.append(await answer.text())
            return self.pages[-1]

    async def linked(self, user: str, text: str, path: str = "") -> str:
        """Type a command that answers with a link, and read its page."""
        delivered = await self.stage.people.command(user, text, channel=DEPLOYMENTS, command="/deploy")
        found = str(delivered.body).split("/mfa/" + path, 1)
        assert len(found) == 2, delivered.body
        token = found[1][:43]
        url = f"{self.stage.origin}/mfa/{path}{token}"
        await self.look(url)
        return url

    async def sign(self, person: str, request: str, later: int = 0) -> None:
        """Approve on the page by a code."""
        link = await self.stage.link(person, request)
        await self.look(link)
        headers = {"Origin": self.stage.origin}
        code = {"code": self.stage.code(person, later=later)}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{link}/code", data=code) as answer,
        ):
            self.pages.append(await answer.text())
            assert answer.status == 200, self.pages[-1]

    async def form(
        self, user: str, command: str, values: dict[str, str | list[str]], wrong: str = ""
    ) -> None:
        """Open a form by its command and send it, with `wrong` as the only field that is refused; then put it away."""
        people = self.stage.people
        await self.stage.deploy(user, command)

        async def there() -> Any:
            return await people.modal(user)

        await self.stage.wait(there, what=f"the form of {command}")
        sent = await people.submit(user, values)
        assert sent.acknowledged, sent
        assert set(sent.errors) == ({wrong} if wrong else set()), sent
        left = await people.modal(user)
        assert (left is None) == (not wrong), people.text_of(left or {})
        if left is not None:
            await people.close(user, everything=True)


async def ask_and_refuse(walk: Walk) -> None:
    """Words behind every command, in every field of the form of a request, and in what CI says."""
    stage = walk.stage
    for word, mark in free_text.SUB_COMMANDS.items():
        if mark == "asid":
            await stage.deploy(LIN, f"{word} {evil(mark)}")
    await stage.deploy(LIN, evil("asid"))
    usual: dict[str, str | list[str]] = {"service": "catalogue", "artifact": GOOD, "environment": "staging"}
    await walk.form(LIN, "request", usual | {"artifact": evil("artifact")}, "artifact")
    loud: dict[str, str | list[str]] = {
        "emergency": evil("incident"),
        "reason": "x",
        "environment": "production",
    }
    await walk.form(LIN, "request", usual | loud, "emergency")
    await walk.form(LIN, "request", usual | {"ticket": evil("ticket"), "reason": evil("reason")})
    await stage.card("DEP-1", "ticket", "reason")
    found = {n: evil("finding") for n in ("id", "package", "version", "fixed_in")} | {"severity": "critical"}
    bad = await stage.publish(critical=1, findings=(found,), authors=(evil("author"), "ada-l"))
    request = await stage.ask(f"catalogue {bad} ticket=CHG-1")
    await stage.until(request, RequestState.REFUSED)
    await stage.told(LIN, "finding")
    await stage.deploy(LIN, f"why {request}")


async def go_through(walk: Walk) -> None:
    """An emergency from its words to its review: held, resumed, ticked, signed, withdrawn, signed again."""
    stage = walk.stage
    tag = await stage.publish(authors=(evil("author"),))
    request = await stage.ask(f"catalogue {tag} emergency=INC-7 {evil('inline')}")
    await stage.message(INCIDENTS, "inline", request)
    await stage.card(request, "Approve", "prule")
    await stage.deploy(LIN, f"hold {request} {evil('held')}")
    await stage.deploy(LIN, f"resume {request} {evil('resumed')}")
    await stage.deploy(LIN, f"checklist {request}")
    await walk.sign("ada", request)
    await stage.message(DEPLOYMENTS, "Ada approved", thread_of=(await stage.card(request))["ts"])
    await stage.deploy(ADA, f"withdraw {request} {evil('takenback')}")
    await tick(stage, request)
    await stage.told(CY, "1 of 1 ticked")
    await walk.sign("vic", request)
    await walk.sign("ada", request, later=1)
    await stage.until(request, RequestState.LIVE)
    await stage.deploy(BO, f"review {request} {evil('reviewed')}")
    await stage.message(INCIDENTS, "reviewed", request)
    values: dict[str, str | list[str]] = {"service": "catalogue", "environment": "production"}
    await walk.form(BO, "rollback", values | {"incident": evil("backfor"), "reason": "x"}, "incident")
    await walk.form(BO, "rollback", values | {"incident": "INC-9", "to": evil("backto"), "reason": "x"}, "to")
    await stage.deploy(BO, f"rollback catalogue production INC-9 {evil('backwords')}")
    back = f"DEP-{int(request[4:]) + 1}"
    await stage.card(back, "backwords")
    await stage.press(ADA, "Reject", await stage.card(back, "Reject"))
    await stage.modal(ADA, f"Reject {back}")
    await stage.people.submit(ADA, {"reason": evil("rejection")})
    await stage.card(back, "rejection")
    await walk.form(BO, "rollback", values | {"incident": "INC-9", "reason": evil("backwhy")})
    await stage.card(f"DEP-{int(request[4:]) + 2}", "backwhy")


async def tick(stage: PageStage, request: str) -> None:
    """Cy ticks what the checklist asks for."""
    await stage.deploy(CY, f"checklist {request}")

    async def find() -> Any:
        seen = await stage.people.ephemerals(CY)
        return next((m for m in reversed(seen) if "pitem" in str(m)), None)

    seen = await stage.wait(find, what="the list")
    button = next(b["accessory"] for b in seen["blocks"] if "accessory" in b)
    await stage.people.click(
        CY, channel=seen["channel"], ts=seen["ts"], action_id=button["action_id"], value=button["value"]
    )


async def freeze_and_see(walk: Walk) -> None:
    """Freezes declared and lifted, the calendar of the policy, and what every person is told of themselves."""
    stage = walk.stage
    await walk.form(BO, "freeze", {"environments": ["production"], "reason": evil("freezing")})
    await stage.message(RELEASES, "freezing")
    await walk.form(BO, "unfreeze", {"freeze": "FRZ-1", "reason": evil("lifting")})
    await stage.message(RELEASES, "lifting")
    at = soon().strftime("%Y-%m-%dT%H:%MZ")
    await stage.deploy(LIN, f"request checkout 7a3f9c2 ticket=CHG-9 at={at} x")
    await stage.deploy(LIN, f"when checkout production {at}")
    await stage.told(LIN, "pholiday")
    await stage.deploy(BO, f"freeze production {evil('frozen')}")
    await stage.message(RELEASES, "frozen")
    for text in (
        "windows checkout production",
        "windows catalogue",
        "when checkout production",
        "unfreeze FRZ-1",
    ):
        await stage.deploy(LIN, text)
    for person in ("ada", "cy", "lin"):
        await stage.deploy(PEOPLE[person], "whoami")
    await stage.told(ADA, "olabel", "keyname")
    await stage.told(CY, "psubject")
    await walk.linked(ADA, "enroll", "enroll/")
    await walk.linked(ADA, f"reset-factor bo {evil('resetting')}")
    await stage.deploy(ADA, "enroll")


async def fall_ill(walk: Walk, sick: Sick) -> None:
    """A monitored service that words its errors: they are counted, and not repeated."""
    sick.errors = [evil(free_text.NOT_REPEATED)] * 3

    async def told() -> bool | None:
        return "reports errors" in await walk.stage.deploy(LIN, "status", command="/env") or None

    await walk.stage.wait(told, what="the colour of what it says")


async def plant(stage: PageStage) -> None:
    """What an enrolment kept: a passkey and a login that carry names of their own. Everybody's code counts."""
    for person in ("bo", "vic"):
        (code,) = await stage.ledger.read(lambda tx, person=person: tx.credentials.of(person))  # type: ignore[misc]
        confirmed = replace(code, pending=False, usable_from=None)
        await stage.ledger.write(
            lambda tx, new=confirmed: tx.credentials.put(new, Fact(type="credential.confirmed"))  # type: ignore[misc]
        )
    await stage.give("ada", new_key("ada"), name=evil("keyname"))
    login = Identity(
        provider=Provider.OIDC,
        subject="https://login.acme.example sub-ada",
        person="ada",
        label=evil("olabel"),
        linked_at=stage.clock.now(),
        linked_by="test",
    )
    await stage.ledger.write(lambda tx: tx.identities.put(login, Fact(type="identity.linked")))


async def test_every_text_arrives_as_text_in_slack_and_on_the_pages(
    make_pages: MakePages, sick: tuple[Sick, str]
) -> None:
    service, url = sick
    stage = await make_pages(*policy_edits(url), enrolled=("ada", "bo", "vic"))
    await plant(stage)
    walk = Walk(stage)
    exchanges: list[dict[str, Any]] = []

    async def collect() -> None:
        """The sandbox keeps the last thousand exchanges."""
        exchanges.extend(await stage.people.requests(after=exchanges[-1]["id"] if exchanges else 0))

    for part in (ask_and_refuse, go_through, freeze_and_see):
        await part(walk)
        await collect()
    await fall_ill(walk, service)
    await stage.quiet()
    await asyncio.sleep(0.2)  # answers that no delivery owes
    await collect()
    assert free_text.wrong_in_slack(exchanges) == []
    assert [wrong for page in walk.pages for wrong in free_text.wrong_on_page(page)] == []
    read = "\n".join([text for _, text in free_text.said_in_slack(exchanges)] + walk.pages)
    assert free_text.NOT_REPEATED not in read
    assert {mark for mark in free_text.marks() if mark not in read} == set()  # every field was really shown


@pytest.fixture
async def github() -> AsyncIterator[PretendGitHub]:
    made = PretendGitHub()
    await made.start()
    for login in ("ada-l", "bo-r", "cy-m", "vic-e", "lin-w"):
        made.add_user(login)
    yield made
    await made.stop()


async def test_nothing_that_a_repository_words_is_repeated(
    tmp_path: Path, sqlite_url: str, github: PretendGitHub
) -> None:
    """Who may write CODEOWNERS or make a commit words names, addresses and messages; what is no name is not shown, and
    Ada owns the change all the same."""
    repository = github.repository("acme/catalogue")
    owners = f"* @{evil('owner')} {evil('mail')}@acme.example @acme/{evil('team')} @ada-l\n"
    base = repository.commit({"app.py": "1", "CODEOWNERS": owners}, author="lin-w")
    head = repository.commit({"app.py": "2"}, message=evil("commit"), author="lin-w", co_authors=["vic-e"])
    stage = Stage(folder=tmp_path, database_url=sqlite_url)
    try:
        await opened(
            stage, github, ("platform-lead:   {people: [ada]}", "platform-lead:   {codeowners: true}")
        )
        running: Any = await stage.read(lambda tx: tx.evidence.deployments("catalogue", "production")[0])
        for tag, commit in ((running.artifact, base), (GOOD, head)):
            await state_commit(stage, tag, commit)
        request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
        await stage.card(request, "Approve")
        await stage.approve("ada", request)
        for text in (f"why {request}", "whoami"):
            await stage.deploy(ADA, text)
        await stage.quiet()
        assert (await stage.request(request)).state is not RequestState.EVALUATING
        exchanges = await stage.people.requests()
        assert free_text.wrong_in_slack(exchanges) == []
        assert [
            text for _, text in free_text.said_in_slack(exchanges) if "</b>" in free_text.as_read(text)
        ] == []
    finally:
        await stage.close()
