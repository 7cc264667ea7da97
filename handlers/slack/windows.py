"""`/deploy windows`: whether the calendar is open, until when, and what comes, with a week's strip to glance at."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.calendar import ActiveRule, CalendarVerdict, Effect, RuleKind, Verdict
from bot.domain.feed import FeedStatus
from bot.flows import windows
from bot.flows.windows import DAYS, MOST_AHEAD, OPEN, Ahead, Places, Standing, WindowsView
from bot.policy import Policy
from handlers.slack.blocks import Block, Message, bare, escape, mrkdwn, reader_time, sections
from handlers.slack.context import SlackContext
from handlers.slack.listeners import later
from handlers.slack.payloads import Command
from handlers.wording.calendar_sentences import DECLARED
from handlers.wording.facts import listed
from handlers.wording.strip import WORDS, Sign, Strip, fitted, rule_name, sign_of, strip
from handlers.wording.times import in_zone, span

NAME_SHOWN = 60
FREEZES_SHOWN = 3
FEEDS_SHOWN = 5
_MARKS = {"+": "+ next day", "-": "- day before"}


def open_later(context: SlackContext, command: Command, rest: str) -> None:
    """Tell once the calendar was asked: no clock of ours holds the ack up. Raises Refusal for a name nobody knows."""
    environment, service = windows.asked(context.policy, rest)
    work = answer(context, command.asker.user, environment, service)
    context.background.start(later(context, command.response_url, work), name="windows")


async def answer(context: SlackContext, user: str, environment: str | None, service: str | None) -> Message:
    """The calendar as of now, for this reader."""
    policy = context.policy
    view = await windows.windows(context.ledger, policy, environment, service)
    reader = await context.zones.of(context.api, user, view.now)
    return render(view, policy, reader)


def render(view: WindowsView, policy: Policy, reader: ZoneInfo | None = None) -> Message:
    """The message; without the reader's zone it shows the policy's clock alone, beside Slack's own dates."""
    said = _Said(policy.zone, reader, view.now)
    drawn = strip(
        view.week, zone=policy.zone, first=view.first, days=DAYS, now=view.now, reader=reader, say=_fixed
    )
    head = f"*{_where(view)}* · {escape(policy.zone.key)}\n*now: {said.standing(view.standing)}*"
    blocks: list[Block] = [
        *sections([head]),
        {"type": "section", "text": mrkdwn("```\n" + "\n".join(drawn.lines) + "\n```"), "expand": True},
        _legend(drawn, reader),
        *sections(_below(view, said)),
    ]
    blocks += sections(_one_each(view.apart, said) + _one_each(view.others, said))
    return Message(bare(head), tuple(blocks))


def _where(view: WindowsView) -> str:
    """The environment and whom the answer is for; two services with rules of their own are named, more are counted."""
    name = escape(view.environment, NAME_SHOWN)
    if view.service:
        return f"{name} / {escape(view.service, NAME_SHOWN)}"
    if not view.apart:
        return name
    services = [escape(str(each.verdict.service), NAME_SHOWN) for each in view.apart.told]
    return f"{name}, every service but {listed(services) if len(view.apart) < 3 else len(view.apart)}"  # noqa: PLR2004


def _fixed(name: str) -> str:
    """A name inside the strip: a grave accent would end the block that keeps its columns."""
    return escape(name).replace("`", "'")


def _legend(drawn: Strip, reader: ZoneInfo | None) -> Block:
    """What the signs mean: those that stand in the strip, each an element of its own, seven at most."""
    words = [f"{sign} {WORDS[sign]}" for sign in drawn.signs]
    if drawn.mixed:
        words.append("an hour of two kinds shows the worse")
    if drawn.two_zones and reader is not None:
        words.append(
            ", ".join([f"yours: {escape(reader.key)}", *(_MARKS[mark] for mark in sorted(drawn.marks))])
        )
    return {"type": "context", "elements": [mrkdwn(word) for word in words]}


