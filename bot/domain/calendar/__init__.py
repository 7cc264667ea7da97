"""Windows, restrictions, holidays and freezes, compiled to a verdict for any instant. Pure."""

from bot.domain.calendar.answers import HORIZON, ActiveRule, CalendarVerdict, Occurrence, Stretch
from bot.domain.calendar.calendar import Calendar
from bot.domain.calendar.compiled import EARLIEST, LATEST
from bot.domain.calendar.effects import Effect, Verdict
from bot.domain.calendar.rules import Rule, RuleKind, Scope
from bot.domain.calendar.spans import DayOfYear, Fixed, Holidays, Recurring, Source, Span, whole_days
from bot.domain.calendar.until import Elapsed, Ending, UntilTime, UntilWeekday, parse_until
from bot.domain.wall_clock import end_instant, start_instant

__all__ = [
    "EARLIEST",
    "HORIZON",
    "LATEST",
    "ActiveRule",
    "Calendar",
    "CalendarVerdict",
    "DayOfYear",
    "Effect",
    "Elapsed",
    "Ending",
    "Fixed",
    "Holidays",
    "Occurrence",
    "Recurring",
    "Rule",
    "RuleKind",
    "Scope",
    "Source",
    "Span",
    "Stretch",
    "UntilTime",
    "UntilWeekday",
    "Verdict",
    "end_instant",
    "parse_until",
    "start_instant",
    "whole_days",
]
