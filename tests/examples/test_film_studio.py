"""The film studio's policy over the real flows: six signatures by passkey, its gates and its list, steps, a way back."""

import pytest

from bot.domain.approval import ApprovalState
from bot.domain.change_request import Start
from bot.domain.environment import Colour
from bot.flows.answer_incident import acknowledge, resolve
from bot.flows.board import board
from bot.policy.monitors import Polled, PrometheusMonitor
from sandbox.github import PretendGitHub
from tests.examples.film_studio import NEW, OLD, REPOSITORY, SERVICE, SIX, TUESDAY_NINE, Studio
from tests.flows import rolling
from tests.flows.fakes import DIGEST, OLD_DIGEST
from tests.flows.going_back import ask_back
from tests.flows.world import HOUR, MINUTE

SEATS = ("code-owner", "approver", "approver", "security", "product", "engineering-lead")
TEN = (
    "All tests passing in staging for 48+ hours",
    "No critical bugs reported",
    "Security audit completed",
    "Performance validated",
    "Database migrations tested",
    "Rollback plan documented",
    "On-call team briefed",
    "Customer communication prepared (if needed)",
    "Monitoring dashboards reviewed",
    "Backup completed",
)


async def holders(studio: Studio) -> dict[str, str | None]:
    """Who holds each seat of which there is one."""
    return {role: person for role, person in await studio.seats() if role != "approver"}


# --- F1: who signs ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("F1")
async def test_two_approvals_and_no_code_owner_do_not_suffice_whoever_else_signed_off(studio: Studio) -> None:
    await studio.ask()
    await studio.tick_everything()
    await studio.approve("lou", "noa", "cat", "dan", "ana")
    view = await studio.view()
    assert (view.request.state.value, view.quorum.missing) == ("awaiting-approval", 1)
    assert [role for role, person in await studio.seats() if person is None] == ["code-owner"]
    assert view.could_sign == ("ben",)


@pytest.mark.requirement("F1")
@pytest.mark.parametrize("last", SIX)
async def test_three_approvals_with_a_code_owner_and_three_sign_offs_suffice_and_none_of_them_can_be_left_out(
    studio: Studio, last: str
) -> None:
    await studio.ask()
    await studio.tick_everything()
    await studio.approve(*(person for person in reversed(SIX) if person != last))
    assert (await studio.state_of(), (await studio.view()).quorum.missing) == ("awaiting-approval", 1)
    assert studio.deployer.started == []
    await studio.approve(last)
    assert await studio.state_of() == "starting"
    assert tuple(role for role, _ in await studio.seats()) == SEATS
    assert {person for _, person in await studio.seats()} == set(SIX)
    assert await holders(studio) == {
        "code-owner": "ben", "security": "cat", "product": "dan", "engineering-lead": "ana",
    }  # fmt: skip


@pytest.mark.requirement("F1")
@pytest.mark.parametrize("order", [("ana", "max"), ("max", "ana")], ids=" ".join)
async def test_whoever_could_hold_two_seats_holds_one_and_leaves_the_other_to_somebody_else(
    empty_studio: Studio, order: tuple[str, ...]
) -> None:
    """Ana leads Engineering and owns /web/ together with Max."""
    studio = empty_studio
    await studio.open(path="web/app.js")
    await studio.ask()
    await studio.approve("lou", "noa", "cat", "dan", order[0])
    assert (await studio.view()).quorum.missing == 1
    await studio.approve(order[1])
    found = await holders(studio)
    assert (found["code-owner"], found["engineering-lead"]) == ("max", "ana")


@pytest.mark.requirement("F1")
async def test_neither_the_requester_nor_an_author_nor_a_co_author_holds_a_seat(empty_studio: Studio) -> None:
    """Ben owns what he wrote together with Fin, so somebody else has to."""
    studio = empty_studio
    await studio.open(authors=("fin-d", "ben-o"))
    await studio.ask("noa")
    said = {person: await studio.said_to(person) for person in ("noa", "fin", "ben")}
    assert said == {"noa": "own-request", "fin": "commit-author", "ben": "commit-author"}
    assert [person for _, person in await studio.seats()] == [None] * 6


@pytest.mark.requirement("F1")
async def test_the_code_owner_is_the_one_of_the_changed_files_at_the_commit_that_is_deployed(
    studio: Studio, github: PretendGitHub
) -> None:
    """The last rule that fits counts: Lou owns everything but /api/ and /web/. What main says later counts for nothing."""
    github.repository(REPOSITORY).codeowners("* @max-d\n", author="max-d")
    await studio.ask()
    assert [await studio.said_to(person) for person in ("max", "lou", "ben")] == [
        "no-seat",
        "counted",
        "counted",
    ]
    found = dict(await studio.seats())
    assert (found["code-owner"], found["approver"]) != ("lou", None)
    assert found["code-owner"] == "ben"


