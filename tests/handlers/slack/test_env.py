"""`/env` over signed payloads: components, history, next steps, a look at the monitors now, and a declared incident."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.audit import Fact
from bot.domain.board import Board, Group, Line, Standing, answered
from bot.domain.environment import Colour, EnvironmentState, MonitorState, Reading, status_of
from bot.domain.incident import IncidentState
from bot.flows import check_environment
from bot.policy import Monitor, Policy
from bot.ports import Transaction
from handlers.slack import env, env_check, env_history, help  # noqa: A004
from handlers.slack.context import SlackContext
from handlers.slack.voice import Voice
from handlers.wording.board import audience_of
from storage.ledger import Ledger
from tests.handlers.slack.conftest import until
from tests.handlers.slack.examples import NOW, POLICY, incident, lines_of, make_policy
from tests.handlers.slack.examples import accepted_by_slack as fits
from tests.handlers.slack.workspace import CY, LIN, STRANGER, shown

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WATCHED = (
    POLICY.replace(
        "    severity: P0\n",
        """    severity: P0
    owner: platform-lead
    monitors:
      - {name: api, component: backend, http: {url: "https://a.example/health"}, stale_after: 365d}
      - {name: pg, component: store, tcp: {host: a.example, port: 5432}, stale_after: 365d}
      - {name: nightly, component: jobs, heartbeat: {every: 1d}}
""",
    )
    + """components: {store: {group: database, owner: ada}, web: {group: frontend}}
targets: {uptime: 99.9}
"""
)


@pytest.fixture(scope="session")
def policy() -> Policy:
    return make_policy(WATCHED)


@dataclass
class Probe:
    """Implements ports.Prober; `says` by monitor, everything else is GREEN."""

    says: dict[str, Reading] = field(default_factory=dict)
    holds: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)

    async def read(self, environment: str, monitor: Monitor) -> Reading:
        self.asked.append(f"{environment}/{monitor.name}")
        if self.holds is not None:
            await self.holds.wait()
        return self.says.get(monitor.name, Reading(colour=Colour.GREEN, code="ok", at=NOW))


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
async def context(context: SlackContext, probe: Probe) -> SlackContext:
    return replace(context, prober=probe)


async def seen(ledger: Ledger, **colours: Colour) -> None:
    """Production's monitors as held; the environment was GREEN for ten days but for two hours."""

    def step(tx: Transaction) -> None:
        for name, colour in colours.items():
            state = MonitorState(
                environment="production",
                name=name,
                component=None,
                colour=colour,
                since=NOW - 3 * HOUR,
                read_at=NOW - timedelta(minutes=1),
                code="ok" if colour is Colour.GREEN else "check-failed",
                facts={"failed": ["<!channel>"]} if colour is Colour.RED else {},
            )
            tx.environments.keep(state)
        for ago, colour in (
            (10 * DAY, Colour.GREEN),
            (5 * DAY, Colour.RED),
            (5 * DAY - 2 * HOUR, Colour.GREEN),
        ):
            turned = EnvironmentState(
                name="production",
                colour=colour,
                since=NOW - ago,
                causes=("api",) if colour is Colour.RED else (),
            )
            tx.environments.put(turned, Fact(type="environment.turned"))

    await ledger.write(step)


GREEN = {"api": Colour.GREEN, "pg": Colour.GREEN, "nightly": Colour.GREEN}


@pytest.mark.requirement("D2")
async def test_status_of_one_environment_shows_its_components_by_group_with_owner_and_monitor(
    people: Any, ledger: Ledger
) -> None:
    await seen(ledger, **GREEN | {"pg": Colour.RED})
    lines = shown((await people.command(LIN, "status production", name="/env")).body).split("\n")
    assert lines[0] == "*🔴 production* RED for 3 h · verified 60 s ago · platform-lead"
    assert lines[1] == "*Backend*"
    assert "🟢 backend GREEN for 3 h" in lines[2]
    assert lines[3] == "*Databases*"
    assert lines[4] == (
        "🔴 store RED for 3 h · pg reports failing checks (&lt;!channel&gt;) · verified 60 s ago by pg (TCP) · ada"
    )
    assert lines[5] == "*Other*"
    assert "🟢 jobs GREEN for 3 h" in lines[6]


