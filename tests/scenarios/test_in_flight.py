"""What is in flight, over real sockets: a freeze and a person hold a rollout between its steps, a window does not."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.audit import Fact
from bot.domain.calendar import Verdict
from bot.domain.change_request import Actor, RequestState
from bot.domain.freeze import Freeze, FreezeClass
from bot.flows.rollouts import wake_rollouts
from bot.ports import Transaction
from tests.scenarios.conftest import Make
from tests.scenarios.hands import BO, DEPLOYMENTS, LIN, RELEASES, Message
from tests.scenarios.stage import GOOD, Stage

IN_STEPS = (
    ('"{environment}", "{digest}"]\n        status:', '"{environment}", "{digest}", "{percent}"]\n        status:'),
    ('status, "{service}", "{environment}", "{digest}"]', 'status, "{service}", "{environment}", "{digest}", "{percent}"]'),
    ("        timeout: 1m", '        shift: [sh, deployer.sh, shift, "{service}", "{environment}", "{digest}", "{percent}"]\n        timeout: 1m'),
    ("    severity: P0\n", "    severity: P0\n    rollout: {steps: [25, 50, 100], hold: 5m}\n"),
)  # fmt: skip
# As the stage's own, with the per cent: where the traffic stands is `at-SERVICE-ENVIRONMENT`.
DEPLOYER = """#!/bin/sh
echo "$1 $2 $3 $4 $5" >> calls
if [ "$1" != status ]; then
  while [ -e hold ]; do sleep 0.05; done
  [ -e fail ] && exit 3
  echo "$4 $5" > "at-$2-$3"
  exit 0
