"""Logging in at the identity provider from our pages, and coming back: over real sockets, with a browser's cookies."""

import asyncio
import html
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import async_playwright
from pydantic import SecretStr

from bot.adapters.clock import SystemClock
from bot.adapters.oidc import OidcProvider
from bot.adapters.seal import KeySeal
from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.health import Health
from bot.domain.identity import Identity, Provider
from bot.domain.second_factor import Purpose
from bot.flows.approve import open_page
from bot.flows.intents import open_intent
from bot.ports import Factors, Transaction
from handlers.http.app import build_http
from handlers.http.context import HttpContext
from handlers.http.mfa.login import BROWSER
from tests.flows.policy_text import policy_of
from tests.flows.world import World
from tests.oidc import lying
from tests.oidc.lying import CLIENT, Lying, hangs, says
from tests.oidc.real import Browser, RealProvider, browser, provider, running_provider
from tests.oidc.worlds import InForce
from tests.sandbox.test_page import CHROMIUM, FLAGS

__all__ = ["browser", "provider", "running_provider"]
pytestmark = [pytest.mark.requirement("P8"), pytest.mark.timeout(60)]
LOGINS = (
    ("second_factor: {methods: [totp]}", "second_factor: {methods: [oidc]}"),
    ("roles:\n", "second_factors: {login: {acr: ['urn:test:mfa'], amr: [mfa]}}\nroles:\n"),
)
OIDC_ROLE = ('  engineer:        {people: "*"}', "  engineer:        {oidc_role: Engineer}")
NAMED = ("email: ada@acme.example}", "email: ada@acme.example, oidc: ada-subject}")
CALLBACK = "/mfa/login/callback"
HREF = re.compile(r'<a class="button primary" href="([^"]+)"')


@dataclass
class Desk:
    """The bot's pages, the identity provider, and the request that is to be approved."""

    world: World
    url: str
    liar: Lying
    sessions: AsyncExitStack
    browsers: dict[str, aiohttp.ClientSession] = field(default_factory=dict)
    host: str | None = None

    async def sit_down(self, name: str = "ada") -> aiohttp.ClientSession:
        """The browser of somebody; it keeps its cookies."""
        if name not in self.browsers:
            jar = aiohttp.CookieJar(unsafe=True)
            self.browsers[name] = await self.sessions.enter_async_context(
                aiohttp.ClientSession(cookie_jar=jar)
            )
        return self.browsers[name]

    async def link(self, person: str = "ada") -> str:
        opened = await open_page(self.world.ledger, self.world.policy, self.world.asker(person), "DEP-1")
        return opened.token

    async def enrolment(self, person: str) -> str:
        asker = self.world.asker(person)
        return await self.world.ledger.write(
            lambda tx: open_intent(tx, purpose=Purpose.ENROLL, person=person, asker=asker)
        )

    async def begin(self, token: str, browser: str = "ada", **headers: str) -> tuple[int, str]:
        """Press the page's button; gives the provider's address."""
        session = await self.sit_down(browser)
        sent = {"Origin": self.url} | headers
        async with session.post(f"{self.url}/mfa/{token}/login", headers=sent) as answer:
            found = HREF.search(await answer.text())
            return answer.status, "" if found is None else html.unescape(found[1])

    async def begun(self, token: str, browser: str = "ada") -> str:
        """The state of a login that was begun."""
        status, url = await self.begin(token, browser)
        assert status == 200
        return self.liar.begun(url)["state"]

    async def come_back(
        self, state: str | None, browser: str = "ada", **query: str | None
    ) -> tuple[int, str | None]:
        """The callback; gives the status, and where it leads or why it was refused."""
        session = await self.sit_down(browser)
        asked: dict[str, str | None] = {"state": state, "code": "code-1"} | query
        params = {name: value for name, value in asked.items() if value is not None}
        async with session.get(self.url + CALLBACK, params=params, allow_redirects=False) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return answer.status, answer.headers.get("Location", answer.headers.get("X-Portcullis-Refusal"))

    async def refusal(self, state: str | None, browser: str = "ada", **query: str | None) -> str | None:
        status, why = await self.come_back(state, browser, **query)
        assert status >= 400
        assert await self.world.approvals() == {}
        return why

    async def failures(self, person: str = "ada") -> int:
        since = self.world.clock.now() - timedelta(minutes=15)
        return await self.world.ledger.read(lambda tx: tx.credentials.failures_since(person, since))

    async def links_to(self, person: str, subject: str, issuer: str | None = None) -> None:
        identity = Identity(
            provider=Provider.OIDC,
            subject=f"{issuer or self.liar.issuer} {subject}",
            person=person,
            label=person,
            linked_at=self.world.clock.now(),
            linked_by="host:root",
        )

        def step(tx: Transaction) -> None:
            tx.identities.put(identity, Fact(type="identity.linked", by=Actor(via="host:root")))

        await self.world.ledger.write(step)


