"""An incident is open until it is resolved: to acknowledge it is not to end it."""

from datetime import UTC, datetime

import pytest

from bot.domain.incident import Incident, IncidentState

NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "is_open"),
    [(IncidentState.OPEN, True), (IncidentState.ACKNOWLEDGED, True), (IncidentState.RESOLVED, False)],
)
def test_an_incident_is_open_until_resolved(state: IncidentState, is_open: bool) -> None:
    incident = Incident(
        id="INC-7",
        environment="production",
        severity="P0",
        state=state,
        opened_at=NOW,
        respond_by=NOW,
        causes=("api",),
        on_call="cy",
    )
    assert incident.is_open is is_open
