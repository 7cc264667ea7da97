"""RED after a deployment that failed is the same trouble: it joins that incident, and nobody is paged twice for it."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.environment import Colour, EnvironmentStatus
from bot.domain.incident import Cause, Incident
from bot.flows.incident_news import card, note
from bot.flows.mute import mute_after
from bot.flows.silence import tells_of
from bot.flows.suspects import SHORTLY_BEFORE
from bot.policy import Policy
from bot.ports import Transaction


def joined(tx: Transaction, policy: Policy, status: EnvironmentStatus, causes: Sequence[str]) -> bool:
    """Whether what makes the environment RED is told in the open incident of a deployment that failed there within the
    hour: where all of it tells of the service that was deployed. The severity is the environment's where that presses
    more."""
    incident = next((i for i in tx.incidents.open(status.name) if _same(tx, policy, status, i)), None)
    if incident is None:
        return False
    if set(causes) <= set(incident.causes):
        return True
    after = replace(_as_pressing(tx, policy, incident), causes=tuple(causes))
    names: list[JsonValue] = [*causes]
    facts: dict[str, JsonValue] = {"causes": names, "severity": after.severity}
    tx.incidents.put(after, Fact(type="incident.red-joined", facts=facts))
    note(tx, policy, after, "red-joined", request=after.suspect, causes=names)
    card(tx, policy, after)
    mute_after(tx, policy, after)
    return True


def _same(tx: Transaction, policy: Policy, status: EnvironmentStatus, incident: Incident) -> bool:
    request = None if incident.suspect is None else tx.requests.get(incident.suspect)
    if incident.cause is not Cause.DEPLOYMENT or request is None:
        return False
    if tx.now - incident.opened_at > SHORTLY_BEFORE or request.id in incident.cleared:
        return False
    return all(tells_of(policy, request.service, monitor.component) for monitor in status.causes)


def _as_pressing(tx: Transaction, policy: Policy, incident: Incident) -> Incident:
    section = policy.environments.get(incident.environment)
    severity = None if section is None else section.severity
    within = None if severity is None else policy.severities.get(severity)
    if severity is None or within is None:
        return incident
    usual = policy.severities.get(incident.severity)
    if usual is not None and usual <= within:
        return incident
    by = tx.now + within
    return replace(
        incident,
        severity=severity,
        respond_by=by if incident.respond_by is None else min(by, incident.respond_by),
    )


def no_longer_red(tx: Transaction, policy: Policy, incident: Incident, status: EnvironmentStatus) -> None:
    """What joined it is well again: the deployment's incident stays until a person says that it is over."""
    if incident.cause is Cause.DEPLOYMENT and incident.causes and status.colour is not Colour.RED:
        after = replace(incident, causes=())
        tx.incidents.put(after, Fact(type="incident.causes", facts={"causes": []}))
        card(tx, policy, after)
