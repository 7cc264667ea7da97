"""A heartbeat: reports are counted like readings, and silence is its alarm."""

from datetime import timedelta

import pytest

from bot.domain.environment import Colour
from bot.domain.refusal import Refusal
from bot.flows import observe
from bot.flows.heartbeats import Heard, Word, heartbeat, named
from bot.flows.inquire import environments
from bot.flows.listening import hear_nothing, listen
from bot.policy import PolicyError
from tests.flows.policy_text import policy_of
from tests.flows.world import HOUR, MINUTE, SECOND, World

SMOKE = "      - {name: smoke, http:"
NIGHTLY = "      - {name: nightly, component: backend, heartbeat: {every: 1h}"


def with_heartbeat(more: str = "") -> tuple[str, str]:
    return (SMOKE, f"{NIGHTLY}{more}}}\n{SMOKE}")


@pytest.fixture
async def calm(world: World) -> World:
    """All environments are GREEN; dev has a heartbeat that has just been heard."""
    await world.reload(with_heartbeat())
    await world.green()
    await beat(world)
    await world.deliveries()
    return world


async def beat(world: World, word: Word = Word.OK, detail: str | None = None) -> Heard:
    environment, monitor = named(world.policy, "nightly")
    return await heartbeat(
        world.ledger, world.policy, environment, monitor, word=word, detail=detail, source="ci"
    )


async def seen(world: World, monitor: str = "nightly") -> tuple[str, str]:
    """Colour and code of dev's monitor as seen now, after the loop that notices silence went by."""
    await world.see("dev", "smoke", Colour.GREEN)
    await observe.age(world.ledger, world.policy)
    (dev,) = [e for e in await environments(world.ledger, world.policy) if e.name == "dev"]
    (state,) = [m for m in dev.monitors if m.name == monitor]
    return state.colour.value, state.code


async def test_a_heartbeat_that_was_never_heard_is_unknown_and_calls_nobody(world: World) -> None:
    await world.reload(with_heartbeat())
    world.clock.advance(30 * HOUR)
    assert await seen(world) == ("UNKNOWN", "never-read")
    assert await world.incidents() == []


@pytest.mark.requirement("D6")
@pytest.mark.parametrize(
    ("word", "colour", "code"),
    [
        (Word.OK, "GREEN", "ok"),
        (Word.WARNING, "YELLOW", "status-warning"),
        (Word.ERROR, "RED", "status-error"),
    ],
)
async def test_a_report_is_believed_at_once(calm: World, word: Word, colour: str, code: str) -> None:
    heard = await beat(calm, word)
    assert (heard.environment, heard.monitor, heard.colour.value) == ("dev", "nightly", colour)
    assert heard.missed_at == calm.clock.now() + HOUR
    assert await seen(calm) == (colour, code)


@pytest.mark.requirement("D1")
@pytest.mark.requirement("F7")
async def test_silence_is_the_alarm_of_a_heartbeat(calm: World) -> None:
    calm.clock.advance(HOUR)
    assert await seen(calm) == ("GREEN", "ok")
    assert await calm.incidents() == []
    calm.clock.advance(SECOND)
    assert await seen(calm) == ("RED", "silent")
    (incident,) = await calm.incidents()
    assert (incident.environment, incident.causes, incident.severity) == ("dev", ("nightly",), "P0")
    assert (await calm.entries("environment/dev"))[-1]["facts"]["causes"] == [
        {"monitor": "nightly", "code": "silent"}
    ]
    calm.clock.advance(50 * HOUR)
    assert await seen(calm) == ("RED", "silent")  # an alarm does not go to sleep
    assert len(await calm.incidents()) == 1
    await beat(calm)
    assert await seen(calm) == ("GREEN", "ok")
    assert await calm.incidents() == []


async def test_what_nobody_could_hear_is_unknown_and_not_an_alarm(calm: World) -> None:
    """The bot was away for a night: nobody is paged for the heartbeats that it did not hear."""
    await listen(calm.ledger)
    calm.clock.advance(10 * HOUR)
    await listen(calm.ledger)  # it is back
    assert await seen(calm) == ("UNKNOWN", "stale")
    assert await calm.incidents() == []
    calm.clock.advance(59 * MINUTE)
    assert await seen(calm) == ("UNKNOWN", "stale")
    calm.clock.advance(MINUTE + SECOND)
    assert await seen(calm) == ("RED", "silent")  # it had its time once more
    assert len(await calm.incidents()) == 1