async def _well() -> Health:
    return Health(checks={"database": True})


Open = Callable[..., Any]


@pytest.fixture
async def open_desk(sqlite_url: str) -> AsyncIterator[Open]:
    """Opens the pages on a free port of this machine."""
    async with AsyncExitStack() as stack:

        async def opened(*changes: tuple[str, str], pages: str | None = None, **client: Any) -> Desk:
            world = World(sqlite_url, policy_of(*LOGINS, *changes))
            stack.push_async_callback(world.close)
            if client.pop("really_now", False):
                world.clock.at = SystemClock().now()
                ticking = asyncio.create_task(_as_time_goes_by(world))
                stack.callback(ticking.cancel)
            liar = Lying(world.clock.now)
            liar.issuer = await _listen(stack, liar.app(), _socket())
            own = _socket()
            url = f"http://{client.pop('host', '127.0.0.1')}:{own.getsockname()[1]}"
            session = await stack.enter_async_context(aiohttp.ClientSession())
            in_force = InForce(world.policy)
            register = client.pop("register", None)
            if register is not None:
                client |= register(url + CALLBACK)
            logins = OidcProvider(
                session,
                world.clock,
                KeySeal(SecretStr("correct-horse-battery-staple-0123456789")),
                **{
                    "issuer": liar.issuer,
                    "client_id": CLIENT,
                    "client_secret": None,
                    "origin": pages or url,
                    "in_force": in_force,
                    "timeout_s": 1,
                    **client,
                },
            )
            context = HttpContext(
                ledger=world.ledger,
                in_force=in_force,
                collector=world.collector,
                clock=world.clock,
                tokens=(),
                health=_well,
                metrics=lambda: b"",
                factors=Factors(codes=world.codes, pages=pages or url, logins=logins),
            )
            await _listen(stack, build_http(context, None), own)
            await world.ready()
            await world.ask("lin")
            await world.run_timers()
            return Desk(world, url, liar, stack)

        yield opened


@pytest.fixture
async def desk(open_desk: Open) -> Desk:
    """Ada is to approve, and her account at the provider is linked."""
    found: Desk = await open_desk()
    await found.links_to("ada", "ada-subject")
    return found


def _socket() -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


async def _listen(stack: AsyncExitStack, app: web.Application, bound: socket.socket) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, bound).start()
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


# The way there and back


async def test_a_fresh_login_of_ones_own_approves(desk: Desk) -> None:
    token = await desk.link()
    state = await desk.begun(token)

    assert await desk.come_back(state) == (303, f"/mfa/{token}/done")

    approval = (await desk.world.approvals())["ada"]
    assert approval.factor.method == "oidc"
    assert approval.factor.evidence["subject"] == f"{desk.liar.issuer} ada-subject"
    assert approval.factor.evidence["acr"] == lying.MFA
    assert approval.factor.evidence["claims"]["nonce"] == desk.liar.nonce  # type: ignore[index, call-overload]


async def test_the_page_after_it_says_what_was_recorded(desk: Desk) -> None:
    token = await desk.link()
    await desk.come_back(await desk.begun(token))

    session = await desk.sit_down()
    async with session.get(f"{desk.url}/mfa/{token}/done") as answer:
        assert answer.status == 200
        assert "DEP-1" in await answer.text()


async def test_a_login_of_another_person_approves_nothing(desk: Desk) -> None:
    await desk.links_to("bo", "bo-subject")
    desk.liar.claims = {"sub": "bo-subject"}

    assert await desk.refusal(await desk.begun(await desk.link())) == "login-not-yours"
    assert await desk.failures() == 1


async def test_a_login_of_nobody_who_is_linked_approves_nothing(desk: Desk) -> None:
    desk.liar.claims = {"sub": "mallory-subject", "preferred_username": "ada@example.test"}

    assert await desk.refusal(await desk.begun(await desk.link())) == "login-not-yours"


