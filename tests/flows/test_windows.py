"""What `/deploy windows` knows: now, this week and ahead, in one environment and in a word everywhere else."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bot.domain.audit import Fact
from bot.domain.calendar import Effect, RuleKind, Verdict
from bot.domain.feed import FeedStatus
from bot.domain.refusal import Refusal
from bot.flows.living_calendar import Living
from bot.flows.windows import DAYS, MOST_AHEAD, MOST_TOLD, Standing, WindowsView, asked, view_of, windows
from bot.ports import Transaction
from tests.flows.policy_text import policy_of
from tests.flows.world import World
from tests.storage.builders import freeze

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 11, 10, 14, 22, tzinfo=UTC)  # 9:22 in New York
HOLIDAYS = (
    "  freezes:\n",
    "  holidays: [{country: US, environments: [production], break_glass: true}]\n  freezes:\n",
)
CHECKOUT = (
    "  restrictions:\n",
    '  restrictions:\n    - {name: own, environments: [production], services: [checkout], start: "0 0 * * *", until: "24:00"}\n',
)
BOTH = (CHECKOUT[0], CHECKOUT[1].replace("[checkout]", "[checkout, pages]"))
UNGATED = ("gates: {immutable-artifact: {}, calendar: {}}", "gates: {immutable-artifact: {}}")


def seen(
    at: datetime = TUESDAY,
    environment: str | None = "production",
    service: str | None = None,
    *changes: tuple[str, str],
    feeds: tuple[FeedStatus, ...] = (),
) -> WindowsView:
    policy = policy_of(*changes)
    return view_of(policy, Living(policy.calendar, feeds), at, environment, service)


def feed(**changes: object) -> FeedStatus:
    usual: dict[str, object] = {
        "name": "company",
        "environments": frozenset({"production"}),
        "services": None,
        "fetched_at": TUESDAY - HOUR,
        "stale_after": DAY,
        "problem": None,
    }
    return FeedStatus(**(usual | changes))  # type: ignore[arg-type]


# What is named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, None)),
        ("production", ("production", None)),
        ("  staging   checkout ", ("staging", "checkout")),
        ("checkout", (None, "checkout")),
        ("checkout staging", ("staging", "checkout")),
    ],
)
def test_environment_and_service_are_read_in_either_order(
    text: str, expected: tuple[str | None, str | None]
) -> None:
    assert asked(policy_of(), text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("prodution", "unknown-environment"),
        ("production chekout", "unknown-service"),
        ("production checkout pages", "unknown-service"),
        ("checkout moon", "unknown-environment"),
        ("checkout pages", "unknown-environment"),
    ],
)
def test_a_name_that_the_policy_has_not_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        asked(policy_of(), text)
    assert refused.value.code == code


# Now, this week


@pytest.mark.requirement("P12")
def test_the_week_begins_at_the_policys_midnight_and_has_no_gaps() -> None:
    view = seen(datetime(2026, 11, 1, 3, 30, tzinfo=UTC))  # still Saturday in New York
    assert view.first == date(2026, 10, 31)
    assert view.week[0].start == datetime(2026, 10, 31, 4, tzinfo=UTC)
    assert view.week[-1].end == datetime(
        2026, 11, 7, 5, tzinfo=UTC
    )  # seven days and the hour that comes twice
    assert all(a.end == b.start for a, b in zip(view.week, view.week[1:], strict=False))
    assert view.week[-1].end - view.week[0].start == DAYS * DAY + HOUR


def test_open_lasts_through_what_is_preferred() -> None:
    standing = seen().standing
    assert standing.verdict.verdict is Verdict.ALLOWED
    assert standing.verdict.next_change == TUESDAY.replace(hour=15, minute=0)
    assert standing.closes_at == datetime(2026, 11, 13, 19, tzinfo=UTC)  # Friday 14:00


def test_what_nothing_closes_has_no_end() -> None:
    assert seen(environment="staging").standing.closes_at is None
    assert not seen(environment="staging").windows
    assert seen().windows


def test_closed_is_not_closing() -> None:
    assert seen(datetime(2026, 11, 14, 12, tzinfo=UTC)).standing.closes_at is None


# Ahead


@pytest.mark.requirement("P6")
def test_the_freezes_ahead_are_told_with_whether_break_glass_passes() -> None:
    (ahead,) = seen().freezes
    assert (ahead.name, ahead.kind, ahead.effect, ahead.break_glass) == (
        "peak-trading", RuleKind.FREEZE, Effect.PROHIBIT, False,
    )  # fmt: skip
    assert (ahead.start, ahead.end) == (
        datetime(2026, 11, 23, 5, tzinfo=UTC),
        datetime(2026, 12, 1, 5, tzinfo=UTC),
    )


def test_a_freeze_that_began_or_lies_beyond_400_days_is_not_ahead() -> None:
    assert seen(datetime(2026, 11, 23, 5, tzinfo=UTC)).freezes == ()
    assert seen(datetime(2026, 11, 23, 4, 59, tzinfo=UTC)).freezes != ()
    assert seen(datetime(2025, 10, 19, 5, 1, tzinfo=UTC)).freezes != ()
    assert seen(datetime(2025, 10, 19, 4, 59, tzinfo=UTC)).freezes == ()


def test_the_next_holiday_is_one_that_the_week_does_not_show() -> None:
    holiday = seen(TUESDAY, "production", None, HOLIDAYS).holiday
    assert holiday is not None
    assert (holiday.reason, holiday.break_glass) == ("Thanksgiving Day", True)
    assert seen().holiday is None


def test_many_freezes_are_cut() -> None:
    many = "".join(
        f'    - {{name: f{n}, from: "2026-12-01T{n // 60:02d}:{n % 60:02d}", to: "2026-12-03"}}\n'
        for n in range(120)
    )
    assert (
        len(seen(TUESDAY, "production", None, ("  freezes:\n", "  freezes:\n" + many)).freezes) == MOST_AHEAD
    )


# Elsewhere


def test_without_an_environment_the_most_protected_one_is_shown_and_the_others_named() -> None:
    view = seen(TUESDAY, None)
    assert view.environment == "production"
    assert [each.verdict.environment for each in view.others.told] == ["staging", "dev"]
    assert [each.asked for each in view.others.told] == [True, False]
    assert len(seen().others) == 0


def test_an_environment_without_the_gate_is_not_bound() -> None:
    assert not seen(TUESDAY, "staging", None, UNGATED).standing.asked
    assert seen(TUESDAY, "staging").standing.asked


def test_services_with_rules_of_their_own_are_told_apart() -> None:
    view = seen(TUESDAY, "production", None, CHECKOUT)
    assert view.service is None
    assert view.standing.verdict.verdict is Verdict.ALLOWED
    assert [(e.verdict.service, e.verdict.verdict) for e in view.apart.told] == [
        ("checkout", Verdict.PROHIBITED)
    ]
    assert len(seen(TUESDAY, "staging", None, CHECKOUT).apart) == 0
    assert len(seen(TUESDAY, "production", "checkout", CHECKOUT).apart) == 0


def test_only_the_first_few_places_are_asked_and_the_rest_is_counted() -> None:
    """A calendar of a thousand services would have to be compiled a thousand times."""
    names = [f"s{n:03d}" for n in range(100)]
    services = ("  pages: {}\n", "  pages: {}\n" + "".join(f"  {name}: {{}}\n" for name in names))
    own = (CHECKOUT[0], CHECKOUT[1].replace("[checkout]", f"[{', '.join(names)}]"))
    view = seen(TUESDAY, "production", None, services, own)
    assert (len(view.apart.told), len(view.apart)) == (MOST_TOLD, 100)


def test_where_every_service_has_rules_of_its_own_the_first_one_is_shown() -> None:
    view = seen(TUESDAY, "production", None, BOTH)
    assert (view.service, len(view.apart)) == ("checkout", 0)
    assert view.standing.verdict.verdict is Verdict.PROHIBITED


# Fetched calendars


@pytest.mark.requirement("P6")
def test_a_feed_that_is_too_old_or_could_not_be_renewed_is_told() -> None:
    def told(status: FeedStatus, environment: str = "production") -> tuple[int, int]:
        standing: Standing = seen(TUESDAY, environment, feeds=(status,)).standing
        return len(standing.feeds), len(standing.stale)

    assert told(feed()) == (0, 0)
    assert told(feed(problem="timeout")) == (1, 0)
    assert told(feed(fetched_at=TUESDAY - 3 * DAY)) == (1, 1)
    assert told(feed(fetched_at=None)) == (1, 1)
    assert told(feed(readable=False)) == (1, 1)
    assert told(feed(fetched_at=None), "staging") == (0, 0)


# On the ledger


FEED: tuple[str, str] = (
    "  freezes:\n",
    '  freezes:\n    - {name: company, environments: [production], ics: "https://calendar.acme.example/f.ics"}\n',
)


@pytest.mark.requirement("P6", "P12")
async def test_declared_freezes_and_fetched_calendars_decide_too(world: World) -> None:
    world.policy = policy = policy_of(FEED)
    declared = freeze(1, environments=(), services=(), begins_at=world.clock.now() - HOUR, lifted_by=None, lifted_at=None, lift_reason=None, ends_at=None)  # fmt: skip
    later = freeze(2, environments=(), services=(), begins_at=world.clock.now() + DAY, lifted_by=None, lifted_at=None, lift_reason=None, ends_at=None)  # fmt: skip

    def step(tx: Transaction) -> None:
        for each in (declared, later):
            tx.freezes.put(each, Fact(type="freeze.declared"))

    await world.ledger.write(step)
    view = await windows(world.ledger, policy, "production", None)
    assert view.standing.verdict.rules[0].name == "FRZ-1"
    assert view.standing.verdict.next_allowed is None
    assert (view.freezes[0].name, view.freezes[0].end) == ("FRZ-2", None)
    assert [each.name for each in view.standing.stale] == ["company"]
    assert all(each.verdict is Verdict.PROHIBITED for each in view.week if each.start > world.clock.now())


async def test_asking_changes_nothing(world: World) -> None:
    before = await world.everything()
    await windows(world.ledger, world.policy, None, None)
    assert await world.everything() == before
