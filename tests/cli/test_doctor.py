"""`portcullis doctor`: every need is tried, nothing is made or changed, and no answer of Slack's is repeated."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiohttp import web

from tests.cli.conftest import Host, in_thread

AUTH = {"ok": True, "team": "Acme", "user": "portcullis", "team_id": "T1", "user_id": "U1"}


@contextmanager
def slack(
    answer: object, other: dict[str, object] | None = None, *, status: int = 200
) -> Iterator[tuple[str, list[str]]]:
    """A Web API that answers everything alike but `other` methods, and the tokens it saw."""
    seen: list[str] = []

    async def method(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        if isinstance(answer, str):
            return web.Response(text=answer, content_type="text/html", status=status)
        return web.json_response((other or {}).get(request.match_info["method"], answer), status=status)

    app = web.Application()
    app.router.add_route("*", "/api/{method}", method)
    with in_thread(app) as port:
        yield f"http://127.0.0.1:{port}/api/", seen


@pytest.fixture
def patient(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose address is free."""
    monkeypatch.setenv("PORTCULLIS_HTTP_PORT", "0")
    return host


def lines(out: str) -> dict[str, tuple[str, str]]:
    """What was said, by the name of the check."""
    found = {}
    for line in out.splitlines():
        word, _, rest = line.partition(" ")
        name, _, text = rest.strip().partition(": ")
        found[name] = (word, text)
    return found


