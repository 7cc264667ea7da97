"""One of each record with every field set, and the shortest way to say why it is written."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bot.domain.analysis import Finding, Verdict
from bot.domain.approval import Approval, ApprovalState, SecondFactor
from bot.domain.artifact import Artifact
from bot.domain.audit import Fact
from bot.domain.change_request import (
    Actor,
    Attestation,
    BrokenGlass,
    ChangeRequest,
    Closing,
    Hold,
    Kind,
    RequestState,
    Review,
    Start,
)
from bot.domain.deployment import Plan, Run, RunState
from bot.domain.environment import Colour, EnvironmentState, MonitorState, Reading
from bot.domain.escalation import Escalation, EscalationStep, Target, TargetKind
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.freeze import Freeze, FreezeClass
from bot.domain.identity import Identity, Provider
from bot.domain.incident import Cause, Incident, IncidentState, Judged
from bot.domain.outcome import Citation, GateOutcome, Readiness, Status
from bot.domain.override import Override
from bot.domain.owed import Delivery, Timer
from bot.domain.page import Page, PageState, Way, WayState
from bot.domain.postmortem import ActionItem, Postmortem, PostmortemState
from bot.domain.second_factor import Credential, Passkey
from bot.domain.verification import EndedPhase, Look, PlannedPhase, TakenBack, Verification, WatchState
from bot.ports import Transaction

AT = datetime(2026, 11, 10, 11, 59, 59, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIGEST = "sha256:" + "9f2c" * 16
BECAUSE = Fact(type="test.changed", by=Actor(via="slack:T1/U01ADA", person="ada"), facts={"why": "test"})


def request(number: int = 42, **changes: Any) -> ChangeRequest:
    """A request with nothing but what it must have."""
    made = ChangeRequest(
        id=f"DEP-{number}",
        number=number,
        kind=Kind.PROMOTION,
        service="checkout",
        environment="production",
        artifact=Artifact("7a3f9c2"),
        requester=Actor(via="slack:T1/U01LIN", person="lin"),
        requested_at=AT,
        expires_at=AT + 24 * HOUR,
        evidence_deadline=AT + HOUR,
    )
    return replace(made, **changes)


def full_request() -> ChangeRequest:
    """A request that has been through everything."""
    waiting = GateOutcome(
        gate="soak",
        status=Status.WAITING,
        code="too-fresh",
        facts={"left": 12, "parts": [1, "two", None, {"three": 3.5}]},
        cites=(Citation(source="token:ci", at=AT), Citation(source="calendar")),
        until=AT + HOUR,
    )
    silent = GateOutcome(gate="registry", status=Status.UNKNOWN, code="timeout", retry=True)
    return request(
        state=RequestState.CANCELLED,
        revision=3,
        artifact=Artifact("7a3f9c2", DIGEST),
        ticket="CHG-1207",
        held=Hold(by=Actor(via="slack:T1/U02BO", person="bo"), at=AT, reason="wait"),
        reason="Fixes the basket",
        fixes="production",
        emergency="INC-7",
        start=Start(mode="at", at=AT + HOUR),
        readiness=Readiness(outcomes=(waiting, silent), judged_at=AT, policy_digest=DIGEST),
        fingerprint=DIGEST,
        rollback_target=Artifact("51be07d", DIGEST),
        bound={"digest": DIGEST, "rollback_target": None, "nested": {"a": [1, 2]}},
        asked_to_start=Actor(via="slack:T1/U02BO"),
        approved_at=AT,
        closing=Closing(code="cancelled", by=Actor(via="slack:T1/U01LIN", person="lin"), at=AT, reason="no"),
        attested=(
            Attestation(
                item="On-call team briefed",
                role="on-call-sre",
                by=Actor(via="slack:T1/U03CY", person="cy"),
                at=AT,
                revision=2,
            ),
        ),
        break_glass=BrokenGlass(
            by=Actor(via="slack:T1/U02BO", person="bo"),
            at=AT,
            ticket="INC-7",
            reason="Checkout is down",
            bypasses=("calendar", "soak"),
            expires_at=AT + 4 * HOUR,
            told=("cy",),
            told_at=AT,
            used_at=AT + HOUR,
            review_due=AT + 120 * HOUR,
            review=Review(by=Actor(via="slack:T1/U03CY", person="cy"), at=AT, words="It was right"),
        ),
        rolls_back="DEP-41",
    )


def approval(**changes: Any) -> Approval:
    """An approval with every field set."""
    made = Approval(
        request="DEP-42",
        revision=3,
        person="ada",
        via="slack:T1/U01ADA",
        fingerprint=DIGEST,
        signed_at=AT,
        factor=SecondFactor(method="totp", credential="cred-1", at=AT),
        state=ApprovalState.VOID,
        roles=("platform-lead", "engineer"),
        code="facts-changed",
    )
    return replace(made, **changes)


def evidence(**changes: Any) -> Evidence:
    """Evidence with every field set."""
    made = Evidence(
        id=DIGEST,
        kind=EvidenceKind.SCAN,
        service="checkout",
        artifact="7a3f9c2",
        digest=DIGEST,
        environment="staging",
        passed=False,
        at=AT,
        received_at=AT + timedelta(seconds=1),
        source="token:ci",
        counts={"critical": 1, "high": 0},
        details={"scanner": "t", "list": [True, None, 1.5]},
    )
    return replace(made, **changes)


LOOK = Look(
    at=AT,
    percent=25,
    findings=(
        Finding(
            name="errors", verdict=Verdict.FAIL, code="above", value="0.06", baseline="0.01", sample="400",
            limit="0.05", about="INC-7",
        ),
    ),
)  # fmt: skip


def run(**changes: Any) -> Run:
    """A run with every field set."""
    made = Run(
        id="DEP-42/1",
        request="DEP-42",
        service="checkout",
        environment="production",
        artifact=Artifact("7a3f9c2", DIGEST),
        rollback_target=Artifact("51be07d", DIGEST),
        state=RunState.FAILED,
        intended_at=AT,
        called_at=AT + timedelta(seconds=1),
        finished_at=AT + HOUR,
        code="exit-3",
        output_digest=DIGEST,
        plan=Plan(steps=(25, 100), dwell=HOUR, analysed=True),
        reached=25,
        confirmed=25,
        next_at=AT + HOUR,
        began_at=AT,
        look=LOOK,
        verification=Verification(
            phases=(PlannedPhase(name="immediate", ends_at=AT + HOUR, checks=("health", "errors")),),
            ended=(EndedPhase(name="immediate", at=AT + HOUR, verdict=Verdict.FAIL),),
            look=LOOK,
            state=WatchState.FAILED,
        ),
        taken_back=TakenBack(at=AT + HOUR, findings=LOOK.findings, rollback="DEP-43", settled=True),
    )
    return replace(made, **changes)


def environment(**changes: Any) -> EnvironmentState:
    """An environment with every field set."""
    made = EnvironmentState(name="production", colour=Colour.RED, since=AT, causes=("api", "db"))
    return replace(made, **changes)


def incident(number: int = 7, **changes: Any) -> Incident:
    """An incident with every field set."""
    made = Incident(
        id=f"INC-{number}",
        environment="production",
        severity="P0",
        state=IncidentState.RESOLVED,
        opened_at=AT,
        respond_by=AT + timedelta(minutes=5),
        causes=("api",),
        on_call="ada",
        acknowledged_by="ada",
        acknowledged_at=AT + timedelta(minutes=1),
        first_answered_at=AT + timedelta(seconds=42),
        resolved_by="bo",
        resolved_at=AT + HOUR,
        cause=Cause.DECLARED,
        title="Checkout answers slowly",
        declared_by="ada",
        escalation=Escalation(
            steps=(
                EscalationStep((Target(TargetKind.ON_CALL, "primary"),), timedelta(minutes=5)),
                EscalationStep(
                    (Target(TargetKind.ROLE, "platform-lead"), Target(TargetKind.PAGERDUTY, "default")),
                    timedelta(minutes=10),
                ),
            ),
            told=1,
            next_at=AT + timedelta(minutes=5),
            rounds=2,
        ),
        muted_by="production",
        suspect="DEP-42",
        judged=(Judged(request="DEP-42", related=False, by="bo", at=AT + timedelta(minutes=2)),),
        rolled_back_by="DEP-43",
        again_at=AT + timedelta(minutes=9),
        group="INC-7",
        summary="INC-6",
        ticket="acme/checkout#7",
    )
    return replace(made, **changes)


def page(**changes: Any) -> Page:
    """A page with every field set: one of its ways failed, the other worked."""
    made = Page(
        incident="INC-7",
        step=1,
        recipient="ada",
        ways=(
            Way(destination="slack:user:U01ADA", state=WayState.FAILED, at=AT, code="not_in_channel"),
            Way(destination="email:ada", state=WayState.ARRIVED, at=AT, receipt="250 2.0.0"),
        ),
        paged_at=AT,
        state=PageState.REACHED,
    )
    return replace(made, **changes)


def postmortem(**changes: Any) -> Postmortem:
    """A post-mortem with every field set."""
    by = Actor(via="slack:T1/U01ADA", person="ada")
    made = Postmortem(
        incident="INC-7",
        due_at=AT + 48 * HOUR,
        opened_at=AT,
        owner="ada",
        summary="The pool was too small.",
        impact="Checkout answered slowly for an hour.",
        whys=("a", "b", "c", "d", "e"),
        actions=(
            ActionItem(
                number=1, text="A larger pool", owner="bo", due=date(2026, 11, 20), done_by=by, done_at=AT
            ),
        ),
        state=PostmortemState.PUBLISHED,
        published_by=by,
        published_at=AT + HOUR,
    )
    return replace(made, **changes)


def override(number: int = 2, **changes: Any) -> Override:
    """Bo takes a day of Ada's, and gives it back."""
    by = Actor(via="slack:T1/U02BO", person="bo")
    made = Override(
        id=f"OVR-{number}",
        rotation="primary",
        person="bo",
        begins_at=AT,
        ends_at=AT + 24 * HOUR,
        declared_by=by,
        declared_at=AT - HOUR,
        reason="A swap",
        cancelled_by=by,
        cancelled_at=AT + HOUR,
    )
    return replace(made, **changes)


