"""Makes the pictures of the README and docs: drives the demo and photographs it in Chromium."""

import asyncio
import re
import shutil
import signal
import sys
from datetime import timedelta

from playwright.async_api import Browser, Page, async_playwright

from bot.adapters.clock import SystemClock
from examples.demo import COOL_OFF, ROOT, free_ports, running
from examples.journey import ADA, BO, CY, DEPLOYMENTS, INCIDENTS, LIN, ONE_USE, Message, Tour, need
from sandbox.client import SandboxClient

PICTURES = ROOT / "docs" / "pictures"
GENERAL = "C04GENERA"
LARGEST = 200_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


async def shot(page: Page, name: str, *, whole: bool = False) -> None:
    """One picture, once the page is quiet; `whole`: of what has to be scrolled to as well."""
    await page.wait_for_timeout(600)
    target = PICTURES / f"{name}.png"
    await page.screenshot(path=target, full_page=whole)
    need(target.stat().st_size < LARGEST, f"{target.name} under {LARGEST} bytes")


async def story(page: Page, tour: Tour) -> None:
    """The journey, photographed where it is worth a look."""
    await page.goto(tour.run.url("sandbox"))
    await tour.command(LIN, "Lin", "request catalogue bad5eed ticket=CHG-1206 Fix the banner")
    await tour.told(LIN, "Lin", "CVE-2026-1234")
    reason = "Retry card captures on timeouts"
    await tour.command(LIN, "Lin", f"request catalogue b81e6f0 ticket=CHG-1207 {reason}")
    card = await tour.message(DEPLOYMENTS, "b81e6f0", "Approve")
    await shot(page, "sandbox")
    await own_pages(page, tour, card)
    await tour.message(DEPLOYMENTS, "b81e6f0", "Live")
    await become(page, "Lin Wu")
    await shot(page, "live")
    await tour.world("/health", {"health": "error"})
    incident = await tour.message(INCIDENTS, "RED", f"<@{CY}>")
    await become(page, "Cy Mora")
    await page.get_by_text("incidents", exact=True).first.click()
    await shot(page, "incident")
    await tour.press(CY, "Cy", "Acknowledge", incident, INCIDENTS)
    await page.goto(tour.run.url("world"))
    await shot(page, "world")


async def own_pages(slack: Page, tour: Tour, card: Message) -> None:
    """Our own two pages, and what they say afterwards: a passkey is enrolled, and approves."""
    if slack.context.browser is None:
        raise AssertionError("a page without a browser")
    page = await slack.context.browser.new_page(viewport={"width": 760, "height": 620})
    await hold_a_passkey(page)
    await page.goto(await tour.link_of_command(ADA, "Ada", "enroll"))
    await looks(page, "enrolment", "Enrol a second factor for Ada")
    code = ONE_USE.findall(await tour.portcullis("enroll", "ada"))[0]
    await page.get_by_label("One-use code").fill(code)
    await page.get_by_role("button", name="Use the code").click()
    await page.get_by_label("What you call it").fill("MacBook")
    await shot(page, "enrolment-passkey", whole=True)
    await page.get_by_role("button", name="Make a passkey").click()
    await page.get_by_role("heading", name="Enrolled").wait_for()
    await tour.browser("Bo").open(await tour.link_of_command(BO, "Bo", "confirm-factor ada"))
    await tour.sign("Bo", "Confirm with a code", code=tour.run.code("bo"))
    await asyncio.sleep(COOL_OFF)
    link = await tour.link_of_press(ADA, "Ada", "Approve", card, DEPLOYMENTS)
    await become(slack, "Ada Lopez")
    await shot(slack, "approve")
    await page.goto(link)
    await looks(page, "approval", "Approve catalogue b81e6f0 → production?")
    await page.get_by_role("button", name="Approve with a passkey").click()
    await page.get_by_role("heading", name="Your approval is recorded").wait_for()
    await page.set_viewport_size({"width": 760, "height": 320})
    await shot(page, "recorded")
    await page.close()


async def hold_a_passkey(page: Page) -> None:
    """Plug an authenticator in that stands for the person's laptop, whose finger is always on it."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("WebAuthn.enable", {"enableUI": False})
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
    }
    device |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    await devtools.send("WebAuthn.addVirtualAuthenticator", {"options": device})


async def looks(page: Page, name: str, heading: str) -> None:
    """One page as it looks by day, by night, and on a phone."""
    await page.get_by_role("heading", level=1, name=heading).wait_for()
    await shot(page, name, whole=True)
    await page.emulate_media(color_scheme="dark")
    await shot(page, f"{name}-dark", whole=True)
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 390, "height": 620})
    await shot(page, f"{name}-phone", whole=True)
    await page.set_viewport_size({"width": 760, "height": 620})


async def week(browser: Browser, tour: Tour) -> None:
    """`/deploy windows`, at a desk and on a phone, in a week that has a bit of everything whenever it is taken."""
    policy = tour.run.folder / "policy.yaml"
    begins = SystemClock().now().date() + timedelta(days=6)
    dates = f'from: "{begins}", to: "{begins + timedelta(days=8)}"'
    text, found = re.subn(
        r'(name: black-friday,.*?)from: "[^"]+", to: "[^"]+"', rf"\1{dates}", policy.read_text()
    )
    need(found == 1, "the example has its freeze")
    policy.write_text(text)
    tour.run.processes["bot"].send_signal(signal.SIGHUP)
    await tour.message(DEPLOYMENTS, "in force")
    await tour.command(LIN, "Lin", "windows production checkout", GENERAL)
    await tour.told(LIN, "Lin", "production / checkout", "Next freeze")
    for name, width, scale in (("windows", 1280, 1), ("windows-phone", 390, 1.5)):
        page = await browser.new_page(viewport={"width": width, "height": 860}, device_scale_factor=scale)
        await page.goto(tour.run.url("sandbox"))
        await page.wait_for_timeout(600)
        if name == "windows-phone":
            await page.locator(".menu").click()
        await page.get_by_text("general", exact=True).first.click()
        await shot(page, name)
        await page.close()


async def become(page: Page, name: str) -> None:
    """Switch the persona."""
    await page.locator(".persona summary").click()
    await page.get_by_role("radio", name=name).click()


async def main() -> int:
    """Write the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    folder = ROOT / "var" / "pictures"
    async with (
        running("readiness", folder, free_ports()) as run,
        SandboxClient(run.url("sandbox")) as slack,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 860})
        tour = Tour(run, slack)
        try:
            await story(page, tour)
            await week(browser, tour)
        finally:
            await page.screenshot(path=folder / "last.png")
            await browser.close()
            await tour.aclose()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
