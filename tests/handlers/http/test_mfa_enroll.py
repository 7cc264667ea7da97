"""The pages of enrolment over real sockets: one browser proves it, that browser alone enrols, nothing leaks."""

import json
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
import pytest
from aiohttp import web

from bot.adapters.passkey import Passkeys
from bot.adapters.totp_check import TotpCheck
from bot.domain.health import Health
from bot.domain.second_factor import Credential
from bot.flows.enroll import enroll_totp
from bot.ports import Factors
from handlers.http.app import build_http
from handlers.http.context import HttpContext
from handlers.http.mfa.login import BROWSER
from tests.flows.enrolling import ADMINISTRATORS, NAMED, PASSKEYS_TOO, Desk
from tests.flows.policy_text import policy_of
from tests.flows.stepping_up import Pages
from tests.flows.world import DAY, MINUTE, World
from tests.handlers.http.mfa_site import Answer, InForce, Site
from tests.soft_authenticator import SoftAuthenticator

pytestmark = pytest.mark.requirement("P8")
SVG = re.compile(r"<svg .*</svg>", re.DOTALL)
CHALLENGE = re.compile(r'name="challenge" value="([A-Za-z0-9_-]{22})"')


@dataclass(kw_only=True)
class Desktop(Site):
    """A browser of somebody who enrols; `desk` are the flows behind it."""

    desk: Desk
    stack: AsyncExitStack

    async def another(self) -> "Desktop":
        """Somebody else's browser."""
        jar = aiohttp.CookieJar(unsafe=True)
        session = await self.stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        return replace(self, session=session)

    async def json(self, path: str) -> tuple[int, Any]:
        said = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        body = {"method": "passkey"}
        async with self.session.post(self.origin + path, json=body, headers=said) as answer:
            return answer.status, await answer.json()

    async def passkey(self, token: str, device: SoftAuthenticator, name: str = "Laptop") -> Answer:
        """What our script does: fetch, create, send."""
        status, made = await self.json(f"/mfa/enroll/{token}/new-passkey/challenge")
        if status != 200:
            return Answer(status=status, headers={}, body=json.dumps(made))
        answer = json.dumps(device.create(made["options"]))
        fields = {"challenge": made["challenge"], "answer": answer, "name": name}
        return await self.post(f"/mfa/enroll/{token}/new-passkey", fields)

    def device(self) -> SoftAuthenticator:
        return SoftAuthenticator(self.origin, "127.0.0.1")

    async def held(self, person: str = "bo") -> list[Credential]:
        return await self.desk.held(person)


@pytest.fixture
async def site(tmp_path: Path, empty_ledger: Path) -> AsyncIterator[Desktop]:
    """The pages of a bot whose policy names administrators; nobody is enrolled."""
    url = f"sqlite:///{shutil.copy(empty_ledger, tmp_path / 'ledger.db')}"
    async with AsyncExitStack() as stack:
        world = World(url, policy_of(ADMINISTRATORS, NAMED, PASSKEYS_TOO))
        stack.push_async_callback(world.close)
        desk = Desk(world)
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        factors = Factors(
            codes=TotpCheck(desk.totp),
            pages=origin,
            passkeys=Passkeys(origin, "Portcullis"),
            secrets=desk.totp,
        )
        context = HttpContext(
            ledger=world.ledger,
            in_force=InForce(world),
            collector=world.collector,
            clock=world.clock,
            tokens=(),
            health=_well,
            metrics=lambda: b"",
            factors=factors,
        )
        runner = web.AppRunner(build_http(context, None), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listening).start()
        jar = aiohttp.CookieJar(unsafe=True)
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        yield Desktop(
            origin=origin, pages=Pages(world), session=session, runner=runner, desk=desk, stack=stack
        )


async def _well() -> Health:
    return Health(checks={"database": True})


async def by_code(site: Desktop, person: str = "bo") -> str:
    """The link of somebody who has typed the host's code in this browser."""
    code = await site.desk.issue(person)
    token = await site.desk.begin(person)
    answer = await site.post(f"/mfa/enroll/{token}/host-code", {"host-code": code})
    assert (answer.status, answer.headers["Location"]) == (303, f"/mfa/enroll/{token}")
    return token


