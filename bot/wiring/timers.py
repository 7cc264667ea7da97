"""What happens when a timer falls due: its kind, and the one flow that carries it out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bot.adapters.github import GitHub
from bot.flows import (
    action_items,
    alerts,
    asked_duty,
    break_glass,
    handoff,
    lock_notes,
    postmortem,
    remind,
    review,
    sight,
    soon_again,
    verify,
)
from bot.flows.automatic import TIMER
from bot.flows.escalate import escalate
from bot.flows.evaluate import evaluate
from bot.flows.freeze_moments import fire, look_ahead
from bot.flows.keep_feed import fire as look_at_feed
from bot.flows.link import link_github
from bot.flows.observe import silence_over
from bot.flows.run import carry_out
from bot.flows.still_red import still_red
from bot.jobs.duties import Duties
from bot.ports import Ledger, Metrics
from bot.wiring.decider import Decider

EVALUATIONS: Final = 16
"""At the same time: a registry that hangs holds some, and people's commands go first anyway."""
Work = Callable[[str], Awaitable[None]]


def timers_of(
    decider: Decider, ledger: Ledger, duties: Duties, forge: GitHub | None, metrics: Metrics
) -> dict[str, Work]:
    """Kind to the work, which is given the timer's subject; each works by the policy that is in force then."""
    holder = decider.holder
    evaluating = asyncio.Semaphore(EVALUATIONS)

    async def evaluated(request_id: str) -> None:
        async with evaluating:
            await evaluate(ledger, decider.collector, holder.policy, request_id)
        await holder.follow(ledger)

    async def linked(person: str) -> None:  # what failed was told, and the next occasion tries again
        await link_github(ledger, holder.policy, forge, person)

    return {
        "evaluate": evaluated,
        "run": lambda id_: carry_out(ledger, decider.deployers, holder.policy, id_, metrics),
        TIMER: lambda id_: verify.look(ledger, decider.deployers, holder.policy, id_, metrics),
        "freeze": lambda subject: fire(ledger, holder.policy, subject),
        "freeze-ahead": lambda _: look_ahead(ledger, holder.policy),
        "feed": lambda name: look_at_feed(ledger, holder.policy, name),
        "link": linked,
        "break-glass": lambda subject: break_glass.fire(ledger, holder.policy, subject),
        "remind": lambda id_: remind.remind(ledger, holder.policy, id_),
        "review": lambda id_: review.remind(ledger, holder.policy, id_),
        "escalate": lambda id_: escalate(ledger, holder.policy, id_),
        sight.TIMER: lambda _: sight.page_if_blind(ledger, holder.policy),
        "silence": lambda name: silence_over(ledger, holder.policy, name),
        soon_again.TIMER: lambda id_: still_red(ledger, holder.policy, id_),
        alerts.TIMER: lambda subject: alerts.let_age(ledger, holder.policy, subject),
        handoff.KIND: lambda rotation: handoff.fire(ledger, holder.policy, rotation),
        asked_duty.KIND: duties.ask,
        "postmortem": lambda id_: postmortem.remind(ledger, holder.policy, id_),
        lock_notes.TIMER: lambda person: lock_notes.tell_lock(ledger, holder.policy, person),
        "action": lambda id_: action_items.remind(ledger, holder.policy, id_),
    }
