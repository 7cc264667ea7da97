"""The announcements of freezes, true at the moment of sending: what is no longer so is not told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bot.domain.freeze import FreezeClass, FreezeState
from bot.domain.owed import Delivery
from bot.flows.freezes import Frozen, one_freeze, unfrozen
from bot.policy import Policy
from bot.ports import Ledger
from handlers.slack.blocks import Message, escape, message
from handlers.slack.voice import Voice
from handlers.wording.facts import Facts
from handlers.wording.freezes import notice, unreached

SIGNS: Final = {"over": "✓", "lifted": "✓", "called-off": "–"}
FROZEN: Final = "❄"
STILL_AHEAD: Final = frozenset({"declared", "day-before"})
_LONGEST: Final = 1300


async def note(ledger: Ledger, policy: Policy, delivery: Delivery, now: datetime) -> Message | None:
    """The message that is owed; None where another one tells what is so by now."""
    facts = Facts(delivery.facts)
    if facts.text("name", ""):
        frozen: Frozen | None = _of_policy(facts)
    else:
        frozen = await one_freeze(ledger, policy, delivery.subject)
    code = facts.text("code")
    if frozen is None or not _still_so(frozen, code, now):
        return None
    missed = () if frozen.environments else unfrozen(policy, ())
    return render(frozen, code, Voice(policy, now), missed)


def render(frozen: Frozen, code: str, voice: Voice, missed: Sequence[str] = ()) -> Message:
    """One announcement; `missed` are the environments that a freeze of everything does not stop."""
    told = notice(frozen, code, now=voice.now, when=voice.deciding, names=voice.name)
    sign = SIGNS.get(code, FROZEN)
    name = f"  {frozen.name}" if frozen.declared else ""
    lines = [f"*{sign} {escape(told.headline, 500)}*{name}"]
    said = [*told.lines, *([unreached(missed)] if missed and code not in SIGNS else [])]
    return message(lines + [escape(line, _LONGEST) for line in said])


def _still_so(frozen: Frozen, code: str, now: datetime) -> bool:
    state = frozen.state(now)
    if code in STILL_AHEAD:
        return state is FreezeState.SCHEDULED
    if code == "begun":
        return state is FreezeState.ACTIVE
    return True


def _of_policy(facts: Facts) -> Frozen | None:
    """A freeze of the policy as it was when its message was owed."""
    begins_at = facts.instant("begins_at")
    if begins_at is None:
        return None
    return Frozen(
        name=facts.text("name"),
        environments=tuple(facts.texts("environments")),
        services=tuple(facts.texts("services")),
        strength=FreezeClass(facts.text("class", FreezeClass.HARD.value)),
        holds=facts.said.get("holds") is True,
        break_glass=facts.said.get("break_glass") is True,
        reason=facts.text("reason", "") or None,
        begins_at=begins_at,
        ends_at=facts.instant("ends_at"),
    )
