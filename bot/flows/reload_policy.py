"""Put a policy in force: recorded at start and at each reload; a bad file leaves the old one in force and says so."""

from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from bot.domain.audit import Fact
from bot.flows import owing
from bot.flows.freeze_moments import look_ahead_soon
from bot.flows.link import look_again
from bot.flows.rollouts import wake_rollouts
from bot.gates import GATES
from bot.policy import Policy, PolicyError, Unreadable, load
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


async def put_in_force(ledger: Ledger, policy: Policy) -> bool:
    """Record that `policy` is in force, and have open requests judged by it. False: it was in force already."""

    def step(tx: Transaction) -> bool:
        look_ahead_soon(tx)
        before = tx.place(SUBJECT, IN_FORCE)
        if before is not None and before.get("digest") == policy.digest:
            return False
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
        look_again(tx, policy)
        if before is not None:
            owing.channel(
                tx, policy.slack.channels.approvals, "policy-notice", SUBJECT, {"code": "in-force", **facts}
            )
        return True

    return await ledger.write(step)


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
