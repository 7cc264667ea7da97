"""Two processes of the bot on one PostgreSQL, and clicks that reach both of them in the same instant."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot.domain.change_request import RequestState
from tests.attacks.conftest import Make
from tests.attacks.forging import Forger, Heard
from tests.conftest import TEMPLATE
from tests.postgres import Postgres
from tests.scenarios.hands import ADA, BO, LIN
from tests.scenarios.stage import GOOD, Stage

pytestmark = [pytest.mark.postgres, pytest.mark.requirement("P8"), pytest.mark.timeout(180)]
TWO_SEATS = (
    "- {role: [platform-lead, release-manager], count: 1}\n      minimum: 1",
    "- {role: [platform-lead], count: 1}\n        - {role: [release-manager], count: 1}\n      minimum: 2",
)


@dataclass
class Pair:
    """Both processes, and a request that waits for approval."""

    stage: Stage
    urls: tuple[str, str]
    request: str
    slack: Forger

    async def approval(self, user: str, code: str) -> str:
        """The form of an approval, with what the modal was opened with."""
        about = await self.stage.request(self.request)
        bound = {"request": self.request, "revision": about.revision, "fingerprint": about.fingerprint}
        return self.slack.form(user, "deploy_approve", bound, {"code": code})

    async def at_once(self, *bodies: str) -> list[Heard]:
        """Each body to both processes, all at the same time."""
        slack = self.slack
        return list(await asyncio.gather(*(slack.post(b, url=u) for b in bodies for u in self.urls)))


@pytest.fixture
async def pair(request: pytest.FixtureRequest, make_stage: Make, postgres: Postgres) -> AsyncIterator[Pair]:
    """Two `portcullis run`, each with its own port, on one database."""
    url = postgres.create("two_processes", template=TEMPLATE)
    edits = getattr(request, "param", ())
    stage = await make_stage(*edits, database_url=url, started=False)
    try:
        await stage.start_process()
        first, first_url = stage.process, stage.bot_url
        stage.process = None
        await stage.start_process()
        second, second_url = stage.process, stage.bot_url
        assert first is not None
        assert second is not None
        assert first.pid != second.pid
        try:
            await stage.begin()
            asked = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
            await stage.card(asked, "Approve")
            yield Pair(stage, (first_url, second_url), asked, Forger(stage))
        finally:
            await stage.kill()
            stage.process = first
            await stage.kill()
    finally:
        await stage.close()
        postgres.execute("DROP DATABASE two_processes WITH (FORCE)")


def recorded(answers: list[Heard]) -> int:
    """How many forms were taken. One that both processes got is answered by both with the same."""
    forms = zip(answers[::2], answers[1::2], strict=True)
    return sum("Recorded" in first.text or "Recorded" in second.text for first, second in forms)


@pytest.mark.parametrize("pair", [(TWO_SEATS,)], indirect=True)
async def test_one_person_at_two_processes_in_one_instant_signs_once(pair: Pair) -> None:
    """The same code in two forms, each at both processes: one signature, one step of the code used."""
    stage = pair.stage
    code = stage.code("ada")
    answers = await pair.at_once(*[await pair.approval(ADA, code) for _ in range(2)])
    assert recorded(answers) == 1, [a.text for a in answers]
    await stage.card(pair.request, "needs 1 more approval")
    assert len(await stage.entries("approval.signed")) == 1
    later = stage.code("ada", later=1)  # a fresh code does not make another person
    again = await pair.at_once(await pair.approval(ADA, later))
    assert recorded(again) == 0
    assert stage.calls() == []
    await stage.intact()


async def test_two_people_at_two_processes_in_one_instant_start_one_run(pair: Pair) -> None:
    stage = pair.stage
    bodies = [await pair.approval(u, stage.code(p)) for u, p in ((ADA, "ada"), (BO, "bo"))]
    await pair.at_once(*bodies)
    await stage.until(pair.request, RequestState.LIVE)
    await stage.quiet()
    assert len(stage.calls()) == 1
    assert len(await stage.entries("run.intended")) == 1
    assert len(await stage.entries("request.live")) == 1
    await stage.intact()


async def test_yes_and_no_in_one_instant_are_one_of_them(pair: Pair) -> None:
    """Ada approves at one process while Bo rejects at the other: it is live, or it is rejected and nothing started."""
    stage, slack = pair.stage, pair.slack
    yes = await pair.approval(ADA, stage.code("ada"))
    no = slack.form(BO, "deploy_reject", {"request": pair.request}, {"reason": "Not now"})
    await asyncio.gather(slack.post(yes, url=pair.urls[0]), slack.post(no, url=pair.urls[1]))
    ended = {RequestState.LIVE, RequestState.REJECTED}

    async def over() -> RequestState | None:
        state = (await stage.request(pair.request)).state
        return state if state in ended else None

    found = await stage.wait(over, what="one of both")
    await stage.quiet()
    assert len(stage.calls()) == (1 if found is RequestState.LIVE else 0)
    assert len(await stage.entries("request.rejected")) == (0 if found is RequestState.LIVE else 1)
    await stage.intact()


async def test_one_replayed_command_at_two_processes_asks_once(pair: Pair) -> None:
    stage, slack = pair.stage, pair.slack
    tag = await stage.publish()
    body = slack.command(LIN, f"request catalogue {tag} ticket=CHG-2")
    headers = slack.headers(body)
    answers: list[Any] = await asyncio.gather(
        *(slack.post(body, headers, url=url) for url in pair.urls for _ in range(4))
    )
    assert {a.status for a in answers} == {200}
    asked = await stage.entries("request.submitted")
    assert len([e for e in asked if e["subject"] == "request/DEP-2"]) == 1
    assert await stage.read(lambda tx: tx.requests.get("DEP-3")) is None
