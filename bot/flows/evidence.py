"""Accept a statement from CI: once, bounded, for a service we know, and not from the future."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.canonical import digest_of
from bot.domain.change_request import Actor
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.refusal import Refusal
from bot.flows import owing
from bot.flows.asking import known
from bot.policy import Policy
from bot.ports import Ledger, Transaction

CLOCK_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What was posted, typed and bounded by the HTTP handler. `source` is the name of the token."""

    source: str
    kind: EvidenceKind
    service: str
    artifact: str
    digest: str | None
    environment: str | None
    passed: bool
    at: datetime
    counts: dict[str, int]
    details: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Accepted:
    """`repeated`: the very same statement was accepted before."""

    id: str
    repeated: bool


async def accept(ledger: Ledger, policy: Policy, statement: Statement) -> Accepted:
    """Keep the statement and have the open requests about it judged again.

    Raises Refusal `unknown-service`, `unknown-environment`, `from-the-future`, or `not-exact` for numbers beyond
    2^53 and halves of characters, which have no canonical form to be hashed by.
    """
    known("service", statement.service, list(policy.services))
    if statement.environment is not None:
        known("environment", statement.environment, list(policy.environments))
    try:
        key = digest_of(_said(statement))
    except (ValueError, RecursionError) as error:
        raise Refusal("not-exact", {"field": "details"}) from error

    def step(tx: Transaction) -> Accepted:
        if statement.at > tx.now + CLOCK_SKEW:
            raise Refusal("from-the-future", {"at": statement.at.isoformat(), "now": tx.now.isoformat()})
        if tx.evidence.get(key) is not None:
            return Accepted(key, repeated=True)
        by = Actor(via=f"token:{statement.source}")
        tx.evidence.put(_evidence(key, statement, tx.now), Fact(type="evidence.accepted", by=by))
        for request in tx.requests.open(service=statement.service):
            if request.artifact.tag == statement.artifact or statement.kind is EvidenceKind.DEPLOYMENT:
                owing.evaluate_at(tx, request, tx.now)
        return Accepted(key, repeated=False)

    return await ledger.write(step)


def _said(s: Statement) -> dict[str, JsonValue]:
    return {
        "source": s.source,
        "kind": s.kind.value,
        "service": s.service,
        "artifact": s.artifact,
        "digest": s.digest,
        "environment": s.environment,
        "passed": s.passed,
        "at": s.at.isoformat(),
        "counts": dict(s.counts),
        "details": s.details,
    }


def _evidence(key: str, s: Statement, now: datetime) -> Evidence:
    return Evidence(
        id=key,
        kind=s.kind,
        service=s.service,
        artifact=s.artifact,
        digest=s.digest,
        environment=s.environment,
        passed=s.passed,
        at=s.at,
        received_at=now,
        source=s.source,
        counts=s.counts,
        details=s.details,
    )