async def test_nobody_is_paged_for_what_our_own_network_kept_from_us(calm: World) -> None:
    await listen(calm.ledger)
    for _ in range(90):
        calm.clock.advance(MINUTE)
        await hear_nothing(calm.ledger)
        await observe.age(calm.ledger, calm.policy)
    assert await seen(calm) == ("UNKNOWN", "stale")
    assert await calm.incidents() == []
    calm.clock.advance(HOUR + SECOND)  # it is back, and the job is still silent
    assert await seen(calm) == ("RED", "silent")


async def test_a_restart_within_a_minute_missed_nothing(calm: World) -> None:
    await listen(calm.ledger)
    for _ in range(60):
        calm.clock.advance(MINUTE)
        await seen(calm)
    calm.clock.advance(30 * SECOND)
    await calm.restart()
    await listen(calm.ledger)
    assert await seen(calm) == ("RED", "silent")


async def test_counts_that_the_policy_names_are_honoured(world: World) -> None:
    await world.reload(with_heartbeat(", fail_after: 3, pass_after: 2"))
    await beat(world)
    assert [(await beat(world, Word.ERROR)).colour.value for _ in range(3)] == ["GREEN", "GREEN", "RED"]
    assert [(await beat(world)).colour.value for _ in range(2)] == ["RED", "GREEN"]


async def test_reports_that_say_the_same_leave_one_entry(calm: World) -> None:
    entries = len(await calm.entries())
    for _ in range(20):
        await beat(calm)
    assert len(await calm.entries()) == entries
    turned = (await calm.types("environment/dev")).count("environment.turned")
    for _ in range(20):
        await beat(calm, Word.ERROR)
    assert len(await calm.incidents()) == 1
    assert (await calm.types("environment/dev")).count("environment.turned") == turned + 1


async def test_a_detail_is_one_bounded_line(calm: World) -> None:
    await beat(calm, Word.ERROR, "disk\n full " + "x" * 5000 + "\ud800")
    (state,) = [
        m for m in await calm.ledger.read(lambda tx: tx.environments.monitors("dev")) if m.name == "nightly"
    ]
    assert state.facts["source"] == "ci"
    detail = state.facts["detail"]
    assert isinstance(detail, str)
    assert detail.startswith("disk full xxx")
    assert len(detail) == 200


@pytest.mark.parametrize(
    ("name", "environment", "code", "meant"),
    [
        ("nigthly", None, "unknown-monitor", "nightly"),
        ("NIGHTLY", None, "unknown-monitor", "nightly"),
        ("nightly", "production", "unknown-monitor", "dev/nightly"),
        ("qqq", None, "unknown-monitor", None),
        ("x" * 10_000, None, "unknown-monitor", None),
        ("smoke", None, "not-a-heartbeat", None),
    ],
)
def test_a_name_that_is_no_heartbeat_is_refused_with_the_nearest(
    name: str, environment: str | None, code: str, meant: str | None
) -> None:
    with pytest.raises(Refusal) as refused:
        named(policy_of(with_heartbeat()), name, environment)
    assert refused.value.code == code
    assert refused.value.facts.get("meant") == meant


def test_a_name_in_two_environments_needs_its_environment() -> None:
    status = "      - {name: status, file: staging.status"
    policy = policy_of(with_heartbeat(), (status, f"{NIGHTLY}}}\n{status}"))
    with pytest.raises(Refusal) as refused:
        named(policy, "nightly")
    assert refused.value.code == "ambiguous-monitor"
    assert refused.value.facts["known"] == ["staging/nightly", "dev/nightly"]
    assert named(policy, "nightly", "staging")[0] == "staging"


def test_a_heartbeat_has_no_other_silence_than_its_own() -> None:
    with pytest.raises(PolicyError, match=r"heartbeat\.every says after how long"):
        policy_of(with_heartbeat(", stale_after: 2h"))
    (monitor, *_) = policy_of(with_heartbeat()).environments["dev"].monitors
    assert (monitor.fail_after, monitor.pass_after, monitor.stale_after) == (1, 1, None)
    assert timedelta(hours=1) == named(policy_of(with_heartbeat()), "nightly")[1].heartbeat.every
