"""Two people who hold the same facts hold the same bytes (RFC 8785)."""

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.canonical import canonical, digest_of, sha256

EXACT = 2**53 - 1
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-EXACT, EXACT)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        ({"10": 1, "9": 2, "": 3}, '{"":3,"10":1,"9":2}'),
        (
            {"\U0001f600": 1, "\ufb33": 2},
            '{"\U0001f600":1,"\ufb33":2}',
        ),  # ordered as UTF-16, not by code point
        ('a/b\n\u0007"\\', '"a/b\\n\\u0007\\"\\\\"'),
        ([1.0, 1e21, 0.000001, -0.0], "[1,1e+21,0.000001,0]"),
        ({}, "{}"),
    ],
)
def test_canonical_bytes(value: Any, expected: str) -> None:
    assert canonical(value) == expected.encode()


@given(values)
def test_canonical_bytes_say_the_same_value(value: Any) -> None:
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), values), st.randoms())
def test_the_order_of_keys_never_matters(value: dict[str, Any], chance: Any) -> None:
    shuffled = list(value.items())
    chance.shuffle(shuffled)
    assert digest_of(dict(shuffled)) == digest_of(value)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters())
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters()) | st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(anything)
def test_the_quick_way_says_what_the_slow_way_says(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except ValueError as error:
        with pytest.raises(type(error)):
            canonical(value)
    else:
        assert canonical(value) == expected


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {"a": object()}])
def test_what_json_cannot_say_exactly_is_refused(value: Any) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical(value)


def test_a_digest_is_sha256_of_the_canonical_bytes() -> None:
    assert digest_of({"a": 1}) == "sha256:" + hashlib.sha256(b'{"a":1}').hexdigest()
    assert sha256(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
