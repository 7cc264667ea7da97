"""`python -m bench`: measures the product and its floors by turns, prints a table, writes results.json."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import approval, calendar, monitors, status_page
from bench.cores import two_cores
from bench.figures import Figure, table
from bench.processes import Failed, server
from bench.product import Product
from bench.slash_command import Plan, latency, throughput
from bench.starting import help_time, ready_time

RESULTS = Path(__file__).with_name("results.json")
CALENDAR, MONITORS = "calendar", "monitors"
OF_THE_BOT = (
    "deploy-request-throughput", "deploy-request-latency", "approval", "help", "ready", "status-page",
)  # fmt: skip
NAMES = (*OF_THE_BOT, CALENDAR, MONITORS)


def measured(options: argparse.Namespace, folder: Path) -> tuple[list[Figure], list[str]]:
    """Run what was asked for. Raises Failed."""
    wanted = options.only or NAMES
    figures, remarks = of_the_bot(options, folder, [n for n in OF_THE_BOT if n in wanted])
    if CALENDAR in wanted:
        print(f"measuring {CALENDAR} …", file=sys.stderr, flush=True)
        seconds = 0.5 if options.quick else 2.0
        figures += calendar.figures(calendar.Plan(folder, options.rounds, seconds))
    if MONITORS in wanted:
        print(f"measuring {MONITORS} …", file=sys.stderr, flush=True)
        figures += monitors.figures(monitors.Plan(folder, options.rounds, 1.0 if options.quick else 4.0))
    return figures, remarks


def of_the_bot(
    options: argparse.Namespace, folder: Path, wanted: Sequence[str]
) -> tuple[list[Figure], list[str]]:
    """What needs a bot that runs, or its command line. Raises Failed."""
    if not wanted:
        return [], []
    cores = two_cores()
    with server([sys.executable, "-m", "bench.outside"], folder, cores[1] if cores else None) as outside:
        plan = Plan(
            folder=folder,
            outside=outside.word,
            product=Product.prepare(folder / "template", outside.word),
            rounds=options.rounds,
            seconds=1.0 if options.quick else 4.0,
            latency_seconds=4.0 if options.quick else 20.0,
        )
        people = 20 if options.quick else 30  # each signs four times
        approvals = approval.Plan(folder=folder, product=plan.product, rounds=plan.rounds, people=people)
        benchmarks: dict[str, Callable[[], list[Figure]]] = {
            OF_THE_BOT[0]: lambda: throughput(plan),
            OF_THE_BOT[1]: lambda: latency(plan),
            OF_THE_BOT[2]: lambda: approval.figures(approvals),
            OF_THE_BOT[3]: lambda: [help_time(folder, 20 if options.quick else 40)],
            OF_THE_BOT[4]: lambda: [ready_time(folder, plan.product, max(plan.rounds, 7))],
            OF_THE_BOT[5]: lambda: status_page.figures(
                folder, plan.product, plan.rounds, plan.latency_seconds
            ),
        }
        figures: list[Figure] = []
        for name in wanted:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            figures += benchmarks[name]()
    return figures, plan.remarks


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write. 1 where something could not be measured; a missed aim is told, not failed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter turns; the same number of rounds")
    parser.add_argument("--only", action="append", choices=NAMES, help="this benchmark; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of product and floor by turns")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: bench/results.json")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    try:
        with tempfile.TemporaryDirectory(prefix="portcullis-bench-") as folder:
            figures, remarks = measured(options, Path(folder))
    except Failed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    print(table(figures))
    for remark in remarks:
        print(f"- {remark}")
    if two_cores() is None:
        print("- server and load shared what cores there are: this system cannot keep them apart")
    options.output.write_text(json.dumps([f.as_json() for f in figures], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
