"""What several verbs need: settings and policy, or one line for each thing that is wrong and exit status 2."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.policy import Policy
    from bot.settings import Settings

CONFIGURATION = 2


class NotConfigured(SystemExit):
    """Ends the program with status 2 after the problems were printed."""

    def __init__(self, lines: list[str]) -> None:
        for line in lines:
            print(f"portcullis: {line}", file=sys.stderr)
        super().__init__(CONFIGURATION)


def settings() -> "Settings":
    """The settings of the environment. Raises NotConfigured."""
    from bot.settings import SettingsError, read_settings

    try:
        return read_settings()
    except SettingsError as error:
        raise NotConfigured(error.lines) from None


def policy_file(path: Path) -> "Policy":
    """The policy. Raises NotConfigured with every problem of the file."""
    from bot.policy import PolicyError
    from bot.wiring import load_policy

    try:
        return load_policy(path)
    except PolicyError as error:
        raise NotConfigured([str(p) for p in error.problems]) from None


def database_url() -> str:
    """The database alone, for verbs that need no Slack. Raises NotConfigured."""
    import os

    from storage.engines import DatabaseUrlError, is_sqlite

    url = os.environ.get("PORTCULLIS_DATABASE_URL") or "sqlite:///portcullis.db"
    try:
        is_sqlite(url)
    except DatabaseUrlError as error:
        raise NotConfigured([f"PORTCULLIS_DATABASE_URL is malformed: {error}"]) from None
    return url
