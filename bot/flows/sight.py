"""The watch is blind: told at once in the channel, paged once it lasts or comes again and again; what its probes tell
meanwhile is about ourselves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.blindness import LASTS, Spell, blind_for, kept, pages_at
from bot.domain.incident import Cause
from bot.domain.owed import Timer
from bot.flows import owing
from bot.flows.incidents import close_incident, open_incident
from bot.policy import Policy
from bot.ports import Ledger, Place, Transaction

SUBJECT = "watch"
SIGHT = "sight"
TIMER: Final = "blind"
"""The kind of the timer that looks whether it lasts; its subject is SUBJECT."""
QUIET: Final = timedelta(minutes=10)
"""A network that comes and goes is told of no more often than this; the record has every turn."""
LOOK_AGAIN: Final = timedelta(minutes=1)
"""After a start the watch has so long to see for itself, before it is believed to be as blind as it was."""
_NONE: Final = timedelta(0)


async def blinded(ledger: Ledger, policy: Policy, *, references: int, probes: int) -> bool:
    """The watch does not see: none of `references` answers, or, where there is none, all of `probes` began to fail at
    once, which is a guess and said as one. Told only where the last word was another, over restarts too; False where
    that has to wait, because it was told a moment ago, and this is to be called again."""

    def step(tx: Transaction) -> bool:
        place = tx.place(SUBJECT, SIGHT) or {}
        if place.get("blind") and place.get("told"):
            return True
        code = "blind" if references else "blind-guess"
        now = tx.now.isoformat()
        facts: dict[str, JsonValue] = {"references": references, "probes": probes, "at": now}
        if not place.get("blind"):
            tx.trail.record(Fact(type=f"watch.{code}", facts=facts), subject=SUBJECT)
            _look_at(tx, pages_at(tx.now, _earlier(place), tx.now))
        quiet = _told_lately(place, tx.now)
        same = place if place.get("blind") else {"blind": True, "since": now, **_spells(_earlier(place))}
        told_at = place.get("told_at") if quiet else now
        tx.put_place(SUBJECT, SIGHT, {**same, "told": not quiet, "told_at": told_at})
        if not quiet:
            _tell(tx, policy, code, {**facts, "since": same.get("since")})
        return not quiet

    return await ledger.write(step)


async def sees(ledger: Ledger, policy: Policy, *, because: str | None = None) -> None:
    """The watch sees (again). Told only where its blindness was; whoever was paged for it is paged no more. `because`:
    `answered`, where what is not watched answered and proved a guess wrong."""
    if not await ledger.read(_is_blind):
        return

    def step(tx: Transaction) -> None:
        place = tx.place(SUBJECT, SIGHT)
        if place is None or not _is_blind(tx):
            return
        facts: dict[str, JsonValue] = {
            "since": place.get("since"),
            "at": tx.now.isoformat(),
            "because": because,
        }
        tx.trail.record(Fact(type="watch.sees", facts=facts), subject=SUBJECT)
        since = blind_since(tx)
        # What was paged for is over with its page: only what nobody was woken for adds up.
        ended = () if since is None else ((since, tx.now),)
        spells = () if place.get("paged") else kept((*_earlier(place), *ended), tx.now)
        tx.put_place(SUBJECT, SIGHT, {**_spells(spells), "blind": False, "told_at": place.get("told_at")})
        tx.unschedule(TIMER, SUBJECT)
        if place.get("told"):
            _tell(tx, policy, "sees", facts)
        for incident in tx.incidents.open():
            if incident.cause is Cause.BLINDNESS:
                close_incident(tx, policy, incident)

    await ledger.write(step)


async def page_if_blind(ledger: Ledger, policy: Policy) -> None:
    """Blindness that lasts, or comes to as much within an hour, is an incident of the environment that comes first:
    paged like any other, once, until somebody has it or the watch sees. Called by the timer."""

    def step(tx: Transaction) -> None:
        since = blind_since(tx)
        if since is None:
            return
        if since > tx.now:  # by a clock that was wrong: it is counted from now
            since = tx.now
            tx.put_place(SUBJECT, SIGHT, {**(tx.place(SUBJECT, SIGHT) or {}), "since": since.isoformat()})
        earlier = _earlier(tx.place(SUBJECT, SIGHT))
        if blind_for(since, earlier, tx.now) < LASTS:
            _look_at(tx, pages_at(since, earlier, tx.now))
            return
        tx.put_place(SUBJECT, SIGHT, {**(tx.place(SUBJECT, SIGHT) or {}), "paged": True})
        first = _first(policy)
        if first is not None:
            open_incident(tx, policy, first, cause=Cause.BLINDNESS)

    await ledger.write(step)


async def look_again(ledger: Ledger) -> None:
    """The bot starts: what was blind before has a moment to see before anybody is paged for it."""

    def step(tx: Transaction) -> None:
        if _is_blind(tx):
            _look_at(tx, tx.now + LOOK_AGAIN)

    if await ledger.read(_is_blind):
        await ledger.write(step)


def blind_since(tx: Transaction) -> datetime | None:
    """Since when the watch is blind; None while it sees."""
    place = tx.place(SUBJECT, SIGHT)
    since = None if place is None or place.get("blind") is not True else place.get("since")
    return datetime.fromisoformat(since) if isinstance(since, str) else None


def _earlier(place: Place | None) -> tuple[Spell, ...]:
    spells = (place or {}).get("spells")
    told = [spell for spell in spells if isinstance(spell, list)] if isinstance(spells, list) else []
    return tuple(
        (datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end))) for start, end in told
    )


def _spells(spells: Sequence[Spell]) -> dict[str, JsonValue]:
    """As they stand in the place of the watch; nothing where there is none."""
    return {"spells": [[start.isoformat(), end.isoformat()] for start, end in spells]} if spells else {}


def _look_at(tx: Transaction, due_at: datetime) -> None:
    """The timer falls due then, and at no other instant."""
    tx.unschedule(TIMER, SUBJECT)
    tx.schedule(Timer(kind=TIMER, subject=SUBJECT, due_at=due_at))


def _first(policy: Policy) -> str | None:
    production = (name for name, each in policy.environments.items() if each.kind == "production")
    return next(production, next(iter(policy.environments), None))


def _is_blind(tx: Transaction) -> bool:
    place = tx.place(SUBJECT, SIGHT)
    return place is not None and place.get("blind") is True


def _told_lately(place: Place, now: datetime) -> bool:
    told_at = place.get("told_at")
    return isinstance(told_at, str) and _NONE <= now - datetime.fromisoformat(told_at) < QUIET


def _tell(tx: Transaction, policy: Policy, code: str, facts: dict[str, JsonValue]) -> None:
    owing.channel(tx, policy.slack.channels.incidents, "watch-notice", SUBJECT, {"code": code, **facts})
