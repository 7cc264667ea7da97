"""The command line refuses what is dangerous or broken in one line, and says where the page is when ready."""

import os
import re
import signal
import subprocess
import sys

import aiohttp
import pytest

from sandbox.command_line import main
from sandbox.workspace import Workspace, WorkspaceError

GIVEN = ["--signing-secret", "s", "--bot-token", "xoxb-1", "--app-token", "xapp-1"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com", "::"])
def test_it_listens_on_loopback_only(host, capsys):
    assert main(["--host", host, *GIVEN]) == 2
    assert "loopback only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--workspace", "missing.yaml"], "missing.yaml: No such file"),
        (["--manifest", "missing.yml"], "missing.yml: No such file"),
        (["--link", "nothing"], "not TITLE=URL"),
        (["--link", "Bad=javascript:alert(1)"], "no http address"),
        (["--events-url", "ftp://x"], "no http address"),
    ],
)
def test_a_bad_option_is_told_in_one_line(options, why, capsys, monkeypatch):
    assert main([*GIVEN, *options]) == 2
    error = capsys.readouterr().err
    assert why in error
    assert error.count("\n") == 1


def test_a_missing_secret_names_its_variable(capsys, monkeypatch):
    monkeypatch.delenv("SLACK_SIGNING_SECRET", raising=False)
    assert main(["--bot-token", "x"]) == 2
    assert "SLACK_SIGNING_SECRET" in capsys.readouterr().err


async def test_it_starts_says_where_and_stops_when_asked(tmp_path):
    cast = tmp_path / "cast.yaml"
    cast.write_text(
        "people: [{id: U1, name: ada, real_name: Ada}]\nchannels: [{id: C1, name: general, members: [ada]}]\n"
    )
    environment = {**os.environ, "SLACK_SIGNING_SECRET": "s", "SLACK_BOT_TOKEN": "xoxb-1"}
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--workspace", str(cast)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
        async with aiohttp.ClientSession() as session, session.get(f"{url}/") as answer:
            assert answer.status == 200
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            {"people": [{"id": "U1", "name": "ada", "real_name": "Ada", "tz": "Mars/Base"}]},
            "no IANA time zone",
        ),
        ({"people": [{"id": "U1", "name": "ada", "shoe": 42}]}, "shoe"),
        ({"channels": [{"id": "C1", "name": "a", "members": ["zed"]}]}, "nobody is called zed"),
        ({"channels": [{"id": "C1", "name": "a"}, {"id": "C1", "name": "b"}]}, "given twice: C1"),
        ({"rooms": []}, "unknown: rooms"),
        ([], "mapping"),
    ],
)
def test_a_workspace_that_makes_no_sense_is_refused_with_the_place(content, why):
    with pytest.raises(WorkspaceError, match=why):
        Workspace.from_mapping(content)
