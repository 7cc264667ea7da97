"""What Prometheus scrapes: the loops' own counts, what is overdue, and the colours."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.jobs.metrics import Metrics
from bot.jobs.work import Pulse


@pytest.mark.requirement("D7")
def test_the_counts_of_the_loops_are_exposed_as_they_are_now() -> None:
    pulse = Pulse()
    metrics = Metrics({"timers": pulse})
    metrics.loops.overdue_seconds["timers"] = 12.5
    metrics.loops.colours = {"production": "RED"}
    metrics.loops.open_requests = 3
    pulse.rounds, pulse.done, pulse.failed = 7, 5, 2

    lines = metrics.exposition().decode().splitlines()

    assert 'portcullis_loop_rounds_total{loop="timers"} 7.0' in lines
    assert 'portcullis_loop_done_total{loop="timers"} 5.0' in lines
    assert 'portcullis_loop_failed_total{loop="timers"} 2.0' in lines
    assert 'portcullis_overdue_seconds{loop="timers"} 12.5' in lines
    assert 'portcullis_environment_colour{colour="RED",environment="production"} 1.0' in lines
    assert "portcullis_open_requests 3.0" in lines


def test_two_bots_in_one_process_do_not_share_their_metrics() -> None:
    first, second = Metrics({}), Metrics({})
    first.loops.open_requests = 1

    assert "portcullis_open_requests 0.0" in second.exposition().decode()


def test_the_documents_name_every_metric() -> None:
    told = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    families = list(text_string_to_metric_families(Metrics({"timers": Pulse()}).exposition().decode()))
    assert len(families) >= 8
    for family in families:
        assert f"`{family.name}{'_total' * (family.type == 'counter')}`" in told
