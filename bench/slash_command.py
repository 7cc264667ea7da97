"""How quickly a signed `/deploy request` is durable and answered, beside the least that it could take."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cores import two_cores
from bench.figures import Aim, Figure, taking_turns
from bench.processes import Failed, report, server
from bench.product import Product, judged

PRODUCT, TRANSACTION, ACK = "product", "transaction", "ack"
EXPECTED = {PRODUCT: "DEP-", TRANSACTION: "done", ACK: "done"}
CONCURRENCY = 16
RATE = 50  # requests a second of the open loop
LATE = 5.0  # ms by which the generator itself may be late before the figures are in doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured, and where."""

    folder: Path
    outside: str
    product: Product
    rounds: int
    seconds: float
    latency_seconds: float
    remarks: list[str] = field(default_factory=list)


@contextmanager
def _serving(plan: Plan, kind: str, folder: Path) -> Iterator[str]:
    """A fresh server with a fresh database for each turn: nothing left over from one burdens the next.

    The evaluation of what was accepted (facts gathered, gates judged, the answer sent) begins right after the ack,
    in the same process on the same core, and competes with the commands that follow: it runs, as in production.
    What is not evaluated when the turn ends is left to the process that is ended then; `judged` tells how much.
    """
    cores = two_cores()
    core = cores[0] if cores else None
    if kind == PRODUCT:
        with plan.product.running(plan.product.folder(folder), core) as started:
            yield started.word
    else:
        folder.mkdir()
        argv = [sys.executable, "-m", "bench.floor", kind, f"{plan.outside}/api/", "floor.db"]
        with server(argv, folder, core) as started:
            yield started.word


def _turn(plan: Plan, kind: str, seed: str, *options: str) -> dict[str, Any]:
    folder = plan.folder / seed
    cores = two_cores()
    with _serving(plan, kind, folder) as url:
        answer = report(
            [
                *(sys.executable, "-m", "bench.load", url, "--seed", seed, "--expect", EXPECTED[kind]),
                *("--response-origin", plan.outside, *options),
            ],
            plan.folder,
            cores[1] if cores else None,
        )
        if kind == PRODUCT:
            answer["judged"], answer["written"] = judged(folder)
    shutil.rmtree(folder)
    if answer["wrong"]:
        raise Failed(f"{kind}: {answer['wrong']} wrong answers, the first: {answer['first_wrong']}")
    return answer


def throughput(plan: Plan) -> list[Figure]:
    """Requests a second at concurrency 16, against one bare transaction and against the ack alone."""
    found: dict[str, list[float]] = {PRODUCT: [], TRANSACTION: [], ACK: []}
    for number, turns in enumerate(taking_turns(list(found), plan.rounds), 1):
        for kind in turns:
            options = ("--concurrency", str(CONCURRENCY), "--seconds", str(plan.seconds))
            answer = _turn(plan, kind, f"throughput-{number}-{kind}", *options)
            found[kind].append(answer["answered"] / answer["seconds"])
            if kind == PRODUCT:
                plan.remarks.append(
                    f"throughput round {number}: {answer['judged']} of {answer['written']} accepted requests "
                    "were evaluated when the turn ended"
                )
    return [
        Figure(
            name=name,
            unit="req/s",
            product=tuple(found[PRODUCT]),
            floor=tuple(found[floor]),
            floor_is=floor_is,
            aim=aim,
        )
        for name, floor, floor_is, aim in (
            (
                "deploy-request-throughput",
                TRANSACTION,
                "Bolt and one Core transaction",
                Aim(0.7, at_least=True),
            ),
            ("deploy-request-throughput-to-ack", ACK, "Bolt, ack only", None),
        )
    ]


def latency(plan: Plan) -> list[Figure]:
    """Milliseconds from the intended sending to the answer, at 50 requests a second that wait for nothing."""
    found: dict[str, dict[str, list[float]]] = {k: {"p50": [], "p99": []} for k in (PRODUCT, ACK)}
    for number, turns in enumerate(taking_turns(list(found), plan.rounds), 1):
        for kind in turns:
            options = ("--rate", str(RATE), "--seconds", str(plan.latency_seconds))
            answer = _turn(plan, kind, f"latency-{number}-{kind}", *options)
            for name, values in found[kind].items():
                values.append(answer[name])
            if answer["late_p99"] > LATE:
                plan.remarks.append(
                    f"latency round {number}, {kind}: the generator itself was {answer['late_p99']:.1f} ms late "
                    "(p99); the machine is busy with something else"
                )
    return [
        Figure(
            name=f"deploy-request-latency-{name}",
            unit="ms",
            product=tuple(found[PRODUCT][name]),
            floor=tuple(found[ACK][name]),
            floor_is="Bolt, ack only",
            aim=Aim(2, at_least=False) if name == "p99" else None,
        )
        for name in ("p50", "p99")
    ]
