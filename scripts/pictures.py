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


async def story(page: Page, tour: Tour) -> str:
    """The journey, photographed where it is worth a look; gives the code that Bo used up."""
    await page.goto(tour.run.url("sandbox"))
    await tour.command(LIN, "Lin", "request catalogue bad5eed ticket=CHG-1206 Fix the banner")
    await tour.told(LIN, "Lin", "CVE-2026-1234")
    reason = "Retry card captures on timeouts"
    await tour.command(LIN, "Lin", f"request catalogue b81e6f0 ticket=CHG-1207 {reason}")
    card = await tour.message(DEPLOYMENTS, "b81e6f0", "Approve")
    await shot(page, "sandbox")
    used = await own_pages(page, tour, card)
    await tour.message(DEPLOYMENTS, "b81e6f0", "Live")
    await become(page, "Lin Wu")
    await shot(page, "live")
    return used


async def trouble(browser: Browser, page: Page, tour: Tour, used: str) -> None:
    """An incident from the first reading to its post-mortem: its thread, its page to a person, and the status page."""
    await tour.world("/fault", {"health": "error"})
    card = await tour.message(INCIDENTS, "RED", f"<@{CY}>")
    await tour.message(INCIDENTS, "Step 1 of 3", thread_of=card["ts"])
    await words(page, tour)
    await become(page, "Cy Mora")
    await page.set_viewport_size({"width": 1140, "height": 760})
    await page.get_by_text("incidents", exact=True).first.click()
    await page.get_by_role("button", name=re.compile("repl(y|ies)")).last.click()
    await shot(page, "incident")
    await page.get_by_text("portcullis", exact=True).first.click()
    await shot(page, "page")
    await page.get_by_text("incidents", exact=True).first.click()
    await page.get_by_role("button", name=re.compile("repl(y|ies)")).last.click()
    await standing(browser, tour, "status", "Fix first: production")
    await tour.press(LIN, "Lin", "Escalate", card, INCIDENTS)
    await tour.message(INCIDENTS, "Step 2 of 3: told Ada", thread_of=card["ts"])
    await shot(page, "incident-escalated")
    await tour.press(CY, "Cy", "Acknowledge", card, INCIDENTS)
    await tour.message(INCIDENTS, "Nobody else is paged", thread_of=card["ts"])
    await shot(page, "incident-acknowledged")
    await go_back(tour, await tour.message(INCIDENTS, "RED", "Cy has it"), used)
    await tour.message(INCIDENTS, "Post-mortem of INC-1")
    await page.get_by_role("button", name="Close Thread").click()
    await become(page, "Vic Ehrlich")
    await shot(page, "incident-resolved")
    await page.get_by_role("button", name=re.compile("repl(y|ies)")).first.click()
    await shot(page, "incident-timeline")
    await page.get_by_role("button", name="Close Thread").click()
    await write_it(tour)
    await page.set_viewport_size({"width": 1000, "height": 960})
    await shot(page, "postmortem")


async def go_back(tour: Tour, card: Message, used: str) -> None:
    """Cy asks for the version before, and Bo signs, with a code that he has not used yet."""
    await tour.press(CY, "Cy", "Roll back", card, INCIDENTS)
    await tour.modal(CY, "Cy", "Roll back")
    await tour.slack.submit(CY, {"reason": "503 since it is live"})
    asked = await tour.message(DEPLOYMENTS, "Roll back catalogue", "[ Approve ]")
    await tour.browser("Bo").open(await tour.link_of_press(BO, "Bo", "Approve", asked, DEPLOYMENTS))
    async with asyncio.timeout(40):
        while tour.run.code("bo") == used:  # noqa: ASYNC110 -- time is all there is to wait for
            await asyncio.sleep(0.5)
    await tour.sign("Bo", "Approve with a code", code=tour.run.code("bo"))
    await tour.message(INCIDENTS, "RESOLVED")


