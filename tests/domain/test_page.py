"""A page: one way that arrives suffices, and one that has none left has failed."""

from datetime import UTC, datetime

import pytest

from bot.domain.page import Page, PageState, Way, WayState

NOW = datetime(2026, 3, 4, 16, tzinfo=UTC)
OWED, ARRIVED, FAILED, CANCELLED = WayState.OWED, WayState.ARRIVED, WayState.FAILED, WayState.CANCELLED

TABLE = [
    ((ARRIVED, OWED), PageState.REACHED),
    ((ARRIVED, FAILED), PageState.REACHED),
    ((ARRIVED, CANCELLED), PageState.REACHED),
    ((FAILED, OWED), PageState.OWED),
    ((FAILED, FAILED), PageState.FAILED),
    ((FAILED, CANCELLED), PageState.CANCELLED),
    ((CANCELLED, CANCELLED), PageState.CANCELLED),
]


@pytest.mark.parametrize(("states", "expected"), TABLE)
def test_the_best_of_its_ways_speaks_for_it(states: tuple[WayState, WayState], expected: PageState) -> None:
    names = ("slack:user:U01ADA", "email:ada")
    page = Page(
        incident="INC-7",
        step=1,
        recipient="ada",
        ways=tuple(Way(destination=name) for name in names),
        paged_at=NOW,
    )
    for name, state in zip(names, states, strict=True):
        page = page.told(Way(destination=name, state=state, at=NOW))
    assert page.state is expected
    assert page.id == "INC-7/1/ada"


def test_what_was_told_of_another_destination_changes_nothing() -> None:
    page = Page(incident="INC-7", step=1, recipient="ada", ways=(Way(destination="email:ada"),), paged_at=NOW)
    assert page.told(Way(destination="email:bo", state=ARRIVED)) == page
