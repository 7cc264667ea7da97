"""Text in Markdown shows itself: nothing that somebody typed becomes markup, a link or a call, or ends a block."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.wording.markdown import fenced, md, md_paragraphs


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("a *b* _c_ `d` ~e~", r"a \*b\* \_c\_ \`d\` \~e\~"),
        ("[x](javascript:1) ![y](z)", r"\[x\](javascript:1) \!\[y\](z)"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("a | b\n\nc", r"a \| b c"),
        ("\u202eabc\x00", "abc"),
        ("# 7", r"\# 7"),
        ("www.e.example http://e.example", "www\u2060.e.example http:\u2060//e.example"),
    ],
)
def test_every_mark_is_disarmed(typed: str, written: str) -> None:
    assert md(typed) == written


@given(st.text())
def test_whatever_is_typed_is_one_line_that_calls_nobody_and_opens_no_tag(text: str) -> None:
    line = md(text)
    assert "\n" not in line
    assert "<" not in line
    assert re.search(r"@\w", line) is None
    assert re.search(r"(?<!\\)[`*\[\]|]", line.replace("\\\\", "")) is None


@pytest.mark.parametrize(
    ("typed", "written"),
    [("- a\n+ b\n= c", "\\- a\n\\+ b\n\\= c"), ("1. a\n2) b", "1\\. a\n2\\) b"), ("a\n\nb", "a\n\nb")],
)
def test_no_line_of_a_paragraph_becomes_a_list(typed: str, written: str) -> None:
    assert md_paragraphs(typed) == written


@given(st.lists(st.text(alphabet="`~ab ", max_size=12), max_size=6))
def test_no_line_ends_its_block(lines: list[str]) -> None:
    first, *inside, last = fenced(lines)
    assert first == last
    assert all(first not in line for line in inside)
    assert set(first) == {"`"}
