"""Makes the pictures of the README and docs: drives the demo and photographs it in Chromium."""

import asyncio
import re
import shutil
import signal
import sys
from datetime import timedelta

from playwright.async_api import Browser, Page, async_playwright

from bot.adapters.clock import SystemClock
from examples.demo import ROOT, free_ports, running
from examples.tour import ADA, CY, DEPLOYMENTS, INCIDENTS, LIN, Tour, need
from sandbox.client import SandboxClient

PICTURES = ROOT / "docs" / "pictures"
GENERAL = "C04GENERA"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


async def shot(page: Page, name: str) -> None:
    """One picture, once the page is quiet."""
    await page.wait_for_timeout(600)
    await page.screenshot(path=PICTURES / f"{name}.png")


async def story(page: Page, tour: Tour) -> None:
    """The journey, photographed where it is worth a look."""
    await page.goto(tour.run.url("sandbox"))
    await tour.command(LIN, "Lin", "request catalogue bad5eed ticket=CHG-1206 Fix the banner")
    await tour.told(LIN, "Lin", "CVE-2026-1234")
    reason = "Retry card captures on timeouts"
    await tour.command(LIN, "Lin", f"request catalogue b81e6f0 ticket=CHG-1207 {reason}")
    card = await tour.message(DEPLOYMENTS, "b81e6f0", "Approve")
    await shot(page, "sandbox")
    await tour.press(ADA, "Ada", "Approve", card, DEPLOYMENTS)
    await tour.modal(ADA, "Ada", "b81e6f0")
    await become(page, "Ada Lopez")
    await shot(page, "approve")
    await tour.slack.submit(ADA, {"code": tour.run.code("ada")})
    await tour.slack.close(ADA, everything=True)
    await tour.message(DEPLOYMENTS, "b81e6f0", "Live")
    await shot(page, "live")
    await tour.world("/health", {"health": "error"})
    incident = await tour.message(INCIDENTS, "RED", f"<@{CY}>")
    await become(page, "Cy Mora")
    await page.get_by_text("incidents", exact=True).first.click()
    await shot(page, "incident")
    await tour.press(CY, "Cy", "Acknowledge", incident, INCIDENTS)
    await page.goto(tour.run.url("world"))
    await shot(page, "world")


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
    for name, width, scale in (("windows", 1280, 1), ("windows-phone", 390, 2)):
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
        try:
            tour = Tour(run, slack)
            await story(page, tour)
            await week(browser, tour)
        finally:
            await page.screenshot(path=folder / "last.png")
            await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
