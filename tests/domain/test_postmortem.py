"""A post-mortem says what it lacks, and is published at some time by somebody."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.domain.change_request import Actor
from bot.domain.postmortem import ActionItem, Postmortem, PostmortemState

NOW = datetime(2026, 3, 4, 16, tzinfo=UTC)
DRAFT = Postmortem(incident="INC-7", opened_at=NOW, due_at=NOW + timedelta(hours=48))
WHOLE = replace(
    DRAFT,
    summary="s",
    impact="i",
    whys=("1", "2", "3", "4", "5"),
    actions=(ActionItem(number=1, text="t", owner="ada", due=date(2026, 4, 1)),),
)


@pytest.mark.requirement("P21")
def test_it_lacks_what_nobody_wrote() -> None:
    assert DRAFT.missing() == ("summary", "impact", "whys", "actions")
    assert replace(WHOLE, whys=("1", "2", "3", "4")).missing() == ("whys",)
    assert WHOLE.missing() == ()


def test_published_is_published_at_some_time() -> None:
    done = WHOLE.published(Actor(via="slack:T1/U01ADA", person="ada"), NOW)
    assert (done.state, done.published_at, done.id) == (PostmortemState.PUBLISHED, NOW, "INC-7")
    with pytest.raises(ValueError, match="at some time"):
        replace(WHOLE, state=PostmortemState.PUBLISHED)


def test_six_whys_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="5 whys"):
        replace(WHOLE, whys=("1", "2", "3", "4", "5", "6"))
