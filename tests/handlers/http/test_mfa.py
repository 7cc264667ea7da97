"""The pages: what they show, what they take, and everything that they refuse before looking at it."""

import io
import json
from typing import Any

import pytest

from bot.domain.fingerprint import short
from handlers.http.mfa.page import ASSETS
from tests.flows.policy_text import REWORDED
from tests.flows.stepping_up import ALL, LOGINS
from tests.flows.world import MINUTE
from tests.handlers.http.mfa_site import Site

GOOD, WRONG = "001077", "000000"


async def signed(site: Site) -> list[str]:
    return sorted(await site.world.approvals())


# What is shown


@pytest.mark.requirement("P8")
@pytest.mark.requirement("P9")
async def test_the_page_shows_who_what_and_the_fingerprint_that_stands_in_slack(site: Site) -> None:
    await site.give("ada")
    token = await site.pages.press("ada")
    answer = await site.get(f"/mfa/{token}")
    request = await site.world.request()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for said in (
        "Approve checkout 7a3f9c2 → production?",
        "You are asked as ada . This link is for you alone",
        short(request.fingerprint or ""),
        "DEP-1, revision 1",
        "Asked by lin",
        "Reason Retry card captures",
        "Ticket CHG-1207",
        "9f2c9f2c9f2c",
        "9 passed:",
        "Approve with a passkey",
        "Approve with a code",
        "Your roles and the gates are asked again when you sign.",
        "This link works until Tue 10 Nov 10:10 EST.",
    ):
        assert said in answer.seen.text, answer.seen.text
    assert request.fingerprint is not None
    assert request.fingerprint in answer.seen.text


@pytest.mark.requirement("P8")
async def test_nothing_on_a_page_comes_from_anywhere_else(site: Site) -> None:
    seen = (await site.get(f"/mfa/{await site.pages.press('ada')}")).seen
    assert seen.loads
    assert all(address.startswith("/mfa/") for address in (*seen.loads, *seen.actions))
    assert seen.tags.isdisjoint({"iframe", "object", "embed", "base", "style"})
    for address in seen.loads:
        asset = await site.get(address)
        name = address.rpartition("/")[2]
        assert (asset.status, asset.headers["Content-Type"].partition(";")[0]) == (200, ASSETS[name])
        assert "immutable" in asset.headers["Cache-Control"]
        assert "http://" not in asset.body.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("name", ["secrets.py", "..%2Fpage.py", "%2e%2e/guard.py", "passkey.js%00"])
async def test_no_other_file_is_given_away(site: Site, name: str) -> None:
    assert (await site.get(f"/mfa/static/0123456789ab/{name}")).status == 404


HOSTILE = "<script>alert(1)</script> <!channel> \u202egnp.exe \"'&amp; {{ 7*7 }}"


@pytest.mark.requirement("P8")
async def test_what_people_wrote_is_shown_and_is_never_markup(site: Site) -> None:
    await site.world.prove("c0ffee1", "sha256:" + "c0fe" * 16, soaked=90 * MINUTE)
    await site.world.ask("bo", artifact="c0ffee1", reason=HOSTILE, ticket="CHG-1")
    await site.world.run_timers()
    seen = (await site.get(f"/mfa/{await site.pages.press('ada', 'DEP-2')}")).seen
    assert "<script>alert(1)</script> <!channel> gnp.exe \"'&amp; {{ 7*7 }}" in seen.text
    assert seen.html.count("<script") == 1  # our own
    assert "\u202e" not in seen.html


async def test_only_the_methods_that_can_be_used_are_offered(site: Site) -> None:
    seen = (await site.get(f"/mfa/{await site.pages.press('ada')}")).seen
    assert "Approve with a code" in seen.text
    assert "passkey" not in seen.text
    await site.pages.link("ada")  # there is no identity provider to log in at
    seen = (await site.get(f"/mfa/{await site.pages.press('ada')}")).seen
    assert "login" not in seen.text


# What is taken


@pytest.mark.requirement("P8")
async def test_a_passkey_approves_and_the_page_says_what_was_recorded(site: Site) -> None:
    device = await site.give("ada")
    token = await site.pages.press("ada")
    status, asked = await site.options(token)
    assert (status, asked["options"]["userVerification"]) == (200, "required")
    answer = json.dumps(device.get(asked["options"]))
    taken = await site.post(f"/mfa/{token}/passkey", {"challenge": asked["challenge"], "answer": answer})
    assert (taken.status, taken.headers["Location"]) == (303, f"/mfa/{token}/done")
    done = await site.get(taken.headers["Location"])
    assert "Your approval is recorded You signed DEP-1." in done.seen.text
    assert "You can close this page." in done.seen.text
    assert await signed(site) == ["ada"]


async def test_done_before_it_is_done_leads_back_to_the_page(site: Site) -> None:
    token = await site.pages.press("ada")
    answer = await site.get(f"/mfa/{token}/done")
    assert (answer.status, answer.headers["Location"]) == (303, f"/mfa/{token}")
    assert (await site.get(f"/mfa/{'x' * 43}/done")).status == 404


