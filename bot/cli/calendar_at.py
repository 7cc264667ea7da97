"""`portcullis calendar at`: the verdict at instants, in words or as the contract's JSON, a hundred thousand of them
within seconds."""

import argparse
import json
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Final

from bot.cli.calendar_asked import NOT_DECLARED, Asked, asked
from bot.cli.calendar_times import instant_or_now, rfc3339, told

if TYPE_CHECKING:
    from bot.domain.calendar import ActiveRule, CalendarVerdict
    from bot.policy import Policy

YES, NO, WRONG, NOT_YET = 0, 1, 2, 3
LONGEST_LINE: Final = 256
"""Bytes of a line of standard input; no instant is longer."""
_CHUNK: Final = 64 * 1024


def answer(policy: "Policy", args: argparse.Namespace) -> int:
    """Print the verdicts. Raises ValueError with a sentence for what is no instant."""
    streamed = "-" in args.at
    fixed = (
        [] if streamed else [instant_or_now(text) for text in args.at]
    )  # a bad one before anything is asked
    calendar = asked(policy, args)
    if lacking := calendar.lacks(args.environment, args.service):
        print("\n".join(lacking), file=sys.stderr)
        return WRONG
    if not calendar.declared and not args.json and not streamed:
        print(f"note: {NOT_DECLARED}", file=sys.stderr)
    question = _Question(calendar, args.environment, args.service)
    if streamed:
        return _stream(question, args.at)
    codes = [_one(question.at(moment), policy, as_json=args.json) for moment in fixed]
    return codes[0] if len(codes) == 1 else YES


def verdict_json(found: "CalendarVerdict") -> str:
    """The contract's JSON form of a verdict, on one line.

    Put together from pieces, for few of them change from one instant to the next.
    """
    rules = ", ".join([_rule_json(rule) for rule in found.rules])
    place = _place_json(found.environment, found.service)
    return (
        f'{{"at": "{rfc3339(found.at)}", {place}, "verdict": "{found.verdict.value}", '
        f'"break_glass": {"true" if found.break_glass else "false"}, "rules": [{rules}], '
        f'"next_change": {_instant_json(found.next_change)}, "next_allowed": {_instant_json(found.next_allowed)}, '
        f'"next_preferred": {_instant_json(found.next_preferred)}}}'
    )


def _rule_json(rule: "ActiveRule") -> str:
    return f'{{{_named_json(rule.name, rule.kind.value, rule.effect.word)}, "until": {_instant_json(rule.until)}}}'


@lru_cache(maxsize=4096)
def _named_json(name: str, kind: str, effect: str) -> str:
    return f'"name": {json.dumps(name)}, "kind": "{kind}", "effect": "{effect}"'


@lru_cache(maxsize=64)
def _place_json(environment: str, service: str | None) -> str:
    return f'"environment": {json.dumps(environment)}, "service": {json.dumps(service)}'


@lru_cache(maxsize=4096)
def _instant_json(moment: datetime | None) -> str:
    return json.dumps(rfc3339(moment))


class _Question:
    """What is asked of every instant."""

    def __init__(self, calendar: Asked, environment: str, service: str | None) -> None:
        self._calendar = calendar.calendar
        self._environment = environment
        self._service = service

    def at(self, moment: datetime) -> "CalendarVerdict":
        """The verdict. Raises ValueError for an instant outside the years of the calendar."""
        return self._calendar.at(moment, environment=self._environment, service=self._service)


def _one(found: "CalendarVerdict", policy: "Policy", *, as_json: bool) -> int:
    print(verdict_json(found) if as_json else "\n".join(_in_words(found, policy)))
    return _exit_status(found)


def _exit_status(found: "CalendarVerdict") -> int:
    from bot.domain.calendar import Verdict

    if found.verdict is not Verdict.PROHIBITED:
        return YES
    return NO if found.next_change is None else NOT_YET


def _in_words(found: "CalendarVerdict", policy: "Policy") -> Iterator[str]:
    from handlers.wording.calendar_sentences import DECLARED  # late: JSON needs no words

    def when(moment: datetime | None) -> str:
        return "none within 400 days" if moment is None else told(moment, policy.zone)

    place = found.environment if found.service is None else f"{found.service} in {found.environment}"
    yield f"{place}, {when(found.at)}: {found.verdict.value}"
    for rule in found.rules:
        reason = f" ({rule.reason})" if rule.reason else ""
        endless = "until somebody lifts it" if DECLARED.fullmatch(rule.name) else "for more than 400 days"
        until = endless if rule.until is None else f"until {when(rule.until)}"
        name = rule.name if rule.name == rule.kind.value else f"{rule.kind.value} {rule.name}"
        yield f"  {name}{reason}: {rule.effect.word}, {until}"
    if found.verdict.value == "prohibited":
        yield f"  break-glass: {'possible' if found.break_glass else 'not possible'}"
    yield f"  next change: {when(found.next_change)}"
    yield f"  next allowed: {when(found.next_allowed)}"
    yield f"  next preferred: {when(found.next_preferred)}"


def _stream(question: _Question, texts: list[str]) -> int:
    """One JSON line for each instant. With a single one the exit status is its verdict's."""
    last, count = YES, 0
    for text in texts:
        for batch in _batches() if text == "-" else [[(instant_or_now(text), "")]]:
            lines = []
            try:
                for moment, where in batch:
                    found = _asked_of(question, moment, where)
                    lines.append(verdict_json(found))
                    count += 1
                    last = _exit_status(found) if count == 1 else YES
            finally:  # what was answered is shown, whatever is wrong with the next line
                _write(lines)
    return last


def _asked_of(question: _Question, moment: datetime, where: str) -> "CalendarVerdict":
    try:
        return question.at(moment)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def _write(lines: list[str]) -> None:
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _batches() -> Iterator[Iterator[tuple[datetime, str]]]:
    """The instants of standard input, in batches of what there was to read at once.

    Whoever writes one line and waits for its answer gets it, and a file goes through in large pieces.
    """
    if sys.stdin is None:  # closed by whoever started us
        raise ValueError("standard input is closed, so there are no instants to read")
    number = 0
    for lines in _chunks(sys.stdin.buffer):
        yield _parsed(lines, number)
        number += len(lines)


def _chunks(source: IO[bytes]) -> Iterator[list[bytes]]:
    """Whole lines, as they arrive; the last one may lack its end."""
    rest = b""
    while chunk := source.read1(_CHUNK):  # type: ignore[attr-defined]  # every buffered reader has it
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest[: LONGEST_LINE + 1]], b""  # it is refused as it stands
        if lines:
            yield lines
    if rest:
        yield [rest]


def _parsed(lines: list[bytes], before: int) -> Iterator[tuple[datetime, str]]:
    for number, line in enumerate(lines, start=before + 1):
        text = (line.removeprefix(BOM_UTF8) if number == 1 else line).strip()
        if not text:
            continue
        where = f"standard input, line {number}: "
        if len(text) > LONGEST_LINE:
            raise ValueError(f"{where}it is longer than any instant")
        try:
            yield instant_or_now(text.decode()), where
        except UnicodeDecodeError:
            raise ValueError(f"{where}it is not UTF-8 text") from None
        except ValueError as error:
            raise ValueError(f"{where}{error}") from None
