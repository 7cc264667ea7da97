"""Second factors in words: every purpose, every way in which a factor or a page can be refused."""

import re
from pathlib import Path

import pytest

from bot.domain.refusal import Refusal
from bot.domain.second_factor import Method, Purpose
from handlers.wording.factors import DEEDS, METHODS, PAGES, passkey_copied
from handlers.wording.facts import Facts
from handlers.wording.refusals import SENTENCES, sentence

ROOT = Path(__file__).resolve().parents[3]


def test_every_purpose_says_what_is_asked_and_what_was_recorded() -> None:
    for purpose in Purpose:
        deed = DEEDS[purpose]
        assert deed.question.format(what="DEP-1").endswith("?")
        assert deed.then.format(what="DEP-1").endswith(".")


def test_every_method_has_a_name() -> None:
    assert set(METHODS) == set(Method)


def test_every_code_of_a_passkey_has_a_sentence() -> None:
    text = (ROOT / "bot/adapters/passkey.py").read_text() + (ROOT / "bot/flows/step_up.py").read_text()
    codes = set(re.findall(r'"(passkey-[a-z-]+|login-[a-z-]+)"', text))
    assert len(codes) > 8
    assert sorted(codes - set(SENTENCES)) == []


def test_every_page_that_is_refused_has_a_sentence() -> None:
    text = "".join(path.read_text() for path in (ROOT / "handlers/http/mfa").glob("*.py"))
    codes = set(re.findall(r'PageRefused\([^)]*"([a-z-]+)"\)', text))
    assert {"other-origin", "bad-body"} <= codes
    assert sorted(codes - set(PAGES)) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"method": "totp", "allowed": ["passkey", "oidc"]},
            (
                "A code of an authenticator app approves nothing here: the policy accepts a passkey or a fresh login "
                "at the identity provider. /deploy enroll adds one."
            ),
        ),
        (
            {"allowed": ["passkey"]},
            "What you have enrolled approves nothing here: the policy accepts a passkey. /deploy enroll adds one.",
        ),
        (
            {"method": "oidc", "allowed": []},
            "A fresh login at the identity provider is not accepted here. Whoever keeps the policy file decides that.",
        ),
    ],
)
def test_a_forbidden_method_says_what_is_accepted(facts: dict[str, object], said: str) -> None:
    assert sentence(Refusal("method-forbidden", facts)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(("what", "whose"), [("person", "for you"), ("address", "from your network address")])
def test_a_lock_says_whose_it_is_for_how_long_and_what_still_works(what: str, whose: str) -> None:
    said = sentence(Refusal("locked-out", {"what": what, "minutes": 15}))
    assert whose in said
    assert "15 minutes" in said
    assert "rejecting" in said.lower()
    assert "holding" in said


def test_a_copied_passkey_is_told_with_whose_it_is_and_what_to_do() -> None:
    said = passkey_copied(Facts({"person": "ada", "name": "Laptop", "credential": "passkey-1"}), str.upper)
    assert said.startswith("SECURITY: the passkey “Laptop” of ADA answered with a counter that did not grow.")
    assert "/deploy reset-factor" in said
