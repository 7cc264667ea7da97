"""What the contract's calendar says, instant by instant, worked out by hand from DESIGN §3 and a wall calendar of 2026.

New York: EST (-05:00) until 8 March 02:00, EDT (-04:00) until 1 November 02:00, EST after it. Each rule has rows for
the last microsecond or second before it begins, its beginning, its middle, its last second, and its end.
"""

from datetime import UTC, datetime
from typing import NamedTuple


def edt(wall: str) -> str:
    """`07-15 10:00` of 2026 in daylight saving time, as the contract writes instants."""
    return _utc(wall, "-04:00")


def est(wall: str) -> str:
    """The same in standard time."""
    return _utc(wall, "-05:00")


def _utc(wall: str, offset: str) -> str:
    at = datetime.fromisoformat(f"2026-{wall}{offset}").astimezone(UTC)
    return at.isoformat().replace("+00:00", "Z")


class Row(NamedTuple):
    """One instant and all that is said of it. `rules` are those in force, with the end of each."""

    at: str
    verdict: str
    rules: dict[str, str]
    change: str | None
    allowed: str | None
    preferred: str | None
    break_glass: bool = True
    environment: str = "production"


OUTSIDE = "outside-windows"
SAT18, MON20, TUE21 = edt("07-18 00:00"), edt("07-20 00:00"), edt("07-21 10:00")
WEDNESDAY, THURSDAY = edt("07-15 10:00"), edt("07-16 10:00")  # the next preferred openings


def _plain(at: str, change: str, preferred: str, weekdays: str = SAT18) -> Row:
    """Allowed by `weekdays` alone."""
    return Row(at, "allowed", {"weekdays": weekdays}, change, at, preferred)


def _preferred(at: str, end: str) -> Row:
    return Row(at, "preferred", {"standard": end, "weekdays": SAT18}, end, at, at)


STANDARD = [
    _plain(edt("07-15 09:59:59.999999"), WEDNESDAY, WEDNESDAY),
    _preferred(edt("07-15 10:00"), edt("07-15 14:00")),
    _preferred(edt("07-15 12:00"), edt("07-15 14:00")),
    _preferred(edt("07-15 13:59:59"), edt("07-15 14:00")),
    _plain(edt("07-15 14:00"), edt("07-15 18:00"), THURSDAY),
    _preferred(edt("07-16 13:59:59"), edt("07-16 14:00")),
    _plain(edt("07-16 14:00"), edt("07-16 18:00"), TUE21),  # Thursday was the last of the week
]

_MIDNIGHT = edt("07-16 00:00")
_EVENING = {"weekdays": SAT18, "evening": _MIDNIGHT}
EVENING = [
    _plain(edt("07-15 17:59:59.999999"), edt("07-15 18:00"), THURSDAY),
    *(
        Row(edt(f"07-15 {time}"), "discouraged", _EVENING, _MIDNIGHT, _MIDNIGHT, THURSDAY)
        for time in ("18:00", "21:00", "23:59:59")
    ),
    _plain(edt("07-16 00:00"), THURSDAY, THURSDAY),
]

_FRIDAY = {"weekdays": SAT18, "friday-afternoon": SAT18}
FRIDAY_AFTERNOON = [
    _plain(edt("07-17 13:59:59"), edt("07-17 14:00"), TUE21),
    Row(edt("07-17 14:00"), "discouraged", _FRIDAY, SAT18, MON20, TUE21),
    Row(edt("07-17 17:59:59"), "discouraged", _FRIDAY, SAT18, MON20, TUE21),
    Row(edt("07-17 19:00"), "discouraged", {**_FRIDAY, "evening": SAT18}, SAT18, MON20, TUE21),
    Row(edt("07-17 23:59:59"), "discouraged", {**_FRIDAY, "evening": SAT18}, SAT18, MON20, TUE21),
]

