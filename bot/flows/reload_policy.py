"""Put a policy in force: recorded at start and at each reload; a bad file leaves the old one in force and says so."""

import asyncio
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.flows import owing
from bot.flows.freeze_moments import look_ahead_soon
from bot.flows.handoff import look_at_all_soon
from bot.flows.link import look_again
from bot.flows.project_state import as_entered, enter, in_the_state_entered
from bot.flows.rollouts import wake_rollouts
from bot.gates import GATES
from bot.policy import Policy, PolicyError, Problem, Unreadable, load
from bot.policy.states import state_in_file
from bot.ports import Ledger, Transaction

IN_FORCE = "policy-in-force"
SUBJECT = "policy"


def load_policy(path: Path) -> Policy:
    """The policy of a file, read with all gates of the product. Raises PolicyError with every problem of it, and
    nothing else: whoever asks for a policy has one to keep, or somebody to tell."""
    try:
        return load(path, {name: gate.parameters for name, gate in GATES.items()})
    except PolicyError:
        raise
    except Exception as error:
        raise Unreadable(str(path), error) from error


class PolicyHolder:
    """`bot.ports.PolicyInForce`: the one mutable place that holds the policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    async def follow(self, ledger: Ledger) -> bool:
        """Go on with the rules of the state that the project is in (K1), where an approved change brought another one
        since, in this process or beside it. Whether it did."""
        policy = self.policy
        entered = await in_the_state_entered(ledger, policy)
        if entered is policy or self.policy is not policy:  # or another one was put in force meanwhile
            return False
        self.policy = entered
        return True


async def put_in_force(ledger: Ledger, policy: Policy) -> bool:
    """Record that `policy` is in force, and have open requests judged by it. False: it was in force already.

    Where it names who approves a change of state, it is in force with the rules of the state that was entered last.
    """

    def step(tx: Transaction) -> bool:
        look_ahead_soon(tx)
        look_at_all_soon(tx, policy)
        facts = judge_anew(tx, enter(tx, policy))
        if facts is None:
            return False
        look_again(tx, policy)
        if facts["previous"] is not None:
            owing.channel(
                tx, policy.slack.channels.approvals, "policy-notice", SUBJECT, {"code": "in-force", **facts}
            )
        return True

    return await ledger.write(step)


def judge_anew(tx: Transaction, policy: Policy) -> dict[str, JsonValue] | None:
    """Record that `policy` decides from here on, and have everything open judged by it; what was recorded, or None
    where it was in force already."""
    before = tx.place(SUBJECT, IN_FORCE)
    if before is not None and before.get("digest") == policy.digest:
        return None
    previous: JsonValue = None if before is None else before.get("digest")
    facts: dict[str, JsonValue] = {
        "digest": policy.digest,
        "previous": previous,
        "file": policy.source.name,
    }
    tx.trail.record(Fact(type="policy.in-force", facts=facts), subject=SUBJECT)
    tx.put_place(SUBJECT, IN_FORCE, {"digest": policy.digest})
    for request in tx.requests.open():
        owing.evaluate_at(tx, request, tx.now)
    wake_rollouts(tx)
    return facts


async def continued(ledger: Ledger, before: Policy, policy: Policy) -> Policy:
    """`policy`, which is to follow `before`, with the rules of the state that the project is in.

    Raises PolicyError where it would change that state by its file although it names who approves such a change. A file
    that now says what holds anyway changes nothing.
    """
    entered = await ledger.read(lambda tx: as_entered(tx, policy))
    says = state_in_file(policy)
    if policy.state_change is None or says in (state_in_file(before), entered.state):
        return entered
    words = (
        f"state: a change of state is approved here (state_change), and the project is in {entered.state}: ask for it "
        f"with `/deploy state {says}` in Slack, and leave `state: {state_in_file(before)}` in the file"
    )
    raise PolicyError([Problem(str(policy.source), await asyncio.to_thread(_line, policy.source), words)])


def _line(file: Path) -> int:
    """Where the file says its state; 1 where nobody can tell."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 1
    return next((n for n, line in enumerate(lines, 1) if line.startswith("state:")), 1)


def in_force(tx: Transaction, policy: Policy) -> bool:
    """Whether `policy` is the one that was put in force last; yes where none ever was."""
    recorded = tx.place(SUBJECT, IN_FORCE)
    return recorded is None or recorded.get("digest") == policy.digest


async def refuse(ledger: Ledger, policy: Policy, error: PolicyError) -> None:
    """Record that a reload was refused; `policy` stays in force."""
    problems: list[JsonValue] = [str(replace(p, file=Path(p.file).name)) for p in error.problems[:5]]
    facts: dict[str, JsonValue] = {
        "in_force": policy.digest,
        "problems": problems,
        "count": len(error.problems),
    }

    def step(tx: Transaction) -> None:
        tx.trail.record(Fact(type="policy.refused", facts=facts), subject=SUBJECT)
        owing.channel(
            tx, policy.slack.channels.approvals, "policy-notice", SUBJECT, {"code": "refused", **facts}
        )

    await ledger.write(step)