fi
[ "$(cat "at-$2-$3" 2>/dev/null)" = "$4 $5" ]
"""
BETWEEN_STEPS = timedelta(minutes=5)


async def opened(make_stage: Make, *edits: tuple[str, str], started: bool = True) -> Stage:
    stage = await make_stage(*IN_STEPS, *edits, started=started)
    (stage.folder / "deployer.sh").write_text(DEPLOYER, encoding="utf-8")
    return stage


async def at_a_quarter(stage: Stage) -> tuple[str, Message]:
    """A rollout that stands at 25 %, and its card."""
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.approve("ada", request)
    return request, await stage.card(request, "Rolling out 25 % ▮▯▯▯", "Next: 50 %")


def percents(stage: Stage) -> list[int]:
    """The per cent of every call that moved traffic."""
    return [int(line.split()[-1]) for verb in ("start", "shift") for line in stage.calls(verb)]


async def declare(stage: Stage) -> None:
    """A hard freeze of production, as the flow that declares one leaves it."""
    freeze = Freeze(
        id="FRZ-1",
        environments=("production",),
        services=(),
        strength=FreezeClass.HARD,
        reason="Peak trading",
        begins_at=stage.clock.now(),
        ends_at=None,
        break_glass=False,
        declared_by=Actor(via="slack:T1/U04VIC", person="vic"),
        declared_at=stage.clock.now(),
    )

    def step(tx: Transaction) -> None:
        tx.freezes.put(freeze, Fact(type="freeze.declared"))
        wake_rollouts(tx)

    await stage.ledger.write(step)


async def lift(stage: Stage) -> None:
    def step(tx: Transaction) -> None:
        freeze = tx.freezes.get("FRZ-1", lock=True)
        assert freeze is not None
        tx.freezes.put(
            replace(freeze, lifted_at=tx.now, lifted_by=freeze.declared_by), Fact(type="freeze.lifted")
        )
        wake_rollouts(tx)

    await stage.ledger.write(step)


@pytest.mark.requirement("P6")
@pytest.mark.requirement("F5")
async def test_a_hard_freeze_holds_a_rollout_at_a_quarter_and_lifting_it_lets_it_go_on(
    make_stage: Make,
) -> None:
    stage = await opened(make_stage)
    request, card = await at_a_quarter(stage)
    await declare(stage)
    await stage.card(
        request, "‖ Held at 25 % ▮▯▯▯", "FRZ-1 (Peak trading)", "/deploy unfreeze FRZ-1", "To go back"
    )
    await stage.message(DEPLOYMENTS, "Held at 25 % by FRZ-1", "until it is lifted", thread_of=card["ts"])
    await stage.told(LIN, request, "Held at 25 %")
    await stage.advance(timedelta(hours=1))
    refused = await stage.deploy(BO, f"resume {request}")
    assert "FRZ-1" in refused
    assert "/deploy unfreeze FRZ-1" in refused
    await stage.quiet()
    assert percents(stage) == [25]
    await lift(stage)
    await stage.card(request, "Rolling out 50 % ▮▮▯▯", "Next: 100 %")
    await stage.message(DEPLOYMENTS, "FRZ-1 ended", thread_of=card["ts"])
    await stage.advance(BETWEEN_STEPS)
    await stage.until(request, RequestState.LIVE)
    assert percents(stage) == [25, 50, 100]
    await stage.message(RELEASES, "Live", GOOD)
    assert len(await stage.entries("run.held")) == len(await stage.entries("run.released")) == 1
    await stage.intact()


@pytest.mark.requirement("P6")
async def test_a_window_that_closes_lets_a_rollout_finish(make_stage: Make) -> None:
    stage = await opened(make_stage, started=False)
    local = stage.clock.now().astimezone(ZoneInfo("America/New_York")) - timedelta(minutes=1)
    window = (
        f"    - {{name: short, services: [catalogue], environments: [production], "
        f'start: "{local.minute} {local.hour} * * *", for: 30m}}\n'
    )
    policy = stage.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("  windows:\n", f"  windows:\n{window}"))
    await stage.start()
    await stage.begin()
    request, _card = await at_a_quarter(stage)
    await stage.advance(timedelta(minutes=40))
    verdict = stage.policy().calendar.at(stage.clock.now(), environment="production", service="catalogue")
    assert verdict.verdict is Verdict.PROHIBITED
    await stage.card(request, "Rolling out 50 % ▮▮▯▯")
    await stage.advance(BETWEEN_STEPS)
    await stage.until(request, RequestState.LIVE)
    assert percents(stage) == [25, 50, 100]
    assert await stage.entries("run.held") == []


@pytest.mark.requirement("P6")
async def test_anybody_holds_a_rollout_by_command_and_the_button_resumes_it(make_stage: Make) -> None:
    stage = await opened(make_stage)
    request, card = await at_a_quarter(stage)
    assert "It stays at 25 %" in await stage.deploy(BO, f"hold {request} Errors are rising")
    held = await stage.card(request, "‖ Held at 25 %", "Bo has held it since", "Errors are rising")
    await stage.message(DEPLOYMENTS, "Bo held it at 25 %", thread_of=card["ts"])
    await stage.told(LIN, request, "Held at 25 %")
    assert "holds" in await stage.deploy(LIN, f"hold {request}")
    await stage.advance(timedelta(hours=1))
    await stage.quiet()
    assert percents(stage) == [25]
    await stage.press(BO, "Resume", held)
    await stage.card(request, "Rolling out 50 % ▮▮▯▯")
    assert "was stopped where it stands" in await stage.deploy(LIN, f"cancel {request}")
    await stage.card(request, "Lin stopped it before its next step", "It stands at 50 %")
    await stage.message(DEPLOYMENTS, "Lin stopped it. It stands at 50 %", thread_of=card["ts"])
    await stage.intact()


@pytest.mark.requirement("P6")
async def test_a_held_request_does_not_start_until_it_is_resumed(make_stage: Make) -> None:
    stage = await opened(make_stage)
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve catalogue")
    await stage.deploy(BO, f"hold {request} The database is being moved")
    await stage.card(request, "‖ Held", "Bo has held it since")
    await stage.approve("ada", request)
    await stage.until(request, RequestState.APPROVED)
    await stage.quiet()
    assert percents(stage) == []
    await stage.deploy(BO, f"resume {request}")
    await stage.told(LIN, request, "Approved")
    await stage.deploy(LIN, f"start {request}")
    await stage.card(request, "Rolling out 25 %")


@pytest.mark.requirement("F5")
async def test_a_shift_that_fails_says_where_the_traffic_stands_and_the_way_back(make_stage: Make) -> None:
    stage = await opened(make_stage, ("rollout: {steps", "rollout: {automatic_rollback: false, steps"))
    request, card = await at_a_quarter(stage)
    (stage.folder / "fail").touch()
    await stage.advance(BETWEEN_STEPS)
    await stage.until(request, RequestState.FAILED)
    await stage.card(
        request, "Failed", "exit status 3", "It stands at 25 %", "The way back: `sh deployer.sh start"
    )
    await stage.message(DEPLOYMENTS, "It stands at 25 %", thread_of=card["ts"])
    await stage.quiet()
    assert percents(stage) == [25, 50]


@pytest.mark.requirement("F5")
async def test_a_step_during_which_the_bot_was_killed_is_looked_up_and_the_rollout_goes_on(
    make_stage: Make,
) -> None:
    stage = await opened(make_stage, started=False)
    await stage.start()
    await stage.begin()
    request, _card = await at_a_quarter(stage)
    await stage.stop()
    (stage.folder / "hold").touch()
    await stage.start_process()  # its clock is the system's: what is due for it is due for us
    await stage.advance(timedelta(0))
    await make_due(stage)
    await stage.people.wait_for(lambda: percents(stage) == [25, 50], what="the shift to be called")
    await stage.kill()
    (stage.folder / "hold").unlink()
    there = stage.folder / "at-catalogue-production"
    await stage.people.wait_for(
        lambda: there.read_text().strip().endswith(" 50"), what="the platform to finish"
    )
    await stage.advance(timedelta(seconds=21))
    await stage.start()
    await stage.card(request, "Rolling out 50 % ▮▮▯▯")
    assert len(stage.calls("status")) == 1
    await stage.advance(BETWEEN_STEPS)
    await stage.until(request, RequestState.LIVE)
    assert percents(stage) == [25, 50, 100]
    await stage.intact()


async def make_due(stage: Stage) -> None:
    """Let the next step be due now, for a process whose clock nobody can put forward."""

    def step(tx: Transaction) -> None:
        run = tx.runs.get("DEP-1/1", lock=True)
        assert run is not None
        tx.runs.put(replace(run, next_at=tx.now), Fact(type="run.test"))
        wake_rollouts(tx)

    await stage.ledger.write(step)
