"""Deploys by running the policy's own programs: an argv, no shell, a time limit, the output kept (D1, P14)."""

import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from bot.adapters.captured_process import Ended
from bot.adapters.captured_process import run as run_captured
from bot.adapters.command_words import CannotFill, filled, mentions
from bot.domain.deployment import WHOLE, Run, RunResult
from bot.policy.services import CommandDeployer as Commands

NEVER_RAN: Final = frozenset({"not-found", "not-executable", "no-working-folder", "cannot-start"})
"""How a program ends that was never begun."""
BY_HAND: Final = "by-hand"
"""What stands for {run} and {request} in a command that a person runs, where there is neither."""
_ALWAYS_PASSED = ("PATH", "HOME", "LANG")
_LONGEST_LOOK = timedelta(minutes=1)


class CommandDeployer:
    """Implements ports.Deployer. The programs run in the policy's folder and see PATH, HOME, LANG, what the policy
    passes on by name, and PORTCULLIS_RUN, _REQUEST, _SERVICE, _ENVIRONMENT, _ARTIFACT, _DIGEST and _PERCENT."""

    def __init__(self, commands: Commands, *, folder: Path, environ: Mapping[str, str]) -> None:
        self._commands = commands
        self._folder = folder
        self._environ = environ

    async def start(self, run: Run) -> RunResult:
        """Runs the `start` command to its end; {percent} is the run's first step, 100 where it has only one. `exit-0`
        is success; `exit-N`, `signal-N`, `timed-out`, `not-found`, `not-executable`, `no-working-folder`,
        `cannot-start`, `unknown-placeholder`, `no-value` and `unsafe-value` are not, and of the last seven nothing was
        called. Cancelling it ends the command's whole process group."""
        return await self._called(self._commands.start, run)

    async def shift(self, run: Run) -> RunResult:
        """Runs the `shift` command, which brings the traffic to {percent}, the run's next step. Its codes are those
        of `start`, and `no-shift` where the policy names no such command (any more)."""
        if self._commands.shift is None:
            return RunResult(
                succeeded=False,
                code="no-shift",
                output="nothing was called: no shift command\n",
                made=False,
            )
        return await self._called(self._commands.shift, run)

    async def roll_back(self, run: Run) -> RunResult:
        """Runs the `rollback` command to its end, or, where the policy names none, `start` with the old version in the
        artifact's place. {artifact} and {rollback_artifact} are both the version that comes back, and so are the
        digests; the command is the one that the way back was shown with (P14). Its codes are those of `start`."""
        return await self._called(self._commands.rollback or self._commands.start, run)

    async def look_up(self, run: Run) -> RunResult | None:
        """What the `status` command says of the call under way: exit 0 it succeeded, exit 1 it failed; anything else,
        a command that cannot be run or none at all is None, for nobody knows.

        In a rollout in steps only a command that names {percent} is believed. One that is not told which step is
        meant speaks of the whole rollout, or of whichever call was the last: both would be taken for this step.
        """
        status = self._commands.status
        if status is None or (run.plan.stepped and not mentions(status, "percent")):
            return None
        try:
            ended = await self._ended(status, run, min(self._commands.timeout, _LONGEST_LOOK))
        except CannotFill:
            return None
        said = {"exit-0": (True, "looked-up-succeeded"), "exit-1": (False, "looked-up-failed")}.get(
            ended.code
        )
        return RunResult(succeeded=said[0], code=said[1], output=ended.output) if said else None

    def rollback_command(self, service: str, environment: str, tag: str, digest: str | None) -> str | None:
        """The command that brings `tag` back, as a person would type it (P14): the `rollback` command, else `start`
        with the target in the artifact's place. None where a placeholder has no value for it, such as {digest} of a
        target whose digest nobody knows."""
        values = {
            "service": service,
            "environment": environment,
            "artifact": tag,
            "digest": digest,
            "rollback_artifact": tag,
            "rollback_digest": digest,
            "percent": str(WHOLE),
            "run": BY_HAND,
            "request": BY_HAND,
        }
        for argv in (self._commands.rollback, self._commands.start):
            if argv is None:
                continue
            try:
                return shlex.join(filled(argv, values))
            except CannotFill:
                continue
        return None

    async def _called(self, argv: Sequence[str], run: Run) -> RunResult:
        try:
            ended = await self._ended(argv, run, self._commands.timeout)
        except CannotFill as refused:
            said = f"nothing was started: {refused}\n"
            return RunResult(succeeded=False, code=refused.code, output=said, made=False)
        made = ended.code not in NEVER_RAN
        return RunResult(succeeded=ended.code == "exit-0", code=ended.code, output=ended.output, made=made)

    async def _ended(self, argv: Sequence[str], run: Run, limit: timedelta) -> Ended:
        return await run_captured(
            filled(argv, _values(run)),
            folder=self._folder,
            environ=self._seen_by_command(run),
            limit_s=limit.total_seconds(),
        )

    def _seen_by_command(self, run: Run) -> dict[str, str]:
        names = (*_ALWAYS_PASSED, *self._commands.pass_env)
        own = {
            "PORTCULLIS_RUN": run.id,
            "PORTCULLIS_REQUEST": run.request,
            "PORTCULLIS_SERVICE": run.service,
            "PORTCULLIS_ENVIRONMENT": run.environment,
            "PORTCULLIS_ARTIFACT": run.artifact.tag,
            "PORTCULLIS_DIGEST": run.artifact.digest or "",
            "PORTCULLIS_PERCENT": str(run.aim),
        }
        passed = {name: self._environ[name] for name in names if name in self._environ}
        return {"PATH": os.defpath, **passed, **own}


def _values(run: Run) -> dict[str, str | None]:
    target = run.artifact if run.rolls_back else run.rollback_target
    return {
        "service": run.service,
        "environment": run.environment,
        "artifact": run.artifact.tag,
        "digest": run.artifact.digest,
        "percent": str(run.aim),
        "run": run.id,
        "request": run.request,
        "rollback_artifact": target.tag if target else None,
        "rollback_digest": target.digest if target else None,
    }
