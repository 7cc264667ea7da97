"""A small Prometheus for journeys: it answers instant queries with the number that was set for their text."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from tests.scenarios.conftest import Make
from tests.scenarios.stage import Stage

ANALYSES = (
    "{name: errors, query: errors, warn_above: 0.01, fail_above: 0.05}, "
    "{name: p99, query: p99, warn_above_baseline: 1.1, fail_above_baseline: 2}"
)
PHASES = (
    "verification: [{name: immediate, for: 5m, checks: [health, rollout, errors]}, "
    "{name: extended, for: 25m, checks: [errors, p99]}]"
)
IN_STEPS = (
    ('"{environment}", "{digest}"]\n        status:', '"{environment}", "{digest}", "{percent}"]\n        status:'),
    ('status, "{service}", "{environment}", "{digest}"]', 'status, "{service}", "{environment}", "{digest}", "{percent}"]'),
    ('"{rollback_digest}"]', '"{rollback_digest}", "{percent}"]'),
    ("        timeout: 1m", '        shift: [sh, deployer.sh, shift, "{service}", "{environment}", "{digest}", "{percent}"]\n        timeout: 1m'),
)  # fmt: skip
DEPLOYER = """#!/bin/sh
echo "$1 $2 $3 $4 $5" >> calls
if [ "$1" != status ]; then
  echo "$4 $5" > "at-$2-$3"
  exit 0
fi
[ "$(cat "at-$2-$3" 2>/dev/null)" = "$4 $5" ]
"""


def production(extra: str) -> tuple[str, str]:
    """An edit of the example's policy: what else stands in its production."""
    return "    severity: P0\n", f"    severity: P0\n{extra}"


STEPPED = production(
    f"    rollout: {{steps: [25, 50, 100], hold: 5m, analysis: [{ANALYSES}]}}\n    {PHASES}\n"
)
AT_ONCE = production(f"    rollout: {{restarts_for: 3m, analysis: [{ANALYSES}]}}\n    {PHASES}\n")


class Measured:
    """What it says; None is no data."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = {"errors": 0.002, "p99": 0.2}
        self.before: dict[str, float | None] = {"p99": 0.2}
        self.asked = 0

    async def query(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked += 1
        found = (self.before if "time" in form else self.values).get(str(form["query"]))
        result = [] if found is None else [{"metric": {"pod": "never-shown"}, "value": [1, str(found)]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


@contextlib.asynccontextmanager
async def measured() -> AsyncIterator[tuple[Measured, str]]:
    """It, and its address."""
    made, app = Measured(), web.Application()
    app.router.add_post("/api/v1/query", made.query)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def opened(make_stage: Make, prometheus: str, *edits: tuple[str, str]) -> Stage:
    """A running bot that asks this Prometheus, on a platform that shifts traffic."""
    stage = await make_stage(*IN_STEPS, *edits, started=False)
    (stage.folder / "deployer.sh").write_text(DEPLOYER, encoding="utf-8")
    stage.environment["PORTCULLIS_PROMETHEUS_URL"] = prometheus
    await stage.start()
    await stage.begin()
    return stage


def percents(stage: Stage) -> list[int]:
    """The per cent of every call that moved traffic to what was asked for or back."""
    return [int(line.split()[-1]) for line in stage.calls("") if not line.startswith("status")]
