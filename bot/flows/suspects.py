"""What changed shortly before an incident: a fact to look at, judged by people, and never claimed as the cause."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import ChangeRequest, Kind, RequestState
from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.incident import Incident, Judged
from bot.domain.ran import same_version, versions
from bot.domain.refusal import Refusal
from bot.flows.asking import Asker
from bot.flows.escalate import known_open
from bot.flows.incident_news import card, note
from bot.policy import Policy
from bot.ports import Ledger, Transaction

SHORTLY_BEFORE: Final = timedelta(hours=1)
_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Alike:
    """Another environment in which the version of the suspect runs, and its colour."""

    environment: str
    colour: Colour


def changed_before(tx: Transaction, environment: str, at: datetime) -> tuple[ChangeRequest, ...]:
    """What went live there in the hour before `at`, and what failed or was lost when the deployer had been called: it
    changed what runs there as well. Newest first."""
    recent = tx.requests.newest(limit=50, environment=environment)
    found = [
        r
        for r in recent
        if r.kind is not Kind.CONFIGURATION  # it changed which rules hold, and nothing that runs there
        and r.closing is not None
        and timedelta(0) <= at - r.closing.at <= SHORTLY_BEFORE
        and reached(tx, r)
    ]
    return tuple(sorted(found, key=_live_at, reverse=True)[:_MOST])


def reached(tx: Transaction, request: ChangeRequest) -> bool:
    """Whether a change got to its environment, however it ended."""
    if request.state is RequestState.LIVE:
        return True
    ended = request.state in (RequestState.FAILED, RequestState.UNRESOLVED)
    return ended and any(run.called_at is not None for run in tx.runs.of(request.id))


def _live_at(request: ChangeRequest) -> datetime:
    return request.closing.at if request.closing is not None else request.requested_at


def alike(
    tx: Transaction, suspect: ChangeRequest | None, others: Sequence[EnvironmentStatus]
) -> tuple[Alike, ...]:
    """Which other environments run the suspect's version, with their colours: all GREEN speaks for it, RED against."""
    if suspect is None:
        return ()
    found = []
    for status in others:
        ran = versions(tx.evidence.deployments(suspect.service, status.name))
        if ran and same_version(ran[-1].artifact, suspect.artifact):
            found.append(Alike(status.name, status.colour))
    return tuple(found)


async def judge(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    incident_id: str,
    request_id: str,
    *,
    related: bool,
    key: str,
) -> None:
    """Say of a change that it was this, or that it was not; the newest word counts, and all of them are kept.

    Raises Refusal `unknown-incident`, `incident-over` or `not-suspected`.
    """
    actor = asker.actor(policy)

    def step(tx: Transaction) -> None:
        if tx.remembered(key) is not None:
            return
        incident = known_open(tx, incident_id)
        before = {r.id for r in changed_before(tx, incident.environment, incident.opened_at)}
        if request_id not in before | {incident.suspect}:
            raise Refusal("not-suspected", {"incident": incident.id, "request": request_id[:40]})
        tx.remember(key, incident.id)
        word = Judged(request=request_id, related=related, by=actor.person or actor.via, at=tx.now)
        after = replace(incident, judged=(*incident.judged, word))
        facts: dict[str, JsonValue] = {"request": request_id, "related": related}
        tx.incidents.put(after, Fact(type="incident.judged", by=actor, facts=facts))
        note(tx, policy, after, "related" if related else "not-related", request=request_id, person=word.by)
        card(tx, policy, after)

    await ledger.write(step)


def rollback_filed(tx: Transaction, policy: Policy, request: ChangeRequest) -> None:
    """Somebody asked to go back in an environment with an incident: it is noted where it takes back the suspect, or
    names the incident."""
    for incident in tx.incidents.open(request.environment):
        if not _answers(incident, request) or incident.rolled_back_by == request.id:
            continue
        after = replace(incident, rolled_back_by=request.id)
        tx.incidents.put(after, Fact(type="incident.rolling-back", facts={"request": request.id}))
        person = request.requester.person
        note(tx, policy, after, "rolling-back", request=request.id, to=request.artifact.tag, person=person)
        card(tx, policy, after)


def rollback_ended(
    tx: Transaction, policy: Policy, request: ChangeRequest, code: str, **facts: JsonValue
) -> None:
    """A rollback is over, one way or the other: the thread of each open incident that it answers says how. What it
    changed stands in its own record, of which the timeline is made."""
    for incident in tx.incidents.open(request.environment):
        if _answers(incident, request) or incident.rolled_back_by == request.id:
            note(tx, policy, incident, code, request=request.id, **facts)


def _answers(incident: Incident, rollback: ChangeRequest) -> bool:
    takes_back = incident.suspect is not None and incident.suspect == rollback.rolls_back
    return takes_back or rollback.ticket == incident.id
