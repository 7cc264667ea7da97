"""The one thread that writes SQLite: a step takes one hop, and steps that wait together share one fsync."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from storage.engines import writer_engine
from storage.unit_of_work import Outcome, Step, run_together

BATCH = 64  # steps that share one fsync at most; more would only make the first of them wait
PATIENT_BATCH = 4  # of the steps that nobody waits for, where nobody else waits


class LedgerClosedError(RuntimeError):
    """The ledger was closed; nothing can be written any more."""


@dataclass(slots=True)
class _Job:
    step: Step
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[Outcome]" = field(repr=False)


class SqliteWriter:
    """Runs the steps that are submitted, in their order, on a connection that no other thread sees.

    Steps that a person waits for go before patient ones (evaluations, claims, readings); of those at least one
    goes along in every batch, so that they are slowed down and never stopped.
    """

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self._engine = writer_engine(url)
        self._now = now
        self._urgent: deque[_Job] = deque()
        self._patient: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, step: Step, *, patient: bool = False) -> "asyncio.Future[Outcome]":
        """Queue the step. The future is filled once it is on disk or has failed, whether anybody waits or not.

        Raises LedgerClosedError.
        """
        loop = asyncio.get_running_loop()
        job = _Job(step, loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise LedgerClosedError("the ledger is closed")
            (self._patient if patient else self._urgent).append(job)
            self._changed.notify()
        return job.done

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        while batch := self._next_batch():
            _answer(batch, self._run(batch))
        self._let_go()

    def _next_batch(self) -> list[_Job]:
        """What waits, bounded; empty once the writer is closed and nothing is left."""
        with self._changed:
            while not (self._urgent or self._patient or self._closed):
                self._changed.wait()
            urgent = [self._urgent.popleft() for _ in range(min(BATCH, len(self._urgent)))]
            most = 1 if urgent else PATIENT_BATCH
            return urgent + [self._patient.popleft() for _ in range(min(most, len(self._patient)))]

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
