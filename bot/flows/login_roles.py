"""Roles by the identity provider, asked again without the person: one at a time, and what asks the next time is kept."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.domain.identity import Provider
from bot.flows.link import login_fits
from bot.policy import Policy
from bot.ports import IdentityProvider, Ledger, LoginRefused, Place, Transaction

LOGIN: Final = "login"
"""The surface of the place `person/NAME` under which the sealed text stands, with the roles of the last answer."""


def place_of(person: str) -> str:
    """The subject of a person's places."""
    return f"person/{person}"


class LoginRoles:
    """Asks with what the person's last login left. A provider gives a new text each time and takes the old one no
    more, so nobody asks twice at once, and an answer is kept even where nobody waits for it any longer."""

    def __init__(self, ledger: Ledger, provider: IdentityProvider) -> None:
        self._ledger = ledger
        self._provider = provider
        self._turns: dict[str, asyncio.Lock] = {}
        self._asking: set[asyncio.Task[frozenset[str]]] = set()

    async def of(self, policy: Policy, person: str) -> frozenset[str]:
        """The roles that the provider gives them now. Raises LoginRefused; `no-login` where they never logged in, or
        linked nothing."""
        task = asyncio.ensure_future(self._ask(policy, person))
        self._asking.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[frozenset[str]]") -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; one that nobody waited for is no news

    async def _ask(self, policy: Policy, person: str) -> frozenset[str]:
        async with self._turns.setdefault(person, asyncio.Lock()):
            before = await self._ledger.read(lambda tx: _left_by_login(tx, policy, person))
            if before is None:
                raise LoginRefused("no-login")
            roles, refresh = await self._provider.roles(str(before["refresh"]))
            await self._ledger.write(lambda tx: _keep(tx, person, before, roles, refresh))
            return roles


def _left_by_login(tx: Transaction, policy: Policy, person: str) -> Place | None:
    """What the last login left, while an account there is this person's at all."""
    place = tx.place(place_of(person), LOGIN)
    refresh = None if place is None else place.get("refresh")
    if place is None or not isinstance(refresh, str) or not refresh:
        return None
    subject = place.get("subject")
    linked = {link.subject for link in tx.identities.of(person) if link.provider is Provider.OIDC}
    if linked:
        return place if subject in linked else None
    known = policy.people.get(person)
    return place if known is not None and login_fits(known, str(subject)) else None


def _keep(tx: Transaction, person: str, before: Place, roles: frozenset[str], refresh: str) -> None:
    """Keep it, unless the person logged in anew meanwhile: then theirs is the newer one."""
    if tx.place(place_of(person), LOGIN) == before:
        kept: dict[str, object] = {"refresh": refresh, "roles": sorted(roles), "at": tx.now.isoformat()}
        tx.put_place(place_of(person), LOGIN, {**before, **kept})  # type: ignore[dict-item]


def last_roles(tx: Transaction, person: str) -> tuple[frozenset[str], datetime | None]:
    """The roles that the provider gave this person when it was asked last, and when: to be shown, never to decide."""
    place: Mapping[str, object] = tx.place(place_of(person), LOGIN) or {}
    roles, at = place.get("roles"), place.get("at")
    held = frozenset(str(role) for role in roles) if isinstance(roles, list) else frozenset()
    return held, datetime.fromisoformat(at) if isinstance(at, str) else None