async def test_a_login_serves_the_link_that_it_was_begun_for(desk: Desk) -> None:
    """The nonce of one challenge does not fit another, even of the same person in the same browser."""
    one = await desk.begun(await desk.link())
    await desk.begun(await desk.link())  # the provider now answers with the nonce of this one

    assert await desk.refusal(one) == "nonce-wrong"


# Bound to the browser that began it


async def test_without_the_cookies_the_answer_counts_for_nobody(desk: Desk) -> None:
    token = await desk.link()
    state = await desk.begun(token)

    assert await desk.refusal(state, "mallory") == "login-other-browser"
    assert "token" not in desk.liar.asked
    assert await desk.come_back(state) == (303, f"/mfa/{token}/done")  # and nobody spoiled it


async def test_an_answer_that_was_begun_in_another_browser_counts_for_nobody(desk: Desk) -> None:
    """Login CSRF: mallory begins, and has ada's browser bring the answer back."""
    token = await desk.link()
    await desk.begun(token, "ada")
    of_mallory = await desk.begun(token, "mallory")

    assert await desk.refusal(of_mallory, "ada") == "login-other-browser"


async def test_a_cookie_of_the_link_alone_is_not_enough(desk: Desk) -> None:
    token = await desk.link()
    state = await desk.begun(token, "ada")
    await desk.begun(token, "mallory")
    cookies = {"portcullis-login-" + state.partition(".")[0]: token}
    (await desk.sit_down("mallory")).cookie_jar.update_cookies(cookies, aiohttp.client.URL(desk.url))

    assert await desk.refusal(state, "mallory") == "login-other-browser"


async def test_cookies_are_for_us_alone(desk: Desk) -> None:
    session = await desk.sit_down()
    async with session.post(
        f"{desk.url}/mfa/{await desk.link()}/login", headers={"Origin": desk.url}
    ) as answer:
        cookies = answer.headers.getall("Set-Cookie")

    assert len(cookies) == 2
    for cookie in cookies:
        assert {"httponly", "samesite=lax", "path=/"} <= {p.strip().lower() for p in cookie.split(";")}


async def test_on_https_no_other_host_can_have_set_them(open_desk: Open) -> None:
    desk = await open_desk(pages="https://portcullis.example")
    await desk.links_to("ada", "ada-subject")
    sent = {"Origin": "https://portcullis.example", "Host": "portcullis.example"}
    session = await desk.sit_down()

    async with session.post(f"{desk.url}/mfa/{await desk.link()}/login", headers=sent) as answer:
        cookies = answer.headers.getall("Set-Cookie")

    assert all(c.startswith("__Host-") and "Secure" in c for c in cookies)
    assert any(c.startswith(f"__Host-{BROWSER}=") for c in cookies)


async def test_the_links_token_is_not_told_to_the_provider(desk: Desk) -> None:
    token = await desk.link()
    _, url = await desk.begin(token)

    assert token not in url


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_sites_form_begins_nothing(desk: Desk, headers: dict[str, str]) -> None:
    status, url = await desk.begin(await desk.link(), **headers)

    assert (status, url) == (403, "")
    assert desk.liar.asked == []


# Once, and in time


async def test_an_answer_works_once(desk: Desk) -> None:
    desk.liar.claims = {"amr": ["pwd"]}
    state = await desk.begun(await desk.link())
    assert await desk.refusal(state) == "login-weak"

    desk.liar.claims = {}
    session = await desk.sit_down()
    jar = {"portcullis-login-" + state.partition(".")[0]: await desk.link()}
    session.cookie_jar.update_cookies(jar, aiohttp.client.URL(desk.url))

    assert await desk.refusal(state) == "login-unknown"  # that link is another one
    assert desk.liar.asked.count("token") == 1


async def test_two_answers_at_the_same_time_redeem_one_code(desk: Desk) -> None:
    state = await desk.begun(await desk.link())

    answers = await asyncio.gather(*(desk.come_back(state) for _ in range(5)))

    assert sorted(status for status, _ in answers) == [303, 403, 403, 403, 403]
    assert desk.liar.asked.count("token") == 1


async def test_the_state_is_used_up_before_the_code_is_redeemed(desk: Desk) -> None:
    state = await desk.begun(await desk.link())
    again: list[str | None] = []

    async def slow(_: web.Request) -> web.Response:
        again.append((await desk.come_back(state))[1])
        return web.json_response({"error": "invalid_grant"}, status=400)

    desk.liar.answers["token"] = slow

    assert await desk.refusal(state) == "code-refused"
    assert again == ["login-used"]


