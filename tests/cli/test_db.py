"""`portcullis db upgrade`: from nothing to this version's schema, and never back from a newer one."""

import pytest

from storage import schema
from tests.cli.conftest import Host


def test_upgrading_nothing_makes_a_ledger_that_is_intact(host: Host) -> None:
    ended = host.call("db", "upgrade")
    assert (ended.status, ended.out) == (0, f"made portcullis.db, at schema {schema.HEAD}\n")
    assert host.call("audit", "verify", "--json").json["entries"] == 0


def test_upgrading_twice_changes_nothing(host: Host) -> None:
    host.write_entries(2)
    ended = host.call("db", "upgrade")
    assert (ended.status, ended.out) == (0, f"the database is at schema {schema.HEAD} already\n")
    assert host.call("audit", "verify", "--json").json["entries"] == 2


def test_a_newer_schema_is_refused_and_left_alone(host: Host) -> None:
    host.write_entries(1)
    host.alter("UPDATE alembic_version SET version_num = '9999'")
    ended = host.call("db", "upgrade")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        f"portcullis: the database is at schema 9999, this version knows {schema.HEAD}: "
        "install the newer version\n"
    )


def test_upgrading_takes_no_slack_and_no_policy(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in host.settings:
        monkeypatch.delenv(name)
    (host.folder / "policy.yaml").unlink()
    assert host.call("db", "upgrade").status == 0


def test_a_missing_folder_is_one_line(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_DATABASE_URL", "sqlite:///var/lib/x.db")
    ended = host.call("db", "upgrade")
    assert ended.status == 2
    assert "the database's folder does not exist" in ended.err
    assert len(ended.err.splitlines()) == 1