@pytest.mark.requirement("K6")
async def test_next_says_what_to_fix_first_whose_it_is_and_for_how_long(people: Any, ledger: Ledger) -> None:
    await seen(ledger, **GREEN | {"pg": Colour.RED})
    said = shown((await people.command(LIN, "next", name="/env")).body)
    assert "*Fix first: production* (1 RED, 1 UNKNOWN)" in said
    assert "1. 🔴 *Fix first: production* · RED for 3 h · pg reports failing checks" in said
    assert "· owner ada" in said
    assert "2. ⚪ *Give it a monitor: staging* · never verified · nobody watches it" in said


@pytest.mark.requirement("F12")
async def test_history_tells_uptime_the_target_it_missed_and_what_nobody_knows(
    people: Any, ledger: Ledger
) -> None:
    await seen(ledger, **GREEN)
    said = shown((await people.command(LIN, "history", name="/env")).body)
    assert "*The last 90 days* · the target is 99.9 %" in said
    assert "*production* uptime 24 h 100 %, 7 d 98.8 % (✗ below 99.9 %)" in said
    assert "known for 10 d" in said
    assert "*staging* no record yet" in said
    assert "90 d " not in said
    assert "No incident." in said


async def test_history_of_one_environment_tells_its_colours_with_their_causes(
    people: Any, ledger: Ledger
) -> None:
    await seen(ledger, **GREEN)
    said = shown((await people.command(LIN, "history production", name="/env")).body)
    assert "90 days: 1 with RED, 10 GREEN, 79 without a record" in said
    assert "🔴 RED from <!date^" in said
    assert ", 2 h (api)" in said


async def test_an_environment_that_there_is_not_is_named_with_what_was_meant(people: Any) -> None:
    for word in ("status", "check", "history"):
        said = shown((await people.command(LIN, f"{word} prodction", name="/env")).body)
        assert "production" in said, word


async def test_a_check_is_answered_at_once_and_tells_then_what_every_monitor_says_now(
    people: Any, ledger: Ledger, probe: Probe, stub: Any
) -> None:
    await seen(ledger, **GREEN)
    probe.says["pg"] = Reading(colour=Colour.RED, code="refused", at=NOW)
    first = shown((await people.command(LIN, "check", name="/env")).body)
    assert first == "Reading 3 monitors of production …"
    said = shown((await until(lambda: stub.replies))[0])
    assert "*production: 1 of 3 monitors does not pass now*" in said or "2 of 3 monitors do not pass" in said
    assert "🔴 *pg* RED · refused the connection; held to be GREEN for 3 h" in said
    assert "🟢 *api* GREEN · passes" in said
    assert "*nightly* is told by others, heard 60 s ago; held to be GREEN for 3 h" in said
    assert "One look changes no colour" in said
    assert probe.asked == ["production/api", "production/pg"]
    held = await ledger.read(lambda tx: {m.name: m.colour for m in tx.environments.monitors("production")})
    assert held["pg"] is Colour.GREEN


async def test_one_environment_is_read_once_however_many_ask(
    people: Any, probe: Probe, stub: Any, context: SlackContext
) -> None:
    probe.holds = asyncio.Event()
    await people.command(LIN, "check production", name="/env")
    again = shown((await people.command(CY, "check production", name="/env")).body)
    assert "is being read already" in again
    probe.holds.set()
    await until(lambda: stub.replies)
    assert len(probe.asked) == 2
    assert not context.checking


async def test_strangers_have_nothing_read(people: Any, probe: Probe) -> None:
    await people.command(STRANGER, "check", name="/env")
    assert probe.asked == []


async def test_what_is_not_watched_and_what_cannot_be_read_is_said(people: Any) -> None:
    said = shown((await people.command(LIN, "check staging", name="/env")).body)
    assert said == "Nobody watches staging: the policy names no monitor."


async def test_a_probe_that_never_ends_or_breaks_holds_nobody_up(policy: Policy, ledger: Ledger) -> None:
    class Stuck:
        async def read(self, environment: str, monitor: Monitor) -> Reading:
            if monitor.name == "pg":
                raise RuntimeError("a bug")
            await asyncio.Event().wait()
            raise AssertionError

    found = await check_environment.check(ledger, policy, Stuck(), "production", seconds=0.05)
    assert [each.reading for each in found.found] == [None, None, None]
    said = "\n".join(lines_of(env_check.render(found)))
    assert said.count("gave no answer in the time there was") == 2


