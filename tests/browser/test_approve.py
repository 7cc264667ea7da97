"""Approving in a real browser: by passkey, by code without a script, and everything that must not work."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from bot.domain.change_request import RequestState
from bot.domain.fingerprint import short
from tests.browser.conftest import Open, PageStage, authenticator, new_key
from tests.sandbox.test_page import CHROMIUM
from tests.scenarios.hands import ADA

expect.set_options(timeout=15_000)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]
APPROVE = "Approve with a passkey"


async def press(page: Page) -> None:
    await page.get_by_role("button", name=APPROVE).click()


async def refused(page: Page, words: str) -> None:
    await expect(page.get_by_role("status")).to_contain_text(words)


@pytest.mark.requirement("P8")
async def test_a_passkey_approves_from_slack_to_live(stage: PageStage, visit: Open) -> None:
    key = new_key("ada")
    await stage.give("ada", key)
    request = await stage.asked()
    page = await visit(await stage.link("ada", request))
    await (await authenticator(page)).hold(key)
    fingerprint = short((await stage.request(request)).fingerprint or "")
    assert fingerprint in str(await stage.people.ephemerals(ADA))
    await expect(page.locator(".short")).to_have_text(fingerprint)
    await expect(page.get_by_text("You are asked as Ada")).to_be_visible()
    await press(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your approval is recorded")
    await stage.until(request, RequestState.LIVE)
    entry = (await stage.entries("approval.signed"))[0]
    assert (entry["by"]["person"], entry["by"]["via"].rpartition("/")[2]) == ("ada", ADA)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your approval is recorded")
    assert len(await stage.entries("approval.signed")) == 1


@pytest.mark.requirement("P8")
async def test_a_code_approves_without_any_script(stage: PageStage, visit: Open) -> None:
    request = await stage.asked()
    page = await visit(await stage.link("bo", request), java_script_enabled=False)
    await page.get_by_label("Code").fill(stage.wrong_code("bo"))
    await page.get_by_role("button", name="Approve with a code").click()
    await expect(page.get_by_role("alert")).to_contain_text("That code is wrong. 4 tries are left.")
    await page.get_by_label("Code").fill(stage.code("bo"))
    await page.get_by_role("button", name="Approve with a code").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your approval is recorded")
    await stage.until(request, RequestState.LIVE)


async def test_looking_at_a_link_uses_nothing_up(stage: PageStage, visit: Open) -> None:
    request = await stage.asked()
    link = await stage.link("bo", request)
    for _ in range(3):
        page = await visit(link)
        await expect(page.get_by_role("button", name="Approve with a code")).to_be_visible()
    assert await stage.entries("approval.signed") == []


@pytest.mark.requirement("P8")
async def test_somebody_elses_authenticator_is_not_even_asked(stage: PageStage, visit: Open) -> None:
    mine, theirs = new_key("ada"), new_key("vic")
    await stage.give("ada", mine)
    await stage.give("vic", theirs)
    request = await stage.asked()
    page = await visit(await stage.link("ada", request))
    await (await authenticator(page)).hold(theirs)
    await press(page)
    await refused(page, "no passkey of yours is at hand")
    assert await stage.entries("approval.signed") == []


@pytest.mark.requirement("P8")
async def test_without_user_verification_nothing_is_signed(stage: PageStage, visit: Open) -> None:
    key = new_key("ada")
    await stage.give("ada", key)
    page = await visit(await stage.link("ada", await stage.asked()))
    device = await authenticator(page, verifies=False)
    await device.hold(key)
    await press(page)
    await refused(page, "Nothing was signed")
    assert await stage.entries("approval.signed") == []
    await device.verified(True)
    await press(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your approval is recorded")


@pytest.mark.requirement("P8")
async def test_an_answer_that_is_played_again_is_refused(stage: PageStage, visit: Open) -> None:
    key = new_key("ada")
    await stage.give("ada", key)
    page = await visit(await stage.link("ada", await stage.asked()))
    await (await authenticator(page)).hold(key)
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.post_data or "") if r.url.endswith("/passkey") else None)
    await press(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your approval is recorded")
    other = await stage.ask("catalogue a41c9d2 ticket=CHG-2")
    assert other
    answer = await page.request.post(
        page.url.removesuffix("/done") + "/passkey",
        data=sent[0],
        headers={"Origin": stage.origin, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status == 410
    assert "works once" in await answer.text()
    assert len(await stage.entries("approval.signed")) == 1


@pytest.mark.requirement("P8")
async def test_a_copy_of_a_passkey_is_told_by_its_counter(stage: PageStage, visit: Open) -> None:
    key = new_key("ada")
    await stage.give("ada", key)
    await stage.ledger.write(lambda tx: tx.credentials.accept_counter("passkey-ada", 40))
    page = await visit(await stage.link("ada", await stage.asked()))
    await (await authenticator(page)).hold(key, counter=20)
    await press(page)
    await expect(page.get_by_text("counter did not grow")).to_be_visible()
    assert await stage.entries("approval.signed") == []
    assert [e["facts"]["counter"] for e in await stage.entries("factor.counter")] == [21]
    await stage.message("C02INCID", "SECURITY", "passkey", "Ada")


@pytest.mark.requirement("P8")
async def test_no_other_page_can_frame_ours(stage: PageStage, visit: Open) -> None:
    link = await stage.link("bo", await stage.asked())
    outside = await visit(stage.world_url + "/health", quiet=False)
    async with outside.expect_console_message(lambda said: "frame-ancestors 'none'" in said.text):
        await outside.set_content(f'<iframe src="{link}" width="600" height="600"></iframe>')
    frame = outside.frame_locator("iframe")
    assert await frame.get_by_role("button", name="Approve with a code").count() == 0


@pytest.mark.requirement("P8")
async def test_a_form_of_another_site_does_nothing(stage: PageStage, visit: Open) -> None:
    link = await stage.link("bo", await stage.asked())
    outside = await visit(stage.world_url + "/health", quiet=False)
    code = stage.code("bo")
    await outside.set_content(
        f'<form method="post" action="{link}/code"><input name="code" value="{code}"><button>Win</button></form>'
    )
    await outside.get_by_role("button").click()
    await expect(outside.get_by_text("This came from another site")).to_be_visible()
    assert await stage.entries("approval.signed") == []
    assert await stage.entries("factor.failed") == []


async def test_everything_is_reached_by_keyboard_and_named_for_those_who_listen(
    stage: PageStage, visit: Open
) -> None:
    await stage.give("bo", new_key("bo"))
    page = await visit(await stage.link("bo", await stage.asked()))
    reached: list[Any] = []
    for _ in range(4):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.innerText || document.activeElement.name"))
    assert reached == ["Digests and fingerprint in full", APPROVE, "code", "Approve with a code"]
    tree = await page.locator("main").aria_snapshot()
    for named in ('heading "Approve catalogue', "Compare with Slack", 'textbox "Code"', "Gates"):
        assert named in tree, tree
