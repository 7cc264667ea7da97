"""What the calendar's gate found, in sentences: which rule closes it, until when, and what or who opens it."""

import re
from typing import Final

from handlers.wording import feeds
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.gate_sentences import Found, Words
from handlers.wording.times import ago, ahead

DECLARED: Final = re.compile(r"FRZ-[1-9][0-9]*")
"""The names of freezes that people declared, and so can lift."""


def is_open(f: Found) -> Words:
    windows = [rule.text("name") for rule in f.facts.maps("rules") if rule.text("kind") == "window"]
    until = [rule.instant("until") for rule in f.facts.maps("rules") if rule.text("kind") == "window"]
    closes = max((at for at in until if at), default=None)
    if not windows:
        return "the calendar allows it", None
    kind = "preferred window" if f.outcome.code == "preferred" else "window"
    return f"{kind} {listed(windows, 2)} open" + (f" until {f.when(closes)}" if closes else ""), None


def discouraged(f: Found) -> Words:
    rules = f.rules("discourage")
    names = listed([_rule(rule) for rule in rules], 3) or "the calendar"
    endless = any(rule.text("kind") == "freeze" and rule.instant("until") is None for rule in rules)
    until = f.outcome.until or max((at for rule in rules if (at := rule.instant("until"))), default=None)
    if endless and f.outcome.until is None:
        return f"discouraged by {names} until somebody lifts it", "It passes with a reason, which is kept."
    ends = f" until {f.when(until)} ({ahead(until, f.now)})" if until else ""
    return f"discouraged by {names}{ends}", "It passes with a reason, which is kept; or wait until then."


def prohibited(f: Found) -> Words:
    opens = f.outcome.until
    if opens is None:
        return _closed(f), None
    return (
        f"{_closed(f)}{_then(f)}, opens {f.when(opens)} ({ahead(opens, f.now)}){_stale(f)}",
        "It passes by itself then. at=next starts it by itself at that instant, once it is approved.",
    )


def never_opens(f: Found) -> Words:
    return (
        f"{_closed(f)}, and nothing opens within 400 days",
        "Whoever keeps the policy's calendar can open a window.",
    )


def frozen(f: Found) -> Words:
    names = f.facts.texts("awaits") or [f.outcome.awaits or "a freeze"]
    told = {rule.text("name"): _called(rule) for rule in f.rules("prohibit")}
    rest = [_rule(r) + _ending(f, r) for r in f.rules("prohibit") if r.text("name") not in names]
    also = f"; also closed by {listed(rest, 2)}" if rest else ""
    lifts = "lifts it" if len(names) == 1 else "lifts them"
    by = listed([told.get(n, n) for n in names], 3)
    thaws, unblocks = _thaws(f, [name for name in names if DECLARED.fullmatch(name)])
    return f"frozen by {by} until somebody {lifts}{thaws}{also}{_stale(f)}", unblocks


def _thaws(f: Found, declared: list[str]) -> tuple[str, str]:
    """Who ends it and how, on the line itself; and what happens then."""
    if not declared:
        return "", "Whoever keeps the policy's calendar can take it out; it waits until then."
    people = f.facts.texts("may_lift")
    who = f"{listed(people, 4, last='or')} may" if people else "whoever may lift it can"
    commands = " and ".join(f"/deploy unfreeze {name}" for name in declared)
    return f"; {who}: {commands}", "at=next starts it by itself then, once it is approved."


def feed_stale(f: Found) -> Words:
    fetched = f.facts.instant("fetched_at")
    code = f.facts.text("problem", "")
    why = f" ({feeds.problem(code)})" if code else ""
    more = len(f.facts.texts("stale")) - 1
    others = f"; {plural(more, 'more is', 'more are')} too old" if more > 0 else ""
    name = f.text("name")
    seen = (
        f"the calendar {name} was never read{why}"
        if fetched is None
        else f"the calendar {name} was read {ago(fetched, f.now)}{why}, {f.span('stale_after')} at most is believed"
    )
    return (
        f"{seen}{others}",
        "A freeze may stand in it, so it closes the gate. It is fetched again by itself, or its address needs a look.",
    )


def _closed(f: Found) -> str:
    """What closes the calendar: every rule by name and reason, with its own end where that is not the opening."""
    rules = f.rules("prohibit")
    named = [_rule(rule) + _ending(f, rule) for rule in rules if rule.text("kind") != "outside-windows"]
    if rules and not named:
        return "no window is open"
    return f"closed by {listed(named, 3) or 'the calendar'}"


def _then(f: Found) -> str:
    """What closes it next, where one thing leads into another before it opens."""
    rules = [rule for rule in f.facts.maps("then") if rule.text("kind") != "outside-windows"]
    return f", then by {listed([_rule(rule) for rule in rules], 2)}" if rules else ""


def _ending(f: Found, rule: Facts) -> str:
    until = rule.instant("until")
    return "" if until is None or until == f.outcome.until else f" until {f.when(until)}"


def _stale(f: Found) -> str:
    """That a fetched calendar is too old, where that is not what decides."""
    names = f.facts.texts("stale")
    return f"; nobody knows what stands in {listed(names, 2)} by now" if names else ""


def _rule(rule: Facts) -> str:
    if rule.text("kind") == "outside-windows":
        return "no window being open"
    return f"the {rule.text('kind')} {_called(rule)}"


def _called(rule: Facts) -> str:
    reason = rule.text("reason", "")
    return rule.text("name") + (f" ({reason})" if reason else "")
