"""`portcullis --help` is quick because it imports nothing heavy, and a wrong verb is told in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "pydantic",
    "sqlalchemy",
    "aiohttp",
    "slack_bolt",
    "slack_sdk",
    "structlog",
    "alembic",
    "cryptography",
    "ruamel",
    "croniter",
    "asyncio",
)
VERBS = ("run", "check", "calendar", "policy", "enroll", "audit", "db", "doctor", "sandbox")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_names_every_verb_and_imports_nothing_heavy() -> None:
    ended = python(
        "import sys\n"
        "from bot.__main__ import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print('HEAVY', heavy)\n"
    )
    assert ended.stderr == ""
    *shown, heavy = ended.stdout.splitlines()
    assert heavy == "HEAVY []"
    named = [line.split()[0] for line in shown if line.startswith("    ") and line.split()]
    assert set(VERBS) <= set(named)
    assert shown[-1] == "Exit status: 0 yes, 1 no, 2 usage or configuration, 3 not yet."


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "sandbox"])
def test_every_verb_has_help_of_its_own(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from bot.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"portcullis {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["deploy"], ["check"], ["check", "a", "b"], ["audit"], ["audit", "x"], ["db"], ["--nope"]],
)
def test_wrong_usage_is_status_2_and_says_what_there_is(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from bot.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("portcullis")
