import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from bot.adapters.probes import Probes
from bot.domain.environment import Colour
from bot.policy import Monitor, Policy
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
from tests.adapters.conftest import StoppedClock


@dataclass
class InForce:
    """As much of a policy in force as a prober looks at: its folder."""

    folder: Path

    @property
    def policy(self) -> Policy:
        return cast("Policy", self)


LATER: list[Monitor] = [
    CommandMonitor(name="m", command=("./verify.sh",)),
    HeartbeatMonitor(name="m", heartbeat=Heartbeat(every=timedelta(hours=1))),
    AlertmanagerMonitor(name="m", alertmanager=AlertmanagerMatch(matchers={"environment": "production"})),
    TcpMonitor(name="m", tcp=TcpPort(host="127.0.0.1", port=1)),
    PrometheusMonitor(name="m", prometheus=PrometheusQuery(query="up", fail_below=1)),
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


@pytest.mark.parametrize("monitor", LATER, ids=lambda m: m.kind)
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


def test_http_and_file_monitors_are_supported() -> None:
    assert Probes.supports(FileMonitor(name="m", file="x.status"))
    assert Probes.supports(HttpMonitor(name="m", http=HttpProbe(url="https://acme.example/health")))