async def test_the_page_says_whose_link_it_is_and_changes_nothing(site: Desktop) -> None:
    token = await site.desk.begin("bo")
    before = await site.world.everything()
    for _ in range(2):
        answer = await site.get(f"/mfa/enroll/{token}")
        assert answer.status == 200
        seen = answer.seen
        assert "Enrol a second factor for bo" in seen.text
        assert "(U02BO)" in seen.text
        assert "close this page and tell whoever runs the bot" in seen.text
        assert seen.actions == [f"/mfa/enroll/{token}/host-code"]
    assert await site.world.everything() == before
    assert "Set-Cookie" not in answer.headers


async def test_the_headers_of_the_pages_are_those_of_all_our_pages(site: Desktop) -> None:
    answer = await site.get(f"/mfa/enroll/{await by_code(site)}")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"


async def test_a_passkey_is_enrolled_from_the_code_to_the_end(site: Desktop) -> None:
    token = await by_code(site)
    assert "Step 2 of 2" in (await site.get(f"/mfa/enroll/{token}")).seen.text
    answer = await site.passkey(token, site.device(), "MacBook <b>")
    assert (answer.status, answer.headers["Location"]) == (303, f"/mfa/enroll/{token}/done")
    done = (await site.get(f"/mfa/enroll/{token}/done")).seen
    assert "Your second factor is enrolled" in done.text
    assert "a passkey “MacBook <b>”" in done.text
    assert "b" not in done.tags
    (held,) = await site.held()
    assert (held.method, held.name, held.enrolled_by) == ("passkey", "MacBook <b>", "slack:T1/U02BO")
    assert (await site.get(f"/mfa/enroll/{token}")).headers["X-Portcullis-Refusal"] == "link-used"


async def test_what_waits_for_an_administrator_is_told_to_its_owner(site: Desktop) -> None:
    await site.desk.administrator("ada")
    token = await by_code(site)
    await site.passkey(token, site.device())
    done = (await site.get(f"/mfa/enroll/{token}/done")).seen
    assert "It proves nothing until an administrator has confirmed it" in done.text
    assert "/deploy confirm-factor bo" in done.text


async def test_a_second_browser_with_the_same_link_enrols_nothing(site: Desktop) -> None:
    """The attack: a thief of the Slack login opened the link, and has the victim prove themselves on it."""
    thief = await site.another()
    token = await by_code(site)
    assert "Step 1 of 2" in (await thief.get(f"/mfa/enroll/{token}")).seen.text
    refused = await thief.passkey(token, thief.device())
    assert (refused.status, json.loads(refused.body)["error"]) == (403, "not-proved")
    assert (await thief.post(f"/mfa/enroll/{token}/new-app")).headers["X-Portcullis-Refusal"] == "not-proved"
    gone = await thief.post(f"/mfa/enroll/{token}/remove", {"factor": "x"})
    assert gone.headers["X-Portcullis-Refusal"] == "not-proved"
    assert await site.held() == []
    assert (await site.passkey(token, site.device())).status == 303


async def test_a_cookie_that_the_thief_made_up_before_is_not_the_one_that_counts(site: Desktop) -> None:
    """Fixation: the victim's browser comes with a cookie that the thief knows; the proof sets a new one."""
    known = "A" * 43
    site.session.cookie_jar.update_cookies({BROWSER: known}, response_url=aiohttp.client.URL(site.origin))
    token = await by_code(site)
    thief = await site.another()
    thief.session.cookie_jar.update_cookies({BROWSER: known}, response_url=aiohttp.client.URL(site.origin))
    assert "Step 1 of 2" in (await thief.get(f"/mfa/enroll/{token}")).seen.text


async def test_the_cookie_is_one_that_no_script_reads(site: Desktop) -> None:
    code = await site.desk.issue("bo")
    token = await site.desk.begin("bo")
    answer = await site.post(f"/mfa/enroll/{token}/host-code", {"host-code": code})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


