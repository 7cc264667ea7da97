"""Grants that outlast a login: kept sealed, used by one at a time, and followed where the provider replaces them."""

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from bot.adapters.seal import SealBroken
from bot.ports import Clock, LoginRefused, Seal

_REMEMBERED: Final = timedelta(hours=1)
_MOST_REMEMBERED: Final = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What asks for a person's claims without the person. `subject` is `ISSUER SUBJECT`."""

    token: str = field(repr=False)
    sub: str
    subject: str


class Grants:
    """Seals grants, and remembers for a while what the provider replaced one by.

    Whoever asks with a text that was replaced meanwhile is led to its successor: a provider that sees an old token
    twice takes it for stolen, and ends them all.
    """

    def __init__(self, clock: Clock, seal: Seal) -> None:
        self._clock = clock
        self._seal = seal
        self._successors: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._busy: dict[str, tuple[asyncio.Lock, int]] = {}

    def sealed(self, grant: Grant) -> str:
        """`SEALED ISSUER SUBJECT`. The subject is bound to what is sealed: a text altered opens nothing."""
        inside = json.dumps({"token": grant.token, "sub": grant.sub}).encode()
        return f"{self._seal.close(inside, purpose=_purpose(grant.subject))} {grant.subject}"

    @contextlib.asynccontextmanager
    async def of(self, text: str) -> AsyncIterator[Grant]:
        """The newest grant that `text` leads to, for one asker at a time. Raises LoginRefused `grant-broken`."""
        subject = text.partition(" ")[2]
        async with self._alone(subject):
            yield self._opened(self._newest(text), subject)

    def followed(self, text: str, grant: Grant, token: str) -> str:
        """The text for the next time, now that the provider answered with `token`."""
        newest = self._newest(text)
        if token == grant.token:
            return newest
        following = self.sealed(replace(grant, token=token))
        self._successors[_key(newest)] = (following, self._clock.now())
        while len(self._successors) > _MOST_REMEMBERED:
            self._successors.popitem(last=False)
        return following

    def _newest(self, text: str) -> str:
        since = self._clock.now() - _REMEMBERED
        while (found := self._successors.get(_key(text))) is not None and found[1] > since:
            text = found[0]
        return text

    def _opened(self, text: str, subject: str) -> Grant:
        try:
            inside = json.loads(self._seal.open(text.partition(" ")[0], purpose=_purpose(subject)))
            return Grant(token=inside["token"], sub=inside["sub"], subject=subject)
        except (SealBroken, ValueError, KeyError, TypeError):
            raise LoginRefused("grant-broken") from None

    @contextlib.asynccontextmanager
    async def _alone(self, subject: str) -> AsyncIterator[None]:
        lock, waiting = self._busy.get(subject, (asyncio.Lock(), 0))
        self._busy[subject] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._busy[subject]
            if waiting == 1:
                del self._busy[subject]
            else:
                self._busy[subject] = (lock, waiting - 1)


def _purpose(subject: str) -> str:
    return f"oidc-grant {subject}"


def _key(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()
