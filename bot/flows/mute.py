"""Production first: while production is RED, what comes after it in the order pages nobody. Colours and cards go on."""

from dataclasses import replace

from bot.domain.audit import Fact
from bot.domain.incident import Cause, Incident, IncidentState
from bot.flows.escalate import start, stop
from bot.flows.incident_news import card, leave_groups, note, tell_outside
from bot.flows.together import MUTED
from bot.policy import Policy
from bot.ports import Transaction


def muting(tx: Transaction, policy: Policy, environment: str) -> str | None:
    """The production environment earlier in the fix-first order whose open incident mutes this one; None where none
    does. No production environment mutes another one."""
    section = policy.environments.get(environment)
    if section is None or section.kind == "production":
        return None
    for name, each in policy.environments.items():
        if name == environment:
            break
        if each.kind == "production" and any(map(_tells_of_red, tx.incidents.open(name))):
            return name
    return None


def _tells_of_red(incident: Incident) -> bool:
    """Whether its environment's RED is told in it: the monitors opened it, or joined that of a deployment that failed."""
    return incident.cause is Cause.MONITORS or (incident.cause is Cause.DEPLOYMENT and bool(incident.causes))


def mute_after(tx: Transaction, policy: Policy, incident: Incident) -> None:
    """An environment turned RED: what comes after it and is RED already pages nobody any more."""
    section = policy.environments.get(incident.environment)
    if not _tells_of_red(incident) or section is None or section.kind != "production":
        return
    groups = []
    after = {name for name in policy.after(incident.environment) if muting(tx, policy, name) is not None}
    for other in tx.incidents.open() if after else ():
        if other.environment in after and other.cause is Cause.MONITORS and other.muted_by is None:
            groups.append(other.group)
            muted = replace(other, muted_by=incident.environment, group=other.group if other.leads else None)
            tx.incidents.put(muted, Fact(type="incident.muted", facts={"by": incident.environment}))
            stop(tx, policy, muted)
            tell_outside(tx, other, MUTED)
            note(tx, policy, muted, "muted", by=incident.environment)
            card(tx, policy, muted)
    leave_groups(tx, groups)


def unmute(tx: Transaction, policy: Policy) -> None:
    """What nothing mutes any more and nobody has is paged now; asked whenever an incident of production ends, and
    again and again, for a new policy may have another order."""
    for incident in tx.incidents.open():
        if incident.muted_by is None:
            continue
        now = muting(tx, policy, incident.environment)
        if now == incident.muted_by:
            continue
        because = Fact(type="incident.unmuted", facts={"by": incident.muted_by, "now": now})
        heard = replace(incident, muted_by=now)
        if now is not None or incident.state is not IncidentState.OPEN:
            tx.incidents.put(heard, because)
        else:
            note(tx, policy, heard, "unmuted", by=incident.muted_by)
            start(tx, policy, heard, because)
        card(tx, policy, heard)
