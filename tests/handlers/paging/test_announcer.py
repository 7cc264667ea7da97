"""What reaches people outside Slack: in order, never after somebody has it, and with all that they need at night."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.owed import Delivery
from bot.domain.page import WayState
from bot.flows import change_news
from bot.flows.escalate import raise_now
from bot.ports import Later, Transaction, Undeliverable
from handlers.paging import announcer as announcing
from tests.flows.fakes import TUESDAY_TEN
from tests.flows.paging_world import green, red
from tests.handlers.paging.outside import NAME, Outside

pytestmark = pytest.mark.requirement("F14")
MINUTE = timedelta(minutes=1)


def page(destination: str, subject: str = "INC-1/1/ada", **changes: Any) -> Delivery:
    return Delivery(
        key=f"page:{subject}:{destination}",
        kind="page",
        destination=destination,
        subject=subject,
        **({"due_at": TUESDAY_TEN} | changes),
    )


def news(destination: str, code: str = "acknowledged") -> Delivery:
    return replace(
        page(destination, "INC-1"),
        kind="incident-news",
        key=f"news:{destination}:{code}",
        facts={"code": code},
    )


async def outcome(o: Outside, delivery: Delivery) -> tuple[str, str]:
    try:
        await o.announcer.announce(delivery)
    except Later as later:
        return "later", later.code
    except Undeliverable as never:
        return "never", never.code
    return "sent", ""


async def test_the_first_line_says_what_is_wrong_where_and_the_others_what_to_do(o: Outside) -> None:
    await red(o.world)
    await o.until(lambda: bool(o.mail.received) and bool(o.posted) and bool(o.pagerduty.events))

    lines = o.mail.received[0].message.get_content().splitlines()
    assert lines[0] == "production is RED: db says probe (P0, INC-1)"
    assert lines[1].startswith("Since Tue 10 Nov 10:00 EST, ")
    assert lines[2] == "On call: cy, and asked as well: ada; answer by Tue 10 Nov 10:05 EST."
    assert lines[3] == "Nothing changed there through Portcullis in the hour before."
    assert lines[4].startswith("To answer, press Acknowledge on INC-1 in #incidents in Slack.")
    assert "in PagerDuty" in lines[4]
    event = o.pagerduty.events[0]
    assert event["payload"]["summary"] == lines[0]
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["component"] == "database"
    assert event["payload"]["source"] == "acme/production"
    headers, body = o.posted[0]
    assert body["type"] == "incident.page"
    assert body["headline"] == lines[0]
    assert body["incident"]["id"] == "INC-1"
    assert "X-Portcullis-Signature" in headers


async def test_what_went_live_before_is_named_and_never_called_the_cause(o: Outside) -> None:
    world = o.world
    await world.ready()
    request = await world.ask()
    await world.run_timers()
    await world.approve("ada", "bo")
    assert await world.state_of(request) == "live"
    await o.pass_time(4 * MINUTE)
    await red(world)
    await o.until(lambda: bool(o.mail.received), "the mail")
    text = o.mail.received[0].message.get_content()
    assert "Went live there shortly before: DEP-1, checkout 7a3f9c2 by lin, 4 min before." in text
    assert "because" not in text


@pytest.mark.requirement("K5")
async def test_what_productions_red_mutes_calls_nobody_outside_until_it_is_paged_again(o: Outside) -> None:
    def of(incident: str) -> list[str]:
        """What PagerDuty was told of it, in order."""
        told = [event for event in o.pagerduty.events if event["dedup_key"] == f"{NAME}/{incident}"]
        return [str(event["event_action"]) for event in told]

    await o.world.green()
    await red(o.world, "staging", "status")
    await o.until(lambda: of("INC-1") == ["trigger"] and len(o.posted) == 1 and len(o.mail.received) == 1)
    for recipient in ("webhook:siren", "pagerduty:default", "ada"):
        await o.until(lambda of=recipient: _arrived(o, of), recipient)
    await red(o.world)
    await o.until(lambda: of("INC-1") == ["trigger", "resolve"] and of("INC-2") == ["trigger"])
    await o.until(lambda: "incident.muted" in [body["type"] for _, body in o.posted])

    def muted() -> list[str]:
        texts = [got.message.get_content() for got in o.mail.received]
        return [text for text in texts if "nobody is paged for this while production is in trouble" in text]

    await o.until(lambda: len(muted()) == 1)
    await green(o.world)
    await o.until(lambda: of("INC-1") == ["trigger", "resolve", "trigger"])
    assert o.pagerduty.incidents.open(f"{NAME}/INC-1") is not None
    assert (await o.world.incident("INC-1")).is_open


@pytest.mark.requirement("K5")
async def test_what_somebody_has_is_not_told_as_muted(o: Outside) -> None:
    await o.world.green()
    await red(o.world, "staging", "status")
    await o.until(lambda: o.actions() == ["trigger"])
    await o.until(lambda: _arrived(o, "pagerduty:default"))
    await o.acknowledge()
    await o.until(lambda: o.actions() == ["trigger", "acknowledge"])
    await red(o.world)
    await o.until(lambda: o.actions() == ["trigger", "acknowledge", "trigger"])
    await green(o.world)
    await o.until(lambda: o.actions()[3:] == ["resolve"])
    assert o.pagerduty.incidents.open(f"{NAME}/INC-1") is not None


async def test_an_acknowledgement_and_the_end_are_told_wherever_the_page_was(o: Outside) -> None:
    await red(o.world)
    await o.until(lambda: o.actions() == ["trigger"] and len(o.mail.received) == 1 and len(o.posted) == 1)

    for recipient in ("webhook:siren", "pagerduty:default", "ada"):
        await o.until(lambda of=recipient: _arrived(o, of), recipient)
    await o.acknowledge()
    await o.until(lambda: o.actions() == ["trigger", "acknowledge"] and len(o.posted) == 2)
    await o.resolve()
    await o.until(lambda: o.actions() == ["trigger", "acknowledge", "resolve"] and len(o.posted) == 3)
    await o.until(lambda: len(o.mail.received) == 3)

    assert [body["type"] for _, body in o.posted] == [
        "incident.page",
        "incident.acknowledged",
        "incident.resolved",
    ]
    first, second, third = (got.message for got in o.mail.received)
    assert second["References"] == third["References"] == first["References"]
    assert second["Subject"] == f"Re: {first['Subject']}"
    assert "cy has it" in second.get_content()
    assert "cy resolved it" in third.get_content()
    assert o.pagerduty.incidents.open(o.key) is None


async def _arrived(o: Outside, recipient: str) -> bool:
    return {way.state for way in (await o.page(recipient)).ways} == {WayState.ARRIVED}


async def test_one_lane_is_in_order_whatever_fails_on_the_way(o: Outside) -> None:
    """The trigger is refused twice; the resolve waits behind it, and the trigger that was superseded is not sent."""
    o.pagerduty.faults.arm("answer", path="enqueue", status=503, times=2)
    await red(o.world)
    await o.in_time(lambda: len(o.pagerduty.asked) == 2, "it to be refused twice")
    await o.resolve()
    await o.in_time(lambda: "resolve" in o.actions(), "the resolve")
    await o.pass_time(10 * MINUTE)
    assert o.actions() == ["resolve"]
    assert o.pagerduty.incidents.all == []  # nothing was opened that nobody would ever close


async def test_a_trigger_whose_answer_was_lost_is_not_sent_again_after_the_end(o: Outside) -> None:
    o.pagerduty.lose_answers = 1
    await red(o.world)
    await o.until(lambda: o.actions() == ["trigger"])
    await o.resolve()
    await o.in_time(lambda: "resolve" in o.actions(), "the resolve")
    await o.pass_time(10 * MINUTE)
    assert o.actions() == ["trigger", "resolve"]
    assert o.pagerduty.incidents.open(o.key) is None


async def test_a_trigger_whose_answer_was_lost_is_sent_again_and_opens_no_second_incident(o: Outside) -> None:
    o.pagerduty.lose_answers = 1
    await red(o.world)
    await o.in_time(lambda: o.actions() == ["trigger", "trigger"], "the trigger, again")
    assert len(o.pagerduty.incidents.all) == 1


async def test_of_what_somebody_has_already_nothing_is_sent(still: Outside) -> None:
    await red(still.world)
    await still.acknowledge()
    for destination in ("pagerduty:default", "email:ada", "webhook:siren"):
        subject = f"INC-1/1/{'ada' if destination.startswith('email') else destination}"
        assert await outcome(still, page(destination, subject)) == ("sent", "")
    assert (still.pagerduty.events, still.mail.received, still.posted) == ([], [], [])


async def test_that_somebody_had_it_is_not_told_of_what_was_raised_again(still: Outside) -> None:
    """PagerDuty would stop calling people."""
    world = still.world
    await red(world)
    await still.acknowledge()
    await raise_now(world.ledger, world.policy, world.asker("cy"), "INC-1", key="k")
    assert await outcome(still, news("pagerduty:default")) == ("sent", "")
    assert still.pagerduty.events == []


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (page("pagerduty:other", "INC-1/1/pagerduty:default"), ("never", "not-configured")),
        (page("webhook:other", "INC-1/1/webhook:siren"), ("never", "not-configured")),
        (page("email:bo"), ("never", "no-address")),
        (page("email:nobody"), ("never", "no-address")),
        (page("pigeon:bo"), ("never", "wrong-lane")),
        (page("email:"), ("never", "wrong-lane")),
        (replace(page("email:ada"), kind="request-card"), ("never", "unknown-kind")),
        (replace(news("email:ada"), subject="INC-99"), ("never", "unknown-incident")),
        (news("email:ada", "opened"), ("never", "unknown-code")),
    ],
)
async def test_what_cannot_be_sent_says_why(
    still: Outside, delivery: Delivery, expected: tuple[str, str]
) -> None:
    await red(still.world)
    assert await outcome(still, delivery) == expected


@pytest.mark.parametrize("destination", ["pagerduty:default", "email:ada", "webhook:siren"])
async def test_where_nothing_is_configured_every_way_says_so(still: Outside, destination: str) -> None:
    world = still.world
    await red(world)
    bare = announcing.OutsideAnnouncer(
        world.ledger, _InForce(still), pagerduty=None, mailer=None, webhooks=None, name=NAME
    )
    still.announcer = bare
    assert await outcome(still, page(destination)) == ("never", "not-configured")
    await still.acknowledge()
    assert await outcome(still, news(destination)) == ("never", "not-configured")


class _InForce:
    def __init__(self, o: Outside) -> None:
        self.policy = o.world.policy


@pytest.mark.parametrize("way", ["pagerduty", "mail", "webhook"])
async def test_a_page_that_cannot_be_worded_is_sent_all_the_same(
    o: Outside, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(f"handlers.paging.{way}.page", broken)
    await red(o.world)
    await o.until(lambda: bool(o.mail.received) and bool(o.posted) and bool(o.pagerduty.events))
    said = {
        "pagerduty": o.pagerduty.events[0]["payload"]["summary"],
        "mail": o.mail.received[0].message.get_content(),
        "webhook": o.posted[0][1]["headline"],
    }[way]
    assert said.startswith("production: an incident for ")
    assert "INC-1" in said


async def test_what_went_live_stands_in_pagerduty_as_a_change(o: Outside) -> None:
    world = o.world
    await world.ready()
    request = await world.ask()
    await world.run_timers()
    await world.approve("ada", "bo")

    def step(tx: Transaction) -> None:
        found = tx.requests.get(request)
        assert found is not None
        change_news.went_live(tx, world.policy, found)

    await world.ledger.write(step)
    await o.until(lambda: bool(o.pagerduty.changes), "the change")
    payload = o.pagerduty.changes[0]["payload"]
    assert payload["summary"] == "checkout 7a3f9c2 went live in production: DEP-1 by lin"
    assert payload["custom_details"]["request"] == "DEP-1"
    assert len(o.pagerduty.changes) == 1


async def test_a_name_that_is_no_integration_hears_of_no_change_and_is_no_failure(still: Outside) -> None:
    world = still.world
    await world.ready()
    await world.ask()
    delivery = replace(page("pagerduty:siren", "DEP-1"), kind="change-news")
    assert await outcome(still, delivery) == ("sent", "")
    assert await outcome(still, replace(delivery, destination="email:ada")) == ("never", "wrong-lane")
    assert still.pagerduty.changes == []
