"""What a benchmark comes to: medians of rounds, their range, the ratio to the floor, and the table of it all."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Aim:
    """What the ratio of product to floor should be: at least `limit` (throughput) or at most (time)."""

    limit: float
    at_least: bool

    def met(self, ratio: float) -> bool:
        """Whether a ratio is as good as was aimed at."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the results: the rounds of the product and of its floor, measured by turns."""

    name: str
    unit: str
    product: tuple[float, ...]
    floor: tuple[float, ...]
    floor_is: str
    aim: Aim | None = None

    def __post_init__(self) -> None:
        if not self.product or len(self.product) != len(self.floor):
            raise ValueError(f"{self.name}: product and floor take turns, so each has as many rounds")
        if any(not math.isfinite(v) or v <= 0 for v in (*self.product, *self.floor)):
            raise ValueError(f"{self.name}: a round without a measurement")

    @property
    def value(self) -> float:
        """The median round of the product."""
        return median(self.product)

    @property
    def floor_value(self) -> float:
        """The median round of the floor."""
        return median(self.floor)

    @property
    def ratio(self) -> float:
        """Product to floor, of the medians."""
        return self.value / self.floor_value

    @property
    def ratios(self) -> tuple[float, ...]:
        """Product to floor, round by round: what the noise of the machine leaves of it."""
        return tuple(p / f for p, f in zip(self.product, self.floor, strict=True))

    def as_json(self) -> dict[str, str | float]:
        """The line of `results.json`."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "floor": round(self.floor_value, 3),
            "ratio": round(self.ratio, 3),
        }


def percentile(values: Iterable[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was really measured. Raises ValueError for no values."""
    ordered = sorted(values)
    if not ordered or not 0 < percent <= 100:
        raise ValueError("a percentile above 0, up to 100, of at least one value")
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def taking_turns(names: Sequence[str], rounds: int) -> list[tuple[str, ...]]:
    """Who is measured in which order in each round; everybody is first equally often, so that none is favoured."""
    return [tuple(names[(i + turn) % len(names)] for i in range(len(names))) for turn in range(rounds)]


def table(figures: Sequence[Figure]) -> str:
    """The results for people: medians, and in brackets the range over the rounds."""
    head = ("", "product", "floor", "ratio", "aim", "")
    rows = [head, *(_cells(f) for f in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _cells(figure: Figure) -> tuple[str, ...]:
    aim = ""
    if figure.aim is not None:
        aim = f"{figure.aim} {'met' if figure.aim.met(figure.ratio) else 'MISSED'}"
    return (
        figure.name,
        f"{_spread(figure.product)} {figure.unit}",
        f"{_spread(figure.floor)} {figure.unit}",
        _spread(figure.ratios, middle=figure.ratio),
        aim,
        f"floor: {figure.floor_is}; {len(figure.product)} rounds",
    )


def _spread(values: Sequence[float], *, middle: float | None = None) -> str:
    return f"{_short(median(values) if middle is None else middle)} [{_short(min(values))}-{_short(max(values))}]"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
