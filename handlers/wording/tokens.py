"""What the holder of an API token is told that is for something else."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bot.domain.api_token import ONE_HEARTBEAT, Grant, Scope
from handlers.wording.facts import listed

DEEDS: Final[Mapping[Scope, str]] = MappingProxyType(
    {
        Scope.EVIDENCE: "posting evidence",
        Scope.HEARTBEATS: "reporting this heartbeat",
        Scope.ALERTS: "posting alerts",
        Scope.READ: "reading this",
    }
)
"""What each scope is for."""
_SHOWN: Final = 130


def not_for_this(name: str, grant: Grant, scope: Scope, heartbeat: str | None = None) -> str:
    """The one sentence: what the token may do, what this takes, and who says so where."""
    takes: str = scope.value
    if heartbeat is not None and len(heartbeat) <= _SHOWN:
        takes = f"{ONE_HEARTBEAT}{heartbeat} or {takes}"
    return (
        f"The token {name} is for {listed(list(grant.words))} alone; {DEEDS[scope]} takes one for {takes}, and whoever runs "
        "the bot says in PORTCULLIS_API_TOKENS what each token is for."
    )
