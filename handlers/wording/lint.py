"""What `calendar lint` says: what is odd, what that means in practice, and what to write instead."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from bot.domain.calendar.lint import Coverage, Finding
from handlers.wording.facts import UNSAID, Facts, listed, plural
from handlers.wording.times import When

Sentence = Callable[[Finding, Facts, When], str]


def sentence(finding: Finding, *, when: When) -> str:
    """One finding in words; `when` shows instants. A code of which nothing is known here is shown as it is."""
    said = SENTENCES.get(finding.code)
    facts = Facts(finding.facts)
    return (
        f"{finding.rule or finding.environment}: {finding.code}"
        if said is None
        else said(finding, facts, when)
    )


def covered(place: str, found: Coverage, *, weeks: int, asked: bool = True) -> str:
    """How much of an average week is left to deployments: `production can be deployed 11.5 h a week …`."""

    def hours(length: timedelta) -> str:
        return f"{length / timedelta(hours=weeks):.1f}".removesuffix(".0") + " h"

    open_ = found.preferred + found.allowed
    told = f"{place} can be deployed {hours(open_)} a week"
    if found.preferred:
        told += f", {hours(found.preferred)} of them preferred"
    if found.discouraged:
        told += f"; discouraged {hours(found.discouraged)}"
    told += f"; prohibited {hours(found.prohibited)}" if found.prohibited else "; prohibited never"
    return told if asked else f"{told} (but no calendar gate asks for it there)"


def _never_opens(finding: Finding, facts: Facts, _: When) -> str:
    services = facts.texts("services")
    whom = f" for {listed(services)}" if services else ""
    if services and facts.said.get("others") is True:
        whom += " and whatever no rule names"
    why = f" (in force now: {listed(facts.texts('rules'))})" if facts.texts("rules") else ""
    if facts.said.get("discouraged") is True:
        fact = f"{finding.environment} is never better than discouraged within 400 days{whom}{why}"
        return f"{fact}: every start needs a reason there; add a window, or set outside_windows to allow."
    fact = f"{finding.environment} never opens within 400 days{whom}{why}"
    if facts.said.get("windows") is True:
        return f"{fact}: nothing can start there; look for a window that prohibitions leave some of."
    return f"{fact}: nothing can start there; give what prohibits an end."


def _never_fires(finding: Finding, facts: Facts, _: When) -> str:
    following = _local(facts.text("next", ""))
    if following:
        return (
            f"{finding.rule} does not occur within 400 days, next on {following}: it has no effect until then; "
            "correct its days, or take it out."
        )
    return f"{finding.rule} never occurs: it has no effect; correct its days, or take it out."


def _freeze_past(finding: Finding, facts: Facts, when: When) -> str:
    return f"{finding.rule} ended {_instant(facts, 'ended', when)}: it has no effect any more; take it out."


def _homeless(finding: Finding, facts: Facts, _: When) -> str:
    kind = "environments" if "environments" in facts.said else "services"
    named = listed(facts.texts(kind))
    return (
        f"{finding.rule} applies to {kind} that do not exist ({named}): it has no effect; correct the names."
    )


def _unknown_holiday(finding: Finding, facts: Facts, _: When) -> str:
    years = facts.said.get("years")
    shown = listed([str(year) for year in years] if isinstance(years, list) else [UNSAID])
    return (
        f"{finding.rule}: nobody knows the holidays of {_country(facts)} in {shown}, so there are none then; "
        "write them as own days (days: [{date: …, name: …}])."
    )


def _estimated_holiday(finding: Finding, facts: Facts, _: When) -> str:
    days = [f"{day.text('name')} ({day.text('date')})" for day in facts.maps("days")]
    more = (facts.number("count") or len(days)) - len(days)
    named = listed([*days, *[UNSAID] * more], most=3)
    return (
        f"{finding.rule}: some days of {_country(facts)} follow the moon and are estimated, such as {named}; "
        "add an own day once the real date is announced."
    )


def _country(facts: Facts) -> str:
    return "-".join(code for code in (facts.text("country"), facts.text("subdivision", "")) if code)


def _skipped_start(finding: Finding, facts: Facts, when: When) -> str:
    case = _case(facts)
    fact = (
        f"{finding.rule} starts at {_local(case.text('local'))}, which the clock skips ({facts.text('zone')})"
    )
    if case.text("fires") == "never":
        return f"{fact}: that start does not happen{_times(facts)}; write the hour as a number to have it fire after the gap."
    at = _instant(case, "instant", when)
    return f"{fact}: it starts at {at} instead{_times(facts)}; to avoid it, start outside the hours that are skipped."


def _doubled_start(finding: Finding, facts: Facts, when: When) -> str:
    case = _case(facts)
    fact = f"{finding.rule} starts at {_local(case.text('local'))}, which the clock shows twice ({facts.text('zone')})"
    first, other = _instant(case, "instant", when), _instant(case, "other", when)
    if case.text("fires") == "twice":
        return f"{fact}: it starts at both, {first} and {other}{_times(facts)}; write the hour as a number to have it start once."
    return f"{fact}: it starts at the first, {first}{_times(facts)}; to avoid it, start outside the hours that come twice."


def _skipped_end(finding: Finding, facts: Facts, when: When) -> str:
    case = _case(facts)
    return (
        f"{finding.rule} ends at {_local(case.text('local'))}, which the clock skips ({facts.text('zone')}): it ends at "
        f"{_instant(case, 'instant', when)}{_times(facts)}; to avoid it, end outside the hours that are skipped."
    )


def _doubled_end(finding: Finding, facts: Facts, when: When) -> str:
    case = _case(facts)
    return (
        f"{finding.rule} ends at {_local(case.text('local'))}, which the clock shows twice ({facts.text('zone')}): it ends "
        f"at the last, {_instant(case, 'instant', when)}{_times(facts)}; to avoid it, end outside the hours that come twice."
    )


def _empty(finding: Finding, facts: Facts, _: When) -> str:
    case = _case(facts)
    until = _local(case.text("until", ""))
    ends = f" until {until}" if until else ""
    return (
        f"{finding.rule} from {_local(case.text('local'))}{ends} lies in the hours that the clock skips "
        f"({facts.text('zone')}): it does not occur{_times(facts)}; let it begin before them or end after them."
    )


def _elapsed(finding: Finding, facts: Facts, _: When) -> str:
    case = _case(facts)
    change = "forward" if case.text("kind") == "gap" else "back"
    return (
        f"{finding.rule} from {_local(case.text('local_start'))} lasts across the clock's jump {change} ({facts.text('zone')}): "
        f"its `for` is elapsed time, so it ends at {_local(case.text('local_end'))} and not {_local(case.text('usual_end'))}"
        f"{_times(facts)}; write until: for an end by the clock on the wall."
    )


def _covered(finding: Finding, facts: Facts, _: When) -> str:
    by = facts.texts("by")
    if by == [finding.rule]:
        return f"{finding.rule} stands there twice: once is enough; take one out."
    return (
        f"{finding.rule} changes nothing: {listed(by)} {'does' if len(by) == 1 else 'do'} as much at all of its times "
        "and places; take it out, or correct its times."
    )


def _shadowed(finding: Finding, facts: Facts, _: When) -> str:
    by = facts.texts("by")
    return (
        f"{finding.rule} opens nothing in {finding.environment}: {listed(by)} {'prohibits' if len(by) == 1 else 'prohibit'} "
        "at all of its times; "
        "move the window, or narrow what prohibits."
    )


def _no_gate(finding: Finding, facts: Facts, _: When) -> str:
    rules = facts.texts("rules")
    return (
        f"{finding.environment} has no calendar gate, but {listed(rules)} {'names' if len(rules) == 1 else 'name'} it: nothing "
        "there ever asks the calendar; write `calendar: {}` under its gates, or leave it out of the rules."
    )


def _fixed_zone(_: Finding, facts: Facts, __: When) -> str:
    zone = facts.text("zone")
    return (
        f"The zone {zone} never changes its clocks, so in summer its rules come an hour later than in {facts.text('place')}; "
        f"write {facts.text('place')} if that is not meant, or {facts.text('like')} to say that it is."
    )


def _not_examined(_: Finding, __: Facts, ___: When) -> str:
    return "The calendar is too large to be examined wholly: rules that change nothing may be among those not named here."


def _case(facts: Facts) -> Facts:
    """The first of the cases."""
    cases = facts.maps("cases")
    return cases[0] if cases else Facts({})


def _times(facts: Facts) -> str:
    count = facts.number("count") or 1
    return f" ({plural(count, 'time', 'times')} within 400 days)" if count > 1 else ""


def _local(text: str) -> str:
    """A local time as people write it; what is none stays as it is."""
    try:
        return datetime.fromisoformat(text).strftime("%a %Y-%m-%d %H:%M")
    except ValueError:
        return text


def _instant(facts: Facts, key: str, when: When) -> str:
    at = facts.instant(key)
    return UNSAID if at is None else when(at)


SENTENCES: Final[Mapping[str, Sentence]] = MappingProxyType(
    {
        "never-opens": _never_opens,
        "never-fires": _never_fires,
        "freeze-past": _freeze_past,
        "applies-to-nothing": _homeless,
        "unknown-holiday": _unknown_holiday,
        "estimated-holiday": _estimated_holiday,
        "skipped-start": _skipped_start,
        "doubled-start": _doubled_start,
        "skipped-end": _skipped_end,
        "doubled-end": _doubled_end,
        "empty-occurrence": _empty,
        "elapsed-across-transition": _elapsed,
        "covered": _covered,
        "window-shadowed": _shadowed,
        "no-gate": _no_gate,
        "fixed-zone": _fixed_zone,
        "not-examined": _not_examined,
    }
)
