"""`portcullis policy check|schema|diff`: is a policy usable, what may stand in it, what changed."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bot.policy import Policy, PolicyError, Problem

YES, NO, WRONG = 0, 1, 2


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb with its three sub-verbs."""
    parser = subparsers.add_parser("policy", help="check a policy, print its schema, compare two")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="check|schema|diff")
    check = verbs.add_parser(
        "check", help="name every problem of a policy with its line; exit 2 if there is one"
    )
    which = check.add_mutually_exclusive_group()
    which.add_argument("file", type=file, nargs="?", metavar="FILE", help="the same as --policy FILE")
    add_policy_option(which)
    check.add_argument("--json", action="store_true", help="print one JSON object")
    verbs.add_parser("schema", help="print the JSON Schema (draft 2020-12) for editors").add_argument(
        "--json", action="store_true", help="accepted, since a schema is JSON anyway"
    )
    diff = verbs.add_parser("diff", help="name every difference of two policies; exit 1 if there is one")
    diff.add_argument("before", type=file, metavar="A")
    diff.add_argument("after", type=file, metavar="B")
    diff.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def add_policy_option(parser: argparse._ActionsContainer) -> None:
    """Add `--policy FILE`, by default the file the bot itself would read."""
    default = os.environ.get("PORTCULLIS_POLICY") or "policy.yaml"
    parser.add_argument(
        "--policy",
        type=file,
        default=default,
        metavar="FILE",
        help=f"the policy file (default: {default})",
    )


def file(text: str) -> "Path":
    """A path. Imports late, as everything here: --help reads no file."""
    from pathlib import Path

    return Path(text)


def run(args: argparse.Namespace) -> int:
    """Run the sub-verb; the exit status is 0 yes, 1 no, 2 wrong configuration."""
    match args.verb:
        case "check":
            return _check(args.file or args.policy, as_json=args.json)
        case "schema":
            return _schema()
        case _:
            return _diff(args.before, args.after, as_json=args.json)


def load_policy(path: "Path") -> "Policy":
    """The policy of a file. Imports late, so that the command line stays quick. Raises PolicyError."""
    from bot.flows import reload_policy

    return reload_policy.load_policy(path)


def tell(error: "PolicyError") -> int:
    """Print the problems, one a line, and return the exit status for a wrong configuration."""
    print(error, file=sys.stderr)
    return WRONG


def _check(path: "Path", *, as_json: bool) -> int:
    import json

    from bot.policy import PolicyError
    from bot.policy.dead_ends import dead_ends

    try:
        policy = load_policy(path)
        found = dead_ends(path)
        if found.problems:
            raise PolicyError(found.problems)  # noqa: TRY301 -- told as any other problem
    except PolicyError as error:
        if as_json:
            print(json.dumps({"ok": False, "problems": _plain(error.problems)}))
        return tell(error)
    counts = {
        "environments": len(policy.environments),
        "gates": sum(len(each.gates) for each in policy.environments.values()),
        "services": len(policy.services),
        "roles": len(policy.roles),
        "people": len(policy.people),
        "calendar rules": len(policy.calendar.rules),
        "monitors": sum(len(each.monitors) for each in policy.environments.values()),
    }
    if as_json:
        told = {"counts": counts, "problems": [], "hints": _plain(found.hints)}
        print(json.dumps({"ok": True, "digest": policy.digest, **told}))
    else:
        for hint in found.hints:
            print(f"hint: {hint}", file=sys.stderr)
        print(
            f"{path}: {policy.digest}, " + ", ".join(_counted(noun, count) for noun, count in counts.items())
        )
    return YES


def _counted(noun: str, count: int) -> str:
    one = "person" if noun == "people" else noun.removesuffix("s")
    return f"{count} {one if count == 1 else noun}"


def _plain(problems: "Iterable[Problem]") -> list[dict[str, str | int]]:
    return [{"file": each.file, "line": each.line, "message": each.message} for each in problems]


def _schema() -> int:
    import json

    from bot.gates import GATES
    from bot.policy import json_schema

    print(json.dumps(json_schema({name: gate.parameters for name, gate in GATES.items()}), indent=2))
    return YES


def _diff(before: "Path", after: "Path", *, as_json: bool) -> int:
    import json

    from bot.policy import PolicyError
    from bot.policy.difference import differences

    policies: list[Policy] = []
    problems: list[Problem] = []
    for path in (before, after):
        try:
            policies.append(load_policy(path))
        except PolicyError as error:
            problems += error.problems
    if problems:
        return tell(PolicyError(problems))
    found = differences(*policies)
    if as_json:
        listed = [{"path": each.path, "before": each.before, "after": each.after} for each in found]
        print(json.dumps({"before": policies[0].digest, "after": policies[1].digest, "differences": listed}))
    for each in found if not as_json else ():
        if each.added:
            print(f"+ {each.path}: {json.dumps(each.after)}")
        elif each.removed:
            print(f"- {each.path}: {json.dumps(each.before)}")
        else:
            print(f"~ {each.path}: {json.dumps(each.before)} -> {json.dumps(each.after)}")
    return NO if found else YES
