"""After an incident: the post-mortem that it owes, written and published in Slack; the report of what failed."""

import asyncio
import os
import sys
from datetime import date, timedelta
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from bot.domain.postmortem import PostmortemState
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, INCIDENTS, LIN
from tests.scenarios.stage import GOOD, ROOT, Stage


async def over(stage: Stage) -> dict[str, Any]:
    """Production was RED, Cy had it, and it is GREEN again; gives the message of the post-mortem."""
    await stage.health("error")
    card = await stage.message(INCIDENTS, "RED", "production", "P0")
    await stage.press(CY, "Acknowledge", card)
    await stage.message(INCIDENTS, "Cy has it")
    await stage.health("ok")
    await stage.message(INCIDENTS, "RESOLVED", "production")
    return await stage.message(INCIDENTS, "Post-mortem of INC-1", "written by Cy", "It lacks")


async def cli(stage: Stage, *words: str) -> tuple[int | None, str]:
    """Run one verb as an operator does; its exit status and what it printed."""
    inherited = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *words),
        env=inherited | stage.environment | {"PYTHONPATH": str(ROOT)},
        cwd=stage.folder,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def postmortem(stage: Stage) -> Any:
    return await stage.read(lambda tx: tx.postmortems.get("INC-1"))


@pytest.mark.requirement("F9")
@pytest.mark.requirement("P21")
async def test_a_resolved_incident_owes_a_post_mortem_that_is_written_and_published_in_slack(
    stage: Stage,
) -> None:
    card = await over(stage)
    await stage.told(CY, "You write the post-mortem of INC-1")
    await stage.press(LIN, "Publish", card)
    await stage.told(LIN, "cannot be published yet", "all five whys", "an action item")
    await stage.press(CY, "Write", card)
    await stage.modal(CY, "Post-mortem of INC-1", "What did it do to people?")
    whys = {f"why-{n}": f"Because {n}" for n in range(1, 6)}
    sent = await stage.people.submit(CY, {"summary": "The pool was <small>", "impact": "Slow.", **whys})
    assert (sent.acknowledged, sent.errors) == (True, {})
    card = await stage.message(INCIDENTS, "Post-mortem of INC-1", "It lacks an action item")
    await stage.press(CY, "Add an action", card)
    await stage.modal(CY, "Action item")
    due = (stage.clock.now() + timedelta(days=9)).date()
    sent = await stage.people.submit(CY, {"text": "A larger pool", "owner": "ada", "due": due.isoformat()})
    assert (sent.acknowledged, sent.errors) == (True, {})
    await stage.told(ADA, "gave you an action item of INC-1", "A larger pool")
    card = await stage.message(INCIDENTS, "Post-mortem of INC-1", "Nothing is missing")
    await stage.press(BO, "Publish", card)
    await stage.message(INCIDENTS, "The pool was <small>", "5. Because 5", "What happened", "Cy took it")
    await stage.message(INCIDENTS, "✓ Post-mortem of INC-1", "published by Bo")
    assert (await postmortem(stage)).state is PostmortemState.PUBLISHED
    await stage.quiet()
    await stage.intact()


@pytest.mark.requirement("F9")
async def test_action_items_are_listed_and_done_by_anybody(stage: Stage) -> None:
    await over(stage)
    day = date.max.replace(year=stage.clock.now().year, month=12, day=31).isoformat()
    said = await stage.deploy(LIN, f"actions add INC-1 ada {day} Alert earlier", command="/env")
    assert "INC-1/1 is kept" in said
    listed = await stage.deploy(BO, "actions", command="/env")
    assert all(word in listed for word in ("1 action item is open", "INC-1/1", "Alert earlier"))
    assert "INC-1/1 is done" in await stage.deploy(BO, "actions done INC-1/1", command="/env")
    assert "No action item is open" in await stage.deploy(BO, "actions", command="/env")
    (item,) = (await postmortem(stage)).actions
    assert item.done_by.person == "bo"


async def test_what_one_person_wrote_is_not_written_over_by_the_form_of_another(stage: Stage) -> None:
    card = await over(stage)
    for user in (CY, ADA):
        await stage.press(user, "Write", card)
        await stage.modal(user, "Post-mortem of INC-1")
    await stage.people.submit(CY, {"summary": "Cy's words", "impact": "Much"})
    await stage.message(INCIDENTS, "Post-mortem of INC-1", "It lacks all five whys")
    sent = await stage.people.submit(ADA, {"summary": "Ada's words", "impact": "Little"})
    assert "Somebody else wrote" in sent.errors["summary"]
    assert (await postmortem(stage)).summary == "Cy's words"


@pytest.mark.requirement("D5")
async def test_a_failed_deployment_has_its_report_in_its_thread_and_its_log_on_the_command_line(
    stage: Stage,
) -> None:
    program = stage.folder / "deployer.sh"
    program.write_text("#!/bin/sh\necho 'migrating **all**'\necho 'password=hunter2secret' >&2\nexit 3\n")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.FAILED)
    card = await stage.card(request, "exit status 3")
    told = await stage.message(DEPLOYMENTS, f"Report: {request} failed", thread_of=str(card["ts"]))
    text = stage.people.text_of(told)
    for word in ("Asked by Lin", "approved by Ada", "gates passed", "sha256", "DEP-2 back to"):
        assert word in text
    assert "hunter2secret" not in text
    status, out = await cli(stage, "report", request, "--markdown")
    assert status == 0
    assert all(word in out for word in (f"# {request}", "migrating **all**", "exit status 3", "## Gates"))
    assert "hunter2secret" not in out


@pytest.mark.requirement("F9")
async def test_the_command_line_prints_an_incident_with_its_timeline(stage: Stage) -> None:
    await over(stage)
    status, out = await cli(stage, "incident", "INC-1", "--markdown")
    assert status == 0
    assert out.startswith("# INC-1 (production, P0)")
    for word in ("## Timeline", "Cy took it.", "production turned RED", "turned GREEN", "█", "## Five whys"):
        assert word in out
    status, _ = await cli(stage, "incident", "INC-99")
    assert status == 1
