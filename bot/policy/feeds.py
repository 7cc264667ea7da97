"""Calendars that a policy names by address: how often they are fetched, how old a copy may be, and what they do."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from bot.domain.calendar import Rule
from bot.policy.ics import IcsFile

LONGEST_URL: Final = 2000
REFRESH: Final = timedelta(minutes=15)
STALE_AFTER: Final = timedelta(days=1)
SHORTEST_REFRESH: Final = timedelta(minutes=1)


def is_address(text: str) -> bool:
    """Whether `ics` names an address rather than a file."""
    return "://" in text or text.lower().startswith("webcal:")


def check_address(url: str) -> None:
    """Raise ValueError with a sentence for an address that cannot be fetched."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("ics holds an address that cannot be read") from None
    if parts.scheme not in {"https", "http", "webcal"} or not parts.hostname or port == 0:
        raise ValueError(
            "ics is fetched from https, http or webcal addresses; write it like https://example.com/freezes.ics"
        )
    if parts.username or parts.password:
        raise ValueError("a web address in a policy holds no user name or password")
    if len(url) > LONGEST_URL:
        raise ValueError(f"an address may have {LONGEST_URL} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRule:
    """One freeze of the policy whose events are fetched. Its rule exists once there is a copy to take them from."""

    name: str
    url: str = field(
        repr=False
    )  # an address may be a secret of its own, so it stands in no log and no message
    refresh: timedelta
    stale_after: timedelta
    allow_private: bool
    zone: ZoneInfo
    template: Rule
    """The rule without its events."""

    def rule(self, copy: IcsFile) -> Rule:
        """The rule with the events of a copy."""
        t = self.template
        return Rule(
            name=t.name,
            kind=t.kind,
            effect=t.effect,
            source=copy.in_zone(self.zone),
            scope=t.scope,
            break_glass=t.break_glass,
            reason=t.reason,
            holds=t.holds,
        )
