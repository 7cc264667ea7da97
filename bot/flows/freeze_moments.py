"""The moments of a freeze: a day before, when it begins, when it ends. Told only while they are true, and told once."""

import asyncio
from collections.abc import Container, Mapping
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import RequestState
from bot.domain.freeze import Freeze, FreezeState, Moment, moments
from bot.domain.owed import Timer
from bot.flows import owing
from bot.flows.freezes import Frozen, Standing, declared, standing
from bot.flows.living_calendar import status_of
from bot.flows.rollouts import wake_rollouts
from bot.policy import Policy
from bot.ports import Ledger, Transaction

KIND, AHEAD = "freeze", "freeze-ahead"
"""The kinds of the timers: one moment, and the look ahead at what stands in the policy."""
LOOKS_AHEAD: Final = timedelta(hours=48)
EVERY: Final = timedelta(days=1)
TOLD: Final = "freeze-told"
_POLICY: Final = "policy:"
_ALL: Final = "policy-freezes"


async def fire(ledger: Ledger, policy: Policy, subject: str) -> None:
    """A moment has come: FRZ-3/begin, or policy:NAME:SECONDS/begin. What is not true (any more) is not told; what is
    told late is told as it stands now. Requests in its scope are judged again at its beginning and its end."""
    about, _, word = subject.rpartition("/")
    moment = Moment(word)
    if about.startswith(_POLICY):
        ahead, _ = await standing(ledger, policy)
        found = ahead.by_subject.get(about)
        await ledger.write(lambda tx: _happen(tx, policy, found, moment))
        return

    def step(tx: Transaction) -> None:
        freeze = tx.freezes.get(about)
        _happen(tx, policy, None if freeze is None else declared(freeze), moment)

    await ledger.write(step)


async def look_ahead(ledger: Ledger, policy: Policy) -> None:
    """Set the moments of the policy's freezes of the next two days, tell of one that is in force and was not told,
    and look again tomorrow. Runs daily, at each start, and when the policy or a feed changes."""
    found, now = await standing(ledger, policy)
    near = await asyncio.to_thread(found.alive, now, now + LOOKS_AHEAD)

    def step(tx: Transaction) -> None:
        for frozen in near:
            _look_at(tx, policy, frozen, found.by_subject)
        _ended_unheard(tx, policy, found)
        tx.schedule(Timer(kind=AHEAD, subject="policy", due_at=tx.now + EVERY))

    await ledger.write(step)


def look_ahead_soon(tx: Transaction) -> None:
    """Have the policy's freezes looked at now: for whoever changes what they are."""
    tx.schedule(Timer(kind=AHEAD, subject="policy", due_at=tx.now))


def _look_at(tx: Transaction, policy: Policy, frozen: Frozen, there: Container[str]) -> None:
    state = frozen.state(tx.now)
    soon = state is FreezeState.SCHEDULED and frozen.begins_at <= tx.now + LOOKS_AHEAD
    if state is FreezeState.ACTIVE and not _was_told(tx, frozen):
        told = tx.place(f"{_POLICY}{frozen.name}", TOLD)
        if told is not None and frozen.name in _under_way(tx) and told.get("subject") not in there:
            begun(tx, frozen)  # the same with another beginning: an event was moved, or recurs for ever
        else:
            _begin(tx, policy, frozen)
    if soon or state is FreezeState.ACTIVE:
        set_timers(tx, frozen)


def _ended_unheard(tx: Transaction, policy: Policy, found: Standing) -> None:
    """Tell the end of what was told to have begun and is no more: cut short, called off, or dropped by the policy."""
    unread = {feed.name for feed in policy.feeds if not status_of(tx, feed).readable}  # nobody knows of these
    for name in _under_way(tx) - unread:
        told = dict(tx.place(f"{_POLICY}{name}", TOLD) or {})
        subject = str(told.pop("subject", ""))
        frozen = found.by_subject.get(subject)
        if frozen is not None and frozen.state(tx.now) is not FreezeState.ENDED:
            continue
        key = f"freeze:{subject}/{Moment.END}"
        if tx.remembered(key) is None:
            tx.remember(key, True)
            facts = {**told, "ends_at": tx.now.isoformat()} if frozen is None else _said(frozen)
            announcements = policy.slack.channels.announcements
            owing.channel(tx, announcements, "freeze-note", subject, {"code": "over", **facts})
        _set_under_way(tx, _under_way(tx) - {name})


