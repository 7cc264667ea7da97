"""How quickly the calendar answers, compiles, takes in a freeze, reads instants and is linted; beside floors of croniter."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from bench.calendar_floor import Answer, answer, listing
from bench.calendar_rules import ENVIRONMENT, YEAR_BEGINS, Row, instants, policy_text, rows
from bench.cores import starting_on, two_cores
from bench.figures import Aim, Figure, taking_turns
from bench.processes import ROOT, Failed, environment
from bench.product import CONSOLE_SCRIPT, EXAMPLE
from bot.domain.calendar import Calendar, CalendarVerdict, Effect, Fixed, Rule, RuleKind, Span, Verdict
from bot.domain.calendar.lint import lint
from bot.flows.reload_policy import load_policy

SIZES = (10, 100, 1000)
PRODUCT, FLOOR = "product", "floor"
SERVICE = "checkout"
BLOCKS = timedelta(days=800)  # what the product compiles at once: the block of an instant, and as far again
_EFFECTS = {
    Verdict.PREFERRED: Effect.PREFER,
    Verdict.ALLOWED: Effect.ALLOW,
    Verdict.DISCOURAGED: Effect.DISCOURAGE,
    Verdict.PROHIBITED: Effect.PROHIBIT,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the policies are written, how many rounds, and how long a turn of a question lasts."""

    folder: Path
    rounds: int
    seconds: float
    lines: int = 100_000
    """So many instants are piped through the command line."""


@dataclass(slots=True)
class Turns:
    """What was measured so far."""

    found: dict[str, list[float]] = field(default_factory=lambda: {PRODUCT: [], FLOOR: []})

    def take(self, rounds: int, measures: dict[str, Callable[[int], float]]) -> None:
        """Measure both by turns; each is given the number of the round."""
        for turn, kinds in enumerate(taking_turns(list(measures), rounds)):
            for kind in kinds:
                gc.collect()
                self.found[kind].append(measures[kind](turn))

    def figure(self, name: str, unit: str, floor_is: str, aim: Aim | None) -> Figure:
        """The line of the results."""
        product, floor = tuple(self.found[PRODUCT]), tuple(self.found[FLOOR])
        return Figure(name=name, unit=unit, product=product, floor=floor, floor_is=floor_is, aim=aim)


def figures(plan: Plan) -> list[Figure]:
    """All lines about the calendar. Raises Failed where floor and product disagree, for then there is no figure."""
    with _on_one_core():
        return [
            *(verdict(plan, count) for count in SIZES),
            *(compiling(plan, count) for count in SIZES),
            freezing(plan, SIZES[-1]),
            linting(plan, SIZES[-1]),
            reading(plan),
        ]


