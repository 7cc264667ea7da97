"""Second factors: the credentials, what each accepted last, and the failures that lock approving."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, update

from bot.domain.canonical import sha256
from bot.domain.second_factor import Credential
from storage import tables
from storage.instants import from_micros, to_micros
from storage.records import RecordTable

c = tables.credentials.c
failures = tables.factor_failures
# Each approval asks for these three times over, and to build a statement takes longer than to run it.
FAILED_BY, FAILED_FROM = (
    select(func.count()).where(column == bindparam("of"), failures.c.at >= bindparam("since"))
    for column in (failures.c.person, failures.c.address)
)
TIMES_BY, TIMES_FROM = (
    select(failures.c.at)
    .where(column == bindparam("of"), failures.c.at >= bindparam("since"))
    .order_by(failures.c.at)
    for column in (failures.c.person, failures.c.address)
)


class CredentialTable(RecordTable[Credential]):
    """`bot.ports.Credentials`."""

    table, kind, noun = tables.credentials, Credential, "credential"

    @staticmethod
    def columns(record: Credential) -> dict[str, Any]:
        passkey = record.passkey
        return {
            "id": record.id,
            "person": record.person,
            "passkey": None if passkey is None else _key(passkey.credential_id),
        }

    def of(self, person: str) -> list[Credential]:
        """The credentials of a person that are not revoked, oldest first."""
        found = self._with("person", person)
        return sorted((f for f in found if f.revoked_at is None), key=lambda f: (f.enrolled_at, f.id))

    def by_passkey(self, credential_id: str) -> Credential | None:
        """Whoever's passkey this is, revoked or not."""
        found = self._with("passkey", _key(credential_id))
        return found[0] if found else None

    def accept_step(self, credential: str, step: int) -> bool:
        """Take a TOTP step if it is later than the last one taken; one code never counts twice."""
        return self._advance(credential, step, or_(c.last_step.is_(None), c.last_step < step))

    def accept_counter(self, credential: str, counter: int) -> bool:
        """Take a passkey's counter if it grew; one that counts nothing says 0, and never said anything else."""
        fits = or_(c.last_step.is_(None), c.last_step < counter)
        if counter == 0:
            fits = or_(fits, c.last_step == 0)
        return self._advance(credential, counter, fits)

    def _advance(self, credential: str, value: int, fits: ColumnElement[bool]) -> bool:
        done = self._connection.execute(
            update(self.table).where(and_(c.id == credential, fits)).values(last_step=value)
        )
        return done.rowcount == 1

    def failures_since(self, person: str, since: datetime) -> int:
        """How often a factor of this person failed since then."""
        return self._failed(FAILED_BY, person, since)

    def failures_from(self, address: str, since: datetime) -> int:
        """How often a factor failed since then that was tried from this network address, whoever's it was."""
        return self._failed(FAILED_FROM, address, since)

    def _failed(self, query: Select[int], of: str, since: datetime) -> int:
        return self._connection.execute(query, {"of": of, "since": to_micros(since)}).scalar_one()

    def failed_at(
        self, since: datetime, *, person: str | None = None, address: str | None = None
    ) -> list[datetime]:
        """When a factor failed since then, of this person or from this address; the oldest first."""
        of, query = (person, TIMES_BY) if address is None else (address, TIMES_FROM)
        found = self._connection.execute(query, {"of": of, "since": to_micros(since)})
        return [from_micros(at) for at in found.scalars()]

    def note_failure(self, person: str, at: datetime, *, address: str | None = None) -> None:
        """Remember a failure."""
        row = {"person": person, "at": to_micros(at), "address": address}
        self._connection.execute(failures.insert().values(row))


def _key(credential_id: str) -> str:
    """Ids of passkeys are up to 1,023 bytes long; their digest finds them."""
    return sha256(credential_id.encode())
