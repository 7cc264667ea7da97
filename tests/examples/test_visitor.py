"""The tour's browser: what it reads of a page, the forms it fills in, and the challenge that its passkey answers."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from examples.visitor import Page, Visitor
from sandbox.authenticator import unb64

HTML = """<!doctype html><html><head><title>Not read</title></head><body><header>Portcullis</header>
<section class="said"><p class="sign">✓</p><h1>Approve b81e6f0?</h1>
<dl><div><dt>Asked by</dt><dd>Lin &amp; Ada</dd></div><div><dt>Ticket</dt><dd>CHG-1</dd></div></dl>
<details><summary>In full</summary><p>sha256:0000</p></details>
<form action="/mfa/x/passkey" data-passkey="get" data-options="/mfa/x/challenge" hidden>
<input type="hidden" name="challenge"><input type="hidden" name="answer">
<button type="submit">Approve with a passkey</button><p class="state"></p></form>
<p class="quiet no-passkey">This browser cannot.</p>
<form action="/mfa/x/code"><label for="code">Code</label><input id="code" name="code" type="text" placeholder="123 456">
<button type="submit">Approve with a code</button></form></section></body></html>"""


def test_a_page_is_read_as_a_person_reads_it() -> None:
    assert Page(HTML).lines == [
        "✓ Approve b81e6f0?",
        "Asked by: Lin & Ada",
        "Ticket: CHG-1",
        "[ Approve with a passkey ]",
        "Code",
        "[ 123 456 ]",
        "[ Approve with a code ]",
    ]


def test_forms_are_known_by_their_buttons() -> None:
    passkey, code = Page(HTML).forms
    assert (passkey.button, passkey.kind, passkey.options) == (
        "Approve with a passkey",
        "get",
        "/mfa/x/challenge",
    )
    assert passkey.fields == {"challenge": "", "answer": ""}
    assert (code.button, code.action, code.fields) == ("Approve with a code", "/mfa/x/code", {"code": ""})


async def get_page(_: web.Request) -> web.Response:
    response = web.Response(text=HTML, content_type="text/html")
    response.set_cookie("proof", "kept")
    return response


async def post_challenge(request: web.Request) -> web.Response:
    assert request.headers["Origin"] == f"http://localhost:{request.url.port}"
    return web.json_response({"challenge": "c1", "options": {"challenge": "AAAA"}})


async def post_answer(request: web.Request) -> web.Response:
    sent = dict(await request.post())
    said = {**{k: str(v) for k, v in sent.items()}, "cookie": request.cookies.get("proof", "")}
    return web.Response(text=f"<p>{json.dumps(said)}</p>", content_type="text/html")


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/mfa/x", get_page)
    app.router.add_post("/mfa/x/challenge", post_challenge)
    app.router.add_post("/mfa/x/{what}", post_answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://localhost:{server.port}"


async def test_its_passkey_answers_the_challenge_of_the_page(origin: str) -> None:
    visitor = Visitor(origin)
    try:
        await visitor.open(f"{origin}/mfa/x")
        sent = json.loads(await visitor.press("Approve with a passkey"))
    finally:
        await visitor.aclose()
    said = json.loads(unb64(json.loads(sent["answer"])["response"]["clientDataJSON"]))
    assert (sent["challenge"], sent["cookie"]) == ("c1", "kept")
    assert (said["type"], said["challenge"], said["origin"]) == ("webauthn.get", "AAAA", origin)


async def test_what_is_typed_is_sent_and_a_button_that_is_not_there_is_told(origin: str) -> None:
    visitor = Visitor(origin)
    try:
        await visitor.open(f"{origin}/mfa/x")
        with pytest.raises(AssertionError, match="no button 'Withdraw'"):
            await visitor.press("Withdraw")
        assert json.loads(await visitor.press("Approve with a code", code="123456"))["code"] == "123456"
    finally:
        await visitor.aclose()