@pytest.mark.requirement("C1")
def test_all_is_well_is_status_0(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.call("enroll", "ada")
    with slack(AUTH) as (url, seen):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    assert (ended.status, ended.err) == (0, "")
    said = lines(ended.out)
    assert {word for word, _ in said.values()} == {"ok"}
    assert said["Slack"][1].startswith("workspace Acme, as portcullis; hint: whether there is #")
    assert said["database"][1] == "schema 0004"
    assert (
        said["second factors"][1] == "1 of 5 people enrolled; not yet: bo, cy, lin, vic (portcullis enroll)"
    )
    assert said["address"][1] == "127.0.0.1:0 is free"
    assert seen == ["Bearer xoxb-hunter2-bot"]


def test_socket_mode_is_tried_where_it_is_set_up(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1-hunter2")
    with slack(AUTH | {"url": "wss://127.0.0.1/link?ticket=hunter2"}) as (url, seen):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    assert ended.status == 0
    assert lines(ended.out)["Socket Mode"] == ("ok", "the app-level token opens connections")
    assert seen == ["Bearer xoxb-hunter2-bot", "Bearer xapp-1-hunter2"]
    assert "hunter2" not in ended.out


def test_a_dead_slack_is_status_1_and_the_rest_is_tried_all_the_same(
    patient: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", "http://127.0.0.1:1/api/")
    ended = patient.call("doctor")
    assert ended.status == 1
    said = lines(ended.out)
    assert said["Slack"][0] == "WRONG"
    assert said["Slack"][1]
    assert [name for name, (word, _) in said.items() if word == "WRONG"] == ["Slack"]
    assert "Traceback" not in ended.out + ended.err
    assert "hunter2" not in ended.out + ended.err


REFUSALS = [
    ({"ok": False, "error": "invalid_auth"}, 200, "Slack refuses it: invalid_auth"),
    ({"ok": False, "error": "<b>hunter2"}, 200, "what answers at PORTCULLIS_SLACK_API_URL is not Slack"),
    ("<html>hunter2 gateway</html>", 200, "what answers at PORTCULLIS_SLACK_API_URL is not Slack"),
    ("<html>hunter2 gateway</html>", 502, "what answers at PORTCULLIS_SLACK_API_URL is not Slack"),
    (["hunter2"], 200, "what answers at PORTCULLIS_SLACK_API_URL is not Slack"),
]


@pytest.mark.parametrize(("answer", "status", "text"), REFUSALS)
def test_what_slack_refuses_is_told_by_its_code_alone(
    patient: Host, monkeypatch: pytest.MonkeyPatch, answer: object, status: int, text: str
) -> None:
    with slack(answer, status=status) as (url, _):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    assert (ended.status, lines(ended.out)["Slack"]) == (1, ("WRONG", text))
    assert "hunter2" not in ended.out + ended.err


def test_the_doctor_makes_no_database(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with slack(AUTH) as (url, _):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    assert ended.status == 0
    assert lines(ended.out)["database"][1] == "not there yet; `run` makes it, at schema 0004"
    assert not patient.database.exists()


def test_a_database_of_a_newer_version_is_wrong(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    patient.write_entries(1)
    patient.alter("UPDATE alembic_version SET version_num = '9999'")
    with slack(AUTH) as (url, _):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor", "--json")
    assert (ended.status, ended.json["ok"]) == (1, False)
    (database,) = [c for c in ended.json["checks"] if c["name"] == "database"]
    assert database["text"].startswith("the database is at schema 9999")


def test_an_address_in_use_is_told(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    with slack(AUTH) as (url, _), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORTCULLIS_HTTP_PORT", str(port))
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    assert lines(ended.out)["address"] == (
        "ok",
        f"127.0.0.1:{port} is in use: by the bot, if it runs; otherwise it cannot start",
    )


def test_an_address_that_is_not_ours_is_wrong(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_HTTP_HOST", "192.0.2.1")
    with slack(AUTH) as (url, _):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    assert (ended.status, lines(ended.out)["address"][0]) == (1, "WRONG")


@pytest.mark.requirement("C1")
def test_missing_settings_are_status_2(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    ended = patient.call("doctor")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == "portcullis: SLACK_BOT_TOKEN is missing\n"


FORBIDS_CODES = ("second_factor: {methods: [totp]", "second_factor: {methods: [passkey]")


def warning(patient: Host, monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> tuple[str, str]:
    """What is said of enrolment under a changed policy."""
    path = patient.folder / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    with slack(AUTH) as (url, _):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    assert ended.status == 0, "a warning is no fault"
    return lines(ended.out)["enrolment"]


@pytest.mark.requirement("P8")
def test_a_host_that_enrols_alone_is_warned_of(patient: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    word, text = warning(patient, monkeypatch)
    assert word == "ok"
    assert text.startswith("warning: production: whoever has the host can enrol anybody alone")


def test_a_policy_that_nobody_can_satisfy_without_pages_is_warned_of(
    patient: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = warning(patient, monkeypatch, FORBIDS_CODES)
    assert "nobody can approve without our pages; set PORTCULLIS_PUBLIC_URL" in text
    monkeypatch.setenv("PORTCULLIS_PUBLIC_URL", "https://portcullis.example.com")
    _, text = warning(patient, monkeypatch)
    assert "PORTCULLIS_PUBLIC_URL" not in text


@pytest.mark.parametrize(
    ("role", "text"),
    [
        ("{people: [ada]}", "nobody enrols anybody alone"),
        (
            "{people: [ada], github_team: acme/keepers}",
            "administrators are those whom the policy itself names",
        ),
    ],
)
def test_administrators_whom_somebody_else_names_are_warned_of(
    patient: Host, monkeypatch: pytest.MonkeyPatch, role: str, text: str
) -> None:
    path = patient.folder / "policy.yaml"
    kept = path.read_text(encoding="utf-8")
    path.write_text(f"{kept}\nsecond_factors: {{administrators: [keeper]}}\n", encoding="utf-8")
    assert text in warning(patient, monkeypatch, ("\nroles:\n", f"\nroles:\n  keeper: {role}\n"))[1]


def without_escalation(text: str) -> str:
    """A policy's text with nothing said of whom to tell."""
    return "\n".join(
        line for line in text.splitlines() if not line.startswith(("escalation:", "  - {notify"))
    )


@pytest.mark.requirement("F7")
def test_names_that_the_settings_do_not_have_page_nobody(
    patient: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = patient.folder / "policy.yaml"
    path.write_text(
        without_escalation(path.read_text())
        + "\nescalation:\n  - {notify: [pagerduty: default]}\n  - {notify: [webhook: siren]}\n"
    )
    told = [line for line in patient.call("doctor").out.splitlines() if line.startswith("WRONG paging")]
    nobody = "nobody would be paged there"
    assert told == [
        f"WRONG paging: escalation.0 names pagerduty 'default', which is not in PORTCULLIS_PAGERDUTY_KEYS: {nobody}",
        f"WRONG paging: escalation.1 names webhook 'siren', which is not in PORTCULLIS_WEBHOOKS: {nobody}",
    ]
    monkeypatch.setenv("PORTCULLIS_PAGERDUTY_KEYS", "default=hunter2hunter2hunter2hunter2hunt")
    monkeypatch.setenv("PORTCULLIS_WEBHOOKS", "siren=https://siren.example/in")
    monkeypatch.setenv("PORTCULLIS_WEBHOOK_SECRETS", "siren=hunter2hunter2hunter2hunter2hunt")
    ended = patient.call("doctor")
    assert lines(ended.out)["paging"][0] == "ok"
    assert "PagerDuty (default), webhooks (siren)" in lines(ended.out)["paging"][1]
    assert "hunter2" not in ended.out


def test_people_with_an_address_and_no_mail_are_a_hint(
    patient: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, said = lines(patient.call("doctor").out)["paging"]
    assert (word, said.partition(";")[0]) == (
        "ok",
        "hint: the policy has an email of ada, bo, cy, vic, lin, and no mail is sent",
    )
    monkeypatch.setenv("PORTCULLIS_SMTP_URL", "smtps://bot:hunter2@mail.example:465")
    monkeypatch.setenv("PORTCULLIS_MAIL_FROM", "portcullis@acme.example")
    word, said = lines(patient.call("doctor").out)["paging"]
    assert (word, said) == ("ok", "by Slack, mail (5 of 5 people have an address)")


def test_a_channel_that_slack_does_not_know_is_named_with_its_places(
    patient: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = patient.folder / "policy.yaml"
    text = without_escalation(path.read_text()) + "\nescalation:\n  - {notify: [channel: C0000000GONE]}\n"
    path.write_text(text)
    with slack(AUTH, {"chat.getPermalink": {"ok": False, "error": "channel_not_found"}}) as (url, _):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        ended = patient.call("doctor")
    gone = "the channel C0000000GONE does not exist, or is private and the bot was not invited to it"
    assert ended.status == 1
    assert f"WRONG Slack: escalation.0: {gone}" in ended.out.splitlines()
    with slack(AUTH, {"chat.getPermalink": {"ok": False, "error": "message_not_found"}}) as (url, _):
        monkeypatch.setenv("PORTCULLIS_SLACK_API_URL", url)
        assert lines(patient.call("doctor").out)["Slack"][0] == "ok"


def test_what_asks_prometheus_without_its_address_is_wrong(
    patient: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = patient.folder / "policy.yaml"
    first = "    monitors:\n      - name: api\n"
    text = path.read_text()
    assert first in text
    asks = (
        "    monitors:\n      - {name: errors, prometheus: {query: up, fail_below: 1}}\n      - name: api\n"
    )
    path.write_text(text.replace(first, asks))
    word, said = lines(patient.call("doctor").out)["Prometheus"]
    assert word == "WRONG"
    assert said.startswith(
        "environments.production: monitor errors asks Prometheus, and PORTCULLIS_PROMETHEUS_URL"
    )
    monkeypatch.setenv("PORTCULLIS_PROMETHEUS_URL", "http://127.0.0.1:9090")
    assert "Prometheus" not in lines(patient.call("doctor").out)
