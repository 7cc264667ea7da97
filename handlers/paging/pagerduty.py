"""PagerDuty: an incident as events of one key, and a change that went live."""

import re
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.flows.inquire import IncidentView, RequestView
from bot.policy import Policy
from bot.ports import Alert, Changed
from bot.ports.paging import Urgency
from handlers.paging.links import Links
from handlers.wording.paging import Words, bare, news, went_live
from handlers.wording.visible import all_visible, visible

_URGENCIES: Final[tuple[Urgency, ...]] = ("critical", "error", "warning", "info")
_LONGEST_NAME: Final = 120
_INCIDENT: Final = re.compile(r"INC-[0-9]{1,12}")


def key_of(name: str, incident: str) -> str:
    """What PagerDuty knows an incident by: the installation's name, and ours."""
    return f"{name[:_LONGEST_NAME]}/{incident}"


def incident_of(name: str, key: object) -> str | None:
    """The incident behind a key; None for what is not ours."""
    start = key_of(name, "")
    if not isinstance(key, str) or not key.startswith(start):
        return None
    incident = key.removeprefix(start)
    return incident if _INCIDENT.fullmatch(incident) else None


def urgency(policy: Policy, severity: str) -> Urgency:
    """By the response time: the shortest is critical. A severity that the policy has no more is, too."""
    by_time = sorted(policy.severities, key=lambda name: policy.severities[name])
    place = by_time.index(severity) if severity in by_time else 0
    return _URGENCIES[min(place, len(_URGENCIES) - 1)]


def page(words: Words, name: str, links: Links) -> Alert:
    """The event that wakes somebody. Paged again, it joins the incident that is open there."""
    view, incident = words.view, words.view.incident
    failing = {m.component for m in view.status.causes if m.component} if view.status is not None else set()
    return Alert(
        action="trigger",
        key=key_of(name, view.paged.id),
        summary=visible(words.headline),
        source=_source(name, incident.environment),
        urgency=urgency(words.policy, incident.severity),
        at=incident.opened_at,
        component=failing.pop() if len(failing) == 1 else None,
        details=_details(words),
        links=links,
    )


def _details(words: Words) -> dict[str, JsonValue]:
    incident = words.view.incident
    said: dict[str, JsonValue] = {
        "incident": incident.id,
        "environment": incident.environment,
        "severity": incident.severity,
        "seen": words.seen or None,
        "since": words.since,
        "on call": words.people,
        "with it": words.others,
        "before": words.before,
        "elsewhere": words.elsewhere,
        "answer": words.answer,
    }
    return all_visible({key: value for key, value in said.items() if value is not None})


def bare_page(view: IncidentView, policy: Policy, name: str) -> Alert:
    """The least that wakes somebody."""
    incident = view.incident
    since = view.now - incident.opened_at
    return Alert(
        action="trigger",
        key=key_of(name, view.paged.id),
        summary=bare(incident.id, incident.severity, incident.environment, since),
        source=_source(name, incident.environment),
        urgency=urgency(policy, incident.severity),
        at=incident.opened_at,
    )


def told(words: Words, name: str, code: str) -> Alert:
    """Somebody has it, or it is over. What is muted is over there as well: it calls nobody any more, and calls anew when
    it is paged again, which what was merely acknowledged would not."""
    incident = words.view.incident
    return Alert(
        action="acknowledge" if code == "acknowledged" else "resolve",
        key=key_of(name, incident.id),
        summary=visible(news(words, code)),
        source=_source(name, incident.environment),
        urgency="info",
        at=words.view.now,
    )


def changed(view: RequestView, policy: Policy, name: str) -> Changed:
    """What went live, for whoever looks at what breaks afterwards."""
    request = view.request
    at: datetime = view.now if request.closing is None else request.closing.at
    return Changed(
        summary=visible(went_live(view, policy)),
        source=_source(name, request.environment),
        at=at,
        details={
            "request": request.id,
            "service": request.service,
            "environment": request.environment,
            "artifact": request.artifact.tag,
            "digest": request.artifact.digest,
            "kind": request.kind.value,
            "by": request.requester.person,
        },
    )


def _source(name: str, environment: str) -> str:
    return visible(f"{name}/{environment}")
