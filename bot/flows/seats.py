"""Which seats a request needs filled: the usual ones, those of break-glass (P13), or those of a rollback (P16)."""

from dataclasses import dataclass

from bot.domain.change_request import ChangeRequest, Kind
from bot.flows.state_rules import as_asked
from bot.policy import Policy, Seat


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatPlan:
    """`seats` lists, for each place, the roles that may fill it. Whoever holds one of `counting` counts towards
    `minimum`, seated or not. `own` says whether the requester may sign: never, but for a rollback."""

    seats: tuple[tuple[str, ...], ...]
    minimum: int
    counting: frozenset[str]
    own: bool = False

    @property
    def asks_nobody(self) -> bool:
        """Nobody has to agree, so nobody can."""
        return not self.seats


def seats_of(policy: Policy, environment: str) -> list[tuple[str, ...]]:
    """The usual seats of an environment, one entry for each place: the roles that may fill it."""
    return _places(policy.environments[environment].approval.seats)


def seat_plan(policy: Policy, request: ChangeRequest) -> SeatPlan:
    """What this request needs. Break-glass replaces the usual seats; whoever could fill one of those still counts as
    the second person. A rollback needs one of those that its policy names, or any one usual seat."""
    policy = as_asked(policy, request)
    environment = policy.environments[request.environment]
    usual = seats_of(policy, request.environment)
    if request.break_glass is not None and environment.break_glass is not None:
        seats = _places(environment.break_glass.seats)
        minimum = environment.break_glass.minimum
        return _plan(seats, minimum, also=usual)
    if request.automatic:  # agreed to with what it takes back: that fingerprint names the way back (P15)
        return _plan([], 0)
    if request.kind is Kind.ROLLBACK:
        if environment.rollback is not None:
            seats = _places(environment.rollback.seats)
        else:
            roles = tuple(dict.fromkeys(role for seat in usual for role in seat))
            seats = [roles] if roles else []
        return _plan(seats, len(seats), own=True)
    return _plan(usual, environment.approval.minimum)


def _plan(
    seats: list[tuple[str, ...]],
    minimum: int,
    *,
    also: list[tuple[str, ...]] | None = None,
    own: bool = False,
) -> SeatPlan:
    counting = frozenset(role for seat in (*seats, *(also or [])) for role in seat)
    return SeatPlan(seats=tuple(seats), minimum=minimum, counting=counting, own=own)


def _places(seats: tuple[Seat, ...]) -> list[tuple[str, ...]]:
    return [seat.role for seat in seats for _ in range(seat.count)]
