"""Webhooks: an incident as JSON, for programs, with the sentences for people beside it."""

from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.environment import MonitorState
from bot.domain.incident import Incident
from bot.flows.inquire import IncidentView
from handlers.wording.paging import Words, bare, news
from handlers.wording.visible import visible

Body = dict[str, JsonValue]
MOST_OTHERS: Final = 100


def page(words: Words, name: str, step: int | None) -> Body:
    """Somebody has to be told of it."""
    view = words.view
    found: list[MonitorState] = [] if view.status is None else [*view.status.causes]
    others: list[JsonValue] = [incident(each) for each in view.waiting if each.id != view.paged.id]
    return {
        "type": "incident.page",
        "installation": name,
        "step": step,
        "incident": incident(view.paged),
        "colour": None if view.status is None else view.status.colour.value,
        "causes": [{"monitor": m.name, "component": m.component, "code": m.code} for m in found],
        "with": others[:MOST_OTHERS],
        "changed_before": [
            {"request": r.id, "service": r.service, "artifact": r.artifact.tag, "by": r.requester.person}
            for r in view.changed
        ],
        "headline": visible(words.headline),
        "text": [visible(line) for line in words.lines],
    }


def bare_page(view: IncidentView, name: str, step: int | None) -> Body:
    """The least that tells of it."""
    found = view.incident
    line = bare(found.id, found.severity, found.environment, view.now - found.opened_at)
    said: Body = {"headline": line, "text": [line], "incident": incident(found)}
    return {"type": "incident.page", "installation": name, "step": step, **said}


def told(words: Words, name: str, code: str) -> Body:
    """Somebody has it, or it is over."""
    line = visible(news(words, code))
    said: Body = {"headline": line, "text": [line], "incident": incident(words.view.incident)}
    return {"type": f"incident.{code}", "installation": name, **said}


def incident(found: Incident) -> Body:
    """An incident in the names of its record; instants in RFC 3339."""
    return {
        "id": found.id,
        "environment": found.environment,
        "severity": found.severity,
        "state": found.state.value,
        "cause": found.cause.value,
        "title": None if found.title is None else visible(found.title),
        "opened_at": _at(found.opened_at),
        "respond_by": _at(found.respond_by),
        "on_call": found.on_call,
        "acknowledged_by": found.acknowledged_by,
        "acknowledged_at": _at(found.acknowledged_at),
        "resolved_by": found.resolved_by,
        "resolved_at": _at(found.resolved_at),
        "suspect": found.suspect,
    }


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
