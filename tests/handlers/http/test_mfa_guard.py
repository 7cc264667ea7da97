"""What the pages refuse before they look at it, the headers of every answer, and whose address a failure counts for."""

import io
import json
from typing import Any

import pytest

from bot.domain.fingerprint import short
from tests.handlers.http.mfa_site import Site, open_site

GOOD, WRONG = "001077", "000000"


async def signed(site: Site) -> list[str]:
    return sorted(await site.world.approvals())


# Who asks, and from where


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"drop": "Origin"},
    ],
    ids=str,
)
async def test_a_form_that_is_not_our_own_pages_does_nothing(site: Site, headers: dict[str, str]) -> None:
    token = await site.pages.press("ada")
    before = await site.world.everything()
    answer = await site.post(f"/mfa/{token}/code", {"code": GOOD}, **headers)
    assert answer.status == 403
    assert "This came from another site" in answer.seen.text
    assert await site.world.everything() == before


async def test_a_browser_that_says_nothing_of_the_site_is_believed_by_its_origin(site: Site) -> None:
    token = await site.pages.press("ada")
    answer = await site.post(f"/mfa/{token}/code", {"code": GOOD}, drop="Sec-Fetch-Site")
    assert answer.status == 303


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "a@127.0.0.1", "", "[::1", "x/y"]
)
async def test_under_another_hosts_name_there_are_no_pages(site: Site, host: str) -> None:
    token = await site.pages.press("ada")
    answer = await site.get(f"/mfa/{token}", Host=host)
    assert answer.status in (400, 421)
    assert short((await site.world.request()).fingerprint or "") not in answer.body


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/json", ""])
async def test_a_form_is_a_form(site: Site, kind: str) -> None:
    token = await site.pages.press("ada")
    answer = await site.post(f"/mfa/{token}/code", {"code": GOOD}, **{"Content-Type": kind})
    assert answer.status == 415
    assert await signed(site) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_challenge_is_asked_in_json_or_not_at_all(site: Site, kind: str) -> None:
    await site.give("ada")
    token = await site.pages.press("ada")
    headers = {"Origin": site.origin, "Content-Type": kind}
    answer = await site.send(
        "POST", f"/mfa/{token}/challenge", data=b'{"method": "passkey"}', headers=headers
    )
    assert answer.status == 415


