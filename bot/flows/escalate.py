"""Escalation: the chain of an incident is told step by step until somebody answers, by deadlines in the ledger (F7)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.domain.change_request import SYSTEM, Actor
from bot.domain.escalation import Escalation, EscalationStep, Target, TargetKind
from bot.domain.incident import Cause, Incident, IncidentState
from bot.domain.owed import Timer
from bot.domain.page import Page, PageState
from bot.domain.refusal import Refusal
from bot.flows import pages
from bot.flows.asking import Asker
from bot.flows.incident_news import alarm, card, leave_groups, note, update_pages
from bot.flows.on_duty import on_duty
from bot.flows.together import WINDOW, declared_again, gathered, lead_on, told_together, waiting
from bot.policy import Policy
from bot.ports import Ledger, Transaction

TIMER: Final = "escalate"
"""The kind of its timer; the subject is the incident."""
CONTACTS: Final = ("primary", "backup", "escalation")
"""Whom an incident falls to where the policy has no escalation, in this order (C10)."""
PATIENCE: Final = timedelta(minutes=5)
"""How long a step waits where the policy knows no such severity."""
_SENT: Final = (PageState.OWED, PageState.REACHED)


def chain_of(policy: Policy, severity: str) -> Escalation:
    """The policy's escalation as it is now. Without one: whoever is on call in each rotation, then the contacts."""
    patience = policy.severities.get(severity, PATIENCE)
    steps = tuple(
        EscalationStep(tuple(target.compiled for target in step.notify), step.within or patience)
        for step in policy.escalation
    )
    if not steps:
        people = dict.fromkeys(policy.contacts[name] for name in CONTACTS if name in policy.contacts)
        duties = [Target(TargetKind.ON_CALL, rotation) for rotation in policy.on_call]
        named = [Target(TargetKind.PERSON, person) for person in people]
        steps = tuple(EscalationStep((target,), patience, unless_told=True) for target in (*duties, *named))
    return Escalation(steps=steps, rounds=policy.incidents.rounds)


def responder(tx: Transaction, policy: Policy, chain: Escalation) -> str | None:
    """Who is on call for it by its own chain, for its card; None where nobody is."""
    named = (t.name for step in chain.steps for t in step.targets if t.kind is TargetKind.ON_CALL)
    return next((p for name in named if (p := on_duty(tx, policy, name, tx.now)) is not None), None)


def start(tx: Transaction, policy: Policy, incident: Incident, because: Fact) -> Incident:
    """Write an incident that nothing keeps from being paged, and page: at once, or with others when their minute is
    over. What a person declared waits for nobody, unless they do it again and again; a deployment that failed never
    does."""
    chain = incident.escalation or chain_of(policy, incident.severity)
    if (
        incident.leads and chain.next_at is not None
    ):  # it was muted, and its chain went on for those that it leads
        tx.incidents.put(incident, because)
        return incident
    incident = replace(incident, escalation=chain.stopped(), group=None)
    due: datetime | None = tx.now
    if not chain.told and _may_wait(tx, policy, incident):
        incident, due = gathered(tx, policy, incident)
    if due == tx.now:
        tx.incidents.put(incident, because)
        return begin(tx, policy, incident)
    if due is not None:
        incident = replace(incident, escalation=chain.waiting_until(due))
    tx.incidents.put(incident, because)
    set_timer(tx, incident)
    return incident


def _may_wait(tx: Transaction, policy: Policy, incident: Incident) -> bool:
    if incident.cause is Cause.DECLARED:
        return declared_again(tx, policy, incident)
    return incident.cause is Cause.MONITORS


def hand_over(tx: Transaction, policy: Policy, incident: Incident, others: Sequence[Incident]) -> Incident:
    """Somebody has the one that leads `others`, of which no page has told yet: the first of them by the fix-first order
    leads the rest, and is paged when the minute is over. Gives the former leader, which is written by its caller."""
    order = list(policy.environments)
    lead = min(others, key=lambda i: order.index(i.environment) if i.environment in order else len(order))
    due = incident.escalation.next_at if incident.escalation is not None else None
    chain = lead.escalation or chain_of(policy, lead.severity)
    for other in others:
        after = replace(other, group=lead.id)
        if other is lead:
            lead = after = replace(after, escalation=chain.waiting_until(due or tx.now))
        tx.incidents.put(
            after, Fact(type="incident.regrouped", facts={"after": incident.id, "lead": lead.id})
        )
        card(tx, policy, after)
    lead_on(tx, policy, incident, lead)
    set_timer(tx, lead)
    return replace(incident, group=None)


