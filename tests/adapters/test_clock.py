from datetime import UTC, timedelta

from bot.adapters.clock import SystemClock


def test_the_clock_is_aware_and_in_utc() -> None:
    now = SystemClock().now()

    assert now.tzinfo is UTC
    assert timedelta(0) <= SystemClock().now() - now < timedelta(minutes=1)
