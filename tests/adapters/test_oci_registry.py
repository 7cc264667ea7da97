"""The registry adapter against one that asks for tokens, lies, redirects or hangs."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.oci_registry import MANIFESTS, OciRegistry
from bot.adapters.oci_tokens import Challenge, challenges_in
from bot.domain.artifact import RegistryAnswer, RegistryWord
from bot.ports import Clock, Registry
from tests.adapters.conftest import Serve, StoppedClock, Talk

BODY = json.dumps({"schemaVersion": 2, "mediaType": MANIFESTS[1]}).encode()
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
OTHER = "sha256:" + "0" * 64
LOGIN = ("robot", SecretStr("s3cret"))
BASIC = "Basic " + base64.b64encode(b"robot:s3cret").decode()

Answering = Callable[[web.Request], Awaitable[web.StreamResponse] | web.StreamResponse]


@dataclass
class Fake:
    """A registry that answers with `answers` in turn (the last one again and again), and remembers what it heard."""

    answers: list[Answering]
    heard: list[web.Request] = field(default_factory=list)
    tokens_asked: list[web.Request] = field(default_factory=list)
    token: Answering = field(default=lambda _: web.json_response({"token": "t1", "expires_in": 300}))
    token_app: str = ""

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(request)
        answering = self.answers[min(len(self.heard), len(self.answers)) - 1]
        found = answering(request)
        return found if isinstance(found, web.StreamResponse) else await found

    async def give_token(self, request: web.Request) -> web.StreamResponse:
        self.tokens_asked.append(request)
        found = self.token(request)
        return found if isinstance(found, web.StreamResponse) else await found

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/v2/{name:.+}/manifests/{reference}", self.manifest)
        app.router.add_get("/token", self.give_token)
        return app

    def authorizations(self) -> list[str | None]:
        return [r.headers.get("Authorization") for r in self.heard]


def says(
    status: int = 200, digest: str | None = DIGEST, body: bytes = BODY, kind: str = MANIFESTS[1]
) -> Answering:
    def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": kind} | ({"Docker-Content-Digest": digest} if digest is not None else {})
        return web.Response(status=status, headers=headers, body=body)

    return answer


def demands(challenge: str) -> Answering:
    return lambda _: web.Response(status=401, headers={"WWW-Authenticate": challenge})


def unless_authorized(challenge: str, expected: str) -> Answering:
    """A registry that lets in only whoever shows `expected`."""

    def answer(request: web.Request) -> Awaitable[web.StreamResponse] | web.StreamResponse:
        let_in = request.headers.get("Authorization") == expected
        return (says() if let_in else demands(challenge))(request)

    return answer


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    raise AssertionError


def registry(session: aiohttp.ClientSession, clock: Clock, **more: object) -> Registry:
    made: dict[str, object] = {"timeout_s": 2.0, **more}
    return OciRegistry(session, clock=clock, **made)  # type: ignore[arg-type]


async def ask(
    session: aiohttp.ClientSession, address: str, reference: str = "v1", **more: object
) -> RegistryAnswer:
    return await registry(session, StoppedClock(), **more).resolve(f"{address}/team/app", reference)


async def test_it_accepts_every_kind_of_manifest_and_asks_by_head(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    fake = Fake([says()])

    answer = await ask(session, await serve(fake.app()))

    assert answer == RegistryAnswer(word=RegistryWord.FOUND, asked_at=StoppedClock().at, digest=DIGEST)
    assert [(r.method, r.path) for r in fake.heard] == [("HEAD", "/v2/team/app/manifests/v1")]
    assert all(kind in fake.heard[0].headers["Accept"] for kind in MANIFESTS)


@pytest.mark.parametrize("head", [says(digest=None), says(405, digest=None)])
async def test_where_head_tells_no_digest_the_bytes_are_hashed(
    session: aiohttp.ClientSession, serve: Serve, head: Answering
) -> None:
    fake = Fake([head, says(digest=None)])

    answer = await ask(session, await serve(fake.app()))

    assert answer.digest == DIGEST
    assert [r.method for r in fake.heard] == ["HEAD", "GET"]


@pytest.mark.requirement("P5")
@pytest.mark.parametrize(
    ("answers", "reference", "problem"),
    [
        ([says(digest="sha256:abc")], "v1", "malformed-digest"),
        ([says(digest="")], "v1", "malformed-digest"),
        ([says(digest="sha512:" + "0" * 128)], "v1", "malformed-digest"),
        ([says(digest=DIGEST.upper())], "v1", "malformed-digest"),
        ([says(digest=OTHER)], DIGEST, "digest-mismatch"),
        ([says(digest=None), says(digest=OTHER)], "v1", "digest-mismatch"),
        ([says(digest=None)], OTHER, "digest-mismatch"),
        (
            [says(digest=None), says(digest=None, kind="text/html", body=b"<html>sign in</html>")],
            "v1",
            "not-a-manifest",
        ),
        ([says(digest=None), says(digest=None, body=b"<html>")], "v1", "not-a-manifest"),
        ([says(digest=None), says(digest=None, body=b'{"schemaVersion": 1}')], "v1", "not-a-manifest"),
        ([says(digest=None), says(digest=None, body=b"[]")], "v1", "not-a-manifest"),
        ([says(digest=None), says(digest=None, body=b"x" * (4 * 1024 * 1024 + 1))], "v1", "too-large"),
        ([says(204, digest=DIGEST)], "v1", "http-204"),
        ([says(403)], "v1", "http-403"),
    ],
)
async def test_a_registry_that_lies_is_not_believed(
    session: aiohttp.ClientSession, serve: Serve, answers: list[Answering], reference: str, problem: str
) -> None:
    answer = await ask(session, await serve(Fake(answers).app()), reference)

    assert (answer.word, answer.digest, answer.problem) == (RegistryWord.UNREACHABLE, None, problem)


@pytest.mark.requirement("P14")
async def test_404_is_the_registry_s_own_word_that_it_is_missing(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    fake = Fake([says(404)])

    answer = await ask(session, await serve(fake.app()))

    assert (answer.word, answer.problem) == (RegistryWord.MISSING, None)
    assert len(fake.heard) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_busy_registry_is_asked_once_more_and_no_more(
    session: aiohttp.ClientSession, serve: Serve, status: int
) -> None:
    recovering, broken = Fake([says(status), says()]), Fake([says(status)])

    assert (await ask(session, await serve(recovering.app()))).digest == DIGEST
    assert (await ask(session, await serve(broken.app()))).problem == f"http-{status}"
    assert len(broken.heard) == 2


async def test_a_registry_that_hangs_is_left_at_the_time_limit(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    async with asyncio.timeout(5):
        answer = await ask(session, await serve(Fake([hangs]).app()), timeout_s=0.2)

    assert (answer.word, answer.problem) == (RegistryWord.UNREACHABLE, "timeout")


async def test_a_body_that_trickles_is_left_at_the_time_limit(
    session: aiohttp.ClientSession, raw: Callable[[Talk], Awaitable[str]]
) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readuntil(b"\r\n\r\n")).startswith(b"HEAD"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFESTS[0]}\r\nContent-Length: 9999\r\n\r\n".encode()
        )
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with asyncio.timeout(5):
        answer = await ask(session, await raw(trickle), timeout_s=0.3)

    assert answer.problem == "timeout"


async def test_nobody_listening_is_a_refused_connection(
    session: aiohttp.ClientSession, closed_port: str
) -> None:
    assert (await ask(session, closed_port)).problem == "connection-refused"


async def test_a_connection_that_breaks_is_asked_again(
    session: aiohttp.ClientSession, raw: Callable[[Talk], Awaitable[str]]
) -> None:
    calls = []

    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        calls.append(1)

    assert (await ask(session, await raw(breaking))).problem == "disconnected"
    assert len(calls) >= 2


async def test_bytes_that_are_no_http_are_malformed(
    session: aiohttp.ClientSession, raw: Callable[[Talk], Awaitable[str]]
) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        await writer.drain()

    assert (await ask(session, await raw(babble))).problem == "malformed-response"


async def test_a_registry_elsewhere_is_asked_by_https_only(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    address = await serve(Fake([says()]).app())
    port = address.rpartition(":")[2]

    def to_loopback(**_: object) -> aiohttp.TCPConnector:
        class Resolver(aiohttp.abc.AbstractResolver):
            async def resolve(self, host, port=0, family=0):  # type: ignore[no-untyped-def]
                return [
                    {"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}
                ]

            async def close(self) -> None: ...

        return aiohttp.TCPConnector(resolver=Resolver())

    async with aiohttp.ClientSession(connector=to_loopback()) as elsewhere:
        image = f"registry.acme.example:{port}"
        strict = await ask(elsewhere, image)
        lenient = await ask(elsewhere, image, insecure_hosts=frozenset({image}))

    assert (strict.word, strict.problem) == (RegistryWord.UNREACHABLE, "tls")
    assert lenient.word is RegistryWord.FOUND


@pytest.mark.parametrize(
    ("image", "reference", "problem"),
    [
        ("not an image", "v1", "malformed-image"),
        ("127.0.0.1:1/app:v1", "v1", "malformed-image"),
        ("127.0.0.1:1/app", "../v1", "malformed-reference"),
        ("127.0.0.1:1/app", "", "malformed-reference"),
        ("127.0.0.1:1/app", "sha256:abc", "malformed-reference"),
    ],
)
async def test_what_cannot_be_asked_is_said_without_asking(
    session: aiohttp.ClientSession, clock: StoppedClock, image: str, reference: str, problem: str
) -> None:
    answer = await registry(session, clock).resolve(image, reference)

    assert (answer.word, answer.problem) == (RegistryWord.UNREACHABLE, problem)


async def test_a_token_is_fetched_for_pulling_only_and_kept_until_it_expires(
    session: aiohttp.ClientSession, serve: Serve, clock: StoppedClock
) -> None:
    fake = Fake([])
    address = await serve(fake.app())
    challenge = f'Bearer realm="http://{address}/token",service="registry, of Acme",scope="repository:team/app:pull,push"'
    fake.answers = [unless_authorized(challenge, "Bearer t1")]
    asked = registry(session, clock, credentials={address: LOGIN})

    for _ in range(3):
        assert (await asked.resolve(f"{address}/team/app", "v1")).digest == DIGEST
    assert len(fake.tokens_asked) == 1
    assert dict(fake.tokens_asked[0].query) == {
        "service": "registry, of Acme",
        "scope": "repository:team/app:pull",
    }
    assert fake.tokens_asked[0].headers["Authorization"] == BASIC

    clock.pass_seconds(301)
    assert (await asked.resolve(f"{address}/team/app", "v1")).digest == DIGEST
    assert len(fake.tokens_asked) == 2


async def test_a_token_that_is_no_longer_accepted_is_replaced(
    session: aiohttp.ClientSession, serve: Serve, clock: StoppedClock
) -> None:
    fake = Fake([])
    address = await serve(fake.app())
    challenge = f'Bearer realm="http://{address}/token"'
    fake.answers = [unless_authorized(challenge, "Bearer t1")]
    asked = registry(session, clock)
    assert (await asked.resolve(f"{address}/team/app", "v1")).digest == DIGEST

    fake.token = lambda _: web.json_response({"access_token": "t2"})
    fake.answers = [unless_authorized(challenge, "Bearer t2")]

    assert (await asked.resolve(f"{address}/team/app", "v1")).digest == DIGEST


async def test_without_credentials_the_token_is_asked_for_anonymously(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    fake = Fake([])
    address = await serve(fake.app())
    fake.answers = [unless_authorized(f'Bearer realm="http://{address}/token"', "Bearer t1")]

    assert (await ask(session, address)).digest == DIGEST
    assert "Authorization" not in fake.tokens_asked[0].headers


async def test_basic_credentials_go_to_the_registry_that_asks_for_them(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    fake = Fake([unless_authorized('Basic realm="registry"', BASIC)])
    address = await serve(fake.app())

    assert (await ask(session, address, credentials={address: LOGIN})).digest == DIGEST
    assert (await ask(session, address)).problem == "unauthorized"
    assert (await ask(session, address, credentials={"other.example": LOGIN})).problem == "unauthorized"


@pytest.mark.parametrize(
    "realm",
    [
        "http://registry.acme.example/token",
        "http://169.254.169.254/latest/meta-data",
        "ftp://127.0.0.1/token",
        "file:///etc/passwd",
        "//127.0.0.1/token",
        "http://user:pw@127.0.0.1/token",
        "https://user:pw@auth.acme.example/token",
        "http://[",
        "",
    ],
)
async def test_a_realm_over_an_unsafe_address_gets_nothing(
    session: aiohttp.ClientSession, serve: Serve, realm: str
) -> None:
    fake = Fake([demands(f'Bearer realm="{realm}"')])
    address = await serve(fake.app())

    answer = await ask(session, address, credentials={address: LOGIN})

    assert (answer.word, answer.problem) == (RegistryWord.UNREACHABLE, "token-realm-refused")


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        (lambda _: web.Response(status=401), "unauthorized"),
        (lambda _: web.Response(status=500), "token-500"),
        (lambda _: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "token-302"),
        (lambda _: web.Response(text="<html>"), "malformed-token"),
        (lambda _: web.json_response([]), "malformed-token"),
        (lambda _: web.json_response({"token": 5}), "malformed-token"),
        (lambda _: web.json_response({"token": "a\r\nX-Evil: 1"}), "malformed-token"),
        (lambda _: web.json_response({"token": "t" * 100_000}), "malformed-token"),
        (lambda _: web.json_response({}), "malformed-token"),
    ],
)
async def test_a_token_desk_that_misbehaves_opens_nothing(
    session: aiohttp.ClientSession, serve: Serve, token: Answering, problem: str
) -> None:
    fake = Fake([], token=token)
    address = await serve(fake.app())
    fake.answers = [demands(f'Bearer realm="http://{address}/token"')]

    assert (await ask(session, address)).problem == problem


async def test_a_registry_that_accepts_no_token_is_not_asked_for_ever(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    fake = Fake([])
    address = await serve(fake.app())
    fake.answers = [demands(f'Bearer realm="http://{address}/token"')]

    assert (await ask(session, address)).problem == "unauthorized"
    assert len(fake.heard) == 2


async def test_a_redirect_to_another_host_is_followed_without_the_token(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    mirror, fake = Fake([says()]), Fake([])
    mirrored, address = await serve(mirror.app()), await serve(fake.app())

    def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(f"http://{mirrored}/v2/mirror/manifests/v1")

    fake.answers = [demands('Basic realm="x"'), moved]

    assert (await ask(session, address, credentials={address: LOGIN})).digest == DIGEST
    assert fake.authorizations() == [None, BASIC]
    assert mirror.authorizations() == [None]


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/", "http://registry.acme.example/", "ftp://x/", "", "http://["]
)
async def test_a_redirect_to_an_unsafe_address_is_refused(
    session: aiohttp.ClientSession, serve: Serve, location: str
) -> None:
    fake = Fake([lambda _: web.Response(status=307, headers={"Location": location})])

    answer = await ask(session, await serve(fake.app()))

    assert answer.problem in {"redirect-refused", "malformed-response"}
    assert len(fake.heard) == 1


async def test_redirects_in_a_circle_end(session: aiohttp.ClientSession, serve: Serve) -> None:
    fake = Fake([lambda r: web.Response(status=302, headers={"Location": str(r.url)})])

    assert (await ask(session, await serve(fake.app()))).problem == "too-many-redirects"
    assert len(fake.heard) <= 5


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], []),
        (['Basic realm="x"'], [Challenge("basic", "x")]),
        (["bearer realm=https://a/t,service=s"], [Challenge("bearer", "https://a/t", "s")]),
        (
            ['Bearer realm="https://a/t",service="s",scope="Basic x", Basic realm="y"'],
            [Challenge("bearer", "https://a/t", "s"), Challenge("basic", "y")],
        ),
        (["Negotiate", 'Bearer realm="https://a/t"'], [Challenge("bearer", "https://a/t")]),
        (["Digest realm=x"], []),
    ],
)
def test_challenges_are_read_as_they_are_written(headers: list[str], found: list[Challenge]) -> None:
    assert challenges_in(headers) == found


async def test_the_password_is_in_no_answer_and_no_representation(
    session: aiohttp.ClientSession, serve: Serve
) -> None:
    fake = Fake([demands('Basic realm="x"')])
    address = await serve(fake.app())

    answer = await ask(session, address, credentials={address: LOGIN})

    assert "s3cret" not in repr(answer)
    assert "s3cret" not in repr(LOGIN)
