import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.command_words import CannotFill, filled, mentions

VALUES = {"environment": "production", "digest": "sha256:" + "a" * 64, "rollback_digest": None}


def test_placeholders_are_filled_within_their_item() -> None:
    assert filled(["./deploy", "--to={environment}", "{digest}"], VALUES) == [
        "./deploy",
        "--to=production",
        "sha256:" + "a" * 64,
    ]


def test_braces_that_are_no_placeholder_are_left_alone() -> None:
    assert filled(['{"spec": {}}', "${HOME}", "{A}"][:1], VALUES) == ['{"spec": {}}']


@pytest.mark.parametrize(
    ("item", "code", "placeholder"),
    [
        ("{envrionment}", "unknown-placeholder", "envrionment"),
        ("{rollback_digest}", "no-value", "rollback_digest"),
        ("{run}", "no-value", "run"),
    ],
)
def test_a_placeholder_without_a_value_is_refused(item: str, code: str, placeholder: str) -> None:
    with pytest.raises(CannotFill) as refused:
        filled([item], VALUES)

    assert (refused.value.code, refused.value.placeholder) == (code, placeholder)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-rf",
        "--config=evil",
        "a b",
        "a;b",
        "$(id)",
        "`id`",
        "a'b",
        "a\nb",
        "a\0b",
        "../x",
        "é",
        "x" * 256,
    ],
)
def test_a_value_that_could_be_more_than_a_name_is_refused(value: str) -> None:
    with pytest.raises(CannotFill, match="unsafe-value"):
        filled(["{environment}"], {"environment": value})


@given(st.lists(st.text(max_size=30), max_size=5))
def test_filling_never_makes_more_or_fewer_arguments(argv: list[str]) -> None:
    try:
        made = filled(argv, VALUES)
    except CannotFill:
        return
    assert len(made) == len(argv)


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["./status", "{percent}"], True),
        (["./status", "--at={percent}%"], True),
        (["./status", "{percentage}", "percent"], False),
        ([], False),
    ],
)
def test_whether_a_command_names_a_placeholder(argv: list[str], found: bool) -> None:
    assert mentions(argv, "percent") is found


def test_a_value_is_not_filled_again() -> None:
    assert filled(["{environment}{digest}"], {"environment": "x", "digest": "y"}) == ["xy"]
