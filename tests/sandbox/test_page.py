"""The page in a real browser: personas, commands, buttons, modals, ephemerals, and text that stays text."""

import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]
PLAIN = {"type": "plain_text", "text": "Approve"}
QUESTION = {
    "title": {"type": "plain_text", "text": "Are you sure?"},
    "text": {"type": "mrkdwn", "text": "It goes to *production*."},
    "confirm": {"type": "plain_text", "text": "Yes, reject"},
    "deny": {"type": "plain_text", "text": "No"},
    "style": "danger",
}
CARD = [
    {"type": "header", "text": {"type": "plain_text", "text": "DEP-42 waits for you"}},
    {"type": "section", "text": {"type": "mrkdwn", "text": "Asked by <@U02BO>: *now* or _never_"}},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "text": PLAIN,
                "action_id": "approve",
                "style": "primary",
                "value": "DEP-42",
            },
            {
                "type": "button",
                "text": {"type": "plain_text", "text": "Reject"},
                "action_id": "reject",
                "style": "danger",
                "confirm": QUESTION,
            },
        ],
    },
]
MODAL = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Approve DEP-42"},
    "submit": {"type": "plain_text", "text": "Approve"},
    "blocks": [
        {
            "type": "input",
            "block_id": "code",
            "label": {"type": "plain_text", "text": "Code"},
            "element": {"type": "plain_text_input", "action_id": "digits"},
        },
        {
            "type": "input",
            "block_id": "env",
            "optional": True,
            "label": {"type": "plain_text", "text": "Environment"},
            "element": {
                "type": "static_select",
                "action_id": "choice",
                "options": [
                    {"text": {"type": "plain_text", "text": "Staging"}, "value": "staging"},
                    {"text": {"type": "plain_text", "text": "Production"}, "value": "production"},
                ],
            },
        },
    ],
}


