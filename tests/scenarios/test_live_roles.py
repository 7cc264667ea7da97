"""Roles asked live over real sockets: a GitHub team and a Slack user group, asked at the approval and at the start."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.domain.change_request import RequestState
from sandbox.github import PretendGitHub
from tests.scenarios.hands import ADA, BO, EVE, VIC
from tests.scenarios.stage import GOOD, Stage

LEAD_BY_TEAM = ("platform-lead:   {people: [ada]}", "platform-lead: {github_team: acme/production-approvers}")
NO_REPOSITORY = ("    repository: acme/catalogue\n", "")
LOGINS = ("ada-l", "bo-r", "cy-m", "vic-e", "lin-w")
MEMBERS = "/orgs/acme/teams/production-approvers/members"


@pytest.fixture
async def github() -> AsyncIterator[PretendGitHub]:
    made = PretendGitHub()
    await made.start()
    for login in LOGINS:
        made.add_user(login, emails=["ada@acme.example"] if login == "ada-l" else None)
    made.team("acme", "production-approvers", ["ada-l"])
    yield made
    await made.stop()


@pytest.fixture
async def stage(tmp_path: Path, sqlite_url: str, github: PretendGitHub) -> AsyncIterator[Stage]:
    made = Stage(folder=tmp_path, database_url=sqlite_url)
    await opened(made, github, LEAD_BY_TEAM, NO_REPOSITORY)
    yield made
    await made.close()


async def opened(stage: Stage, github: PretendGitHub, *edits: tuple[str, str]) -> None:
    await stage.open(*edits)
    stage.environment |= {"PORTCULLIS_GITHUB_TOKEN": github.token, "PORTCULLIS_GITHUB_API_URL": github.url}
    await stage.start()
    await stage.begin()


async def asked(stage: Stage) -> str:
    return await stage.ask(f"catalogue {GOOD} ticket=CHG-1")


@pytest.mark.requirement("P7")
@pytest.mark.requirement("P8")
async def test_a_team_s_member_is_called_approves_and_is_asked_about_again(
    stage: Stage, github: PretendGitHub
) -> None:
    request = await asked(stage)
    await stage.card(request, f"<@{ADA}> or <@{BO}> can approve")
    before = sum(each.path == MEMBERS for each in github.asked)
    await stage.approve("ada", request)
    await stage.until(request, RequestState.LIVE)
    assert sum(each.path == MEMBERS for each in github.asked) > before
    (counted,) = await stage.entries("approval.counted")
    said = [(each["source"], each["says"]) for each in counted["facts"]["sources"]]
    assert said == [("github_team acme/production-approvers", "yes")]


@pytest.mark.requirement("P8")
async def test_whoever_left_the_team_since_the_message_was_posted_approves_nothing(
    stage: Stage, github: PretendGitHub
) -> None:
    request = await asked(stage)
    await stage.card(request, f"<@{ADA}> or <@{BO}> can approve")
    github.leave("acme", "production-approvers", "ada-l")
    await stage.approve("ada", request)
    await stage.told(ADA, f"Your approval of {request} does not count", "platform-lead or release-manager")
    await stage.card(request, "Not counted", "Ada: holds no role that a seat takes")
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL
    await stage.approve("bo", request)
    await stage.until(request, RequestState.LIVE)


@pytest.mark.requirement("P8")
async def test_a_login_that_a_stranger_took_over_gives_the_stranger_nothing(
    stage: Stage, github: PretendGitHub
) -> None:
    """Ada's account was renamed and somebody else registered her old name; membership goes by the numeric id."""
    request = await asked(stage)
    await stage.card(request, f"<@{ADA}> or <@{BO}> can approve")
    github.rename("ada-l", "ada-lind")
    github.add_user("ada-l")
    await stage.approve("ada", request)
    await stage.card(request, "Not counted", "Ada:")
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL


@pytest.mark.requirement("P8")
async def test_a_github_that_is_down_denies_and_is_named(stage: Stage, github: PretendGitHub) -> None:
    request = await asked(stage)
    await stage.card(request, f"<@{ADA}> or <@{BO}> can approve")
    github.faults.arm("answer", path="/orgs/", times=1000, status=503)
    await stage.approve("ada", request)
    await stage.told(
        ADA,
        "GitHub did not answer about acme/production-approvers (it is out of order)",
        "Press Approve again",
    )
    await stage.card(request, "Not counted", "GitHub did not answer about acme/production-approvers")
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL
    await stage.reject("ada", request, "I do not wait for that")  # the safe direction needs no answer
    await stage.until(request, RequestState.REJECTED)


async def test_everybody_can_see_who_they_are_here(stage: Stage, github: PretendGitHub) -> None:
    await stage.deploy(ADA, "whoami")
    await stage.told(ADA, "You are Ada", "platform-lead: by the GitHub team acme/production-approvers")
    await stage.deploy(VIC, "whoami")
    await stage.told(VIC, "*not held* · platform-lead: not in the GitHub team acme/production-approvers")
    await stage.deploy(EVE, "whoami")
    await stage.told(EVE, "stands for nobody in the policy", f"slack: {EVE}")


@pytest.mark.requirement("P9")
async def test_an_author_whom_only_the_commits_name_does_not_approve(
    tmp_path: Path, sqlite_url: str, github: PretendGitHub
) -> None:
    repository = github.repository("acme/catalogue")
    base = repository.commit({"app.py": "1"}, author="lin-w")
    head = repository.commit({"app.py": "2"}, author="lin-w", co_authors=["ada-l"])
    stage = Stage(folder=tmp_path, database_url=sqlite_url)
    try:
        await opened(stage, github, LEAD_BY_TEAM)
        running: Any = await stage.read(lambda tx: tx.evidence.deployments("catalogue", "production")[0])
        for tag, commit in ((running.artifact, base), (GOOD, head)):
            await state_commit(stage, tag, commit)
        request = await asked(stage)
        await stage.card(request, f"<@{BO}> can approve")
        await stage.approve("ada", request)
        await stage.told(ADA, "You wrote commits in this build")
        await stage.approve("bo", request)
        await stage.until(request, RequestState.LIVE)
    finally:
        await stage.close()


async def state_commit(stage: Stage, tag: str, commit: str) -> None:
    """CI states the build once more, with its commit."""

    def of(tx: Any) -> Any:
        built = [e for e in tx.evidence.about("catalogue", artifact=tag) if e.kind.value == "build"]
        return built[-1].digest if built else None

    digest = await stage.read(of)
    statement = {
        "kind": "build",
        "service": "catalogue",
        "artifact": tag,
        "digest": digest,
        "outcome": "passed",
        "at": stage.clock.now().isoformat(),
        "details": {"authors": ["lin-w"], "commit": commit},
    }
    headers = {"Authorization": f"Bearer {stage.world.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(stage.bot_url + "/api/v1/evidence", json=statement) as answer,
    ):
        assert answer.status < 300, await answer.text()
