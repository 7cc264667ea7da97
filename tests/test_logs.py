"""Logs (D7): JSON lines with their stacks, and no secret, whichever way it comes in."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot import logs
from bot.logs import GONE, without_secrets, without_told_secrets

pytestmark = pytest.mark.requirement("D7")


@dataclass
class Log:
    """What was logged."""

    stream: io.StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def line(self) -> dict[str, Any]:
        (one,) = self.text.splitlines()
        said: dict[str, Any] = json.loads(one)
        return said


@pytest.fixture
def log() -> Iterator[Log]:
    """The product's logs, in memory; the loggers are as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream=stream)
    yield Log(stream)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_json_with_event_level_logger_and_an_instant_in_utc(log: Log) -> None:
    structlog.get_logger("bot.x").info(
        "request.decided", request="DEP-1", n=3, ratio=0.5, none=None, yes=True
    )
    said = log.line
    assert (said["event"], said["level"], said["logger"]) == ("request.decided", "info", "bot.x")
    assert said["timestamp"].endswith("Z")
    assert (said["request"], said["n"], said["ratio"], said["none"], said["yes"]) == (
        "DEP-1",
        3,
        0.5,
        None,
        True,
    )


def test_the_libraries_log_alike(log: Log) -> None:
    logging.getLogger("some.library").warning("took %d ms", 5)
    assert (log.line["event"], log.line["level"], log.line["logger"]) == (
        "took 5 ms",
        "warning",
        "some.library",
    )


def raise_with(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("kind", ["ours", "a library's"])
def test_an_exception_is_one_line_with_its_stack_and_without_its_secrets(log: Log, kind: str) -> None:
    logger: Any = structlog.get_logger("bot.x") if kind == "ours" else logging.getLogger("library")
    try:
        try:
            raise_with("inner xoxb-1-hunter2")
        except ValueError as inner:
            raise RuntimeError("outer Bearer hunter2hunter2") from inner
    except RuntimeError:
        logger.exception("it.broke")
    stack = log.line["exception"]
    assert "Traceback (most recent call last)" in stack
    assert "in raise_with" in stack
    assert f"ValueError: inner {GONE}" in stack
    assert f"RuntimeError: outer Bearer {GONE}" in stack
    assert "hunter2" not in log.text


def test_a_stack_can_be_asked_for_without_an_exception(log: Log) -> None:
    structlog.get_logger("bot.x").warning("odd", stack_info=True)
    assert "test_a_stack_can_be_asked_for" in log.line["stack"]


TEXTS = {
    "bot token": ("posting with xoxb-12-34-hunter2 failed", f"posting with {GONE} failed"),
    "user token": ("xoxp-12-hunter2", GONE),
    "refresh token": ("xoxe.xoxp-1-hunter2", GONE),
    "app token": ("(xapp-1-A0-hunter2)", f"({GONE})"),
    "bearer": ("Authorization: Bearer hunter2/+=.x", f"Authorization: Bearer {GONE}"),
    "bearer in lower case": ('{"authorization": "bearer hunter2"}', f'{{"authorization": "bearer {GONE}"}}'),
    "basic": ("Authorization: Basic aHVudGVyMg== hunter", f"Authorization: Basic {GONE} hunter"),
    "response_url": ("at https://hooks.slack.com/actions/T1/2/hunter2 now", f"at {GONE} now"),
    "response_url of GovSlack": ("https://hooks.slack-gov.com/commands/hunter2", GONE),
    "URL with a password": ("postgresql://bot:hunter2@db:5432/x", f"postgresql://{GONE}@db:5432/x"),
    "URL with a password alone": ("redis://:hunter2@cache", f"redis://{GONE}@cache"),
    "URL with an @ in the password": ("http://u:hun@ter2@proxy/", f"http://{GONE}@proxy/"),
    "socket ticket": ("wss://x/link/?ticket=hunter2&app_id=1", f"wss://x/link/?ticket={GONE}&app_id=1"),
    "otpauth": ("otpauth://totp/ada?secret=HUNTER2&issuer=x", f"otpauth://totp/ada?secret={GONE}&issuer=x"),
    "query token": ("GET /x?a=1&access_token=hunter2#f", f"GET /x?a=1&access_token={GONE}#f"),
    "what a driver was given": (
        "(sqlite3.X) no\n[SQL: INSERT]\n[parameters: ('hunter2', 'x]')]\n(Background)",
        f"(sqlite3.X) no\n[SQL: INSERT]\n[parameters: {GONE}]\n(Background)",
    ),
    "what pydantic was given": (
        "x\n  bad [type=t, input_value={'a': 'hunter2, b'}, input_type=dict]",
        f"x\n  bad [type=t, input_value={GONE}, input_type=dict]",
    ),
    "GitHub": ("invalid ghp_" + "x" * 36 + ".", f"invalid {GONE}."),
    "GitHub, fine-grained": ("invalid github_pat_" + "x" * 22, f"invalid {GONE}"),
    "GitLab": ("denied glpat-" + "x" * 20, f"denied {GONE}"),
    "AWS": ("(AKIA" + "X" * 16 + ")", f"({GONE})"),
    "JWT": ("rejected eyJhbGciOiJub25lIn0.hunter2.hunter-2 there", f"rejected {GONE} there"),
    "two of them": ("xoxb-hunter2 and xapp-hunter2", f"{GONE} and {GONE}"),
}


@pytest.mark.parametrize(("text", "clean"), TEXTS.values(), ids=TEXTS)
def test_a_secret_inside_a_text_is_put_out_and_the_rest_stays(log: Log, text: str, clean: str) -> None:
    assert without_secrets(text) == clean
    structlog.get_logger("bot.x").info(text, note=text)
    assert (log.line["event"], log.line["note"]) == (clean, clean)
    log.stream.truncate(log.stream.seek(0))
    logging.getLogger("library").warning("%s", text)
    assert log.line["event"] == clean


CALLED = {
    "a word": ("password=made-up-word", f"password={GONE}"),
    "a variable": ("DB_PASSWORD=made-up;x", f"DB_PASSWORD={GONE};x"),
    "JSON": ('{"api_key": "made-up"}', f'{{"api_key": "{GONE}"}}'),
    "a header": ("Authorization: Bearer made-up", f"Authorization: {GONE} {GONE}"),
    "nothing": ("3 of 4 pods are ready: 1 restarts", "3 of 4 pods are ready: 1 restarts"),
}


@pytest.mark.parametrize(("text", "clean"), CALLED.values(), ids=CALLED)
def test_what_a_text_that_we_were_told_calls_a_secret_is_put_out_as_well(text: str, clean: str) -> None:
    assert without_told_secrets(text) == clean


INNOCENT = [
    "AKIA is a prefix, and so is eyJ, and ghp_",
    "DEP-42 in production at 2026-03-02T14:00:00Z",
    "https://slack.com/api/chat.postMessage",
    "sha256:" + "7a" * 32,
    "http://127.0.0.1:8080/health",
    "ada@acme.example",
    "the bearer of this",
    "code: gate-failed",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays(text: str) -> None:
    expected = (
        "the bearer [redacted] this" if text == "the bearer of this" else text
    )  # rather too much than too little
    assert without_secrets(text) == expected


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "slack_bot_token",
        "SIGNING_SECRET",
        "Authorization",
        "password",
        "Set-Cookie",
        "response_url",
        "X-Slack-Signature",
        "api_key",
        "private_key",
        "credentials",
    ],
)
def test_a_secret_goes_by_its_key_at_every_depth(log: Log, key: str) -> None:
    nested = {"a": [{"b": ({key: "hunter2"},)}]}
    structlog.get_logger("bot.x").info("seen", headers=nested, **{key: ["hunter2"]})
    said = log.line
    assert said[key] == GONE
    assert said["headers"] == {"a": [{"b": [{key: GONE}]}]}


