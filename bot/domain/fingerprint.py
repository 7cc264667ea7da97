"""The fingerprint an approval is bound to, and the short form that people compare."""

import base64
import hashlib

from pydantic import JsonValue

from bot.domain.artifact import Artifact
from bot.domain.canonical import canonical, digest_of
from bot.domain.change_request import ChangeRequest
from bot.domain.evidence import Evidence


def evidence_digest(evidence: list[Evidence]) -> str:
    """The digest of what the newest statements say. A rescan that finds the same changes nothing; a new CVE does."""
    newest: dict[tuple[str, str | None], Evidence] = {}
    for e in sorted(evidence, key=lambda e: (e.at, e.received_at, e.id)):
        newest[(e.kind.value, e.environment)] = e
    said: list[JsonValue] = [newest[k].said() for k in sorted(newest, key=lambda k: (k[0], k[1] or ""))]
    return digest_of(said)


def fingerprint_facts(
    request: ChangeRequest, *, digest: str | None, rollback: Artifact | None, policy: str, evidence: str
) -> dict[str, JsonValue]:
    """What the fingerprint is made of, by name, so that a difference can be shown."""
    return {
        "request": request.id,
        "kind": request.kind.value,
        "service": request.service,
        "environment": request.environment,
        "artifact": request.artifact.tag,
        "digest": digest,
        "rollback_target": None if rollback is None else {"tag": rollback.tag, "digest": rollback.digest},
        "policy": policy,
        "evidence": evidence,
    }


def fingerprint(facts: dict[str, JsonValue], revision: int) -> str:
    """SHA-256 over the RFC 8785 form of the facts and the revision."""
    return digest_of({**facts, "revision": revision})


def short(fingerprint: str) -> str:
    """Eight characters that a person can compare by eye, such as `7QK4-M2XD`: 40 bits of the fingerprint."""
    code = base64.b32encode(hashlib.sha256(canonical(fingerprint)).digest()[:5]).decode()
    return f"{code[:4]}-{code[4:]}"
