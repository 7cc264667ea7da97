"""Signatures under live sources: asked when they arrive and again at the start; an error denies and says which failed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.change_request import Start
from bot.domain.identity import Provider
from bot.domain.refusal import Refusal
from bot.domain.repository import Author
from bot.flows import close, hold
from bot.flows.inquire import request_view
from tests.flows.fakes import NEXT_DIGEST, NEXT_TAG, TAG
from tests.flows.live import IN_REPOSITORY, LEADS_BY_TEAM, ONE_LEAD, TEAM, LiveWorld
from tests.flows.policy_text import AUTHORS_MAY
from tests.flows.world import HOUR, MINUTE, SECOND

SOURCE = f"github_team {TEAM}"
NOT_SRE = ("exclude: [requester, commit-authors]", "exclude: [requester, commit-authors, on-duty]")
ON_DUTY = (
    "  on-call-sre:     {on_call: primary}\n",
    "  on-call-sre:     {on_call: primary}\n  on-duty: {slack_usergroup: S0DUTY}\n",
)


@pytest.fixture
def world(live_world: LiveWorld) -> LiveWorld:
    return live_world


async def facts_of(world: LiveWorld, person: str) -> Any:
    """The facts of the entry that says why a signature did not count."""
    entries = await world.entries(f"approval/DEP-1/1/{person}")
    return [e for e in entries if e["type"] == "approval.refused"][-1]["facts"]


@pytest.mark.requirement("P7")
@pytest.mark.requirement("P8")
async def test_a_member_of_the_team_fills_the_seat_and_the_entry_says_who_said_so(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    assert await world.click("ada") == {"ada": ("counted", None)}
    assert await world.state_of() == "live"
    (counted,) = [e for e in await world.entries("approval/DEP-1/1/ada") if e["type"] == "approval.counted"]
    assert counted["facts"]["sources"] == [
        {"source": SOURCE, "says": "yes", "asked_at": world.clock.now().isoformat()}
    ]


@pytest.mark.requirement("P8")
async def test_whoever_is_not_in_the_team_fills_no_seat(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    assert await world.click("bo") == {"bo": ("refused", "no-seat")}
    assert world.deployer.started == []


@pytest.mark.requirement("P8")
@pytest.mark.parametrize("code", ["timeout", "rate-limited", "unavailable", "token-refused", "bug"])
async def test_a_source_that_fails_denies_and_says_which(world: LiveWorld, code: str) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    world.hub.fails["team"] = code
    assert await world.click("ada") == {"ada": ("refused", "not-answered")}
    assert world.deployer.started == []
    said = "failed" if code == "bug" else code
    assert (await facts_of(world, "ada"))["silent"] == [{"source": SOURCE, "code": said}]
    assert await world.told("approver-answer", "ada") == ["not-answered"]


@pytest.mark.requirement("P8")
async def test_whoever_was_not_answered_about_presses_again_and_counts(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    world.hub.fails["team"] = "timeout"
    await world.click("ada")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert [(u.person, u.code) for u in view.uncounted] == [("ada", "not-answered")]
    world.hub.fails.clear()
    assert await world.click("ada") == {"ada": ("counted", None)}
    assert await world.state_of() == "live"


@pytest.mark.requirement("P8")
async def test_a_role_removed_between_the_approval_and_the_start_starts_nothing(world: LiveWorld) -> None:
    await soaking(world)
    assert await world.click("ada") == {"ada": ("counted", None)}
    assert await world.state_of() == "approved"
    world.hub.teams[TEAM] = {"104"}
    await world.pass_time(HOUR)
    assert await world.standing() == {"ada": ("refused", "no-seat")}
    assert await world.state_of() == "awaiting-approval"
    assert world.deployer.started == []


@pytest.mark.requirement("P8")
async def test_a_source_that_is_silent_at_the_start_holds_it_and_voids_nothing(world: LiveWorld) -> None:
    await soaking(world)
    await world.click("ada")
    world.hub.fails["team"] = "unavailable"
    await world.pass_time(HOUR)
    assert world.deployer.started == []
    assert await world.state_of() == "approved"
    assert await world.standing() == {"ada": ("counted", None)}
    assert await world.outcome("approvers") == ("unknown", "source-silent")
    world.hub.fails.clear()
    await world.pass_time(15 * SECOND)
    assert await world.state_of() == "live"


async def test_while_it_waits_for_its_start_nobody_is_asked(world: LiveWorld) -> None:
    await soaking(world)
    await world.click("ada")
    world.hub.asked.clear()
    await world.pass_time(30 * MINUTE)
    assert world.hub.asked == []


async def soaking(world: LiveWorld) -> None:
    """DEP-1 starts by itself when its soak is over, in an hour."""
    await world.reload(LEADS_BY_TEAM, ONE_LEAD)
    await world.ready()
    await world.prove(NEXT_TAG, NEXT_DIGEST, soaked=MINUTE)
    await world.ask(artifact=NEXT_TAG, start=Start(mode="next"))
    await world.run_timers()


@pytest.mark.requirement("P8")
async def test_a_signature_that_arrives_while_others_are_asked_about_waits_for_its_own_answer(
    world: LiveWorld,
) -> None:
    """What was answered before it proves nothing about its signer."""
    await world.under(LEADS_BY_TEAM)

    async def meanwhile() -> None:
        world.clock.advance(SECOND)
        await world.sign_by("vic")

    world.hub.during = meanwhile
    await world.sign_by("ada")
    await world.run_timers()
    assert await world.standing() == {"ada": ("counted", None), "vic": ("counted", None)}
    for person in ("ada", "vic"):
        signed, counted = (e for e in await world.entries(f"approval/DEP-1/1/{person}"))
        asked_at = datetime.fromisoformat(counted["facts"]["sources"][0]["asked_at"])
        assert asked_at >= datetime.fromisoformat(signed["state"]["signed_at"])
    assert await world.state_of() == "live"


@pytest.mark.requirement("P7")
async def test_whoever_may_hold_an_excluded_role_is_not_cleared_by_silence(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD, NOT_SRE, ON_DUTY)
    world.groups.fails = "no-groups-on-this-plan"
    assert await world.click("ada") == {"ada": ("refused", "not-answered")}
    assert (await facts_of(world, "ada"))["excluded"] == ["on-duty"]
    world.groups.fails = None
    world.groups.groups["S0DUTY"] = {"U01ADA"}
    assert await world.click("ada", "vic") == {"ada": ("refused", "excluded"), "vic": ("counted", None)}


# The safe direction


@pytest.mark.requirement("P8")
async def test_silence_never_keeps_anybody_from_saying_no(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    world.hub.fails["team"] = "unavailable"
    await close.reject(world.ledger, world.policy, world.asker("ada"), "DEP-1", "Not today", key="k")
    assert await world.state_of() == "rejected"


async def test_silence_never_keeps_anybody_from_cancelling_or_holding(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    world.hub.fails["team"] = "unavailable"
    await hold.hold(world.ledger, world.policy, world.asker("sam"), "DEP-1", None, key="h")
    await close.cancel(world.ledger, world.policy, world.asker("ada"), "DEP-1", key="c")
    assert await world.state_of() == "cancelled"


async def test_to_lift_somebody_s_hold_takes_the_source_s_yes(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    await hold.hold(world.ledger, world.policy, world.asker("sam"), "DEP-1", None, key="h")
    usual: Any = (world.ledger, world.policy, world.asker("ada"), "DEP-1", None)
    world.hub.fails["team"] = "timeout"
    with pytest.raises(Exception, match="not-answered"):
        await hold.resume(*usual, key="r1", authority=world.authority)
    world.hub.fails.clear()
    stood = await hold.resume(*usual, key="r2", authority=world.authority)
    assert stood.request.held is None


# Who wrote it


@pytest.mark.requirement("P9")
@pytest.mark.parametrize(
    "author",
    [
        Author(account="101"),
        Author(login="ada-l"),
        Author(email="ada@acme.example"),
        Author(email="101+whatever@users.noreply.github.com"),
    ],
    ids=["numeric id", "login", "address", "private address"],
)
async def test_an_author_by_the_repository_does_not_count_by_whichever_account(
    world: LiveWorld, author: Author
) -> None:
    """CI named Sam alone; a co-author shows only in the commits."""
    world.hub.authors = (Author(login="sam-k"), author)
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY)
    await world.link("ada", Provider.GITHUB, "101")
    assert await world.click("ada", "vic") == {"ada": ("refused", "commit-author"), "vic": ("counted", None)}


@pytest.mark.requirement("P9")
async def test_an_author_whom_ci_alone_names_does_not_count_either(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY)
    await world.reload(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY)
    world.clock.advance(SECOND)
    await world.state("build", details={"authors": ["Ada Lind <ada@acme.example>"], "commit": TAG})
    await world.run_timers()
    assert await world.click("ada") == {"ada": ("refused", "commit-author")}


@pytest.mark.requirement("P9")
async def test_a_repository_that_does_not_tell_clears_nobody(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY)
    world.hub.fails["changes"] = "unavailable"
    assert await world.click("ada") == {"ada": ("refused", "authors-unknown")}
    assert (await facts_of(world, "ada"))["why"] == "unavailable"
    world.hub.fails.clear()
    assert await world.click("ada") == {"ada": ("counted", None)}


async def test_the_repository_tells_where_ci_does_not(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY)
    world.clock.advance(SECOND)
    await world.state("build", details={"commit": TAG})
    await world.run_timers()
    assert await world.click("ada") == {"ada": ("counted", None)}


async def test_without_a_token_ci_s_evidence_alone_decides(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY, ("{github_team: acme/production-approvers}", "{people: [ada, vic]}"))  # fmt: skip
    world.connect(repositories=None)
    assert await world.click("ada") == {"ada": ("counted", None)}


DISPATCHERS: dict[str, tuple[Any, tuple[str, str | None]]] = {
    "by login": ("ada-l", ("refused", "dispatched-it")),
    "by address": ("ADA@acme.example", ("refused", "dispatched-it")),
    "by the linked id": (101, ("refused", "dispatched-it")),
    "among several": (["vic-e", "@ada-l"], ("refused", "dispatched-it")),
    "somebody else": ("vic-e", ("counted", None)),
    "nobody": (None, ("counted", None)),
    "unreadable": ({"login": "ada-l"}, ("refused", "dispatcher-unknown")),
}


@pytest.mark.requirement("P7")
@pytest.mark.parametrize(("said", "stands"), DISPATCHERS.values(), ids=DISPATCHERS.keys())
async def test_whoever_dispatched_the_pipeline_fills_no_seat(
    world: LiveWorld, said: Any, stands: tuple[str, str | None]
) -> None:
    excluded = ("exclude: [requester, commit-authors]", "exclude: [requester, dispatcher]")
    await world.under(LEADS_BY_TEAM, ONE_LEAD, excluded)
    await world.link("ada", Provider.GITHUB, "101")
    world.clock.advance(SECOND)
    await world.state("build", details={"authors": ["sam-k"], "dispatched_by": said})
    await world.run_timers()
    assert await world.click("ada") == {"ada": stands}


# Second accounts


@pytest.mark.requirement("P7")
async def test_a_second_slack_account_makes_nobody_a_second_person(world: LiveWorld) -> None:
    """Lin asked by an account that is linked to Ada for good, whatever the directory says by now."""
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    await world.link("ada", Provider.SLACK, "T1/U05LIN")
    assert await world.click("ada") == {"ada": ("refused", "own-request")}


@pytest.mark.requirement("P7")
async def test_an_account_that_the_directory_gave_to_somebody_else_approves_nothing(world: LiveWorld) -> None:
    await world.link("sam", Provider.SLACK, "T1/U01ADA")
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    assert await world.click("ada") == {"ada": ("refused", "account-of-another")}


@pytest.mark.requirement("P8")
async def test_an_account_of_somebody_else_asks_for_nothing(world: LiveWorld) -> None:
    await world.link("ada", Provider.SLACK, "T1/U05LIN")
    with pytest.raises(Refusal) as refused:
        await world.under(LEADS_BY_TEAM, ONE_LEAD)
    assert refused.value.code == "link-contradicts"


# Who could


@pytest.mark.requirement("P7")
async def test_who_could_fill_each_empty_seat_is_known_before_anybody_signs(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM)
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert view.could_fill == (("ada", "bo", "vic"), ("ada", "cy", "vic"))
    assert set(view.could_sign) == {"ada", "bo", "cy", "vic"}  # not Lin, who asks, nor Sam, who wrote it
    await world.click("bo")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert view.could_fill == ((), ("ada", "cy", "vic"))


async def test_authors_by_the_repository_are_not_named_as_able(world: LiveWorld) -> None:
    world.hub.authors = (Author(login="sam-k"), Author(account="104"))
    await world.under(LEADS_BY_TEAM, IN_REPOSITORY)
    await world.link("vic", Provider.GITHUB, "104")
    world.clock.advance(5 * MINUTE)
    await world.fire("evaluate", "DEP-1")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert "vic" not in view.could_sign
    assert "ada" in view.could_sign


async def test_a_silent_source_is_shown_and_names_nobody(world: LiveWorld) -> None:
    world.hub.fails["team"] = "timeout"
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert (view.could_sign, view.silent) == ((), ((SOURCE, "timeout"),))


async def test_while_nobody_signs_the_sources_are_asked_every_five_minutes_at_most(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    world.hub.asked.clear()
    for _ in range(12):
        world.clock.advance(timedelta(seconds=50))
        await world.fire("evaluate", "DEP-1")
    assert sum(what == "team" for what, _ in world.hub.asked) == 2


async def test_news_of_who_could_sign_brings_the_message_up_to_date(world: LiveWorld) -> None:
    await world.under(LEADS_BY_TEAM, ONE_LEAD)
    world.clock.advance(5 * MINUTE)
    await world.fire("evaluate", "DEP-1")
    assert await world.deliveries("request-card") == []
    world.hub.teams[TEAM] = {"101", "104", "103"}
    world.clock.advance(5 * MINUTE)
    await world.fire("evaluate", "DEP-1")
    assert len(await world.deliveries("request-card")) == 1
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert set(view.could_sign) == {"ada", "cy", "vic"}


async def test_a_decision_about_one_forgets_nobody_else_who_could_sign(world: LiveWorld) -> None:
    two = (ONE_LEAD[0], "      seats: [{role: platform-lead, count: 2}]\n      minimum: 2\n")
    await world.under(LEADS_BY_TEAM, two, AUTHORS_MAY)
    world.clock.advance(2 * HOUR)  # what was known of logins to show them is too old by now
    await world.click("ada")
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert view.could_sign == ("vic",)


async def test_roles_by_login_are_shown_as_the_provider_gave_them_last(world: LiveWorld) -> None:
    by_login = ("platform-lead:   {people: [ada, vic]}", "platform-lead: {oidc_role: Deploy.Lead}")
    await world.under(by_login, ONE_LEAD)
    await world.logged_in("ada", "Deploy.Lead")
    place = (await world.place("person/ada", "login")) | {"roles": ["Deploy.Lead"]}
    await world.ledger.write(lambda tx: tx.put_place("person/ada", "login", place))
    view = await request_view(world.ledger, world.policy, "DEP-1")
    assert view.could_sign == ("ada",)
    assert world.logins.asked == []
    assert await world.click("ada") == {"ada": ("counted", None)}


STRANGER = Author(email="x1@throwaway.example", placed=False)


@pytest.mark.requirement("P8")
async def test_a_commit_that_anybody_may_have_written_clears_nobody(world: LiveWorld) -> None:
    world.hub.authors = (STRANGER,)
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY)
    assert await world.click("ada") == {"ada": ("refused", "authors-unknown")}
    assert (await facts_of(world, "ada"))["unplaced"] == ["x1@throwaway.example"]


@pytest.mark.requirement("P8")
async def test_where_the_policy_takes_unknown_authors_for_strangers_it_counts(world: LiveWorld) -> None:
    world.hub.authors = (STRANGER,)
    allowed = (
        "exclude: [requester, commit-authors]",
        "exclude: [requester, commit-authors]\n      unplaced_authors: allow",
    )
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY, allowed)
    assert await world.state_of() == "awaiting-approval"
    await world.click("ada")
    assert await world.state_of() == "live"


@pytest.mark.requirement("P8")
async def test_an_address_of_the_directory_places_an_author_whom_the_forge_does_not_know(
    world: LiveWorld,
) -> None:
    world.hub.authors = (Author(email="cy@acme.example", placed=False),)
    known = ("cy:  {slack: U03CY, github: cy-m}", "cy:  {slack: U03CY, github: cy-m, email: Cy@acme.example}")
    await world.under(LEADS_BY_TEAM, ONE_LEAD, IN_REPOSITORY, known)
    await world.click("ada")
    assert await world.state_of() == "live"
