"""How an environment stands by groups of components, as facts of a message: each deployment reports it (D2)."""

from pydantic import JsonValue

from bot.domain.board import Group
from bot.domain.environment import worst
from bot.flows.board import lines_of
from bot.flows.colours import statuses
from bot.policy import Policy
from bot.ports import Transaction


def by_group(tx: Transaction, policy: Policy, environment: str) -> dict[str, JsonValue]:
    """`groups`: the worst colour of each group that the environment has, in the groups' order; nothing where the policy
    puts no component into a group."""
    status = next((each for each in statuses(tx, policy, tx.now) if each.name == environment), None)
    lines = () if status is None else lines_of(policy, status)
    found: dict[str, JsonValue] = {
        group.value: worst(line.colour for line in lines if line.group is group).value
        for group in Group
        if any(line.group is group for line in lines)
    }
    return {"groups": found} if set(found) - {Group.OTHER.value} else {}
