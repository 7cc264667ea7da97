"""Which versions ran in a place, one after the other, and which of them there is to go back to (P14, P16). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.domain.artifact import Artifact
from bot.domain.evidence import Evidence, EvidenceKind

OURSELVES: Final = "portcullis"
"""The source of what we deployed ourselves: of such statements alone the details are believed here."""
TAKES_BACK: Final = "takes_back"
"""The detail of a deployment statement that says which version it took back; no other deployment has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A version that ran, since when, and the request that brought it, where it was one of ours."""

    artifact: Artifact
    at: datetime
    request: str | None = None
    told: datetime | None = None  # when the statement arrived here


def same_version(one: Artifact, other: Artifact) -> bool:
    """By digest where both are known, else by tag."""
    if one.digest is not None and other.digest is not None:
        return one.digest == other.digest
    return one.tag == other.tag


def taken_back(artifact: Artifact) -> dict[str, JsonValue]:
    """How a deployment statement says that it took this version back."""
    return {TAKES_BACK: {"tag": artifact.tag, "digest": artifact.digest}}


def versions(deployments: Iterable[Evidence]) -> tuple[Ran, ...]:
    """What ran in one place, oldest first; the last one runs now.

    A version that was rolled back is left out, with whatever ran between it and the version that came back: who goes
    back twice goes further back, and never to what was taken back. To state a deployment twice changes nothing.
    """
    stack: list[Ran] = []
    told = [e for e in deployments if e.kind is EvidenceKind.DEPLOYMENT and e.passed]
    for each in sorted(told, key=lambda e: (e.at, e.received_at, _took_back(e) is not None, e.id)):
        said = each.details.get("request") if each.source == OURSELVES else None
        ran = Ran(
            artifact=Artifact(each.artifact, each.digest),
            at=each.at,
            request=said if isinstance(said, str) else None,
            told=each.received_at,
        )
        away = _took_back(each)
        stack = _deployed(stack, ran) if away is None else _rolled_back(stack, ran, away)
    return tuple(stack)


def _took_back(statement: Evidence) -> Artifact | None:
    said = statement.details.get(TAKES_BACK) if statement.source == OURSELVES else None
    if not isinstance(said, dict) or not isinstance(said.get("tag"), str):
        return None
    digest = said.get("digest")
    try:
        return Artifact(str(said["tag"]), digest if isinstance(digest, str) else None)
    except ValueError:
        return None


def _deployed(stack: list[Ran], ran: Ran) -> list[Ran]:
    if not stack or not same_version(stack[-1].artifact, ran.artifact):
        return [*stack, ran]
    if stack[-1].request is None and ran.request is not None:  # the pipeline said it before we did
        return [*stack[:-1], replace(stack[-1], request=ran.request)]
    return stack


def _rolled_back(stack: list[Ran], ran: Ran, away: Artifact) -> list[Ran]:
    """Below what was taken back lies what came back; a pipeline may have stated that one above it already."""
    below = _last(stack, away, len(stack))
    limit = len(stack) if below is None else below
    found = _last(stack, ran.artifact, limit)
    return [*stack[:limit], ran] if found is None else stack[: found + 1]


def _last(stack: Sequence[Ran], artifact: Artifact, before: int) -> int | None:
    return next((i for i in reversed(range(before)) if same_version(stack[i].artifact, artifact)), None)