class Holder:
    """Something whose own text holds a secret."""

    def __repr__(self) -> str:
        return "Holder(xoxb-hunter2)"


def test_what_is_no_json_is_shown_as_text_without_its_secrets(log: Log) -> None:
    structlog.get_logger("bot.x").info(
        "seen",
        thing=Holder(),
        error=ValueError("xoxb-hunter2"),
        raw=b"xoxb-hunter2",
        several={"xoxb-hunter2"},
        path=Path("/var/x"),
        keyed={"xoxb-hunter2": 1, Holder(): 2},
        lone="\ud800",
    )
    said = log.line
    assert said["thing"] == f"Holder({GONE})"
    assert said["error"] == f"ValueError('{GONE}')"
    assert said["several"] == [GONE]
    assert "hunter2" not in log.text


def test_what_holds_itself_is_cut_off(log: Log) -> None:
    endless: dict[str, Any] = {"secret": "hunter2"}
    endless["again"] = [endless]
    structlog.get_logger("bot.x").info("seen", endless=endless)
    assert "…" in json.dumps(log.line, ensure_ascii=False)
    assert "hunter2" not in log.text


def test_context_is_bound_and_cleaned(log: Log) -> None:
    with structlog.contextvars.bound_contextvars(request="DEP-1", token="hunter2"):
        structlog.get_logger("bot.x").info("seen")
    assert (log.line["request"], log.line["token"]) == ("DEP-1", GONE)


def test_a_text_of_many_lines_stays_on_one_line(log: Log) -> None:
    structlog.get_logger("bot.x").info("a\nb\u2028c", note='{"event": "forged"}\n{"event": "forged"}')
    assert len(log.text.splitlines()) == 1


@pytest.mark.parametrize("name", ["slack_bolt.App", "slack_sdk.web", "aiohttp.access", "aiosqlite"])
def test_chatty_libraries_are_heard_from_warnings_on(log: Log, name: str) -> None:
    logging.getLogger(name).info("chat")
    assert log.text == ""
    logging.getLogger(name).warning("matter")
    assert log.line["event"] == "matter"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "unit",
    [
        "://",
        "a:",
        "://a:",
        "://a:b",
        "Bearer ",
        "bearer",
        "?token=",
        "?",
        "?a",
        "&atokena",
        "input_value=",
        "xoxb",
        "@",
        "token",
        "token ",
        "token_",
        "api_key'",
        "eyJ",
        "eyJ-",
        "eyJa.",
        "ghp_",
        "github_pat_",
        "AKIA",
    ],
)
def test_a_long_text_is_cleaned_in_time_that_grows_with_its_length(unit: str) -> None:
    without_secrets(unit * (400_000 // len(unit)))
    without_secrets("://a" + unit * (400_000 // len(unit)))
    without_secrets("?" + unit * (400_000 // len(unit)))
    without_told_secrets(unit * (400_000 // len(unit)))
