"""How quickly monitors are read, how late ten thousand of them begin, and how soon Slack hears of a failure."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cores import starting_on, two_cores
from bench.figures import Aim, Figure, taking_turns
from bench.processes import Failed, environment, once, report, server
from bench.product import Product

MOST_LATE = 1.0  # seconds
SOONEST_ALARM = 250.0  # milliseconds
EXPORTER = "prometheus-blackbox-exporter"
MODULES = "modules: {http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}}\n"
POLICY = """
version: 1
timezone: UTC
environments:
  production:
    kind: production
    severity: P0
    monitors:
      - name: api
        http: {{url: "{outside}/health", allow_private: true}}
        every: 1s
        fail_after: 1
        pass_after: 1
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where files are written, how many rounds, and how long a turn lasts."""

    folder: Path
    rounds: int
    seconds: float
    monitors: int = 10_000


def figures(plan: Plan) -> list[Figure]:
    """All lines about monitors. Raises Failed."""
    return [*probes(plan), lateness(plan), alarm(plan)]


def probes(plan: Plan) -> list[Figure]:
    """Readings a second on one core: the product, a bare aiohttp loop, and Debian's blackbox_exporter where it is
    installed. Each of them makes a new connection for each reading."""
    cores = two_cores()
    found: dict[str, list[float]] = {"product": [], "floor": []}
    with (
        server(
            [sys.executable, "-m", "bench.health_server"], plan.folder, cores[1] if cores else None
        ) as well,
        exporter(plan.folder, cores[0] if cores else None) as address,
    ):
        asked = {"product": well.word, "floor": well.word}
        if address is not None:
            asked["blackbox"] = f"{address}/probe?module=http_2xx&target={well.word}/health"
            found["blackbox"] = []
        for turn in taking_turns(list(asked), plan.rounds):
            for kind in turn:
                # Who asks the exporter shares a core with the service: what is measured has one of its own.
                core = None if cores is None else cores[1 if kind == "blackbox" else 0]
                argv = [
                    sys.executable,
                    "-m",
                    "bench.monitor_probes",
                    kind,
                    asked[kind],
                    str(plan.seconds),
                ]
                found[kind].append(float(report(argv, plan.folder, core)["per_second"]))
    floors = {
        "monitor-probes": ("floor", "a bare aiohttp loop, a new connection each", Aim(0.7, at_least=True)),
        "monitor-probes-blackbox": ("blackbox", "Debian's blackbox_exporter, a new connection each", None),
    }
    return [
        Figure(
            name=name,
            unit="probes/s",
            product=tuple(found["product"]),
            floor=tuple(found[kind]),
            floor_is=floor_is,
            aim=aim,
        )
        for name, (kind, floor_is, aim) in floors.items()
        if kind in found
    ]


def lateness(plan: Plan) -> Figure:
    """Ten thousand http monitors every 30 s on one core, after their first round: the 99th percentile of by how many
    seconds a reading begins late."""
    cores = two_cores()
    with server(
        [sys.executable, "-m", "bench.health_server"], plan.folder, cores[1] if cores else None
    ) as well:
        argv = [sys.executable, "-m", "bench.monitor_watch", well.word, f"sqlite:///{plan.folder}/watch.db"]
        options = f"--monitors {plan.monitors} --windows {plan.rounds} --seconds {max(plan.seconds, 5.0)}"
        output, _ = once([*argv, *options.split()], plan.folder, cores[0] if cores else None)
    said = json.loads(output.splitlines()[-1])
    if said["green"] != plan.monitors:
        raise Failed(f"only {said['green']} of {plan.monitors} monitors of a healthy service are GREEN")
    late = tuple(max(float(each), 0.0001) for each in said["p99"])
    return Figure(
        name="monitor-lag-p99",
        unit="s",
        product=late,
        floor=(MOST_LATE,) * len(late),
        floor_is=f"the second it may be; {min(said['rates']):.0f} readings/s on {max(said['cores']):.2f} of a core",
        aim=Aim(1, at_least=False),
    )


def alarm(plan: Plan) -> Figure:
    """Milliseconds from the answer of the failing probe that decides until Slack's request is there."""
    cores = two_cores()
    with server(
        [sys.executable, "-m", "bench.alarm_outside"], plan.folder, cores[1] if cores else None
    ) as ward:
        took = tuple(
            first_alarm(plan.folder / f"alarm-{n}", ward.word, cores) for n in range(max(plan.rounds, 3))
        )
    return Figure(
        name="monitor-alarm",
        unit="ms",
        product=took,
        floor=(SOONEST_ALARM,) * len(took),
        floor_is="the quarter of a second it may take",
        aim=Aim(1, at_least=False),
    )


def first_alarm(home: Path, ward: str, cores: tuple[int, int] | None) -> float:
    """Start a bot of its own, let the service fall ill and wait until Slack heard of it. What turns RED again within ten
    minutes would be the same incident, and no new message. Raises Failed."""
    home.mkdir()
    (home / "policy.yaml").write_text(POLICY.format(outside=ward), encoding="utf-8")
    product = Product(home, ward)
    once([sys.executable, "-m", "bot", "db", "upgrade"], home, None, product.settings())
    with product.running(home, cores[0] if cores else None):
        time.sleep(3.0)  # it is well, and known to be
        asked(f"{ward}/be/ill", "POST")
        found = waited_for(lambda: asked(f"{ward}/took").get("ms"))
    asked(f"{ward}/be/well", "POST")
    return found


def waited_for(what: Callable[[], float | None], seconds: float = 20.0) -> float:
    """What is there at last. Raises Failed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := what()) is not None:
            return float(found)
        time.sleep(0.02)
    raise Failed("Slack never heard of a service that fell ill")


def asked(url: str, method: str = "GET") -> dict[str, Any]:
    """The JSON object of an answer; an empty one where there is no body."""
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:  # noqa: S310
        body = answer.read()
    return dict(json.loads(body)) if body else {}


@contextmanager
def exporter(folder: Path, core: int | None) -> Iterator[str | None]:
    """Debian's blackbox_exporter on one core; None where it is not installed."""
    program = shutil.which(EXPORTER)
    if program is None:
        print(f"{EXPORTER} is not installed: its line is left out", file=sys.stderr)
        yield None
        return
    (folder / "blackbox.yml").write_text(MODULES, encoding="utf-8")
    argv = [program, "--config.file=blackbox.yml", "--web.listen-address=127.0.0.1:0"]
    with starting_on(core):
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=environment(GOMAXPROCS="1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    try:
        yield asyncio.run(_address(process))
    finally:
        process.terminate()
        process.communicate(timeout=15)


async def _address(process: "subprocess.Popen[bytes]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(rb"address=(127\.0\.0\.1:\d+)", line):
            return f"http://{found[1].decode()}"
    raise Failed(f"{EXPORTER} ended before it listened")