_WEEKEND = {"weekend": MON20, OUTSIDE: MON20}
WEEKEND = [
    Row(edt("07-18 00:00"), "prohibited", _WEEKEND, MON20, MON20, TUE21),
    Row(edt("07-18 18:00"), "prohibited", {**_WEEKEND, "evening": edt("07-19 00:00")}, MON20, MON20, TUE21),
    Row(edt("07-19 12:00"), "prohibited", _WEEKEND, MON20, MON20, TUE21),
    Row(edt("07-19 23:59:59"), "prohibited", {**_WEEKEND, "evening": MON20}, MON20, MON20, TUE21),
    _plain(MON20, edt("07-20 18:00"), TUE21, weekdays=edt("07-25 00:00")),
]

_MON13 = edt("07-13 00:00")
WEEKDAYS = [
    Row(
        edt("07-12 23:59:59.999999"),
        "prohibited",
        {"weekend": _MON13, "evening": _MON13, OUTSIDE: _MON13},
        _MON13,
        _MON13,
        edt("07-14 10:00"),
    ),
    _plain(_MON13, edt("07-13 18:00"), edt("07-14 10:00")),
    _plain(edt("07-15 08:00"), WEDNESDAY, WEDNESDAY),
]

_LABOUR, _AFTER = edt("09-07 00:00"), edt("09-08 00:00")
_WEEK37 = edt("09-12 00:00")
_LABOUR_DAY = {"weekdays": _WEEK37, "holidays-US-NY": _AFTER}
HOLIDAYS = [
    Row(
        edt("09-06 23:59:59"),
        "prohibited",
        {"weekend": _LABOUR, "evening": _LABOUR, OUTSIDE: _LABOUR},
        _AFTER,  # the weekend ends and nothing starts: Labor Day
        _AFTER,
        edt("09-08 10:00"),
    ),
    Row(_LABOUR, "prohibited", _LABOUR_DAY, _AFTER, _AFTER, edt("09-08 10:00")),
    Row(edt("09-07 12:00"), "prohibited", _LABOUR_DAY, _AFTER, _AFTER, edt("09-08 10:00")),
    Row(
        edt("09-07 23:59:59"),
        "prohibited",
        {**_LABOUR_DAY, "evening": _AFTER},
        _AFTER,
        _AFTER,
        edt("09-08 10:00"),
    ),
    _plain(_AFTER, edt("09-08 10:00"), edt("09-08 10:00"), weekdays=_WEEK37),
    Row(  # Independence Day is a Saturday in 2026: observed on Friday, and the two days touch
        edt("07-03 12:00"),
        "prohibited",
        {"weekdays": edt("07-04 00:00"), "holidays-US-NY": edt("07-05 00:00")},
        edt("07-06 00:00"),
        edt("07-06 00:00"),
        edt("07-07 10:00"),
    ),
]

_NOV23, _DEC1, _DEC1_TEN = est("11-23 00:00"), est("12-01 00:00"), est("12-01 10:00")
_FROZEN = {"weekdays": est("11-28 00:00"), "black-friday": _DEC1}
BLACK_FRIDAY = [
    Row(
        est("11-22 23:59:59.999999"),
        "prohibited",
        {"weekend": _NOV23, "evening": _NOV23, OUTSIDE: _NOV23},
        _DEC1,
        _DEC1,
        _DEC1_TEN,
    ),
    Row(_NOV23, "prohibited", _FROZEN, _DEC1, _DEC1, _DEC1_TEN),
    Row(
        est("11-26 11:00"),  # Thanksgiving, a Thursday
        "prohibited",
        {**_FROZEN, "standard": est("11-26 14:00"), "holidays-US-NY": est("11-27 00:00")},
        _DEC1,
        _DEC1,
        _DEC1_TEN,
    ),
    Row(
        est("11-30 23:59:59"),
        "prohibited",
        {"weekdays": est("12-05 00:00"), "evening": _DEC1, "black-friday": _DEC1},
        _DEC1,
        _DEC1,
        _DEC1_TEN,
    ),
    _plain(_DEC1, _DEC1_TEN, _DEC1_TEN, weekdays=est("12-05 00:00")),
]

