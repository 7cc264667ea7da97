"""GET /calendar.ics: what a real client reads out of it is what the calendar that decides says."""

import asyncio
import base64
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest
import recurring_ical_events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cli.policy import load_policy
from bot.domain.audit import Fact
from bot.domain.calendar import Calendar, Verdict
from bot.domain.change_request import Actor
from bot.domain.freeze import Freeze, FreezeClass
from bot.flows.calendar_feed import Published
from bot.flows.reload_policy import put_in_force
from bot.policy import Policy
from bot.policy.ics import parse_ics
from handlers.http import calendar_text
from handlers.http.app import build_http
from handlers.http.calendar_events import Show, View
from handlers.http.calendar_feed import RENDERINGS
from handlers.http.calendar_text import MOST_EVENTS, render

NOW = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)  # the conftest's Wednesday
START, END = datetime(2026, 2, 25, tzinfo=UTC), datetime(2027, 4, 8, tzinfo=UTC)
OPEN = (Verdict.PREFERRED, Verdict.ALLOWED)
RULES = """\
version: 1
organization: acme
timezone: {zone}
services: {{checkout: {{}}, web: {{}}}}
environments:
  production: {{kind: production, gates: {{calendar: {{}}}}}}
  staging: {{kind: staging, gates: {{calendar: {{}}}}}}
  dev: {{kind: development}}
calendar:
  windows:
    - {{name: standard, environments: [production], start: "0 10 * * TUE-THU", until: "14:00", effect: prefer}}
    - {{name: weekdays, environments: [production], start: "30 1 * * MON-FRI", until: "24:00"}}
  restrictions:
    - {{name: evening, environments: [production], start: "0 18 * * *", until: "24:00", effect: discourage}}
    - {{name: weekend, environments: [production], start: "0 0 * * SAT", until: "MON 00:00", break_glass: true}}
    - {{name: night, environments: [staging], start: "0 22 * * *", until: "04:00"}}
  holidays:
    - {{country: US, subdivision: NY, environments: [production], break_glass: true}}
    - {{name: party, days: [{{date: 06-12, name: Summer party}}], effect: discourage}}
  freezes:
    - {{name: black-friday, environments: [production], from: "2026-11-23", to: "2026-12-01", reason: Peak trading}}
    - {{name: migration, services: [checkout], from: "2026-05-04T06:30", to: "2026-05-06T18:00", reason: "New; schema, \\"v2\\""}}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return written(tmp_path, "America/New_York")


def written(folder: Path, zone: str, more: str = "") -> Policy:
    path = folder / "policy.yaml"
    path.write_text(RULES.format(zone=zone) + more, encoding="utf-8")
    return load_policy(path)


@pytest.fixture
def here(served: Any, policy: Policy) -> Any:
    """The application with the policy of this file in force."""
    served.in_force.policy = policy
    return served


async def fetched(here: Any, query: str = "", **headers: str) -> tuple[int, bytes, Any]:
    async with here.session.get(f"{here.url}/calendar.ics{query}", headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


def parsed(body: bytes) -> Any:
    return icalendar.Calendar.from_ical(body)


def summaries(body: bytes) -> set[str]:
    return {str(event["SUMMARY"]) for event in parsed(body).walk("VEVENT")}


def frozen(number: int = 1, **changed: Any) -> Freeze:
    """A hard freeze of production from now until it is lifted, declared by a person."""
    known: dict[str, Any] = {
        "id": f"FRZ-{number}",
        "environments": ("production",),
        "services": (),
        "strength": FreezeClass.HARD,
        "reason": "Checkout is on fire",
        "begins_at": NOW,
        "ends_at": None,
        "break_glass": False,
        "declared_by": Actor(via="slack:T1/U1", person="ada"),
        "declared_at": NOW,
    }
    return Freeze(**(known | changed))


async def declare(here: Any, freeze: Freeze) -> None:
    await here.ledger.write(lambda tx: tx.freezes.put(freeze, Fact(type="freeze.declared")))


class Read:
    """A calendar as a client sees it: which events are there at an instant."""

    def __init__(self, body: bytes) -> None:
        self._query = recurring_ical_events.of(parsed(body))

    def at(self, instant: datetime) -> set[str]:
        return {str(event["SUMMARY"]) for event in self._query.at(instant)}


def instants(calendar: Calendar, environment: str, service: str | None = None) -> Iterator[datetime]:
    """Around every change of the verdict: a second before, the instant itself, and a while after."""
    at: datetime | None = START
    while at is not None and at < END:
        yield at
        yield at + timedelta(minutes=17)
        at = calendar.at(at, environment=environment, service=service).next_change
        if at is not None and at < END:
            yield at - timedelta(seconds=1)


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("service", [None, "checkout", "web"])
@pytest.mark.parametrize("environment", ["production", "staging"])
async def test_a_client_sees_an_opening_exactly_when_deploying_is_allowed(
    here: Any, policy: Policy, environment: str, service: str | None
) -> None:
    query = f"?environment={environment}" + (f"&service={service}" if service else "")
    status, body, headers = await fetched(here, query)
    assert (status, headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    read, asked = Read(body), 0
    place = f"{service} in {environment}" if service else environment
    for instant in list(instants(policy.calendar, environment, service))[::7]:
        verdict = policy.calendar.at(instant, environment=environment, service=service).verdict
        openings = {each for each in read.at(instant) if ": deployments " in each}
        expected = {f"{place}: deployments {verdict.value}"} if verdict in OPEN else set()
        assert openings == expected, instant
        asked += 1
    assert asked > 100


@pytest.mark.requirement("P12")
async def test_the_closings_and_the_stretches_of_the_calendar_are_the_same(here: Any, policy: Policy) -> None:
    _, body, _ = await fetched(here, "?environment=production&show=closed")
    shown = sorted((event.start, event.end) for event in parsed(body).walk("VEVENT"))
    stretches = policy.calendar.stretches(START, END, environment="production")
    merged: list[tuple[datetime, datetime]] = []
    for each in stretches:
        if each.verdict is Verdict.PROHIBITED:
            if merged and merged[-1][1] == each.start:
                merged[-1] = (merged[-1][0], each.end)
            else:
                merged.append((each.start, each.end))
    assert shown == merged


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "UTC"])
def test_what_is_prohibited_here_is_prohibited_by_another_one_that_subscribes(
    tmp_path: Path, zone: str
) -> None:
    first = written(tmp_path, zone)
    own = Freeze(
        **{
            **_fields(frozen()),
            "begins_at": datetime(2026, 4, 1, 10, 0, 0, 250_000, tzinfo=UTC),
            "ends_at": datetime(2026, 4, 1, 11, 0, 0, 250_000, tzinfo=UTC),
        }
    )
    rule = own.rule()
    assert rule is not None
    calendar = first.calendar.with_rules([rule])
    body = render(found(calendar), first, view(("production",), Show.CLOSED))
    (tmp_path / "theirs.ics").write_bytes(body)
    path = tmp_path / "second.yaml"
    path.write_text(
        "version: 1\ntimezone: Asia/Kathmandu\nenvironments: {live: {kind: production}}\n"
        "calendar: {freezes: [{name: theirs, ics: theirs.ics}]}\n",
        encoding="utf-8",
    )
    second = load_policy(path)
    for instant in instants(calendar, "production"):
        here = calendar.at(instant, environment="production").verdict
        there = second.calendar.at(instant, environment="live").verdict
        assert (here is Verdict.PROHIBITED) == (there is Verdict.PROHIBITED) or instant.date() == date(
            2026, 4, 1
        ), instant
        if here is Verdict.PROHIBITED:
            assert there is Verdict.PROHIBITED, instant


def _fields(freeze: Freeze) -> dict[str, Any]:
    return {name: getattr(freeze, name) for name in Freeze.__dataclass_fields__}


def found(calendar: Calendar, **changed: Any) -> Published:
    known: dict[str, Any] = {"declared": {}, "unknown": (), "in_force_at": None}
    return Published(calendar=calendar, **(known | changed))


def view(environments: tuple[str, ...], show: Show = Show.ALL, **changed: Any) -> View:
    known: dict[str, Any] = {"service": None, "reasons": False, "day": NOW.date()}
    return View(environments=environments, show=show, **(known | changed))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    day=st.dates(date(1973, 1, 1), date(2094, 1, 1)),
    show=st.sampled_from(Show),
    service=st.sampled_from([None, "checkout"]),
    reasons=st.booleans(),
)
def test_our_own_reader_accepts_it_on_any_day(
    policy: Policy, day: date, show: Show, service: str | None, reasons: bool
) -> None:
    body = render(
        found(policy.calendar),
        policy,
        view(tuple(policy.environments), show, day=day, service=service, reasons=reasons),
    )
    read = parse_ics(body, "ours")
    assert read.skipped == 0
    identities = [str(event["UID"]) for event in parsed(body).walk("VEVENT")]
    assert len(identities) == len(set(identities)) == read.events
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    assert b"\n" not in body.replace(b"\r\n", b"")


async def test_without_a_token_names_and_effects_are_shown_and_no_reason(here: Any) -> None:
    await declare(here, frozen())
    _, body, headers = await fetched(here)
    assert {
        "Freeze black-friday: production prohibited",
        "Freeze FRZ-1: production prohibited",
        "Freeze migration: checkout in all environments prohibited",
        "Holiday Thanksgiving Day: production prohibited",
        "Holiday Summer party: all environments discouraged",
        "Restriction weekend: production prohibited",
        "production: deployments preferred",
        "staging: deployments allowed",
    } <= summaries(body)
    for reason in (b"Peak trading", b"on fire", b"schema"):
        assert reason not in body
    assert not any(each.startswith("Restriction night") for each in summaries(body))  # gaps between openings
    assert headers["Cache-Control"] == "no-cache"


def basic(token: str, user: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
async def test_with_a_token_the_reasons_are_shown(here: Any, scheme: str) -> None:
    await declare(here, frozen())
    token = here.context.tokens[-1].secret.get_secret_value()
    sent = basic(token) if scheme == "Basic" else f"Bearer {token}"
    status, body, headers = await fetched(here, "?environment=production", Authorization=sent)
    assert status == 200
    told = {str(event["SUMMARY"]): str(event.get("DESCRIPTION", "")) for event in parsed(body).walk("VEVENT")}
    assert "Reason: Peak trading" in told["Freeze black-friday: production prohibited"]
    assert 'Reason: New; schema, "v2"' in told["Freeze migration: checkout in all environments prohibited"]
    assert "Reason: Checkout is on fire" in told["Freeze FRZ-1: production prohibited"]
    assert "until it is lifted" in told["Freeze FRZ-1: production prohibited"]
    assert headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    "sent",
    [
        basic("wrong-0123456789abcdef"),
        basic(""),
        "Basic !!!",
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic",
        "Bearer wrong-0123456789abcdef",
        "Bearer",
        "Digest x",
        "Basic " + base64.b64encode(b"a:\xff\xfe").decode(),
    ],
)
async def test_a_wrong_token_is_a_401_that_makes_a_client_ask_for_the_right_one(here: Any, sent: str) -> None:
    status, body, headers = await fetched(here, Authorization=sent)
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
    assert b"BEGIN" not in body


@pytest.mark.parametrize(
    ("query", "status", "code", "said"),
    [
        ("?environment=prodution", 404, "unknown-environment", "did you mean production?"),
        ("?environment=", 404, "unknown-environment", "there are production, staging, dev"),
        ("?service=chekout", 404, "unknown-service", "did you mean checkout?"),
        ("?enviroment=production", 400, "unknown-parameter", "did you mean environment?"),
        ("?environment=production&environment=dev", 400, "parameter-twice", "say it once"),
        ("?show=everything", 400, "bad-parameter", "all, open, closed"),
        ("?environment=" + "x" * 3000, 404, "unknown-environment", "x…"[:1]),
    ],
)
async def test_what_there_is_not_is_refused_with_a_sentence(
    here: Any, query: str, status: int, code: str, said: str
) -> None:
    async with here.session.get(f"{here.url}/calendar.ics{query}") as answer:
        told = await answer.json()
    assert (answer.status, told["error"]) == (status, code)
    assert said in told["message"]
    assert len(told["message"]) < 250


async def test_a_client_that_has_it_is_told_so_until_something_changes(here: Any) -> None:
    _, body, headers = await fetched(here, "?environment=production")
    tag = headers["ETag"]
    again = await fetched(here, "?environment=production", **{"If-None-Match": tag})
    assert (again[0], again[1], again[2]["ETag"]) == (304, b"", tag)
    here.clock.at += timedelta(hours=7)  # the same day
    assert (await fetched(here, "?environment=production", **{"If-None-Match": f'"x", {tag}'}))[0] == 304
    await declare(here, frozen())
    status, changed, headers = await fetched(here, "?environment=production", **{"If-None-Match": tag})
    assert (status, headers["ETag"] == tag, changed == body) == (200, False, False)
    here.clock.at += timedelta(days=1)
    assert (await fetched(here, "?environment=production", **{"If-None-Match": headers["ETag"]}))[0] == 200


@pytest.mark.parametrize("tag", ["garbage", '"', 'W/"x", "y"', "", "\\", '"' + "x" * 5000 + '"'])
async def test_a_tag_that_is_not_ours_gets_the_calendar(here: Any, tag: str) -> None:
    status, body, _ = await fetched(here, "?environment=dev", **{"If-None-Match": tag})
    assert (status, body[:15]) == (200, b"BEGIN:VCALENDAR")


async def test_head_tells_the_same_without_the_body(here: Any) -> None:
    got = await fetched(here)
    async with here.session.head(f"{here.url}/calendar.ics") as answer:
        assert answer.status == 200
        assert await answer.read() == b""
        assert answer.headers["ETag"] == got[2]["ETag"]
        assert answer.headers["Content-Type"] == got[2]["Content-Type"]


async def test_it_says_what_a_subscriber_needs(here: Any, policy: Policy) -> None:
    here.clock.at -= timedelta(hours=3)
    await put_in_force(here.ledger, policy)
    here.clock.at += timedelta(hours=3)
    _, body, _ = await fetched(here)
    calendar = parsed(body)
    assert calendar["X-WR-CALNAME"] == "Deployments: production, staging, dev (acme)"
    assert calendar["REFRESH-INTERVAL"].dt == timedelta(minutes=15)
    assert calendar["REFRESH-INTERVAL"].params["VALUE"] == "DURATION"
    assert calendar["X-PUBLISHED-TTL"].to_ical() == b"PT15M"
    assert "Without a calendar gate, so nothing here stops anything there: dev." in calendar["X-WR-CALDESC"]
    assert "open but for freezes and holidays: dev." in calendar["X-WR-CALDESC"]
    for event in calendar.walk("VEVENT"):
        assert event["TRANSP"] == "TRANSPARENT"
        assert event["CATEGORIES"].cats
        assert event.start.tzinfo is not None
        assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt <= here.clock.now()
    opening = next(event for event in calendar.walk("VEVENT") if "preferred" in event["SUMMARY"])
    assert opening["DTSTAMP"].dt == NOW - timedelta(hours=3)  # since when the policy is in force


async def test_identities_stay_while_days_pass_and_revisions_grow(here: Any) -> None:
    await declare(here, frozen())
    await declare(here, frozen(2, begins_at=NOW + timedelta(days=30), ends_at=NOW + timedelta(days=31)))

    async def events() -> dict[str, Any]:
        return {str(event["UID"]): event for event in parsed((await fetched(here))[1]).walk("VEVENT")}

    first = await events()
    here.clock.at += timedelta(days=1)
    second = await events()
    kept = first.keys() & second.keys()
    assert len(kept) > len(first) - 12
    for uid in kept:
        if (first[uid].start, first[uid].end) != (second[uid].start, second[uid].end):
            assert second[uid]["SEQUENCE"] > first[uid]["SEQUENCE"]
            assert second[uid]["LAST-MODIFIED"].dt > first[uid]["LAST-MODIFIED"].dt
    unending = next(e for e in second.values() if "FRZ-1" in e["SUMMARY"])
    assert unending.end == datetime(2026, 3, 5, tzinfo=UTC) + timedelta(days=400)
    for number, begins, ends in ((1, NOW, None), (2, NOW + timedelta(days=30), NOW + timedelta(days=31))):
        lifted = frozen(
            number,
            begins_at=begins if number == 1 else NOW,
            ends_at=ends,
            lifted_at=here.clock.now(),
            lifted_by=Actor(via="slack:T1/U1", person="ada"),
        )
        await declare(here, lifted)
    third = await events()
    assert third[str(unending["UID"])].end == here.clock.now()
    assert third[str(unending["UID"])]["SEQUENCE"] > unending["SEQUENCE"]


async def test_a_freeze_that_was_lifted_before_it_began_is_gone(here: Any) -> None:
    ahead = {"begins_at": NOW + timedelta(days=3), "ends_at": NOW + timedelta(days=4)}
    await declare(here, frozen(**ahead))
    assert "Freeze FRZ-1: production prohibited" in summaries((await fetched(here))[1])
    by = Actor(via="slack:T1/U1", person="ada")
    await declare(here, frozen(**ahead, lifted_at=NOW, lifted_by=by, lift_reason="not needed"))
    assert "Freeze FRZ-1: production prohibited" not in summaries((await fetched(here))[1])


def test_more_than_fits_is_cut_where_it_says_so(tmp_path: Path) -> None:
    busy = '    - {name: busy, environments: [dev], start: "*/30 * * * *", for: 10m}\n'
    first = written(tmp_path, "UTC")
    path = tmp_path / "policy.yaml"
    path.write_text(RULES.format(zone="UTC").replace("  restrictions:\n", busy + "  restrictions:\n"))
    busy_policy = load_policy(path)
    body = render(found(busy_policy.calendar), busy_policy, view(("dev",)))
    calendar = parsed(body)
    events = sorted(calendar.walk("VEVENT"), key=lambda event: event.start)
    assert len(events) == MOST_EVENTS
    told = calendar["X-WR-CALDESC"]
    match = re.search(r"complete only until (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", told)
    assert match is not None
    until = datetime.fromisoformat(f"{match[1]}+00:00")
    assert events[-1].start <= until < events[-1].start + timedelta(hours=1)
    assert (
        "Cut off" not in parsed(render(found(first.calendar), first, view(("production",))))["X-WR-CALDESC"]
    )
    assert parse_ics(body, "ours").events == MOST_EVENTS


async def test_closings_that_nobody_knows_all_of_are_not_told(here: Any, tmp_path: Path) -> None:
    more = "    - {name: company, environments: [staging], ics: 'https://calendar.invalid/x.ics'}\n"
    here.in_force.policy = written(tmp_path, "UTC", more)
    status, body, headers = await fetched(here, "?environment=staging&show=closed")
    assert (status, headers["Retry-After"]) == (503, "300")
    assert b"company is missing or too old" in body
    assert (await fetched(here, "?environment=production&show=closed"))[0] == 200
    _, body, _ = await fetched(here, "?environment=staging")
    assert "Not known now: the fetched calendar of company" in parsed(body)["X-WR-CALDESC"]
    assert b"calendar.invalid" not in body


async def test_many_who_ask_at_once_have_it_rendered_once_and_hold_nobody_up(
    here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    go_on = threading.Event()
    original = calendar_text.render

    def slow(*args: Any) -> bytes:
        rendered.append(args)
        assert go_on.wait(30)  # a thread waits, not the loop
        return original(*args)

    monkeypatch.setattr("handlers.http.calendar_feed.render", slow)
    asked = [asyncio.create_task(fetched(here, "?environment=production")) for _ in range(20)]
    while not rendered:
        await asyncio.sleep(0.005)
    async with here.session.get(f"{here.url}/healthz") as answer:
        assert answer.status == 200
    assert not any(task.done() for task in asked)
    go_on.set()
    answers = await asyncio.gather(*asked)
    assert {status for status, _, _ in answers} == {200}
    assert len({body for _, body, _ in answers}) == 1
    assert len(rendered) == 1


async def test_only_so_many_calendars_are_kept(here: Any) -> None:
    app = build_http(here.context, None)
    renderings = app[RENDERINGS]
    policy = here.in_force.policy
    for day in range(40):
        one = view(("dev",), day=NOW.date() + timedelta(days=day))
        await renderings.of(found(policy.calendar), policy, one)
    assert len(renderings.kept) == 32


def test_text_that_no_calendar_may_hold_is_left_out(tmp_path: Path) -> None:
    strange = (
        '    - {name: "odd\\a;,\\\\name", from: "2026-03-10", to: "2026-03-11", '
        'reason: "line one\\nEND:VEVENT\\r\\nBEGIN:VALARM"}\n'
    )
    odd = written(tmp_path, "UTC", strange)
    body = render(found(odd.calendar), odd, view(("production",), reasons=True))
    names = [name for name in summaries(body) if name.startswith("Freeze odd")]
    assert names == ["Freeze odd ;,\\name: all environments prohibited"]
    assert not parsed(body).walk("VALARM")
    parse_ics(body, "ours")
