"""The sets of rules that the calendar is measured with: as numbers for the floor, and as a policy for the product."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

ENVIRONMENT = "production"
ZONE = ZoneInfo("America/New_York")
YEAR_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
PREFER, ALLOW, DISCOURAGE, PROHIBIT = range(4)
WORDS = ("prefer", "allow", "discourage", "prohibit")
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_LENGTHS = (120, 180, 240)  # minutes of a window
_SLOTS = (5, 10, 15)  # minutes of a restriction


@dataclass(frozen=True, slots=True)
class Row:
    """One rule: it starts whenever the cron fires and ends at `until` of the same day."""

    name: str
    cron: str
    until: tuple[int, int]
    effect: int

    @property
    def window(self) -> bool:
        """Whether it opens."""
        return self.effect <= ALLOW


def rows(count: int, seed: int) -> list[Row]:
    """So many rules of one environment, as a company of many teams would have them: a fifth of them windows of hours on
    some weekdays, the rest restrictions of minutes, weekly (batches, reports) or on one day of the year.

    All begin between 05:00 and 19:25 and end on the same day, so that clock changes, which the floor's library treats
    in its own way, lie outside of them.
    """
    chosen = Random(seed)  # noqa: S311 -- the same ones for everybody, each time
    return [_window(n, chosen) if n % 5 == 0 else _restriction(n, chosen) for n in range(count)]


def _window(number: int, chosen: Random) -> Row:
    first = chosen.randrange(5)
    days = f"{_DAYS[first]}-{_DAYS[chosen.randrange(first + 1, 7)]}"
    start = chosen.randrange(5 * 60, 16 * 60, 15)
    effect = PREFER if chosen.random() < 0.25 else ALLOW
    return _row(f"window-{number}", days, start, chosen.choice(_LENGTHS), effect)


def _restriction(number: int, chosen: Random) -> Row:
    start = chosen.randrange(5 * 60, 19 * 60 + 30, 5)
    effect = DISCOURAGE if chosen.random() < 0.5 else PROHIBIT
    if chosen.random() < 0.7:
        return _row(f"weekly-{number}", chosen.choice(_DAYS), start, chosen.choice(_SLOTS), effect)
    day, month = chosen.randrange(1, 29), chosen.randrange(1, 13)
    cron = f"{start % 60} {start // 60} {day} {month} *"
    return Row(f"yearly-{number}", cron, divmod(start + chosen.choice(_LENGTHS), 60), effect)


def _row(name: str, days: str, start: int, minutes: int, effect: int) -> Row:
    return Row(name, f"{start % 60} {start // 60} * * {days}", divmod(start + minutes, 60), effect)


def policy_text(rules: list[Row]) -> str:
    """The same rules as a policy file; outside of the windows nothing may start."""
    lines = [
        "version: 1",
        f"timezone: {ZONE.key}",
        "environments: {production: {gates: {calendar: {}}}}",
        "calendar:",
    ]
    for section, opens in (("windows", True), ("restrictions", False)):
        lines.append(f"  {section}:")
        lines += [
            f'    - {{name: {r.name}, environments: [{ENVIRONMENT}], start: "{r.cron}", '
            f'until: "{r.until[0]:02}:{r.until[1]:02}", effect: {WORDS[r.effect]}}}'
            for r in rules
            if r.window is opens
        ]
    return "\n".join(lines) + "\n"


def instants(count: int, seed: int) -> list[datetime]:
    """Whole seconds of one year, in no order."""
    chosen = Random(seed)  # noqa: S311 -- the same ones for everybody, each time
    return [
        YEAR_BEGINS + timedelta(seconds=chosen.randrange(int(YEAR.total_seconds()))) for _ in range(count)
    ]
