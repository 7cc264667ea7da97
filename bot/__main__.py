"""The `portcullis` command line. Everything heavy is imported by the verb that needs it, so that --help is quick."""

import argparse
import os
import sys
from collections.abc import Sequence

from bot import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. Exit status: 0 yes, 1 no, 2 usage or configuration, 3 not yet."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["sandbox"]:  # it has options of its own and knows nothing of the product
        from sandbox.command_line import main as sandbox_main

        return sandbox_main(arguments[1:])
    parser = argparse.ArgumentParser(
        prog="portcullis",
        description="Guards production: gates, windows, approvals with a second factor, and a record to verify.",
        epilog="Exit status: 0 yes, 1 no, 2 usage or configuration, 3 not yet.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add_parser in cli.parsers():
        add_parser(verbs)
    verbs.add_parser("sandbox", help="a pretend Slack workspace on this machine", add_help=False)
    parsed = parser.parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # `portcullis … | head`: the reader has enough
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or the interpreter complains at its end
        return 0
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
