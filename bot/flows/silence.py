"""A deployment's restart is expected: scoped to its service, it ends by itself, and a crash loop pierces it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.environment import EnvironmentStatus
from bot.domain.owed import Timer
from bot.domain.quiet import Quiet, crash_loop
from bot.policy import Policy
from bot.ports import Transaction

TIMER: Final = "silence"
"""The kind of the timer at its end; the subject is the environment."""
_RECENT: Final = 20
_KEPT: Final = "silence"


@dataclass(frozen=True, slots=True)
class Restart:
    """What a deployment's restart has to do with a RED: it is expected until `quiet` ends, or it was, and `code` says
    why that is over: `restart-over` or `crash-loop`."""

    quiet: Quiet
    code: str | None = None


def expected(
    tx: Transaction, policy: Policy, status: EnvironmentStatus, *, red_since: datetime
) -> Restart | None:
    """Whether everything that makes an environment RED, since `red_since`, may be a restart; the quiet that ends first.
    None where no call of a deployer explains it.

    However often the deployer is called meanwhile: what is RED without a break is quiet for one time to restart, and
    what fails again within calls that follow each other so closely is a crash loop.
    """
    length = policy.environments[status.name].rollout.restarts_for
    if length is None or tx.now >= red_since + length:
        return None
    quiets = _quiets(tx, status.name, length)
    ends = []
    for monitor in status.causes:
        around = [quiet for quiet in quiets if tells_of(policy, quiet.service, monitor.component)]
        if not around:
            return None
        ends.append(max(around, key=lambda quiet: quiet.until))
    if not ends:
        return None
    quiet = min(ends, key=lambda each: each.until)
    quiet = replace(quiet, until=min(quiet.until, red_since + length))
    looped = crash_loop(tx.environments.turns(status.name, since=quiet.since), quiet)
    return Restart(quiet, "crash-loop" if looped else None)


def keep_quiet(tx: Transaction, environment: str, quiet: Quiet) -> None:
    """Open no incident yet, look again when the quiet is over, and remember that."""
    facts: dict[str, JsonValue] = {
        "request": quiet.request,
        "since": quiet.since.isoformat(),
        "until": quiet.until.isoformat(),
    }
    tx.trail.record(Fact(type="environment.restarting", facts=facts), subject=f"environment/{environment}")
    spans: dict[str, JsonValue] = {
        service: [since.isoformat(), until.isoformat()]
        for service, (since, until) in _spans(tx, environment).items()
        if until >= tx.now
    }
    spans[quiet.service] = [quiet.since.isoformat(), quiet.until.isoformat()]
    tx.put_place(environment, _KEPT, {**facts, "spans": spans})
    tx.unschedule(TIMER, environment)
    tx.schedule(Timer(kind=TIMER, subject=environment, due_at=quiet.until))


def kept_quiet(tx: Transaction, environment: str, since: datetime) -> str | None:
    """The request whose restart was waited for while the environment, RED since then, opened no incident."""
    place = tx.place(environment, _KEPT) or {}
    request, until = place.get("request"), place.get("until")
    if not isinstance(request, str) or not isinstance(until, str):
        return None
    return request if datetime.fromisoformat(until) >= since else None


def _spans(tx: Transaction, environment: str) -> dict[str, tuple[datetime, datetime]]:
    """When the last restart of each service that something was RED in began, and until when it was expected."""
    kept = (tx.place(environment, _KEPT) or {}).get("spans")
    found: dict[str, tuple[datetime, datetime]] = {}
    for service, span in kept.items() if isinstance(kept, Mapping) else ():
        match span:
            case [str(since), str(until)]:
                found[service] = datetime.fromisoformat(since), datetime.fromisoformat(until)
    return found


def _quiets(tx: Transaction, environment: str, length: timedelta) -> list[Quiet]:
    """The calls of deployers whose time to restart is not over; one that followed while the service was expected to
    restart already belongs to the first of them, so that it forgets nothing."""
    under_way = tx.requests.open(environment=environment, state=RequestState.STARTING)
    recent = tx.requests.newest(limit=_RECENT, environment=environment)
    ids = dict.fromkeys(request.id for request in (*under_way, *recent))
    spans = _spans(tx, environment)
    found = []
    for run in (run for id_ in ids for run in tx.runs.of(id_)):
        called = run.called_at
        if called is None:
            continue
        first, until = spans.get(run.service, (called, called))
        since = first if first <= called <= until else called
        found.append(Quiet(request=run.request, service=run.service, since=since, until=called + length))
    return [quiet for quiet in found if quiet.holds(tx.now)]


def tells_of(policy: Policy, name: str, component: str | None) -> bool:
    """Whether a component is one of this service. What names none can be told of by this service alone where there is
    no other one."""
    if component is None:
        return [*policy.services] == [name]
    known = policy.components.get(component)
    if known is not None and known.service is not None:
        return known.service == name
    service = policy.services.get(name)
    return service is not None and component in service.components
