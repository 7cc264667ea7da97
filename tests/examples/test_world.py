"""The sample world that a visitor breaks: what is wrong with a version goes with it, what is wrong beside it stays."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from examples.readiness.builds import CANDIDATES, FIRST
from examples.readiness.world import HEALTH, World, build_app


class Visit:
    """A world in which two versions of the catalogue are known, and the first of them runs."""

    def __init__(self, world: World, server: TestServer, session: ClientSession) -> None:
        self.world, self._server, self._session = world, server, session
        self.old = next(b for b in FIRST if b.service == "catalogue")
        self.new = next(b for b in CANDIDATES if b.service == "catalogue")
        for build in (*FIRST, *CANDIDATES):
            world.shelf.put(build)

    async def post(self, path: str, **body: str) -> int:
        async with self._session.post(self._server.make_url(path), json=body) as answer:
            return answer.status

    async def run(self, digest: str) -> None:
        said = {"service": "catalogue", "environment": "production", "digest": digest}
        assert await self.post("/deploy", **said) == 200

    async def health(self) -> tuple[int, str]:
        async with self._session.get(self._server.make_url("/health")) as answer:
            return answer.status, answer.content_type

    async def state(self) -> dict[str, Any]:
        async with self._session.get(self._server.make_url("/state")) as answer:
            found: dict[str, Any] = await answer.json()
            return found


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    world = World(bot="", token="", factors={})
    async with TestServer(build_app(world), host="127.0.0.1") as server, ClientSession() as session:
        made = Visit(world, server, session)
        await made.run(made.old.digest)
        yield made
        await world.mail.stop()


@pytest.mark.parametrize(
    ("health", "answer"),
    [
        ("ok", (200, "application/json")),
        ("warning", (200, "application/json")),
        ("error", (503, "application/json")),
        ("garbled", (200, "text/html")),
    ],
)
async def test_a_faulty_version_is_ill_wherever_it_runs_in_production_and_another_one_is_not(
    visit: Visit, health: str, answer: tuple[int, str]
) -> None:
    assert await visit.post("/fault", health=health) == 200
    assert await visit.health() == answer
    await visit.run(visit.new.digest)
    assert await visit.health() == (200, "application/json")
    await visit.run(visit.old.digest)
    assert await visit.health() == answer


async def test_what_is_wrong_beside_the_version_stays_whatever_runs(visit: Visit) -> None:
    assert await visit.post("/health", health="error") == 200
    await visit.run(visit.new.digest)
    assert await visit.health() == (503, "application/json")
    assert await visit.post("/health", health="ok") == 200
    assert await visit.health() == (200, "application/json")


async def test_the_worst_counts(visit: Visit) -> None:
    for beside in HEALTH:
        for fault in HEALTH:
            await visit.post("/health", health=beside)
            await visit.post("/fault", health=fault)
            assert (await visit.state())["feels"] == max(beside, fault, key=HEALTH.index)


@pytest.mark.parametrize("path", ["/health", "/fault"])
async def test_what_is_no_health_is_refused_and_changes_nothing(visit: Visit, path: str) -> None:
    assert await visit.post(path, health="on fire") == 400
    assert await visit.health() == (200, "application/json")


async def test_every_reading_is_kept_with_how_production_felt_then(visit: Visit) -> None:
    await visit.health()
    await visit.post("/fault", health="error")
    await visit.health()
    assert [how for _, how in (await visit.state())["readings"]] == ["ok", "error"]


async def test_mail_is_shown_the_newest_first(visit: Visit) -> None:
    await visit.world.mail.start()
    for subject in ("first", "second"):
        letter = EmailMessage()
        letter["Subject"], letter["From"], letter["To"] = subject, "bot@acme.example", "cy@acme.example"
        letter.set_content("production is RED")
        await asyncio.to_thread(send, visit.world.mail.port, letter)
    newest, before = (await visit.state())["mail"]
    assert (newest["subject"], before["subject"]) == ("second", "first")
    assert (newest["to"], newest["text"]) == ("cy@acme.example", "production is RED")


def send(port: int, letter: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
        server.send_message(letter)
