"""The browser of the approval benchmark: opens each challenge, answers it, and times the answer to what it sent."""

import argparse
import gc
import http.client
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pyotp

from bench.authenticator import Authenticator
from bench.figures import percentile

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
EVERY = 0.2  # seconds between two approvals: at twenty a second the evaluations of the last ones keep the disk busy
WARM_UP = 5  # of each way, which count nothing
SEE_OTHER = 303
CODE = "code"


class Wrong(RuntimeError):  # noqa: N818 -- it says what came back
    """An answer that is not what was to be measured."""


@dataclass(slots=True)
class Browser:
    """One keep-alive connection to a server on loopback that calls itself `origin`."""

    connection: http.client.HTTPConnection
    origin: str
    device: Authenticator

    def post(self, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        """What a page of the origin sends, and the answer."""
        headers = {
            "Host": urlsplit(self.origin).netloc,
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": kind,
        }
        self.connection.request("POST", path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def answer(self, link: Mapping[str, str | int]) -> bytes:
        """The form that signs: a fresh challenge answered by the passkey, or a code."""
        if link["method"] == CODE:
            step = int(time.time() // 30) + int(link["ahead"])
            return urlencode({"code": pyotp.TOTP(str(link["secret"])).generate_otp(step)}).encode()
        status, body = self.post(f"/mfa/{link['token']}/challenge", JSON, b'{"method":"passkey"}')
        if status != 200:
            raise Wrong(f"challenge: {status} {body[:400]!r}")
        asked = json.loads(body)
        answer = self.device.answer(str(link["credential"]), asked["options"]["challenge"])
        return urlencode({"challenge": asked["challenge"], "answer": json.dumps(answer)}).encode()

    def sign(self, link: Mapping[str, str | int]) -> float:
        """Milliseconds from sending the form to its answer. Raises Wrong."""
        form = self.answer(link)
        began = time.perf_counter()
        status, body = self.post(f"/mfa/{link['token']}/{link['method']}", FORM, form)
        took = (time.perf_counter() - began) * 1000
        if status != SEE_OTHER:
            raise Wrong(f"{link['method']}: {status} {body[-1500:]!r}")
        return took


def run(browser: Browser, links: Sequence[Mapping[str, str | int]]) -> dict[str, object]:
    """Sign one after another at a steady pace; percentiles by method."""
    found: dict[str, list[float]] = {}
    gc.disable()  # a pause here would look like one of the server's
    began = time.perf_counter()
    for number, link in enumerate(links):
        time.sleep(max(0.0, began + number * EVERY - time.perf_counter()))
        found.setdefault(str(link["method"]), []).append(browser.sign(link))
    timed = {method: taken[WARM_UP:] for method, taken in found.items()}
    return {method: {f"p{p}": percentile(taken, p) for p in (50, 99)} for method, taken in timed.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m bench.approving PORT ORIGIN KEY LINKS` prints one JSON object."""
    parser = argparse.ArgumentParser(prog="bench.approving")
    parser.add_argument("port", type=int)
    parser.add_argument("origin")
    parser.add_argument("key", type=Path, help="the authenticator's private key (PEM)")
    parser.add_argument("links", type=Path)
    options = parser.parse_args(argv)
    device = Authenticator.of(options.origin, options.key.read_bytes())
    connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=30)
    links = json.loads(options.links.read_text(encoding="utf-8"))
    try:
        print(json.dumps(run(Browser(connection, options.origin, device), links)))
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    finally:
        connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
