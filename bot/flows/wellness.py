"""What the colours say of a deployment: its health, one monitor, and the trouble that it alone may have brought (P15, P21).

RED counts against it where nothing else explains it: not what was RED before, not a restart that is expected, not what
a person said it was not, and not what came after two changes of which nobody knows which it was.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.domain.analysis import Finding, Verdict
from bot.domain.change_request import ChangeRequest
from bot.domain.deployment import Run
from bot.domain.environment import Colour, EnvironmentStatus, MonitorState, worst
from bot.domain.incident import Cause, Incident
from bot.domain.quiet import Quiet, crash_loop
from bot.flows import silence
from bot.flows.colours import statuses
from bot.flows.suspects import SHORTLY_BEFORE, changed_before
from bot.policy import Policy
from bot.ports import Transaction

HEALTH: Final = "health"
INCIDENT: Final = "incident"
CRASH_LOOP: Final = "crash-loop"
_PLAIN: Final = {
    Colour.GREEN: (Verdict.PASS, "green"),
    Colour.YELLOW: (Verdict.WARN, "yellow"),
    Colour.UNKNOWN: (Verdict.UNKNOWN, "blind"),
}


def health(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> Finding:
    """The colour of the monitors of the service's components; where it has none of its own, that of the environment."""
    status = _status(tx, policy, run.environment)
    own = [m for m in status.monitors if silence.tells_of(policy, run.service, m.component)]
    return _coloured(tx, policy, request, run, HEALTH, own or status.monitors, sure=bool(own))


def monitor(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run, name: str) -> Finding:
    """The colour of one monitor of the environment; UNKNOWN where the policy has none of that name any more."""
    found = [m for m in _status(tx, policy, run.environment).monitors if m.name == name]
    if not found:
        return Finding(name=name, verdict=Verdict.UNKNOWN, code="no-such-check")
    return _coloured(tx, policy, request, run, name, found, sure=True)


def trouble(tx: Transaction, policy: Policy, request: ChangeRequest, run: Run) -> tuple[Finding, ...]:
    """A crash loop of what it restarted, and an incident that the monitors opened with it as the only suspect (P21):
    each fails it, whatever the policy has checked. Nothing where a person said that it was not this deployment."""
    found = []
    incidents = [
        i
        for i in tx.incidents.open(run.environment)
        if i.cause is Cause.MONITORS and run.began_at is not None and i.opened_at >= run.began_at
    ]
    cleared = any(request.id in incident.cleared for incident in incidents)
    if crash_looping(tx, policy, run) and not cleared:
        found.append(Finding(name=CRASH_LOOP, verdict=Verdict.FAIL, code="crash-loop"))
    found += [
        Finding(name=INCIDENT, verdict=Verdict.FAIL, code="incident", about=incident.id)
        for incident in incidents
        if not cleared and only_suspect(tx, incident, request)
    ]
    return tuple(found)


def only_suspect(tx: Transaction, incident: Incident, request: ChangeRequest) -> bool:
    """Whether nothing else went live there in the hour before an incident opened."""
    before = {each.id for each in changed_before(tx, incident.environment, incident.opened_at)}
    return incident.suspect == request.id and before <= {request.id}


def crash_looping(tx: Transaction, policy: Policy, run: Run) -> bool:
    """Whether the service failed, recovered and failed again in the time that it has to restart. Only where the policy
    says how long that is: without it every RED opens an incident."""
    section = policy.environments.get(run.environment)
    if section is None or section.rollout.restarts_for is None or run.called_at is None:
        return False
    quiet = Quiet(
        request=run.request,
        service=run.service,
        since=run.called_at,
        until=run.called_at + section.rollout.restarts_for,
    )
    telling = {
        m.name
        for m in tx.environments.monitors(run.environment)
        if silence.tells_of(policy, run.service, m.component)
    }
    turns = tx.environments.turns(run.environment, since=quiet.since)
    return crash_loop([t for t in turns if t.since < quiet.until and telling & {*t.causes}], quiet)


def _status(tx: Transaction, policy: Policy, environment: str) -> EnvironmentStatus:
    return next(status for status in statuses(tx, policy, tx.now) if status.name == environment)


def _coloured(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    run: Run,
    name: str,
    monitors: Sequence[MonitorState],
    *,
    sure: bool,
) -> Finding:
    colour = worst(m.colour for m in monitors)
    causes = [m for m in monitors if m.colour is colour]
    about = ", ".join(m.name for m in causes[:3]) if colour is not Colour.GREEN else None
    if colour is not Colour.RED:
        verdict, code = _PLAIN[colour]
        return Finding(name=name, verdict=verdict, code=code, about=about or None)
    verdict, code = Verdict.FAIL, "red"
    if not run.rolls_back:  # what comes back has to be well, whatever the reason
        verdict, code = _red(tx, policy, request, run, causes, sure=sure)
    return Finding(name=name, verdict=verdict, code=code, about=about)


def _red(
    tx: Transaction,
    policy: Policy,
    request: ChangeRequest,
    run: Run,
    causes: Sequence[MonitorState],
    *,
    sure: bool,
) -> tuple[Verdict, str]:
    began = run.began_at or run.intended_at
    new = [m.since for m in causes if m.since >= began]
    if not new:
        return Verdict.WARN, "red-before"
    if any(request.id in incident.cleared for incident in tx.incidents.open(run.environment)):
        return Verdict.WARN, "cleared"
    status = _status(tx, policy, run.environment)
    restart = silence.expected(tx, policy, status, red_since=min(new))
    if restart is not None and restart.code is None and restart.quiet.request == request.id:
        return Verdict.UNKNOWN, "restarting"
    return (Verdict.FAIL, "red") if sure else _by_time(tx, request, run, min(new))


def _by_time(tx: Transaction, request: ChangeRequest, run: Run, red: datetime) -> tuple[Verdict, str]:
    """A RED that does not say of which service it tells: only the hour after a deployment ties the two together."""
    live = run.finished_at or tx.now
    if red - live > SHORTLY_BEFORE:
        return Verdict.WARN, "red-later"
    others = {each.id for each in changed_before(tx, run.environment, red)} - {request.id}
    return (Verdict.WARN, "several-suspects") if others else (Verdict.FAIL, "red")
