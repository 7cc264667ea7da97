"""`portcullis incident` and `portcullis report`: a document, or one line that says why there is none."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.clock import SystemClock
from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.environment import Colour, EnvironmentState
from storage import schema
from storage.ledger import Ledger
from tests.handlers.slack.aftermath import OPENED, over, published
from tests.handlers.slack.examples import POLICY, closed


@pytest.fixture
def kept(host: Any) -> Any:
    """A host whose ledger knows INC-7 and DEP-42."""

    async def write() -> None:
        await schema.ensure(host.url)
        ledger = Ledger(host.url, SystemClock())

        def step(tx: Any) -> None:
            red = EnvironmentState(name="production", colour=Colour.RED, since=OPENED, causes=("api",))
            tx.environments.put(red, Fact(type="environment.turned"))
            tx.incidents.put(
                over(), Fact(type="incident.opened", facts={"cause": "monitors", "causes": ["api"]})
            )
            tx.postmortems.put(published(), Fact(type="postmortem.published"))
            tx.requests.put(closed(RequestState.FAILED, "exit-3"), Fact(type="request.failed"))
            tx.requests.put(
                closed(RequestState.REJECTED, id="DEP-41", number=41), Fact(type="request.rejected")
            )

        try:
            await ledger.write(step)
        finally:
            await ledger.close()

    (Path(host.folder) / "policy.yaml").write_text(POLICY)
    asyncio.run(write())
    return host


@pytest.mark.requirement("F9")
@pytest.mark.parametrize("words", [("INC-7",), ("inc-7", "--markdown")])
def test_an_incident_is_printed_with_its_post_mortem(kept: Any, words: tuple[str, ...]) -> None:
    ended = kept.call("incident", *words)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("# INC-7 (production, P0)")
    assert "Opened: api said RED." in ended.out
    assert "The pool was too small." in ended.out


@pytest.mark.requirement("D5")
def test_a_deployment_is_printed_with_what_became_of_it(kept: Any) -> None:
    ended = kept.call("report", "dep-42", "--markdown")
    assert ended.status == 0
    assert ended.out.startswith("# DEP-42: checkout")
    assert "The monitors say RED (api)" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("incident", "INC-9"), "There is no incident INC-9"),
        (("report", "DEP-9"), "There is no request DEP-9"),
        (("report", "DEP-41"), "was never rolled out"),
    ],
)
def test_what_is_not_there_is_one_line_and_status_1(kept: Any, words: tuple[str, ...], said: str) -> None:
    ended = kept.call(*words)
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.err


def test_without_a_ledger_there_is_nothing_to_print_and_none_is_made(host: Any) -> None:
    ended = host.call("report", "DEP-1")
    assert ended.status == 2
    assert not host.database.exists()
