"""How the colour of an environment went over a stretch of time, cut into cells of equal length for a small graph."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.environment import Colour, Turn, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The colours of one environment, oldest first; before the first of them nobody knows."""

    environment: str
    turns: tuple[Turn, ...]

    def __post_init__(self) -> None:
        instants = [turn.since for turn in self.turns]
        if instants != sorted(instants):
            raise ValueError(f"the colours of {self.environment} are not in their order")

    def cells(self, begins: datetime, until: datetime, count: int) -> tuple[Colour | None, ...]:
        """The worst colour of each of `count` cells from `begins` to `until`: RED shows however short it was. None
        where nobody knows. What is no stretch of time has no cells."""
        if until <= begins or count < 1:
            return ()
        length = (until - begins) / count
        return tuple(self._worst(begins + n * length, begins + (n + 1) * length) for n in range(count))

    def _worst(self, begins: datetime, until: datetime) -> Colour | None:
        before = [turn.colour for turn in self.turns if turn.since <= begins][-1:]
        found = [*before, *(turn.colour for turn in self.turns if begins < turn.since < until)]
        return worst(found) if found else None
