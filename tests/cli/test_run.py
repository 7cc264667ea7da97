"""`portcullis run` as a process: it starts, answers and stops; and what it cannot start with is one line, status 2."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Host

LONGEST = 60


def run(host: Host, **settings: str) -> subprocess.CompletedProcess[str]:
    """`portcullis run` in a process of its own, until it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        cwd=host.folder,
        env=host.environment() | settings,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


def plain(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """What it said of itself, without the log's JSON lines."""
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    return [line for line in ended.stderr.splitlines() if not line.startswith("{")]


@pytest.mark.requirement("C1")
def test_a_port_in_use_is_one_line(host: Host) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(host, PORTCULLIS_HTTP_PORT=str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = plain(ended)
    assert line == (
        f"portcullis: cannot listen at 127.0.0.1:{port} (PORTCULLIS_HTTP_HOST, PORTCULLIS_HTTP_PORT): "
        "address already in use"
    )


UNUSABLE = {
    "sqlite:///no/such/folder/x.db": "PORTCULLIS_DATABASE_URL cannot be used: the database's folder does not exist: ",
    "postgresql://bot:hunter2@127.0.0.1:1/x": "the database cannot be opened: ",
    "sqlite:///policy.yaml": "the database cannot be opened: file is not a database",
    "sqlite:///.": "the database cannot be opened: unable to open database file",
}


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(("url", "text"), UNUSABLE.items())
def test_an_unusable_database_is_one_line(host: Host, url: str, text: str) -> None:
    ended = run(host, PORTCULLIS_HTTP_PORT="0", PORTCULLIS_DATABASE_URL=url)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = plain(ended)
    assert line.startswith(f"portcullis: {text}")


@pytest.mark.requirement("C1")
def test_a_newer_schema_is_one_line_and_left_alone(host: Host) -> None:
    host.write_entries(1)
    host.alter("UPDATE alembic_version SET version_num = '9999'")
    ended = run(host, PORTCULLIS_HTTP_PORT="0")
    assert ended.returncode == 2
    (line,) = plain(ended)
    assert line.startswith("portcullis: the database is at schema 9999")


@pytest.mark.requirement("C1")
def test_a_weak_key_is_one_line_before_anything_is_made(host: Host) -> None:
    ended = run(host, PORTCULLIS_SECRET_KEY="hunter2")
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = plain(ended)
    assert line.startswith("portcullis: PORTCULLIS_SECRET_KEY is too weak: ")
    assert not host.database.exists()


@pytest.mark.requirement("C1")
@pytest.mark.parametrize("content", [None, "", "version: 2", ": : :", "\x00"])
def test_a_policy_that_cannot_be_read_is_told_before_anything_is_made(
    host: Host, content: str | None
) -> None:
    path: Path = host.folder / "policy.yaml"
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="utf-8")
    ended = run(host)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert plain(ended)
    assert all(line.startswith("portcullis: policy.yaml") for line in plain(ended))
    assert not host.database.exists()


def read(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 -- our own, on loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.requirement("D7")
def test_it_starts_answers_logs_json_and_ends_with_status_0_when_told_to(host: Host) -> None:
    settings = {"PORTCULLIS_HTTP_PORT": "0", "PORTCULLIS_SLACK_API_URL": "http://127.0.0.1:1/api/"}
    running = subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        cwd=host.folder,
        env=host.environment() | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        said = running.stdout.readline()
        assert said.startswith("Portcullis is ready at http://127.0.0.1:")
        url = said.split()[-1]
        assert read(f"{url}/healthz") == (200, b"ok\n")
        status, health = read(f"{url}/health")
        assert (status, json.loads(health)["checks"]["database"]) == (200, True)
        status, answer = read(f"{url}/api/v1/requests?note=hunter2")
        assert (status, json.loads(answer)["error"]) == (401, "unauthorized")
        running.send_signal(signal.SIGTERM)
        _, log = running.communicate(timeout=LONGEST)
    finally:
        running.kill()
        running.wait(10)
    assert running.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert "ready" in [line["event"] for line in lines]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    assert "hunter2" not in log
    assert host.call("audit", "verify").status == 0
