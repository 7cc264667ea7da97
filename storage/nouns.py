"""Every audited noun: what `audit verify` rebuilds and compares."""

from typing import Any, Final

from storage import records
from storage.credentials import CredentialTable
from storage.identities import IdentityTable
from storage.incidents import IncidentTable, PageTable, PostmortemTable
from storage.overrides import OverrideTable
from storage.records import RecordTable

RECORDS: Final[tuple[type[RecordTable[Any]], ...]] = (
    *records.RECORDS,
    IncidentTable,
    PageTable,
    PostmortemTable,
    OverrideTable,
    CredentialTable,
    IdentityTable,
)
