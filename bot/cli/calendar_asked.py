"""Which calendar the command line asks: the file's alone, with what is fetched now, or the one that Slack asks too."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.calendar import Calendar, Rule, Scope
    from bot.domain.feed import Fetched
    from bot.flows.living_calendar import Living
    from bot.policy import Policy
    from bot.policy.feeds import FeedRule
    from bot.ports import Transaction

NOT_DECLARED = "freezes that people declared in Slack are not included; --ledger includes them"


@dataclass(frozen=True, slots=True)
class Missing:
    """A calendar that the policy names by address and whose events nobody knows now."""

    name: str
    scope: "Scope"
    sentence: str

    def concerns(self, environment: str | None, service: str | None) -> bool:
        """Whether it could say something about what is asked; without an environment, whatever is said does."""
        return environment is None or self.scope.covers(environment, service)


@dataclass(frozen=True, slots=True)
class Asked:
    """A calendar, what it lacks, and whether it holds what people declared."""

    calendar: "Calendar"
    missing: tuple[Missing, ...] = ()
    declared: bool = False

    def lacks(self, environment: str | None, service: str | None) -> list[str]:
        """A sentence for each calendar that is missing where it matters."""
        return [each.sentence for each in self.missing if each.concerns(environment, service)]


def asked(policy: "Policy", args: argparse.Namespace, *, past: bool = True) -> Asked:
    """The calendar that the options ask for, with what was declared and is long over where the `past` may be meant.

    Ends with status 2 where there is no ledger to open.
    """
    from bot.cli.configured import database_url, finished

    if args.ledger:
        return finished(_from_ledger(policy, database_url(), past=past))
    if args.fetch and policy.feeds:
        return finished(_fetched(policy))
    missing = tuple(
        Missing(
            feed.name,
            feed.template.scope,
            f"the freeze {feed.name!r} is fetched from an address, so the file alone does not say when it is in force; "
            "add --fetch or --ledger",
        )
        for feed in policy.feeds
    )
    return Asked(policy.calendar, missing)


async def _from_ledger(policy: "Policy", url: str, *, past: bool) -> Asked:
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import need_ledger
    from bot.flows.living_calendar import living
    from storage.ledger import Ledger

    await need_ledger(url)
    clock = SystemClock()
    ledger = Ledger(url, clock)
    try:
        found, before = await ledger.read(lambda tx: (living(tx, policy), _long_over(tx) if past else []))
    finally:
        await ledger.close()
    return Asked(found.calendar.with_rules(before), _stale(found, clock.now()), declared=True)


def _long_over(tx: "Transaction") -> "list[Rule]":
    """The declared freezes that decide nothing any more, and so are not kept in mind; the past may be asked about."""
    from bot.domain.calendar import EARLIEST
    from bot.flows.living_calendar import LOOKS_BACK

    remembered = {freeze.id for freeze in tx.freezes.since(tx.now - LOOKS_BACK)}
    over = (freeze for freeze in tx.freezes.since(EARLIEST) if freeze.id not in remembered)
    return [rule for freeze in over if (rule := freeze.rule()) is not None]


def _stale(found: "Living", now: "datetime") -> tuple[Missing, ...]:
    from bot.domain.calendar import Scope
    from handlers.wording.feeds import problem
    from handlers.wording.times import span

    missing = []
    for feed in found.feeds:
        if not feed.stale_at(now):
            continue
        if feed.fetched_at is None or not feed.readable:
            why = "has never been fetched with success"
        else:
            age, most = span(now - feed.fetched_at), span(feed.stale_after)
            why = f"was last fetched {age} ago, which is longer than its stale_after of {most}"
        because = f" (the last attempt: {problem(feed.problem)})" if feed.problem else ""
        sentence = f"the freeze {feed.name!r} {why}{because}, so nobody knows what stands in it now"
        missing.append(
            Missing(feed.name, Scope(environments=feed.environments, services=feed.services), sentence)
        )
    return tuple(missing)


async def _fetched(policy: "Policy") -> Asked:
    from bot.adapters.ics_feed import IcsFetcher

    fetcher = IcsFetcher()
    rules: list[Rule] = []
    missing: list[Missing] = []
    try:
        for feed in policy.feeds:
            fetched = await fetcher.fetch(feed.url, allow_private=feed.allow_private)
            try:
                rules.append(_rule(feed, fetched))
            except ValueError as error:
                sentence = f"the freeze {feed.name!r} could not be fetched: {error}"
                missing.append(Missing(feed.name, feed.template.scope, sentence))
    finally:
        await fetcher.close()
    return Asked(policy.calendar.with_rules(rules), tuple(missing))


def _rule(feed: "FeedRule", fetched: "Fetched") -> "Rule":
    """The rule with the events that were fetched. Raises ValueError, saying what is wrong with them."""
    from bot.policy.ics import parse_ics
    from handlers.wording.feeds import problem

    if fetched.body is None:
        raise ValueError(problem(fetched.code))
    return feed.rule(parse_ics(fetched.body, feed.name))
