"""A token of the HTTP API: whose it is, and what it is for."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydantic import SecretStr

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
ONE_HEARTBEAT: Final = "heartbeat/"
"""What a scope of one heartbeat begins with, as does the address that it opens."""
_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
PLACE: Final = re.compile(rf"(?:{_PART}/)?{_PART}", re.ASCII)
"""NAME or ENVIRONMENT/NAME of a heartbeat."""


class Scope(StrEnum):
    """What a token may be for."""

    EVIDENCE = "evidence"  # states what was built, tested, scanned, deployed: opens gates
    HEARTBEATS = "heartbeats"  # keeps any heartbeat alive
    ALERTS = "alerts"  # plays Alertmanager: opens incidents, pages people
    READ = "read"  # sees decisions, requests, the whole status page, the calendar's reasons


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do: never nothing, for that is a mistake. Raises ValueError for what nobody can mean."""

    scopes: frozenset[Scope] = frozenset()
    heartbeats: frozenset[str] = frozenset()
    """Single heartbeats, by exactly what stands behind `/heartbeat/` in the address."""

    def __post_init__(self) -> None:
        if not self.scopes and not self.heartbeats:
            raise ValueError("a token is for something")
        if Scope.HEARTBEATS in self.scopes and self.heartbeats:
            raise ValueError("all heartbeats are one heartbeat as well")
        if not all(PLACE.fullmatch(each) for each in self.heartbeats):
            raise ValueError("a heartbeat is NAME or ENVIRONMENT/NAME")

    @property
    def everything(self) -> bool:
        """Whether there is nothing that it does not allow."""
        return self.scopes == frozenset(Scope)

    @property
    def words(self) -> tuple[str, ...]:
        """What it is for, as the setting says it."""
        single = (f"{ONE_HEARTBEAT}{each}" for each in sorted(self.heartbeats))
        return (*(each.value for each in Scope if each in self.scopes), *single)

    def allows(self, scope: Scope, heartbeat: str | None = None) -> bool:
        """Whether it is for this; `heartbeat` is the one that is asked for, where it is one."""
        return scope in self.scopes or (scope is Scope.HEARTBEATS and heartbeat in self.heartbeats)


EVERYTHING: Final = Grant(frozenset(Scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One token. Its name is audited and may be shown; the token itself leaves by no way."""

    name: str
    secret: SecretStr = field(repr=False)
    grant: Grant = EVERYTHING

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError("a token has a name in lower case")
