"""Deploys by running the policy's own programs: an argv, no shell, a time limit, the output kept (D1, P14)."""

import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from bot.adapters.captured_process import Ended
from bot.adapters.captured_process import run as run_captured
from bot.adapters.command_words import CannotFill, filled
from bot.domain.deployment import Run, RunResult
from bot.policy.services import CommandDeployer as Commands

BY_HAND: Final = "by-hand"
"""What stands for {run} and {request} in a command that a person runs, where there is neither."""
_ALWAYS_PASSED = ("PATH", "HOME", "LANG")
_LONGEST_LOOK = timedelta(minutes=1)


class CommandDeployer:
    """Implements ports.Deployer. The programs run in the policy's folder and see PATH, HOME, LANG, what the policy
    passes on by name, and PORTCULLIS_RUN, _REQUEST, _SERVICE, _ENVIRONMENT, _ARTIFACT and _DIGEST."""

    def __init__(self, commands: Commands, *, folder: Path, environ: Mapping[str, str]) -> None:
        self._commands = commands
        self._folder = folder
        self._environ = environ

    async def start(self, run: Run) -> RunResult:
        """Runs the `start` command to its end. `exit-0` is success; `exit-N`, `signal-N`, `timed-out`, `not-found`,
        `not-executable`, `no-working-folder`, `cannot-start`, `unknown-placeholder`, `no-value` and `unsafe-value`
        are not. Cancelling it ends the command's whole process group."""
        try:
            ended = await self._ended(self._commands.start, run, self._commands.timeout)
        except CannotFill as refused:
            return RunResult(succeeded=False, code=refused.code, output=f"nothing was started: {refused}\n")
        return RunResult(succeeded=ended.code == "exit-0", code=ended.code, output=ended.output)

    async def look_up(self, run: Run) -> RunResult | None:
        """What the `status` command says of `run`: exit 0 it succeeded, exit 1 it failed; anything else, a command
        that cannot be run or none at all is None, for nobody knows."""
        if self._commands.status is None:
            return None
        try:
            ended = await self._ended(self._commands.status, run, min(self._commands.timeout, _LONGEST_LOOK))
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
        }
        passed = {name: self._environ[name] for name in names if name in self._environ}
        return {"PATH": os.defpath, **passed, **own}


def _values(run: Run) -> dict[str, str | None]:
    target = run.rollback_target
    return {
        "service": run.service,
        "environment": run.environment,
        "artifact": run.artifact.tag,
        "digest": run.artifact.digest,
        "run": run.id,
        "request": run.request,
        "rollback_artifact": target.tag if target else None,
        "rollback_digest": target.digest if target else None,
    }
