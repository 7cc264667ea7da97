"""Seats matched to distinct people by maximum bipartite matching, so the order of clicks never matters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeatHeld:
    """One place in the quorum: the roles that may fill it, and who does."""

    roles: tuple[str, ...]
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Quorum:
    """How the seats stand after matching."""

    seats: tuple[SeatHeld, ...]
    people: int
    minimum: int

    @property
    def filled(self) -> bool:
        """Every seat is held and enough distinct people signed."""
        return all(s.person for s in self.seats) and self.people >= self.minimum

    @property
    def missing(self) -> int:
        """How many more people are needed at least."""
        return max(sum(1 for s in self.seats if s.person is None), self.minimum - self.people)


def seat_people(
    seats: Sequence[tuple[str, ...]], roles_of: Mapping[str, frozenset[str]], *, minimum: int
) -> Quorum:
    """Match `roles_of` (person to the roles held) to `seats`; a person fills one seat at most (Kuhn's algorithm)."""
    holder: dict[int, str] = {}

    def place(person: str, tried: set[int]) -> bool:
        for seat, wanted in enumerate(seats):
            if seat in tried or not roles_of[person].intersection(wanted):
                continue
            tried.add(seat)
            if seat not in holder or place(holder[seat], tried):
                holder[seat] = person
                return True
        return False

    for person in sorted(roles_of):
        place(person, set())
    held = tuple(SeatHeld(tuple(roles), holder.get(i)) for i, roles in enumerate(seats))
    return Quorum(seats=held, people=len(roles_of), minimum=minimum)
