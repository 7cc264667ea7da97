"""Every way in which a login can fail has its own sentence, which names what to do next and no secret."""

import re
from pathlib import Path

import pytest

from bot.domain.refusal import Refusal
from bot.flows.login import COUNTED
from handlers.wording.facts import Facts
from handlers.wording.login_refusals import LOGINS
from handlers.wording.said import Said
from handlers.wording.times import utc

ROOT = Path(__file__).resolve().parents[3]
RAISED = re.compile(r'Login(?:Refused|Denied)\(\s*"([a-z-]+)"')
OURS = re.compile(r'\bRefusal\(\s*"([a-z-]+)"')
STEP = {"unblock": ("again", "ask", "log", "tell", "set that right", "use", "press")}


def raised() -> set[str]:
    """The codes in the source of the adapter and of the flow."""
    found: set[str] = set()
    for path in (ROOT / "bot" / "adapters").glob("oidc*.py"):
        found |= set(RAISED.findall(path.read_text()))
    flow = (ROOT / "bot" / "flows" / "login.py").read_text()
    return found | set(RAISED.findall(flow)) | set(OURS.findall(flow)) | {"code-refused", "grant-revoked"}


def say(code: str, **facts: object) -> str:
    return LOGINS[code](Said(Facts(Refusal(code, facts).facts), str, utc))  # type: ignore[arg-type]


def test_every_code_has_a_sentence_and_every_sentence_a_code() -> None:
    assert raised() == set(LOGINS)


def test_only_what_can_happen_is_counted() -> None:
    assert set(LOGINS) >= COUNTED


@pytest.mark.parametrize("code", sorted(LOGINS))
def test_a_sentence_says_what_to_do_next(code: str) -> None:
    said = say(code)

    assert said.endswith((".", "!"))
    assert any(word in said.lower() for word in STEP["unblock"]), said
    assert "None" not in said


def test_what_was_missing_is_named() -> None:
    weak = say("login-weak", claim="amr", wanted=["hwk", "mfa"])

    assert "amr hwk and mfa" in weak
    assert "acr a or b" in say("login-weak", claim="acr", wanted=["a", "b"])


def test_an_old_session_is_told_with_its_age() -> None:
    assert "10 min" in say("login-stale", seconds=600)


def test_why_a_provider_failed_is_told_by_a_short_code() -> None:
    assert "(http-503)" in say("provider-silent", why="http-503")
