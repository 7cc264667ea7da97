"""What is told when the watch itself is blind, and when it sees again."""

from collections.abc import Callable
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from handlers.wording.facts import Facts, plural
from handlers.wording.times import span

Names = Callable[[str], str]


def _blind(facts: Facts, _: Names) -> str:
    several = facts.number("references") != 1
    none = "None of the references answers" if several else "The reference does not answer"
    return (
        f"Monitoring is blind: {none}, so what fails from here counts as unknown. Look at the bot's own network; this "
        "channel hears when it sees again. If it lasts for five minutes, people are paged."
    )


def _guess(facts: Facts, _: Names) -> str:
    probes = facts.number("probes")
    all_of = "All probes" if probes is None else f"All {plural(probes, 'probe', 'probes')}"
    return (
        f"Monitoring is probably blind: {all_of} began to fail within one interval. That is a guess, for the policy "
        "names no monitoring.reference that could tell. They count as unknown until one of them passes, or Slack or "
        "PagerDuty answer, for then our network works; if it lasts for five minutes, people are paged."
    )


def _sees(facts: Facts, _: Names) -> str:
    since, at = facts.instant("since"), facts.instant("at")
    after = f", after {span(max(at - since, timedelta(0)))}" if since is not None and at is not None else ""
    if facts.said.get("because") == "answered":
        return (
            f"Monitoring does see{after}: Slack or PagerDuty answer, so our network works, and what fails from here on "
            "counts."
        )
    return f"Monitoring sees again{after}: what fails from here on counts."


WATCH_NOTICES: Final = MappingProxyType({"blind": _blind, "blind-guess": _guess, "sees": _sees})
"""What is told of the watch itself, by code."""
