"""Approving one's own change through a second Slack account, and roles that end between approval and start."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.identity import Identity, Provider
from sandbox.github import PretendGitHub
from tests.attacks.conftest import Make
from tests.attacks.forging import TEAM, Forger
from tests.scenarios.hands import ADA, BO, EVE, LIN
from tests.scenarios.stage import GOOD, Stage

pytestmark = [pytest.mark.requirement("P7"), pytest.mark.requirement("P8")]
LEAD_LIN = ("platform-lead:   {people: [ada]}", "platform-lead:   {people: [ada, lin]}")
LIN_LINE = "lin: {slack: U05LIN, github: lin-w, email: lin@acme.example, name: Lin}"
MOVED = (LIN_LINE, LIN_LINE.replace(LIN, EVE))
SHADOW = (LIN_LINE, LIN_LINE + "\n  shadow: {slack: U06EVE, github: lin-w}")
LEAD_BY_TEAM = ("platform-lead:   {people: [ada]}", "platform-lead: {github_team: acme/production-approvers}")
NO_REPOSITORY = ("    repository: acme/catalogue\n", "")


async def reloaded(stage: Stage, *edits: tuple[str, str]) -> bool:
    """Whoever keeps the policy file changes it."""
    file = stage.folder / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    assert stage.bot is not None
    return await stage.bot.reload()


async def linked(stage: Stage, person: str, user: str) -> None:
    """What an enrolment leaves: this Slack account is this person's for good."""
    identity = Identity(
        provider=Provider.SLACK,
        subject=f"{TEAM}/{user}",
        person=person,
        label=user,
        linked_at=stage.clock.now(),
        linked_by="test",
    )
    await stage.ledger.write(lambda tx: tx.identities.put(identity, Fact(type="identity.linked")))


async def tries(stage: Stage, user: str, request: str, code: str) -> str:
    """Press the button, and send the modal's form by hand even where none opened."""
    await stage.press(user, "Approve", await stage.card(request, "Approve"))
    about = await stage.request(request)
    bound = {"request": request, "revision": about.revision, "fingerprint": about.fingerprint}
    slack = Forger(stage)
    return (await slack.post(slack.form(user, "deploy_approve", bound, {"code": code}))).text


async def test_a_second_account_that_nobody_named_approves_nothing(make_stage: Make) -> None:
    stage = await make_stage(LEAD_LIN, enrolled=("ada", "bo", "lin"))
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1", user=LIN)
    assert "stands for nobody" in await tries(stage, EVE, request, stage.code("lin"))
    assert "nobody approves their own" in await tries(stage, LIN, request, stage.code("lin"))
    assert await stage.entries("approval.signed") == []
    assert stage.calls() == []


async def test_the_directory_pointed_at_the_second_account_is_still_the_same_person(make_stage: Make) -> None:
    """Lin asks, has the policy say `slack: U06EVE`, and comes back as that: it is Lin who asked."""
    stage = await make_stage(LEAD_LIN, enrolled=("ada", "bo", "lin"))
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1", user=LIN)
    assert await reloaded(stage, MOVED)
    await stage.quiet()
    assert "nobody approves their own" in await tries(stage, EVE, request, stage.code("lin"))
    assert await stage.entries("approval.signed") == []


async def test_an_account_that_was_linked_is_not_replaced_by_an_edit_of_the_policy(make_stage: Make) -> None:
    """Ada is enrolled. Whoever edits the policy to say that Ada is another account has not become Ada."""
    stage = await make_stage(enrolled=("ada", "bo"))
    await linked(stage, "ada", ADA)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    assert await reloaded(stage, ("ada: {slack: U01ADA", "ada: {slack: U06EVE"))
    await stage.quiet()
    assert "Not possible" in await tries(stage, EVE, request, stage.code("ada"))
    assert await stage.entries("approval.signed") == []
    assert (await stage.request(request)).state is RequestState.AWAITING_APPROVAL


async def test_a_second_person_with_the_same_account_is_no_policy(make_stage: Make) -> None:
    """One GitHub account under two names: the file is refused, and the one before stays in force."""
    stage = await make_stage()
    assert not await reloaded(stage, SHADOW)
    assert "stands for nobody" in await stage.deploy(EVE, f"request catalogue {GOOD} ticket=CHG-1")


# Roles that end


@pytest.fixture
async def github() -> AsyncIterator[PretendGitHub]:
    made = PretendGitHub()
    await made.start()
    for login in ("ada-l", "bo-r", "cy-m", "vic-e", "lin-w"):
        made.add_user(login)
    made.team("acme", "production-approvers", ["ada-l"])
    yield made
    await made.stop()


@pytest.fixture
async def by_team(tmp_path: Path, sqlite_url: str, github: PretendGitHub) -> AsyncIterator[Stage]:
    stage = Stage(folder=tmp_path, database_url=sqlite_url)
    await stage.open(LEAD_BY_TEAM, NO_REPOSITORY)
    stage.environment |= {"PORTCULLIS_GITHUB_TOKEN": github.token, "PORTCULLIS_GITHUB_API_URL": github.url}
    await stage.start()
    await stage.begin()
    yield stage
    await stage.close()


@pytest.mark.parametrize("lost", ["role", "source"])
async def test_a_role_removed_between_approval_and_start_starts_nothing(
    by_team: Stage, github: PretendGitHub, lost: str
) -> None:
    """Approved, and ready to start; then Ada leaves the team, or nobody can say any more whether she is in it."""
    stage = by_team
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    await stage.deploy(LIN, f"hold {request} Not before lunch")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    await stage.deploy(LIN, f"resume {request}")
    await stage.told(LIN, "can press Start")
    await stage.quiet()
    if lost == "role":
        github.leave("acme", "production-approvers", "ada-l")
    else:
        github.faults.arm("answer", path="/orgs/", times=1000, status=503)
    await stage.deploy(LIN, f"start {request}")
    if lost == "role":
        await stage.until(request, RequestState.AWAITING_APPROVAL)
        await stage.card(request, "Not counted", "Ada:")
    else:
        await stage.card(request, "GitHub did not answer about acme/production-approvers")
    await stage.quiet()
    assert stage.calls() == []
    if lost == "role":
        await stage.press(BO, "Approve", await stage.card(request, "Approve"))  # and who holds one still may
        await stage.modal(BO, f"Approve {request}")
