"""Intents and challenges: short-lived rows, used once by compare-and-set."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select, update

from bot.domain.second_factor import Challenge, Intent
from storage import tables
from storage.documents import Document, text_of
from storage.instants import from_micros, to_micros
from storage.statements import upsert

i, ch = tables.intents.c, tables.challenges.c


class IntentTable:
    """`bot.ports.Intents`. Whether one was used stands in its own column: only one writer sets it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._intent: Document[Intent] = Document(Intent)
        self._challenge: Document[Challenge] = Document(Challenge)

    def get(self, id: str) -> Intent | None:  # noqa: A002
        """The intent; `used_at` tells whether it was used."""
        row = self._connection.execute(select(i.document, i.used_at).where(i.id == id)).one_or_none()
        if row is None:
            return None
        found = self._intent.restore(row.document)
        return found if row.used_at is None else replace(found, used_at=from_micros(row.used_at))

    def put(self, intent: Intent) -> None:
        """Keep an intent that nobody used yet."""
        row = {
            "id": intent.id,
            "created_at": to_micros(intent.created_at),
            "document": text_of(self._intent.plain(intent)),
        }
        upsert(self._connection, tables.intents, row, key=("id",))

    def use(self, id: str, at: datetime) -> bool:  # noqa: A002
        """Mark it used; False where it was used already, or there is none."""
        query = update(tables.intents).where(i.id == id, i.used_at.is_(None)).values(used_at=to_micros(at))
        return self._connection.execute(query).rowcount == 1

    def ask(self, challenge: Challenge) -> None:
        """Keep a challenge that nobody answered yet."""
        row = {
            "id": challenge.id,
            "created_at": to_micros(challenge.created_at),
            "expires_at": to_micros(challenge.expires_at),
            "document": text_of(self._challenge.plain(challenge)),
        }
        upsert(self._connection, tables.challenges, row, key=("id",))

    def challenge(self, id: str) -> Challenge | None:  # noqa: A002
        """The challenge as it was asked, consumed or not."""
        if "\0" in id:  # PostgreSQL takes no text with it
            return None
        text = self._connection.execute(select(ch.document).where(ch.id == id)).scalar()
        return None if text is None else self._challenge.restore(text)

    def consume(self, id: str, at: datetime) -> Challenge | None:  # noqa: A002
        """Consume it: the first who asks gets it, while it lasts; everybody else None."""
        if "\0" in id:
            return None
        query = (
            update(tables.challenges)
            .where(ch.id == id, ch.consumed_at.is_(None), ch.expires_at > to_micros(at))
            .values(consumed_at=to_micros(at))
        )
        if self._connection.execute(query).rowcount != 1:
            return None
        found = self.challenge(id)
        return None if found is None else replace(found, consumed_at=at)
