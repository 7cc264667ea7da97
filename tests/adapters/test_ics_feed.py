"""Calendars fetched from servers that are well, ill, slow, enormous and hostile, and from addresses nobody may read."""

import asyncio
import gzip
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from bot.adapters import child
from bot.adapters.ics_feed import IcsFetcher
from bot.adapters.ics_trial import IcsTrial
from bot.domain.feed import Fetched
from bot.policy.document import LARGEST
from tests.adapters.conftest import Serve, Talk

pytestmark = pytest.mark.requirement("P6")
GOOD = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260310\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
Raw = Callable[[Talk], Awaitable[str]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def fetcher() -> AsyncIterator[IcsFetcher]:
    made = IcsFetcher(limit=5)
    yield made
    await made.close()


def app(**handlers: Handler) -> web.Application:
    made = web.Application()
    for name, handler in handlers.items():
        made.router.add_get(f"/{name}", handler)
    return made


def answering(body: bytes, status: int = 200, **headers: str) -> web.Application:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def feed(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=named)

    return app(feed=feed)


async def fetched(fetcher: IcsFetcher, address: str, path: str = "feed", **more: str | None) -> Fetched:
    return await fetcher.fetch(f"http://{address}/{path}", allow_private=True, **more)


async def test_a_calendar_is_fetched_with_what_names_its_edition(fetcher: IcsFetcher, serve: Serve) -> None:
    address = await serve(answering(GOOD, ETag='"v1"', Last_Modified="Tue, 10 Mar 2026 10:00:00 GMT"))
    assert await fetched(fetcher, address) == Fetched(
        "ok", GOOD, etag='"v1"', last_modified="Tue, 10 Mar 2026 10:00:00 GMT"
    )


async def test_what_did_not_change_is_not_sent_again(fetcher: IcsFetcher, serve: Serve) -> None:
    asked: list[tuple[str | None, str | None]] = []

    async def feed(request: web.Request) -> web.Response:
        asked.append((request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")))
        return web.Response(status=304)

    address = await serve(app(feed=feed))
    assert await fetched(fetcher, address, etag='"v1"', last_modified="then") == Fetched("not-modified")
    assert (await fetched(fetcher, address)).code == "http-304"  # nobody asked it to compare
    assert asked == [('"v1"', "then"), (None, None)]


@pytest.mark.parametrize(
    ("application", "code"),
    [
        (answering(b"", 404), "http-404"),
        (answering(b"", 500), "http-500"),
        (answering(GOOD, 206), "http-206"),
        (answering(b""), "empty"),
        (answering(b" \r\n\xef\xbb\xbf"), "not-a-calendar"),
        (
            answering(
                GOOD.replace(b":20260310", b";TZID=" + b"A/" * 1000 + b"B:20260310T120000\r\nDURATION:PT1H")
            ),
            "not-a-calendar",
        ),
        (answering(b"<!DOCTYPE html><title>Log in</title>", Content_Type="text/plain"), "html"),
        (answering(GOOD, Content_Type="text/html; charset=utf-8"), "html"),
        (answering(gzip.compress(GOOD), Content_Encoding="gzip"), "compressed"),
        (answering(GOOD + b"X" * LARGEST), "too-large"),
        (answering(GOOD[:-20]), "not-a-calendar"),
        (answering(b"BEGIN:VCALENDAR\r\n" * 50_000), "not-a-calendar"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_calendar_has_a_code(
    fetcher: IcsFetcher, serve: Serve, application: web.Application, code: str
) -> None:
    assert await fetched(fetcher, await serve(application)) == Fetched(code)


async def test_a_body_without_an_end_is_left_at_the_limit(fetcher: IcsFetcher, raw: Raw) -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/calendar\r\n\r\n")
        while True:
            writer.write(b"X" * 65_536)
            sent += 65_536
            await writer.drain()

    assert await fetched(fetcher, await raw(talk)) == Fetched("too-large")
    assert sent < 50 * LARGEST


async def test_a_body_that_breaks_off_is_no_calendar(fetcher: IcsFetcher, raw: Raw) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + GOOD)
        await writer.drain()

    assert await fetched(fetcher, await raw(talk)) == Fetched("malformed-response")


async def test_one_byte_a_second_is_given_up(raw: Raw) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"B")
            await asyncio.sleep(0.05)

    fetcher = IcsFetcher(limit=0.4)
    began = time.monotonic()
    assert await fetched(fetcher, await raw(talk)) == Fetched("timeout")
    assert time.monotonic() - began < 3
    await fetcher.close()


async def test_redirects_are_followed_a_few_times(fetcher: IcsFetcher, serve: Serve) -> None:
    async def good(_: web.Request) -> web.Response:
        return web.Response(body=GOOD)

    async def hop(request: web.Request) -> web.Response:
        left = int(request.query["left"])
        raise web.HTTPFound("/good" if left == 0 else f"/hop?left={left - 1}")

    async def lost(_: web.Request) -> web.Response:
        return web.Response(status=302)

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    address = await serve(app(good=good, hop=hop, lost=lost, elsewhere=elsewhere))
    assert (await fetched(fetcher, address, "hop?left=2")).code == "ok"
    assert (await fetched(fetcher, address, "hop?left=3")).code == "redirected"
    assert (await fetched(fetcher, address, "lost")).code == "redirected"
    assert (await fetched(fetcher, address, "elsewhere?to=file:///etc/passwd")).code == "redirected"
    assert (await fetched(fetcher, address, "elsewhere?to=http://169.254.169.254/")).code == "address-refused"


async def test_a_private_address_is_refused_unless_allowed(fetcher: IcsFetcher, serve: Serve) -> None:
    address = await serve(answering(GOOD))
    port = address.partition(":")[2]
    for url in (
        f"http://{address}/feed",
        f"http://localhost:{port}/feed",
        f"http://[::ffff:127.0.0.1]:{port}/feed",
    ):
        assert await fetcher.fetch(url, allow_private=False) == Fetched("address-refused")
    assert (await fetcher.fetch(f"http://localhost:{port}/feed", allow_private=True)).code == "ok"
    assert await fetcher.fetch("http://169.254.169.254/x", allow_private=True) == Fetched("address-refused")


async def test_webcal_is_https(fetcher: IcsFetcher, serve: Serve) -> None:
    address = await serve(answering(GOOD))  # speaks no TLS
    for scheme in ("webcal", "WEBCAL", "https"):
        assert await fetcher.fetch(f"{scheme}://{address}/feed", allow_private=True) == Fetched("tls")


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://x.invalid:99999/", "nonsense", "http://" + "a" * 300 + "/"]
)
async def test_an_address_that_cannot_be_asked_is_a_code_too(fetcher: IcsFetcher, url: str) -> None:
    answer = await fetcher.fetch(url, allow_private=True)
    assert answer.body is None
    assert answer.code in {"malformed-response", "bad-url", "dns", "dns-unavailable", "disconnected"}


async def test_nobody_listening_is_a_code(fetcher: IcsFetcher, closed_port: str) -> None:
    assert await fetched(fetcher, closed_port) == Fetched("refused")


async def test_a_validator_that_could_not_be_sent_back_is_not_kept(fetcher: IcsFetcher, serve: Serve) -> None:
    answer = await fetched(fetcher, await serve(answering(GOOD, ETag="x" * 301)))
    assert (answer.code, answer.etag) == ("ok", None)


async def test_the_same_bytes_are_tried_once(serve: Serve) -> None:
    class Counting(IcsTrial):
        tried = 0

        async def code(self, body: bytes) -> str:
            self.tried += 1
            return "ok"

    trial = Counting()
    fetcher = IcsFetcher(trial)
    address = await serve(answering(GOOD))
    assert [(await fetched(fetcher, address)).code for _ in range(3)] == ["ok", "ok", "ok"]
    assert trial.tried == 1
    await fetcher.close()


async def test_a_trial_tells_good_bytes_from_bad_ones() -> None:
    trial = IcsTrial()
    assert await trial.code(GOOD) == "ok"
    assert await trial.code(b"no calendar") == "not-a-calendar"


async def test_a_trial_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_CODE", "import time; time.sleep(600)")
    began = time.monotonic()
    assert await IcsTrial(limit=0.5).code(GOOD) == "too-slow"
    assert time.monotonic() - began < 5


async def test_a_trial_that_is_cancelled_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    monkeypatch.setattr(child, "_CODE", code)
    task = asyncio.create_task(IcsTrial().code(GOOD))
    async with asyncio.timeout(10):
        while not (pid.exists() and pid.read_text()):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize(
    "code",
    [
        "x = bytearray(8 << 30)",
        "import os; os.abort()",
        "raise SystemExit(1)",
        "import os; os.kill(os.getpid(), 9)",
    ],
)
async def test_a_trial_that_ends_by_itself_proves_nothing(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    limited = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from bot.adapters.child import limited; limited(15); "
    monkeypatch.setattr(child, "_CODE", limited + code)
    assert await IcsTrial().code(GOOD) == "trial-failed"


async def test_a_trial_that_cannot_begin_is_our_own_fault_and_no_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(child.sys, "executable", "/nowhere/python")
    assert await IcsTrial().code(GOOD) == "trial-failed"
