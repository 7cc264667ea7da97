"""The board as JSON, for programs: instants in RFC 3339, shares from 0 to 1, null where nobody knows."""

from datetime import datetime

from pydantic import JsonValue

from bot.domain.board import Board, Line, Standing, Step
from bot.domain.environment import EnvironmentStatus
from bot.domain.incident import Incident
from bot.domain.uptime import Uptime
from handlers.wording import board as words
from handlers.wording.board import Audience
from handlers.wording.times import utc

Json = dict[str, JsonValue]
MOST_INCIDENTS = 50


def board_json(board: Board, audience: Audience) -> Json:
    """Everything that the page shows, every component included."""
    found = board.answered
    return {
        "at": utc(board.at),
        "state": board.state,
        "status": board.colour.value,
        "headline": words.headline(board),
        "environments": [_standing(each, board, audience) for each in board.standings],
        "next": [_step(each, board, audience) for each in board.steps],
        "incidents": {
            "days": board.days,
            "count": found.incidents,
            "more": board.more,
            "mtta_seconds": None
            if found.to_acknowledge is None
            else int(found.to_acknowledge.total_seconds()),
            "mttr_seconds": None if found.to_resolve is None else int(found.to_resolve.total_seconds()),
            "newest": [_incident(each, board, audience) for each in board.incidents[:MOST_INCIDENTS]],
        },
        "target": board.target,
    }


def _standing(standing: Standing, board: Board, audience: Audience) -> Json:
    return {
        "name": standing.name,
        "kind": standing.kind,
        **_status(standing.status, audience),
        "owner": audience.owner(standing.owner),
        "incidents": [each.id for each in standing.incidents],
        "uptime": {str(each.days): _uptime(each, board) for each in standing.uptime},
        "components": [_line(each, audience) for each in standing.lines],
    }


def _status(status: EnvironmentStatus, audience: Audience) -> Json:
    return {
        "status": status.colour.value,
        "since": _at(status.since),
        "verified_at": _at(status.verified_at),
        "detail": words.detail(status, audience),
    }


def _line(line: Line, audience: Audience) -> Json:
    return {
        "name": line.name,
        "group": line.group.value,
        **_status(line.status, audience),
        "verified_by": [{"name": name, "kind": kind} for name, kind in line.kinds.items()],
        "owner": audience.owner(line.owner),
    }


def _uptime(uptime: Uptime, board: Board) -> Json:
    found = uptime.spent.share
    return {
        "share": None if found is None else int(found * 1e6) / 1e6,  # like the words, never rounded up
        "unknown": round(uptime.spent.blind, 6),
        "known_since": _at(uptime.since),
        "below_target": board.missed(uptime),
    }


def _step(step: Step, board: Board, audience: Audience) -> Json:
    return {
        "do": step.what.value,
        "environment": step.environment,
        "owner": audience.owner(step.owner),
        "since": _at(step.since),
        "incident": None if step.incident is None else step.incident.id,
        "text": f"{words.told(step, board)}: {step.environment}",
    }


def _incident(incident: Incident, board: Board, audience: Audience) -> Json:
    return {
        "id": incident.id,
        "environment": incident.environment,
        "severity": incident.severity,
        "state": incident.state.value,
        "opened_at": utc(incident.opened_at),
        "acknowledged_at": _at(incident.answered_at),
        "resolved_at": _at(incident.resolved_at),
        "about": words.incident_about(incident, audience),
        "overdue": board.overdue(incident),
    }


def _at(at: datetime | None) -> str | None:
    return None if at is None else utc(at)
