import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from bot.adapters.probes import Probes
from bot.domain.environment import Colour
from bot.policy import Environment, Monitor, Policy
from bot.policy.incidents import Reference
from bot.policy.monitors import (
    AlertmanagerMatch,
    AlertmanagerMonitor,
    CommandMonitor,
    FileMonitor,
    Heartbeat,
    HeartbeatMonitor,
    HttpMonitor,
    HttpProbe,
    PrometheusMonitor,
    PrometheusQuery,
    TcpMonitor,
    TcpPort,
)
from bot.ports import PolicyInForce, Prober
from tests.adapters.conftest import Serve, StoppedClock


@dataclass
class InForce:
    """As much of a policy in force as a prober looks at: its folder, and the files that it has written."""

    folder: Path
    environments: Mapping[str, Environment] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        return cast("Policy", self)


TOLD: list[Monitor] = [
    HeartbeatMonitor(name="m", heartbeat=Heartbeat(every=timedelta(hours=1))),
    AlertmanagerMonitor(name="m", alertmanager=AlertmanagerMatch(matchers={"environment": "production"})),
]


@pytest.mark.requirement("K3")
async def test_files_are_read_below_the_folder_of_the_policy_in_force(
    clock: StoppedClock, tmp_path: Path
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, colour in ((before, "GREEN"), (after, "RED")):
        folder.mkdir()
        (folder / "x.status").write_text(colour)
        os.utime(folder / "x.status", (clock.at.timestamp(), clock.at.timestamp()))
    in_force: PolicyInForce = InForce(before)
    probes = Probes(clock=clock, policy=in_force)
    prober: Prober = probes
    monitor = FileMonitor(name="status", file="x.status")

    assert (await prober.read("production", monitor)).colour is Colour.GREEN
    cast("InForce", in_force).folder = after  # a reload
    assert (await prober.read("production", monitor)).colour is Colour.RED
    await probes.close()


async def test_addresses_are_read_over_http(clock: StoppedClock, tmp_path: Path) -> None:
    probes = Probes(clock=clock, policy=InForce(tmp_path))
    monitor = HttpMonitor(name="api", http=HttpProbe(url="http://127.0.0.1:1/health"))

    assert (await probes.read("production", monitor)).code == "address-refused"
    await probes.close()


@pytest.mark.parametrize("monitor", TOLD, ids=lambda m: m.kind)
async def test_a_kind_that_cannot_be_read_is_unknown_and_says_so(
    clock: StoppedClock, tmp_path: Path, monitor: Monitor
) -> None:
    probes = Probes(clock=clock, policy=InForce(tmp_path))

    reading = await probes.read("production", monitor)

    assert not Probes.supports(monitor)
    assert (reading.colour, reading.code, reading.facts) == (
        Colour.UNKNOWN,
        "kind-not-supported",
        {"kind": monitor.kind},
    )
    await probes.close()


@pytest.mark.parametrize(
    ("monitor", "code"),
    [
        (HttpMonitor(name="m", http=HttpProbe(url="http://127.0.0.1:1/health")), "address-refused"),
        (TcpMonitor(name="m", tcp=TcpPort(host="127.0.0.1", port=1)), "address-refused"),
        (CommandMonitor(name="m", command=("sh", "-c", "exit 3")), "exit-3"),
        (FileMonitor(name="m", file="x.status"), "missing"),
        (
            PrometheusMonitor(name="m", prometheus=PrometheusQuery(query="up", fail_below=1)),
            "no-prometheus",
        ),
    ],
    ids=lambda each: getattr(each, "kind", each),
)
async def test_every_kind_that_is_read_has_its_reader(
    clock: StoppedClock, tmp_path: Path, monitor: Monitor, code: str
) -> None:
    probes = Probes(clock=clock, policy=InForce(tmp_path))

    assert Probes.supports(monitor)
    assert (await probes.read("production", monitor)).code == code
    await probes.close()


async def test_a_reference_answers_or_does_not(
    clock: StoppedClock, tmp_path: Path, serve: Serve, closed_port: str
) -> None:
    address = await serve(web.Application())  # it answers 404, and that is an answer
    probes = Probes(clock=clock, policy=InForce(tmp_path))
    found = {
        where: await probes.reach(Reference.model_validate(where_to))
        for where, where_to in {
            "http": {"http": f"http://{address}/"},
            "tcp": {"tcp": address},
            "http closed": {"http": f"http://{closed_port}/"},
            "tcp closed": {"tcp": closed_port},
            "metadata": {"http": "http://169.254.169.254/"},
            "nowhere": {"tcp": "127.0.0.1:99999"},
        }.items()
    }
    await probes.close()

    assert [where for where, answered in found.items() if answered] == ["http", "tcp"]
