"""How long the command line takes to say anything, and the bot to be ready."""

import json
import sys
from pathlib import Path

from bench.cores import two_cores
from bench.figures import Aim, Figure, taking_turns
from bench.processes import Failed, once, server
from bench.product import CONSOLE_SCRIPT, Product

PRODUCT, FLOOR = "product", "floor"


def help_time(folder: Path, runs: int) -> Figure:
    """Milliseconds of `portcullis --help`, against an interpreter that imports argparse."""
    if not Path(CONSOLE_SCRIPT).exists():
        raise Failed(f"{CONSOLE_SCRIPT} is not installed: make setup")
    argv = {PRODUCT: [CONSOLE_SCRIPT, "--help"], FLOOR: [sys.executable, "-c", "import argparse"]}
    found: dict[str, list[float]] = {PRODUCT: [], FLOOR: []}
    core = _server_core()
    for command in argv.values():
        once(command, folder, core)  # so that both find their byte code and the disk's cache warm
    for turns in taking_turns(list(argv), runs):
        for kind in turns:
            found[kind].append(once(argv[kind], folder, core)[1] * 1000)
    return Figure(
        name="help",
        unit="ms",
        product=tuple(found[PRODUCT]),
        floor=tuple(found[FLOOR]),
        floor_is="a bare interpreter and argparse",
        aim=Aim(2.5, at_least=False),
    )


def ready_time(folder: Path, product: Product, rounds: int) -> Figure:
    """Milliseconds until `portcullis run` is ready, against importing what it imports of other people's code.

    The list of imports is taken from a bot that was just started, so it is always the present one.
    """
    core = _server_core()
    place = product.folder(folder / "ready")
    modules = third_party(place, product)
    imports = "\n".join(f"import {name}" for name in modules)
    argv = {
        PRODUCT: [CONSOLE_SCRIPT, "run"],
        FLOOR: [sys.executable, "-c", f"{imports}\nprint('ready', flush=True)"],
    }
    found: dict[str, list[float]] = {PRODUCT: [], FLOOR: []}
    for turns in taking_turns(list(argv), rounds):
        for kind in turns:
            # The floor is at its end when it is ready: what follows its line is not measured, as with the bot.
            if kind == FLOOR:
                found[kind].append(_until_said(argv[kind], place, core))
                continue
            with server(argv[kind], place, core, product.settings()) as started:
                found[kind].append(started.seconds * 1000)
    return Figure(
        name="ready",
        unit="ms",
        product=tuple(found[PRODUCT]),
        floor=tuple(found[FLOOR]),
        floor_is=f"the bare imports of the same {len({m.partition('.')[0] for m in modules})} libraries",
        aim=Aim(1.3, at_least=False),
    )


def third_party(place: Path, product: Product) -> list[str]:
    """The modules of other people that a bot has loaded once it is ready, in the order they were loaded."""
    listing = place / "modules.json"
    argv = [sys.executable, "-m", "bench.imports", str(listing)]
    with server(argv, place, _server_core(), product.settings()):
        pass  # it writes the list when it is told to end
    modules: list[str] = json.loads(listing.read_text(encoding="utf-8"))
    if not modules:
        raise Failed("the bot imported nothing")
    return modules


def _until_said(argv: list[str], place: Path, core: int | None) -> float:
    waiting = [*argv[:-1], f"{argv[-1]}\nimport signal\nsignal.pause()"]
    with server(waiting, place, core) as started:
        return started.seconds * 1000


def _server_core() -> int | None:
    cores = two_cores()
    return cores[0] if cores else None
