"""POST /api/v1/evidence: what is accepted, once; and one sentence, with the field, for what is not."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.domain.canonical import canonical
from bot.domain.evidence import Evidence

TOKEN = "ci-token-0123456789abcdef"
Good = Callable[..., dict[str, Any]]
MIB = 1024 * 1024


async def kept(served: Any) -> list[Evidence]:
    found: list[Evidence] = await served.ledger.read(lambda tx: tx.evidence.about("checkout", artifact=None))
    return found


async def test_a_statement_is_kept_with_one_audit_entry_that_names_its_token(served: Any, good: Good) -> None:
    status, answer = await served.post(good())
    assert (status, answer["repeated"]) == (201, False)
    (one,) = await kept(served)
    assert (one.id, one.source, one.counts) == (answer["id"], "ci", {"critical": 0, "high": 2})
    (entry,) = await served.ledger.read(lambda tx: tx.trail.entries())
    said = json.loads(entry.body)
    assert (said["type"], said["by"]["via"]) == ("evidence.accepted", "token:ci")


async def test_the_same_statement_is_accepted_once_however_it_is_written(served: Any, good: Good) -> None:
    first = await served.post(good())
    again = await served.post(good())
    reordered = dict(reversed(good(at="2026-03-04T10:00:00.000-05:00").items()))
    third = await served.post(reordered)
    assert [first[0], again[0], third[0]] == [201, 200, 200]
    assert first[1]["id"] == again[1]["id"] == third[1]["id"]
    assert again[1]["repeated"] is True
    assert len(await kept(served)) == 1
    assert await served.entries() == 1


async def test_the_same_statement_ten_times_at_once_is_one(served: Any, good: Good) -> None:
    answers = await asyncio.gather(*(served.post(good()) for _ in range(10)))
    assert sorted(status for status, _ in answers) == [200] * 9 + [201]
    assert await served.entries() == 1


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-token-0123456789",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer \udcff\udcfe",
        "Bearer ünï",
    ],
)
async def test_without_a_known_token_nothing_is_written(
    served: Any, good: Good, authorization: str | None
) -> None:
    lines = [
        b"POST /api/v1/evidence HTTP/1.1",
        b"Host: x",
        b"Connection: close",
    ]
    if authorization is not None:
        lines.append(b"Authorization: " + authorization.encode("utf-8", "surrogateescape"))
    body = json.dumps(good()).encode()
    lines.append(b"Content-Length: %d" % len(body))
    answer = await spoken(served.port, b"\r\n".join(lines) + b"\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'WWW-Authenticate: Bearer realm="portcullis"' in answer
    assert TOKEN.encode() not in answer
    assert await served.entries() == 0


async def test_every_token_is_known_by_its_own_name(served: Any, good: Good) -> None:
    await served.post(good(), token="other-0123456789abcdef")
    (one,) = await kept(served)
    assert one.source == "other"


BAD_FIELDS = [
    ("kind", "guess", "kind"),
    ("kind", None, "kind"),
    ("kind", ["scan"], "kind"),
    ("service", 5, "service"),
    ("service", "x" * 129, "service"),
    ("service", "", "service"),
    ("service", "check\x00out", "service"),
    ("artifact", "with space", "artifact"),
    ("artifact", "", "artifact"),
    ("artifact", "-leading", "artifact"),
    ("artifact", "x" * 129, "artifact"),
    ("artifact", "tag\n", "artifact"),
    ("artifact", 7, "artifact"),
    ("digest", "sha256:abc", "digest"),
    ("digest", "sha256:" + "A" * 64, "digest"),
    ("digest", "sha512:" + "a" * 64, "digest"),
    ("digest", "sha256:" + "a" * 64 + "\n", "digest"),
    ("digest", None, "digest"),
    ("environment", "prod", "environment"),
    ("environment", 3, "environment"),
    ("outcome", "ok", "outcome"),
    ("outcome", True, "outcome"),
    ("at", "2026-03-04T15:00:00", "at"),
    ("at", "2026-03-04", "at"),
    ("at", "yesterday", "at"),
    ("at", 1772636400, "at"),
    ("at", "1772636400", "at"),
    ("at", "2026-02-30T15:00:00Z", "at"),
    ("at", "0001-01-01T00:00:00+23:59", "at"),
    ("at", "9999-12-31T23:59:59-23:59", "at"),
    ("at", "2026-03-04T15:00:00+99:00", "at"),
    ("at", None, "at"),
    ("counts", [1], "counts"),
    ("counts", {"critical": -1}, "counts.critical"),
    ("counts", {"critical": True}, "counts.critical"),
    ("counts", {"critical": 1.5}, "counts.critical"),
    ("counts", {"critical": 1.0}, "counts.critical"),
    ("counts", {"critical": "3"}, "counts.critical"),
    ("counts", {"critical": None}, "counts.critical"),
    ("counts", {"critical": 2**31}, "counts.critical"),
    ("counts", {"critical": 10**30}, "counts.critical"),
    ("counts", {"": 1}, "counts."),
    ("counts", {f"k{n}": 1 for n in range(51)}, "counts"),
    ("details", ["x"], "details"),
    ("details", None, "details"),
    ("sevice", "checkout", "sevice"),
]


@pytest.mark.parametrize(
    ("field", "value", "named"), BAD_FIELDS, ids=[f"{f}={str(v)[:24]!r}" for f, v, _ in BAD_FIELDS]
)
async def test_a_bad_field_is_named_and_nothing_is_written(
    served: Any, good: Good, field: str, value: Any, named: str
) -> None:
    status, answer = await served.post(good(**{field: value}))
    assert (status, answer["field"]) == (422, named)
    assert answer["message"].endswith((".", "?"))
    assert await served.entries() == 0


@pytest.mark.parametrize("field", ["kind", "service", "artifact", "digest", "outcome", "at"])
async def test_a_missing_field_is_named(served: Any, good: Good, field: str) -> None:
    said = good()
    del said[field]
    status, answer = await served.post(said)
    assert (status, answer["field"], answer["message"]) == (422, field, f"{field}: it is missing.")


@pytest.mark.parametrize("kind", ["deployment", "verification"])
async def test_what_happens_in_an_environment_must_name_it(served: Any, good: Good, kind: str) -> None:
    status, answer = await served.post(good(kind=kind))
    assert (status, answer["field"]) == (422, "environment")
    assert answer["message"] == f"environment: it is missing; a {kind} happens in one."


async def test_every_wrong_field_is_told_at_once(served: Any, good: Good) -> None:
    _, answer = await served.post(good(kind="guess", at="now", counts={"high": -1}))
    assert [p["field"] for p in answer["problems"]] == ["kind", "at", "counts.high"]


async def test_an_unknown_service_comes_with_a_suggestion(served: Any, good: Good) -> None:
    status, answer = await served.post(good(service="chekout"))
    assert (status, answer["error"], answer["field"]) == (422, "unknown-service", "service")
    assert "Did you mean “checkout”?" in answer["message"]


async def test_a_statement_from_the_future_is_refused_but_not_for_a_slow_clock(
    served: Any, good: Good
) -> None:
    status, answer = await served.post(good(at="2026-03-04T16:02:01Z"))
    assert (status, answer["error"], answer["field"]) == (422, "from-the-future", "at")
    assert (await served.post(good(at="2026-03-04T16:02:00Z")))[0] == 201


NOT_JSON = [
    (b"", "not-json"),
    (b"kind=scan&service=checkout", "not-json"),
    (b"{", "not-json"),
    (b'{"kind": "scan"} trailing', "not-json"),
    (b"\xff\xfe{\x00}\x00", "not-json"),
    (b"\xef\xbb\xbf{}", "not-json"),
    (b'"text"', "not-an-object"),
    (b"[]", "not-an-object"),
    (b"null", "not-an-object"),
    (b'{"counts": {"high": NaN}}', "not-json"),
    (b'{"details": {"x": Infinity}}', "not-json"),
    (b'{"details": {"x": -Infinity}}', "not-json"),
    (b'{"kind": "scan", "kind": "build"}', "key-twice"),
    (b'{"details": {"a": {"b": 1, "b": 2}}}', "key-twice"),
    (b'{"details": {' + b"".join(b'"%d": 1, ' % n for n in range(70_000)) + b'"69999": 2}}', "key-twice"),
    (b"[" * 500_000, "too-deep"),
    (b'{"details":' * 90_000, "too-deep"),
    (b'{"details": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}", "too-deep"),
    (b'{"details": {"a": "\\ud800"}}', "not-text"),
    (b'{"details": {"\\udfff": 1}}', "not-text"),
    (b'{"\\ud800": 1}', "not-text"),
    (b'{"service": "\\ud800"}', "not-text"),
    (b'{"\\ud800": 1, "\\ud800": 2}', "key-twice"),
]


@pytest.mark.parametrize(("body", "code"), NOT_JSON, ids=[f"{b[:28]!r}" for b, _ in NOT_JSON])
async def test_a_body_that_is_no_sound_object_is_a_400_with_one_sentence(
    served: Any, body: bytes, code: str
) -> None:
    status, answer = await served.post(body)
    assert (status, answer["error"]) == (400, code)
    assert answer["field"]
    assert len(answer["message"]) < 200
    assert await served.entries() == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "nonsense"])
async def test_json_is_accepted_whatever_it_is_announced_as(served: Any, good: Good, kind: str) -> None:
    assert (await served.post(good(), headers={"Content-Type": kind}))[0] == 201


DETAILS = {
    "cvss": 9.8,
    "tiny": 1e-300,
    "beyond": 1e400,
    "big": 2**53,
    "bigger": -(10**60),
    "exact": 2**53 - 1,
    "nul": "a\x00b",
    "text": "x" * 700_000,
    "signs": "<!channel> ✓ 𝄞 \u2028",
    "null": None,
    "deep": [[[[{"a": [True]}]]]],
}


async def test_what_the_canonical_form_cannot_say_is_kept_as_the_text_that_was_sent(
    served: Any, good: Good
) -> None:
    body = json.dumps(good(details=DETAILS)).replace("Infinity", "1e400").encode()
    status, _ = await served.post(body)
    assert status == 201
    (one,) = await kept(served)
    assert one.details == DETAILS | {
        "cvss": "9.8",
        "tiny": "1e-300",
        "beyond": "1e400",
        "big": str(2**53),
        "bigger": str(-(10**60)),
    }
    canonical(dict(one.details))  # an auditor can hash it again
    assert (await served.post(body))[1]["repeated"] is True


def padded(good: Good, size: int) -> bytes:
    """A good statement of exactly `size` bytes."""
    empty = len(json.dumps(good(details={"pad": ""})))
    return json.dumps(good(details={"pad": "x" * (size - empty)})).encode()


async def test_exactly_one_mebibyte_is_taken_and_one_byte_more_is_not(served: Any, good: Good) -> None:
    status, answer = await served.post(padded(good, MIB + 1))
    assert (status, answer["error"], answer["field"]) == (413, "too-large", "body")
    assert await served.entries() == 0
    assert (await served.post(padded(good, MIB)))[0] == 201


async def test_the_cap_holds_for_chunked_bodies(served: Any, good: Good) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        body = padded(good, 3 * MIB // 2)
        for start in range(0, len(body), 60_000):
            yield body[start : start + 60_000]

    assert (await served.post(chunks()))[0] == 413
    assert await served.entries() == 0


async def test_the_cap_holds_for_what_is_unpacked(served: Any, good: Good) -> None:
    bomb = gzip.compress(padded(good, 8 * MIB))
    assert (await served.post(bomb, headers={"Content-Encoding": "gzip"}))[0] == 413
    packed = gzip.compress(json.dumps(good()).encode())
    assert (await served.post(packed, headers={"Content-Encoding": "gzip"}))[0] == 201


async def test_a_body_that_is_not_packed_as_announced_is_a_400(served: Any, good: Good) -> None:
    status, answer = await served.post(json.dumps(good()).encode(), headers={"Content-Encoding": "gzip"})
    assert (status, answer["error"]) == (400, "body-broken")


async def spoken(port: int, sent: bytes, *, end: bool = False) -> bytes:
    """Everything the server answers to these bytes, until it closes; bounded."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        await writer.drain()
        if end:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


