"""Settings of paging: whatever is wrong with one is one line that names it, repeats nothing of it, and ends with 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.setting_values import address_pairs, mail_address, secure_address, token_pairs, web_address
from bot.settings import SettingsError, read_settings
from tests.test_settings import GOOD, PREFIXES, ROOT, put

TOKEN = "0123456789abcdef"
URL = "expected http(s)://HOST/PATH, without a user, a query or spaces"
PORT = "its port must be a number from 1 to 65535"
SECURE = "it must be https, or http on localhost for a trial"
MAIL = "expected smtp://USER:PASSWORD@HOST:PORT or smtps://, with % escapes where the password needs them"
PAIR = "pair {} is not name=token (a name in lower case, a token of 16 characters or more)"
HOOK = "pair {} is not name=address (a name in lower case)"
FROM = {"PORTCULLIS_MAIL_FROM": "portcullis@example.com"}
SIREN = {"PORTCULLIS_WEBHOOK_SECRETS": f"siren={TOKEN}"}
P = "PORTCULLIS_"
# The setting, its value (hunter2 stands wherever a secret or a private name could), the rest, and what is said of it.
WRONG: list[tuple[str, str, dict[str, str], str]] = [
    ("SMTP_URL", "hunter2", FROM, MAIL),
    ("SMTP_URL", "smtp://", FROM, MAIL),
    ("SMTP_URL", "smtp://:25", FROM, MAIL),
    ("SMTP_URL", "smtp://u:hunter2@", FROM, MAIL),
    ("SMTP_URL", "smtp://u:hunter2@mail.hunter2:99999", FROM, PORT),
    ("SMTP_URL", "smtp://u:hunter2@mail.hunter2:0", FROM, PORT),
    ("SMTP_URL", "smtp://u:hunter2@mail.hunter2:", FROM, PORT),
    ("SMTP_URL", "smtp://u:hunter2@mail.hunter2:smtp", FROM, PORT),
    ("SMTP_URL", "smtp://u:hunter2@mail.hunter2:-25", FROM, PORT),
    ("SMTP_URL", "smtp://u:hunter2@mail hunter2", FROM, MAIL),
    ("SMTP_URL", "smtp://u:hunter2@[hunter2]", FROM, MAIL),
    ("SMTP_URL", "smtp://u:hunter2@[::1", FROM, MAIL),
    ("SMTP_URL", "http://u:hunter2@mail.example.com", FROM, MAIL),
    ("SMTP_URL", "smtp://u:hunter2@mail.example.com/inbox", FROM, MAIL),
    ("SMTP_URL", "smtp://u:hunter2@mail.example.com?tls=no", FROM, MAIL),
    ("SMTP_URL", "smtp://u:hunter2/x@mail.example.com", FROM, MAIL),
    ("SMTP_URL", "smtp://hunter2@mail.example.com", FROM, "a user and a password go together"),
    ("SMTP_URL", "smtp://:hunter2@mail.example.com", FROM, "a user and a password go together"),
    ("SMTP_URL", "smtp://u:hunter2#x@mail.example.com", FROM, MAIL),
    ("MAIL_FROM", "hunter2", {"PORTCULLIS_SMTP_URL": "smtp://mail.example.com"}, "expected an address like portcullis@example.com"),
    ("MAIL_FROM", "a@b.example\nBcc: hunter2@x", {"PORTCULLIS_SMTP_URL": "smtp://mail.example.com"}, "expected an address like portcullis@example.com"),
    ("MAIL_FROM", "hunter2@example.com", {}, "PORTCULLIS_SMTP_URL and PORTCULLIS_MAIL_FROM go together"),
    ("PAGERDUTY_KEYS", "hunter2hunter2hunter2", {}, PAIR.format(1)),
    ("PAGERDUTY_KEYS", f"default={TOKEN} other=hunter2", {}, PAIR.format(2)),
    ("PAGERDUTY_KEYS", f"Default={TOKEN}hunter2", {}, PAIR.format(1)),
    ("PAGERDUTY_KEYS", f"hunter2={TOKEN} hunter2={TOKEN}x", {}, "pair 2 has the same name as another one"),
    ("PAGERDUTY_KEYS", f"a={TOKEN}hunter2 b={TOKEN}hunter2", {}, "pair 2 has the same token as another one; who sent it?"),
    ("PAGERDUTY_WEBHOOK_SECRETS", "main=hunter2", {}, PAIR.format(1)),
    ("PAGERDUTY_API_TOKEN", "hunter2 hunter2", {}, "it holds spaces, control characters or letters beyond ASCII"),
    ("PAGERDUTY_API_TOKEN", "hunter2é", {}, "it holds spaces, control characters or letters beyond ASCII"),
    ("PAGERDUTY_EVENTS_URL", "events.hunter2.com", {}, URL),
    ("PAGERDUTY_EVENTS_URL", "http://events.hunter2.com", {}, SECURE),
    ("PAGERDUTY_EVENTS_URL", "https://u:hunter2@events.pagerduty.com", {}, URL),
    ("PAGERDUTY_API_URL", "https://api.pagerduty.com?key=hunter2", {}, URL),
    ("PAGERDUTY_API_URL", "https://api.hunter2.com:443443", {}, PORT),
    ("PAGERDUTY_API_URL", "https://[hunter2]/", {}, URL),
    ("WEBHOOKS", "https://hunter2.example.com", SIREN, HOOK.format(1)),
    ("WEBHOOKS", "siren=", SIREN, HOOK.format(1)),
    ("WEBHOOKS", "Siren=https://hunter2.example.com", SIREN, HOOK.format(1)),
    ("WEBHOOKS", "siren=https://a.example siren=https://hunter2.example", SIREN, "pair 2 has the same name as another one"),
    ("WEBHOOKS", "siren=http://hunter2.example.com", SIREN, f"the address of pair 1: {SECURE}"),
    ("WEBHOOKS", "siren=https://u:hunter2@example.com", SIREN, f"the address of pair 1: {URL}"),
    ("WEBHOOKS", "siren=https://example.com?token=hunter2", SIREN, f"the address of pair 1: {URL}"),
    ("WEBHOOKS", "siren=https://hunter2.example.com:99999/x", SIREN, f"the address of pair 1: {PORT}"),
    ("WEBHOOKS", "siren=https:///hunter2", SIREN, f"the address of pair 1: {URL}"),
    ("WEBHOOKS", "siren=ftp://hunter2", SIREN, f"the address of pair 1: {URL}"),
    ("WEBHOOK_SECRETS", "siren=hunter2", {}, PAIR.format(1)),
    ("WEBHOOK_SECRETS", f"other=hunter2{TOKEN}", {"PORTCULLIS_WEBHOOKS": "siren=https://x.example"}, "there is no secret to sign the webhook siren with"),
    ("PROMETHEUS_URL", "prometheus:9090", {}, URL),
    ("PROMETHEUS_URL", "http://u:hunter2@prometheus:9090", {}, URL),
    ("PROMETHEUS_URL", "http://hunter2:909090", {}, PORT),
    ("PROMETHEUS_URL", "http://:9090", {}, URL),
    ("PROMETHEUS_URL", "http://hunter2 prometheus:9090", {}, URL),
    ("ALIVE_URL", "http://alive.example.com/hunter2", {}, SECURE),
    ("ALIVE_URL", "https://alive.example.com/x?key=hunter2", {}, URL),
    ("ALIVE_URL", "https://hunter2.example.com:0/x", {}, PORT),
    ("ALIVE_URL", "https://[::hunter2]/x", {}, URL),
    ("ALIVE_URL", "hunter2", {}, URL),
]  # fmt: skip


@pytest.mark.requirement("C1")
@pytest.mark.parametrize(("name", "value", "rest", "said"), WRONG)
def test_each_wrong_setting_of_paging_is_one_line_that_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, rest: dict[str, str], said: str
) -> None:
    put(monkeypatch, tmp_path, GOOD | rest | {P + name: value})
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert caught.value.lines == [f"{P}{name} is malformed: {said}"]
    assert "hunter2" not in str(caught.value)


def test_a_webhook_without_any_secret_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(monkeypatch, tmp_path, GOOD | {"PORTCULLIS_WEBHOOKS": "siren=https://x.example"})
    with pytest.raises(SettingsError, match="PORTCULLIS_WEBHOOK_SECRETS is malformed: there is no secret"):
        read_settings()


def test_mail_needs_its_sender(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(monkeypatch, tmp_path, GOOD | {"PORTCULLIS_SMTP_URL": "smtp://mail.example.com"})
    with pytest.raises(SettingsError, match=r"PORTCULLIS_MAIL_FROM is malformed: .* go together"):
        read_settings()


@pytest.mark.parametrize(
    "url",
    [
        "smtp://127.0.0.1:2525",
        "smtps://bot:p%40ss%2Fword@mail.example.com",
        "smtp://bot%40example.com:x@mail.example.com:587/",
        "smtp://[::1]:25",
        "smtp://mail",
    ],
)
def test_a_good_mail_server_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    put(monkeypatch, tmp_path, GOOD | FROM | {"PORTCULLIS_SMTP_URL": url})
    found = read_settings()
    assert found.smtp_url is not None
    assert found.smtp_url.get_secret_value() == url
    assert url not in repr(found)


def test_good_addresses_are_taken_and_end_with_a_slash_where_a_path_follows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(
        monkeypatch,
        tmp_path,
        GOOD
        | SIREN
        | {
            "PORTCULLIS_WEBHOOKS": "siren=https://hooks.example.com/a=b",
            "PORTCULLIS_PROMETHEUS_URL": "http://prometheus:9090/prom",
            "PORTCULLIS_PAGERDUTY_API_URL": "http://127.0.0.1:8080",
            "PORTCULLIS_ALIVE_URL": "https://[2001:db8::1]:8443/ping/secret",
        },
    )
    found = read_settings()
    assert found.prometheus_url == "http://prometheus:9090/prom/"
    assert found.pagerduty_api_url == "http://127.0.0.1:8080/"
    assert found.webhooks["siren"].get_secret_value() == "https://hooks.example.com/a=b"
    assert "ping/secret" not in repr(found)


@given(
    st.text(max_size=60),
    st.sampled_from(
        ["", "http://", "https://", "smtp://", "smtps://", "a=", "a=https://", "https://[", "smtp://u:p@"]
    ),
)
def test_whatever_stands_there_is_taken_or_refused_in_words_of_ours(text: str, start: str) -> None:
    from pydantic import SecretStr

    for look in (
        web_address,
        secure_address,
        token_pairs,
        address_pairs,
        lambda v: mail_address(SecretStr(v)),
    ):
        try:
            look(start + text)
        except ValueError as error:
            said = str(error)
            assert len(said) < 160
            assert len(text) < 8 or text not in said


@pytest.mark.requirement("C1")
def test_run_names_every_wrong_setting_of_paging_and_exits_2(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(PREFIXES)} | GOOD
    wrong = {
        "PORTCULLIS_SMTP_URL": "smtp://u:hunter2@mail:99999",
        "PORTCULLIS_MAIL_FROM": "hunter2",
        "PORTCULLIS_PAGERDUTY_KEYS": "default=hunter2",
        "PORTCULLIS_WEBHOOKS": "siren=http://hunter2.example.com",
        "PORTCULLIS_PROMETHEUS_URL": "http://u:hunter2@prometheus",
        "PORTCULLIS_ALIVE_URL": "http://alive.example.com/hunter2",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "run"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)} | wrong,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    lines = [line.removeprefix("portcullis: ") for line in ended.stderr.splitlines()]
    assert sorted(line.split()[0] for line in lines) == sorted(wrong)
    assert "hunter2" not in ended.stderr
