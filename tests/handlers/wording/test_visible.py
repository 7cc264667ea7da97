"""What goes to people shows as what it is: whatever turns or hides text is gone, everything else stays."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from handlers.wording.visible import all_visible, visible

PLAIN = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")))
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029\ufeff\x00\x1b\x7f\x9b\r\ud800"


@given(PLAIN)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from(TURNING)))
def test_nothing_is_left_that_turns_text_or_that_no_message_can_hold(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & set(TURNING)
    assert {c for c in shown if unicodedata.category(c) in ("Cc", "Cs")} <= {"\t", "\n"}
    assert visible(shown) == shown
    shown.encode("utf-8")


def test_an_object_keeps_its_shape_and_its_numbers() -> None:
    said: dict[str, JsonValue] = {
        "a\u202e": "b\u202e",
        "c": [1, None, True, "d\x00", {"e": ["\u2066f"]}],
        "g": 2.5,
    }
    assert all_visible(said) == {"a\u202e": "b", "c": [1, None, True, "d", {"e": ["f"]}], "g": 2.5}