def verdict(plan: Plan, count: int) -> Figure:
    """Verdict, next change and next opening for any instant of a year, once compiled."""
    rules = rows(count, seed=1)
    calendar = compiled(plan.folder, rules)
    asked = instants(20_000, seed=2)
    agree(calendar, rules, asked[: max(5, 2000 // count)])
    for each in asked[:2000]:  # every block of the year is compiled
        calendar.at(each, environment=ENVIRONMENT)
    turns = Turns()
    measures: dict[str, Callable[[int], float]] = {
        PRODUCT: lambda _: each_second(plan, asked, lambda at: calendar.at(at, environment=ENVIRONMENT)),
        FLOOR: lambda _: each_second(plan, asked, lambda at: answer(rules, at)),
    }
    turns.take(plan.rounds, measures)
    aim = Aim(1000, at_least=True) if count >= 100 else None
    return turns.figure(
        f"calendar-verdict-{count}", "verdicts/s", "croniter, parsed and stepped for each question", aim
    )


def compiling(plan: Plan, count: int) -> Figure:
    """Milliseconds from the rules of a policy to its first verdict; each round has rules that nobody saw before."""
    sets = [rows(count, seed=100 + turn) for turn in range(plan.rounds)]
    read = [compiled(plan.folder, each).rules for each in sets]

    def product(turn: int) -> float:
        return milliseconds(
            lambda: Calendar(read[turn], Effect.PROHIBIT).at(YEAR_BEGINS, environment=ENVIRONMENT)
        )

    def floor(turn: int) -> float:
        return milliseconds(lambda: list(listing(sets[turn], YEAR_BEGINS, YEAR_BEGINS + BLOCKS)))

    turns = Turns()
    turns.take(plan.rounds, {PRODUCT: product, FLOOR: floor})
    floor_is = "croniter listing the occurrences of as many days"
    return turns.figure(f"calendar-compile-{count}", "ms", floor_is, Aim(1, at_least=False))


def freezing(plan: Plan, count: int) -> Figure:
    """Milliseconds from a freeze that somebody declares to the first verdict that knows it, against compiling anew."""
    calendar = compiled(plan.folder, rows(count, seed=1))
    calendar.at(YEAR_BEGINS, environment=ENVIRONMENT)

    def product(turn: int) -> float:
        frozen = freeze(turn)
        return milliseconds(lambda: prohibited(calendar.with_rules([frozen]), turn))

    def floor(turn: int) -> float:
        rules = [*calendar.rules, freeze(turn)]
        return milliseconds(lambda: prohibited(Calendar(rules, Effect.PROHIBIT), turn))

    turns = Turns()
    turns.take(plan.rounds, {PRODUCT: product, FLOOR: floor})
    return turns.figure(
        f"calendar-freeze-{count}", "ms", "compiling all rules anew", Aim(0.05, at_least=False)
    )


def linting(plan: Plan, count: int) -> Figure:
    """Milliseconds to lint so many rules over 400 days, against listing their occurrences with croniter."""
    sets = [rows(count, seed=200 + turn) for turn in range(plan.rounds)]
    read = [compiled(plan.folder, each).rules for each in sets]

    def product(turn: int) -> float:
        calendar = Calendar(read[turn], Effect.PROHIBIT)
        return milliseconds(lambda: lint(calendar, environments=[ENVIRONMENT], services=[], now=YEAR_BEGINS))

    def floor(turn: int) -> float:
        return milliseconds(lambda: list(listing(sets[turn], YEAR_BEGINS, YEAR_BEGINS + BLOCKS / 2)))

    turns = Turns()
    turns.take(plan.rounds, {PRODUCT: product, FLOOR: floor})
    floor_is = "croniter listing the occurrences of 400 days"
    return turns.figure(f"calendar-lint-{count}", "ms", floor_is, Aim(2, at_least=False))


def reading(plan: Plan) -> Figure:
    """Instants a second through `calendar at --at -`, the start of the process included."""
    asked = instants(plan.lines, seed=3)
    given = plan.folder / "instants.txt"
    given.write_text("".join(f"{at:%Y-%m-%dT%H:%M:%SZ}\n" for at in asked), encoding="utf-8")
    policy = EXAMPLE / "policy.yaml"
    options = f"--policy {policy} --environment {ENVIRONMENT} --service {SERVICE} --at - --json"
    argv = {
        PRODUCT: [CONSOLE_SCRIPT, "calendar", "at", *options.split()],
        FLOOR: [sys.executable, "-m", "bench.calendar_lines"],
    }
    outputs = {kind: plan.folder / f"{kind}.jsonl" for kind in argv}
    turns = Turns()

    def measure(kind: str, _turn: int) -> float:
        return plan.lines / piped(argv[kind], given, outputs[kind])

    turns.take(plan.rounds, {kind: partial(measure, kind) for kind in argv})
    agree_on_lines(load_policy(policy).calendar, asked, outputs)
    floor_is = "a loop that parses each and prints a fixed object"
    return turns.figure("calendar-at-stdin", "instants/s", floor_is, Aim(0.25, at_least=True))


def compiled(folder: Path, rules: Sequence[Row]) -> Calendar:
    """The product's calendar of these rules, read from a policy file as always."""
    file = folder / "calendar.yaml"
    file.write_text(policy_text(list(rules)), encoding="utf-8")
    return load_policy(file).calendar


def freeze(number: int) -> Rule:
    """A freeze of six hours that no round had before."""
    start = YEAR_BEGINS + timedelta(days=30 + number)
    return Rule(
        name=f"FRZ-{number}",
        kind=RuleKind.FREEZE,
        effect=Effect.PROHIBIT,
        source=Fixed((Span(start, start + timedelta(hours=6)),)),
    )


def prohibited(calendar: Calendar, number: int) -> None:
    """Ask within the freeze, and make sure that it holds. Raises Failed."""
    at = YEAR_BEGINS + timedelta(days=30 + number, hours=1)
    found = calendar.at(at, environment=ENVIRONMENT)
    if found.verdict is not Verdict.PROHIBITED or all(rule.name != f"FRZ-{number}" for rule in found.rules):
        raise Failed("a freeze that was declared does not hold")


def agree(calendar: Calendar, rules: Sequence[Row], asked: Sequence[datetime]) -> None:
    """Make sure that floor and product answer the same question. Raises Failed."""
    for at in asked:
        found, expected = said(calendar.at(at, environment=ENVIRONMENT)), answer(rules, at)
        if found != expected:
            raise Failed(f"{at.isoformat()}: the product says {found}, the floor {expected}")


def said(found: CalendarVerdict) -> Answer:
    """What the floor also answers."""
    return Answer(_EFFECTS[found.verdict], found.next_change, found.next_allowed)


def agree_on_lines(calendar: Calendar, asked: Sequence[datetime], outputs: dict[str, Path]) -> None:
    """Every line is there, of one shape in both, and the product's are what the calendar says. Raises Failed."""
    lines = {kind: file.read_text(encoding="utf-8").splitlines() for kind, file in outputs.items()}
    if any(len(each) != len(asked) for each in lines.values()):
        raise Failed(f"{len(asked)} instants were given, {[len(each) for each in lines.values()]} lines came")
    step = max(1, len(asked) // 500)
    for number in range(0, len(asked), step):
        product, floor = json.loads(lines[PRODUCT][number]), json.loads(lines[FLOOR][number])
        found = calendar.at(asked[number], environment=ENVIRONMENT, service=SERVICE)
        if list(product) != list(floor) or product["verdict"] != found.verdict.value:
            raise Failed(f"line {number + 1} is {product}")


def piped(argv: Sequence[str], given: Path, output: Path) -> float:
    """The seconds that a program takes to read one file and write the other. Raises Failed."""
    cores = two_cores()
    with given.open("rb") as source, output.open("wb") as target, starting_on(cores[0] if cores else None):
        began = time.perf_counter()
        ended = subprocess.run(
            argv,
            stdin=source,
            stdout=target,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
            timeout=300,
            check=False,
        )
        seconds = time.perf_counter() - began
    if ended.returncode != 0:
        raise Failed(
            f"{argv!r} ended with {ended.returncode}: {ended.stderr.decode(errors='replace')[-2000:]}"
        )
    return seconds


def each_second(plan: Plan, asked: Sequence[datetime], ask: Callable[[datetime], object]) -> float:
    """Questions answered a second, one after another, for at least one turn and at least twice."""
    done = 0
    began = time.perf_counter()
    while (elapsed := time.perf_counter() - began) < plan.seconds or done < 2:
        for at in asked[done % len(asked) : done % len(asked) + 1 + done // 8]:
            ask(at)
            done += 1
    return done / elapsed


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes, once."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


@contextmanager
def _on_one_core() -> Iterator[None]:
    cores = two_cores()
    with starting_on(cores[0] if cores else None):
        yield
