"""Matches files with the patterns of CODEOWNERS in a process of its own: some patterns take longer than anybody waits,
and whoever may commit may write one."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter

from bot.adapters.child import limited, run_child
from bot.domain.repository import RepositoryError

LIMIT: Final = 10.0  # seconds, of which starting Python takes a part of one
AT_ONCE: Final = 2
_ANSWER: Final = TypeAdapter(list[int | None])


class OwnerMatch:
    """Asks for the deciding patterns, a few questions at a time; the others wait."""

    def __init__(self, *, limit: float = LIMIT) -> None:
        self._limit = limit
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def deciding(self, patterns: Sequence[str], files: Sequence[str]) -> list[int | None]:
        """What `bot.adapters.codeowners.deciding` says. Raises RepositoryError `codeowners-too-costly` where that takes
        too long, and `codeowners-match-failed` where the process could not run or ended by itself."""
        if not patterns or not files:
            return [None] * len(files)
        question = json.dumps([[*patterns], [*files]]).encode()
        try:
            async with self._slots:
                ended = await run_child(__name__, question, limit=self._limit)
            decided = _ANSWER.validate_json(ended.output)
        except TimeoutError:
            raise RepositoryError("codeowners-too-costly") from None
        except (OSError, ValueError):
            raise RepositoryError("codeowners-match-failed") from None
        if ended.status != 0 or len(decided) != len(files):
            raise RepositoryError("codeowners-match-failed")
        return decided


def main() -> None:
    """What the process does: read patterns and files, write the number of the pattern that decides about each file."""
    limited(LIMIT)
    from bot.adapters.codeowners import deciding

    patterns, files = json.loads(sys.stdin.buffer.read())
    sys.stdout.write(json.dumps(deciding(patterns, files)))