async def test_an_incident_is_told_with_who_has_it(people: Any, ledger: Ledger) -> None:
    await seen(ledger, **GREEN | {"pg": Colour.RED})
    await ledger.write(lambda tx: tx.incidents.put(incident(), Fact(type="incident.opened")))
    said = shown((await people.command(LIN, "", name="/env")).body)
    assert "INC-7 open, nobody has it yet" in said
    taken = incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="lin", acknowledged_at=NOW)
    await ledger.write(lambda tx: tx.incidents.put(taken, Fact(type="incident.acknowledged")))
    said = shown((await people.command(LIN, "", name="/env")).body)
    assert "INC-7: Lin has it" in said
    one = shown((await people.command(LIN, "status production", name="/env")).body)
    assert "INC-7 being worked on: Lin has it" in one


async def test_a_check_repeats_the_reason_of_a_monitor_that_is_told(policy: Policy) -> None:
    (monitor,) = [m for m in policy.environments["production"].monitors if m.name == "nightly"]
    held = MonitorState(
        environment="production", name="nightly", component="jobs", colour=Colour.RED, since=NOW - HOUR,
        read_at=NOW - HOUR, code="reported", facts={"detail": "disk full"},
    )  # fmt: skip
    found = check_environment.Found(monitor=monitor, reading=None, held=held)
    checked = check_environment.Checked(environment="production", found=(found,), left_out=0, at=NOW)
    (line,) = [each for each in lines_of(env_check.render(checked)) if "*nightly*" in each]
    assert "held to be RED for 60 min · " in line or "held to be RED for 1 h · " in line
    assert line.endswith("(disk full)")


@pytest.mark.requirement("F9")
async def test_anybody_of_the_directory_declares_an_incident_and_hears_who_is_told(
    people: Any, ledger: Ledger
) -> None:
    said = shown(
        (await people.command(LIN, "incident staging severity=P1 Money is &lt;gone&gt;", name="/env")).body
    )
    assert said.startswith("*INC-1 is open: staging, P1*")
    assert "`/env postmortem INC-1 note …` keeps a line" in said
    kept = await ledger.read(lambda tx: tx.incidents.get("INC-1"))
    assert kept is not None
    assert (kept.title, kept.declared_by) == ("Money is <gone>", "lin")
    usage = shown((await people.command(LIN, "incident", name="/env")).body)
    assert "/env incident ENVIRONMENT [severity=P1] title…" in usage


def test_help_and_dispatch_name_the_same_words() -> None:
    assert {*env.SUBS, "help"} == set(help.ENV)


def test_hundreds_of_environments_fit_into_a_message(policy: Policy) -> None:
    def status(number: int) -> Any:
        monitor = MonitorState(
            environment=f"e{number}",
            name="m" * 60,
            component=None,
            colour=Colour.RED if number % 50 == 0 else Colour.GREEN,
            since=NOW,
            read_at=NOW,
        )
        return status_of(f"environment-{number}", [monitor])

    found = tuple(status(n) for n in range(200))
    message = env.render(found, Voice(policy, NOW))
    fits(message)
    said = "\n".join(lines_of(message))
    assert "Fix first: environment-0" in said
    assert "environment-150" in said  # what is RED is never among those that are only counted
    assert "and 175 more" in said


def test_hundreds_of_components_fit_into_a_message(policy: Policy) -> None:
    lines = tuple(
        Line(
            group=Group.OTHER,
            status=status_of(
                f"c{n}",
                [
                    MonitorState(
                        environment="e",
                        name=f"m{n}" + "x" * 55,
                        component=None,
                        colour=Colour.RED,
                        since=NOW,
                        read_at=NOW,
                    )
                ],
            ),
            kinds={f"m{n}" + "x" * 55: "http"},
        )
        for n in range(400)
    )
    standing = Standing(kind="production", status=status_of("e", []), lines=lines)
    board = Board(
        at=NOW,
        state="production",
        days=90,
        standings=(standing,),
        steps=(),
        incidents=(),
        answered=answered([], NOW),
    )
    message = env_history.render_one(standing, board, audience_of(policy, public=False))
    fits(message)
    assert "and 370 more, no worse than these" in "\n".join(lines_of(message))