@pytest.mark.requirement("F1")
async def test_while_github_is_silent_nobody_is_a_code_owner_and_the_message_says_so(
    studio: Studio, github: PretendGitHub
) -> None:
    await studio.ask()
    github.faults.arm("answer", path="/repos/", times=1000, status=503)
    assert await studio.said_to("ben") in ("authors-unknown", "not-answered")
    assert (await studio.view()).quorum.people == 0
    assert "GitHub did not answer about" in await studio.card()
    await studio.reject("cat")  # to say no needs nobody's answer
    assert await studio.state_of() == "rejected"


@pytest.mark.requirement("F1")
async def test_the_message_shows_who_holds_which_seat_and_who_could_fill_the_others(studio: Studio) -> None:
    await studio.ask()
    await studio.approve("cat", "ben")
    card = await studio.card()
    for words in (
        "needs 4 more approvals",
        "✓ *2 of 6 signed*  code-owner: Ben · security: Cat\n",
        "○ *to sign*  approver ×2 (Lou, Noa) · product (Dan) · engineering-lead (Ana)\n",
        "<@U01ANA>, <@U04DAN>, <@U12LOU> or <@U14NOA> can approve",
    ):
        assert words in card
    assert len(card.splitlines()) <= 13  # twelve and the buttons


# --- F2, F3, F4: what is asked before ---------------------------------------------------------------------------------


@pytest.mark.requirement("F2")
@pytest.mark.parametrize("ticket", [None, "CHANGE-1", "INC-7"])
async def test_without_a_change_ticket_it_is_refused(studio: Studio, ticket: str | None) -> None:
    await studio.ask(ticket=ticket)
    assert (await studio.state_of(), (await studio.outcome("ticket"))[0]) == ("refused", "blocked")


@pytest.mark.requirement("F2")
@pytest.mark.requirement("F3")
async def test_what_is_approved_and_ticked_by_day_starts_by_itself_when_the_window_opens(
    studio: Studio,
) -> None:
    studio.clock.at = TUESDAY_NINE
    await studio.green()
    await studio.ask(start=Start(mode="next"))
    await studio.approve(*SIX)
    await studio.tick_everything()
    assert (await studio.state_of(), studio.deployer.started) == ("approved", [])
    await studio.pass_until(TUESDAY_NINE + 20 * HOUR - MINUTE)
    assert studio.deployer.started == []
    await studio.green()
    await studio.pass_until(TUESDAY_NINE + 20 * HOUR)  # Wednesday, 05:00
    assert [run.artifact.tag for run in studio.deployer.started] == [NEW]


@pytest.mark.requirement("F3")
async def test_its_ten_items_hold_the_start_until_all_are_ticked_each_by_whom_it_concerns(
    studio: Studio,
) -> None:
    assert tuple(item.item for item in studio.policy.checklists["pre-deployment"]) == TEN
    await studio.ask()
    await studio.approve(*SIX)
    assert await studio.outcome("checklist") == ("waiting", "open")
    assert studio.deployer.started == []
    await studio.tick_everything()
    assert await studio.outcome("checklist") == ("passed", "ticked")
    await studio.press_start()
    await studio.run_timers()
    assert [run.artifact.tag for run in studio.deployer.started] == [NEW]


@pytest.mark.requirement("F3")
async def test_it_waits_until_it_ran_in_staging_for_48_hours(studio: Studio) -> None:
    await studio.stated("deployment", 50 * HOUR, environment="staging", artifact=OLD, digest=OLD_DIGEST)
    await studio.stated("deployment", 46 * HOUR, environment="staging")
    await studio.ask()
    request = await studio.request()
    assert await studio.outcome("soak") == ("waiting", "soaking")
    assert request.readiness is not None
    until = next(o.until for o in request.readiness.outcomes if o.gate == "soak")
    assert until == studio.clock.now() + 2 * HOUR


@pytest.mark.requirement("F4")
@pytest.mark.parametrize(
    ("tag", "is_one"),
    [("v1.0.0", True), ("v12.30.4", True), ("1.0.0", False), ("v1.0", False), ("v1.0.0-rc1", False), ("latest", False), ("prod", False)],
)  # fmt: skip
async def test_only_a_semantic_version_is_deployed(studio: Studio, tag: str, is_one: bool) -> None:
    studio.registry.digests[tag] = DIGEST
    await studio.stated("build", artifact=tag, details={"authors": ["fin-d"], "commit": "0" * 40})
    await studio.ask(artifact=tag)
    assert (await studio.outcome("immutable-artifact"))[0] == ("passed" if is_one else "blocked")


# --- F5, F8, F11: the rollout, the way back, what is on record ---------------------------------------------------------


@pytest.mark.requirement("F5")
async def test_traffic_moves_in_steps_and_somebody_looks_at_each(studio: Studio) -> None:
    bounds = {
        each.name: each.fail_above for each in studio.policy.environments["production"].rollout.analysis
    }
    assert bounds == {"errors": 0.001, "p95": 0.5, "p99": 1}  # the SLA targets, by which they judge
    await live_by_steps(studio, "noa")
    assert rolling.called(studio) == [25, 50, 100]
    assert await studio.state_of() == "live"