_SEP14, _SEP16, _SEP16_TEN, _SEP19 = (
    edt("09-14 00:00"),
    edt("09-16 00:00"),
    edt("09-16 10:00"),
    edt("09-19 00:00"),
)
_STOCKTAKING = {"weekdays": _SEP19, "company": _SEP16}
COMPANY = [
    Row(
        edt("09-13 23:59:59"),
        "prohibited",
        {"weekend": _SEP14, "evening": _SEP14, OUTSIDE: _SEP14},
        _SEP16,
        _SEP16,
        _SEP16_TEN,
    ),
    Row(_SEP14, "prohibited", _STOCKTAKING, _SEP16, _SEP16, _SEP16_TEN, break_glass=False),
    Row(
        edt("09-15 11:00"),
        "prohibited",
        {**_STOCKTAKING, "standard": edt("09-15 14:00")},
        _SEP16,
        _SEP16,
        _SEP16_TEN,
        break_glass=False,
    ),
    Row(
        edt("09-15 23:59:59"),
        "prohibited",
        {**_STOCKTAKING, "evening": _SEP16},
        _SEP16,
        _SEP16,
        _SEP16_TEN,
        break_glass=False,
    ),
    _plain(_SEP16, _SEP16_TEN, _SEP16_TEN, weekdays=_SEP19),
]

ELSEWHERE = [  # dev has no windows: open, but for the company's freeze
    Row(edt("07-18 12:00"), "allowed", {}, _SEP14, edt("07-18 12:00"), None, environment="dev"),
    Row(
        edt("09-14 12:00"),
        "prohibited",
        {"company": _SEP16},
        _SEP16,
        _SEP16,
        None,
        break_glass=False,
        environment="dev",
    ),
    Row(_SEP16, "allowed", {}, None, _SEP16, None, environment="dev"),
]

_SPRING = edt("03-09 00:00")  # the Monday after: 47 hours after Saturday's midnight
_AUTUMN = est("11-02 00:00")  # 49 hours
DAYLIGHT_SAVING = [
    Row(
        est("03-06 23:59:59"),
        "discouraged",
        dict.fromkeys(("weekdays", "friday-afternoon", "evening"), est("03-07 00:00")),
        est("03-07 00:00"),
        _SPRING,
        edt("03-10 10:00"),
    ),
    *(
        Row(at, "prohibited", {"weekend": _SPRING, OUTSIDE: _SPRING}, _SPRING, _SPRING, edt("03-10 10:00"))
        for at in (est("03-07 00:00"), est("03-08 01:59:59"), edt("03-08 03:00"))
    ),
    Row(
        edt("03-08 18:00"),
        "prohibited",
        {"weekend": _SPRING, OUTSIDE: _SPRING, "evening": _SPRING},
        _SPRING,
        _SPRING,
        edt("03-10 10:00"),
    ),
    _plain(_SPRING, edt("03-09 18:00"), edt("03-10 10:00"), weekdays=edt("03-14 00:00")),
    Row(
        edt("10-31 23:59:59"),
        "prohibited",
        {"weekend": _AUTUMN, OUTSIDE: _AUTUMN, "evening": edt("11-01 00:00")},
        _AUTUMN,
        _AUTUMN,
        est("11-04 10:00"),  # Tuesday is Election Day
    ),
    *(
        Row(at, "prohibited", {"weekend": _AUTUMN, OUTSIDE: _AUTUMN}, _AUTUMN, _AUTUMN, est("11-04 10:00"))
        for at in (edt("11-01 01:30"), est("11-01 01:30"))
    ),
    _plain(_AUTUMN, est("11-02 18:00"), est("11-04 10:00"), weekdays=est("11-07 00:00")),
    Row(
        est("11-03 12:00"),
        "prohibited",
        {
            "standard": est("11-03 14:00"),
            "weekdays": est("11-07 00:00"),
            "holidays-US-NY": est("11-04 00:00"),
        },
        est("11-04 00:00"),
        est("11-04 00:00"),
        est("11-04 10:00"),
    ),
]

TABLE: dict[str, list[Row]] = {
    "standard": STANDARD,
    "weekdays": WEEKDAYS,
    "friday-afternoon": FRIDAY_AFTERNOON,
    "evening": EVENING,
    "weekend": WEEKEND,
    "holidays": HOLIDAYS,
    "black-friday": BLACK_FRIDAY,
    "company": COMPANY,
    "elsewhere": ELSEWHERE,
    "daylight-saving": DAYLIGHT_SAVING,
}
