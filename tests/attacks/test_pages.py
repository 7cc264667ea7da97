"""Our pages, attacked over sockets: somebody else's link, swapped facts, guesses, other sites, and other addresses."""

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.domain.change_request import RequestState
from examples.readiness.builds import Build
from examples.readiness.world import publish
from tests.attacks.conftest import MakePages
from tests.browser.conftest import PageStage, new_key
from tests.handlers.http.mfa_site import Answer, Site
from tests.scenarios.hands import ADA
from tests.scenarios.stage import GOOD
from tests.soft_authenticator import SoftAuthenticator

pytestmark = pytest.mark.requirement("P8")
GOOD_CODE, WRONG = "001077", "000000"
EVIL = "https://evil.example"


async def signed(site: Site) -> list[str]:
    return sorted(await site.world.approvals())


async def answered(site: Site, token: str, device: SoftAuthenticator, **sent: Any) -> Answer:
    """What our script does with an authenticator."""
    status, asked = await site.options(token)
    assert status == 200, asked
    answer = json.dumps(device.get(asked["options"]))
    return await site.post(
        f"/mfa/{token}/passkey", {"challenge": asked["challenge"], "answer": answer} | sent
    )


# A link that somebody else uses


async def test_a_link_used_by_somebody_else_takes_nothing_of_theirs(site: Site) -> None:
    """Vic holds Ada's link, a passkey, and a code of their own; each of them may approve as themselves."""
    await site.give("ada")
    vic = await site.give("vic")
    token = await site.pages.press("ada")
    assert (await site.get(f"/mfa/{token}")).status == 200  # looking is no secret: it carries no authority
    assert (await answered(site, token, vic)).status == 403
    assert (await site.post(f"/mfa/{token}/code", {"code": "003077"})).status == 422
    assert await signed(site) == []
    failed = [e for e in await site.world.entries("request/DEP-1") if e["type"] == "factor.failed"]
    assert [e["by"]["person"] for e in failed] == [
        "ada",
        "ada",
    ]  # whose link it is; told to nobody as a success
    own = await site.pages.press("vic")
    assert (await answered(site, own, vic)).status == 303
    assert await signed(site) == ["vic"]


async def test_an_assertion_for_one_link_opens_no_other(site: Site) -> None:
    ada = await site.give("ada")
    first, second = await site.pages.press("ada"), await site.pages.press("ada")
    _, asked = await site.options(first)
    answer = {"challenge": asked["challenge"], "answer": json.dumps(ada.get(asked["options"]))}
    assert (await site.post(f"/mfa/{second}/passkey", answer)).status == 403
    assert await signed(site) == []


# What an authenticator may claim


@pytest.mark.parametrize(
    "claims",
    [
        {"crossOrigin": True},
        {"topOrigin": EVIL},
        {"origin": EVIL},
        {"type": "webauthn.create"},
        {"challenge": "AAAA"},
    ],
    ids=["cross-origin", "top-origin", "other origin", "other kind", "other challenge"],
)
async def test_what_was_not_signed_on_our_own_page_for_this_challenge_proves_nothing(
    site: Site, claims: dict[str, Any]
) -> None:
    ada = await site.give("ada")
    ada.client_data = claims
    assert (await answered(site, await site.pages.press("ada"), ada)).status == 403
    assert await signed(site) == []


async def test_a_touch_without_user_verification_proves_nothing(site: Site) -> None:
    ada = await site.give("ada")
    ada.verifies = False
    token = await site.pages.press("ada")
    _, asked = await site.options(token)
    assert asked["options"]["userVerification"] == "required"
    assert (await answered(site, token, ada)).status == 403
    assert await signed(site) == []


