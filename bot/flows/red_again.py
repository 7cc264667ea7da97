"""RED within minutes of its own GREEN is the same trouble: the last incident goes on, with whoever has it.

A monitor that flaps would else page people once a minute all night, also after somebody said that they have it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.escalation import Escalation
from bot.domain.incident import Cause, Incident, IncidentState
from bot.flows.during import hold_rollouts
from bot.flows.escalate import set_timer, start
from bot.flows.incident_news import card, keep_again_quiet, note, tell_again
from bot.flows.mute import mute_after, muting
from bot.policy import Policy
from bot.ports import Transaction

SOON: Final = timedelta(minutes=10)
"""RED within this time of GREEN is no other trouble."""
_RECENT: Final = 10


def reopened(tx: Transaction, policy: Policy, environment: str, causes: Sequence[str]) -> Incident | None:
    """The last incident of the environment's monitors, open again with whoever has it; None where it is over for good.

    Over for good is what a person resolved, what ended longer ago, what nobody answered to the end of its chain, and
    what something went live after. Where nobody has it, its chain goes on by the deadline that it had: whoever was told
    hears at once that it is not over, and the next ones are told when they would have been without the GREEN.
    """
    recent = tx.incidents.newest(limit=_RECENT, environment=environment)
    last = next((each for each in recent if each.cause is Cause.MONITORS), None)
    if last is None or last.resolved_at is None or last.resolved_by is not None:
        return None
    if not timedelta(0) <= tx.now - last.resolved_at < SOON or _went_live(tx, last):
        return None
    if last.acknowledged_by is None and _unanswered(tx, last):
        return None
    again = _again(tx, policy, last, causes)
    note(
        tx, policy, again, "red-again",
        seconds=int((tx.now - last.resolved_at).total_seconds()), person=again.acknowledged_by,
    )  # fmt: skip
    because = Fact(type="incident.reopened", facts={"causes": list(causes)})
    if again.waits:
        again = _go_on(tx, policy, again, because)
    else:
        keep_again_quiet(tx, again)
        tx.incidents.put(again, because)
        if again.muted_by is not None:
            note(tx, policy, again, "muted", by=again.muted_by)
    card(tx, policy, again)
    mute_after(tx, policy, again)
    hold_rollouts(tx, policy, again)
    return again


def _unanswered(tx: Transaction, incident: Incident) -> bool:
    """Whether everybody in its chain was told, and the time of the last of them is over."""
    chain = incident.escalation
    if chain is None or chain.patience is None or not chain.exhausted:
        return False
    told_at = _told_at(tx, incident)
    return told_at is None or tx.now >= told_at + chain.patience


def _told_at(tx: Transaction, incident: Incident) -> datetime | None:
    """When its chain told somebody last."""
    return max((page.paged_at for page in tx.pages.of(incident.id) if page.step > 0), default=None)


def _went_live(tx: Transaction, incident: Incident) -> bool:
    """Whether a deployer was called there since it was over, so that this may be another trouble."""
    over = incident.resolved_at or tx.now
    here = incident.environment
    requests = [
        *tx.requests.open(environment=here, state=RequestState.STARTING),
        *tx.requests.newest(limit=_RECENT, environment=here),
    ]
    runs = (run for request in requests for run in tx.runs.of(request.id))
    return any(run.called_at is not None and run.called_at >= over for run in runs)


def _again(tx: Transaction, policy: Policy, last: Incident, causes: Sequence[str]) -> Incident:
    within = policy.severities.get(last.severity)
    late = last.acknowledged_by is None and last.respond_by is not None and last.respond_by <= tx.now
    return replace(
        last,
        state=IncidentState.OPEN if last.acknowledged_by is None else IncidentState.ACKNOWLEDGED,
        resolved_at=None,
        causes=tuple(causes),
        again_at=tx.now,
        muted_by=muting(tx, policy, last.environment),
        respond_by=tx.now + within if late and within is not None else last.respond_by,
    )


def _go_on(tx: Transaction, policy: Policy, incident: Incident, because: Fact) -> Incident:
    """Nobody has it: the chain that told of it goes on, its own or that of whoever led it."""
    leader = None if incident.group is None or incident.leads else tx.incidents.get(incident.group)
    if leader is not None and _runs(leader.escalation):
        tx.incidents.put(incident, because)
        return incident
    chain = (leader or incident).escalation
    told_at = _told_at(tx, leader or incident)
    if chain is None or chain.patience is None or told_at is None or (incident.leads and _runs(chain)):
        return start(tx, policy, incident, because)
    due = max(tx.now, told_at + chain.patience)
    if leader is None:
        tell_again(tx, incident)
    after = replace(
        incident, group=incident.group if incident.leads else None, escalation=chain.waiting_until(due)
    )
    tx.incidents.put(after, because)
    set_timer(tx, after)
    return after


def _runs(chain: Escalation | None) -> bool:
    return chain is not None and chain.next_at is not None