async def live_by_steps(studio: Studio, judge: str) -> None:
    """DEP-1 goes live: six sign, all is ticked, and `judge` looks at the measurements after each step."""
    await studio.ask()
    await studio.tick_everything()
    await studio.approve(*SIX)
    for percent in (25, 50):
        await studio.green()
        await studio.pass_time(20 * MINUTE)
        assert (await rolling.stands(studio), rolling.called(studio)[-1]) == (
            ("between-steps", percent),
            percent,
        )
        await rolling.resume(studio, judge)
        await studio.run_timers()


@pytest.mark.requirement("F8")
@pytest.mark.parametrize("person", ["hal", "noa", "gus"])
async def test_one_person_takes_it_back_alone_with_an_incident_and_a_passkey(
    studio: Studio, person: str
) -> None:
    await live_by_steps(studio, "noa")
    filed = await ask_back(studio, person, service=SERVICE)
    await studio.run_timers()
    assert filed.request.artifact.tag == OLD
    await studio.approve(person, request_id=filed.request.id)
    assert [run.artifact.tag for run in studio.deployer.rolled_back] == [OLD]
    assert await studio.state_of(filed.request.id) == "live"


@pytest.mark.requirement("F7")
async def test_production_s_red_is_a_p0_that_somebody_answers_within_five_minutes(studio: Studio) -> None:
    assert {name: after / MINUTE for name, after in studio.policy.severities.items()} == {
        "P0": 5, "P1": 15, "P2": 60, "P3": 24 * 60,
    }  # fmt: skip
    for _ in range(3):
        await studio.see("production", "api", Colour.RED)
    incident = await studio.incident()
    assert (incident.severity, incident.on_call) == ("P0", studio.on_call)
    assert incident.respond_by == incident.opened_at + 5 * MINUTE


@pytest.mark.requirement("F12")
async def test_what_it_promises_its_users_is_watched_and_found_out_within_five_minutes(
    studio: Studio,
) -> None:
    monitors = {each.name: each for each in studio.policy.environments["production"].monitors}
    for each in monitors.values():
        assert isinstance(each, Polled)
        assert each.every * each.fail_after + each.timeout < 5 * MINUTE
    watched = {
        name: each.prometheus.warn_above
        for name, each in monitors.items()
        if isinstance(each, PrometheusMonitor)
    }
    assert watched == {"p95": 0.5, "p99": 1.0, "errors": 0.001}
    assert studio.policy.targets.uptime == 99.9
    assert studio.policy.targets.resolution == {"P1": 60 * MINUTE}
    for _ in range(monitors["p95"].fail_after):
        await studio.see("production", "p95", Colour.YELLOW)
    seen = await board(studio.ledger, studio.policy)
    assert (seen.standings[0].name, seen.standings[0].colour) == ("production", Colour.YELLOW)


@pytest.mark.requirement("F9")
async def test_after_an_incident_a_post_mortem_is_owed_within_48_hours(studio: Studio) -> None:
    for _ in range(3):
        await studio.see("production", "api", Colour.RED)
    await acknowledge(studio.ledger, studio.policy, studio.asker(studio.on_call), "INC-1")
    await resolve(studio.ledger, studio.policy, studio.asker(studio.on_call), "INC-1")
    owed = await studio.ledger.read(lambda tx: tx.postmortems.get("INC-1"))
    assert owed is not None
    assert (owed.owner, owed.due_at) == ("ana", studio.clock.now() + 48 * HOUR)


@pytest.mark.requirement("F11")
async def test_production_takes_passkeys_and_logins_and_never_a_code(studio: Studio) -> None:
    await studio.enroll("dan")  # an authenticator app in place of his passkey
    await studio.ask()
    assert await studio.said_to("dan") == "method-forbidden"
    assert [await studio.refusal_of_signing(person) for person in ("dan", "cat")] == ["method-forbidden"] * 2
    code = studio.pages.code(await studio.pages.press("cat"), studio.pages.good("cat"))
    assert await studio.pages.why_not(code) == "method-forbidden"
    assert await studio.approvals() == {}
    await studio.approve("cat")
    assert (await studio.approvals())["cat"].factor.method == "passkey"


@pytest.mark.requirement("F11")
async def test_a_passkey_of_today_approves_nothing_in_production_until_tomorrow(studio: Studio) -> None:
    day = studio.policy.second_factors.cool_off
    await studio.pages.give("cat", usable_from=studio.clock.now() + day)
    await studio.ask()
    assert await studio.said_to("cat") == "cooling-off"
    studio.clock.advance(day)
    await studio.green()
    assert await studio.said_to("cat") == "counted"


@pytest.mark.requirement("F11")
async def test_everything_that_was_done_for_a_release_is_on_record_with_who_did_it(studio: Studio) -> None:
    await live_by_steps(studio, "noa")
    done = await studio.types()
    expected = {
        "request.submitted": 1, "approval.signed": 6, "approval.counted": 6, "request.ticked": 8,
        "run.calling": 3, "run.stepped": 2, "run.resumed": 2,
    }  # fmt: skip
    assert {kind: done.count(kind) for kind in expected} == expected
    found = await studio.approvals()
    assert {person for person, one in found.items() if one.state is ApprovalState.COUNTED} == set(SIX)
