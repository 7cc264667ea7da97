"""Enrolling in a real browser: from the host's code to an approval, with an administrator in between, and thieves."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pyotp
import pytest
from playwright.async_api import Page, expect

from bot.domain.change_request import RequestState
from bot.domain.second_factor import Credential
from tests.browser.conftest import ALL_METHODS, Open, PageStage, authenticator, free_port
from tests.sandbox.test_page import CHROMIUM
from tests.scenarios.hands import ADA, DEPLOYMENTS, PEOPLE, VIC

expect.set_options(timeout=15_000)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.requirement("P8"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]
ROOT = Path(__file__).resolve().parents[2]
KEEPERS = (
    "version: 1\n",
    "version: 1\nsecond_factors: {administrators: [platform-lead, vp-engineering], cool_off: 0s}\n",
)
LINK = re.compile(r"http://localhost:\d+/mfa/(?:enroll/)?[A-Za-z0-9_-]{43}")
CODE = re.compile(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}")


@pytest.fixture
async def stage(tmp_path: Path, sqlite_url: str) -> AsyncIterator[PageStage]:
    """Vic, an administrator, has an authenticator app; Ada, another one, has nothing."""
    stage = PageStage(folder=tmp_path, database_url=sqlite_url)
    try:
        await stage.open(ALL_METHODS, KEEPERS, enrolled=("vic",))
        port = free_port()
        stage.environment |= {
            "PORTCULLIS_HTTP_PORT": str(port),
            "PORTCULLIS_PUBLIC_URL": f"http://localhost:{port}",
        }
        await stage.start()
        await stage.begin()
        yield stage
    finally:
        await stage.close()


async def answered(stage: PageStage, user: str, text: str) -> str:
    """Type a command, and take the link of its answer."""
    delivered = await stage.people.command(user, text, channel=DEPLOYMENTS, command="/deploy")
    found = LINK.search(str(delivered.body))
    assert found, delivered.body
    return found[0]


async def on_host(stage: PageStage, person: str) -> str:
    """`portcullis enroll PERSON`, as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "enroll", person),
        env={**stage.environment, "PYTHONPATH": str(ROOT)},
        cwd=stage.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    (code,) = CODE.findall(out.decode())
    return str(code)


async def held(stage: PageStage, person: str = "ada") -> list[Credential]:
    return await stage.ledger.read(lambda tx: tx.credentials.of(person))


async def prove(page: Page, code: str) -> None:
    await page.get_by_label("One-use code").fill(code)
    await page.get_by_role("button", name="Use the code").click()
    await expect(page.get_by_text("You have proved that you are Ada")).to_be_visible()


async def make_passkey(page: Page, name: str = "MacBook") -> None:
    await page.get_by_label("What you call it").first.fill(name)
    await page.get_by_role("button", name="Make a passkey").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "Enrolled; an administrator has to confirm it"
    )


async def test_a_passkey_from_the_hosts_code_to_an_approval(stage: PageStage, visit: Open) -> None:
    code = await on_host(stage, "ada")
    page = await visit(await answered(stage, ADA, "enroll"))
    await authenticator(page)
    await prove(page, code)
    await make_passkey(page)
    await expect(page.get_by_text("until an administrator has confirmed it")).to_be_visible()
    await stage.told(ADA, "It proves nothing until an administrator has confirmed it")
    await stage.message(DEPLOYMENTS, "Ada enrolled a passkey “MacBook”", "/deploy confirm-factor ada")

    theirs = await visit(await answered(stage, VIC, "confirm-factor ada"))
    await expect(theirs.get_by_text("MacBook (passkey)")).to_be_visible()
    await theirs.get_by_label("Code").fill(stage.code("vic"))
    await theirs.get_by_role("button", name="Confirm with a code").click()
    await expect(theirs.get_by_role("heading", level=1)).to_have_text("You confirmed the second factor")
    await expect(theirs.get_by_text("Its owner is told now")).to_be_visible()
    await stage.told(ADA, "Vic confirmed a passkey “MacBook” of yours")

    request = await stage.asked()
    await page.goto(await stage.link("ada", request))
    await page.get_by_role("button", name="Approve with a passkey").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your approval is recorded")
    await stage.until(request, RequestState.LIVE)
    assert [c.confirmed_by for c in await held(stage)] == ["vic"]


