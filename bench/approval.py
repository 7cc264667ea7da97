"""How long an approval takes, from the form of the page to its answer with the signature on disk, beside the least."""

import json
import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import approval_ground
from bench.authenticator import Authenticator, b64
from bench.cores import two_cores
from bench.figures import Aim, Figure, taking_turns
from bench.processes import Failed, once, report, server
from bench.product import Product, quiet

PRODUCT, FLOOR = "product", "floor"
PASSKEY, CODE, BARE = "passkey", "code", "bare"
SETTLES_WITHIN = 60.0  # seconds
CALM_LOOKS = 6  # one after another
AIMS = {"p50": Aim(3, at_least=False), "p99": Aim(4, at_least=False)}
"""Two transactions where the floor has one (the challenge is consumed, durably, before anybody looks at the answer),
a code three; so a fsync that takes all the time alone makes 2 and 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured, and where."""

    folder: Path
    product: Product
    rounds: int
    people: int


def figures(plan: Plan) -> list[Figure]:
    """Milliseconds by passkey and by code, against one transaction of as many rows with and without a verification."""
    found: dict[str, list[dict[str, Any]]] = {PRODUCT: [], FLOOR: []}
    for number, turns in enumerate(taking_turns(list(found), plan.rounds), 1):
        for kind in turns:
            place = plan.folder / f"approval-{number}-{kind}"
            found[kind].append(_product(plan, place) if kind == PRODUCT else _floor(plan, place))
            shutil.rmtree(place)

    def rounds(kind: str, way: str, name: str) -> tuple[float, ...]:
        return tuple(each[way][name] for each in found[kind])

    return [
        Figure(
            name=f"{label}-{name}",
            unit="ms",
            product=rounds(PRODUCT, way, name),
            floor=rounds(FLOOR, floor, name),
            floor_is=floor_is,
            aim=AIMS[name] if aimed else None,
        )
        for label, way, floor, floor_is, aimed in (
            (
                "approval-passkey",
                PASSKEY,
                PASSKEY,
                "one form, a bare verification, one Core transaction",
                True,
            ),
            ("approval-passkey-to-transaction", PASSKEY, BARE, "one form, one Core transaction", False),
            ("approval-code", CODE, CODE, "one form, one Core transaction", True),
        )
        for name in ("p50", "p99")
    ]


def _product(plan: Plan, place: Path) -> dict[str, Any]:
    """The bot over requests that wait for approval, each of which is signed once."""
    port = _free_port()
    device = Authenticator.new(f"http://localhost:{port}")
    plan.product.folder(place)
    policy = place / "policy.yaml"
    text = approval_ground.policy_text(policy.read_text(encoding="utf-8"), plan.people)
    policy.write_text(text, encoding="utf-8")
    settings = plan.product.settings() | {
        "PORTCULLIS_PUBLIC_URL": device.origin,
        "PORTCULLIS_HTTP_PORT": str(port),
    }
    ground = [
        sys.executable,
        "-m",
        "bench.approval_ground",
        str(plan.people),
        device.public_key,
        "links.json",
    ]
    once(ground, place, _core(0), settings)
    with server([sys.executable, "-m", "bot", "run"], place, _core(0), settings):
        _settled(place)
        return _approved(place, port, device)


def _settled(place: Path) -> None:
    """Wait until the bot has judged what was open when it started, on the colours that it saw then. Raises Failed."""
    calm, until = 0, time.monotonic() + SETTLES_WITHIN
    while calm < CALM_LOOKS:
        if time.monotonic() > until:
            raise Failed("the bot did not come to rest before its approvals were to be measured")
        time.sleep(0.25)
        calm = calm + 1 if quiet(place) else 0


def _floor(plan: Plan, place: Path) -> dict[str, Any]:
    """The floors over as many links: by passkey, bare, and by code, in turn."""
    place.mkdir()
    origin = "http://localhost:1"  # said by the browser and expected by the server; nothing is there
    device = Authenticator.new(origin)
    one = {"ahead": 0, "credential": b64(b"floor"), "secret": "A" * 32}
    links = [
        {"token": f"{way}-{number}", "method": way, **one}
        for number in range(2 * plan.people)
        for way in (PASSKEY, BARE, CODE)
    ]
    (place / "links.json").write_text(json.dumps(links), encoding="utf-8")
    argv = [sys.executable, "-m", "bench.approval_floor", origin, device.public_key, "floor.db"]
    with server(argv, place, _core(0)) as started:
        return _approved(place, int(started.word.rpartition(":")[2]), device)


def _approved(place: Path, port: int, device: Authenticator) -> dict[str, Any]:
    key = place / "key.pem"
    key.write_bytes(device.pem())
    argv = [sys.executable, "-m", "bench.approving", str(port), device.origin, key.name, "links.json"]
    return report(argv, place, _core(1))


def _free_port() -> int:
    """The origin stands in the settings, so the port has to be known before the bot runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _core(number: int) -> int | None:
    cores = two_cores()
    return cores[number] if cores else None
