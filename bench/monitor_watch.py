"""The whole watch over many monitors on one core: how late readings begin, and how many there are a second."""

import argparse
import asyncio
import gc
import json
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bench.figures import percentile
from bot.adapters.clock import SystemClock
from bot.adapters.probes import Probes
from bot.domain.environment import Colour
from bot.flows.reload_policy import PolicyHolder
from bot.gates import GATES
from bot.jobs.watch import Watch
from bot.policy import Policy
from bot.policy.incidents import Monitoring
from bot.policy.load import parse
from bot.policy.monitors import HttpMonitor, HttpProbe
from bot.wiring import SWITCH_INTERVAL
from storage import schema
from storage.ledger import Ledger

ENVIRONMENTS = 10
EVERY = timedelta(seconds=30)


def policy_of(url: str, monitors: int) -> Policy:
    """So many http monitors with the health contract, over ten environments; all are read from one address here, so
    that many of one host are allowed."""
    names = [f"environment-{n}" for n in range(ENVIRONMENTS)]
    text = "version: 1\ntimezone: UTC\nenvironments:\n" + "".join(
        f"  {n}: {{kind: feature}}\n" for n in names
    )
    gates = {name: gate.parameters for name, gate in GATES.items()}
    read = parse(text, "policy.yaml", gates, Path.cwd())
    found: dict[str, list[HttpMonitor]] = {name: [] for name in names}
    for n in range(monitors):
        probe = HttpProbe(url=f"{url}/health/{n}", contract=True, allow_private=True)
        found[names[n % ENVIRONMENTS]].append(HttpMonitor(name=f"m{n}", http=probe, every=EVERY))
    environments = {
        n: e.model_copy(update={"monitors": tuple(found[n])}) for n, e in read.environments.items()
    }
    return replace(read, environments=environments, monitoring=Monitoring(per_host=200, at_once=200))


async def watched(url: str, database: str, monitors: int, windows: int, seconds: float) -> dict[str, object]:
    """One interval in which everything is read for the first time, and then `windows` of so many seconds."""
    await schema.ensure(database)
    clock = SystemClock()
    holder = PolicyHolder(policy_of(url, monitors))
    ledger = Ledger(database, clock)
    probes = Probes(clock=clock, policy=holder)
    watch = Watch(ledger.in_background, holder, probes, probes.supports, reach=probes)
    gc.collect()
    gc.freeze()
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(EVERY.total_seconds() + 2)
    first = percentile(watch.lags, 99)
    p99, rates, cores = [], [], []
    for _ in range(windows):
        watch.lags.clear()
        began, worked = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - began
        p99.append(percentile(watch.lags, 99))
        rates.append(len(watch.lags) / took)
        cores.append((time.process_time() - worked) / took)
    held = await ledger.read(lambda tx: tx.environments.monitors())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await probes.close()
    await ledger.close()
    return {
        "first_p99": first,
        "p99": p99,
        "rates": rates,
        "cores": cores,
        "green": sum(each.colour is Colour.GREEN for each in held),
    }


def main() -> None:
    """`python -m bench.monitor_watch URL DATABASE …` prints one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.monitor_watch")
    parser.add_argument("url")
    parser.add_argument("database")
    parser.add_argument("--monitors", type=int, default=10_000)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_INTERVAL)
    found = watched(options.url, options.database, options.monitors, options.windows, options.seconds)
    print(json.dumps(asyncio.run(found)))


if __name__ == "__main__":
    main()
