"""Names are looked up once at a time each, a zone has its share of the threads, and no look-up that hangs is started twice."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from bot.adapters import name_lookup
from bot.adapters.failures import code_of
from bot.adapters.name_lookup import PER_ZONE, NameLookup, zone_of


class Server:
    """A name server whose `dead` zone answers when it is told to."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answers = threading.Event()

    def __call__(self, host: str, port: int, **_: object) -> list[object]:
        self.asked[host] += 1
        if "dead" in host:
            self.answers.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    monkeypatch.setattr(name_lookup, "PATIENCE", 0.1)
    yield made
    made.answers.set()


async def given_up(names: NameLookup, host: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await names.addresses(host, 80, socket.AF_INET)


async def test_one_name_is_one_look_up_whoever_asks_and_whoever_gives_up(server: Server) -> None:
    names = NameLookup()
    for _ in range(5):
        await given_up(names, "A.dead.example")
    waiting = asyncio.create_task(names.addresses("a.dead.example", 443, socket.AF_INET))
    await asyncio.sleep(0)
    server.answers.set()
    (found,) = await waiting
    assert (found["host"], found["port"], found["hostname"]) == ("192.0.2.1", 443, "a.dead.example")
    assert server.asked.total() == 1
    names.close()


async def test_whoever_gets_no_thread_in_time_hears_that_it_was_us(server: Server) -> None:
    names = NameLookup()
    for n in range(PER_ZONE):
        await given_up(names, f"h{n}.dead.example")
    with pytest.raises(socket.gaierror) as refused:
        await names.addresses("one-more.dead.example", 80, socket.AF_INET)
    assert code_of(refused.value) == "dns-unavailable"
    assert (await names.addresses("well.example", 80, socket.AF_INET))[0]["host"] == "192.0.2.1"
    assert server.asked.total() == PER_ZONE + 1
    server.answers.set()
    for _ in range(100):  # what ended gives its place back
        await asyncio.sleep(0.01)
        if not names._asking:
            break
    await names.addresses("one-more.dead.example", 80, socket.AF_INET)
    names.close()


async def test_many_names_of_one_zone_that_answers_are_all_found(server: Server) -> None:
    names = NameLookup()
    asked = (names.addresses(f"h{n}.well.example", 80, socket.AF_INET) for n in range(500))
    found = await asyncio.gather(*asked)
    assert {each[0]["host"] for each in found} == {"192.0.2.1"}
    assert not names._zones
    names.close()


async def test_what_the_system_says_of_a_name_everybody_who_waits_hears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    names = NameLookup()
    asked = (names.addresses("gone.example", 80, socket.AF_INET) for _ in range(3))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert {code_of(each) for each in found if isinstance(each, BaseException)} == {"dns"}
    names.close()


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        ("api.acme.example", "acme.example"),
        ("A.B.ACME.example.", "acme.example"),
        ("acme.example", "acme.example"),
        ("shop.acme.co.uk", "acme.co.uk"),
        ("db.prod.svc.cluster.local", "cluster.local"),
        ("db", ""),
        ("localhost", ""),
    ],
)
def test_a_zone_is_what_one_name_server_answers_for_as_far_as_the_name_tells(host: str, zone: str) -> None:
    assert zone_of(host) == zone