@pytest.mark.requirement("P8")
async def test_a_code_approves_and_a_wrong_one_is_told_beside_its_field(site: Site) -> None:
    token = await site.pages.press("ada")
    wrong = await site.post(f"/mfa/{token}/code", {"code": WRONG})
    assert wrong.status == 422
    assert "✗ That code is wrong. 4 tries are left." in wrong.seen.text
    assert 'aria-invalid="true"' in wrong.body
    assert WRONG not in wrong.body
    taken = await site.post(f"/mfa/{token}/code", {"code": "001 077 "})
    assert taken.status == 303
    assert await signed(site) == ["ada"]


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "1" * 5000, "-12345", "12345\x00"]
)
async def test_what_is_no_code_is_told_and_not_counted(site: Site, code: str) -> None:
    token = await site.pages.press("ada")
    answer = await site.post(f"/mfa/{token}/code", {"code": code})
    assert answer.status == 422
    assert "A code is the six digits" in answer.seen.text
    assert "factor.failed" not in await site.world.types()


@pytest.mark.requirement("P8")
async def test_the_fifth_wrong_code_locks_and_says_so(site: Site) -> None:
    token = await site.pages.press("ada")
    answers = [await site.post(f"/mfa/{token}/code", {"code": WRONG}) for _ in range(6)]
    assert [a.status for a in answers] == [422, 422, 422, 422, 403, 429]
    assert "That was the last try" in answers[4].seen.text
    assert "Rejecting and cancelling still work, and so does holding." in answers[5].seen.text
    assert (await site.get(f"/mfa/{token}")).status == 429


@pytest.mark.requirement("P8")
async def test_looking_changes_nothing_whatever_looks(site: Site) -> None:
    token = await site.pages.press("ada")
    before = await site.world.everything()
    for agent in ("Slackbot-LinkExpanding 1.0", "facebookexternalhit/1.1", "Mozilla/5.0"):
        assert (await site.get(f"/mfa/{token}", **{"User-Agent": agent, "Purpose": "prefetch"})).status == 200
    head = await site.send("HEAD", f"/mfa/{token}")
    assert (head.status, head.body) == (200, "")
    for action in ("challenge", "passkey", "code"):
        refused = await site.get(f"/mfa/{token}/{action}?code={GOOD}")
        assert (refused.status, refused.headers["Allow"]) == (405, "POST")
    assert await site.world.everything() == before


# Refusals are pages


@pytest.mark.parametrize("path", ["/mfa/x", "/mfa/" + "x" * 42, "/mfa/", "/mfa/a/b/c", "/mfa/" + "é" * 43])
async def test_an_unknown_address_is_a_page_in_words(site: Site, path: str) -> None:
    answer = await site.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Press the button in Slack again." in answer.seen.text


async def test_a_link_that_is_used_over_or_unknown_says_so(site: Site) -> None:
    unknown = await site.get(f"/mfa/{'x' * 43}")
    assert (unknown.status, "leads nowhere" in unknown.seen.text) == (404, True)
    token, second = await site.pages.press("ada"), await site.pages.press("vic")
    await site.post(f"/mfa/{token}/code", {"code": GOOD})
    used = await site.get(f"/mfa/{token}")
    assert (used.status, "works once" in used.seen.text) == (410, True)
    site.world.clock.advance(10 * MINUTE)
    over = await site.get(f"/mfa/{second}")
    assert (over.status, "worked for ten minutes" in over.seen.text) == (410, True)


async def test_what_changed_meanwhile_is_told_and_not_signed(site: Site) -> None:
    token = await site.pages.press("ada")
    await site.world.reload(ALL, LOGINS, REWORDED)
    await site.world.run_timers()
    for answer in (await site.get(f"/mfa/{token}"), await site.post(f"/mfa/{token}/code", {"code": GOOD})):
        assert (answer.status, "changed while you read it" in answer.seen.text) == (409, True)
    assert await signed(site) == []


async def test_our_script_is_refused_in_json(site: Site) -> None:
    token = await site.pages.press("ada")
    status, said = await site.options(token)
    assert (status, said["error"]) == (403, "method-not-enrolled")
    assert said["message"].endswith(".")
    status, said = await site.options("x" * 43)
    assert (status, said["error"]) == (404, "link-unknown")


async def test_a_bug_is_a_page_without_a_stack(site: Site, logged: io.StringIO) -> None:
    token = await site.pages.press("ada")
    await site.world.ledger.close()

    class Broken:
        async def read(self, _: Any) -> Any:
            raise RuntimeError("hunter2")

        write = read

    from handlers.http.context import CONTEXT

    object.__setattr__(site.runner.app[CONTEXT], "ledger", Broken())
    answer = await site.get(f"/mfa/{token}")
    assert answer.status == 500
    assert "Something broke here" in answer.seen.text
    assert "hunter2" not in answer.body
    assert answer.headers["X-Frame-Options"] == "DENY"
