"""The verbs of the command line, one file each; none imports anything heavy before it runs."""

from collections.abc import Callable
from typing import Any

from bot.cli import audit, calendar, check, db, doctor, enroll, incident, policy, report, run, status

AddParser = Callable[[Any], None]


def parsers() -> tuple[AddParser, ...]:
    """What adds each verb's parser, in the order --help shows them."""
    return (
        run.add_parser,
        check.add_parser,
        status.add_parser,
        calendar.add_parser,
        policy.add_parser,
        enroll.add_parser,
        incident.add_parser,
        report.add_parser,
        audit.add_parser,
        db.add_parser,
        doctor.add_parser,
    )
