"""What several verbs need: settings, policy and database, or one line for each thing that is wrong and exit status 2."""

import re
import sys
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from bot.policy import Policy
    from bot.settings import LedgerSettings

    S = TypeVar("S", bound=LedgerSettings)

T = TypeVar("T")
CONFIGURATION = 2


class NotConfigured(SystemExit):
    """Ends the program with status 2 after the problems were printed."""

    def __init__(self, lines: list[str]) -> None:
        for line in lines:
            print(f"portcullis: {line}", file=sys.stderr)
        super().__init__(CONFIGURATION)


class DatabaseUnusableError(Exception):
    """The database cannot be used; the text is one line that says why."""


def settings(kind: "type[S]") -> "S":
    """The settings of `kind`, as far as they can be checked without asking anybody. Raises NotConfigured."""
    from bot.settings import FactorSettings, SettingsError, read
    from storage.engines import DatabaseUrlError, is_sqlite

    try:
        found = read(kind)
    except SettingsError as error:
        raise NotConfigured(error.lines) from None
    lines = []
    try:
        is_sqlite(found.database_url)
    except DatabaseUrlError as error:
        lines.append(f"PORTCULLIS_DATABASE_URL cannot be used: {error}")
    if isinstance(found, FactorSettings):
        lines += _weakness(found)
    if lines:
        raise NotConfigured(lines)
    return found


def _weakness(found: Any) -> list[str]:
    from bot.adapters.seal import KeySeal, WeakKey

    try:
        KeySeal(found.secret_key)
    except WeakKey as error:
        return [f"PORTCULLIS_SECRET_KEY is too weak: {error}"]
    return []


def policy_file(path: Path) -> "Policy":
    """The policy. Raises NotConfigured with every problem of the file."""
    from bot.cli.policy import load_policy
    from bot.policy import PolicyError

    try:
        return load_policy(path)
    except PolicyError as error:
        raise NotConfigured([str(p) for p in error.problems]) from None


def database_url() -> str:
    """The database alone, for verbs that need no Slack. Raises NotConfigured."""
    from bot.settings import LedgerSettings

    return settings(LedgerSettings).database_url


def finished(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns. Raises NotConfigured where the database is not usable."""
    import asyncio

    try:
        return asyncio.run(work)
    except DatabaseUnusableError as error:
        raise NotConfigured([str(error)]) from None


async def prepare_ledger(url: str) -> None:
    """Make the database or bring it to this version's schema. Raises DatabaseUnusableError."""
    from storage import schema

    _try_to_open(sqlite_file(url))
    try:
        await schema.ensure(url)
    except schema.NewerSchemaError as error:
        raise DatabaseUnusableError(str(error)) from None
    except Exception as error:  # noqa: BLE001 -- whatever a driver raises, it cannot be opened
        raise _cannot_open(error) from None


async def need_ledger(url: str) -> None:
    """Nothing, where the database stands at this version's schema; to ask makes none. Raises DatabaseUnusableError."""
    from storage import schema

    found = await revision(url)
    if found is None:
        where = sqlite_file(url)
        place = "PORTCULLIS_DATABASE_URL" if where is None else str(where)
        raise DatabaseUnusableError(f"there is no ledger in {place}; `portcullis db upgrade` makes one")
    if found > schema.HEAD:
        raise DatabaseUnusableError(str(schema.NewerSchemaError(found)))
    if found < schema.HEAD:
        raise DatabaseUnusableError(
            f"the database is at schema {found}, this version needs {schema.HEAD}: `portcullis db upgrade`"
        )


async def revision(url: str) -> str | None:
    """The schema of the database; None where there is none, which makes no file. Raises DatabaseUnusableError."""
    from storage import schema

    where = sqlite_file(url)
    if where is not None and not where.exists():
        return None
    _try_to_open(where)
    try:
        return await schema.revision(url)
    except Exception as error:  # noqa: BLE001 -- whatever a driver raises, it cannot be opened
        raise _cannot_open(error) from None


def _try_to_open(file: Path | None) -> None:
    """Open a SQLite file without the asynchronous driver, whose thread ends with a traceback where that fails."""
    import sqlite3

    if file is None:
        return
    try:
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        raise _cannot_open(error) from None


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for another database."""
    match = re.match(r"sqlite(?:\+\w+)?:///([^?]*)", url)
    return None if match is None else Path(match[1])


def _cannot_open(error: Exception) -> DatabaseUnusableError:
    return DatabaseUnusableError(f"the database cannot be opened: {cause(error)}")


def cause(error: BaseException) -> str:
    """The first line of what went wrong, in the driver's own words and without secrets."""
    from bot.logs import without_secrets

    first = getattr(error, "orig", None) or error
    text = (getattr(first, "strerror", None) if isinstance(first, OSError) else None) or str(first)
    lines = without_secrets(text).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^<class '[\w.]+'>: ", "", lines[0])[:200]
