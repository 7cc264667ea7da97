"""Blindness: while our own network is down, failing probes say nothing about what they probe, and one notice is sent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.domain.environment import Colour, MonitorState, Reading
from bot.flows.observe import Watched
from bot.jobs import reference
from bot.jobs.reference import Sight
from bot.jobs.rounds import Post
from bot.jobs.watch import Watch, post_of
from bot.policy import FileMonitor, HttpMonitor, Monitor
from bot.policy.incidents import Monitoring, Reference
from bot.policy.monitors import HttpProbe
from storage import tables
from storage.ledger import Ledger
from tests.conftest import FakeClock
from tests.jobs.conftest import running, until
from tests.jobs.test_batch import Counting
from tests.jobs.test_watch import FakeProber, Holder, cancelled, policy, recorded, red

REFERENCES = (
    Reference(http="https://one.example/"),
    Reference(tcp="two.example:53"),
)


@dataclass
class FakeReach:
    """Implements reference.Reach: what answers is told."""

    answering: set[str] = field(default_factory=lambda: {"https://one.example/", "two.example:53"})
    asked: int = 0
    before: Callable[[], None] = lambda: None

    async def reach(self, reference: Reference) -> bool:
        self.asked += 1
        await asyncio.sleep(0)
        self.before()
        return (reference.http or reference.tcp) in self.answering


@pytest.fixture
def holder() -> Holder:
    return Holder(replace(policy(), monitoring=Monitoring(reference=REFERENCES)))


@pytest.fixture
def guessing() -> Holder:
    return Holder(policy())


def posts(many: int, *, hosts: int = 99, colour: Colour = Colour.GREEN) -> list[Post]:
    made = []
    for n in range(many):
        monitor = HttpMonitor(name=f"m{n}", http=HttpProbe(url=f"https://h{n % hosts}.example/{n}"))
        state = MonitorState(
            environment="production", name=monitor.name, component=None, colour=colour, since=FakeClock().at
        )
        made.append(post_of("production", monitor, Watched(state=state)))
    return made


def reading(colour: Colour = Colour.RED, code: str = "timeout") -> Reading:
    return Reading(colour=colour, code=code, at=FakeClock().at, facts={"limit_ms": 5})


async def told(ledger: Ledger) -> list[str]:
    """The codes of the notices that are owed, in their order."""
    c = tables.deliveries.c
    query = select(c.key, c.destination).where(c.kind == "watch-notice").order_by(c.key)
    rows = await ledger.look(lambda connection: list(connection.execute(query)))
    assert {destination for _, destination in rows} <= {"slack:channel:incidents"}
    return [key.split(":")[2] for key, _ in rows]


async def test_while_some_reference_answers_a_failure_counts(sqlite: Ledger, holder: Holder) -> None:
    reach = FakeReach({"two.example:53"})
    sight = Sight(sqlite, holder, reach)
    (post,) = posts(1)

    async with running(sight.run):
        assert await sight.judged(post, reading()) == reading()

    assert not sight.blind
    assert await told(sqlite) == []


async def test_while_no_reference_answers_failures_are_unknown_and_it_is_said_once(
    sqlite: Ledger, holder: Holder
) -> None:
    reach = FakeReach(set())
    sight = Sight(sqlite, holder, reach)
    many = posts(3)

    async with running(sight.run):
        found = [await sight.judged(post, reading()) for post in many]
        well = await sight.judged(many[0], reading(Colour.GREEN, "ok"))

    assert {(r.colour, r.code, r.facts["saw"]) for r in found} == {
        (Colour.UNKNOWN, "we-are-blind", "timeout")
    }
    assert well == reading(Colour.GREEN, "ok")
    assert await told(sqlite) == ["blind"]


async def test_when_a_reference_answers_again_it_is_said_and_failures_count(
    sqlite: Ledger, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "LOOK_EVERY", 0.01)
    reach = FakeReach(set())
    sight = Sight(sqlite, holder, reach)
    (post,) = posts(1)

    async def said() -> bool:
        return "sees" in await told(sqlite)

    async with running(sight.run):
        await sight.judged(post, reading())
        reach.answering = {"https://one.example/"}
        await until(said)
        assert await sight.judged(post, reading()) == reading()

    assert await told(sqlite) == ["blind", "sees"]


async def test_the_look_that_decides_began_after_the_failure(sqlite: Ledger, holder: Holder) -> None:
    reach = FakeReach()
    sight = Sight(sqlite, holder, reach)
    (post,) = posts(1)

    async with running(sight.run):
        await sight.judged(post, reading())
        reach.answering = set()  # a moment later: what was seen a moment ago holds no more
        assert (await sight.judged(post, reading())).code == "we-are-blind"


async def test_many_failures_share_a_look(sqlite: Ledger, holder: Holder) -> None:
    reach = FakeReach()
    sight = Sight(sqlite, holder, reach)

    async with running(sight.run):
        await asyncio.gather(*(sight.judged(post, reading()) for post in posts(500)))

    assert reach.asked < 20


async def test_a_restart_says_nothing_twice_and_what_passed_meanwhile(sqlite: Ledger, holder: Holder) -> None:
    (post,) = posts(1)
    for _ in range(2):
        sight = Sight(sqlite, holder, FakeReach(set()))
        async with running(sight.run):
            await sight.judged(post, reading())
    assert await told(sqlite) == ["blind"]

    async def said() -> bool:
        return await told(sqlite) == ["blind", "sees"]

    async with running(Sight(sqlite, holder, FakeReach()).run):
        await until(said)


async def test_a_notice_that_could_not_be_written_is_written_at_the_next_look(
    sqlite: Ledger, holder: Holder
) -> None:
    away = Counting(sqlite, fails=["the database is away"])
    sight = Sight(away, holder, FakeReach(set()))
    (post,) = posts(1)

    with capture_logs() as logs:
        async with running(sight.run):
            assert (await sight.judged(post, reading())).code == "we-are-blind"
            await sight.judged(post, reading())

    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["sight.not-told"]
    assert await told(sqlite) == ["blind"]


async def test_a_status_file_is_believed_whatever_the_network_does(sqlite: Ledger, holder: Holder) -> None:
    monitor: Monitor = FileMonitor(name="status", file="x.status")
    sight = Sight(sqlite, holder, FakeReach(set()))

    async with running(sight.run):
        stated = await sight.judged(post_of("production", monitor, Watched()), reading(code="stated"))

    assert stated == reading(code="stated")


@pytest.mark.parametrize("code", ["dns-unavailable", "no-route", "prometheus-unreachable"])
async def test_what_we_could_not_ask_is_a_failure_too(sqlite: Ledger, holder: Holder, code: str) -> None:
    sight = Sight(sqlite, holder, FakeReach(set()))
    (post,) = posts(1)

    async with running(sight.run):
        assert (await sight.judged(post, reading(Colour.UNKNOWN, code))).code == "we-are-blind"
        assert (
            await sight.judged(post, reading(Colour.UNKNOWN, "address-refused"))
        ).code == "address-refused"


# Without a reference: a guess


async def judged(sight: Sight, found: list[Post], colour: Colour = Colour.RED) -> list[str]:
    return [(await sight.judged(post, reading(colour, "timeout"))).code for post in found]


async def test_all_probes_that_begin_to_fail_together_are_taken_for_our_own_blindness(
    sqlite: Ledger, guessing: Holder
) -> None:
    sight, found = Sight(sqlite, guessing, None), posts(5)
    sight.watch(found)

    assert await judged(sight, found) == ["timeout"] * 4 + ["we-are-blind"]
    assert await judged(sight, found) == ["we-are-blind"] * 5
    assert await told(sqlite) == ["blind-guess"]

    assert await judged(sight, found[:1], Colour.GREEN) == ["timeout"]
    assert await judged(sight, found[1:2]) == ["timeout"]
    assert await told(sqlite) == ["blind-guess", "sees"]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (posts(4), "fewer than five may well fail together"),
        (posts(6, hosts=1), "what is read at one place fails when that place does"),
        (posts(6, colour=Colour.RED), "they were failing before this bot began"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_no_blindness_is_guessed(sqlite: Ledger, guessing: Holder, found: list[Post], why: str) -> None:
    sight = Sight(sqlite, guessing, None)
    sight.watch(found)

    assert await judged(sight, found) == ["timeout"] * len(found), why
    assert await told(sqlite) == []


async def test_one_probe_that_passes_is_proof_that_we_see(sqlite: Ledger, guessing: Holder) -> None:
    sight, found = Sight(sqlite, guessing, None), posts(10)
    sight.watch(found)

    await judged(sight, found[:1], Colour.YELLOW)
    assert await judged(sight, found[1:]) == ["timeout"] * 9


async def test_probes_that_fail_one_after_the_other_over_hours_are_failures(
    sqlite: Ledger, guessing: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sight, found = Sight(sqlite, guessing, None), posts(6)
    sight.watch(found)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n, post in enumerate(found):
        with monkeypatch.context() as later:
            later.setattr(loop, "time", lambda n=n: began + 20.0 * n)
            assert (await sight.judged(post, reading())).code == "timeout"


# The whole watch


async def test_blind_probes_open_no_incident(sqlite: Ledger, holder: Holder, clock: FakeClock) -> None:
    prober = FakeProber(clock)
    prober.behaviours |= {"api": red, "db": red}
    watching = Watch(sqlite, holder, prober, lambda m: isinstance(m, HttpMonitor), reach=FakeReach(set()))

    async def unknown() -> bool:
        held = await sqlite.read(lambda tx: tx.environments.monitors())
        return {m.code for m in held} == {"we-are-blind"} and len(held) == 2

    async with running(watching.run):
        await until(unknown)
        await prober.has_read("db", 5)
        assert watching.blind

    state = await recorded(sqlite)
    assert state is None or state.colour is Colour.UNKNOWN
    assert await sqlite.read(lambda tx: tx.incidents.open("production")) == []
    assert await told(sqlite) == ["blind"]


async def test_a_reference_that_hangs_or_breaks_is_one_that_does_not_answer(
    sqlite: Ledger, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "LOOK_LIMIT", 0.05)
    (post,) = posts(1)

    class Hanging:
        async def reach(self, reference: Reference) -> bool:
            await asyncio.Event().wait()
            return True

    class Broken:
        async def reach(self, reference: Reference) -> bool:
            raise RuntimeError("a bug")

    for reach in (Hanging(), Broken()):
        sight = Sight(sqlite, holder, reach)
        async with running(sight.run):
            assert (await sight.judged(post, reading())).code == "we-are-blind"


async def test_a_cancelled_probe_does_not_stop_the_watch_while_blind(
    sqlite: Ledger, holder: Holder, clock: FakeClock
) -> None:
    prober = FakeProber(clock)
    prober.behaviours |= {"api": cancelled, "db": red}
    watching = Watch(sqlite, holder, prober, lambda m: isinstance(m, HttpMonitor), reach=FakeReach(set()))

    with capture_logs():
        async with running(watching.run):
            await prober.has_read("api", 3)
            await prober.has_read("db", 3)


# A guess, held against what answers


@dataclass
class Answering:
    """When something that nobody watches answered last."""

    at: float = float("-inf")

    def __call__(self) -> float:
        return self.at

    def now(self) -> None:
        self.at = asyncio.get_running_loop().time()


async def test_a_guess_ends_when_something_else_answers_and_all_failures_count(
    sqlite: Ledger, guessing: Holder
) -> None:
    answering = Answering()
    sight, found = Sight(sqlite, guessing, None, answering), posts(5)
    sight.watch(found)
    answering.now()  # before they failed: it proves nothing

    assert await judged(sight, found) == ["timeout"] * 4 + ["we-are-blind"]
    assert await judged(sight, found) == ["we-are-blind"] * 5
    await asyncio.sleep(0.001)
    answering.now()
    assert await judged(sight, found) == ["timeout"] * 5
    assert await judged(sight, found) == ["timeout"] * 5, "nothing began to fail anew"
    assert await told(sqlite) == ["blind-guess", "sees"]


async def test_a_guess_ends_though_no_probe_is_due_for_hours(
    sqlite: Ledger, guessing: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "LOOK_EVERY", 0.01)
    answering = Answering()
    sight, found = Sight(sqlite, guessing, None, answering), posts(5)
    sight.watch(found)

    async def seeing() -> bool:
        return await told(sqlite) == ["blind-guess", "sees"] and not sight.blind

    async with running(sight.run):
        await judged(sight, found)
        assert sight.blind
        answering.now()
        await until(seeing)


async def test_where_a_reference_decides_nothing_else_does(sqlite: Ledger, holder: Holder) -> None:
    answering = Answering()
    sight = Sight(sqlite, holder, FakeReach(set()), answering)
    (post,) = posts(1)

    async with running(sight.run):
        await sight.judged(post, reading())
        answering.now()
        assert (await sight.judged(post, reading())).code == "we-are-blind"