HEAD = f"POST /api/v1/evidence HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"


def raw(length: int, body: bytes) -> bytes:
    """A request that says its body has `length` bytes."""
    return f"{HEAD}Content-Length: {length}\r\n\r\n".encode() + body


async def test_a_content_length_that_is_too_small_cuts_the_body_and_nothing_is_written(
    served: Any, good: Good
) -> None:
    body = json.dumps(good()).encode()
    answer = await spoken(served.port, raw(len(body) - 10, body))
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert await served.entries() == 0


async def test_a_body_that_ends_before_its_content_length_writes_nothing(served: Any, good: Good) -> None:
    body = json.dumps(good()).encode()
    await spoken(served.port, raw(len(body) + 10, body), end=True)
    assert await served.entries() == 0
    assert (await served.post(good()))[0] == 201  # and the server is as well as before


async def test_chunks_that_are_malformed_are_a_400(served: Any, good: Good) -> None:
    body = b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n"
    answer = await spoken(served.port, HEAD.encode() + body)
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert await served.entries() == 0


@pytest.mark.parametrize("context_changes", [{"body_seconds": 0.2}])
async def test_a_body_that_trickles_is_cut_off(served: Any, good: Good) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)

    async def trickle() -> None:
        writer.write(raw(100_000, b"{"))
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    try:
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
    finally:
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in answer
    assert b'"message": "The body did not arrive within 0.2 s; send it again."' in answer
    assert await served.entries() == 0