async def write_it(tour: Tour) -> None:
    """Cy writes the post-mortem, and it is published."""
    draft = await tour.message(INCIDENTS, "Post-mortem of INC-1", "[ Write ]")
    await tour.press(CY, "Cy", "Write", draft, INCIDENTS)
    await tour.modal(CY, "Cy", "Post-mortem of INC-1")
    whys = (
        "The catalogue answered 503.",
        "Its connections to the database were used up.",
        "A retry opened a new one each time.",
        "No test retries against a full pool.",
        "Staging's database takes ten times as many connections as production's.",
    )
    written = {f"why-{n}": why for n, why in enumerate(whys, 1)}
    written |= {
        "summary": "A new version used up the connections of the database.",
        "impact": "No catalogue.",
    }
    await tour.slack.submit(CY, written)
    day = (SystemClock().now() + timedelta(days=9)).date().isoformat()
    await tour.slack.command(
        CY, f"actions add INC-1 ada {day} The same pool in staging", channel=INCIDENTS, command="/env"
    )
    draft = await tour.message(INCIDENTS, "Post-mortem of INC-1", "Nothing is missing")
    await tour.press(CY, "Cy", "Publish", draft, INCIDENTS)
    await tour.message(INCIDENTS, "What is done about it", "What happened")


async def duty(page: Page, tour: Tour) -> None:
    """Who is on call, an override of it, and the hand-off that follows."""
    for text in ("handoff db-2 is slow since noon", "override primary bo until 4h Dentist"):
        await tour.slack.command(CY, text, channel=GENERAL, command="/oncall")
    await tour.paged(BO, "Bo", "You are on call in primary", "db-2 is slow")
    await tour.slack.command(LIN, "who", channel=GENERAL, command="/oncall")
    await page.set_viewport_size({"width": 1000, "height": 560})
    await become(page, "Lin Wu")
    await page.get_by_text("general", exact=True).first.click()
    await shot(page, "oncall")
    await become(page, "Bo Rask")
    await page.get_by_text("portcullis", exact=True).first.click()
    await shot(page, "handoff")


async def own_pages(slack: Page, tour: Tour, card: Message) -> str:
    """Our own two pages, and what they say afterwards: a passkey is enrolled, and approves. Gives the
    code by which Bo confirmed it."""
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
    used = tour.run.code("bo")
    await tour.sign("Bo", "Confirm with a code", code=used)
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
    return used


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


async def standing(browser: Browser, tour: Tour, name: str, headline: str) -> None:
    """How everything stands, on the status page: by day, by night, and on a phone."""
    for suffix, width, scheme in (("", 1100, "light"), ("-dark", 1100, "dark"), ("-phone", 390, "light")):
        made = await browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)
        page = await made.new_page()
        await page.goto(tour.run.url("bot") + "/status")
        await page.get_by_text(headline).first.wait_for()
        await shot(page, name + suffix, whole=True)
        await made.close()


async def nobody_knows(browser: Browser, tour: Tour) -> None:
    """A status file that is half written says nothing, and that is what is shown."""
    (tour.run.folder / "deployment" / "status" / "staging.status").write_text("GRE")
    await until(tour, "staging is UNKNOWN", "staging", "UNKNOWN")
    await standing(browser, tour, "status-unknown", "staging")


async def until(tour: Tour, what: str, environment: str, colour: str) -> None:
    """Wait until the bot says that an environment has a colour."""
    visitor = tour.browser("Anybody")
    wanted = f'"name":"{environment}"'

    async def so() -> bool:
        said = "".join((await visitor.open(tour.run.origin + "/status.json")).split())
        return f'"status":"{colour}"' in said.partition(wanted)[2].partition('"incidents"')[0]

    await tour.slack.wait_for(so, what=what, timeout=30)


async def words(page: Page, tour: Tour) -> None:
    """The same in Slack: `/env`."""
    for text in ("", "next", "history"):
        await tour.slack.command(LIN, text, channel=GENERAL, command="/env")
    await become(page, "Lin Wu")
    await page.get_by_text("general", exact=True).first.click()
    await shot(page, "env")


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
            await standing(browser, tour, "status-green", "All environments are GREEN")
            used = await story(page, tour)
            await trouble(browser, page, tour, used)
            await duty(page, tour)
            await nobody_knows(browser, tour)
            await page.set_viewport_size({"width": 1100, "height": 860})
            await page.goto(tour.run.url("world"))
            await shot(page, "world", whole=True)
            await week(browser, tour)
        finally:
            await page.screenshot(path=folder / "last.png")
            await browser.close()
            await tour.aclose()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
