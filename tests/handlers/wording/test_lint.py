"""What `calendar lint` says: for each code what is odd, what it means, and what to write instead."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.domain.calendar.lint import Coverage, Finding
from handlers.wording.lint import SENTENCES, covered, sentence
from handlers.wording.times import in_zone

WHEN = in_zone(ZoneInfo("America/New_York"))
CALENDAR = Path(__file__).resolve().parents[3] / "bot" / "domain" / "calendar"
GAP = {"local": "2027-03-14T02:30", "instant": "2027-03-14T07:00:00+00:00", "shown": "2027-03-14T03:00"}
FOLD = {
    "local": "2027-11-07T01:30",
    "instant": "2027-11-07T05:30:00+00:00",
    "other": "2027-11-07T06:30:00+00:00",
}
ELAPSED = {
    "start": "2027-03-14T01:00:00+00:00",
    "end": "2027-03-14T13:00:00+00:00",
    "local_start": "2027-03-13T20:00",
    "local_end": "2027-03-14T09:00",
    "usual_end": "2027-03-14T08:00",
    "kind": "gap",
}


def found(code: str, facts: dict[str, Any], rule: str | None = "nights", place: str | None = None) -> Finding:
    return Finding(code=code, rule=rule, environment=place, facts=facts, grave=False)


def cases(case: dict[str, Any], count: int = 1) -> dict[str, Any]:
    return {"zone": "America/New_York", "cases": [case], "count": count}


TABLE: list[tuple[Finding, str]] = [
    (
        found("never-opens", {"windows": True, "rules": ["weekend"]}, None, "staging"),
        (
            "staging never opens within 400 days (in force now: weekend): nothing can start there; "
            "look for a window that prohibitions leave some of."
        ),
    ),
    (
        found("never-opens", {"services": ["web"], "others": True}, None, "staging"),
        (
            "staging never opens within 400 days for web and whatever no rule names: nothing can start there; "
            "give what prohibits an end."
        ),
    ),
    (
        found("never-opens", {"discouraged": True, "services": ["web", "app"]}, None, "staging"),
        (
            "staging is never better than discouraged within 400 days for web and app: every start needs a reason there; "
            "add a window, or set outside_windows to allow."
        ),
    ),
    (
        found("never-fires", {"next": "2028-02-29T00:00"}),
        (
            "nights does not occur within 400 days, next on Tue 2028-02-29 00:00: it has no effect until then; correct its "
            "days, or take it out."
        ),
    ),
    (
        found("never-fires", {"next": None}),
        "nights never occurs: it has no effect; correct its days, or take it out.",
    ),
    (
        found("freeze-past", {"ended": "2025-12-01T05:00:00+00:00"}),
        "nights ended Mon 1 Dec 00:00 EST: it has no effect any more; take it out.",
    ),
    (
        found("applies-to-nothing", {"services": ["chekout"]}),
        "nights applies to services that do not exist (chekout): it has no effect; correct the names.",
    ),
    (
        found("unknown-holiday", {"country": "US", "subdivision": "NY", "years": [2096, 2097]}),
        (
            "nights: nobody knows the holidays of US-NY in 2096 and 2097, so there are none then; write them as own days "
            "(days: [{date: …, name: …}])."
        ),
    ),
    (
        found(
            "estimated-holiday",
            {
                "country": "TR",
                "subdivision": None,
                "days": [{"date": "2027-03-09", "name": "Ramazan"}],
                "count": 1,
            },
        ),
        (
            "nights: some days of TR follow the moon and are estimated, such as Ramazan (2027-03-09); add an own day once "
            "the real date is announced."
        ),
    ),
    (
        found("skipped-start", cases(GAP | {"fires": "after"}, 2)),
        (
            "nights starts at Sun 2027-03-14 02:30, which the clock skips (America/New_York): it starts at "
            "Sun 14 Mar 03:00 EDT instead (2 times within 400 days); to avoid it, start outside the hours that are skipped."
        ),
    ),
    (
        found("skipped-start", cases(GAP | {"fires": "never"})),
        (
            "nights starts at Sun 2027-03-14 02:30, which the clock skips (America/New_York): that start does not happen; "
            "write the hour as a number to have it fire after the gap."
        ),
    ),
    (
        found("doubled-start", cases(FOLD | {"fires": "first"})),
        (
            "nights starts at Sun 2027-11-07 01:30, which the clock shows twice (America/New_York): it starts at the first, "
            "Sun 7 Nov 01:30 EDT; to avoid it, start outside the hours that come twice."
        ),
    ),
    (
        found("doubled-start", cases(FOLD | {"fires": "twice"})),
        (
            "nights starts at Sun 2027-11-07 01:30, which the clock shows twice (America/New_York): it starts at both, "
            "Sun 7 Nov 01:30 EDT and Sun 7 Nov 01:30 EST; write the hour as a number to have it start once."
        ),
    ),
    (
        found("skipped-end", cases(GAP)),
        (
            "nights ends at Sun 2027-03-14 02:30, which the clock skips (America/New_York): it ends at "
            "Sun 14 Mar 03:00 EDT; to avoid it, end outside the hours that are skipped."
        ),
    ),
    (
        found(
            "doubled-end", cases(FOLD | {"instant": "2027-11-07T06:30:00+00:00", "other": FOLD["instant"]})
        ),
        (
            "nights ends at Sun 2027-11-07 01:30, which the clock shows twice (America/New_York): it ends at the last, "
            "Sun 7 Nov 01:30 EST; to avoid it, end outside the hours that come twice."
        ),
    ),
    (
        found("empty-occurrence", cases(GAP | {"until": "2027-03-14T02:45"})),
        (
            "nights from Sun 2027-03-14 02:30 until Sun 2027-03-14 02:45 lies in the hours that the clock skips "
            "(America/New_York): it does not occur; let it begin before them or end after them."
        ),
    ),
    (
        found("elapsed-across-transition", cases(ELAPSED)),
        (
            "nights from Sat 2027-03-13 20:00 lasts across the clock's jump forward (America/New_York): its `for` is elapsed "
            "time, so it ends at Sun 2027-03-14 09:00 and not Sun 2027-03-14 08:00; write until: for an end by the clock on "
            "the wall."
        ),
    ),
    (
        found("covered", {"by": ["weekend"], "kind": "restriction", "effect": "prohibit"}),
        "nights changes nothing: weekend does as much at all of its times and places; take it out, or correct its times.",
    ),
    (
        found("covered", {"by": ["nights"], "kind": "restriction", "effect": "prohibit"}),
        "nights stands there twice: once is enough; take one out.",
    ),
    (
        found("window-shadowed", {"by": ["weekend", "christmas"]}, place="production"),
        (
            "nights opens nothing in production: weekend and christmas prohibit at all of its times; move the window, or "
            "narrow what prohibits."
        ),
    ),
    (
        found("no-gate", {"rules": ["weekend"]}, None, "dev"),
        (
            "dev has no calendar gate, but weekend names it: nothing there ever asks the calendar; write `calendar: {}` under "
            "its gates, or leave it out of the rules."
        ),
    ),
    (
        found("fixed-zone", {"zone": "EST", "place": "America/New_York", "like": "America/Panama"}, None),
        (
            "The zone EST never changes its clocks, so in summer its rules come an hour later than in America/New_York; write "
            "America/New_York if that is not meant, or America/Panama to say that it is."
        ),
    ),
    (
        found("not-examined", {}, None),
        "The calendar is too large to be examined wholly: rules that change nothing may be among those not named here.",
    ),
]


@pytest.mark.parametrize(("finding", "said"), TABLE, ids=[finding.code for finding, _ in TABLE])
def test_a_finding_says_what_is_odd_what_it_means_and_what_to_write(finding: Finding, said: str) -> None:
    assert sentence(finding, when=WHEN) == said


def test_every_code_that_the_lint_can_find_has_a_sentence_and_an_example() -> None:
    sources = [path.read_text(encoding="utf-8") for path in CALENDAR.glob("lint*.py")]
    named = {
        code
        for source in sources
        for code in re.findall(r'(?:Finding\(\s*|yield \(?\s*f?)"([a-z]+(?:-[a-z]+)*)(?::\{kind\})?"', source)
    }
    assert len(named) > 10
    assert named | {"no-gate"} == set(SENTENCES) == {finding.code for finding, _ in TABLE}


@pytest.mark.parametrize("code", [*SENTENCES, "of-the-future"])
def test_facts_that_are_missing_break_nothing(code: str) -> None:
    for facts in ({}, {"cases": "x", "years": 3, "by": None, "days": [1], "ended": "soon", "next": 5}):
        assert sentence(found(code, facts, place="dev"), when=WHEN)


def test_the_coverage_is_told_in_hours_of_an_average_week() -> None:
    def hours(count: float) -> timedelta:
        return timedelta(hours=count)

    some = Coverage(
        preferred=hours(24),
        allowed=hours(81),
        discouraged=hours(31),
        prohibited=hours(200),
        weekly=hours(52.5),
    )
    assert covered("production", some, weeks=2) == (
        "production can be deployed 52.5 h a week, 12 h of them preferred; discouraged 15.5 h; prohibited 100 h"
    )
    none = Coverage(
        preferred=hours(0), allowed=hours(168), discouraged=hours(0), prohibited=hours(0), weekly=hours(168)
    )
    assert covered("dev", none, weeks=1, asked=False) == (
        "dev can be deployed 168 h a week; prohibited never (but no calendar gate asks for it there)"
    )
