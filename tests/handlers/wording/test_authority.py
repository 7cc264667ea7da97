"""Sources of roles in words: who did not answer, why, and who mends it; of every code, and never a raw one."""

import re
from pathlib import Path

import pytest

from bot.domain.outcome import GateOutcome, Status
from bot.domain.refusal import Refusal
from handlers.wording.authority import (
    _SILENCES,
    THEM,
    did_not_answer,
    source_name,
    source_silent,
    why_uncounted,
)
from handlers.wording.facts import Facts
from handlers.wording.gate_sentences import Found
from handlers.wording.refusals import sentence
from handlers.wording.times import utc
from tests.flows.fakes import TUESDAY_TEN

ROOT = Path(__file__).resolve().parents[3]
TEAM = "github_team acme/production-approvers"


def refused(code: str, source: str = TEAM, **facts: object) -> Refusal:
    return Refusal("not-answered", {"silent": [{"source": source, "code": code}], **facts})  # type: ignore[dict-item]


SENTENCES = [
    (
        refused("timeout"),
        (
            "GitHub did not answer about acme/production-approvers (timed out), which counts as no. "
            "Press Approve again in a minute."
        ),
    ),
    (
        refused("no-groups-on-this-plan", "slack_usergroup S0SEC"),
        (
            "Slack could not tell about the user group S0SEC: this Slack workspace is on a plan without user groups, which "
            "counts as no. Whoever keeps the policy has to name another."
        ),
    ),
    (
        refused("no-login", "oidc_role Deploy.Lead"),
        (
            "The identity provider could not tell about your role Deploy.Lead: you never logged in there, which counts as "
            "no. Log in once, by /deploy enroll."
        ),
    ),
    (
        refused("unavailable", excluded=["on-duty"]),
        (
            "GitHub did not answer about acme/production-approvers (it is out of order), so nobody knows that you are not "
            "on-duty, whom the policy keeps out. Press Approve again in a minute."
        ),
    ),
    (
        Refusal("authors-unknown", {"repository": "acme/checkout", "why": "rate-limited"}),
        (
            "GitHub did not answer about the commits of acme/checkout (it wants to be left alone for a while), so nobody can "
            "be cleared of having written this build. Press Approve again in a minute."
        ),
    ),
    (
        Refusal("no-seat", {"roles": ["vp"], "not_for": ["release-manager"]}),
        (
            "This takes somebody who is vp, and you are not. One of them can do it. release-manager has no say in this kind "
            "of change."
        ),
    ),
]


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(("refusal", "said"), SENTENCES)
def test_a_refusal_names_the_source_why_and_what_to_do(refusal: Refusal, said: str) -> None:
    assert sentence(refusal) == said


RAISED = re.compile(r'(?:RepositoryError|GroupError)\(\s*"([a-z-]+)"')
FAILURES = re.compile(r'return "([a-z-]+)"')


def codes() -> set[str]:
    """The codes with which the adapters of GitHub and of groups fail."""
    found: set[str] = set()
    for path in (ROOT / "bot" / "adapters").glob("*.py"):
        if path.name.startswith(("github", "slack_groups", "codeowners")):
            found |= set(RAISED.findall(path.read_text()))
    return found | set(FAILURES.findall((ROOT / "bot" / "adapters" / "failures.py").read_text()))


@pytest.mark.parametrize("code", sorted(codes() | set(_SILENCES)))
@pytest.mark.parametrize(
    "source", [TEAM, "slack_usergroup S0", "oidc_role R", "codeowners file", "on_call x", "odd {x}"]
)
def test_every_code_of_every_source_makes_a_sentence(code: str, source: str) -> None:
    for words in (did_not_answer(source, code), did_not_answer(source, code, THEM)):
        assert words[0].isupper()
        assert not re.search(r"\{(they|their|them)?\}", words)
    assert sentence(refused(code, source)).endswith(".")


def test_codes_that_happen_are_worded() -> None:
    assert {"timeout", "rate-limited", "team-unknown", "group-disabled", "not-connected"} <= set(_SILENCES)
    assert source_name(TEAM) == "the GitHub team acme/production-approvers"


def test_why_a_click_did_not_count_fits_a_line_about_somebody_else() -> None:
    facts = Facts({"silent": [{"source": "oidc_role Lead", "code": "no-login"}]})
    words = why_uncounted("not-answered", facts)
    assert words.startswith(
        "The identity provider could not tell about their role Lead: they never logged in there"
    )
    assert why_uncounted("commit-author", Facts({})) == "wrote commits in it"
    assert why_uncounted("brand-new", Facts({})) == "code brand-new"


def test_what_holds_a_start_says_that_approvals_stay() -> None:
    facts = {"silent": [{"source": TEAM, "code": "timeout"}]}
    outcome = GateOutcome(
        gate="approvers", status=Status.UNKNOWN, code="source-silent", facts=facts, retry=True
    )  # type: ignore[arg-type]
    text, unblocks = source_silent(Found(outcome, TUESDAY_TEN, utc))
    assert text == "GitHub did not answer about acme/production-approvers (timed out)"
    assert unblocks == "Whoever approved is asked about again every 15 seconds, and their approvals stay."
