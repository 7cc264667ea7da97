"""The one thread that writes SQLite: a step takes one hop, and steps that wait together share one fsync."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from storage.engines import writer_engine
from storage.unit_of_work import Outcome, Step, run_together

BATCH = 64  # steps that share one fsync at most; more would only make the first of them wait


class LedgerClosedError(RuntimeError):
    """The ledger was closed; nothing can be written any more."""


@dataclass(slots=True)
class _Job:
    step: Step
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Outcome]" = field(repr=False)


class SqliteWriter:
    """Runs the steps that are submitted, in their order, on a connection that no other thread sees."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self._engine = writer_engine(url)
        self._now = now
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, step: Step) -> "asyncio.Future[Outcome]":
        """Queue the step. The future is filled once it is on disk or has failed, whether anybody waits or not.

        Raises LedgerClosedError.
        """
        loop = asyncio.get_running_loop()
        job = _Job(step, loop, loop.create_future())
        with self._gate:  # nothing is queued behind the None that ends the thread
            if self._closed:
                raise LedgerClosedError("the ledger is closed")
            self._jobs.put(job)
        return job.done

    def close(self) -> None:
        """Finish the queue and end the thread."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        last = False
        while not last:
            batch, last = self._next_batch()
            if batch:
                _answer(batch, self._run(batch))
        self._let_go()

    def _next_batch(self) -> tuple[list[_Job], bool]:
        """What waits, at most BATCH, and whether the queue ends here."""
        job = self._jobs.get()
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == BATCH:
                return batch, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _run(self, batch: list[_Job]) -> list[Outcome]:
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            return run_together(self._connection, [job.step for job in batch], self._now)
        except BaseException as error:  # noqa: BLE001  -- it is handed to everybody who waits
            self._let_go()  # a connection in doubt is not used again; closing it rolls back
            return [Outcome(error=error) for _ in batch]

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.invalidate()
            with contextlib.suppress(Exception):
                connection.close()


def _answer(batch: list[_Job], outcomes: list[Outcome]) -> None:
    """Give the outcomes back, with one wake-up for each event loop that waits."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, Outcome]]] = {}
    for job, outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(job.loop, []).append((job, outcome))
    for loop, answers in by_loop.items():
        # A loop that was closed meanwhile has nobody who waits; the thread must live on for the others.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: list[tuple[_Job, Outcome]]) -> None:
    for job, outcome in answers:
        if not job.done.done():
            job.done.set_result(outcome)
