"""The deployer of the sample world: tells the world which digest to run, or asks it which one runs."""

import json
import os
import sys
import urllib.error
import urllib.request

WORLD = os.environ.get("SAMPLE_WORLD", "http://127.0.0.1:8071")


def call(path: str, body: dict[str, str] | None = None) -> dict[str, str]:
    """One exchange with the world."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(WORLD + path, content, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        found: dict[str, str] = json.load(answer)
        return found


def main(verb: str, service: str, environment: str, digest: str) -> int:
    """0 where it runs, 1 where it does not."""
    print(f"{verb} {service} in {environment}: {digest}")
    try:
        if verb == "status":
            return 0 if call(f"/running/{service}/{environment}").get("digest") == digest else 1
        call("/deploy", {"service": service, "environment": environment, "digest": digest})
    except urllib.error.HTTPError as error:
        print(f"the world refused: {error.read().decode(errors='replace')}")
        return 1
    print("rolled out")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
