import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.status_file import Stated, Unreadable, stated_in
from bot.domain.environment import Colour

AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.mark.requirement("K3")
@pytest.mark.parametrize(
    ("content", "stated"),
    [
        (b"GREEN", Stated(Colour.GREEN, None)),
        (b"red\n", Stated(Colour.RED, None)),
        (b"  Yellow  \r\n", Stated(Colour.YELLOW, None)),
        (b"\xef\xbb\xbfGREEN\n", Stated(Colour.GREEN, None)),
        (b"STATUS: GREEN\nLast Verified: 2026-03-04T12:00:00Z\n", Stated(Colour.GREEN, AT)),
        (b"status=green\nlast_verified=2026-03-04T13:00:00+01:00\n", Stated(Colour.GREEN, AT)),
        (b"RED\ndatabase is down\nLast Verified: 2026-03-04T12:00:00Z\nmore\n", Stated(Colour.RED, AT)),
    ],
)
def test_a_status_file_states_a_colour_and_when_it_was_verified(content: bytes, stated: Stated) -> None:
    assert stated_in(content) == stated


@pytest.mark.requirement("K3")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\nGREEN\n",
        b"GRE",
        b"STATUS:",
        b"BLUE\n",
        b"UNKNOWN\n",
        b"GREENISH\n",
        b"not GREEN\n",
        b"GREEN RED\n",
        b"\xff\xfeG\x00",
        b"GREEN\x00",
        b"GREEN\nLast Verified: 2026-03-0",
        b"GREEN\nLast Verified:\n",
        b"GREEN\nLast Verified: 2026-03-04 12:00\n",
        b"GREEN\nLast Verified: 2026-03-04T12:00:00\n",
    ],
)
def test_half_written_empty_and_foreign_files_state_nothing(content: bytes) -> None:
    with pytest.raises(Unreadable):
        stated_in(content)


@given(st.binary(max_size=100))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    with contextlib.suppress(Unreadable):
        stated_in(content)
