"""No secret, token or second factor reaches a log, a message or an HTTP answer, whatever goes wrong (D7)."""

import io
import json
import logging
from collections.abc import Iterator

import aiohttp
import pytest
import structlog

from bot import logs
from bot.domain.change_request import RequestState
from tests.scenarios.conftest import Make
from tests.scenarios.hands import ADA, LIN, texts
from tests.scenarios.stage import GOOD, Stage


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log as `portcullis run` writes it, at its most talkative."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure(level=logging.DEBUG, stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def secrets_of(stage: Stage) -> dict[str, str]:
    names = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "PORTCULLIS_SECRET_KEY")
    found = {name: stage.environment[name] for name in names if name in stage.environment}
    found |= {f"the authenticator of {person}": secret for person, secret in stage.factors.items()}
    return found | {"the API token": stage.world.token}


async def everything_goes_wrong(stage: Stage) -> str:
    """A journey with faults, wrong codes, wrong tokens and a bad policy; what HTTP answered on the way."""
    people = stage.people
    await people.fault("500", method="chat.postMessage")
    await people.fault("ok_false", method="views.open", error="invalid_auth")
    await people.fault("reset_after_accept", method="chat.update")
    request = await stage.ask(
        f"catalogue {GOOD} ticket=CHG-1 {stage.environment['SLACK_SIGNING_SECRET'][:0]}"
    )
    card = await stage.card(request, "Approve")
    await stage.press(ADA, "Approve", card)
    await stage.told(ADA, "invalid_auth")
    await stage.open_approval("ada", request)
    await people.submit(ADA, {"code": stage.wrong_code("ada")})
    await people.submit(ADA, {"code": stage.code("ada")})
    await stage.until(request, RequestState.LIVE)
    await stage.deploy(ADA, f"why {request}")
    await stage.told(ADA, "the gates said this")
    policy = stage.folder / "policy.yaml"
    policy.write_text("version: [")
    assert stage.bot is not None
    await stage.bot.reload()
    await people.command(LIN, "request nothing", channel="dm")
    await stage.quiet()
    return await answers(stage)


PATHS = (
    "/health",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/requests",
    "/api/v1/requests/DEP-1",
    "/nowhere",
)


async def answers(stage: Stage) -> str:
    """Everything that HTTP answers, with a token, with a wrong one and with none."""
    told = []
    async with aiohttp.ClientSession() as session:
        for token in (stage.world.token, stage.world.token[:-1] + "x", None):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            for path in PATHS:
                async with session.get(stage.bot_url + path, headers=headers) as answer:
                    told.append(f"{answer.headers}\n{await answer.text()}")
            body = json.dumps({"kind": "build", "token": token})
            evidence = stage.bot_url + "/api/v1/evidence"
            async with session.post(evidence, data=body, headers=headers) as answer:
                told.append(await answer.text())
    return "\n".join(told)


async def shown(stage: Stage) -> str:
    """Every text in every message, modal and answer that left the bot for Slack."""
    return "\n".join(
        text
        for one in await stage.people.requests()
        for text in texts(one["request"] if one["direction"] == "in" else one["response"])
    )


@pytest.mark.requirement("D7")
@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket-mode"])
async def test_no_secret_leaves_in_a_log_a_message_or_an_answer(
    make_stage: Make, log: io.StringIO, socket_mode: bool
) -> None:
    stage = await make_stage(socket_mode=socket_mode)
    told = await everything_goes_wrong(stage)
    messages = await shown(stage)
    written = log.getvalue()
    assert len(written.splitlines()) > 20
    for name, secret in secrets_of(stage).items():
        for where, text in (("the log", written), ("HTTP", told), ("Slack", messages)):
            assert secret not in text, f"{name} stands in {where}"
    assert stage.code("ada") not in written
    for text in (written, told, messages):
        assert "/response/" not in text
    assert "ticket=wss" not in written
    sealed = await stage.read(lambda tx: [c.sealed for c in tx.credentials.of("ada")])
    for one in sealed:
        assert one not in written + told + messages


@pytest.mark.requirement("D7")
async def test_every_log_line_is_one_json_object_and_a_failure_has_its_stack(
    make_stage: Make, log: io.StringIO
) -> None:
    stage = await make_stage()
    assert stage.bot is not None
    await everything_goes_wrong(stage)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    refused = [line for line in lines if line["event"] == "policy.refused"]
    assert len(refused) == 1
    assert [line for line in lines if line["level"] in ("error", "critical")] == []


@pytest.mark.requirement("D7")
async def test_a_secret_that_a_person_types_stays_out_of_the_log(make_stage: Make, log: io.StringIO) -> None:
    stage = await make_stage()
    token = "xoxb-" + stage.world.token
    await stage.deploy(LIN, f"request {token} {token}")
    await stage.deploy(LIN, f"{token}")
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 {token}")
    await stage.card(request, "Approve")
    assert token not in log.getvalue()