async def test_the_thief_of_a_slack_login_has_the_victim_prove_it_and_enrols_nothing(
    stage: PageStage, visit: Open
) -> None:
    """Two browsers, one link: the one that proved it enrols, and the thief's, which had the link first, does not."""
    code = await on_host(stage, "ada")
    link = await answered(stage, ADA, "enroll")  # by the thief, with Ada's login
    thief = await visit(link)
    await authenticator(thief)
    victim = await visit(link)
    await authenticator(victim)
    await prove(victim, code)
    await thief.reload()
    await expect(thief.get_by_text("Step 1 of 2")).to_be_visible()
    said = await thief.evaluate(
        """async (path) => (await (await fetch(path, {method: "POST", body: "{}",
        headers: {"Content-Type": "application/json"}})).json()).error""",
        thief.url.removeprefix(stage.origin) + "/new-passkey/challenge",
    )
    assert said == "not-proved"
    assert await held(stage) == []
    await make_passkey(victim)
    assert [c.person for c in await held(stage)] == ["ada"]


async def test_an_app_is_set_up_without_any_script(stage: PageStage, visit: Open) -> None:
    page = await visit(await answered(stage, ADA, "enroll"), java_script_enabled=False)
    await expect(page.get_by_text("This browser cannot use passkeys here")).to_have_count(0)
    await prove(page, await on_host(stage, "ada"))
    await page.get_by_role("button", name="Set up an authenticator app").click()
    secret = (await page.locator(".secret").inner_text()).replace(" ", "")
    await expect(page.locator(".picture svg")).to_be_visible()
    await page.get_by_role("textbox", name="Code").fill("000000")
    await page.get_by_role("button", name="Enrol it").click()
    await expect(page.get_by_role("alert")).to_contain_text("That code is wrong")
    await expect(page.locator(".secret")).to_have_count(0)
    await page.get_by_role("textbox", name="Code").fill(pyotp.TOTP(secret).at(stage.clock.now()))
    await page.get_by_label("What you call it").fill("Pixel")
    await page.get_by_role("button", name="Enrol it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "Enrolled; an administrator has to confirm it"
    )
    assert [(c.method, c.name) for c in await held(stage)] == [("totp", "Pixel")]


async def test_an_authenticator_makes_no_second_passkey_for_the_same_person(
    stage: PageStage, visit: Open
) -> None:
    page = await visit(await answered(stage, ADA, "enroll"))
    await authenticator(page)
    await prove(page, await on_host(stage, "ada"))
    await make_passkey(page)
    await (await visit(await answered(stage, VIC, "confirm-factor ada"))).close()
    await confirm(stage, visit)
    await page.goto(await answered(stage, ADA, "enroll"))
    await page.get_by_role("button", name="Use a passkey that you have already").click()
    await expect(page.get_by_text("You have proved that you are Ada")).to_be_visible()
    await page.get_by_role("button", name="Make a passkey").click()
    await expect(page.get_by_role("status")).to_contain_text("holds a passkey of yours already")
    assert len(await held(stage)) == 1


async def confirm(stage: PageStage, visit: Open, person: str = "ada") -> None:
    """Vic confirms it."""
    page = await visit(await answered(stage, VIC, f"confirm-factor {person}"))
    await page.get_by_label("Code").fill(stage.code("vic"))
    await page.get_by_role("button", name="Confirm with a code").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You confirmed the second factor")


async def test_two_administrators_take_it_all_away_and_a_third_person_cannot(
    stage: PageStage, visit: Open
) -> None:
    page = await visit(await answered(stage, ADA, "enroll"))
    await authenticator(page)
    await prove(page, await on_host(stage, "ada"))
    await make_passkey(page)
    await confirm(stage, visit)
    bo = await stage.deploy(PEOPLE["bo"], "reset-factor vic lost")
    assert "This takes an administrator of second factors" in bo
    own = await stage.deploy(VIC, "reset-factor vic it was not me")
    assert "The channel was told" in own
    await stage.message(DEPLOYMENTS, "ALARM:* Vic says that their second factors are not their own")
    theirs = await visit(await answered(stage, VIC, "reset-factor ada phone stolen"))
    await expect(theirs.get_by_text("phone stolen")).to_be_visible()
    await theirs.get_by_label("Code").fill(stage.code("vic", later=1))
    await theirs.get_by_role("button", name="Take them away with a code").click()
    await expect(theirs.get_by_role("heading", level=1)).to_have_text("Your word is recorded")
    await stage.told(ADA, "Vic asks that everything you enrolled and linked is taken away")
    assert len(await held(stage)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_fit_a_phone(stage: PageStage, visit: Open, scheme: str) -> None:
    page = await visit(
        await answered(stage, ADA, "enroll"), viewport={"width": 360, "height": 740}, color_scheme=scheme
    )
    await authenticator(page)

    async def fits() -> None:
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await page.evaluate(wide)

    await fits()
    await prove(page, await on_host(stage, "ada"))
    await fits()
    await page.get_by_role("button", name="Set up an authenticator app").click()
    await expect(page.locator(".picture svg")).to_be_visible()
    await fits()