async def test_an_assertion_of_a_passkey_that_counts_nothing_is_good_once(site: Site) -> None:
    """A synced passkey always says 0, so its counter tells no copy: the challenge has to be used up."""
    ada = await site.give("ada")
    ada.synced = True
    token = await site.pages.press("ada")
    _, asked = await site.options(token)
    answer = {"challenge": asked["challenge"], "answer": json.dumps(ada.get(asked["options"]))}
    taken = await asyncio.gather(*(site.post(f"/mfa/{token}/passkey", answer) for _ in range(8)))
    assert sum(a.status == 303 for a in taken) == 1
    again = await site.pages.press("vic")
    assert (await site.post(f"/mfa/{again}/passkey", answer)).status == 403
    assert await signed(site) == ["ada"]
    assert len([e for e in await site.world.entries() if e["type"] == "approval.signed"]) == 1


# Facts that change under the page


async def page_post(stage: PageStage, link: str, action: str, **sent: Any) -> tuple[int, str]:
    """What the page of a link sends."""
    headers = {"Origin": stage.origin, "Sec-Fetch-Site": "same-origin"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{link}/{action}", headers=headers, allow_redirects=False, **sent) as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.requirement("P9")
async def test_a_digest_swapped_between_page_and_signature_is_not_signed(make_pages: MakePages) -> None:
    """The page is open, the authenticator has signed, and somebody pushes another image under the same tag."""
    stage = await make_pages()
    key = new_key("ada")
    await stage.give("ada", key)
    request = await stage.asked()
    before = await stage.request(request)
    link = await stage.link("ada", request)
    device = SoftAuthenticator(origin=stage.origin, key=key.key, id=key.id)
    _, told = await page_post(stage, link, "challenge", json={"method": "passkey"})
    asked = json.loads(told)
    answer = json.dumps(device.get(asked["options"]))
    kept = stage.world.shelf.find("catalogue", GOOD)
    assert kept is not None
    found = ({"id": "CVE-2026-9", "package": "zlib", "version": "1", "severity": "low"},)
    await publish(stage.world, Build(service="catalogue", tag=GOOD, soaked=kept.soaked, findings=found))

    async def revised() -> bool:
        return (await stage.request(request)).revision == 2

    await stage.wait(revised, what="the new facts to be judged")
    assert (await stage.request(request)).fingerprint != before.fingerprint
    status, text = await page_post(
        stage, link, "passkey", data={"challenge": asked["challenge"], "answer": answer}
    )
    assert (status, "changed while you read it" in text) == (409, True)
    assert await stage.entries("approval.signed") == []
    assert stage.calls() == []
    fresh = await stage.link("ada", request)  # and what stands now can be signed
    _, told = await page_post(stage, fresh, "challenge", json={"method": "passkey"})
    again = json.loads(told)
    answer = json.dumps(device.get(again["options"]))
    status, _ = await page_post(
        stage, fresh, "passkey", data={"challenge": again["challenge"], "answer": answer}
    )
    assert status == 303
    await stage.until(request, RequestState.LIVE)


# Guesses


async def test_a_thousand_guesses_at_a_code_from_a_thousand_addresses_are_five(
    make_pages: MakePages,
) -> None:
    """Whoever has the link and a botnet; and at the end the right code, which is locked as well, but no rejection."""
    stage = await make_pages()
    request = await stage.asked()
    link = await stage.link("ada", request)
    right, guesses = stage.code("ada"), (f"{n:06}" for n in itertools.count())
    near = {stage.code("ada", later=n) for n in range(-2, 6)}
    statuses: list[int] = []
    headers = {"Origin": stage.origin, "Sec-Fetch-Site": "same-origin"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def guess(number: int) -> None:
            code = next(c for c in guesses if c not in near)
            address = {"X-Forwarded-For": f"203.0.{number // 250}.{number % 250}"}
            async with session.post(f"{link}/code", data={"code": code}, headers=address) as answer:
                statuses.append(answer.status)

        for number in range(5):
            await guess(number)
        for batch in range(5, 1000, 5):
            await asyncio.gather(*(guess(n) for n in range(batch, batch + 5)))
        async with session.post(f"{link}/code", data={"code": right}) as answer:
            assert answer.status == 429
    assert Counter(statuses) == {422: 4, 403: 1, 429: 995}  # wrong, the last wrong one, locked
    assert len(await stage.entries("factor.failed")) == 5
    assert await stage.entries("approval.signed") == []
    await stage.press(ADA, "Approve", await stage.card(request, "Approve"))
    await stage.told(ADA, "locked for you")
    await stage.reject("ada", request, "My code is being guessed")
    await stage.until(request, RequestState.REJECTED)


# Other sites and other addresses


def routes(site: Site) -> Iterator[tuple[str, str]]:
    """Every page of ours, by method, with a token that was given out in place of the variable one."""
    for resource in site.runner.app.router.resources():
        for route in resource:
            where = resource.canonical
            if where.startswith("/mfa/") and route.method in ("GET", "POST"):
                yield route.method, where


def address_of(where: str, token: str) -> str:
    named = re.sub(r"\{token[^}]*\}", token, where)
    assert "{token" not in named
    return named.replace("{name}", "style.css").replace("{version}", "0" * 12)


async def test_every_page_refuses_another_sites_form_and_no_other_page_may_frame_it(site: Site) -> None:
    """Every route that there is, those that will be added included."""
    found = list(routes(site))
    assert len([m for m, _ in found if m == "POST"]) >= 12
    token = await site.pages.press("ada")
    before = await site.world.everything()
    for method, where in found:
        path = address_of(where, token)
        if method == "GET":
            answer = await site.get(path)
        else:
            fields = {"code": GOOD_CODE, "host-code": "x", "challenge": "x", "answer": "{}", "factor": "x"}
            for said in (
                {"Origin": EVIL},
                {"Origin": "null"},
                {"Sec-Fetch-Site": "cross-site"},
            ):  # each is enough
                answer = await site.post(path, fields, **said)
                assert answer.status == 403, (where, said)
        assert answer.headers["X-Frame-Options"] == "DENY", where
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], where
    assert await site.world.everything() == before
    assert await signed(site) == []


LEADS = (
    "next",
    "to",
    "url",
    "return_to",
    "redirect_uri",
    "continue",
    "state",
    "iss",
    "error",
    "code",
    "origin",
)


async def test_nothing_in_an_address_a_form_or_a_header_leads_anybody_elsewhere(site: Site) -> None:
    token = await site.pages.press("ada")
    for method, where in routes(site):
        for target in (EVIL, "//evil.example", "/\\evil.example", "javascript:alert(1)"):
            asked = dict.fromkeys(LEADS, target)
            path = address_of(where, token) + "?" + "&".join(f"{k}={v}" for k, v in asked.items())
            more = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "Referer": EVIL}
            if method == "GET":
                answer = await site.get(path, **more)
            else:
                answer = await site.post(path, asked, **more)
            led = answer.headers.get("Location")
            assert led is None or (led.startswith("/mfa/") and not urlsplit(led).netloc), (where, led)
            leads = [address for address in answer.seen.loads + answer.seen.actions if "evil" in address]
            assert (leads, 'http-equiv="refresh"' in answer.body) == ([], False), where
            assert "Refresh" not in answer.headers
    for outside in ("//evil.example/mfa/x", "/mfa//evil.example", f"/mfa/{token}/..//evil.example"):
        answer = await site.get(outside)
        assert "Location" not in answer.headers, outside
    told = await site.get(f"/mfa/{token}", Host="evil.example")
    assert (told.status, "Location" in told.headers) == (421, False)


async def test_a_page_of_somebody_elses_server_gets_no_answer_to_read(site: Site) -> None:
    """No answer may be read across origins: no CORS header on any of them, not even to a preflight."""
    token = await site.pages.press("ada")
    for method, where in routes(site):
        path = address_of(where, token)
        for verb in ("OPTIONS", method):
            answer = await site.send(verb, path, headers={"Origin": EVIL})
            assert not [h for h in answer.headers if h.lower().startswith("access-control-")], where
