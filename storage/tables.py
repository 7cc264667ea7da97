"""The tables. A record's `document` is its whole state; the other columns are there to find it by."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Instants are integers: microseconds since 1970 in UTC. They compare and index alike on both databases.
MICROS = BigInteger
# SQLite gives row ids by itself only to a plain INTEGER key.
ROW_ID = BigInteger().with_variant(Integer, "sqlite")

requests = Table(
    "requests",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("service", String(128), nullable=False),
    Column("environment", String(128), nullable=False),
    Column("artifact", String(128), nullable=False),
    Column("state", String(32), nullable=False, index=True),
    Column("document", Text, nullable=False),
)
Index(
    "ix_requests_service_environment_artifact",
    requests.c.service,
    requests.c.environment,
    requests.c.artifact,
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("request", String(32), nullable=False, index=True),
    Column("document", Text, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("service", String(128), nullable=False),
    Column("artifact", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("environment", String(128)),
    Column("at", MICROS, nullable=False),
    Column("document", Text, nullable=False),
)
Index("ix_evidence_service_artifact_at", evidence.c.service, evidence.c.artifact, evidence.c.at)
Index(
    "ix_evidence_service_kind_environment_at",
    evidence.c.service,
    evidence.c.kind,
    evidence.c.environment,
    evidence.c.at,
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("request", String(32), nullable=False, index=True),
    Column("state", String(32), nullable=False),
    Column("document", Text, nullable=False),
    Column("output", Text),
)

environments = Table(
    "environments",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("document", Text, nullable=False),
)

monitors = Table(
    "monitors",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("environment", String(128), nullable=False, index=True),
    Column("document", Text, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("environment", String(128), nullable=False, index=True),
    Column("state", String(32), nullable=False, index=True),
    Column("opened_at", MICROS, nullable=False, server_default="0", index=True),
    Column("document", Text, nullable=False),
)

pages = Table(
    "pages",
    metadata,
    Column("id", String(320), primary_key=True),
    Column("incident", String(32), nullable=False, index=True),
    Column("state", String(32), nullable=False),
    Column("document", Text, nullable=False),
)

postmortems = Table(
    "postmortems",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(32), nullable=False, index=True),
    Column("due_at", MICROS, nullable=False),
    Column("document", Text, nullable=False),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("over_at", MICROS, nullable=False, index=True),
    Column("document", Text, nullable=False),
)

# How each environment's colour went. Derived: each row is a part of a record whose audit entry tells it as well.
turns = Table(
    "turns",
    metadata,
    Column("environment", String(128), primary_key=True),
    Column("since", MICROS, primary_key=True),
    Column("colour", String(16), nullable=False),
    Column("causes", Text, nullable=False),
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    # When it is over: lifted, or at its end; NULL until somebody lifts it.
    Column("over_at", MICROS, index=True),
    Column("document", Text, nullable=False),
)

# Calendars fetched from an address. Not audited row by row: that a content changed is.
feeds = Table(
    "feeds",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("document", Text, nullable=False),
    Column("digest", String(80)),
    Column("body", LargeBinary),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", String(128), nullable=False, index=True),
    Column("document", Text, nullable=False),
    # The last TOTP step, or the last signature counter of a passkey.
    Column("last_step", BigInteger),
    # The digest of a passkey's credential id: one credential is one person's.
    Column("passkey", String(80), unique=True),
)

identities = Table(
    "identities",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", String(128), nullable=False, index=True),
    Column("document", Text, nullable=False),
)

# Clicks that wait for a second factor, and what each use of one answers. Not audited: what they lead to is.
intents = Table(
    "intents",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("created_at", MICROS, nullable=False, index=True),
    Column("used_at", MICROS),
    Column("document", Text, nullable=False),
)

challenges = Table(
    "challenges",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("created_at", MICROS, nullable=False, index=True),
    Column("expires_at", MICROS, nullable=False),
    Column("consumed_at", MICROS),
    Column("document", Text, nullable=False),
)

factor_failures = Table(
    "factor_failures",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("person", String(128), nullable=False),
    Column("at", MICROS, nullable=False),
    # The network address that it came from, where it came by one of our pages.
    Column("address", String(64)),
)
Index("ix_factor_failures_person_at", factor_failures.c.person, factor_failures.c.at)
Index("ix_factor_failures_address_at", factor_failures.c.address, factor_failures.c.at)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(80), nullable=False),
    Column("subject", String(256), nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(80), nullable=False),
)

received = Table(
    "received",
    metadata,
    Column("key", String(256), primary_key=True),
    Column("at", MICROS, nullable=False),
    Column("answer", Text, nullable=False),
)


def claim_columns() -> tuple[Column[int] | Column[bool] | Column[str], ...]:
    """What the workers write on a row that is owed."""
    return (
        # Counted up by every claim: whoever holds an older one has lost the row to somebody else.
        Column("generation", Integer, nullable=False, server_default="0"),
        # Set again since it was claimed, so it has to run once more.
        Column("again", Boolean, nullable=False, server_default=false()),
        # It was tried in vain: not before then again. `due_at` still says since when it is owed.
        Column("not_before", MICROS, nullable=False, server_default="0"),
        # Until then this row is somebody's, and its lane is not given to anybody else.
        Column("lease_until", MICROS, nullable=False, server_default="0"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("problem", String(128)),
    )


timers = Table(
    "timers",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("key", String(256), nullable=False, unique=True),
    Column("kind", String(64), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("due_at", MICROS, nullable=False, index=True),
    *claim_columns(),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("key", String(256), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("destination", String(256), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("facts", Text, nullable=False),
    Column("state", String(16), nullable=False, server_default="pending"),
    Column("created_at", MICROS, nullable=False),
    Column("due_at", MICROS, nullable=False),
    *claim_columns(),
)
PENDING = text("state = 'pending'")
Index(
    "uq_deliveries_pending_key",
    deliveries.c.key,
    unique=True,
    sqlite_where=PENDING,
    postgresql_where=PENDING,
)
Index(
    "ix_deliveries_pending_due",
    deliveries.c.due_at,
    sqlite_where=PENDING,
    postgresql_where=PENDING,
)

places = Table(
    "places",
    metadata,
    Column("subject", String(256), primary_key=True),
    Column("surface", String(64), primary_key=True),
    Column("place", Text, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
