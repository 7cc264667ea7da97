"""The floor of `calendar at --at -`: reads instants, parses them, and prints an object of the same shape for each."""

import json
import sys
from datetime import UTC, datetime


def main() -> None:
    """One line of JSON for each line of standard input. Nothing is decided: what is printed is the same each time."""
    rules = [{"name": "weekdays", "kind": "window", "effect": "allow", "until": "2026-01-01T00:00:00Z"}]
    for line in sys.stdin:
        at = datetime.fromisoformat(line.strip()).astimezone(UTC)
        stated = at.isoformat().replace("+00:00", "Z")
        said = {
            "at": stated,
            "environment": "production",
            "service": "checkout",
            "verdict": "allowed",
            "break_glass": True,
            "rules": rules,
            "next_change": stated,
            "next_allowed": stated,
            "next_preferred": stated,
        }
        print(json.dumps(said))


if __name__ == "__main__":
    main()