async def test_after_two_minutes_it_is_over(desk: Desk) -> None:
    state = await desk.begun(await desk.link())
    desk.world.clock.advance(timedelta(seconds=120))

    assert await desk.refusal(state) == "login-over"
    assert "token" not in desk.liar.asked


async def test_a_link_that_was_used_meanwhile_is_not_used_again(desk: Desk) -> None:
    token = await desk.link()
    first = await desk.begun(token)
    second = await desk.begun(token)
    assert (await desk.come_back(second))[0] == 303

    assert await desk.come_back(first) == (410, "link-used")


@pytest.mark.parametrize(
    "state",
    [
        None,
        "",
        "A" * 22,
        "A" * 22 + "." + "B" * 43,
        "../../etc",
        "A" * 22 + ".;" + "B" * 42,
        "ä" * 66,
        "x" * 5000,
    ],
)
async def test_a_state_that_was_never_given_out_is_refused(desk: Desk, state: str | None) -> None:
    assert await desk.refusal(state) in ("login-unknown", "login-other-browser")


async def test_a_state_with_another_secret_is_refused(desk: Desk) -> None:
    state = await desk.begun(await desk.link())

    assert await desk.refusal(state[:-1] + ("A" if state[-1] != "A" else "B")) == "login-unknown"


async def test_parameters_that_come_twice_are_refused(desk: Desk) -> None:
    state = await desk.begun(await desk.link())
    session = await desk.sit_down()
    address = f"{desk.url}{CALLBACK}?state={state}&code=a&code=b"

    async with session.get(address, allow_redirects=False) as answer:
        assert answer.headers["X-Portcullis-Refusal"] == "login-unknown"


async def test_nothing_in_the_address_leads_the_browser_elsewhere(desk: Desk) -> None:
    token = await desk.link()
    state = await desk.begun(token)

    evil = dict.fromkeys(("to", "next", "redirect_uri", "return_to"), "https://evil.example/")
    assert await desk.come_back(state, **evil) == (303, f"/mfa/{token}/done")


# What the provider answers


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "login-denied"),
        ("login_required", "login-required"),
        ("temporarily_unavailable", "provider-silent"),
        ("<script>alert(1)</script>", "provider-refused"),
    ],
)
async def test_an_error_of_the_provider_is_told_and_nobodys_failure(
    desk: Desk, error: str, code: str
) -> None:
    state = await desk.begun(await desk.link())
    session = await desk.sit_down()
    params = {"state": state, "error": error, "error_description": "<b>s3cret</b>"}

    async with session.get(desk.url + CALLBACK, params=params) as answer:
        text = await answer.text()

    assert answer.headers["X-Portcullis-Refusal"] == code
    assert "s3cret" not in text
    assert "<script>alert" not in text
    assert await desk.failures() == 0


async def test_an_answer_of_another_provider_is_a_failure(desk: Desk) -> None:
    state = await desk.begun(await desk.link())

    assert await desk.refusal(state, iss="https://evil.example") == "issuer-mixed-up"
    assert await desk.failures() == 1


@pytest.mark.parametrize("answer", [hangs, says(503, {})])
async def test_a_provider_that_does_not_answer_is_nobodys_failure(desk: Desk, answer: Any) -> None:
    state = await desk.begun(await desk.link())
    desk.liar.answers["token"] = answer

    assert await desk.refusal(state) == "provider-silent"
    assert await desk.failures() == 0


async def test_weak_logins_lock_after_five(desk: Desk) -> None:
    desk.liar.claims = {"amr": ["pwd"]}
    token = await desk.link()
    for _ in range(5):
        assert await desk.refusal(await desk.begun(token)) == "login-weak"

    status, _ = await desk.begin(token)

    assert status == 429
    types = await desk.world.types("request/DEP-1")
    assert types.count("factor.failed") == 5


async def test_a_provider_that_hangs_at_the_start_is_a_page_with_a_sentence(desk: Desk) -> None:
    desk.liar.answers["metadata"] = hangs
    session = await desk.sit_down()

    async with session.post(
        f"{desk.url}/mfa/{await desk.link()}/login", headers={"Origin": desk.url}
    ) as answer:
        assert answer.headers["X-Portcullis-Refusal"] == "provider-silent"
        assert answer.content_type == "text/html"


# Roles that are asked without the person


