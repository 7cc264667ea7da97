"""What is said of a freeze: for whom, what it means, how long, who lifts it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.change_request import Actor
from bot.domain.freeze import Freeze, FreezeClass
from bot.flows.freezes import Frozen
from handlers.wording.freezes import NOTICES, meaning, notice, option, scope

NOW = datetime(2026, 11, 10, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RECORD = Freeze(
    id="FRZ-3",
    environments=("production",),
    services=(),
    strength=FreezeClass.HARD,
    reason="Peak trading",
    begins_at=NOW,
    ends_at=None,
    break_glass=False,
    declared_by=Actor(via="slack:T1/U1", person="lin"),
    declared_at=NOW,
)


def frozen(**changes: Any) -> Frozen:
    usual = Frozen(
        name="FRZ-3",
        environments=("production",),
        services=(),
        strength=FreezeClass.HARD,
        holds=True,
        break_glass=False,
        reason="Peak trading",
        begins_at=NOW,
        ends_at=None,
        declared=RECORD,
        may_lift=("lin", "ada"),
    )
    return replace(usual, **changes)


BY_POLICY: dict[str, Any] = {"declared": None, "name": "black-friday", "may_lift": ()}


def said(code: str, now: datetime = NOW, **changes: Any) -> str:
    told = notice(frozen(**changes), code, now=now, when=str, names=str.title)
    return "\n".join([told.headline, *told.lines])


SCOPES = [
    ({}, "production"),
    ({"environments": ("production", "staging")}, "production and staging"),
    ({"environments": ()}, "every environment"),
    ({"services": ("checkout", "search")}, "production (checkout and search)"),
    ({"environments": (), "services": ("checkout",)}, "every environment (checkout)"),
    ({"services": tuple("abcdefg")}, "production (a, b, c, d, e and 2 more)"),
]


@pytest.mark.parametrize(("changes", "words"), SCOPES)
def test_for_whom_it_holds(changes: dict[str, Any], words: str) -> None:
    assert scope(frozen(**changes)) == words


MEANINGS = [
    ({}, "Hard: nothing starts, and rollouts under way hold their next step.", "Not even break-glass"),
    ({"break_glass": True}, "Rollbacks are never held.", "Break-glass passes it."),
    ({"holds": False}, "rollouts under way finish", "Hard"),
    ({"strength": FreezeClass.SOFT}, "Soft: what starts needs a reason", "Rollouts under way go on."),
]


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(("changes", "one", "other"), MEANINGS)
def test_what_it_means(changes: dict[str, Any], one: str, other: str) -> None:
    assert one in meaning(frozen(**changes))
    assert other in meaning(frozen(**changes))


def test_the_first_line_says_what_and_for_whom_and_the_rest_why_how_long_and_the_way_out() -> None:
    assert said("begun").split("\n") == [
        "Frozen from now on: production",
        (
            "Hard: nothing starts, and rollouts under way hold their next step. Rollbacks are never held. "
            "Not even break-glass passes it."
        ),
        "“Peak trading” · declared by Lin",
        "It lasts until somebody lifts it. Lin or Ada can lift it: `/deploy unfreeze FRZ-3`",
    ]


WORDS = [
    ("declared", NOW - 3 * DAY, {}, f"Freeze ahead: production, from {NOW}"),
    ("day-before", NOW - DAY, {}, f"Freeze in 1 d: production, from {NOW}"),
    ("day-before", NOW - 3 * HOUR, {}, "Freeze in 3 h"),
    ("begun", NOW + 6 * timedelta(minutes=1), {}, f"Frozen: production, in force since {NOW}"),
    ("begun", NOW, {"ends_at": NOW + DAY}, f"It lasts until {NOW + DAY}."),
    ("begun", NOW, BY_POLICY, "“Peak trading” · by the policy, as “black-friday”"),
    ("begun", NOW, BY_POLICY, "It stands in the policy: whoever keeps that can change it."),
    ("begun", NOW, BY_POLICY | {"reason": None}, "No reason is given · by the policy"),
    ("begun", NOW, {"may_lift": ()}, "Nobody whom the policy names may lift it"),
    ("begun", NOW, {"may_lift": tuple("abcdefg")}, "A, B, C, D, E or 2 more can lift it"),
    (
        "over",
        NOW + DAY,
        {"ends_at": NOW + DAY},
        f"It was in force from {NOW} to {NOW + DAY} (“Peak trading”).",
    ),
    ("over", NOW + DAY, BY_POLICY | {"ends_at": NOW + DAY}, "The freeze is over: production"),
    ("brand-new", NOW, {}, "(code: brand-new)"),
]


@pytest.mark.parametrize(("code", "now", "changes", "words"), WORDS)
def test_each_moment_in_words(code: str, now: datetime, changes: dict[str, Any], words: str) -> None:
    assert words in said(code, now, **changes)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("lifted", ["The freeze is lifted: production", "By Ada: “It went well”", f"in force since {NOW}"]),
        ("called-off", ["The freeze is called off: production", "By Ada", f"would have begun {NOW}"]),
    ],
)
def test_who_lifted_it_and_why(code: str, words: list[str]) -> None:
    by = Actor(via="slack:T1/U2", person="ada")
    record = replace(RECORD, lifted_by=by, lifted_at=NOW + HOUR, lift_reason="It went well")
    told = said(code, NOW + HOUR, declared=record)
    assert all(word in told for word in words)


@pytest.mark.parametrize("code", sorted(NOTICES))
def test_a_long_reason_is_cut_and_no_line_is_endless(code: str) -> None:
    record = replace(RECORD, lifted_by=RECORD.declared_by, lifted_at=NOW, lift_reason="y" * 1000)
    told = said(code, reason="x" * 1000, declared=record)
    assert max(len(line) for line in told.split("\n")) < 800


def test_a_line_to_choose_it_by() -> None:
    assert option(frozen(), str) == "FRZ-3 · production · until somebody lifts it"
