"""Every audited noun: what `audit verify` rebuilds and compares."""

from typing import Any, Final

from storage import records
from storage.credentials import CredentialTable
from storage.identities import IdentityTable
from storage.records import RecordTable

RECORDS: Final[tuple[type[RecordTable[Any]], ...]] = (*records.RECORDS, CredentialTable, IdentityTable)