async def test_the_grant_of_a_login_is_kept_sealed_for_its_person(open_desk: Open) -> None:
    desk = await open_desk(OIDC_ROLE)
    await desk.links_to("ada", "ada-subject")
    desk.liar.claims, desk.liar.more = {"roles": ["Engineer"]}, {"refresh_token": "refresh-1"}

    await desk.come_back(await desk.begun(await desk.link()))

    kept = await desk.world.ledger.read(lambda tx: tx.place("person/ada", "login"))
    assert kept is not None
    assert kept["roles"] == ["Engineer"]
    assert "refresh-1" not in str(kept)
    assert str(kept["refresh"]).endswith(f" {desk.liar.issuer} ada-subject")


async def test_the_grant_of_somebody_elses_login_is_not_kept(open_desk: Open) -> None:
    desk = await open_desk(OIDC_ROLE)
    await desk.links_to("ada", "ada-subject")
    await desk.links_to("bo", "mallory-subject")
    desk.liar.claims = {"sub": "mallory-subject", "roles": ["Engineer"]}
    desk.liar.more = {"refresh_token": "refresh-1"}

    await desk.refusal(await desk.begun(await desk.link()))

    assert await desk.world.ledger.read(lambda tx: tx.place("person/ada", "login")) is None


# Enrolment


async def test_a_login_proves_an_enrolment_for_this_browser_and_no_approval(open_desk: Open) -> None:
    desk = await open_desk(OIDC_ROLE, NAMED)
    desk.liar.claims, desk.liar.more = {"roles": ["Engineer"]}, {"refresh_token": "refresh-1"}
    token = await desk.enrolment("ada")
    state = await desk.begun(token)

    assert await desk.come_back(state) == (303, f"/mfa/enroll/{token}")

    assert await desk.world.approvals() == {}
    assert await desk.world.ledger.read(lambda tx: tx.place("person/ada", "login")) is not None


async def test_a_login_of_somebody_else_enrols_nothing(open_desk: Open) -> None:
    desk = await open_desk(OIDC_ROLE, NAMED)
    desk.liar.claims = {"sub": "mallory-subject", "roles": []}
    desk.liar.more = {"refresh_token": "refresh-1"}

    assert await desk.refusal(await desk.begun(await desk.enrolment("ada"))) == "login-not-yours"
    assert await desk.world.ledger.read(lambda tx: tx.place("person/ada", "login")) is None


# A real provider, all the way


async def _as_time_goes_by(world: World) -> None:
    """The clock goes on as the provider's does: a browser that is slow to start is no time traveller."""
    while True:
        world.clock.at = SystemClock().now()
        await asyncio.sleep(0.05)


@pytest.fixture
async def real_desk(open_desk: Open, provider: RealProvider) -> Desk:
    """Ada is to approve, and logs in at a real provider: at another site than ours, as a browser sees it."""

    def register(redirect_uri: str) -> dict[str, Any]:
        client = provider.register(redirect_uri)
        return {
            "issuer": provider.issuer,
            "client_id": client.client_id,
            "client_secret": client.client_secret,
        }

    provider.tell(acr="urn:test:mfa", amr=["pwd", "mfa"])
    found: Desk = await open_desk(register=register, really_now=True, host="localhost")
    await found.links_to("ada", "ada-subject", provider.issuer)
    return found


async def test_the_whole_way_through_a_real_provider(real_desk: Desk, browser: Browser) -> None:
    token = await real_desk.link()
    status, url = await real_desk.begin(token)
    assert status == 200

    back = await browser.log_in(url, real_desk.url + CALLBACK)

    session = await real_desk.sit_down()
    async with session.get(back) as answer:
        assert str(answer.url) == f"{real_desk.url}/mfa/{token}/done"
        assert answer.status == 200
    assert (await real_desk.world.approvals())["ada"].factor.method == "oidc"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("scripts", [True, False])
async def test_the_whole_way_in_a_real_browser(real_desk: Desk, scripts: bool) -> None:
    """Nothing that our pages forbid (forms that lead elsewhere, cookies of other sites) stands in the way."""
    token = await real_desk.link()
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await (await chromium.new_context(java_script_enabled=scripts)).new_page()
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        await page.goto(f"{real_desk.url}/mfa/{token}")
        await page.get_by_role("button", name="login").click()
        await page.wait_for_url(f"{real_desk.url}/mfa/{token}/done", timeout=20_000)
        await chromium.close()

    assert problems == []
    assert (await real_desk.world.approvals())["ada"].factor.method == "oidc"
