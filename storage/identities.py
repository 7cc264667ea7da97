"""Linked accounts: whose Slack, GitHub and login accounts are whose, for good."""

from typing import Any

from bot.domain.audit import Fact
from bot.domain.identity import Identity, Provider, identity_id
from storage import tables
from storage.records import RecordTable

c = tables.identities.c


class LinkedElsewhere(Exception):  # noqa: N818
    """The account is another person's, in force or not. A flow asks `find` first; this is the last line."""


class IdentityTable(RecordTable[Identity]):
    """`bot.ports.Identities`."""

    table, kind, noun = tables.identities, Identity, "identity"

    @staticmethod
    def columns(record: Identity) -> dict[str, Any]:
        return {"id": record.id, "person": record.person}

    def put(self, record: Identity, because: Fact) -> None:
        """Write the link. Raises LinkedElsewhere."""
        before = self.get(record.id, lock=True)
        if before is not None and before.person != record.person:
            raise LinkedElsewhere(record.id)
        super().put(record, because)

    def of(self, person: str) -> list[Identity]:
        """Links in force, by provider."""
        found = self._with("person", person)
        return sorted((f for f in found if f.revoked_at is None), key=lambda f: (f.provider, f.linked_at))

    def find(self, provider: Provider, subject: str) -> Identity | None:
        """The link of this account, in force or not."""
        return self.get(identity_id(provider, subject))

    def all(self) -> list[Identity]:
        """Every link in force."""
        return [f for f in self._all(self._query().order_by(c.id)) if f.revoked_at is None]
