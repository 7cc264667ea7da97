"""The protocol's health contract (D3) in its three colours (D6): what the example's own monitors say of real services."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.probes import Probes
from bot.domain.environment import Colour, Reading
from handlers.wording.colours import cause
from tests.examples.protocol_place import EXAMPLE, SERVICES, Answer, Services

G, Y, R = Colour.GREEN, Colour.YELLOW, Colour.RED
EXITS = {0: G, 3: Y, 1: R}


@dataclass
class InForce:
    """The policy of the folder."""

    services: Services

    @property
    def policy(self) -> object:
        return self.services.policy()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    made = Services(tmp_path)
    await made.start()
    made.copied()
    yield made
    await made.stop()


async def read(services: Services, name: str, **http: object) -> Reading:
    """One reading of the example's monitor of that name; `http` changes what it demands."""
    policy = services.policy()
    monitor = next(each for each in policy.environments["production"].monitors if each.name == name)
    if http:
        probe = monitor.http.model_copy(update=http)  # type: ignore[union-attr]
        monitor = monitor.model_copy(update={"http": probe})
    probes = Probes(clock=SystemClock(), policy=InForce(services))  # type: ignore[arg-type]
    try:
        return await probes.read("production", monitor)
    finally:
        await probes.close()


async def program(services: Services, name: str, *words: str) -> tuple[Colour, str]:
    """What one of the example's checks says as a program."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, name, *words, cwd=services.folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode is not None
    return EXITS[process.returncode], out.decode().strip()


async def by_script(services: Services, name: str) -> tuple[Colour, str]:
    """What the deploy script's check says of a service."""
    place = json.loads((services.folder / "production.json").read_text())
    of = place["services"][name]
    return await program(services, "check_health.py", of["health"], "4000", *of["requires"])


def body(**changes: object) -> bytes:
    """A body whose parts are replaced; None leaves one out."""
    whole = {"status": "ok", "checks": {"database": True}, "timestamp": "2026-11-10T12:00:00Z"} | changes
    return json.dumps({key: value for key, value in whole.items() if value is not None}).encode()


CONTRACT = {
    "all is well": (Answer(), G, "", "ok after"),
    "more than the contract names": (Answer(checks={"queue": "deep", "cpu": 0.4}), G, "", "ok after"),
    "a warning": (Answer(status="warning"), Y, "warn", "its status is warning"),
    "an error": (Answer(status="error"), R, "error", "its status is error"),
    "an error, told by a code too": (Answer(status="error", code=503), R, "answered 503, not 200", "503"),
    "no database": (Answer(checks={"database": False}), R, "database", "database fails"),
    "no Pioneer": (Answer(checks={"pioneer": False}), R, "pioneer", "pioneer fails"),
    "no WebSocket": (Answer(checks={"websocket": False}), R, "websocket", "websocket fails"),
    "two of them": (
        Answer(checks={"database": False, "websocket": False}), R, "database and websocket", "websocket fails",
    ),
    "a required check that nobody reports": (
        Answer(raw=b'{"status": "ok", "checks": {}, "timestamp": "TIMESTAMP"}'), R, "database", "not reported",
    ),
    "memory over its limit": (Answer(checks={"memory": False}), Y, "memory", "memory is over its limit"),
    "critical errors in its log": (Answer(checks={"errors": ["OOM", "disk"]}), Y, "", "2 critical error(s)"),
    "an answer of ten minutes ago": (Answer(age=timedelta(minutes=10)), Y, "", "not of now"),
    "an answer from the future": (Answer(age=-timedelta(minutes=10)), Y, "", "not of now"),
    "a wrong status": (Answer(status="fine"), R, "contract", "breaks the contract"),
    "a status in capitals": (Answer(status="OK"), R, "contract", "breaks the contract"),
    "a check that is a word": (Answer(checks={"database": "true"}), R, "contract", "neither true nor false"),
    "a check that is a number": (Answer(checks={"memory": 1}), R, "contract", "neither true nor false"),
    "errors that are a text": (Answer(checks={"errors": "none"}), R, "contract", "no list"),
    "errors that are numbers": (Answer(checks={"errors": [7]}), R, "contract", "no list"),
    "no status": (Answer(raw=body(status=None)), R, "contract", "breaks the contract"),
    "no checks": (Answer(raw=body(checks=None)), R, "contract", "breaks the contract"),
    "checks that are a list": (Answer(raw=body(checks=[])), R, "contract", "breaks the contract"),
    "no timestamp": (Answer(raw=body(timestamp=None)), R, "contract", "timestamp"),
    "a timestamp that is none": (Answer(raw=body(timestamp="just now")), R, "contract", "timestamp"),
    "a timestamp without a zone": (Answer(raw=body(timestamp="2026-11-10T12:00:00")), R, "contract", "zone"),
    "a web page": (Answer(raw=b"<html>ok</html>"), R, "contract", "no JSON"),
    "nothing": (Answer(raw=b""), R, "contract", "no JSON"),
    "half of it": (Answer(raw=b'{"status": "ok", "che'), R, "contract", "no JSON"),
    "a list": (Answer(raw=b"[]"), R, "contract", "breaks the contract"),
    "the same key twice": (
        Answer(raw=b'{"status": "error", "status": "ok", "checks": {}, "timestamp": "TIMESTAMP"}'), R, "contract", "no JSON",
    ),
    "more than anybody reads": (Answer(raw=b"[" + b"0," * 40_000 + b"0]"), R, "", "no end"),
}  # fmt: skip


