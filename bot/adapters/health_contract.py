"""Judges the body of a /health endpoint by the contract (D3), in the three colours (D6)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from bot.adapters.plain_text import one_line
from bot.adapters.timestamps import instant
from bot.domain.environment import Colour
from bot.logs import without_told_secrets

_OLDEST = timedelta(minutes=5)
_NEWEST = timedelta(minutes=1)
_MOST_ERRORS, _LONGEST_ERROR = 3, 200
_MOST_PROBLEMS = 5
_REQUIRED = ("database", "pioneer", "websocket")


class Checks(BaseModel):
    """Absent checks are checks the service does not have; one that is there is true or false, nothing between. Those
    beyond the contract count only where a monitor requires them."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    database: bool = True
    pioneer: bool = True
    websocket: bool = True
    memory: bool = True
    errors: list[str] = []


class Health(BaseModel):
    """The body that D3 demands; fields beyond it are allowed and ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    status: Literal["ok", "warning", "error"]
    checks: Checks
    timestamp: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one body says: its colour, the code of the worst reason, and all reasons as facts."""

    colour: Colour
    code: str
    facts: dict[str, JsonValue]


def judge(body: bytes, now: datetime, requires: Sequence[str] = ()) -> Judgement:
    """The worst of what the body states (D3, D6).

    `status` gives its colour; a false `database`, `pioneer` or `websocket` (a required service) is RED whatever the
    status claims, and so is each check of `requires` that is not there, or not true; a false `memory` and any reported error are at least YELLOW; so is a timestamp more than five
    minutes old or more than one minute ahead, for then the body may be a cached one. A body that breaks the contract
    is RED: what cannot be read cannot be trusted.
    """
    health = _read(body)
    if isinstance(health, Judgement):
        return health
    stated_at = instant(health.timestamp)
    if stated_at is None:
        return _broken("timestamp")
    age = now - stated_at
    missing, failed = _required(health.checks, requires)
    reasons = [*_reasons(health, age, missing, failed)]
    if not reasons:  # as nearly always
        return Judgement(Colour.GREEN, "ok", {"status": health.status})
    colour, code = max(reasons, key=lambda reason: reason[0].rank)  # the first of the worst
    facts = _facts(health, age, [c for _, c in reasons], failed)
    return Judgement(colour, code, {**facts, "missing": [*missing]} if missing else facts)


def _required(checks: Checks, requires: Sequence[str]) -> tuple[list[str], list[str]]:
    """The checks that must be there and are not, and those that must be true and are not. Only names that the contract
    or the policy gives, so that nothing of the body is repeated."""
    if not requires:
        return [], [name for name in _REQUIRED if not getattr(checks, name)]
    stated = {
        **(checks.model_extra or {}),
        **{name: getattr(checks, name) for name in checks.model_fields_set},
    }
    missing = [name for name in dict.fromkeys(requires) if stated.get(name) is None]
    names = [name for name in dict.fromkeys((*_REQUIRED, *requires)) if name not in missing]
    return missing, [name for name in names if stated.get(name, True) is not True]


def _reasons(
    health: Health, age: timedelta, missing: Sequence[str], failed: Sequence[str]
) -> Iterator[tuple[Colour, str]]:
    if failed:
        yield Colour.RED, "check-failed"
    if missing:
        yield Colour.RED, "check-missing"
    if health.status == "error":
        yield Colour.RED, "status-error"
    if not health.checks.memory:
        yield Colour.YELLOW, "memory-over-limit"
    if health.status == "warning":
        yield Colour.YELLOW, "status-warning"
    if health.checks.errors:
        yield Colour.YELLOW, "errors-reported"
    if age > _OLDEST or age < -_NEWEST:
        yield Colour.YELLOW, "lies-about-time"


def _facts(
    health: Health, age: timedelta, reasons: Sequence[str], failed: Sequence[str]
) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {"status": health.status, "reasons": [*reasons]}
    unfit = [*failed, *([] if health.checks.memory or "memory" in failed else ["memory"])]
    if unfit:
        facts["failed"] = [*unfit]
    if health.checks.errors:
        facts["errors"] = [
            one_line(without_told_secrets(e), _LONGEST_ERROR) for e in health.checks.errors[:_MOST_ERRORS]
        ]
        facts["error_count"] = len(health.checks.errors)
    if "lies-about-time" in reasons:
        facts["timestamp_age_seconds"] = int(age.total_seconds())
    return facts


def _read(body: bytes) -> Health | Judgement:
    try:
        said = json.loads(
            body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constants
        )
    except (ValueError, RecursionError):
        return _broken("not-json")
    if not isinstance(said, dict):
        return _broken("not-an-object")
    try:
        return Health.model_validate(said)
    except ValidationError as error:
        return _broken(*(_field(e["loc"]) for e in error.errors(include_input=False, include_url=False)))


def _field(place: tuple[int | str, ...]) -> str:
    """The contract's own field names; nothing of the body is repeated."""
    return ".".join(str(part) for part in place if isinstance(part, str))


def _broken(*problems: str) -> Judgement:
    named: list[JsonValue] = [*dict.fromkeys(problems)]
    return Judgement(Colour.RED, "contract-broken", {"problems": named[:_MOST_PROBLEMS]})


def _no_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Two values for one key: each reader would believe another one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constants(_: str) -> JsonValue:
    raise ValueError("NaN and Infinity are not JSON")