@pytest.mark.parametrize(
    "body",
    [b"code=1&code=2", b"code", b"code=%ff%fe", b"\xff\xfe", b"&".join(b"a%d=1" % n for n in range(30))],
)
async def test_a_form_that_can_be_read_in_two_ways_is_refused(site: Site, body: bytes) -> None:
    token = await site.pages.press("ada")
    headers = {"Origin": site.origin, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await site.send("POST", f"/mfa/{token}/code", data=body, headers=headers)
    assert answer.status == 400
    assert "cannot be read" in answer.seen.text


@pytest.mark.parametrize("answer", ["", "[]", "{", '{"id": 1, "id": 2}', "[" * 9999, '{"id": "\\ud800"}'])
async def test_an_answer_that_is_no_object_is_refused_and_uses_nothing_up(site: Site, answer: str) -> None:
    device = await site.give("ada")
    token = await site.pages.press("ada")
    _, asked = await site.options(token)
    refused = await site.post(f"/mfa/{token}/passkey", {"challenge": asked["challenge"], "answer": answer})
    assert refused.status == 400
    good = {"challenge": asked["challenge"], "answer": json.dumps(device.get(asked["options"]))}
    assert (await site.post(f"/mfa/{token}/passkey", good)).status == 303


async def test_large_bodies_and_slow_ones_are_cut_off_with_a_page(site: Site) -> None:
    token = await site.pages.press("ada")
    large = await site.post(f"/mfa/{token}/passkey", {"answer": "x" * 100_000})
    assert (large.status, large.headers["X-Frame-Options"]) == (413, "DENY")
    huge = await site.post(f"/mfa/{token}/passkey", {"answer": "x" * 2_000_000})
    assert (huge.status, huge.headers["Content-Type"]) == (413, "text/html; charset=utf-8")


# Headers


EVERYWHERE = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.mark.requirement("P8")
async def test_every_answer_of_a_page_carries_the_headers(site: Site) -> None:
    token = await site.pages.press("ada")
    answers = [
        await site.get(f"/mfa/{token}"),
        await site.get("/mfa/nothing"),
        await site.get(f"/mfa/{'x' * 43}"),
        await site.get(f"/mfa/{token}/done"),
        await site.get(f"/mfa/{token}/code"),
        await site.post(f"/mfa/{token}/code", {"code": WRONG}),
        await site.post(f"/mfa/{token}/code", {"code": GOOD}, Origin="https://evil.example"),
        await site.post(f"/mfa/{token}/code", {"code": GOOD}),
        await site.get(f"/mfa/{token}", Host="evil.example"),
    ]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
        assert answer.headers["Cache-Control"] == "no-store"
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= {
            *policy
        }
        assert "unsafe" not in str(policy)
        assert "publickey-credentials-get=(self)" in answer.headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in answer.headers


async def test_over_https_browsers_are_told_to_stay_there(database: str) -> None:
    site = await open_site(database, public="https://portcullis.acme.example")
    try:
        token = await site.pages.press("ada")
        answer = await site.get(f"/mfa/{token}", Host="portcullis.acme.example")
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert (await site.get(f"/mfa/{token}", Host="portcullis.acme.example:443")).status == 200
        assert (await site.get(f"/mfa/{token}")).status == 421
    finally:
        await site.close()


# Addresses and logs


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted"),
    [
        ((), "203.0.113.9", "127.0.0.1"),  # nobody is trusted: whatever is claimed is not believed
        (("127.0.0.0/8",), "203.0.113.9", "203.0.113.9"),
        (("127.0.0.0/8",), "1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the left one anybody can write
        (("127.0.0.0/8", "10.0.0.0/8"), "1.1.1.1, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (("127.0.0.0/8",), "203.0.113.9:5123", "203.0.113.9"),
        (("127.0.0.0/8",), "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (("127.0.0.0/8",), "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        (("127.0.0.0/8",), "::ffff:203.0.113.9", "203.0.113.9"),
        (("127.0.0.0/8",), "203.0.113.9, <b>nonsense</b>", "127.0.0.1"),
        (("127.0.0.0/8",), "", "127.0.0.1"),
        (("127.0.0.0/8", "10.0.0.0/8"), "10.1.1.1, 10.1.1.2", "10.1.1.1"),
    ],
)
async def test_failures_are_counted_for_the_address_that_can_be_believed(
    database: str, proxies: tuple[str, ...], forwarded: str, counted: str
) -> None:
    site = await open_site(database, proxies=proxies)
    try:
        token = await site.pages.press("ada")
        await site.post(f"/mfa/{token}/code", {"code": WRONG}, **{"X-Forwarded-For": forwarded})
        entry = (await site.world.entries("request/DEP-1"))[-1]
        assert (entry["type"], entry["facts"]["address"]) == ("factor.failed", counted)
    finally:
        await site.close()


@pytest.mark.requirement("P8")
async def test_neither_a_links_token_nor_a_code_reaches_the_log(site: Site, logged: io.StringIO) -> None:
    token = await site.pages.press("ada")
    await site.get(f"/mfa/{token}")
    await site.get(f"/mfa/{token}/nothing")
    await site.post(f"/mfa/{token}/code", {"code": WRONG})
    await site.post(f"/mfa/{token}/code", {"code": GOOD})
    text = logged.getvalue()
    assert "/mfa/{token" in text
    assert token not in text
    assert GOOD not in text
    assert WRONG not in text


async def test_where_there_is_no_public_address_there_are_no_pages(served: Any) -> None:
    for path in ("/mfa/", f"/mfa/{'x' * 43}"):
        status, answer = await served.get(path)
        assert (status, answer["error"]) == (404, "not-found")
