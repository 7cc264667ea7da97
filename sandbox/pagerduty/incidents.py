"""What the pretend PagerDuty makes of events: incidents by their key, opened, acknowledged and resolved as it does."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

Json = dict[str, Any]
MOST_SUMMARY: Final = 1024
MOST_KEY: Final = 255
_SEVERITIES: Final = frozenset({"critical", "error", "warning", "info"})
_ACTIONS: Final = frozenset({"trigger", "acknowledge", "resolve"})


class BadEvent(Exception):  # noqa: N818
    """What PagerDuty answers 400 to, with its reason."""


@dataclass(slots=True)
class Incident:
    """One incident; `summary` is that of the event that opened it."""

    id: str
    number: int
    key: str
    summary: str
    status: str = "triggered"
    events: list[Json] = field(default_factory=list)


class Incidents:
    """All incidents, those that are over included."""

    def __init__(self) -> None:
        self.all: list[Incident] = []
        self._numbers = count(1)

    def open(self, key: str) -> Incident | None:
        """The open incident of a key."""
        return next((each for each in self.all if each.key == key and each.status != "resolved"), None)

    def take(self, event: Json) -> Incident | None:
        """The incident that an event opened or changed; None where it did nothing. Raises BadEvent."""
        action, key = event.get("event_action"), event.get("dedup_key")
        if action not in _ACTIONS:
            raise BadEvent("'event_action' is missing or not one of trigger, acknowledge, resolve")
        if key is not None and not (isinstance(key, str) and 0 < len(key) <= MOST_KEY):
            raise BadEvent("'dedup_key' is longer than 255 characters")
        if action == "trigger":
            check_payload(event.get("payload"), with_severity=True)
        elif key is None:
            raise BadEvent("'dedup_key' is missing")
        found = None if key is None else self.open(key)
        if found is None:
            return self._opened(event, key) if action == "trigger" else None
        found.events.append(event)
        if action != "trigger":
            found.status = {"acknowledge": "acknowledged", "resolve": "resolved"}[str(action)]
        return found

    def _opened(self, event: Json, key: str | None) -> Incident:
        number = next(self._numbers)
        opened = Incident(
            id=f"PINC{number:04}",
            number=number,
            key=key or f"made-{number}",
            summary=event["payload"]["summary"],
            events=[event],
        )
        self.all.append(opened)
        return opened


def check_payload(payload: Any, *, with_severity: bool) -> None:
    """Raises BadEvent for what PagerDuty refuses."""
    if not isinstance(payload, dict):
        raise BadEvent("'payload' is missing")
    summary = payload.get("summary")
    if not isinstance(summary, str) or not summary or len(summary) > MOST_SUMMARY:
        raise BadEvent("'payload.summary' is missing or longer than 1024 characters")
    if with_severity and payload.get("severity") not in _SEVERITIES:
        raise BadEvent("'payload.severity' is not one of critical, error, warning, info")
    if with_severity and not payload.get("source"):
        raise BadEvent("'payload.source' is missing")
    if not isinstance(payload.get("custom_details", {}), dict | str):
        raise BadEvent("'payload.custom_details' is no object")
