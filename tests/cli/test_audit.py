"""`portcullis audit`: an auditor can verify the record, see what was altered, and take the entries away."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.audit import GENESIS
from bot.domain.canonical import canonical
from tests.cli.conftest import Host


def test_an_intact_record_is_status_0_and_says_how_much_it_holds(host: Host) -> None:
    host.write_entries(3)
    ended = host.call("audit", "verify")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("intact: 3 entries, 0 records rebuilt from them and equal\nhead: sha256:")
    said = host.call("audit", "verify", "--json").json
    assert (said["intact"], said["entries"], said["records"], said["problems"]) == (True, 3, 0, [])
    assert said["head"] in ended.out


ALTERED = {
    "an entry's bytes": "UPDATE audit_entries SET body = replace(body, '\"number\":1', '\"number\":9') WHERE seq = 2",
    "an entry that is gone": "DELETE FROM audit_entries WHERE seq = 2",
    "the last entry gone": "DELETE FROM audit_entries WHERE seq = 3",
    "a hash": "UPDATE audit_entries SET hash = 'sha256:00' WHERE seq = 1",
    "the head": "UPDATE audit_head SET seq = 2",
    "the head gone": "DELETE FROM audit_head",
    "a table gone": "DROP TABLE audit_entries",
}


@pytest.mark.parametrize("statement", ALTERED.values(), ids=ALTERED)
def test_an_altered_record_is_status_1_and_every_difference_is_named(host: Host, statement: str) -> None:
    host.write_entries(3)
    host.alter(statement)
    ended = host.call("audit", "verify")
    assert ended.status == 1
    first, *problems = ended.out.splitlines()
    assert first.startswith("NOT intact: ")
    assert problems
    said = host.call("audit", "verify", "--json")
    assert (said.status, said.json["intact"]) == (1, False)
    assert [f"  {p}" for p in said.json["problems"]] == problems
    assert "Traceback" not in ended.err


def test_many_differences_are_counted_and_the_first_are_shown(host: Host) -> None:
    host.write_entries(60)
    host.alter("UPDATE audit_entries SET hash = 'sha256:00'")
    ended = host.call("audit", "verify")
    assert len(ended.out.splitlines()) == 1 + 50 + 1
    assert ended.out.splitlines()[-1].startswith("  and ")


def test_the_export_is_canonical_and_hashes_to_the_chain(host: Host) -> None:
    host.write_entries(5)
    ended = host.call("audit", "export")
    assert ended.status == 0
    previous = GENESIS
    lines = ended.out.removesuffix("\n").split("\n")
    assert len(lines) == 5
    for number, line in enumerate(lines, 1):
        body = line.encode()
        said = json.loads(body)
        assert canonical(said) == body
        assert (said["seq"], said["previous"]) == (number, previous)
        previous = "sha256:" + hashlib.sha256(body).hexdigest()
    assert host.call("audit", "verify", "--json").json["head"] == previous


def test_a_reader_that_has_enough_ends_the_export_quietly(host: Host) -> None:
    host.write_entries(400)
    exporting = subprocess.Popen(
        [sys.executable, "-m", "bot", "audit", "export"],
        cwd=host.folder,
        env=host.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert exporting.stdout is not None
    assert exporting.stderr is not None
    exporting.stdout.readline()
    exporting.stdout.close()
    complaint = exporting.stderr.read()
    exporting.stderr.close()
    assert (exporting.wait(60), complaint) == (0, b"")


@pytest.mark.parametrize("verb", ["verify", "export"])
def test_to_ask_about_a_database_that_does_not_exist_makes_none(host: Host, verb: str) -> None:
    ended = host.call("audit", verb)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        "portcullis: there is no ledger in portcullis.db; `portcullis db upgrade` makes one\n"
    )
    assert not host.database.exists()


UNUSABLE = {
    b"": "there is no ledger in portcullis.db; `portcullis db upgrade` makes one",
    b"this is no database at all, but long enough to be one " * 40: (
        "the database cannot be opened: file is not a database"
    ),
}


@pytest.mark.parametrize(("content", "text"), UNUSABLE.items(), ids=["empty", "text"])
def test_a_file_that_is_no_ledger_is_one_line(host: Host, content: bytes, text: str) -> None:
    host.database.write_bytes(content)
    ended = host.call("audit", "verify")
    assert (ended.status, ended.err) == (2, f"portcullis: {text}\n")


def test_a_database_of_a_newer_version_is_not_judged(host: Host) -> None:
    host.write_entries(1)
    host.alter("UPDATE alembic_version SET version_num = '9999'")
    ended = host.call("audit", "verify")
    assert ended.status == 2
    assert "the database is at schema 9999" in ended.err


def test_the_database_of_dotenv_is_the_one_that_is_verified(host: Host) -> None:
    host.write_entries(2)
    host.database.rename(host.folder / "elsewhere.db")
    (host.folder / ".env").write_text("PORTCULLIS_DATABASE_URL=sqlite:///elsewhere.db\n", encoding="utf-8")
    assert host.call("audit", "verify", "--json").json["entries"] == 2


BAD_URLS = {
    "mysql://root:hunter2@db/x": (
        "PORTCULLIS_DATABASE_URL is malformed: expected sqlite:///FILE or postgresql://USER@HOST/NAME"
    ),
    "sqlite:///no/such/folder/x.db": "PORTCULLIS_DATABASE_URL cannot be used: the database's folder does not exist",
    "sqlite://": "PORTCULLIS_DATABASE_URL cannot be used: SQLite in memory would forget everything",
    "postgresql://bot:hunter2@127.0.0.1:1/x": "the database cannot be opened: ",
    "postgresql://bot:hunter2@127.0.0.1:port/x": "PORTCULLIS_DATABASE_URL cannot be used: not a database URL",
}


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(("url", "text"), BAD_URLS.items())
def test_an_unusable_database_is_one_line_without_its_password(
    host: Host, monkeypatch: pytest.MonkeyPatch, url: str, text: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_DATABASE_URL", url)
    ended = host.call("audit", "verify")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"portcullis: {text}")
    assert len(ended.err.splitlines()) == 1
    assert "hunter2" not in ended.err


def test_a_folder_is_no_database(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTCULLIS_DATABASE_URL", f"sqlite:///{tmp_path}")
    ended = host.call("audit", "verify")
    assert ended.status == 2
    assert ended.err.startswith("portcullis: the database cannot be opened: ")