def _below(view: WindowsView, said: "_Said") -> list[str]:
    """What is next, and what else has to be known to believe the strip."""
    standing = view.standing
    lines = [said.feed(feed) for feed in standing.feeds[:FEEDS_SHOWN]]
    if not view.windows:
        lines.append("No windows are set here: it is open whenever nothing closes it.")
    lines += said.next(standing)
    lines += [
        said.ahead("Next freeze" if n == 0 else "then", f) for n, f in enumerate(view.freezes[:FREEZES_SHOWN])
    ]
    if len(view.freezes) > FREEZES_SHOWN:
        least = "at least " if len(view.freezes) == MOST_AHEAD else ""
        lines.append(f"and {least}{len(view.freezes) - FREEZES_SHOWN} more within 400 days")
    if not view.freezes:
        now = any(rule.kind is RuleKind.FREEZE for rule in standing.verdict.rules)
        lines.append(f"No {'other ' if now else ''}freeze is ahead within 400 days.")
    if view.holiday is not None:
        lines.append(said.ahead("Next holiday", view.holiday))
    return lines


def _one_each(places: Places, said: "_Said") -> list[str]:
    """A line for each place that is not drawn."""
    lines = [_one(each, said) for each in places.told]
    return lines + ([f"and {places.more} more"] if places.more else [])


def _one(standing: Standing, said: "_Said") -> str:
    verdict = standing.verdict
    name = escape(verdict.environment, NAME_SHOWN)
    name += f" / {escape(verdict.service, NAME_SHOWN)}" if verdict.service else ""
    if not standing.asked:
        return f"{Sign.ALLOWED} *{name}*: no calendar gate here"
    return f"{Sign.CLOSED if standing.stale else _sign(verdict)} *{name}*: {said.standing(standing)}"


def _sign(verdict: CalendarVerdict) -> Sign:
    return sign_of(verdict.verdict, verdict.rules)


