"""The policy says who sees the status page, where its text is kept and what uptime is aimed at."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy import Policy, PolicyError, json_schema, parse

TEXT = "version: 1\ntimezone: UTC\nenvironments: {production: {}}\n"


def read(more: str) -> Policy:
    return parse(TEXT + more, "policy.yaml", {}, Path("/nowhere"))


@pytest.mark.requirement("F14")
def test_unsaid_nobody_from_elsewhere_sees_it_and_no_file_is_written() -> None:
    found = read("").status_page
    assert (found.readers, found.markdown) == (None, None)


@pytest.mark.parametrize("word", ["public", "token", "off"])
def test_readers_are_one_word(word: str) -> None:
    assert read(f"status_page: {{readers: {word}}}").status_page.readers == word


@pytest.mark.requirement("F12")
def test_targets_are_a_share_and_a_time_for_each_severity() -> None:
    found = read("targets: {uptime: 99.9, resolution: {P1: 1h}}").targets
    assert (found.uptime, found.resolution) == (99.9, {"P1": timedelta(hours=1)})


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("status_page: {readers: everybody}", "readers"),
        ("status_page: {reader: public}", "reader"),
        ("status_page: {markdown: ../STATUS.md}", "below the folder"),
        ("status_page: {markdown: STATUS.txt}", "must end in .md"),
        ("targets: {uptime: 0}", "uptime"),
        ("targets: {uptime: 100.5}", "uptime"),
        ("targets: {resolution: {P9: 1h}}", "P9"),
        ("targets: {resolution: {P1: 0s}}", "zero"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(more: str, problem: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(more)
    assert problem in str(refused.value.problems[0])
    assert refused.value.problems[0].line == 4


def test_the_schema_tells_editors_of_it() -> None:
    schema = str(json_schema({}))
    assert "status_page" in schema
    assert "holders of an API token" in schema
