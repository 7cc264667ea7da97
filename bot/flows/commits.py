"""Which commits a change lies between: that of the artifact, and that of the version which runs there now (P8)."""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain.change_request import ChangeRequest
from bot.domain.evidence import EvidenceKind, newest
from bot.ports import Transaction

SHA: Final = re.compile(r"[0-9a-f]{7,40}|[0-9a-f]{64}")
MOST_DEPLOYMENTS: Final = 200


@dataclass(frozen=True, slots=True)
class Commits:
    """`base` is None where nothing runs there yet. `problem` is a code: which commit it is, nobody stated."""

    head: str | None = None
    base: str | None = None
    problem: str | None = None
    about: str | None = None  # the artifact whose commit is not known


def commits_of(tx: Transaction, request: ChangeRequest) -> Commits:
    """The commits as CI stated them with the newest builds (`details.commit`), else the tags where they are commits.

    Something that runs without a known commit is not taken for nothing: the whole tree has more owners than a change.
    """
    head = _commit(tx, request.service, request.artifact.tag)
    if head is None:
        return Commits(problem="commit-not-stated", about=request.artifact.tag)
    deployed = tx.evidence.deployments(request.service, request.environment, limit=MOST_DEPLOYMENTS)
    running = max((e for e in deployed if e.passed), key=lambda e: (e.at, e.received_at), default=None)
    if running is None:
        return Commits(head=head)
    base = _commit(tx, request.service, running.artifact)
    if base is None:
        return Commits(head=head, problem="base-not-stated", about=running.artifact)
    return Commits(head=head, base=base)


def _commit(tx: Transaction, service: str, artifact: str) -> str | None:
    build = newest(tx.evidence.about(service, artifact=artifact), EvidenceKind.BUILD)
    stated = None if build is None else build.details.get("commit")
    word = stated if stated is not None else artifact
    text = word.strip().lower() if isinstance(word, str) else ""
    return text if SHA.fullmatch(text) else None
