"""Fetched calendars: what is known of each address, and the bytes of its last good copy."""

from sqlalchemy import Connection, select

from bot.domain.canonical import digest_of
from bot.domain.feed import FeedState
from storage import tables
from storage.documents import Document, text_of
from storage.statements import upsert

c = tables.feeds.c
ALL = select(c.document).order_by(c.id)


class FeedTable:
    """`bot.ports.Feeds`. An address may hold what is not for everybody, so a row is found by the address's hash."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._document: Document[FeedState] = Document(FeedState)

    def get(self, url: str) -> FeedState | None:
        """What is known of an address; None where it was never asked."""
        text = self._connection.execute(select(c.document).where(c.id == digest_of(url))).scalar()
        return None if text is None else self._document.restore(text)

    def all(self) -> list[FeedState]:
        """Every address that was ever asked."""
        return [self._document.restore(text) for text in self._connection.execute(ALL).scalars()]

    def body(self, url: str) -> bytes | None:
        """The last good copy; None where there never was one."""
        found = self._connection.execute(select(c.body).where(c.id == digest_of(url))).scalar()
        return None if found is None else bytes(found)

    def keep(self, state: FeedState, body: bytes | None = None) -> None:
        """Keep what is known, and the copy where there is a new one; without one the last good copy stays."""
        row = {
            "id": digest_of(state.url),
            "document": text_of(self._document.plain(state)),
            "digest": state.digest,
        }
        upsert(self._connection, tables.feeds, row if body is None else {**row, "body": body}, key=("id",))
