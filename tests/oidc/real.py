"""A real OpenID Connect provider (npm oidc-provider) for the tests, run by Node, and a browser that logs in at it."""

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

FOLDER = Path(__file__).resolve().parent
SECONDS_TO_START = 30
MOST_HOPS = 10


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A client of the provider."""

    client_id: str
    client_secret: SecretStr | None


@dataclass
class RealProvider:
    """The running provider; `tell` it who sits at the browser and where it lies."""

    issuer: str
    told: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, **what: Any) -> None:
        self._post("/control", what)

    def register(self, redirect_uri: str, **metadata: Any) -> Registered:
        """Register a client, by default one that authenticates in the header."""
        asked = {
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            **metadata,
        }
        answer = self._post("/reg", asked)
        secret = answer.get("client_secret")
        return Registered(
            client_id=answer["client_id"], client_secret=None if secret is None else SecretStr(secret)
        )

    def _post(self, path: str, what: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(what).encode()
        request = urllib.request.Request(  # noqa: S310 -- our own loopback address
            self.issuer + path, body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")  # type: ignore[no-any-return]


class Browser:
    """Follows redirects as a browser does, with its own cookies, until it is sent away from the provider."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def log_in(self, url: str, until: str) -> str:
        """Open `url`; gives the address that begins with `until` to which the provider sends the browser."""
        for _ in range(MOST_HOPS):
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status not in (302, 303):
                    raise AssertionError(f"{answer.status}: {(await answer.text())[:1000]}")
                url = str(answer.url.join(aiohttp.client.URL(answer.headers["Location"])))
            if url.startswith(until):
                return url
        raise AssertionError("the provider never came back")


@pytest.fixture(scope="session")
def running_provider() -> Iterator[RealProvider]:
    """One provider for all tests; skipped in one line where Node or its packages are missing, unless CI is set."""
    problem = _missing()
    if problem is not None and os.environ.get("CI") == "true":
        pytest.fail(problem)
    if problem is not None:
        pytest.skip(problem)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["node", "provider.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        try:
            yield RealProvider(_first_line(process, log))
        finally:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()  # it ends with it
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            process.stdout.close()


@pytest.fixture
def provider(running_provider: RealProvider) -> RealProvider:
    """The provider, with all that earlier tests told it forgotten."""
    running_provider.tell(forget=True)
    return running_provider


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(session)


def _missing() -> str | None:
    if shutil.which("node") is None:
        return "node is missing; scripts/test-tools.sh says how to get it"
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        return "oidc-provider is not installed; scripts/test-tools.sh installs it"
    return None


def _first_line(process: "subprocess.Popen[bytes]", log: Any) -> str:
    """The issuer, which it prints once it listens."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if selector.select(SECONDS_TO_START):
            line = process.stdout.readline().decode().strip()
            if line.startswith("http"):
                return line
    process.kill()
    process.wait(10)
    log.seek(0)
    raise RuntimeError(f"the provider did not start: {log.read()[-2000:].decode(errors='replace')}")
