"""The decision for something nobody asked for yet: the same gates, on facts of now, and nothing is written."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.artifact import TAG, Artifact
from bot.domain.change_request import ASAP, SYSTEM, ChangeRequest, Kind, Start
from bot.domain.outcome import Readiness
from bot.domain.refusal import Refusal
from bot.flows.asking import known
from bot.flows.collect import Collector, running
from bot.flows.evaluate import judged
from bot.gates import Earliest
from bot.policy import Policy
from bot.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What would be asked for, and the instant it would start (None: now)."""

    service: str
    artifact: str
    environment: str
    at: datetime | None = None
    ticket: str | None = None
    fixes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """When everything known passes, and the digest that the registry gave for the tag."""

    earliest: Earliest
    digest: str | None
    running: Artifact | None

    @property
    def readiness(self) -> Readiness:
        """What the gates say for the instant asked about."""
        return self.earliest.asked


async def preview(collector: Collector, policy: Policy, clock: Clock, question: Question) -> Answer:
    """Judge the question. Raises Refusal for an unknown service or environment, or what is no tag."""
    known("service", question.service, list(policy.services))
    known("environment", question.environment, list(policy.environments))
    if not TAG.fullmatch(question.artifact):
        raise Refusal("bad-artifact", {"name": question.artifact[:80]})
    now = clock.now()
    request = ChangeRequest(
        id="preview",
        number=0,
        kind=Kind.PROMOTION,
        service=question.service,
        environment=question.environment,
        artifact=Artifact(question.artifact),
        requester=SYSTEM,
        requested_at=now,
        expires_at=now,
        evidence_deadline=now,
        ticket=question.ticket,
        fixes=question.fixes,
        start=ASAP if question.at is None else Start(mode="at", at=question.at),
    )
    judgement = await judged(collector, policy, request, now)
    return Answer(
        earliest=judgement.earliest,
        digest=judgement.snapshot.registry.digest,
        running=running(judgement.snapshot.evidence, question.environment),
    )
