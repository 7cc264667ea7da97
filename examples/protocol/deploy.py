"""Deploys one service by the protocol: every step says GREEN, YELLOW or RED, and nothing follows one that is not GREEN.

    deploy.py deploy  SERVICE PLACE VERSION DIGEST    exit 0: every step was GREEN; 1: at least one was not
    deploy.py back    SERVICE PLACE VERSION DIGEST    the way back: what is broken already does not hold it
    deploy.py status  SERVICE PLACE VERSION DIGEST    exit 0: it runs and is GREEN; 1: it does not; 2: nobody knows (yet)

Each step is one line of JSON with the sentence first. PLACE.json beside this file says where everything is.
"""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SIGNS = {"GREEN": "🟢", "YELLOW": "🟡", "RED": "🔴"}
VERBS = ("deploy", "back", "status")
YES, NO, NOBODY_KNOWS = 0, 1, 2
_COLOURS = {0: "GREEN", 3: "YELLOW"}
_LIMIT_S = 30.0
Found = tuple[str, str]
"""A colour, and why."""


class NotGreenError(Exception):
    """What came before is not GREEN, so nothing follows it."""


@dataclass
class Protocol:
    """One deployment: what is asked, and what each step said."""

    verb: str
    service: str
    place: dict[str, Any]
    version: str
    digest: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    # Telling

    def step(self, phase: str, name: str, check: Callable[[], Found]) -> None:
        """Take one step and say in so many words what came of it; whatever goes wrong in it is RED, with its stack."""
        began, more = time.monotonic(), {}
        try:
            colour, why = check()
        except Exception as error:  # noqa: BLE001 -- no silent failure
            colour, why = "RED", str(error) or type(error).__name__
            more = {"exception": self.clean(traceback.format_exc())}
        self.steps.append((name, colour))
        took = round((time.monotonic() - began) * 1000)
        self.say(
            f"{SIGNS[colour]} {colour} {name}: {why}",
            phase=phase,
            step=name,
            status=colour,
            took_ms=took,
            **more,
        )

    def say(self, sentence: str, **facts: Any) -> None:
        """One line of the log."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {
            "says": self.clean(sentence),
            **facts,
            "service": self.service,
            "version": self.version,
            "at": at,
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)

    def clean(self, text: str) -> str:
        """Without the values of the variables that are passed on."""
        for name in self.place["variables"]:
            value = os.environ.get(name, "")
            text = text.replace(value, f"${name}") if len(value) > 3 else text
        return text

    def proceed(self) -> None:
        """Raises NotGreenError unless every step so far was GREEN."""
        if any(colour != "GREEN" for _, colour in self.steps):
            raise NotGreenError

    # The protocol

    def run(self) -> int:
        """Everything in its order; 0 where every step was GREEN."""
        try:
            self.before()
            self.proceed()
            self.roll_out()
            self.proceed()
            self.after()
            self.proceed()
        except NotGreenError:
            bad = [f"{name} is {colour}" for name, colour in self.steps if colour != "GREEN"]
            sentence = f"🔴 FAILED: {len(bad)} of {len(self.steps)} steps: {', '.join(bad)}; nothing follows"
            self.say(sentence, status="RED", steps=len(self.steps))
            return NO
        self.say(f"🟢 DONE: all {len(self.steps)} steps are GREEN", status="GREEN", steps=len(self.steps))
        return YES

    def before(self) -> None:
        """What has to be so before anything is touched. What is wrong already is no reason to stay where one is."""
        self.step("before", "environment variables", self.variables)
        if self.verb == "deploy":
            self.step("before", "database connection", self.database)
            self.step("before", "cluster resources", self.resources)

    def roll_out(self) -> None:
        """The service itself, and that it is well."""
        self.step("service", f"roll out {self.service}", self.set_image)
        self.proceed()
        self.step("service", f"health of {self.service}", lambda: self.settled(self.service))

    def after(self) -> None:
        """That everything works together."""
        for name in self.place["services"]:
            if name != self.service:
                self.step("integration", f"health of {name}", lambda each=name: self.settled(each))  # type: ignore[misc]
        self.step("integration", "database connection", self.database)
        self.step("integration", "WebSocket", self.websocket)

    # The checks

    def variables(self) -> Found:
        """Each of them is there and holds something."""
        missing = [name for name in self.place["variables"] if not os.environ.get(name)]
        return ("RED", f"not set: {', '.join(missing)}") if missing else ("GREEN", "all are set")

    def database(self) -> Found:
        """Somebody takes the connection."""
        host, _, port = self.place["database"].rpartition(":")
        with socket.create_connection((host, int(port)), 5):
            return "GREEN", "it takes connections"

    def resources(self) -> Found:
        """No node is short of memory, disk or processes."""
        nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
        bad = [
            f"{node['metadata']['name']} {each['type']} {each['status']}"
            for node in nodes
            for each in node["status"]["conditions"]
            if each["status"] != ("True" if each["type"] == "Ready" else "False")
        ]
        return (
            ("RED", ", ".join(bad) or "there is no node")
            if bad or not nodes
            else ("GREEN", f"{len(nodes)} node(s)")
        )

    def set_image(self) -> Found:
        """The image by its digest, and a rollout that ends."""
        in_place = ["-n", self.place["namespace"]]
        deployment, limit = f"deployment/{self.service}", f"--timeout={self.place['settle_s']}s"
        kubectl(*in_place, "set", "image", deployment, f"{self.service}={self.image}")
        kubectl(*in_place, "rollout", "status", deployment, limit, limit_s=self.place["settle_s"] + _LIMIT_S)
        return "GREEN", f"{self.version} is rolled out"

    def settled(self, service: str) -> Found:
        """GREEN as soon as it is, or what it still is when its time to start is over."""
        ends = time.monotonic() + self.place["settle_s"]
        found = self.health(service)
        while found[0] != "GREEN" and time.monotonic() < ends:
            time.sleep(min(1, self.place["settle_s"]))
            found = self.health(service)
        return found

    def health(self, service: str) -> Found:
        """What the service says of itself."""
        of = self.place["services"][service]
        return self.program(
            "check_health.py", of["health"], str(self.place["answer_within_ms"]), *of["requires"]
        )

    def websocket(self) -> Found:
        """A handshake and a ping."""
        return self.program(
            "check_websocket.py", self.place["websocket"], str(self.place["answer_within_ms"])
        )

    def program(self, name: str, *words: str) -> Found:
        """One of the checks that are programs: its exit status is the colour, its line says why."""
        argv = [sys.executable, str(HERE / name), *words]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        said = (ended.stdout.strip() or ended.stderr.strip()).splitlines()
        return _COLOURS.get(ended.returncode, "RED"), said[-1] if said else f"exit status {ended.returncode}"

    # How it stands

    @property
    def image(self) -> str:
        """By its digest: what was approved, whatever its tag says by now."""
        return f"{self.place['services'][self.service]['image']}@{self.digest}"

    def status(self) -> int:
        """0 it runs and is GREEN, 1 it does not, 2 nobody knows."""
        at = f'{{.spec.template.spec.containers[?(@.name=="{self.service}")].image}}'
        of = ["-n", self.place["namespace"]]
        try:
            runs = kubectl(*of, "get", f"deployment/{self.service}", "-o", f"jsonpath={at}").strip()
            if runs != self.image:
                self.say(f"another version runs: {runs}", status="RED")
                return NO
            kubectl(*of, "rollout", "status", f"deployment/{self.service}", "--timeout=5s")
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            self.say(f"nobody knows: {error}", status="UNKNOWN")
            return NOBODY_KNOWS
        colour, why = self.health(self.service)
        self.say(f"{SIGNS[colour]} {colour} {self.version} runs: {why}", status=colour)
        return YES if colour == "GREEN" else NO


def kubectl(*words: str, limit_s: float = _LIMIT_S) -> str:
    """What it prints. Raises RuntimeError with its last line where it fails."""
    ended = subprocess.run(["kubectl", *words], capture_output=True, text=True, timeout=limit_s, check=False)
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
        raise RuntimeError(f"kubectl ended with {ended.returncode}{f': {said[-1]}' if said else ''}")
    return ended.stdout


def main(words: Sequence[str]) -> int:
    """One verb, while no other deployment to this place is under way."""
    if len(words) != 5 or words[0] not in VERBS:
        print(__doc__)
        return NOBODY_KNOWS
    verb, service, place, version, digest = words
    protocol = Protocol(verb, service, json.loads((HERE / f"{place}.json").read_text()), version, digest)
    with (HERE / f".{place}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            protocol.say(
                f"another deployment to {place} is under way", status="UNKNOWN" if verb == "status" else "RED"
            )
            return NOBODY_KNOWS if verb == "status" else NO
        return protocol.status() if verb == "status" else protocol.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
