"""Overrides: stretches of on-call duty that somebody else takes."""

from datetime import datetime
from typing import Any

from bot.domain.override import Override
from storage import tables
from storage.instants import to_micros
from storage.records import RecordTable
from storage.statements import next_number


class OverrideTable(RecordTable[Override]):
    table, kind, noun = tables.overrides, Override, "override"

    @staticmethod
    def columns(record: Override) -> dict[str, Any]:
        return {
            "id": record.id,
            "number": int(record.id.rpartition("-")[2]),
            "over_at": to_micros(record.over_at),
        }

    def next_number(self) -> int:
        """The next override number."""
        return next_number(self._connection, "override")

    def since(self, instant: datetime) -> list[Override]:
        """Overrides that were not over at `instant`, in the order in which they were declared."""
        c = self.table.c
        return self._all(self._query(c.over_at > to_micros(instant)).order_by(c.number))
