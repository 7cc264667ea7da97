"""The keepkey policy as it runs, over sockets: K1 to K7 on the page's own situation, and what follows from it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from bot.adapters.status_file import stated_in
from bot.domain.change_request import RequestState
from bot.domain.environment import Colour
from bot.jobs.deliveries import Pace
from bot.wiring import loops as wired_loops
from tests.examples.keepkey import EXAMPLE, KAI, NOA, ORDER, SAM, SEED, KeepKey
from tests.scenarios.hands import DEPLOYMENTS, INCIDENTS, RELEASES

Make = Callable[..., Awaitable[KeepKey]]


@pytest.fixture(autouse=True)
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wired_loops, "Pace", lambda: Pace(every=0.001))


@pytest.fixture
async def stage(tmp_path: Path, sqlite_url: str) -> AsyncIterator[KeepKey]:
    """The running bot, once every tool has run."""
    made = KeepKey(folder=tmp_path, database_url=sqlite_url)
    try:
        await made.open()
        await made.start()
        await made.until_read()
        await made.until_table()
        yield made
    finally:
        await made.close()


async def reload(stage: KeepKey, *edits: tuple[str, str]) -> bool:
    file = stage.folder / "policy.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    assert stage.bot is not None
    return await stage.bot.reload()


async def page(stage: KeepKey, *texts: str) -> str:
    """The status page, once it says all of this."""
    token = stage.environment["PORTCULLIS_API_TOKENS"].partition("=")[2]
    headers = {"Authorization": f"Bearer {token}"}
    async with asyncio.timeout(20), aiohttp.ClientSession(headers=headers) as session:
        while True:
            async with session.get(stage.bot_url + "/status") as answer:
                html = await answer.text()
            if all(text in html for text in texts):
                return html
            await asyncio.sleep(0.1)


# --- K1 --------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("K1")
@pytest.mark.requirement("P9")
async def test_k1_the_state_changes_by_an_approved_change_and_selects_the_rules_over_a_restart(
    stage: KeepKey,
) -> None:
    said = (await stage.deploy(SAM, "state")).replace("*", "")
    assert "The project is in production since" in said
    assert "/deploy state pre-production" in said
    refused = await stage.ask("support-email v2 production New templates", user=SAM)
    await stage.until(refused, RequestState.REFUSED)

    change = await stage.wish("pre-production because the templates are rebuilt", SAM)
    text = await stage.card_of(change, "Approve")
    for words in (
        "project state `production` → `pre-production`",
        "configuration change",
        "Takes effect at once with the last approval",
        "to sign  maintainer",
    ):
        assert words in text.replace("*", "")
    await stage.approve("noa", change)
    await stage.until(change, RequestState.LIVE)
    await stage.card_of(change, "In force")
    await stage.message(RELEASES, "from production to pre-production", f"{change}, asked by Sam and approved")
    assert not (stage.folder / "deployment" / "running").exists()  # nothing was deployed by it
    said = await stage.deploy(SAM, "state")
    assert f"By {change}, asked by Sam: “because the templates are rebuilt”" in said

    await stage.stop()
    await stage.start()
    assert "The project is in pre-production" in await stage.deploy(SAM, "state")
    let = await stage.ask("support-email v2 production New templates", user=SAM)
    await stage.until(let, RequestState.LIVE)  # Feature is RED all the time: these rules do not ask
    assert (stage.folder / "deployment" / "running" / "production").read_text() == "v2\n"
    assert "which is in pre-production" in await stage.until_board("production", Colour.GREEN)
    told = (await stage.deploy(SAM, "status")).replace("*", "")
    assert f"{change} project state `production` → `pre-production` took effect" in told
    await stage.intact()


@pytest.mark.requirement("K1")
async def test_k1_its_requester_does_not_approve_it_and_the_file_does_not_change_it(stage: KeepKey) -> None:
    change = await stage.wish("pre-production because I say so", KAI)
    await stage.press(KAI, "Approve", await stage.card(change, "Approve"))
    await stage.told(KAI, "nobody approves their own change")
    assert await reload(stage, ("\nstate: production", "\nstate: pre-production")) is False
    await stage.message(DEPLOYMENTS, "was refused", "/deploy state pre-production")
    assert "The project is in production" in await stage.deploy(NOA, "state")
    assert f"{change} waits for approval" in await stage.deploy(NOA, "state")
    await stage.deploy(KAI, f"cancel {change}")
    await stage.until(change, RequestState.CANCELLED)


@pytest.mark.requirement("K1")
async def test_k1_while_production_is_not_green_its_state_does_not_change(stage: KeepKey) -> None:
    stage.down("production")
    await stage.until_table(production="RED")
    change = await stage.wish("pre-production to have it easier", KAI)
    await stage.until(change, RequestState.REFUSED)
    await stage.told(KAI, "Not yet: project state", "production")


# --- K2, K6, K7 ------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("K2")
@pytest.mark.requirement("K7")
async def test_k2_and_k7_the_page_in_its_order_in_slack_on_the_web_and_as_markdown(stage: KeepKey) -> None:
    assert list(await stage.table()) == list(ORDER)
    said = await stage.env("status")
    lines = {name: next(line for line in said.splitlines() if f"*{name}*" in line) for name in ORDER}
    for name, colour in SEED.items():
        assert colour in lines[name]
        assert "verified" in lines[name]
    assert "“Feature environments not yet configured”" in lines["feature"]
    assert "“CircleCI build successful, needs full verification”" in lines["dev"]
    places = [said.index(lines[name]) for name in ORDER]
    assert places == sorted(places)

    html = await page(stage, *ORDER, "Fix first: feature")
    places = [html.index(f">{name}<") for name in ORDER]
    assert places == sorted(places)

    markdown = stage.folder / "deployment" / "board" / "README.md"

    async def told() -> str | None:
        assert stage.bot is not None
        stage.bot.loops.board_file.changed.set()  # once a minute otherwise
        text = markdown.read_text(encoding="utf-8") if markdown.exists() else ""
        return text if "RED" in text and "YELLOW" in text and "needs full verification" in text else None

    text = await stage.wait(told, what="the Markdown page")
    rows = {
        name: next(line for line in text.splitlines() if line.startswith(f"| **{name}**")) for name in ORDER
    }
    assert [text.index(rows[name]) for name in ORDER] == sorted(text.index(row) for row in rows.values())
    for name, colour in SEED.items():
        assert colour in rows[name]
    for name, owner in zip(ORDER, ("Kai", "Noa", "Sam", "Sam", "guild"), strict=True):
        assert owner in rows[name]


@pytest.mark.requirement("K6")
async def test_k6_the_pages_own_next_steps(stage: KeepKey) -> None:
    """1. Fix Feature (RED). 2. Complete the full verification of Dev (YELLOW). 3. Nothing else."""
    said = await stage.env("next")
    assert "Fix first: feature" in said
    assert said.index("feature") < said.index("dev")
    for words in (
        "not yet configured",
        "needs full verification",
        "owner Noa",
        "owner Sam",
        "RED for",
        "YELLOW for",
    ):
        assert words in said
    for green in ("production", "docker", "local"):
        assert green not in said


# --- K3, K4 ----------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("K4")
async def test_k4_a_tool_is_run_and_its_exit_code_and_its_last_line_are_kept(stage: KeepKey) -> None:
    kept = {m.id: m for m in await stage.read(lambda tx: tx.environments.monitors())}
    feature, dev = kept["feature/verify"], kept["dev/verify"]
    assert (feature.colour, feature.facts["exit"]) == (Colour.RED, "exit-1")
    assert feature.facts["last_line"] == "Feature environments not yet configured"
    assert (dev.colour, dev.facts["exit"]) == (Colour.YELLOW, "exit-2")
    assert str(dev.facts["output_digest"]).startswith("sha256:")
    assert kept["production/verify"].facts["exit"] == "exit-0"
    await stage.env("check feature")
    await stage.told(SAM, "ended with exit status 1", "Feature environments not yet configured")


@pytest.mark.requirement("K3")
@pytest.mark.requirement("K4")
async def test_k3_and_k4_a_verification_turns_dev_green_and_its_status_files_say_so(stage: KeepKey) -> None:
    assert stage.told_by("dev").startswith("YELLOW")  # the tool wrote it: --update-status --environment dev
    await stage.until_board("dev", Colour.YELLOW)
    stage.ci_verified()
    await stage.until_table(dev="GREEN")
    assert "Detail: CircleCI build successful, verified in full" in stage.told_by("dev")
    text = await stage.until_board("dev", Colour.GREEN)
    assert "Owner: sam" in text
    assert stated_in(text.encode()).verified_at is not None


@pytest.mark.requirement("K3")
async def test_k3_a_person_says_red_in_the_file_and_it_is_red_whatever_the_tool_finds(stage: KeepKey) -> None:
    # As on the page: the tool of `local` does not write the file.
    assert await reload(stage, ("[skills/verify-local.sh, --update-status]", "[skills/verify-local.sh]"))
    stage.status_file("local", f"RED\nLast Verified: {stage.clock.now().isoformat()}\nmy disk is full\n")
    await stage.until_table(local="RED")
    assert (await stage.until_board("local", Colour.RED)).startswith("RED")


# --- K5 --------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("K5")
async def test_k5_new_work_is_refused_and_told_what_comes_first(stage: KeepKey) -> None:
    for place in ("production", "feature", "dev"):
        asked = await stage.ask(f"support-email v3 {place} A new template", user=SAM)
        await stage.until(asked, RequestState.REFUSED)
    said = await stage.told(SAM, "Not yet", "feature", "RED")
    assert "dev" in said
    assert not (stage.folder / "deployment" / "running").exists()


@pytest.mark.requirement("K5")
@pytest.mark.requirement("K3")
async def test_k5_a_fix_goes_to_feature_first_and_only_there_and_then_everything_is_green(
    stage: KeepKey,
) -> None:
    for place, fixes in (("dev", "dev"), ("dev", "feature"), ("production", "feature"), ("feature", "dev")):
        asked = await stage.ask(f"support-email v3 {place} fixes={fixes} Mend it", user=SAM)
        await stage.until(asked, RequestState.REFUSED)
    fix = await stage.ask("support-email v3 feature fixes=feature Configure the environment", user=NOA)
    await stage.until(fix, RequestState.LIVE)
    await stage.until_table(feature="GREEN")
    assert "Every feature environment answers" in stage.told_by("feature")
    await stage.until_board("feature", Colour.GREEN)
    asked = await stage.ask("support-email v4 production A new template", user=SAM)
    await stage.until(asked, RequestState.REFUSED)  # Dev is YELLOW, and that is not GREEN
    stage.ci_verified()
    await stage.until_table(feature="GREEN", dev="GREEN")
    assert "All environments are GREEN" in await stage.env("next")
    work = await stage.ask("support-email v4 production A new template", user=SAM)
    await stage.until(work, RequestState.AWAITING_APPROVAL)


@pytest.mark.requirement("K5")
async def test_k5_production_comes_before_feature(stage: KeepKey) -> None:
    stage.down("production")
    await stage.until_table(production="RED")
    assert "Fix first: production" in await stage.env("next")
    fix = await stage.ask("support-email v3 feature fixes=feature Configure it", user=NOA)
    await stage.until(fix, RequestState.REFUSED)
    await stage.message(INCIDENTS, "production", "RED", "P0")
    stage.up("production")
    await stage.until_table()


def test_the_shipped_status_files_are_the_pages_table() -> None:
    found = {
        name: stated_in((EXAMPLE / "deployment" / "status" / f"{name}.status").read_bytes()) for name in ORDER
    }
    assert {name: stated.colour.value for name, stated in found.items()} == SEED
    assert {
        name: stated.verified_at and stated.verified_at.isoformat() for name, stated in found.items()
    } == {
        "production": "2025-03-24T17:38:31-03:00",
        "feature": "2025-03-24T17:45:00-03:00",
        "dev": "2025-03-24T16:53:58-03:00",
        "docker": "2025-03-24T16:53:58-03:00",
        "local": "2025-03-24T16:00:00-03:00",
    }
