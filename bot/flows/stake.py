"""What an evaluation has to ask about people: nothing, only to show who could sign, or to decide (P8)."""

from dataclasses import replace
from enum import Enum, auto
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import ChangeRequest, Kind, RequestState
from bot.domain.outcome import GateOutcome, Status
from bot.domain.refusal import Refusal
from bot.flows import shown
from bot.flows.authority import sources_for
from bot.flows.count import quorum_of, undecided
from bot.policy import Policy
from bot.ports import Transaction

APPROVERS: Final = "approvers"
"""Stands among the gates' outcomes while a source of roles does not answer about somebody who approved."""


class Stake(Enum):
    """What depends on the live sources of roles now."""

    NOTHING = auto()
    SHOW = auto()  # nobody signed; who could is shown, and asked seldom
    SIGNED = auto()  # a signature waits to be decided on
    SEATED = auto()  # every seat is filled: it is approved, or may start


def at_stake(tx: Transaction, policy: Policy, request: ChangeRequest) -> Stake:
    """What is to be asked for `request`. A policy without live sources is known to need nothing without a look."""
    if not sources_for(policy, request):
        return _to_show(tx, request) if shown.shown_sources(policy, request) else Stake.NOTHING
    if request.state is not RequestState.EVALUATING:
        if undecided(tx, request):
            return Stake.SIGNED
        if quorum_of(tx, policy, request).filled:
            return Stake.SEATED
    return _to_show(tx, request)


def _to_show(tx: Transaction, request: ChangeRequest) -> Stake:
    waits = request.state in (RequestState.EVALUATING, RequestState.AWAITING_APPROVAL)
    return Stake.SHOW if waits and shown.is_old(tx, request) else Stake.NOTHING


def wants_to_start(request: ChangeRequest) -> bool:
    """Whether it starts as soon as it may: filled just now, it said when, somebody pressed Start, or it is a rollback
    that a call under way held up."""
    if request.start.by_itself or request.asked_to_start is not None or request.kind is Kind.ROLLBACK:
        return True
    return request.approved_at is None


def held_by_silence(request: ChangeRequest, silent: tuple[Refusal, ...]) -> ChangeRequest:
    """The request, held until the sources answer about those who approved it: an error denies, and voids nothing."""
    readiness = request.readiness
    if not silent or readiness is None:
        return request
    named = [each for refusal in silent for each in _named(refusal)]
    found: list[JsonValue] = [{"source": source, "code": code} for source, code in dict.fromkeys(named)]
    outcome = GateOutcome(
        gate=APPROVERS, status=Status.UNKNOWN, code="source-silent", facts={"silent": found}, retry=True
    )
    return replace(request, readiness=replace(readiness, outcomes=(*readiness.outcomes, outcome)))


def held_silent(request: ChangeRequest) -> bool:
    """Whether it is approved and held because nobody answers about somebody who approved: others may sign besides."""
    outcomes = () if request.readiness is None else request.readiness.outcomes
    return request.state is RequestState.APPROVED and any(o.gate == APPROVERS for o in outcomes)


def _named(refusal: Refusal) -> list[tuple[str, str]]:
    """The sources that a refusal says were silent, each with its code."""
    silent = refusal.facts.get("silent")
    if isinstance(silent, list):
        return [(str(s.get("source")), str(s.get("code"))) for s in silent if isinstance(s, dict)]
    return [(f"repository {refusal.facts.get('repository')}", str(refusal.facts.get("why")))]