async def test_a_wrong_code_stands_beside_its_field_and_five_lock(site: Desktop) -> None:
    token = await site.desk.begin("bo")
    for left in ("4 tries are left", "3 tries are left", "2 tries are left", "One try is left"):
        answer = await site.post(f"/mfa/enroll/{token}/host-code", {"host-code": "<script>"})
        assert answer.status == 422
        assert left in answer.seen.text
    last = await site.post(f"/mfa/enroll/{token}/host-code", {"host-code": "AAAA"})
    assert "That was the last try" in last.seen.text
    locked = await site.get(f"/mfa/enroll/{token}")
    assert (locked.status, locked.headers["X-Portcullis-Refusal"]) == (429, "locked-out")


async def test_an_app_is_set_up_with_a_picture_that_no_other_address_gets_to_know(site: Desktop) -> None:
    token = await by_code(site)
    shown = await site.post(f"/mfa/enroll/{token}/new-app")
    assert shown.status == 200
    assert SVG.search(shown.body)
    assert "style=" not in shown.body
    assert not any(address.startswith(("http", "data:", "//")) for address in shown.seen.loads)
    secret = re.sub(r"\s", "", re.findall(r'class="secret">([A-Z2-7 ]+)<', shown.body)[0])
    (challenge,) = CHALLENGE.findall(shown.body)
    wrong = await site.post(
        f"/mfa/enroll/{token}/new-app/code", {"challenge": challenge, "code": "000000", "name": "Pixel"}
    )
    assert wrong.status == 422
    assert secret not in wrong.body.replace(" ", "")
    assert 'value="Pixel"' in wrong.body
    code = pyotp.TOTP(secret).at(site.world.clock.now())
    done = await site.post(
        f"/mfa/enroll/{token}/new-app/code", {"challenge": challenge, "code": code, "name": "Pixel"}
    )
    assert done.headers["Location"] == f"/mfa/enroll/{token}/done"
    (held,) = await site.held()
    assert (held.method, held.name) == ("totp", "Pixel")
    assert secret not in str(await site.world.entries())


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "12345a", "1" * 200])
async def test_what_is_no_code_is_told_and_costs_no_try(site: Desktop, code: str) -> None:
    token = await by_code(site)
    (challenge,) = CHALLENGE.findall((await site.post(f"/mfa/enroll/{token}/new-app")).body)
    answer = await site.post(f"/mfa/enroll/{token}/new-app/code", {"challenge": challenge, "code": code})
    assert answer.status == 422
    assert "six digits" in answer.seen.text
    since = site.world.clock.now() - 15 * MINUTE
    assert await site.world.ledger.read(lambda tx: tx.credentials.failures_since("bo", since)) == 0


async def test_a_passkey_that_one_has_proves_oneself_and_takes_a_lost_one_away(site: Desktop) -> None:
    first, second = site.device(), site.device()
    await site.passkey(await by_code(site, "ada"), first, "First")
    site.world.clock.advance(2 * DAY)
    for device, name in ((second, "Second"),):
        token = await site.desk.begin("ada")
        await _by_passkey(site, token, first)
        await site.passkey(token, device, name)
    token = await site.desk.begin("ada")
    page = await site.get(f"/mfa/enroll/{token}")
    assert "A passkey “Second”" in page.seen.text
    assert "for production from" in page.seen.text
    assert "Take away" not in page.seen.text
    await _by_passkey(site, token, first)
    offered = await site.get(f"/mfa/enroll/{token}")
    assert offered.seen.actions.count(f"/mfa/enroll/{token}/remove") == 1  # not the one that proved it
    lost = next(c for c in await site.held("ada") if c.name == "Second")
    gone = await site.post(f"/mfa/enroll/{token}/remove", {"factor": lost.id})
    assert "a passkey “Second” proves nothing" in gone.seen.text
    assert [c.name for c in await site.held("ada")] == ["First"]
    assert "This link did what it was for" in (await site.get(f"/mfa/enroll/{token}/done")).seen.text


async def _by_passkey(site: Desktop, token: str, device: SoftAuthenticator) -> None:
    status, asked = await site.json(f"/mfa/enroll/{token}/challenge")
    assert status == 200
    fields = {"challenge": asked["challenge"], "answer": json.dumps(device.get(asked["options"]))}
    answer = await site.post(f"/mfa/enroll/{token}/passkey", fields)
    assert answer.status == 303, answer.seen.text


