"""/health by the contract, /healthz, /readyz and /metrics."""

import json
from datetime import datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.adapters.health_contract import judge
from bot.domain.environment import Colour
from bot.domain.health import Health
from bot.jobs.metrics import Metrics
from bot.jobs.work import Pulse


def seen(checks: dict[str, bool], *errors: str) -> dict[str, Any]:
    """The bot's view of itself."""

    async def health() -> Health:
        return Health(checks=checks, errors=errors)

    return {"health": health}


VIEWS = [
    (seen({"database": True, "memory": True}), 200, "ok", Colour.GREEN),
    (seen({"database": True, "memory": False}), 200, "warning", Colour.YELLOW),
    (seen({"database": True, "loops": False}, "timers are overdue by 40 s"), 200, "warning", Colour.YELLOW),
    (seen({"database": False, "memory": True}), 503, "error", Colour.RED),
    (seen({"database": True, "websocket": False}), 503, "error", Colour.RED),
]


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(("context_changes", "status", "said", "colour"), VIEWS)
async def test_health_keeps_the_contract_that_the_bot_asks_of_others(
    served: Any, status: int, said: str, colour: Colour
) -> None:
    async with served.session.get(served.url + "/health") as answer:
        body = await answer.read()
        assert answer.status == status
    shown = json.loads(body)
    assert set(shown) == {"status", "checks", "timestamp"}
    assert shown["status"] == said
    assert datetime.fromisoformat(shown["timestamp"]) == served.clock.now()
    judgement = judge(body, served.clock.now())
    assert (judgement.colour, judgement.code == "contract-broken") == (colour, False)


@pytest.mark.requirement("D3")
@pytest.mark.parametrize(
    "context_changes", [seen({"database": True, "loops": False}, "the timers loop stands")]
)
async def test_health_gives_its_errors_as_texts(served: Any) -> None:
    _, answer = await served.get("/health", token=None)
    assert answer["checks"]["errors"] == ["the timers loop stands"]


async def test_healthz_says_that_the_process_answers(served: Any) -> None:
    async with served.session.get(served.url + "/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")


READY = [
    (seen({"database": True}), 200, "ready\n"),
    (seen({"database": True, "memory": False}), 200, "ready\n"),
    (
        seen({"websocket": False, "database": False, "loops": True}),
        503,
        "not ready: database, websocket\n",
    ),
    (
        seen({"database": True, "loops": False}, "timers are overdue by 40 s"),
        503,
        "not ready: loops\ntimers are overdue by 40 s\n",
    ),
]


@pytest.mark.parametrize(("context_changes", "status", "text"), READY)
async def test_readyz_names_what_is_missing(served: Any, status: int, text: str) -> None:
    async with served.session.get(served.url + "/readyz") as answer:
        assert (answer.status, await answer.text()) == (status, text)


def exposition() -> bytes:
    """The metrics of a bot with two loops, one environment with an awkward name, and a backlog."""
    metrics = Metrics({"timers": Pulse(rounds=7, done=5, failed=1), "deliveries": Pulse()})
    metrics.loops.overdue_seconds["timers"] = 12.5
    metrics.loops.colours = {'pro"d\\uction\n': "RED", "staging": "GREEN"}
    metrics.loops.open_requests = 3
    return metrics.exposition()


@pytest.mark.parametrize("context_changes", [{"metrics": exposition}])
async def test_metrics_are_read_by_prometheus_own_parser(served: Any) -> None:
    async with served.session.get(served.url + "/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    found = {
        (s.name, *sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert found["portcullis_loop_rounds_total", ("loop", "timers")] == 7
    assert found["portcullis_loop_done_total", ("loop", "timers")] == 5
    assert found["portcullis_loop_failed_total", ("loop", "timers")] == 1
    assert found["portcullis_overdue_seconds", ("loop", "timers")] == 12.5
    assert found["portcullis_overdue_seconds", ("loop", "deliveries")] == 0
    assert found["portcullis_open_requests",] == 3
    colour = ("portcullis_environment_colour", ("colour", "RED"), ("environment", 'pro"d\\uction\n'))
    assert found[colour] == 1