def keep_time(tx: Transaction) -> None:
    """A clock that was put back makes nobody wait longer than their step says: asked again and again, for timers of the
    hour that comes twice fall due only when it is over."""
    there = tx.incidents.open()
    ids = {each.id for each in there}
    leaders = dict.fromkeys(each.group for each in there if each.group is not None and each.group not in ids)
    over = [leader for name in leaders if (leader := tx.incidents.get(name)) is not None]
    for incident in (*there, *over):  # one that is over goes on telling of others
        chain = incident.escalation
        if chain is None or chain.next_at is None:
            continue
        latest = tx.now + (chain.patience or WINDOW)
        if chain.next_at > latest:
            sooner = replace(incident, escalation=chain.waiting_until(latest))
            facts: dict[str, JsonValue] = {"from": chain.next_at.isoformat(), "to": latest.isoformat()}
            tx.incidents.put(sooner, Fact(type="incident.deadline", facts=facts))
            set_timer(tx, sooner)


def begin(tx: Transaction, policy: Policy, incident: Incident) -> Incident:
    """Tell the next step of the chain now, and what hears of every incident."""
    pages.owe_besides(tx, policy, incident)
    return _go_on(tx, policy, incident)


def tell_next(tx: Transaction, policy: Policy, incident: Incident, *, by: Actor) -> Incident:
    """Nobody has it any more: the next step is told now and, where none is left, everybody in the channel is."""
    return _go_on(tx, policy, incident, by=by)


def stop(tx: Transaction, policy: Policy, incident: Incident) -> None:  # noqa: ARG001 -- as agreed with its callers
    """Nobody is told any more: the timer and what is still owed are off, in the transaction in which somebody answered.
    Where it leads others that nobody has yet, they go on being told. `incident` is written already."""
    if (incident.group is not None and not incident.leads) or waiting(tx, incident):
        return
    pages.call_off(tx, incident)
    tx.unschedule(TIMER, incident.id)
    chain = incident.escalation
    if chain is not None and chain.next_at is not None:
        tx.incidents.put(replace(incident, escalation=chain.stopped()), Fact(type="incident.chain-stopped"))


async def escalate(ledger: Ledger, policy: Policy, incident_id: str) -> None:
    """The deadline of a step has come: tell the next one, or everybody that nobody answered. Called by its timer."""

    def step(tx: Transaction) -> None:
        incident = tx.incidents.get(incident_id, lock=True)
        if incident is None or incident.escalation is None or incident.escalation.next_at is None:
            return
        if tx.now < incident.escalation.next_at:
            set_timer(tx, incident)
        elif not waiting(tx, incident):
            stop(tx, policy, incident)
        else:
            if not incident.escalation.told:
                pages.owe_besides(tx, policy, incident)
            _go_on(tx, policy, incident)

    await ledger.write(step)


async def raise_now(ledger: Ledger, policy: Policy, asker: Asker, incident_id: str, *, key: str) -> None:
    """Somebody wants the next step told now (*Escalate*): also for what is muted, and by whoever has it and needs help.

    Raises Refusal `unknown-incident`, `incident-over` or `nobody-left`.
    """
    actor = asker.actor(policy)

    def step(tx: Transaction) -> None:
        if tx.remembered(key) is not None:
            return
        incident = known_open(tx, incident_id)
        chain = incident.escalation or chain_of(policy, incident.severity)
        if chain.exhausted:
            raise Refusal("nobody-left", {"incident": incident.id, "rounds": chain.rounds})
        tx.remember(key, incident.id)
        group = incident.group if incident.leads else None
        raised = replace(
            incident, state=IncidentState.OPEN, acknowledged_by=None, acknowledged_at=None, muted_by=None,
            first_answered_at=incident.answered_at, escalation=chain, group=group,
        )  # fmt: skip
        tx.incidents.put(raised, Fact(type="incident.raised", by=actor))
        note(tx, policy, raised, "raised", person=actor.person)
        _go_on(tx, policy, raised, by=actor)
        update_pages(tx, raised.id)
        if not incident.leads:
            leave_groups(tx, [incident.group])

    await ledger.write(step)


def known_open(tx: Transaction, incident_id: str) -> Incident:
    """The incident, locked. Raises Refusal `unknown-incident` or `incident-over`."""
    incident = tx.incidents.get(incident_id, lock=True)
    if incident is None:
        raise Refusal("unknown-incident", {"incident": incident_id[:40]})
    if not incident.is_open:
        raise Refusal("incident-over", {"incident": incident.id, "by": incident.resolved_by})
    return incident


