"""Incidents, the pages that tell people of them, and what is written about them afterwards."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select

from bot.domain.incident import Incident, IncidentState
from bot.domain.page import Page
from bot.domain.postmortem import Postmortem, PostmortemState
from storage import tables
from storage.instants import to_micros
from storage.records import RecordTable
from storage.statements import next_number


@cache
def _open_incidents(of_one: bool) -> Select[str]:
    c = tables.incidents.c
    query = select(c.document).where(c.state != IncidentState.RESOLVED.value).order_by(c.number)
    return query.where(c.environment == bindparam("environment")) if of_one else query


class IncidentTable(RecordTable[Incident]):
    table, kind, noun = tables.incidents, Incident, "incident"

    @staticmethod
    def columns(record: Incident) -> dict[str, Any]:
        return {
            "id": record.id,
            "number": int(record.id.rpartition("-")[2]),
            "environment": record.environment,
            "state": record.state.value,
            "opened_at": to_micros(record.opened_at),
        }

    def next_number(self) -> int:
        """The next incident number."""
        return next_number(self._connection, "incident")

    def open(self, environment: str | None = None) -> list[Incident]:
        """Incidents that are not resolved, oldest first."""
        return self._all(_open_incidents(environment is not None), {"environment": environment})

    def newest(
        self, *, limit: int, environment: str | None = None, since: datetime | None = None
    ) -> list[Incident]:
        """Incidents, newest first, resolved or not; since an instant, those that opened then or later."""
        c = self.table.c
        where = [] if environment is None else [c.environment == environment]
        if since is not None:
            where.append(c.opened_at >= to_micros(since))
        return self._all(self._query(*where).order_by(c.number.desc()).limit(limit))


class PageTable(RecordTable[Page]):
    table, kind, noun = tables.pages, Page, "page"

    @staticmethod
    def columns(record: Page) -> dict[str, Any]:
        return {"id": record.id, "incident": record.incident, "state": record.state.value}

    def of(self, incident: str) -> list[Page]:
        """The pages of one incident, in the order in which they were owed."""
        c = self.table.c
        return sorted(
            self._all(self._query(c.incident == incident)), key=lambda page: (page.paged_at, page.id)
        )


class PostmortemTable(RecordTable[Postmortem]):
    table, kind, noun = tables.postmortems, Postmortem, "postmortem"

    @staticmethod
    def columns(record: Postmortem) -> dict[str, Any]:
        return {"id": record.id, "state": record.state.value, "due_at": to_micros(record.due_at)}

    def drafts(self) -> list[Postmortem]:
        """Those that nobody published yet, the first due first."""
        c = self.table.c
        return self._all(self._query(c.state == PostmortemState.DRAFT.value).order_by(c.due_at, c.id))

    def newest(self, *, limit: int) -> list[Postmortem]:
        """Published or not, the last due first."""
        c = self.table.c
        return self._all(self._query().order_by(c.due_at.desc(), c.id.desc()).limit(limit))
