"""Settings: every missing or malformed one is named in one line, all at once, and no line repeats a value."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.settings import GateSettings, LedgerSettings, SettingsError, read, read_settings

ROOT = Path(__file__).resolve().parent.parent
PREFIXES = ("SLACK_", "PORTCULLIS_")
KEY = "a-key-of-more-than-32-characters-42"
GOOD = {
    "SLACK_BOT_TOKEN": "xoxb-good-bot-token",
    "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "PORTCULLIS_SECRET_KEY": KEY,
}


def put(monkeypatch: pytest.MonkeyPatch, folder: Path, variables: Mapping[str, str | None]) -> None:
    """An environment with these variables alone, in a folder without `.env`."""
    for name in [n for n in os.environ if n.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)


def test_the_defaults_are_the_contract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(monkeypatch, tmp_path, GOOD)
    found = read_settings()
    assert found.database_url == "sqlite:///portcullis.db"
    assert found.policy == Path("policy.yaml")
    assert (found.http_host, found.http_port) == ("127.0.0.1", 8080)
    assert found.slack_api_url == "https://slack.com/api/"
    assert (found.slack_app_token, found.public_url, found.audit_key) == (None, None, None)
    assert (found.api_tokens, found.registry_credentials, found.insecure_registries) == ((), {}, ())


def test_every_setting_of_the_contract_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(
        monkeypatch,
        tmp_path,
        GOOD
        | {
            "SLACK_APP_TOKEN": "xapp-1-A-b",
            "PORTCULLIS_SLACK_API_URL": "http://127.0.0.1:8070/api",
            "PORTCULLIS_DATABASE_URL": "postgresql://bot@db.example/portcullis",
            "PORTCULLIS_POLICY": "rules/policy.yaml",
            "PORTCULLIS_HTTP_HOST": "::1",
            "PORTCULLIS_HTTP_PORT": "0",
            "PORTCULLIS_PUBLIC_URL": "https://portcullis.example.com",
            "PORTCULLIS_AUDIT_KEY": "an-ed25519-key",
            "PORTCULLIS_API_TOKENS": "ci=0123456789abcdef  scanner=fedcba9876543210,\n third:read=0000111122223333",
            "PORTCULLIS_INSECURE_REGISTRIES": "registry.lan:5000, other.lan",
            "PORTCULLIS_REGISTRY_CREDENTIALS": "ghcr.io=robot:pass:word other:5000=u:",
        },
    )
    found = read_settings()
    assert found.slack_api_url == "http://127.0.0.1:8070/api/"
    assert found.policy == Path("rules/policy.yaml")
    assert (found.http_host, found.http_port) == ("::1", 0)
    assert found.audit_key is not None
    assert found.audit_key.get_secret_value() == "an-ed25519-key"
    assert [each.name for each in found.api_tokens] == ["ci", "scanner", "third"]
    assert found.api_tokens[1].secret.get_secret_value() == "fedcba9876543210"
    assert [each.grant.everything for each in found.api_tokens] == [True, True, False]
    assert found.insecure_registries == ("registry.lan:5000", "other.lan")
    assert found.registry_credentials["ghcr.io"].get_secret_value() == "robot:pass:word"


SIGNING = "SLACK_SIGNING_SECRET is missing (or set SLACK_APP_TOKEN, to receive by Socket Mode)"
PAIR = (
    "PORTCULLIS_API_TOKENS is malformed: pair {} is not name=token or name:scope+scope=token "
    "(a name in lower case, a token of 16 characters or more, no space and no comma within)"
)
SCOPE = (
    "PORTCULLIS_API_TOKENS is malformed: pair {} says “{}”, which is no scope; there are evidence, heartbeats, alerts, "
    "read and heartbeat/NAME, as in name:scope+scope=token"
)
DATABASE = "PORTCULLIS_DATABASE_URL is malformed: expected sqlite:///FILE or postgresql://USER@HOST/NAME"
ADDRESS = "{} is malformed: expected http(s)://HOST/PATH, without a user, a query or spaces"
NETWORK = (
    "PORTCULLIS_TRUSTED_PROXIES is malformed: entry {} is no address and no network, such as 10.0.0.0/8 (all zero "
    "behind the prefix)"
)
TOGETHER = (
    "PORTCULLIS_OIDC_CLIENT_ID is malformed: PORTCULLIS_OIDC_ISSUER and PORTCULLIS_OIDC_CLIENT_ID go together"
)
WRONG: list[tuple[dict[str, str | None], list[str]]] = [
    ({"SLACK_BOT_TOKEN": None}, ["SLACK_BOT_TOKEN is missing"]),
    ({"SLACK_BOT_TOKEN": ""}, ["SLACK_BOT_TOKEN is missing"]),
    ({"SLACK_BOT_TOKEN": "xoxp-hunter2"}, ["SLACK_BOT_TOKEN is malformed: a bot token starts with xoxb-"]),
    (
        {"SLACK_BOT_TOKEN": "xoxb-hunter2\nhunter2"},
        ["SLACK_BOT_TOKEN is malformed: a bot token starts with xoxb-"],
    ),
    (
        {"SLACK_APP_TOKEN": "xoxb-hunter2"},
        ["SLACK_APP_TOKEN is malformed: an app-level token starts with xapp-"],
    ),
    (
        {"SLACK_APP_TOKEN": "hunter2", "SLACK_SIGNING_SECRET": None},
        ["SLACK_APP_TOKEN is malformed: an app-level token starts with xapp-"],
    ),
    ({"SLACK_SIGNING_SECRET": None}, [SIGNING]),
    (
        {"SLACK_SIGNING_SECRET": "hunter2 hunter2"},
        ["SLACK_SIGNING_SECRET is malformed: it holds spaces, control characters or letters beyond ASCII"],
    ),
    ({"PORTCULLIS_SECRET_KEY": None}, ["PORTCULLIS_SECRET_KEY is missing"]),
    (
        {"PORTCULLIS_HTTP_PORT": "65536"},
        ["PORTCULLIS_HTTP_PORT is malformed: it must be less than or equal to 65535"],
    ),
    (
        {"PORTCULLIS_HTTP_PORT": "-1"},
        ["PORTCULLIS_HTTP_PORT is malformed: it must be greater than or equal to 0"],
    ),
    ({"PORTCULLIS_HTTP_PORT": "hunter2"}, ["PORTCULLIS_HTTP_PORT is malformed: it must be a valid integer"]),
    ({"PORTCULLIS_HTTP_PORT": "8080.5"}, ["PORTCULLIS_HTTP_PORT is malformed: it must be a valid integer"]),
    ({"PORTCULLIS_DATABASE_URL": "mysql://root:hunter2@db/x"}, [DATABASE]),
    ({"PORTCULLIS_DATABASE_URL": "hunter2"}, [DATABASE]),
    ({"PORTCULLIS_DATABASE_URL": "postgres://root:hunter2@db/x"}, [DATABASE]),
    ({"PORTCULLIS_SLACK_API_URL": "slack.com"}, [ADDRESS.format("PORTCULLIS_SLACK_API_URL")]),
    ({"PORTCULLIS_SLACK_API_URL": "ftp://slack.com"}, [ADDRESS.format("PORTCULLIS_SLACK_API_URL")]),
    ({"PORTCULLIS_PUBLIC_URL": "https://me:hunter2@host/"}, [ADDRESS.format("PORTCULLIS_PUBLIC_URL")]),
    ({"PORTCULLIS_PUBLIC_URL": "https://"}, [ADDRESS.format("PORTCULLIS_PUBLIC_URL")]),
    ({"PORTCULLIS_API_TOKENS": "hunter2hunter2hunter2"}, [PAIR.format(1)]),
    ({"PORTCULLIS_API_TOKENS": "ci=0123456789abcdef x=hunter2"}, [PAIR.format(2)]),
    ({"PORTCULLIS_API_TOKENS": "CI=hunter2hunter2hunter2"}, [PAIR.format(1)]),
    (
        {"PORTCULLIS_API_TOKENS": "hunter2=0123456789abcdef hunter2=0123456789abcdee"},
        ["PORTCULLIS_API_TOKENS is malformed: pair 2 has the same name as another one"],
    ),
    (
        {"PORTCULLIS_API_TOKENS": "a=hunter2hunter2hunter2 b=hunter2hunter2hunter2"},
        ["PORTCULLIS_API_TOKENS is malformed: pair 2 has the same token as another one; who sent it?"],
    ),
    (
        {"PORTCULLIS_API_TOKENS": "ci:evidnece=hunter2hunter2hunter2"},
        [SCOPE.format(1, "evidnece")],
    ),
    (
        {"PORTCULLIS_REGISTRY_CREDENTIALS": "ghcr.io=hunter2"},
        ["PORTCULLIS_REGISTRY_CREDENTIALS is malformed: pair 1 is not host=user:password"],
    ),
    (
        {"PORTCULLIS_REGISTRY_CREDENTIALS": "a=b:hunter2 a=c:hunter2"},
        ["PORTCULLIS_REGISTRY_CREDENTIALS is malformed: pair 2 is for the same host as another one"],
    ),
    ({"PORTCULLIS_TRUSTED_PROXIES": "127.0.0.1 hunter2"}, [NETWORK.format(2)]),
    ({"PORTCULLIS_TRUSTED_PROXIES": "10.0.0.1/8"}, [NETWORK.format(1)]),
    ({"PORTCULLIS_OIDC_ISSUER": "https://id.example.com"}, [TOGETHER]),
    ({"PORTCULLIS_OIDC_CLIENT_ID": "portcullis"}, [TOGETHER]),
    (
        {"PORTCULLIS_OIDC_ISSUER": "http://id.example.com", "PORTCULLIS_OIDC_CLIENT_ID": "portcullis"},
        ["PORTCULLIS_OIDC_ISSUER is malformed: it must be https, or http on localhost for a trial"],
    ),
    (
        {"PORTCULLIS_GITHUB_API_URL": "http://github.example.com"},
        ["PORTCULLIS_GITHUB_API_URL is malformed: it must be https, or http on localhost for a trial"],
    ),
    (
        {"PORTCULLIS_INSECURE_REGISTRIES": "ok.lan https://u:hunter2@bad"},
        ["PORTCULLIS_INSECURE_REGISTRIES is malformed: entry 2 is not host or host:port"],
    ),
    (
        {
            "SLACK_BOT_TOKEN": None,
            "SLACK_SIGNING_SECRET": None,
            "PORTCULLIS_SECRET_KEY": None,
            "PORTCULLIS_HTTP_PORT": "hunter2",
            "PORTCULLIS_DATABASE_URL": "hunter2://",
        },
        [
            DATABASE,
            "PORTCULLIS_SECRET_KEY is missing",
            "SLACK_BOT_TOKEN is missing",
            SIGNING,
            "PORTCULLIS_HTTP_PORT is malformed: it must be a valid integer",
        ],
    ),
]


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(("changed", "lines"), WRONG)
def test_each_wrong_setting_is_one_line_and_all_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, str | None], lines: list[str]
) -> None:
    put(monkeypatch, tmp_path, GOOD | changed)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert caught.value.lines == lines
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "hunter2" not in str(caught.value)


def test_a_signing_secret_is_not_needed_with_socket_mode(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(monkeypatch, tmp_path, GOOD | {"SLACK_SIGNING_SECRET": None, "SLACK_APP_TOKEN": "xapp-1-a"})
    assert read_settings().slack_signing_secret is None


def test_white_space_around_a_pasted_value_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(monkeypatch, tmp_path, {name: f" {value}\n" for name, value in GOOD.items()})
    assert read_settings().slack_bot_token.get_secret_value() == "xoxb-good-bot-token"


def test_a_dotenv_file_is_read_and_the_environment_stands_above_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(monkeypatch, tmp_path, {"PORTCULLIS_HTTP_PORT": "9001"})
    file = "".join(f"{k}={v}\n" for k, v in GOOD.items())
    (tmp_path / ".env").write_text(
        f"# secrets\n{file}PORTCULLIS_HTTP_PORT=9002\nPORTCULLIS_HTTP_HOST='0.0.0.0'\nUNRELATED=x\n",
        encoding="utf-8",
    )
    found = read_settings()
    assert (found.http_host, found.http_port) == ("0.0.0.0", 9001)
    assert found.secret_key.get_secret_value() == KEY


@pytest.mark.parametrize("content", [b"SLACK_BOT_TOKEN=\xff\xfe", b"\x00\x00\x80"])
def test_a_dotenv_file_that_is_no_text_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    put(monkeypatch, tmp_path, GOOD)
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert caught.value.lines == [".env is not UTF-8 text"]


def test_no_secret_shows_in_the_settings_own_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets: dict[str, Any] = {
        "SLACK_BOT_TOKEN": "xoxb-hunter2",
        "SLACK_SIGNING_SECRET": "hunter2",
        "PORTCULLIS_SECRET_KEY": "hunter2" * 6,
        "PORTCULLIS_AUDIT_KEY": "hunter2",
        "PORTCULLIS_API_TOKENS": "ci=hunter2hunter2hunter2",
        "PORTCULLIS_REGISTRY_CREDENTIALS": "ghcr.io=u:hunter2",
    }
    put(monkeypatch, tmp_path, secrets)
    assert "hunter2" not in repr(read_settings())


def test_a_verb_asks_only_for_the_settings_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(monkeypatch, tmp_path, {})
    assert read(LedgerSettings).database_url == "sqlite:///portcullis.db"
    assert read(GateSettings).policy == Path("policy.yaml")


@pytest.mark.requirement("C1")
def test_run_names_every_wrong_setting_and_exits_2_before_anything_is_made(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIXES)}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "SLACK_BOT_TOKEN": "hunter2-token",
        "PORTCULLIS_API_TOKENS": "ci=hunter2",
        "PORTCULLIS_DATABASE_URL": "mysql://root:hunter2@db",
        "PORTCULLIS_HTTP_PORT": "70000",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert all(line.startswith("portcullis: ") for line in lines)
    named = [line.removeprefix("portcullis: ").split()[0] for line in lines]
    assert sorted(named) == [
        "PORTCULLIS_API_TOKENS",
        "PORTCULLIS_DATABASE_URL",
        "PORTCULLIS_HTTP_PORT",
        "PORTCULLIS_SECRET_KEY",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
    ]
    assert "hunter2" not in ended.stderr
    assert list(tmp_path.iterdir()) == []
