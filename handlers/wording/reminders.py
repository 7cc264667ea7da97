"""Reminders in words: who is waited for, until when, and what stands between them and an approval (P10)."""

from dataclasses import dataclass

from handlers.wording.facts import Facts
from handlers.wording.times import When


@dataclass(frozen=True, slots=True)
class Reminder:
    """The first line, what follows, and whether the person can approve as they stand."""

    sign: str
    head: str
    text: str
    can_sign: bool = False


def reminder(facts: Facts, when: When, *, channel: str) -> Reminder:
    """What one person is told."""
    expires = facts.instant("expires")
    until = f"It expires {when(expires)}." if expires is not None else "It expires some day."
    if facts.text("code") == "sign":
        text = f"You could fill an empty seat. {until} If it should not go, reject it: that helps as much."
        return Reminder("◷", "Waits for your approval", text, can_sign=True)
    if facts.text("code") == "enrol":
        return Reminder(
            "◷",
            "You could approve this once you have a second factor",
            f"You have none that counts there yet; /deploy enroll shows the way to one. {until} Rejecting takes none.",
        )
    return Reminder(
        "⚠",
        "Nobody can approve what you asked for",
        f"Nobody whom the policy names can fill what is empty in #{channel}, as far as is known now. {until} Whoever "
        "keeps the policy has to look.",
    )
