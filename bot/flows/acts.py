"""What a second factor on our page does, by the purpose of the link that led there."""

from collections.abc import Callable, Mapping
from typing import Final

from bot.domain.approval import SecondFactor
from bot.domain.second_factor import Intent, Purpose
from bot.flows import approve, confirm, reset, withdraw
from bot.policy import Policy
from bot.ports import Transaction

Act = Callable[[Transaction, Policy, Intent, SecondFactor], None]
"""Carries an intent out, in the transaction that uses it up. Raises Refusal."""
Check = Callable[[Transaction, Policy, Intent], None]
"""Whether it could be carried out now, so that nobody uses a factor in vain. Raises Refusal."""

ACTS: Final[Mapping[Purpose, Act]] = {
    Purpose.APPROVE: approve.approve_act,
    Purpose.WITHDRAW: withdraw.withdraw_act,
    Purpose.CONFIRM: confirm.confirm_act,
    Purpose.RESET: reset.reset_act,
}
CHECKS: Final[Mapping[Purpose, Check]] = {
    Purpose.APPROVE: approve.check,
    Purpose.WITHDRAW: withdraw.check,
    Purpose.CONFIRM: confirm.check_confirmation,
    Purpose.RESET: reset.check_reset,
}
"""An act without a check is first asked when it is carried out."""
