"""Whatever was promised is there after the process was killed in the middle of its work."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from storage import tables
from storage.ledger import Ledger
from storage.verification import verify
from tests.conftest import FakeClock

KILLS = 10
ROOT = Path(__file__).parents[2]


def run_and_kill(url: str, after: int) -> list[int]:
    """Let the program promise at least `after` numbers, kill it, and give all that it promised."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.storage.committer", url], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        promised = [int(process.stdout.readline()) for _ in range(after)]
        process.kill()
        rest = process.stdout.read()
    return promised + [int(line) for line in rest.split("\n")[:-1] if line]


@pytest.mark.requirement("P1")
@pytest.mark.requirement("D1")
async def test_what_was_promised_survives_a_kill_at_any_point(sqlite_url: str, clock: FakeClock) -> None:
    chance = random.Random(20261110)  # noqa: S311 -- chance, not a secret
    promised: list[int] = []

    for _ in range(KILLS):
        promised += run_and_kill(sqlite_url, chance.randint(1, 60))

    ledger = Ledger(sqlite_url, clock)
    report = await verify(ledger)
    kept = await ledger.look(lambda c: set(c.execute(select(tables.requests.c.number)).scalars()))
    owed = await ledger.look(
        lambda c: [
            c.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (tables.timers, tables.deliveries, tables.received)
        ]
    )
    await ledger.close()
    assert report.problems == []
    assert len(promised) == len(set(promised)) >= KILLS
    assert set(promised) <= kept
    assert kept == set(range(1, len(kept) + 1))
    assert owed == [len(kept)] * 3
    assert report.entries == len(kept)