def _under_way(tx: Transaction) -> set[str]:
    """The policy's freezes of which it was told that they began, and not yet that they are over."""
    names = (tx.place(_ALL, TOLD) or {}).get("names")
    return {str(name) for name in names} if isinstance(names, list) else set()


def _set_under_way(tx: Transaction, names: set[str]) -> None:
    if names != _under_way(tx):
        tx.put_place(_ALL, TOLD, {"names": [*sorted(names)]})


def set_timers(tx: Transaction, frozen: Frozen) -> None:
    """One timer for each of its moments that is still ahead."""
    for moment, at in moments(frozen.begins_at, frozen.ends_at, tx.now).items():
        tx.schedule(Timer(kind=KIND, subject=f"{frozen.subject}/{moment}", due_at=at))


def drop_timers(tx: Transaction, freeze: Freeze) -> None:
    """It is lifted: none of its moments comes any more."""
    for moment in Moment:
        tx.unschedule(KIND, f"{freeze.id}/{moment}")


def _happen(tx: Transaction, policy: Policy, frozen: Frozen | None, moment: Moment) -> None:
    if frozen is None or frozen.is_lifted:  # it left the policy, or somebody lifted it meanwhile
        return
    key = f"freeze:{frozen.subject}/{moment}"
    if tx.remembered(key) is not None:
        return
    due = {Moment.BEGIN: frozen.begins_at, Moment.END: frozen.ends_at}.get(moment)
    if moment is not Moment.DAY_BEFORE and (due is None or tx.now < due):
        set_timers(tx, frozen)  # it was moved, or the clock was set back
        return
    tx.remember(key, True)
    _tell(tx, policy, frozen, moment)


def _tell(tx: Transaction, policy: Policy, frozen: Frozen, moment: Moment) -> None:
    """Tell it as it stands now: what began and is over already is told at its end alone."""
    state = frozen.state(tx.now)
    if moment is Moment.DAY_BEFORE and state is FreezeState.SCHEDULED:
        announce(tx, policy, frozen, "day-before")
    elif moment is Moment.BEGIN and state is FreezeState.ACTIVE and not _was_told(tx, frozen):
        _begin(tx, policy, frozen)
    elif moment is Moment.END:
        announce(tx, policy, frozen, "over")
        reconsider(tx, frozen)
        if frozen.declared is None and _was_told(tx, frozen):
            _set_under_way(tx, _under_way(tx) - {frozen.name})


def _begin(tx: Transaction, policy: Policy, frozen: Frozen) -> None:
    begun(tx, frozen)
    announce(tx, policy, frozen, "begun")
    reconsider(tx, frozen)


def begun(tx: Transaction, frozen: Frozen) -> None:
    """Remember that its beginning was told. Of each freeze of the policy, the last stretch is remembered."""
    if frozen.declared:
        tx.put_place(frozen.name, TOLD, {"subject": frozen.subject})
        return
    tx.put_place(f"{_POLICY}{frozen.name}", TOLD, {"subject": frozen.subject, **_said(frozen)})
    _set_under_way(tx, _under_way(tx) | {frozen.name})


def _was_told(tx: Transaction, frozen: Frozen) -> bool:
    name = frozen.name if frozen.declared else f"{_POLICY}{frozen.name}"
    place = tx.place(name, TOLD)
    return place is not None and place.get("subject") == frozen.subject


def announce(tx: Transaction, policy: Policy, frozen: Frozen, code: str) -> None:
    """Owe the announcement. A declared freeze is shown as it stands when it is sent; one of the policy as it is now."""
    facts: dict[str, JsonValue] = {"code": code}
    if frozen.declared is None:
        facts |= _said(frozen)
    owing.channel(tx, policy.slack.channels.announcements, "freeze-note", frozen.subject, facts)


def _said(frozen: Frozen) -> Mapping[str, JsonValue]:
    return {
        "name": frozen.name,
        "environments": [*frozen.environments],
        "services": [*frozen.services],
        "class": frozen.strength.value,
        "holds": frozen.holds,
        "break_glass": frozen.break_glass,
        "reason": frozen.reason,
        "begins_at": frozen.begins_at.isoformat(),
        "ends_at": None if frozen.ends_at is None else frozen.ends_at.isoformat(),
    }


def reconsider(tx: Transaction, frozen: Frozen) -> None:
    """Judge again what waits in its scope, and have rollouts under way look at what holds them. Nothing starts by
    this that nobody approved."""
    for request in tx.requests.open():
        waits = request.state is not RequestState.STARTING
        if waits and frozen.covers(request.environment, request.service):
            owing.evaluate_at(tx, request, tx.now)
    wake_rollouts(tx)
