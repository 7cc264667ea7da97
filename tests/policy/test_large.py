"""A policy of ten thousand monitors loads, the event loop goes on meanwhile, and a bomb of aliases still does not."""

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.flows.reload_policy import load_policy
from bot.policy import Policy, PolicyError
from bot.policy.document import MOST_ALIASED, MOST_VALUES, read
from bot.wiring import SWITCH_INTERVAL

MONITORS = 10_000
EACH = (
    "      - {{name: m{n}, component: backend, http: {{url: 'https://s{n}.env-{e}.example.com/health', contract: true, "
    "slower_than: 2s, tls_expires_within: 14d}}, every: 30s, fail_after: 3, pass_after: 2, timeout: 5s, stale_after: 5m}}\n"
)


def large(monitors: int = MONITORS) -> str:
    """So many HTTP monitors with all that is usually said of one, a hundred in each environment."""
    lines = ["version: 1\ntimezone: UTC\nseverities: {P2: 1h}\nenvironments:\n"]
    for e in range(monitors // 100):
        lines.append(f"  env-{e}:\n    kind: feature\n    severity: P2\n    monitors:\n")
        lines += [EACH.format(n=n, e=e) for n in range(100)]
    return "".join(lines)


async def worst_lag(load: Callable[[], Policy]) -> tuple[Policy, float, float]:
    """Load in a thread as a reload does; the policy, how long it took, and the longest that the loop stood still."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.disable()  # as bot/wiring does
    lags = [0.0]

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append(time.perf_counter() - began - 0.005)

    ticking = asyncio.create_task(tick())
    try:
        began = time.perf_counter()
        policy = await asyncio.to_thread(load)
        return policy, time.perf_counter() - began, max(lags)
    finally:
        gc.enable()
        sys.setswitchinterval(before)
        ticking.cancel()


async def test_ten_thousand_monitors_load_while_the_loop_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(large(), encoding="utf-8")
    policy, took, lag = await worst_lag(lambda: load_policy(path))
    print(f"{path.stat().st_size} bytes, {took:.1f} s, the loop stood still for {lag * 1000:.0f} ms at most")
    assert sum(len(each.monitors) for each in policy.environments.values()) == MONITORS
    assert took < 90
    assert lag < took / 4


def test_a_bomb_of_aliases_ends_at_once_and_takes_no_room() -> None:
    small = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    wide = "a: &a [" + ", ".join("x" * 1000) + "]\nb: [" + ", ".join(["*a"] * 100_000) + "]\n"
    for bomb in (small, wide):
        tracemalloc.start()
        began = time.perf_counter()
        with pytest.raises(PolicyError, match=f"aliases stand for more than {MOST_ALIASED} values"):
            read(bomb, "p.yaml")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert time.perf_counter() - began < 5
        assert peak < 50_000_000


def test_what_is_written_out_is_bounded_as_well() -> None:
    with pytest.raises(PolicyError, match=f"more than {MOST_VALUES} values"):
        read("a: [" + "x," * (MOST_VALUES + 10) + "]\n", "p.yaml")
