"""The threads that read SQLite: a query takes one hop, however many statements it has."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection

from storage.engines import reader_engine

T = TypeVar("T")
READERS = 2  # more would only compete for the interpreter


class SqliteReaders:
    """Runs queries, each of which sees one instant and writes nothing."""

    def __init__(self, url: str) -> None:
        self._engine = reader_engine(url, READERS)
        self._threads = ThreadPoolExecutor(READERS, "ledger-reader")

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` in one of the threads. Raises RuntimeError after `close`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, query)

    def close(self) -> None:
        """Finish what is under way and let go of the connections."""
        self._threads.shutdown()
        self._engine.dispose()

    def _run(self, query: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return query(connection)
