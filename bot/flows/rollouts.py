"""Rollouts under way: which run a request has, having all of them look again, and stopping one where it stands."""

from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, RequestState
from bot.domain.deployment import Run, RunState
from bot.domain.owed import Timer
from bot.flows import owing
from bot.flows.run_end import STOPPED, end_request
from bot.policy import Policy
from bot.ports import Transaction


def run_of(tx: Transaction, request: ChangeRequest) -> Run | None:
    """The request's newest run; None while it has none."""
    runs = tx.runs.of(request.id)
    return runs[-1] if runs else None


def wake_rollouts(tx: Transaction) -> None:
    """Have every rollout look now at what holds its next step: called by whoever changes something that may.

    A call under way is left alone: it looks by itself when its step is reached.
    """
    for request in tx.requests.open(state=RequestState.STARTING):
        run = run_of(tx, request)
        if run is not None and run.waits:
            tx.schedule(Timer(kind="run", subject=run.id, due_at=tx.now))


def stop(tx: Transaction, policy: Policy, request: ChangeRequest, actor: Actor) -> ChangeRequest | None:
    """End a rollout where it stands, between two calls or held before the first; None where a call is under way, or
    about to be: that nobody can stop.

    Somebody who went back by hand has to be able to say so: the next step would bring the new version again.
    """
    run = run_of(tx, request)
    if run is None or not run.waits:
        return None
    if run.state is RunState.INTENDED and not run.frozen and request.held is None:
        return None
    return _end_here(tx, policy, run, Fact(type="run.stopped", by=actor, facts={"percent": run.reached}))


def lapse(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> None:
    """End a rollout of which nothing was called in time: what it was to pass stands closed again (P13)."""
    owing.note(tx, policy, request, "glass-lapsed")
    because = Fact(type="run.stopped", facts={"percent": run.reached, "code": "break-glass-expired"})
    _end_here(tx, policy, run, because)


def _end_here(tx: Transaction, policy: Policy, run: Run, because: Fact) -> ChangeRequest | None:
    ended = replace(run, state=RunState.FAILED, code=STOPPED, finished_at=tx.now, next_at=None, frozen=())
    tx.runs.put(ended, because)
    tx.unschedule("run", run.id)
    return end_request(tx, policy, ended, by=because.by)