@dataclass(frozen=True, slots=True)
class _Said:
    """The words of one message: instants in the reader's zone, with the policy's, which decides, where it differs."""

    zone: ZoneInfo
    reader: ZoneInfo | None
    now: datetime

    def standing(self, standing: Standing) -> str:
        """What holds now and until when, as mrkdwn."""
        if not standing.asked:
            return f"no calendar gate here; the calendar says {self._calendar(standing)}"
        return self._calendar(standing)

    def _calendar(self, standing: Standing) -> str:
        if standing.stale:
            return f"closed, {escape(standing.stale[0].name, NAME_SHOWN)} is out of date"
        verdict = standing.verdict
        match verdict.verdict:
            case Verdict.PREFERRED:
                return f"preferred {self._until(verdict.next_change)}"
            case Verdict.ALLOWED:
                better = verdict.next_preferred
                sooner = better is not None and (standing.closes_at is None or better < standing.closes_at)
                more = f", preferred from {self._near(better)}" if better is not None and sooner else ""
                return f"open {self._until(standing.closes_at)}{more}"
            case Verdict.DISCOURAGED:
                return f"only with a reason, {self._opens(verdict)}"
            case Verdict.PROHIBITED if _sign(verdict) is Sign.FROZEN:
                return self._frozen(verdict)
            case Verdict.PROHIBITED:
                return f"closed, {self._opens(verdict)}"

    def next(self, standing: Standing) -> list[str]:
        """The next opening, or the next closing; and whether break-glass passes what prohibits now."""
        verdict = standing.verdict
        if verdict.verdict in OPEN:
            closes = standing.closes_at
            lines = [] if closes is None else [f"*Closes* {self.at(closes)}"]
            better = verdict.next_preferred
            if verdict.verdict is Verdict.ALLOWED and better is not None:
                lines.append(f"*Next preferred* {self.at(better)}")
            return lines
        opens = verdict.next_allowed
        lines = [] if opens is None else [f"*Opens* {self.at(opens)}"]
        if verdict.verdict is Verdict.PROHIBITED:
            lines.append(f"Break-glass {_passes(verdict.break_glass)} now.")
        return lines

    def ahead(self, what: str, freeze: Ahead) -> str:
        """A freeze or holiday to come: what, how hard, whether break-glass passes; and from when until when."""
        if freeze.kind is RuleKind.HOLIDAY:
            name = freeze.reason or freeze.name
        else:
            name = f"{freeze.name}: {freeze.reason}" if freeze.reason else freeze.name
        if freeze.effect is Effect.DISCOURAGE:
            hard = "goes only with a reason"
        else:
            hard = f"break-glass {_passes(freeze.break_glass)}"
        day = self._whole_day(freeze)
        if day is not None:
            return f"*{what}* {escape(name, 120)}, {day}, {hard}"
        return f"*{what}* {escape(name, 120)}, {hard}\n{self._range(freeze.start, freeze.end)}"

    def feed(self, feed: FeedStatus) -> str:
        """A fetched calendar that cannot be believed, or soon not any more."""
        name, problem = (
            escape(feed.name, NAME_SHOWN),
            f" ({escape(feed.problem, 40)})" if feed.problem else "",
        )
        if feed.fetched_at is None or not feed.readable:
            return f"⚠ {name}: never fetched yet{problem}; the gate is closed until it answers"
        last = f"⚠ {name}: last fetched {span(self.now - feed.fetched_at)} ago{problem}"
        if feed.stale_at(self.now):
            return f"{last}, the gate is closed until it answers"
        return f"{last}, the gate closes in {span(feed.fetched_at + feed.stale_after - self.now)} unless it answers"

    def at(self, instant: datetime) -> str:
        """An instant as Slack shows it to the reader, and the policy's clock beside it unless both show the same."""
        shown = escape(reader_time(self.zone)(instant))
        return shown if self._same(instant) else f"{shown} ({escape(in_zone(self.zone)(instant))})"

    def _range(self, start: datetime, end: datetime | None) -> str:
        if end is None:
            return f"from {self.at(start)} until it is lifted"
        slack, begins, ends = reader_time(self.zone), start.astimezone(self.zone), end.astimezone(self.zone)
        shown = escape(f"{slack(start)} → {slack(end)}")
        if self._same(start) and self._same(end):
            return shown
        first = f"{begins:%a %-d %b %H:%M}" + ("" if begins.tzname() == ends.tzname() else f" {begins:%Z}")
        return f"{shown} ({first} → {ends:%a %-d %b %H:%M %Z})"

    def _whole_day(self, freeze: Ahead) -> str | None:
        """A holiday that is one day of the policy's zone, by its date."""
        if freeze.kind is not RuleKind.HOLIDAY or freeze.end is None:
            return None
        begins, ends = freeze.start.astimezone(self.zone), freeze.end.astimezone(self.zone)
        one = ends.date() - begins.date() == timedelta(days=1) and begins.time() == ends.time() == time()
        return f"{begins:%a %-d %b}" if one else None

    def _same(self, instant: datetime) -> bool:
        """Whether the reader's clock shows what the policy's does."""
        return self.reader is not None and _offset(instant, self.reader) == _offset(instant, self.zone)

    def _until(self, closes: datetime | None) -> str:
        if closes is None:
            return "for at least 400 days"
        return f"until {self._near(closes)} (in {span(closes - self.now)})"

    def _opens(self, verdict: CalendarVerdict) -> str:
        if verdict.next_allowed is None:
            return "and it does not open within 400 days"
        return f"opens in {span(verdict.next_allowed - self.now)}"

    def _frozen(self, verdict: CalendarVerdict) -> str:
        """By what lasts longest of that which freezes now."""
        frozen = [r for r in verdict.rules if sign_of(verdict.verdict, [r]) is Sign.FROZEN]
        lasting = max(frozen, key=_ends)
        name = escape(fitted(rule_name(lasting), NAME_SHOWN))
        if lasting.until is None and DECLARED.fullmatch(lasting.name):
            return f"frozen by {name}, until somebody lifts it: /deploy unfreeze {lasting.name}"
        if lasting.until is None:
            return f"frozen by {name}, no end within 400 days"
        return f"frozen by {name} until {self._near(lasting.until)}, {self._opens(verdict)}"

    def _near(self, instant: datetime) -> str:
        """The policy's clock, with as much of the date as it takes."""
        here, now = instant.astimezone(self.zone), self.now.astimezone(self.zone)
        days = (here.date() - now.date()).days
        form = "%H:%M" if days == 0 else "%a %H:%M" if days < DAYS else "%a %-d %b %H:%M"
        return here.strftime(form)


def _passes(passes: bool) -> str:
    return "passes" if passes else "does not pass"


def _ends(rule: ActiveRule) -> datetime:
    return rule.until or datetime.max.replace(tzinfo=UTC)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()
