"""How a change of the project's state is called, and how it stands (K1): nothing is deployed by it."""

from typing import Final

from bot.domain.change_request import ChangeRequest, Kind, RequestState
from bot.policy.states import STATES

NOUN: Final = "project state"
IN_FORCE: Final = "took effect"
"""The end of a sentence that begins with a change of state that was approved."""
IN_FORCE_WORD: Final = "In force"
AT_ONCE: Final = "takes effect at once with the last approval"
AS_SOON: Final = "takes effect by itself as soon as every gate passes"
_CLOSED: Final = {
    "no-state-change": "the policy has no state_change any more, so nobody approves it: its file says the state",
    "in-that-state": "the project is in that state already",
}
"""Why it was refused, by the closing's code, where no gate did."""


def is_one(request: ChangeRequest) -> bool:
    """Whether it changes the project's state."""
    return request.kind is Kind.CONFIGURATION


def other_than(state: str) -> str:
    """The state that a change to `state` leaves."""
    return next((each for each in STATES if each != state), state)


def what(request: ChangeRequest) -> str:
    """`project state pre-production → production`."""
    return f"{NOUN} {other_than(request.artifact.tag)} → {request.artifact.tag}"


def took_effect(request: ChangeRequest) -> bool:
    """Whether it is a change of state that was made."""
    return is_one(request) and request.state is RequestState.LIVE


def refused_because(code: str) -> str | None:
    """Why it was refused; None where that is said of every request."""
    return _CLOSED.get(code)