def freeze(number: int = 3, **changes: Any) -> Freeze:
    """A hard freeze of production for a day, lifted after an hour."""
    made = Freeze(
        id=f"FRZ-{number}",
        environments=("production",),
        services=("checkout",),
        strength=FreezeClass.HARD,
        reason="Peak trading",
        begins_at=AT,
        ends_at=AT + 24 * HOUR,
        break_glass=True,
        declared_by=Actor(via="slack:T1/U01ADA", person="ada"),
        declared_at=AT - HOUR,
        lifted_by=Actor(via="slack:T1/U02BO", person="bo"),
        lifted_at=AT + HOUR,
        lift_reason="It went well",
    )
    return replace(made, **changes)


def credential(**changes: Any) -> Credential:
    """A credential with every field set."""
    made = Credential(
        id="cred-1",
        person="ada",
        method="totp",
        sealed="v1.abc",
        enrolled_at=AT,
        enrolled_by="bo",
        revoked_at=AT + HOUR,
        passkey=Passkey(credential_id="Y3JlZA", public_key="a2V5", transports=("usb",), aaguid="00-00"),
        name="blue key",
        confirmed_by="vic",
        usable_from=AT + 24 * HOUR,
    )
    return replace(made, **changes)


def identity(**changes: Any) -> Identity:
    """A linked account with every field set."""
    made = Identity(
        provider=Provider.GITHUB,
        subject="583231",
        person="ada",
        label="ada-l",
        linked_at=AT,
        linked_by="slack:T1/U01ADA",
        revoked_at=AT + HOUR,
    )
    return replace(made, **changes)


def monitor(**changes: Any) -> MonitorState:
    """A monitor's state with every field set."""
    made = MonitorState(
        environment="production",
        name="api",
        component="backend",
        colour=Colour.YELLOW,
        since=AT,
        read_at=AT,
        good_at=AT - HOUR,
        code="http-500",
        facts={"status": 500},
        recent=(
            Reading(colour=Colour.GREEN, code="ok", at=AT - HOUR),
            Reading(colour=Colour.RED, code="http-500", at=AT, facts={"status": 500}, decisive=True),
        ),
    )
    return replace(made, **changes)


def timer(subject: str = "DEP-42", *, kind: str = "evaluate", due_at: datetime = AT) -> Timer:
    return Timer(kind=kind, subject=subject, due_at=due_at)


def delivery(
    key: str = "card:DEP-42", *, to: str = "channel/deployments", due_at: datetime = AT, **facts: Any
) -> Delivery:
    return Delivery(
        key=key, kind="request-card", destination=to, subject="DEP-42", due_at=due_at, facts=facts
    )


def submit(tx: Transaction) -> int:
    """A step that takes the next number and keeps a request under it."""
    number = tx.requests.next_number()
    tx.requests.put(request(number), BECAUSE)
    return number
