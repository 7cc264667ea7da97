"""An incident that is over, with all that is known and written of it, to render."""

from datetime import date, timedelta
from typing import Any

from bot.domain.change_request import Actor, RequestState
from bot.domain.course import Course
from bot.domain.environment import Colour, Turn
from bot.domain.incident import Incident, IncidentState, Judged
from bot.domain.postmortem import ActionItem, Postmortem, PostmortemState
from bot.flows.timeline import Account, Goal, Moment, Times
from tests.handlers.slack.examples import HOUR, MINUTE, NOW, closed, incident

ADA = Actor(via="slack:T0ACME/U02ADA", person="ada")
OPENED = NOW - 3 * HOUR


def over(**changes: Any) -> Incident:
    """INC-7 was RED production's for an hour and a half; Cy had it and Ada judged what went live before."""
    usual: dict[str, Any] = {
        "state": IncidentState.RESOLVED,
        "opened_at": OPENED,
        "respond_by": OPENED + 5 * MINUTE,
        "acknowledged_by": "cy",
        "acknowledged_at": OPENED + 4 * MINUTE,
        "resolved_by": "cy",
        "resolved_at": OPENED + 90 * MINUTE,
        "suspect": "DEP-42",
        "judged": (Judged(request="DEP-42", related=True, by="ada", at=OPENED + 10 * MINUTE),),
        "ticket": "acme/checkout#7",
    }
    return incident(**(usual | changes))


def postmortem(**changes: Any) -> Postmortem:
    """A draft of Cy's in which nothing is written yet."""
    usual: dict[str, Any] = {
        "incident": "INC-7",
        "opened_at": OPENED + 90 * MINUTE,
        "due_at": NOW + 46 * HOUR,
        "owner": "cy",
    }
    return Postmortem(**(usual | changes))


def action(number: int = 1, **changes: Any) -> ActionItem:
    usual: dict[str, Any] = {
        "number": number,
        "text": "A larger pool",
        "owner": "bo",
        "due": date(2026, 11, 20),
    }
    return ActionItem(**(usual | changes))


def whole(**changes: Any) -> Postmortem:
    """The same with everything written."""
    usual: dict[str, Any] = {
        "summary": "The pool was too small.\n\nIt had been for weeks.",
        "impact": "Nobody could pay.",
        "whys": ("w1", "w2", "w3", "w4", "w5"),
        "actions": (action(), action(2, text="An alert", done_by=ADA, done_at=NOW)),
    }
    return postmortem(**(usual | changes))


def published(**changes: Any) -> Postmortem:
    done: dict[str, Any] = {
        "state": PostmortemState.PUBLISHED,
        "published_by": ADA,
        "published_at": NOW,
    }
    return whole(**(done | changes))


MOMENTS = (
    Moment(
        at=OPENED - MINUTE, code="went-live", person="lin", facts={"request": "DEP-42", "service": "checkout"}
    ),
    Moment(
        at=OPENED,
        code="turned",
        facts={"environment": "production", "colour": "RED", "causes": ["api"]},
    ),
    Moment(at=OPENED, code="opened", facts={"cause": "monitors", "causes": ["api"]}),
    Moment(
        at=OPENED,
        code="paged",
        facts={"recipient": "cy", "step": 1, "state": "reached", "ways": ["slack:user:U04CY"]},
    ),
    Moment(at=OPENED + 4 * MINUTE, code="acknowledged", person="cy", facts={}),
    Moment(at=OPENED + 90 * MINUTE, code="resolved", person="cy", facts={"because": "said"}),
)


def account(written: Postmortem | None = None, **changes: Any) -> Account:
    """All of it; found too late and over too late (F12)."""
    turns = (
        Turn(since=OPENED - HOUR, colour=Colour.GREEN),
        Turn(since=OPENED, colour=Colour.RED, causes=("api",)),
        Turn(since=OPENED + 80 * MINUTE, colour=Colour.GREEN),
    )
    usual: dict[str, Any] = {
        "incident": over(),
        "postmortem": written,
        "moments": MOMENTS,
        "times": Times(
            detection=Goal(took=6 * MINUTE, within=5 * MINUTE),
            answer=Goal(took=4 * MINUTE, within=5 * MINUTE),
            resolution=Goal(took=timedelta(minutes=90), within=HOUR),
        ),
        "courses": (Course(environment="production", turns=turns),),
        "changed": (closed(RequestState.LIVE, "exit-0"),),
        "others": (),
        "begins": OPENED - 5 * MINUTE,
        "until": OPENED + 90 * MINUTE,
        "now": NOW,
        "failing_since": OPENED - 6 * MINUTE,
    }
    return Account(**(usual | changes))
