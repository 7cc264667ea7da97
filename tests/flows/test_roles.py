"""Which roles a person holds: any of its own sources and all of `all_of`; what was not answered is no yes."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.artifact import Artifact
from bot.domain.authority import Answers, Membership, Word
from bot.domain.change_request import SYSTEM, ChangeRequest, Kind, Start
from bot.flows.roles import bases_of, live_sources_of, roles_of, word_on
from bot.policy import Policy
from tests.flows.fakes import TUESDAY_TEN
from tests.flows.policy_text import policy_of

YES, NO, SILENT = Word.YES, Word.NO, Word.UNANSWERED
TEAM, GROUP, LOGIN = "github_team acme/leads", "slack_usergroup S0LEADS", "oidc_role Lead"


def policy_with(role: str, *changes: tuple[str, str]) -> Policy:
    """The policy of the flow tests, in which `platform-lead` is this."""
    return policy_of(("platform-lead:   {people: [ada, vic]}", f"platform-lead: {{{role}}}"), *changes)


def answers(**said: Word) -> Answers:
    """What TEAM, GROUP and LOGIN say of Ada; what is not named was not asked."""
    made = {}
    for name, word in said.items():
        source = {"team": TEAM, "group": GROUP, "login": LOGIN}[name]
        made[source] = Membership(
            source=source,
            asked_at=TUESDAY_TEN,
            members=frozenset({"ada"}) if word is YES else frozenset(),
            problem="timeout" if word is SILENT else None,
        )
    return Answers(made)


REQUEST = ChangeRequest(
    id="DEP-1",
    number=1,
    kind=Kind.PROMOTION,
    service="checkout",
    environment="production",
    artifact=Artifact("7a3f9c2"),
    requester=SYSTEM,
    requested_at=TUESDAY_TEN,
    expires_at=TUESDAY_TEN,
    evidence_deadline=TUESDAY_TEN,
)

TABLE: dict[str, tuple[str, dict[str, Word], Word]] = {
    "by the policy": ("people: [ada]", {}, YES),
    "everybody": ('people: "*"', {}, YES),
    "another by the policy": ("people: [bo]", {}, NO),
    "in the team": ("github_team: acme/leads", {"team": YES}, YES),
    "not in the team": ("github_team: acme/leads", {"team": NO}, NO),
    "the team is silent": ("github_team: acme/leads", {"team": SILENT}, SILENT),
    "the team was not asked": ("github_team: acme/leads", {}, SILENT),
    "by the policy, whatever the team says": ("people: [ada], github_team: acme/leads", {"team": NO}, YES),
    "by the policy, though the team is silent": ("people: [ada], github_team: acme/leads", {"team": SILENT}, YES),
    "not by the policy, and the team is silent": ("people: [bo], github_team: acme/leads", {"team": SILENT}, SILENT),
    "any of two suffices": ("github_team: acme/leads, slack_usergroup: S0LEADS", {"team": NO, "group": YES}, YES),
    "one no and one silent": ("github_team: acme/leads, slack_usergroup: S0LEADS", {"team": NO, "group": SILENT}, SILENT),
    "two noes": ("github_team: acme/leads, slack_usergroup: S0LEADS", {"team": NO, "group": NO}, NO),
    "all of it": ("people: [ada], all_of: {github_team: acme/leads, oidc_role: Lead}", {"team": YES, "login": YES}, YES),
    "all of it but one": ("people: [ada], all_of: {github_team: acme/leads, oidc_role: Lead}", {"team": YES, "login": NO}, NO),
    "one no of all_of outweighs a silent one": ("people: [ada], all_of: {github_team: acme/leads, oidc_role: Lead}", {"team": SILENT, "login": NO}, NO),
    "one silent of all_of": ("people: [ada], all_of: {github_team: acme/leads, oidc_role: Lead}", {"team": YES, "login": SILENT}, SILENT),
    "all_of holds for nobody whom nothing names": ("people: [bo], all_of: {github_team: acme/leads}", {"team": YES}, NO),
    "nothing but all_of": ("all_of: {github_team: acme/leads}", {"team": YES}, YES),
    "nothing but all_of, and it says no": ("all_of: {github_team: acme/leads}", {"team": NO}, NO),
    "a source and all_of": ("slack_usergroup: S0LEADS, all_of: {github_team: acme/leads}", {"group": YES, "team": YES}, YES),
    "a source says no, all_of yes": ("slack_usergroup: S0LEADS, all_of: {github_team: acme/leads}", {"group": NO, "team": YES}, NO),
}  # fmt: skip


@pytest.mark.requirement("P7")
@pytest.mark.requirement("P8")
@pytest.mark.parametrize(("role", "said", "holds"), TABLE.values(), ids=TABLE.keys())
def test_who_holds_a_role(role: str, said: dict[str, Word], holds: Word) -> None:
    policy = policy_with(role)
    word, silent = word_on(policy, "platform-lead", "ada", TUESDAY_TEN, answers(**said))
    assert word is holds
    assert bool(silent) == (holds is SILENT)
    held = roles_of(policy, "ada", TUESDAY_TEN, answers(**said))
    assert ("platform-lead" in held.roles) == (holds is YES)
    assert ("platform-lead" in held.possible) == (holds is not NO)


def test_the_table_agrees_with_any_of_its_own_and_all_of_the_rest() -> None:
    """Every combination of two own sources and two of `all_of`, by the definition itself."""
    policy = policy_with("github_team: acme/leads, slack_usergroup: S0LEADS, all_of: {oidc_role: Lead}")
    for team, group, login in product(Word, Word, Word):
        own = YES if YES in (team, group) else SILENT if SILENT in (team, group) else NO
        expected = NO if NO in (own, login) else SILENT if SILENT in (own, login) else YES
        word, _ = word_on(
            policy, "platform-lead", "ada", TUESDAY_TEN, answers(team=team, group=group, login=login)
        )
        assert word is expected, (team, group, login)


@given(st.sampled_from(Word), st.sampled_from(Word))
def test_silence_never_gives_what_a_no_would_not(own: Word, must: Word) -> None:
    policy = policy_with("github_team: acme/leads, all_of: {oidc_role: Lead}")
    held = roles_of(policy, "ada", TUESDAY_TEN, answers(team=own, login=must)).roles
    as_no = {SILENT: NO}
    silent_as_no = answers(team=as_no.get(own, own), login=as_no.get(must, must))
    assert held == roles_of(policy, "ada", TUESDAY_TEN, silent_as_no).roles


def test_only_the_sources_that_would_change_it_are_named_as_silent() -> None:
    policy = policy_with("people: [ada], github_team: acme/leads, all_of: {oidc_role: Lead}")
    _, silent = word_on(policy, "platform-lead", "ada", TUESDAY_TEN, answers(team=SILENT, login=SILENT))
    assert silent == (LOGIN,)


ONLY_FOR: dict[str, tuple[str, ChangeRequest, bool]] = {
    "its kind": ("promotion", REQUEST, True),
    "another kind": ("emergency", REQUEST, False),
    "one of several": ("emergency, promotion", REQUEST, True),
    "scheduled, and it named its start": ("scheduled", replace(REQUEST, start=Start(mode="next")), True),
    "scheduled, and it did not": ("scheduled", REQUEST, False),
    "scheduled, and it is an emergency": (
        "scheduled",
        replace(REQUEST, kind=Kind.EMERGENCY, start=Start(mode="next")),
        False,
    ),
    "an emergency": ("emergency", replace(REQUEST, kind=Kind.EMERGENCY), True),
}


@pytest.mark.requirement("P7")
@pytest.mark.parametrize(("kinds", "request_", "counts"), ONLY_FOR.values(), ids=ONLY_FOR.keys())
def test_a_role_has_a_say_only_in_the_kinds_that_it_is_for(
    kinds: str, request_: ChangeRequest, counts: bool
) -> None:
    policy = policy_with(f"people: [ada], only_for: [{kinds}]")
    held = roles_of(policy, "ada", TUESDAY_TEN, request=request_)
    assert ("platform-lead" in held.roles) == counts
    assert ("platform-lead" in held.not_for) == (not counts)
    assert "platform-lead" in roles_of(policy, "ada", TUESDAY_TEN).roles  # whatever the change


def test_on_call_is_whoever_has_the_shift_at_that_instant() -> None:
    policy = policy_of()
    assert "on-call-sre" in roles_of(policy, "cy", TUESDAY_TEN).roles
    assert "on-call-sre" in roles_of(policy, "bo", datetime(2026, 11, 16, 14, 0, tzinfo=UTC)).roles
    assert "on-call-sre" not in roles_of(policy, "bo", TUESDAY_TEN).roles


def test_a_rotation_elsewhere_is_a_live_source_that_is_not_answered() -> None:
    rotation = 'rotation: {people: [cy, bo, ada], handoff: "0 9 * * MON", starts: "2026-11-09"}'
    policy = policy_of((rotation, "pagerduty: {schedule: PABC123}"))
    assert live_sources_of(policy, ["on-call-sre"]) == ("on_call primary",)
    assert word_on(policy, "on-call-sre", "cy", TUESDAY_TEN) == (SILENT, ("on_call primary",))


def test_everything_that_a_role_rests_on_is_told_with_its_answer() -> None:
    policy = policy_with("people: [bo], github_team: acme/leads, all_of: {oidc_role: Lead}")
    bases = bases_of(
        policy, policy.roles["platform-lead"], "ada", TUESDAY_TEN, answers(team=YES, login=SILENT)
    )
    assert [(b.source, b.word, b.must, b.code) for b in bases] == [
        ("people", NO, False, None),
        (TEAM, YES, False, None),
        (LOGIN, SILENT, True, "timeout"),
    ]


def test_a_role_that_the_policy_lost_is_nobody_s() -> None:
    assert word_on(policy_of(), "gone", "ada", TUESDAY_TEN) == (NO, ())
