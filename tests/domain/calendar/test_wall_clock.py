"""Wall-clock times become the same instants by the quick way of steady days as by looking at the zone each time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.wall_clock import end_instant, real_instants, start_instant

ZONES = (
    "Africa/Cairo",
    "America/Havana",
    "America/New_York",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",  # left out 2011-12-30
    "Pacific/Chatham",
)


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [2011, 2026])
def test_every_half_hour_of_a_year_is_the_instant_that_the_zone_shows(zone: str, year: int) -> None:
    key = ZoneInfo(zone)
    shown: dict[datetime, list[datetime]] = {}
    instant = datetime(year - 1, 12, 29, tzinfo=UTC)
    while instant.year <= year or instant.day < 4:
        shown.setdefault(instant.astimezone(key).replace(tzinfo=None), []).append(instant)
        instant += timedelta(minutes=15)
    wall = datetime(year, 1, 1)  # noqa: DTZ001 - a wall-clock time
    while wall.year == year:
        instants = shown.get(wall, [])
        assert real_instants(wall, key) == tuple(instants)
        if instants:
            assert (start_instant(wall, key), end_instant(wall, key)) == (instants[0], instants[-1])
        else:
            after = next(
                wall + step * timedelta(minutes=15)
                for step in range(200)
                if wall + step * timedelta(minutes=15) in shown
            )
            assert start_instant(wall, key) == end_instant(wall, key) == shown[after][0]
        wall += timedelta(minutes=30)
