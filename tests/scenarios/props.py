"""What stands about a stage: the platform's own programs, the policy with its addresses, a clock to be put forward."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.adapters.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "readiness"

# The platform's own programs: every call stands in `calls`. `hold` makes a start wait, `fail` makes it fail, and
# `forgetful` makes the status say that it does not know.
DEPLOYER = """#!/bin/sh
echo "$1 $2 $3 $4" >> calls
if [ "$1" = start ]; then
  while [ -e hold ]; do sleep 0.05; done
  [ -e fail ] && exit 3
  echo "$4" > "running-$2-$3"
  exit 0
fi
[ -e forgetful ] && exit 2
[ "$(cat "running-$2-$3" 2>/dev/null)" = "$4" ]
"""


@dataclass
class ShiftedClock:
    """The system's clock, put forward by hand: codes that only the next half minute has need no waiting."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead

    def advance(self, by: timedelta) -> None:
        self.ahead += by


def policy_text(world: str, *edits: tuple[str, str]) -> str:
    """The example's policy, its world where it runs now, read every second; each edit has to find its place."""
    text = (EXAMPLE / "policy.yaml").read_text(encoding="utf-8")
    usual = (
        ("127.0.0.1:8071", world.removeprefix("http://")),
        ("python3, deploy.py", "sh, deployer.sh"),
        ("every: 2s", "every: 1s"),
        ("every: 5s, stale", "every: 1s, fail_after: 1, pass_after: 1, stale"),
        ("fail_after: 3", "fail_after: 2"),
        ("pass_after: 2", "pass_after: 1"),
    )
    for old, new in (*usual, *edits):
        assert old in text, f"the example's policy has no {old!r} any more"
        text = text.replace(old, new)
    return text
