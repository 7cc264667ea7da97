"""An override holds from its beginning up to, and not at, its end or the moment it was taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.change_request import Actor
from bot.domain.override import Override

NOW = datetime(2026, 3, 4, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
BO = Actor(via="slack:T1/U02BO", person="bo")
SWAP = Override(
    id="OVR-1",
    rotation="primary",
    person="bo",
    begins_at=NOW,
    ends_at=NOW + 8 * HOUR,
    declared_by=BO,
    declared_at=NOW - HOUR,
)


@pytest.mark.parametrize(("hours", "holds"), [(-1, False), (0, True), (7, True), (8, False)])
def test_it_holds_in_a_half_open_interval(hours: int, holds: bool) -> None:
    assert SWAP.covers(NOW + hours * HOUR) is holds


@pytest.mark.parametrize(
    ("cancelled", "hours", "holds"), [(-1, 0, False), (3, 2, True), (3, 3, False), (9, 7, True)]
)
def test_once_taken_back_it_holds_no_more(cancelled: int, hours: int, holds: bool) -> None:
    taken_back = replace(SWAP, cancelled_by=BO, cancelled_at=NOW + cancelled * HOUR)
    assert taken_back.covers(NOW + hours * HOUR) is holds


def test_one_that_ends_before_it_begins_or_was_cancelled_by_nobody_is_none() -> None:
    with pytest.raises(ValueError, match="ends before"):
        replace(SWAP, ends_at=NOW)
    with pytest.raises(ValueError, match="cancelled by somebody"):
        replace(SWAP, cancelled_at=NOW)
