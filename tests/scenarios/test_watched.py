"""What is measured decides: a rollout goes on, waits, or is taken back by itself; and so does what is live (P15, P21, F5)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.domain.change_request import RequestState
from tests.adapters.test_prometheus_monitor import prometheus
from tests.scenarios.conftest import Make
from tests.scenarios.hands import DEPLOYMENTS, INCIDENTS, LIN, RELEASES
from tests.scenarios.measuring import AT_ONCE, STEPPED, Measured, measured, opened, percents
from tests.scenarios.stage import GOOD, Stage

pytestmark = pytest.mark.requirement("P15")
MINUTE = timedelta(minutes=1)
BACK = "DEP-2"


@pytest.fixture
async def figures() -> AsyncIterator[tuple[Measured, str]]:
    async with measured() as found:
        yield found


async def asked(stage: Stage) -> str:
    """Somebody asks for the catalogue, and Ada approves it."""
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    return request


async def live(stage: Stage) -> str:
    request = await asked(stage)
    await stage.until(request, RequestState.LIVE)
    await stage.card(request, "Watched: phase 1 of 2, immediate")
    return request


async def back_is(stage: Stage, state: RequestState) -> None:
    """Wait until the bot has filed the rollback, and it has come to this."""

    async def there() -> bool | None:
        found = await stage.read(lambda tx: tx.requests.get(BACK))
        return True if found is not None and found.state is state else None

    await stage.wait(there, what=f"{BACK} to be {state.value}", timeout=25)


async def taken_back(stage: Stage, request: str) -> None:
    """It was taken back by itself, once, and everybody knows."""
    await back_is(stage, RequestState.LIVE)
    card = await stage.card(BACK, "Rolled back", "Taken back by itself")
    assert "Approve" not in stage.people.text_of(card)
    await stage.card(request, f"{BACK} takes it back")
    await stage.message(RELEASES, "Rolled back catalogue in production")
    incident = await stage.message(INCIDENTS, "INC-1", f"Rollback: {BACK}")
    await stage.message(INCIDENTS, f"{request} failed what is watched", "by itself", thread_of=incident["ts"])
    await stage.told(LIN, "What you brought was rolled back")
    assert await stage.read(lambda tx: tx.approvals.of(BACK)) == []
    newest = await stage.read(lambda tx: tx.requests.newest(limit=10))
    assert len([r for r in newest if r.kind.value == "rollback"]) == 1
    pages = await stage.read(lambda tx: tx.pages.of("INC-1"))
    assert pages, "somebody is paged for it"
    await stage.intact()


@pytest.mark.requirement("F5")
@pytest.mark.requirement("F8")
@pytest.mark.requirement("P21")
@pytest.mark.requirement("D5")
async def test_errors_of_six_per_cent_at_a_quarter_are_taken_back_and_never_reach_half(
    make_stage: Make, figures: tuple[Measured, str]
) -> None:
    said, address = figures
    stage = await opened(make_stage, address, STEPPED)
    request = await asked(stage)
    card = await stage.card(request, "Rolling out 25 %", "Next: 50 %", "if what is measured passes")
    said.values["errors"] = 0.06
    await stage.advance(MINUTE)
    await stage.until(request, RequestState.FAILED)
    await back_is(stage, RequestState.LIVE)
    await stage.message(
        DEPLOYMENTS, "FAILED its analysis at 25 %", "errors is 0.06, above 0.05", thread_of=card["ts"]
    )
    await stage.card(request, "at its step failed it")
    await stage.message(INCIDENTS, "INC-1", f"Rollback: {BACK}")
    await stage.message(RELEASES, "Rolled back catalogue in production")
    await stage.card(BACK, "Rolled back", "Taken back by itself", "INC-1")
    await stage.quiet()
    assert percents(stage) == [25, 100], "a quarter, and then everything back"
    assert GOOD not in stage.calls("start")[-1]
    assert "never-shown" not in str(await stage.people.messages(DEPLOYMENTS))
    await stage.intact()


@pytest.mark.requirement("F5")
async def test_a_p99_of_three_times_the_baseline_in_a_real_prometheus_is_taken_back(
    make_stage: Make, tmp_path: Path
) -> None:
    async with scraped(tmp_path) as (gauges, address):
        queries = (("query: errors,", "query: app_errors,"), ("query: p99,", "query: app_p99,"))
        stepped = STEPPED[1]
        for old, new in queries:
            stepped = stepped.replace(old, new)
        stage = await opened(make_stage, address, (STEPPED[0], stepped))
        request = await asked(stage)
        await stage.card(request, "Rolling out 25 %")
        gauges["app_p99"] = 0.61
        await until(address, "app_p99 > 0.6")
        await stage.advance(MINUTE)
        await back_is(stage, RequestState.LIVE)
        await stage.card(request, "at its step failed it")
        (entry,) = await stage.entries("run.analysis-failed")
        worst = entry["facts"]["findings"][0]
        assert (worst["name"], worst["value"], worst["baseline"]) == ("p99", "0.61", "0.2")
        assert percents(stage) == [25, 100]


@pytest.mark.requirement("F5")
async def test_missing_data_holds_a_step_until_there_is_some(
    make_stage: Make, figures: tuple[Measured, str]
) -> None:
    said, address = figures
    stage = await opened(make_stage, address, STEPPED)
    said.values["errors"] = None
    request = await asked(stage)
    card = await stage.card(request, "Rolling out 25 %")
    await stage.advance(5 * MINUTE)
    held = await stage.card(request, "‖ Held at 25 %", "errors: Prometheus has no data for it", "Resume")
    await stage.message(DEPLOYMENTS, "missing data holds", thread_of=card["ts"])
    assert held["ts"] == card["ts"]
    await stage.advance(60 * MINUTE)
    await stage.quiet()
    assert percents(stage) == [25]
    said.values["errors"] = 0.001
    await stage.advance(MINUTE)
    await stage.card(request, "Rolling out 50 %")
    await stage.message(DEPLOYMENTS, "The step at 25 % passed: errors 0.001; p99 0.2", thread_of=card["ts"])


@pytest.mark.requirement("P21")
async def test_a_failure_in_the_extended_phase_is_taken_back_after_a_restart_of_the_bot(
    make_stage: Make, figures: tuple[Measured, str]
) -> None:
    said, address = figures
    stage = await opened(make_stage, address, AT_ONCE)
    request = await live(stage)
    await stage.advance(5 * MINUTE)
    await stage.card(request, "phase 2 of 2, extended", "✓ immediate")
    await stage.stop()
    said.values["p99"] = 0.61
    await stage.advance(2 * MINUTE)
    await stage.start()
    await taken_back(stage, request)
    await stage.card(request, "↩ Rolled back", "✗ FAILED its verification")


@pytest.mark.requirement("P21")
async def test_a_crash_loop_of_what_is_live_is_taken_back(
    make_stage: Make, figures: tuple[Measured, str]
) -> None:
    _, address = figures
    mine = (
        "    tier: backend\n    deployer: *deployer\n",
        "    tier: backend\n    components: {backend: backend}\n    deployer: *deployer\n",
    )
    stage = await opened(make_stage, address, AT_ONCE, mine)
    request = await live(stage)
    for health in ("error", "ok", "error"):
        await stage.health(health)
        await colour(stage, "GREEN" if health == "ok" else "RED")
    await stage.message(INCIDENTS, "INC-1")
    stage.clock.advance(MINUTE)
    await taken_back(stage, request)
    (entry,) = await stage.entries("run.verification-failed")
    assert "crash-loop" in {finding["code"] for finding in entry["facts"]["findings"]}


async def test_what_is_not_the_current_version_any_more_is_left_alone(
    make_stage: Make, figures: tuple[Measured, str]
) -> None:
    said, address = figures
    stage = await opened(make_stage, address, AT_ONCE)
    request = await live(stage)
    tag = await stage.publish()
    newer = await stage.ask(f"catalogue {tag} ticket=CHG-2")
    await stage.approve("bo", newer)
    await stage.until(newer, RequestState.LIVE)
    said.before.clear()  # the newer one has nothing that fails it
    await stage.advance(MINUTE)
    await stage.card(request, "Not watched any more: another version runs there")
    newest = await stage.read(lambda tx: tx.requests.newest(limit=10))
    assert [r for r in newest if r.kind.value == "rollback"] == []


async def test_a_target_that_the_registry_lost_pages_whoever_is_on_call(
    make_stage: Make, figures: tuple[Measured, str]
) -> None:
    said, address = figures
    stage = await opened(make_stage, address, AT_ONCE)
    request = await live(stage)
    target = (await stage.request(request)).rollback_target
    assert target is not None
    del stage.world.shelf.builds["catalogue", target.tag]
    said.values["errors"] = 0.5
    await stage.advance(MINUTE)
    await back_is(stage, RequestState.REFUSED)
    await stage.advance(timedelta(seconds=15))
    await stage.message(INCIDENTS, "did NOT start", "the registry does not have that version any more")
    assert "rollback" not in " ".join(stage.calls(""))
    assert percents(stage) == [100]
    assert await stage.read(lambda tx: tx.pages.of("INC-1"))


async def test_switched_off_it_is_held_and_the_incident_offers_the_way_back(
    make_stage: Make, figures: tuple[Measured, str]
) -> None:
    said, address = figures
    off = STEPPED[0], STEPPED[1].replace("rollout: {", "rollout: {automatic_rollback: false, ")
    stage = await opened(make_stage, address, off)
    said.values["errors"] = 0.06
    request = await asked(stage)
    await stage.card(request, "Rolling out 25 %")
    await stage.advance(MINUTE)
    await stage.card(request, "‖ Held at 25 %", "errors is 0.06, above 0.05", "automatic_rollback: false")
    await stage.message(INCIDENTS, "INC-1", "Roll back", "Acknowledge")
    await stage.message(INCIDENTS, "is NOT taken back by itself")
    await stage.advance(60 * MINUTE)
    await stage.quiet()
    assert percents(stage) == [25]


async def colour(stage: Stage, wanted: str) -> None:
    async def there() -> bool | None:
        state = await stage.read(lambda tx: tx.environments.get("production"))
        return True if state is not None and state.colour.value == wanted else None

    await stage.wait(there, what=f"production to be {wanted}", timeout=25)


async def until(address: str, query: str) -> None:
    """Wait until a real Prometheus has scraped that."""
    async with aiohttp.ClientSession() as session:
        for _ in range(400):
            async with session.post(f"{address}api/v1/query", data={"query": query}) as answer:
                if answer.status == 200 and (await answer.json())["data"]["result"]:
                    return
            await asyncio.sleep(0.05)
    raise AssertionError(f"{query} was never so")


class scraped:  # noqa: N801 -- used as a verb
    """A real Prometheus that scrapes gauges which can be set."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "prometheus"
        self._folder.mkdir()
        self._gauges: dict[str, float] = {"app_errors": 0.002, "app_p99": 0.2}

    async def __aenter__(self) -> tuple[dict[str, float], str]:
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        target = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self._prometheus = prometheus(self._folder, target)
        address = await self._prometheus.__aenter__()
        await until(address, "app_p99")
        return self._gauges, address

    async def __aexit__(self, *_: object) -> None:
        await self._prometheus.__aexit__(None, None, None)
        await self._runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(text="".join(f"{name} {value}\n" for name, value in self._gauges.items()))