async def test_a_code_of_ones_app_proves_oneself(site: Desktop) -> None:
    secret = site.desk.totp.new_secret()
    sealed = site.desk.totp.sealed(secret, person="bo")
    world = site.world
    await enroll_totp(world.ledger, world.policy, person="bo", sealed=sealed, by="root", again=False)
    token = await site.desk.begin("bo")
    wrong = await site.post(f"/mfa/enroll/{token}/app-code", {"code": "000000"})
    assert wrong.status == 422
    assert "That code is wrong" in wrong.seen.text
    code = pyotp.TOTP(secret).at(world.clock.now())
    assert (await site.post(f"/mfa/enroll/{token}/app-code", {"code": code})).status == 303
    assert "Step 2 of 2" in (await site.get(f"/mfa/enroll/{token}")).seen.text


PATHS = [
    "host-code",
    "challenge",
    "passkey",
    "app-code",
    "new-passkey/challenge",
    "new-passkey",
    "new-app",
    "new-app/code",
    "remove",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_nothing_is_taken_from_another_site(site: Desktop, path: str, origin: str) -> None:
    token = await by_code(site)
    before = await site.world.everything()
    answer = await site.post(f"/mfa/enroll/{token}/{path}", {}, Origin=origin)
    assert answer.status == 403
    assert await site.world.everything() == before


@pytest.mark.parametrize("path", ["", "/done", *(f"/{p}" for p in PATHS)])
async def test_a_link_that_nobody_was_given_leads_nowhere(site: Desktop, path: str) -> None:
    link = f"/mfa/enroll/{'A' * 43}{path}"
    if path.endswith("challenge"):
        status, _ = await site.json(link)
    elif path in ("", "/done"):
        status = (await site.get(link)).status
    else:
        fields = {"host-code": "AAAA", "code": "123456", "answer": "{}", "challenge": "x", "factor": "x"}
        status = (await site.post(link, fields)).status
    assert status == 404


@pytest.mark.parametrize("answer", ["", "[]", "{}", "null", '{"id": 7}', '{"response": {}}', "{" * 2000])
async def test_an_answer_that_no_authenticator_gives_enrols_nothing(site: Desktop, answer: str) -> None:
    token = await by_code(site)
    _, made = await site.json(f"/mfa/enroll/{token}/new-passkey/challenge")
    sent = await site.post(
        f"/mfa/enroll/{token}/new-passkey", {"challenge": made["challenge"], "answer": answer}
    )
    assert 400 <= sent.status < 500
    assert await site.held() == []


async def test_a_creation_is_answered_once_and_an_assertion_is_no_creation(site: Desktop) -> None:
    token = await by_code(site)
    _, made = await site.json(f"/mfa/enroll/{token}/new-passkey/challenge")
    device = site.device()
    signed = {"challenge": made["challenge"], "answer": json.dumps(device.get(made["options"]))}
    assert (await site.post(f"/mfa/enroll/{token}/new-passkey", signed)).status == 403
    made_late = {"challenge": made["challenge"], "answer": json.dumps(device.create(made["options"]))}
    late = await site.post(f"/mfa/enroll/{token}/new-passkey", made_late)
    assert late.headers["X-Portcullis-Refusal"] == "challenge-over"
    assert (await site.passkey(token, device)).status == 303


async def test_the_options_exclude_what_one_has_and_demand_verification(site: Desktop) -> None:
    first = site.device()
    await site.passkey(await by_code(site, "ada"), first)
    token = await site.desk.begin("ada")
    await _by_passkey(site, token, first)
    _, made = await site.json(f"/mfa/enroll/{token}/new-passkey/challenge")
    assert len(made["options"]["excludeCredentials"]) == 1
    assert made["options"]["authenticatorSelection"]["userVerification"] == "required"
    unverified = site.device()
    unverified.verifies = False
    refused = await site.passkey(token, unverified)
    assert refused.headers["X-Portcullis-Refusal"] == "passkey-unverified"


async def test_the_usual_address_of_a_link_leads_to_its_enrolment(site: Desktop) -> None:
    token = await site.desk.begin("bo")
    answer = await site.get(f"/mfa/{token}")
    assert (answer.status, answer.headers["Location"]) == (303, f"/mfa/enroll/{token}")
