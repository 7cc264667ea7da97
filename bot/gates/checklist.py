"""The gate of P18 and F3: whatever people tick of a checklist is ticked, for this revision of the request."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from pydantic import Field, JsonValue

from bot.domain.change_request import Attestation
from bot.domain.checklist import Item
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.references import ChecklistName
from bot.policy.types import Section

NAME: Final = "checklist"


class Parameters(Section):
    """Every item that people tick must be ticked; those that a gate ticks are that gate's own business."""

    name: ChecklistName = Field(description="The checklist, by its name under checklists.")


def decide(snapshot: Snapshot, parameters: Parameters, _now: datetime) -> GateOutcome:
    """An open item waits for somebody, at an instant that nobody knows: it can be approved meanwhile."""
    request = snapshot.request
    items = snapshot.checklists.get(parameters.name, ())
    facts: dict[str, JsonValue] = {"name": parameters.name, "request": request.id}
    if not items:  # a list without items would tick nothing, and nothing is not everything
        return GateOutcome(gate=NAME, status=Status.UNKNOWN, code="no-checklist", facts=facts)
    ticks = {tick.item: tick for tick in request.ticks}
    facts["items"] = [_told(item, ticks.get(item.text)) for item in items]
    mine = [ticks[item.text] for item in items if item.role is not None and item.text in ticks]
    cites = tuple(Citation(source=f"attestation:{tick.by.person}", at=tick.at) for tick in mine)
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=cites)
    if len(mine) < sum(item.role is not None for item in items):
        return outcome(status=Status.WAITING, code="open", awaits=f"{NAME} {parameters.name}")
    return outcome(status=Status.PASSED, code="ticked")


def _told(item: Item, tick: Attestation | None) -> dict[str, JsonValue]:
    """An item with who ticks it, and who did when."""
    if item.role is None:
        return {"item": item.text, "gate": item.gate}
    told: dict[str, JsonValue] = {"item": item.text, "role": item.role}
    return told if tick is None else told | {"by": tick.by.person, "at": tick.at.isoformat()}


def told_beside(outcomes: Sequence[GateOutcome]) -> tuple[GateOutcome, ...]:
    """The outcomes, where each item that a gate ticks tells how that gate stands. Nothing is judged anew."""
    stands = {outcome.gate: outcome.status.value for outcome in outcomes}
    return tuple(_with(outcome, stands) if outcome.gate == NAME else outcome for outcome in outcomes)


def _with(outcome: GateOutcome, stands: Mapping[str, str]) -> GateOutcome:
    items = outcome.facts.get("items")
    if not isinstance(items, list):
        return outcome
    told = [
        item | {"status": stands.get(str(item["gate"]), Status.UNKNOWN.value)}
        if isinstance(item, dict) and "gate" in item
        else item
        for item in items
    ]
    return replace(outcome, facts={**outcome.facts, "items": told})
