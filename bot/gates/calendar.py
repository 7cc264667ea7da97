"""The gate of P6 and P12: windows, restrictions, holidays and freezes; it waits for the next opening."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from pydantic import JsonValue

from bot.domain.calendar import ActiveRule, Calendar, CalendarVerdict, Effect, Fixed, RuleKind, Verdict
from bot.domain.change_request import Kind
from bot.domain.feed import FeedStatus
from bot.domain.freeze import UNTIL_LIFTED
from bot.domain.outcome import Citation, GateOutcome, Status
from bot.domain.snapshot import Snapshot
from bot.policy.types import Section

NAME: Final = "calendar"
_INSTANT: Final = timedelta(microseconds=1)
_MOST_PROHIBITIONS: Final = 100  # that follow each other before what ends the last of them is given up
_NOBODY_KNOWS: Final = datetime.max.replace(tzinfo=UTC)


class Parameters(Section):
    """The policy's `calendar` says when; this gate has nothing of its own to set."""


def decide(snapshot: Snapshot, _parameters: Parameters, now: datetime) -> GateOutcome:
    """The calendar's verdict for this service and environment. It never holds a rollback.

    A fetched calendar that is too old may hide a freeze: nobody knows then, unless the rest prohibits anyway.
    """
    request = snapshot.request
    verdict = snapshot.calendar.at(now, environment=request.environment, service=request.service)
    stale = [] if request.kind is Kind.ROLLBACK else _stale(snapshot, now)
    facts = _facts(verdict) | _said(stale)
    cites = (
        Citation(source="calendar", at=verdict.at),
        *(Citation(source=f"calendar:{feed.name}", at=feed.fetched_at) for feed in stale),
    )
    outcome = partial(GateOutcome, gate=NAME, facts=facts, cites=cites)
    if verdict.verdict is Verdict.PROHIBITED and request.kind is not Kind.ROLLBACK:
        return _prohibited(snapshot.calendar, verdict, facts, outcome)
    if stale:
        return outcome(status=Status.UNKNOWN, code="feed-stale", retry=True)
    match verdict.verdict:
        case Verdict.PREFERRED | Verdict.ALLOWED:
            return outcome(status=Status.PASSED, code=verdict.verdict.value)
        case _ if request.kind is Kind.ROLLBACK:
            return outcome(status=Status.PASSED, code="rollback")
        case _:
            return outcome(status=Status.WARNED, code="discouraged", until=verdict.next_allowed)


def break_glass_passes(outcome: GateOutcome) -> bool:
    """Whether break-glass may pass a closed calendar (P6, P13): only where every active prohibition permits it; being
    outside the windows always does. A fetched calendar that is too old may hide a freeze which does not permit it, and
    nobody can say that it does not: then no glass helps, until it was fetched or the policy no longer names it."""
    return outcome.facts.get("break_glass") is True and not outcome.facts.get("stale")


def _prohibited(
    calendar: Calendar,
    verdict: CalendarVerdict,
    facts: dict[str, JsonValue],
    outcome: partial[GateOutcome],
) -> GateOutcome:
    """It waits for the end of what prohibits, or for people to lift a freeze that has no end (P6)."""
    if verdict.next_change is not None:
        facts["then"] = _before_opening(calendar, verdict, verdict.next_change)
        return outcome(status=Status.WAITING, code="prohibited", until=verdict.next_change)
    freezes = _without_end(calendar, verdict)
    if not freezes:
        return outcome(status=Status.BLOCKED, code="never-opens")
    facts["awaits"] = list(freezes)
    return outcome(status=Status.WAITING, code="frozen", awaits=freezes[0])


def _before_opening(calendar: Calendar, verdict: CalendarVerdict, opens: datetime) -> list[JsonValue]:
    """What closes it just before it opens and does not do so yet: a weekend may lead into a freeze."""
    last = calendar.at(opens - _INSTANT, environment=verdict.environment, service=verdict.service)
    closes = {rule.name for rule in verdict.rules if rule.effect is Effect.PROHIBIT}
    return [
        {"name": rule.name, "kind": rule.kind.value, "reason": rule.reason}
        for rule in last.rules
        if rule.effect is Effect.PROHIBIT and rule.name not in closes
    ]


def _without_end(calendar: Calendar, verdict: CalendarVerdict) -> list[str]:
    """The freezes without an end that alone keep it prohibited, by name; none where something else does for good.

    Walks along what prohibits, to the first instant at which only what has no end near is left.
    """
    at = verdict
    for _ in range(_MOST_PROHIBITIONS):
        prohibits = [rule for rule in at.rules if rule.effect is Effect.PROHIBIT]
        lasting = [rule for rule in prohibits if rule.until is None]
        if lasting:
            unending = set(_unending(calendar, at))
            return sorted({rule.name for rule in lasting}) if _all_are(lasting, unending) else []
        ends = [rule.until for rule in prohibits if rule.until is not None]
        if not ends:
            return []
        at = calendar.at(max(ends), environment=verdict.environment, service=verdict.service)
    return []


def _all_are(rules: Sequence[ActiveRule], unending: set[str]) -> bool:
    return all(rule.kind is RuleKind.FREEZE and rule.name in unending for rule in rules)


def _unending(calendar: Calendar, at: CalendarVerdict) -> Iterator[str]:
    """The freezes in force that last until they are lifted."""
    for rule in calendar.rules:
        if rule.kind is RuleKind.FREEZE and isinstance(rule.source, Fixed):
            spans = rule.source.spans(at.at, UNTIL_LIFTED)
            if any(span.start <= at.at and span.end >= UNTIL_LIFTED for span in spans):
                yield rule.name


def _stale(snapshot: Snapshot, now: datetime) -> list[FeedStatus]:
    """What is fetched for this place and is too old, the oldest first.

    Judged for a later instant, a copy is as fresh as it is today: it is fetched again before that instant comes.
    """
    request, asked = snapshot.request, min(now, snapshot.taken_at)
    found = [
        feed
        for feed in snapshot.feeds
        if feed.covers(request.environment, request.service) and feed.stale_at(asked)
    ]
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda feed: (feed.fetched_at or never, feed.name))


def _said(stale: Sequence[FeedStatus]) -> dict[str, JsonValue]:
    """What is told of the oldest, and the names of all."""
    if not stale:
        return {}
    oldest = stale[0]
    return {
        "name": oldest.name,
        "fetched_at": _instant(oldest.fetched_at),
        "stale_after": int(oldest.stale_after.total_seconds()),
        "problem": oldest.problem,
        "stale": [feed.name for feed in stale],
    }


def _facts(verdict: CalendarVerdict) -> dict[str, JsonValue]:
    """Every rule in force, what is worst and lasts longest first: the same facts are the same text."""
    rules = sorted(verdict.rules, key=lambda rule: (-rule.effect, -_end(rule), rule.name))
    return {
        "environment": verdict.environment,
        "service": verdict.service,
        "verdict": verdict.verdict.value,
        "break_glass": verdict.break_glass,
        "rules": [
            {
                "name": rule.name,
                "kind": rule.kind.value,
                "effect": rule.effect.word,
                "until": _instant(rule.until),
                "reason": rule.reason,
            }
            for rule in rules
        ],
        "next_allowed": _instant(verdict.next_allowed),
    }


def _end(rule: ActiveRule) -> float:
    return (rule.until or _NOBODY_KNOWS).timestamp()


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
