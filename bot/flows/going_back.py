"""What there is to go back to in one place, and away from what: read from what really ran there (P14, P16)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from bot.domain.artifact import Artifact
from bot.domain.change_request import ChangeRequest, Kind
from bot.domain.deployment import Run, RunState
from bot.domain.evidence import Evidence
from bot.domain.ran import Ran, same_version, versions
from bot.domain.refusal import Refusal
from bot.flows.rollouts import run_of
from bot.ports import Transaction

LOOKED_AT: Final = 50
"""So many of the newest requests of a place are looked through for the newest rollout."""
NAMED: Final = 5
"""So many earlier versions are named to somebody who named none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingBack:
    """From `away` to `target`; `undoes` is the request that brought `away`, where it was one of ours."""

    target: Artifact
    away: Artifact
    undoes: ChangeRequest | None


def going_back(tx: Transaction, service: str, environment: str, to: str | None = None) -> GoingBack:
    """The version before the one that runs, or before the one that a rollout which did not get to its end was
    bringing; with `to`, the newest earlier one with that tag.

    Raises Refusal `nothing-runs`, `no-way-back`, `runs-already` or `never-ran-here`.
    """
    deployed = tx.evidence.deployments(service, environment)
    ran = versions(deployed)
    place: dict[str, JsonValue] = {"service": service, "environment": environment}
    undoes: ChangeRequest | None
    unfinished = _unfinished(tx, service, environment, deployed, ran)
    if unfinished is not None:
        undoes, run = unfinished
        away, earlier = run.artifact, ran
    elif ran:
        brought = ran[-1].request
        away, earlier, undoes = (
            ran[-1].artifact,
            ran[:-1],
            None if brought is None else tx.requests.get(brought),
        )
    else:
        raise Refusal("nothing-runs", place)
    facts = {**place, "from": away.tag}
    since = ran[-1].told if ran else None
    known_then = [each for each in earlier if each.told is None or since is None or each.told <= since]
    fitting = [each.artifact for each in known_then if to is None or each.artifact.tag == to]
    if not fitting and to is not None and to == away.tag:
        raise Refusal("runs-already", {**facts, "name": to})
    if not fitting and to is not None:
        known: list[JsonValue] = [each.artifact.tag for each in reversed(earlier[-NAMED:])]
        raise Refusal("never-ran-here", {**facts, "name": to[:80], "known": known})
    if not fitting:
        raise Refusal("no-way-back", facts)
    return GoingBack(target=fitting[-1], away=away, undoes=undoes)


def _unfinished(
    tx: Transaction, service: str, environment: str, deployed: Sequence[Evidence], ran: Sequence[Ran]
) -> tuple[ChangeRequest, Run] | None:
    """The newest rollout, where it was called and did not succeed, and nothing was deployed there since: some of the
    traffic may have its version, and what ran before it is what there is to go back to."""
    newest: tuple[ChangeRequest, Run] | None = None
    for request in tx.requests.newest(limit=LOOKED_AT, service=service, environment=environment):
        run = None if request.kind is Kind.ROLLBACK else run_of(tx, request)
        if run is None or run.called_at is None:
            continue
        if newest is None or run.called_at > (newest[1].called_at or run.called_at):
            newest = (request, run)
    if newest is None or newest[1].state is RunState.SUCCEEDED:
        return None
    called = newest[1].called_at
    if newest[1].state.is_over and any(e.passed and called is not None and e.at >= called for e in deployed):
        return None
    if ran and same_version(ran[-1].artifact, newest[1].artifact):
        return None  # its pipeline says that it got there after all
    return newest


def runs_now(tx: Transaction, request: ChangeRequest) -> bool:
    """Whether what `request` brought is what runs there now, by what was stated last."""
    ran = versions(tx.evidence.deployments(request.service, request.environment))
    return bool(ran) and same_version(ran[-1].artifact, request.artifact)
