"""A rollout in words: how far it is, what holds its next step and how it goes on, and the way back."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from bot.domain.change_request import ChangeRequest, Hold, RequestState
from bot.domain.deployment import WHOLE, Frozen, Run, RunState
from bot.flows.run_end import OLD_RUNS
from handlers.wording import watched
from handlers.wording.facts import Facts, listed
from handlers.wording.times import When

Names = Callable[[str], str]
HELD: Final = "‖"
"""The sign of what is held: it stands still, and nothing is wrong with it."""
_CELLS: Final = 4
_LONGEST_COMMAND: Final = 400
"""Characters; a longer command is not shown at all, for half a command is worse than none."""


def bar(percent: int) -> str:
    """`▮▯▯▯` for a quarter; one cell as soon as there is any traffic, all of them only with all of it."""
    full = 0 if percent <= 0 else max(1, percent * _CELLS // WHOLE)
    return "▮" * full + "▯" * (_CELLS - full)


def far(percent: int) -> str:
    """`25 % ▮▯▯▯`."""
    return f"{percent} % {bar(percent)}"


def held(request: ChangeRequest, run: Run) -> bool:
    """Whether something holds its next call."""
    return run.waits and (request.held is not None or bool(run.frozen) or run.doubted is not None)


def head(request: ChangeRequest, run: Run) -> tuple[str, str]:
    """The sign and the words that a rollout under way begins with."""
    if held(request, run):
        if run.reached:
            return HELD, f"Held at {far(run.reached)}"
        return HELD, "Held before its first step" if run.plan.stepped else "Held before its start"
    if run.rolls_back:
        return "▶", "Rolling back"
    return "▶", f"Rolling out {far(run.reached)}" if run.plan.stepped else "Rolling out"


def lines(request: ChangeRequest, run: Run, *, when: When, names: Names, command: str | None) -> list[str]:
    """What holds it, each with how it goes on; where nothing does, what comes next."""
    if not held(request, run):
        return [_next(request, run, when)]
    said = []
    if request.held is not None:
        said.append(person_hold(request, request.held, when=when, names=names))
    said += [freeze(one, when=when) for one in run.frozen]
    if doubt := watched.doubt(request, run):
        said.append(doubt)
    alone = "" if len(said) == 1 else "It goes on once none of these holds it. "
    return [*(f"{HELD} {one}" for one in said), alone + going_back(request, command)]


def _next(request: ChangeRequest, run: Run, when: When) -> str:
    if not run.plan.stepped:
        return "The deployer was told to go back." if run.rolls_back else "The deployer was told to start."
    if run.state is RunState.CALLING:
        after = " It is held after that." if request.held is not None else ""
        return f"The deployer was told to bring it to {run.aim} %.{after}"
    due = f" at {when(run.next_at)}" if run.next_at is not None else " at once"
    if run.unconfirmed:
        due += ", if what is measured passes"
    return f"Next: {run.aim} %{due}. Stop before that: /deploy hold {request.id}"


def person_hold(request: ChangeRequest, hold: Hold, *, when: When, names: Names) -> str:
    """Who holds it, why, and how it goes on."""
    who = names(hold.by.person) if hold.by.person else "Portcullis"
    why = f": “{hold.reason}”" if hold.reason else ""
    going = "goes on" if request.state is RequestState.STARTING else "may start"
    return f"{who} has held it since {when(hold.at)}{why}. It {going} once somebody resumes it: /deploy resume {request.id}"


def freeze(frozen: Frozen, *, when: When) -> str:
    """Which freeze holds it, since when, until when, and what ends that."""
    until = "until it is lifted" if frozen.until is None else f"until {when(frozen.until)}"
    why = f" ({frozen.reason})" if frozen.reason else ""
    return f"{frozen.rule}{why} has held it since {when(frozen.since)}, {until}. {_thaws(frozen.rule, frozen.declared)}"


def _thaws(rule: str, declared: bool) -> str:
    if declared:
        return f"It goes on by itself when the freeze ends or is lifted: /deploy unfreeze {rule}"
    return "It goes on by itself when the freeze ends; it stands in the policy, so nobody lifts it from here."


def going_back(request: ChangeRequest, command: str | None) -> str:
    """How to go back instead of on, in the order that keeps the next step from undoing it."""
    stop = f"To go back instead: /deploy cancel {request.id} ends it where it stands"
    way = command_shown(command)
    return f"{stop}, then `{way}`" if way else f"{stop}; then ask for the version before it."


def command_shown(command: JsonValue) -> str | None:
    """The rollback command where it can be shown whole."""
    return command if isinstance(command, str) and 0 < len(command) <= _LONGEST_COMMAND else None


def stands(run: Run, command: str | None) -> str | None:
    """Where a rollout in steps that did not get to its end left the traffic; None for any other."""
    if not run.plan.stepped or run.state not in (RunState.FAILED, RunState.LOST):
        return None
    taken = run.taken_back
    if taken is not None and (taken.rollback is not None or taken.why_not == OLD_RUNS):
        return f"It stood at {run.reached} %."
    facts: dict[str, JsonValue] = {"percent": run.reached, "aim": run.aim, "command": command}
    return _left(Facts(facts), known=run.state is RunState.FAILED)


def _left(facts: Facts, *, known: bool) -> str:
    percent, aim = facts.number("percent"), facts.number("aim")
    if percent is None or aim is None:
        return ""
    at = f"It stands at {percent} %" if known else f"It stood at {percent} %, and may stand at {aim} % by now"
    way = command_shown(facts.said.get("command"))
    return f"{at}. " + (f"The way back: `{way}`" if way else "To go back, ask for the version before it.")


def failed_where(facts: Facts) -> str:
    """The end of a note about a run that failed: where it left the traffic, if it went in steps."""
    left = _left(facts, known=True)
    return f" {left}" if left else ""


def unresolved_where(facts: Facts) -> str:
    """The same for a run of which nobody knows the result."""
    left = _left(facts, known=False)
    return f" {left}" if left else ""


# The thread's lines


def _who(facts: Facts, names: Names) -> str:
    person = facts.text("person", "")
    return names(person) if person else "Somebody"


def _at_percent(facts: Facts) -> str:
    percent = facts.number("percent")
    return "" if percent is None else f" at {percent} %"


def _because(facts: Facts) -> str:
    reason = facts.text("reason", "")
    return f": “{reason}”" if reason else "."


def _instant(facts: Facts, key: str, when: When) -> str | None:
    at = facts.instant(key)
    return None if at is None else when(at)


def _stepped(facts: Facts, _names: Names, when: When) -> str:
    then = _instant(facts, "next_at", when)
    analysed = ", if what is measured passes" if facts.said.get("analysed") is True else ""
    due = f"Next: {facts.text('next')} %{f' at {then}' if then else ''}{analysed}."
    return f"Traffic stands at {far(facts.number('percent') or 0)}. {due}"


def _frozen(facts: Facts, _names: Names, when: When) -> str:
    rule, reason = facts.text("rule"), facts.text("reason", "")
    since, until = _instant(facts, "since", when), _instant(facts, "until", when)
    end = f"until {until}" if until else "until it is lifted"
    by = rule + (f" ({reason})" if reason else "")
    way = command_shown(facts.said.get("command"))
    back = f" To go back instead, cancel it, then `{way}`" if way else ""
    thaws = _thaws(rule, facts.said.get("declared") is True).rstrip(".")
    return f"Held{_at_percent(facts)} by {by} since {since or 'now'}, {end}. {thaws}.{back}"


def _thawed(facts: Facts, _names: Names, _when: When) -> str:
    ended, still = listed(facts.texts("ended")), listed(facts.texts("by"))
    rest = f"{still} still holds it" if still else "no freeze holds it any more"
    return f"{ended} ended; {rest}{_at_percent(facts)}."


NOTES: Final[Mapping[str, Callable[[Facts, Names, When], str]]] = MappingProxyType(
    {
        **watched.NOTES,
        "stepped": _stepped,
        "frozen": _frozen,
        "thawed": _thawed,
        "held": lambda f, n, _: f"{_who(f, n)} held it{_at_percent(f)}{_because(f)}",
        "resumed": lambda f, n, _: f"{_who(f, n)} resumed it{_at_percent(f)}{_because(f)}",
    }
)
"""What happens to a rollout, by the code of its note."""