@pytest.fixture
async def page(sandbox):
    """A page on which any script error or refused resource is a failure."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        opened = await browser.new_page(viewport={"width": 1280, "height": 800})
        problems: list[str] = []
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on(
            "console", lambda said: problems.append(said.text) if "Content Security" in said.text else None
        )
        await opened.goto(sandbox.url)
        await expect(opened.get_by_text("App by HTTP")).to_be_visible()
        yield opened
        await browser.close()
        assert problems == []


async def become(page, name):
    await page.locator(".persona summary").click()
    await page.get_by_role("radio", name=name).click()


async def type_command(page, text):
    box = page.get_by_label("Message", exact=True)
    await box.fill(text)
    await box.press("Enter")


async def test_a_command_is_completed_sent_and_answered(page, stub):
    @stub.on("/deploy")
    async def answer(received):
        return {"text": f"heard *{received.body['text']}*"}

    box = page.get_by_label("Message", exact=True)
    await box.press_sequentially("/de")
    await expect(page.get_by_role("option", name="/deploy")).to_contain_text("request SERVICE ARTIFACT")
    await box.press("Tab")
    await box.press_sequentially("status DEP-42")
    await box.press("Enter")
    message = page.locator(".message.ephemeral")
    await expect(message).to_contain_text("Only visible to you")
    await expect(message.locator("strong").last).to_have_text("status DEP-42")
    assert stub.received[0].body["user_id"] == "U01ADA"


async def test_an_ephemeral_is_shown_to_its_addressee_only(page, api):
    await api("chat.postEphemeral", channel="C01DEP", user="U02BO", text="for bo alone")
    await api("chat.postMessage", channel="C01DEP", text="for all")
    await expect(page.get_by_text("for all")).to_be_visible()
    await expect(page.get_by_text("for bo alone")).to_have_count(0)
    await become(page, "Bo Reyes")
    await expect(page.get_by_text("for bo alone")).to_be_visible()
    await become(page, "Cy Marsh")
    await expect(page.get_by_text("for all")).to_be_visible()
    await expect(page.get_by_text("for bo alone")).to_have_count(0)


async def test_a_button_opens_a_modal_whose_errors_stand_at_their_field(page, stub, api):
    answers = iter([{"response_action": "errors", "errors": {"code": "That code is wrong"}}, None])

    @stub.on("block_actions")
    async def pressed(received):
        await api("views.open", trigger_id=received.body["trigger_id"], view=MODAL)

    @stub.on("view_submission")
    async def submitted(received):
        return next(answers)

    await api("chat.postMessage", channel="C01DEP", text="card", blocks=CARD)
    await page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog", name="Approve DEP-42")
    await expect(dialog.get_by_label("Code")).to_be_focused()
    await dialog.get_by_role("button", name="Approve").click()
    await expect(dialog.locator(".wrong")).to_contain_text("Please complete this required field.")
    assert [one.kind for one in stub.received] == ["block_actions"]
    await dialog.get_by_label("Code").fill("123456")
    await dialog.get_by_label("Environment").select_option("production")
    await dialog.get_by_role("button", name="Approve").click()
    await expect(dialog.locator(".wrong")).to_contain_text("That code is wrong")
    await expect(dialog.get_by_label("Code")).to_have_value("123456")
    await dialog.get_by_role("button", name="Approve").click()
    await expect(dialog).to_have_count(0)
    values = stub.received[-1].body["view"]["state"]["values"]
    assert values["env"]["choice"]["selected_option"]["value"] == "production"


async def test_an_external_select_asks_the_app_while_one_types(page, stub, api):
    @stub.on("/deploy")
    async def asked(received):
        element = {"type": "external_select", "action_id": "find", "min_query_length": 1}
        label = {"type": "plain_text", "text": "Service"}
        blocks = [{"type": "input", "block_id": "service", "label": label, "element": element}]
        await api("views.open", trigger_id=received.body["trigger_id"], view={**MODAL, "blocks": blocks})

    @stub.on("block_suggestion")
    async def offered(received):
        return {"options": [{"text": {"type": "plain_text", "text": "Checkout"}, "value": "checkout"}]}

    await type_command(page, "/deploy request")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Service").fill("che")
    await dialog.get_by_label("Options found").select_option("checkout")
    await dialog.get_by_role("button", name="Approve").click()
    await expect(dialog).to_have_count(0)
    values = stub.received[-1].body["view"]["state"]["values"]
    assert values["service"]["find"]["selected_option"]["value"] == "checkout"


async def test_several_can_be_found_and_chosen_one_after_the_other(page, stub, api):
    @stub.on("/deploy")
    async def asked(received):
        element = {"type": "multi_external_select", "action_id": "find", "min_query_length": 1}
        label = {"type": "plain_text", "text": "Services"}
        blocks = [{"type": "input", "block_id": "services", "label": label, "element": element}]
        await api("views.open", trigger_id=received.body["trigger_id"], view={**MODAL, "blocks": blocks})

    @stub.on("block_suggestion")
    async def offered(received):
        name = received.body["value"]
        return {"options": [{"text": {"type": "plain_text", "text": name}, "value": name}]}

    await type_command(page, "/deploy freeze")
    dialog = page.get_by_role("dialog")
    for name in ("checkout", "search"):
        await dialog.get_by_label("Services").fill(name)
        await dialog.get_by_role("checkbox", name=name).check()
    await dialog.get_by_role("button", name="Approve").click()
    await expect(dialog).to_have_count(0)
    values = stub.received[-1].body["view"]["state"]["values"]
    chosen = [one["value"] for one in values["services"]["find"]["selected_options"]]
    assert chosen == ["checkout", "search"]


async def test_the_focus_stays_inside_a_modal_and_escape_closes_it(page, stub, api):
    @stub.on("block_actions")
    async def pressed(received):
        await api("views.open", trigger_id=received.body["trigger_id"], view=MODAL)

    await api("chat.postMessage", channel="C01DEP", text="card", blocks=CARD)
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(12):
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_confirmation_stands_before_the_press(page, stub, api):
    await api("chat.postMessage", channel="C01DEP", text="card", blocks=CARD)
    await page.get_by_role("button", name="Reject").click()
    await page.get_by_role("dialog").get_by_role("button", name="No").click()
    assert stub.received == []
    await page.get_by_role("button", name="Reject").click()
    await page.get_by_role("dialog").get_by_role("button", name="Yes, reject").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(".busy")).to_have_count(0)
    assert [one.body["actions"][0]["action_id"] for one in stub.received] == ["reject"]


HOSTILE = "<img src=x onerror=\"document.title='owned'\"> <!channel> <script>1</script>"


async def test_markup_and_mentions_that_were_typed_stay_text(page, api):
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    block = {"type": "section", "text": {"type": "mrkdwn", "text": escaped}}
    bare = {"type": "section", "text": {"type": "plain_text", "text": HOSTILE}}
    raw = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "raw <img src=x onerror=alert(1)> <javascript:1|x>"},
    }
    await api("chat.postMessage", channel="C01DEP", text="x", blocks=[block, bare, raw])
    await type_command(page, HOSTILE)
    texts = page.locator(".timeline .text")
    await expect(texts).to_have_count(4)
    for index in (0, 1, 3):
        await expect(texts.nth(index)).to_have_text(HOSTILE)
    await expect(
        page.locator(".timeline img, .timeline script, .timeline .mention, .timeline a")
    ).to_have_count(0)
    assert await page.title() == "Acme · sandbox"


async def test_a_failure_is_loud_in_the_inspector(page, stub, client):
    await client.fault("drop_ack", method="/deploy")
    await type_command(page, "/deploy help")
    await expect(page.locator(".message.ephemeral")).to_contain_text("operation_timeout")
    await page.get_by_role("button", name="Requests").click()
    failed = page.locator(".request.failed")
    await expect(failed).to_contain_text("operation_timeout")
    await failed.locator("summary").click()
    await expect(failed).to_contain_text('"command": "/deploy"')


async def test_what_cannot_be_done_is_said_at_the_composer(page, stub):
    await type_command(page, "/nope")
    await expect(page.locator(".composer-problem")).to_contain_text("/nope is not a valid command")
    await expect(page.get_by_label("Message", exact=True)).to_have_value("/nope")


async def test_threads_unread_marks_direct_messages_and_home(page, api, stub):
    root = await api("chat.postMessage", channel="C01DEP", text="root")
    await api("chat.postMessage", channel="C01DEP", text="first reply", thread_ts=root["ts"])
    await page.get_by_role("button", name="1 reply").click()
    await expect(page.get_by_role("log", name="Thread")).to_contain_text("first reply")
    reply = page.locator("#thread-composer-text")
    await reply.fill("second reply")
    await reply.press("Enter")
    await expect(page.get_by_role("log", name="Thread")).to_contain_text("second reply")
    await api("chat.postMessage", channel="U01ADA", text="psst, directly")
    await expect(page.get_by_label("1 unread")).to_be_visible()
    await page.locator('[data-name="D01ADA"]').click()
    await expect(page.get_by_text("psst, directly")).to_be_visible()
    await expect(page.get_by_label("1 unread")).to_have_count(0)
    await page.locator('[data-name="home"]').click()
    await expect(page.get_by_text("has not published a Home")).to_be_visible()
    await api("views.publish", user_id="U01ADA", view={"type": "home", "blocks": CARD})
    await expect(page.get_by_role("heading", name="DEP-42 waits for you")).to_be_visible()
    assert [one.kind for one in stub.received] == ["app_home_opened"]


async def test_dates_are_told_in_the_readers_zone(page, api):
    text = "from <!date^1767261600^{date_num} {time}|then>"  # 2026-01-01 10:00 UTC
    await api("chat.postMessage", channel="C01DEP", text=text)
    await expect(page.get_by_text("2026-01-01 11:00")).to_be_visible()
    await become(page, "Cy Marsh")
    await expect(page.get_by_text("2026-01-01 15:30")).to_be_visible()


async def test_a_block_the_page_does_not_know_is_a_loud_box(page, sandbox):
    blocks = [{"type": "hologram", "block_id": "h"}]
    sandbox.world.board.post("C01DEP", {**sandbox.world.bot_author(), "text": "", "blocks": blocks})
    box = page.get_by_role("alert").filter(has_text="hologram").first
    await expect(box).to_be_visible()


async def test_the_page_comes_back_after_a_lost_connection(page, sandbox, api):
    await sandbox._page.close()
    await api("chat.postMessage", channel="C01DEP", text="said meanwhile")
    await expect(page.get_by_text("said meanwhile")).to_be_visible()
    await expect(page.get_by_text("App by HTTP")).to_be_visible()


async def test_focus_survives_what_happens_meanwhile(page, api):
    await page.locator("#requests-button").focus()
    await api("chat.postMessage", channel="C02INC", text="elsewhere")
    await api("chat.postMessage", channel="C01DEP", text="here", blocks=[{"type": "marquee"}])
    await expect(page.get_by_label("1 failed")).to_be_visible()
    await expect(page.get_by_label("1 unread")).to_be_visible()
    assert await page.evaluate("document.activeElement.id") == "requests-button"
    await page.keyboard.press("Enter")
    await expect(page.locator(".request.failed")).to_be_visible()


async def test_on_a_phone_the_menu_is_a_drawer_and_nothing_overflows(page, api):
    await page.set_viewport_size({"width": 390, "height": 780})
    await api("chat.postMessage", channel="C01DEP", text="card", blocks=CARD)
    await expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_role("button", name="Menu").click()
    await page.locator('[data-name="C02INC"]').click()
    await expect(page.get_by_role("heading", name="#incidents", exact=True)).to_be_visible()


async def test_the_page_reads_nothing_from_elsewhere():
    static = Path(__file__).parents[2] / "sandbox" / "static"
    for file in static.iterdir():
        content = file.read_text(encoding="utf-8")
        assert "https://" not in content, file.name
        assert "innerHTML" not in content, file.name
        assert "eval(" not in content, file.name
