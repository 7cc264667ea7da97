"""The Markdown file is written when it changes, whole, and nowhere but below the policy's folder."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.adapters.status_writer import StatusWriter
from bot.domain.board import Board
from bot.jobs.board_file import BoardFile
from bot.policy import Policy, PolicyError, parse
from storage.ledger import Ledger

TEXT = """
version: 1
timezone: UTC
environments: {production: {}}
status_page: {markdown: %s}
"""


@dataclass
class Holder:
    """Implements ports.PolicyInForce."""

    policy: Policy


def policy(folder: Path, name: str = "STATUS.md") -> Policy:
    return parse(TEXT % name, "policy.yaml", {}, folder)


@dataclass
class Words:
    """What the file shall say."""

    text: str = "one"

    def __call__(self, board: Board, policy: Policy) -> str:
        assert board.standings[0].name == "production"
        return self.text


@pytest.fixture
async def writer() -> AsyncIterator[StatusWriter]:
    made = StatusWriter()
    yield made
    await made.close()


@pytest.mark.requirement("K7")
async def test_it_is_written_once_and_again_when_it_says_something_else(
    sqlite: Ledger, tmp_path: Path, writer: StatusWriter
) -> None:
    words, holder = Words(), Holder(policy(tmp_path))
    job = BoardFile(sqlite, holder, writer.write_changed, words)
    assert [await job.write() for _ in range(2)] == [True, False]
    words.text = "two ✓"
    assert await job.write()
    assert (tmp_path / "STATUS.md").read_text("utf-8") == "two ✓"
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith("STATUS.md")] == ["STATUS.md"]
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".STATUS")] == []


async def test_what_somebody_else_wrote_into_it_is_written_over(
    sqlite: Ledger, tmp_path: Path, writer: StatusWriter
) -> None:
    job = BoardFile(sqlite, Holder(policy(tmp_path)), writer.write_changed, Words())
    assert await job.write()
    (tmp_path / "STATUS.md").write_text("one and more")
    assert [await job.write() for _ in range(2)] == [True, False]
    assert (tmp_path / "STATUS.md").read_text() == "one"


async def test_without_being_asked_for_it_writes_nothing(
    sqlite: Ledger, tmp_path: Path, writer: StatusWriter
) -> None:
    asked = policy(tmp_path)
    unasked = replace(asked, status_page=type(asked.status_page)())
    assert not await BoardFile(sqlite, Holder(unasked), writer.write_changed, Words()).write()


async def test_a_link_out_of_the_folder_is_not_followed(
    sqlite: Ledger, tmp_path: Path, writer: StatusWriter
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    outside = tmp_path / "outside.md"
    outside.write_text("mine")
    (inside / "STATUS.md").symlink_to(outside)
    with pytest.raises(OSError, match="symlink"):
        await BoardFile(sqlite, Holder(policy(inside)), writer.write_changed, Words()).write()
    assert outside.read_text() == "mine"


async def test_where_it_cannot_be_written_nothing_is_left_behind(
    sqlite: Ledger, tmp_path: Path, writer: StatusWriter
) -> None:
    (tmp_path / "STATUS.md").mkdir()
    with pytest.raises(OSError, match="regular file"):
        await BoardFile(sqlite, Holder(policy(tmp_path)), writer.write_changed, Words()).write()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".STATUS")] == []


@pytest.mark.parametrize("name", ["/etc/x.md", "../x.md", "a/../../x.md", "policy.yaml", "'a\\b.md'"])
def test_a_policy_names_a_markdown_file_below_its_folder_or_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PolicyError):
        policy(tmp_path, name)