def page_failed(tx: Transaction, policy: Policy, page: Page) -> None:
    """None of a page's ways will ever work: the chain goes on at once (promise 3). After the last step of a round the
    next one begins at its deadline, and where the round reached nobody at all, everybody is told that now."""
    incident = tx.incidents.get(page.incident, lock=True)
    if incident is None or incident.escalation is None or not waiting(tx, incident):
        return
    codes: list[JsonValue] = [way.code for way in page.ways]
    note(tx, policy, incident, "page-failed", recipient=page.recipient, codes=codes)
    chain = incident.escalation
    if page.step != chain.told:
        return  # besides the chain, or the chain has gone on already
    if chain.round_over:
        _tell_if_lost(tx, policy, incident, chain)
        card(tx, policy, incident)
    else:
        _go_on(tx, policy, incident)


def _go_on(tx: Transaction, policy: Policy, incident: Incident, *, by: Actor = SYSTEM) -> Incident:
    """Tell the next step, and the one after it at once where there is somebody who cannot be told; at most to the end
    of the round, for nobody comes within reach by being asked again in the same instant."""
    chain = incident.escalation or chain_of(policy, incident.severity)
    told = False
    while (step := chain.upcoming) is not None:
        chain = chain.advanced(tx.now)
        if _heard(tx, policy, incident, chain, step):
            if told and chain.round_over:
                break
            continue
        told = True
        if _tell(tx, policy, incident, chain, step) or chain.round_over:
            break
    else:
        chain = chain.advanced(tx.now)
    after = replace(incident, escalation=chain)
    facts: dict[str, JsonValue] = {"told": chain.told, "round": chain.round}
    tx.incidents.put(
        after, Fact(type="incident.escalated" if told else "incident.unanswered", by=by, facts=facts)
    )
    set_timer(tx, after)
    told_together(tx, policy, after)
    if told:
        _tell_if_lost(tx, policy, after, chain)
    else:
        rounds = chain.round
        alarm(tx, policy, after, "unanswered" if rounds else "nobody-to-tell", rounds=rounds)
        note(tx, policy, after, "unanswered" if rounds else "nobody-to-tell", rounds=rounds)
    card(tx, policy, after)
    return after


def set_timer(tx: Transaction, incident: Incident) -> None:
    """Its timer falls due at the chain's deadline, and at no other instant."""
    tx.unschedule(TIMER, incident.id)
    if incident.escalation is not None and incident.escalation.next_at is not None:
        tx.schedule(Timer(kind=TIMER, subject=incident.id, due_at=incident.escalation.next_at))


def _tell(
    tx: Transaction, policy: Policy, incident: Incident, chain: Escalation, step: EscalationStep
) -> bool:
    """Page a step, and say in the thread whom. False where somebody in it cannot be told, so that the next one is."""
    told: list[Page] = []
    empty: list[JsonValue] = []
    silent: dict[str, None] = {}
    for target in step.targets:
        behind = pages.found(tx, policy, target)
        silent |= dict.fromkeys(behind.silent)
        if not (behind.people or behind.places):
            empty.append({"kind": target.kind.value, "name": target.name})
        told += pages.owe_page(tx, policy, incident, chain.told, target)
    failed: list[JsonValue] = [page.recipient for page in told if page.state is PageState.FAILED]
    reached = dict.fromkeys(page.recipient for page in told if page.state is not PageState.FAILED)
    facts: dict[str, JsonValue] = {
        "step": chain.level, "of": len(chain.steps), "round": chain.round, "rounds": chain.rounds,
        "people": [r for r in reached if ":" not in r], "places": [r for r in reached if ":" in r],
        "empty": empty, "wayless": failed, "silent": [*silent],
        "until": None if chain.next_at is None else chain.next_at.isoformat(),
    }  # fmt: skip
    note(tx, policy, incident, "told", **facts)
    return not (empty or failed)


def _heard(
    tx: Transaction, policy: Policy, incident: Incident, chain: Escalation, step: EscalationStep
) -> bool:
    """Whether a step would only tell people whom this round has told: to wait for them once more would lose its time."""
    if not step.unless_told:
        return False
    behind = [pages.found(tx, policy, target) for target in step.targets]
    people = {person for each in behind for person in each.people}
    if not people or any(each.places for each in behind):
        return False
    first = (chain.round - 1) * len(chain.steps)
    sent = [p for p in tx.pages.of(incident.id) if first < p.step < chain.told and p.state in _SENT]
    return people <= {page.recipient for page in sent}


def _tell_if_lost(tx: Transaction, policy: Policy, incident: Incident, chain: Escalation) -> None:
    """Where a whole round reached nobody, say so to everybody at once."""
    if not chain.round_over:
        return
    first = (chain.round - 1) * len(chain.steps)
    if not any(page.step > first and page.state in _SENT for page in tx.pages.of(incident.id)):
        alarm(tx, policy, incident, "nobody-reached", round=chain.round)
