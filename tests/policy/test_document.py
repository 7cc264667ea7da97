"""The text of a policy: YAML 1.2 without surprises, bounded, with the line of everything."""

from collections.abc import Mapping

import pytest

from bot.policy.document import DEEPEST, LARGEST_POLICY, MOST_ALIASED, read
from bot.policy.problems import PolicyError


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("14:00", "14:00"),
        ("yes", "yes"),
        ("off", "off"),
        ("2026-11-23", "2026-11-23"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("'true'", "true"),
        ("~", None),
        ("", None),
        ("1.2.3", "1.2.3"),
        ("[a, 1]", ("a", 1)),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(written: str, meant: object) -> None:
    assert read(f"key: {written}\n", "p.yaml").plain == {"key": meant}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' stands twice, first on line 1"),
        ("a:\n  b: 1\n  b: 2\n", 3, "stands twice"),
        ("a: [1\nb: 2\n", 2, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("", 1, "empty"),
        ("# nothing\n", 1, "empty"),
        ("a: !!python/object:os.system x\n", 1, "tag"),
        ("a: !thing {b: 1}\n", 1, "tag"),
        ("? [a]\n: 1\n", 1, "a key must be plain text"),
        ("a: *nothing\n", 1, "stands for nothing"),
        ("a: &a [*a]\n", 1, "stands for nothing"),
        ("a: .nan\n", 1, "not a usable number"),
        ("a: 99999999999999999999\n", 1, "too large"),
        ("a: \x07\n", 1, "not YAML"),
        ("a:\n" + "".join(" " * depth + "- \n" for depth in range(1, 3)) + "\t- x\n", 4, "not YAML"),
        ("[" * 5000, 1, f"more than {DEEPEST} levels"),
        ("a: " + "x" * LARGEST_POLICY, 1, f"more than {LARGEST_POLICY} bytes"),
    ],
)
def test_what_cannot_be_a_policy_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(text, "p.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, words in problem.message) == (line, True), problem


def test_aliases_count_in_full_so_that_a_bomb_goes_off_harmlessly() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    with pytest.raises(PolicyError, match=f"aliases stand for more than {MOST_ALIASED} values"):
        read(bomb, "p.yaml")


def test_an_alias_says_the_same_again() -> None:
    document = read("a: &x {b: [1]}\nc: *x\n", "p.yaml")
    assert isinstance(document.plain, Mapping)
    assert document.plain["c"] == document.plain["a"] == {"b": (1,)}
    assert document.line(("c", "b", 0)) == 1


def test_a_location_has_the_line_of_its_deepest_part_that_is_there() -> None:
    document = read("a:\n  b:\n    - c: 1\n    - d: 2\n", "p.yaml")
    assert document.line(("a", "b", 1, "d")) == 4
    assert document.line(("a", "some-tag", "b", 1, "missing")) == 4
    assert document.line(("nowhere",)) == 1
