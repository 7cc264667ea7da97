"""Incidents open and close: one for each environment and cause, with its severity, its chain and what changed before.

An incident opens because the monitors say RED, because a deployment failed or was taken back (P21), or because a person
says so (F9). Whatever opens it, the same follows: it is told, paged, holds what rolls out there, and shuts the gate.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, Actor, RequestState
from bot.domain.incident import Cause, Incident, IncidentState
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import Asker, known, plain_text
from bot.flows.during import hold_rollouts
from bot.flows.escalate import chain_of, responder, start, stop
from bot.flows.incident_news import card, note, tell_outside, unheard_of
from bot.flows.mute import mute_after, muting, unmute
from bot.flows.postmortem import owe_postmortem
from bot.flows.soon_again import look_again
from bot.flows.suspects import changed_before
from bot.flows.tickets import owe_ticket
from bot.flows.timeline import FAILING_SINCE, failing_since
from bot.flows.together import RESOLVED, shown
from bot.policy import Policy
from bot.ports import Ledger, Transaction

TITLE_LIMIT: Final = 150


def open_incident(
    tx: Transaction,
    policy: Policy,
    environment: str,
    *,
    cause: Cause,
    causes: Sequence[str] = (),
    title: str | None = None,
    by: Actor | None = None,
    suspect: str | None = None,
) -> Incident:
    """The one open incident of this environment and cause: the one there is, or a new one, paged in this transaction.

    Severity and response time are the policy's. `suspect` is what went live shortly before, unless it is known. `by`
    a person: they declared it or, where they took a deployment back, they have it already and nobody else is paged.
    """
    there = next((i for i in tx.incidents.open(environment) if i.cause is cause), None)
    if there is not None:
        return _again(tx, policy, there, suspect)
    draft = _draft(tx, policy, environment, cause)
    return _open(tx, policy, replace(draft, causes=tuple(causes), title=title, suspect=suspect), by)


def _open(tx: Transaction, policy: Policy, draft: Incident, by: Actor | None) -> Incident:
    blind = draft.cause is Cause.BLINDNESS  # which is no change's doing
    before = () if blind else changed_before(tx, draft.environment, tx.now)
    incident = replace(
        draft,
        suspect=draft.suspect or (before[0].id if before else None),
        declared_by=by.person if by is not None and draft.cause is Cause.DECLARED else None,
    )
    if incident.cause is Cause.MONITORS:
        muted_by = muting(tx, policy, incident.environment)
        incident = shown(tx, replace(incident, muted_by=muted_by))
    incident = _begun(tx, policy, incident, by)
    mute_after(tx, policy, incident)
    hold_rollouts(tx, policy, incident)
    if incident.cause is not Cause.MONITORS:  # a colour that turned has them judged anyway
        judge_waiting_requests(tx)
    return incident


def _draft(
    tx: Transaction, policy: Policy, environment: str, cause: Cause, severity: str | None = None
) -> Incident:
    section = policy.environments.get(environment)
    severity = severity or (section.severity if section is not None else None) or policy.usual_severity
    within = policy.severities.get(severity)
    chain = chain_of(policy, severity)
    return Incident(
        id=f"INC-{tx.incidents.next_number()}",
        environment=environment,
        severity=severity,
        state=IncidentState.OPEN,
        opened_at=tx.now,
        respond_by=None if within is None else tx.now + within,
        causes=(),
        on_call=responder(tx, policy, chain),
        cause=cause,
        escalation=chain,
    )


def _begun(tx: Transaction, policy: Policy, incident: Incident, by: Actor | None) -> Incident:
    """The incident written, its card and its first lines owed, and whoever has to know paged."""
    facts: dict[str, JsonValue] = {
        "cause": incident.cause.value, "causes": [*incident.causes], "suspect": incident.suspect,
        FAILING_SINCE: failing_since(tx, incident),
    }  # fmt: skip
    because = Fact(type="incident.opened", by=by or SYSTEM, facts=facts)
    card(tx, policy, incident)  # a thread begins with its message
    note(tx, policy, incident, "opened", cause=incident.cause.value, title=incident.title, **_who(by))
    owe_ticket(tx, policy, incident)
    _pull_in(tx, policy, incident)
    if incident.cause is Cause.DEPLOYMENT and by is not None:  # whoever took it back is at it
        has = replace(
            incident,
            state=IncidentState.ACKNOWLEDGED,
            acknowledged_by=by.person or by.via,
            acknowledged_at=tx.now,
        )
        tx.incidents.put(has, because)
        return has
    if incident.muted_by is None:
        return start(tx, policy, incident, because)
    tx.incidents.put(incident, because)
    note(tx, policy, incident, "muted", by=incident.muted_by)
    return incident


def _who(by: Actor | None) -> dict[str, JsonValue]:
    return {} if by is None else {"person": by.person}


def _pull_in(tx: Transaction, policy: Policy, incident: Incident) -> None:
    """Whoever asked for what changed shortly before is called into the thread: they know most about it."""
    request = None if incident.suspect is None else tx.requests.get(incident.suspect)
    if request is None:
        return
    seconds: JsonValue = None
    if not request.is_open and request.closing is not None:
        seconds = int((incident.opened_at - request.closing.at).total_seconds())
    ended: dict[str, JsonValue] = {}
    if request.state is not RequestState.LIVE:
        ended["ended"] = request.state.value
    person = request.requester.person
    note(tx, policy, incident, "suspect", request=request.id, person=person, seconds=seconds, **ended)


def _again(tx: Transaction, policy: Policy, incident: Incident, suspect: str | None) -> Incident:
    """The same kind of trouble while its incident is open: a line in its thread, and no second incident."""
    if suspect is None or suspect == incident.suspect:
        return incident
    fact = Fact(type="incident.again", facts={"suspect": suspect})
    after = replace(incident, suspect=suspect)
    tx.incidents.put(after, fact)
    note(tx, policy, after, "again", request=suspect)
    card(tx, policy, after)
    return after


def close_incident(
    tx: Transaction, policy: Policy, incident: Incident, *, by: Actor | None = None
) -> Incident:
    """It is over: by a person's word, or because the environment turned GREEN (None). Nobody is paged any more, and
    what it muted is heard again."""
    person = None if by is None else by.person or by.via
    chain = incident.escalation
    if chain is not None and not incident.leads:  # one that leads others goes on telling of them
        chain = chain.stopped()
    closed = replace(
        incident, state=IncidentState.RESOLVED, resolved_by=person, resolved_at=tx.now, escalation=chain
    )
    itself = "sees" if closed.cause is Cause.BLINDNESS else "green"
    facts: dict[str, JsonValue] = {"because": itself if by is None else "said"}
    tx.incidents.put(closed, Fact(type="incident.resolved", by=by or SYSTEM, facts=facts))
    stop(tx, policy, closed)
    card(tx, policy, closed)
    if by is None:
        note(tx, policy, closed, itself)
    else:
        note(tx, policy, closed, "resolved", person=person)
    if not unheard_of(tx, incident):
        tell_outside(tx, incident, RESOLVED, person)
    if by is not None:
        look_again(tx, closed)
    owe_postmortem(tx, policy, closed)
    section = policy.environments.get(closed.environment)
    if closed.cause is Cause.MONITORS and section is not None and section.kind == "production":
        unmute(tx, policy)
    if by is not None or closed.cause is Cause.BLINDNESS:
        judge_waiting_requests(tx)
    return closed


async def declare(
    ledger: Ledger,
    policy: Policy,
    asker: Asker,
    environment: str,
    title: str,
    *,
    severity: str | None = None,
    key: str,
) -> Incident:
    """A person says that something is wrong, whatever the monitors see. Anybody of the directory may.

    Raises Refusal `unknown-environment`, `unknown-severity`, `no-title`, `title-too-long` or `declared-already`.
    """
    actor = asker.actor(policy)
    name = known("environment", environment, list(policy.environments))
    if severity is not None:
        severity = known("severity", severity, list(policy.severities))
    words = " ".join(plain_text(title).split())
    if not words:
        raise Refusal("no-title", {"environment": name})
    if len(words) > TITLE_LIMIT:
        raise Refusal("title-too-long", {"length": len(words), "limit": TITLE_LIMIT})

    def step(tx: Transaction) -> Incident:
        seen = tx.remembered(key)
        if isinstance(seen, str) and (there := tx.incidents.get(seen)) is not None:
            return there
        declared = next((i for i in tx.incidents.open(name) if i.cause is Cause.DECLARED), None)
        if declared is not None:
            raise Refusal("declared-already", {"incident": declared.id, "by": declared.declared_by})
        draft = _draft(tx, policy, name, Cause.DECLARED, severity)
        made = _open(tx, policy, replace(draft, title=words), actor)
        tx.remember(key, made.id)
        return made

    return await ledger.write(step)


def deployment_failed(
    tx: Transaction, policy: Policy, environment: str, request_id: str, *, undone: str | None = None
) -> Incident:
    """A rollout failed: its incident, with it as the suspect (P21). A rollback that failed belongs to the open incident
    of what it was to take back (`undone`), which stays the suspect, and whose thread says so (`rolled_back`)."""
    for incident in tx.incidents.open(environment):
        if undone is not None and incident.suspect == undone:
            card(tx, policy, incident)
            return incident
    return open_incident(tx, policy, environment, cause=Cause.DEPLOYMENT, suspect=request_id)


def taken_back(
    tx: Transaction, policy: Policy, environment: str, *, undone: str, rollback: str, by: Actor
) -> None:
    """What was live was taken back (P21). Where an incident of it is open, that one knows; else one opens, which
    whoever asked for the rollback has: nobody is paged for what is mended, and it is written up afterwards."""
    if any(i.suspect == undone or i.rolled_back_by == rollback for i in tx.incidents.open(environment)):
        return
    opened = open_incident(tx, policy, environment, cause=Cause.DEPLOYMENT, suspect=undone, by=by)
    after = replace(opened, rolled_back_by=rollback)
    tx.incidents.put(after, Fact(type="incident.rolling-back", facts={"request": rollback}))


def judge_waiting_requests(tx: Transaction) -> None:
    """A colour changed, or an incident began or ended: what waits may pass now, what would have passed may not."""
    for request in tx.requests.open():
        if request.state is not RequestState.STARTING:
            owing.evaluate_at(tx, request, tx.now)
