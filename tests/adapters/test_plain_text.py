import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.plain_text import one_line, printable


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("a\x00b\x07c\x7fd\x9be", "abcde"),
        ("user\u202egpj.exe", "usergpj.exe"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("50%\rdone", "50%done"),
    ],
)
def test_nothing_that_steers_a_terminal_or_a_reader_is_left(raw: str, shown: str) -> None:
    assert printable(raw) == shown


@given(st.text())
def test_only_newline_and_tab_remain_of_the_control_characters(raw: str) -> None:
    assert {c for c in printable(raw) if unicodedata.category(c) == "Cc"} <= {"\n", "\t"}


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_one_line_is_one_line_and_within_its_limit(raw: str, limit: int) -> None:
    line = one_line(raw, limit)

    assert len(line) <= limit
    assert "\n" not in line