@pytest.mark.requirement("D3")
@pytest.mark.requirement("D6")
@pytest.mark.parametrize(("answer", "colour", "words", "script_says"), CONTRACT.values(), ids=CONTRACT)
async def test_the_contract_decides_the_colour_and_the_monitor_and_the_deploy_script_agree(
    services: Services, answer: Answer, colour: Colour, words: str, script_says: str
) -> None:
    if answer.raw is not None:
        now = services.now().isoformat().encode()
        answer = replace(answer, raw=answer.raw.replace(b"TIMESTAMP", now))
    services.answers["messaging"] = answer
    reading = await read(services, "messaging")
    assert (reading.colour, words in cause(reading.code, reading.facts)) == (colour, True), reading
    said = await by_script(services, "messaging")
    assert (said[0], script_says in said[1]) == (colour, True), said


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(
    ("service", "checks", "colour"),
    [
        ("pioneer", {"database": True}, G),
        ("pioneer", {"database": False}, R),
        ("support-ui", {"websocket": True}, G),
        ("support-ui", {"websocket": False}, R),
        ("support-ui", {}, R),
        ("admin-dashboard", {}, G),
        ("admin-dashboard", {"pioneer": False}, R),
    ],
)
async def test_each_service_reports_what_it_depends_on(
    services: Services, service: str, checks: dict[str, bool], colour: Colour
) -> None:
    now = services.now().isoformat()
    services[service].raw = body(checks=checks, timestamp=now)
    assert (await read(services, service)).colour is colour
    assert (await by_script(services, service))[0] is colour


@pytest.mark.requirement("D3")
async def test_an_answer_beyond_the_service_level_is_a_warning_with_its_figure(services: Services) -> None:
    services["messaging"].wait_s = 1.2
    reading = await read(services, "messaging", slower_than=timedelta(seconds=1))
    took = reading.facts["took_ms"]
    assert (reading.colour, reading.code, reading.facts["limit_ms"]) == (Y, "slow", 1000)
    assert isinstance(took, int)
    assert took >= 1200
    place = json.loads((services.folder / "production.json").read_text())
    said = await program(services, "check_health.py", place["services"]["messaging"]["health"], "1000")
    assert (said[0], "1000 ms are the limit" in said[1]) == (Y, True)


@pytest.mark.requirement("D3")
@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_is_not_there_is_red(services: Services, service: str) -> None:
    port = services.ports[service]
    await services.stop()
    reading = await read(services, service)
    assert (reading.colour, reading.code) == (R, "refused"), reading
    said = await program(services, "check_health.py", f"http://127.0.0.1:{port}/health", "1000")
    assert (said[0], "does not answer" in said[1]) == (R, True)


async def test_the_database_is_its_port(services: Services) -> None:
    assert (await read(services, "database")).colour is G
    await services.database(up=False)
    assert (await read(services, "database")).colour is R


@pytest.mark.parametrize(
    ("chat", "colour", "words"),
    [
        ("fine", G, "pong after"),
        ("gone", R, "it answered 502 instead of 101"),
        ("closed", R, "it closed the connection"),
    ],
)
async def test_the_websocket_is_a_handshake_and_a_pong(
    services: Services, chat: str, colour: Colour, words: str
) -> None:
    services.chat = chat
    reading = await read(services, "chat")
    said = str(reading.facts.get("last_line"))
    assert (reading.colour, words in said) == (colour, True), reading


async def test_a_websocket_that_is_late_is_a_warning_and_a_mute_one_is_red(services: Services) -> None:
    address = f"ws://127.0.0.1:{services.ports['messaging']}/ws"
    assert (await program(services, "check_websocket.py", address, "-1"))[0] is Y
    services.chat = "mute"
    said = await program(services, "check_websocket.py", address)
    assert (said[0], "no WebSocket: timed out" in said[1]) == (R, True)
    assert (await program(services, "check_websocket.py", address.replace("ws:", "http:")))[0] is R


def test_the_script_asks_where_the_monitors_ask() -> None:
    place = json.loads((EXAMPLE / "production.json").read_text())
    text = (EXAMPLE / "policy.yaml").read_text()
    for name, of in place["services"].items():
        demands = f", requires: [{', '.join(of['requires'])}]" if of["requires"] else ""
        assert (
            f'component: {name}, http: {{url: "{of["health"]}", contract: true{demands}, slower_than: 1s}}'
            in text
        )
        assert f"image: {of['image']}\n" in text
    host, _, port = place["database"].partition(":")
    assert f"host: {host}, port: {port}" in text
    assert f'"{place["websocket"]}", "{place["answer_within_ms"]}"' in text
