"""`portcullis status`: the ledger's answer as text, Markdown and JSON, with an exit status to build on."""

import asyncio
import json

import pytest

from bot.adapters.clock import SystemClock
from bot.cli.policy import load_policy
from bot.domain.environment import Colour, MonitorState
from bot.ports import Transaction
from storage import schema
from storage.ledger import Ledger
from tests.cli.conftest import Host


def watched(host: Host, colour: Colour) -> None:
    """Every monitor was read just now."""

    async def keep() -> None:
        await schema.ensure(host.url)
        policy, ledger = load_policy(host.folder / "policy.yaml"), Ledger(host.url, SystemClock())

        def step(tx: Transaction) -> None:
            for name, environment in policy.environments.items():
                for monitor in environment.monitors:
                    state = MonitorState(
                        environment=name,
                        name=monitor.name,
                        component=monitor.component,
                        colour=colour,
                        since=tx.now,
                        read_at=tx.now,
                        code="ok" if colour is Colour.GREEN else "timeout",
                    )
                    tx.environments.keep(state)

        try:
            await ledger.write(step)
        finally:
            await ledger.close()

    asyncio.run(keep())


@pytest.mark.requirement("K7")
def test_all_green_is_yes_and_anything_else_is_no_with_what_to_do_first(host: Host) -> None:
    watched(host, Colour.GREEN)
    ended = host.call("status")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("All environments are GREEN\n")
    watched(host, Colour.RED)
    ended = host.call("status")
    assert ended.status == 1
    assert ended.out.startswith("Fix first: production\n  Fix first: production · RED for")


def test_markdown_and_json_are_what_the_page_says(host: Host) -> None:
    watched(host, Colour.RED)
    ended = host.call("status", "--markdown")
    assert ended.status == 1
    assert ended.out.startswith("# Status of ")
    assert "| **production** | 🔴 RED |" in ended.out
    found = json.loads(host.call("status", "--json").out)
    assert (found["status"], found["next"][0]["do"]) == ("RED", "fix")
    assert host.call("status", "--json", "--markdown").status == 2


def test_without_a_ledger_it_says_so_and_makes_none(host: Host) -> None:
    ended = host.call("status")
    assert ended.status == 2
    assert "there is no ledger" in ended.err
    assert not host.database.exists()
