"""`portcullis calendar` never guesses: what the file alone does not say is fetched, read from the ledger, or told of."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.clock import SystemClock
from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.feed import FeedState
from bot.domain.freeze import Freeze, FreezeClass
from bot.policy.ics import parse_ics
from storage import schema
from storage.ledger import Ledger

POLICY = """\
version: 1
timezone: America/New_York
services: {checkout: {}}
environments:
  production: {kind: production, gates: {calendar: {}}}
  staging: {kind: staging}
calendar:
  freezes:
    - {name: company, environments: [production], ics: "ADDRESS", allow_private: true, stale_after: 6h}
"""
AT = "2026-07-14T12:00:00Z"  # within the event of the feed
ICS = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//acme//x//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
    b"DTSTART:20260714T100000Z\r\nDTEND:20260714T200000Z\r\nSUMMARY:Inventory\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Site:
    """An address that answers with a calendar, or with something else."""

    def __init__(self) -> None:
        self.body, self.status, self.asked = ICS, 200, 0

    def serve(self) -> ThreadingHTTPServer:
        site = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked += 1
                self.send_response(site.status)
                self.send_header("Content-Type", "text/calendar")
                self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing."""

        return ThreadingHTTPServer(("127.0.0.1", 0), Answers)


@pytest.fixture
def site(host: Any) -> Iterator[Site]:
    found = Site()
    server = found.serve()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/freezes.ics"
    (host.folder / "policy.yaml").write_text(POLICY.replace("ADDRESS", address))
    yield found
    server.shutdown()
    server.server_close()
    thread.join(5)


def ask(host: Any, *words: str, environment: str = "production") -> Any:
    return host.call("calendar", "at", "--environment", environment, "--at", AT, *words)


def listing(host: Any, *words: str) -> Any:
    return host.call("calendar", "list", "--from", "2026-07-14", "--to", "2026-07-15", *words)


def keep(host: Any, *, freeze: Freeze | None = None, feed: FeedState | None = None) -> None:
    """Have it in the ledger."""

    async def write() -> None:
        await schema.ensure(host.url)
        ledger = Ledger(host.url, SystemClock())
        try:
            if freeze is not None:
                await ledger.write(lambda tx: tx.freezes.put(freeze, Fact(type="freeze.declared")))
            if feed is not None:
                await ledger.write(lambda tx: tx.feeds.keep(feed, ICS if feed.digest else None))
        finally:
            await ledger.close()

    asyncio.run(write())


def copy_of(host: Any, age: timedelta, **changed: Any) -> FeedState:
    text = (host.folder / "policy.yaml").read_text()
    now = datetime.now(UTC)
    known: dict[str, Any] = {
        "url": text.split('ics: "')[1].split('"')[0],
        "checked_at": now,
        "fetched_at": now - age,
        "digest": parse_ics(ICS, "x").digest,
    }
    return FeedState(**(known | changed))


@pytest.mark.requirement("P12")
def test_a_verdict_without_a_calendar_that_counts_there_is_refused(host: Any, site: Site) -> None:
    ended = ask(host, "--json")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        "the freeze 'company' is fetched from an address, so the file alone does not say when it is in force; "
        "add --fetch or --ledger\n"
    )
    assert site.asked == 0


def test_where_it_does_not_count_it_is_not_missed(host: Any, site: Site) -> None:
    assert ask(host, "--json", environment="staging").json["verdict"] == "allowed"


@pytest.mark.requirement("P12")
def test_what_is_fetched_counts(host: Any, site: Site) -> None:
    ended = ask(host, "--fetch", "--json")
    assert (ended.status, ended.err, site.asked) == (3, "", 1)
    assert ended.json["verdict"] == "prohibited"
    assert ended.json["rules"] == [
        {"name": "company", "kind": "freeze", "effect": "prohibit", "until": "2026-07-14T20:00:00Z"}
    ]
    assert "Inventory" in ask(host, "--fetch").out
    assert "Inventory" in listing(host, "--fetch").out


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"", "it answers with HTTP 500"),
        (200, b"<html>", "calendar"),
        (200, b"", "it answers with nothing"),
        (200, ICS.replace(b"DTSTART:20260714", b"DTSTART:20261714"), "no calendar that can be used"),
    ],
)
def test_what_could_not_be_fetched_is_no_empty_calendar(
    host: Any, site: Site, status: int, body: bytes, why: str
) -> None:
    site.status, site.body = status, body
    ended = ask(host, "--fetch")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("the freeze 'company' could not be fetched: ")
    assert why in ended.err
    assert "127.0.0.1" not in ended.err  # an address may be a secret


def test_a_list_says_what_is_missing_beside_the_output(host: Any, site: Site) -> None:
    ended = listing(host, "--json")
    assert (ended.status, ended.json) == (0, [])
    assert "the freeze 'company' is fetched from an address" in ended.err
    assert "company" not in listing(host, "--environment", "staging").err


def declared(**changed: Any) -> Freeze:
    known: dict[str, Any] = {
        "id": "FRZ-1",
        "environments": ("staging",),
        "services": (),
        "strength": FreezeClass.HARD,
        "reason": "Database work",
        "begins_at": datetime.now(UTC),
        "ends_at": None,
        "break_glass": True,
        "declared_by": Actor(via="slack:T1/U1", person="ada"),
        "declared_at": datetime.now(UTC),
    }
    return Freeze(**(known | changed))


@pytest.mark.requirement("P12")
def test_with_the_ledger_the_command_line_and_slack_agree(host: Any, site: Site) -> None:
    keep(host, freeze=declared(), feed=copy_of(host, timedelta(hours=1)))
    words = ["calendar", "at", "--environment", "staging", "--at", "now"]
    assert host.call(*words, "--json").json["verdict"] == "allowed"
    ended = host.call(*words, "--json", "--ledger")
    assert (ended.status, ended.err) == (1, "")  # until lifted: not within 400 days
    assert (ended.json["verdict"], ended.json["break_glass"]) == ("prohibited", True)
    assert [rule["name"] for rule in ended.json["rules"]] == ["FRZ-1"]
    assert "not included" not in host.call(*words, "--ledger").err
    assert ask(host, "--ledger", "--json").json["rules"][0]["name"] == "company"
    assert site.asked == 0


def test_a_freeze_without_an_end_is_listed_until_lifted(host: Any, site: Site) -> None:
    keep(host, freeze=declared())
    words = [
        "calendar",
        "list",
        "--from",
        "now",
        "--to",
        "2096-12-31",
        "--environment",
        "staging",
        "--ledger",
    ]
    assert "longer than" in host.call(*words).err
    words[5] = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    told = host.call(*words)
    assert " – until lifted " in told.out
    assert told.out.rstrip().endswith("prohibit  freeze  FRZ-1  Database work")
    assert host.call(*words, "--json").json[0]["end"] is None


def test_the_past_is_told_with_the_freezes_that_were_in_force_then(host: Any, site: Site) -> None:
    began = datetime(2026, 7, 1, 8, tzinfo=UTC)
    keep(host, freeze=declared(begins_at=began, declared_at=began, ends_at=began + timedelta(hours=4)))
    words = ["calendar", "at", "--environment", "staging", "--ledger", "--json", "--at"]
    assert host.call(*words, "2026-07-01T11:59:59Z").json["next_allowed"] == "2026-07-01T12:00:00Z"
    assert host.call(*words, "2026-07-01T12:00:00Z").json["rules"] == []
    assert "FRZ-1" not in host.call("calendar", "lint", "--ledger").out  # nobody has to take it out


@pytest.mark.parametrize(
    ("changed", "age", "why"),
    [
        ({}, timedelta(hours=7), "was last fetched 7 h ago, which is longer than its stale_after of 6 h"),
        (
            {"fetched_at": None, "digest": None, "problem": "timeout"},
            timedelta(),
            "has never been fetched with success (the last attempt: the address did not answer in time)",
        ),
    ],
)
def test_a_copy_too_old_to_decide_by_decides_nothing(
    host: Any, site: Site, changed: dict[str, Any], age: timedelta, why: str
) -> None:
    keep(host, feed=copy_of(host, age, **changed))
    ended = ask(host, "--ledger")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == f"the freeze 'company' {why}, so nobody knows what stands in it now\n"


def test_without_a_ledger_there_is_none_to_ask_and_none_is_made(host: Any, site: Site) -> None:
    ended = ask(host, "--ledger")
    assert (ended.status, ended.out) == (2, "")
    assert "there is no ledger in" in ended.err
    assert not host.database.exists()


def test_options_that_a_policy_has_no_use_for_are_no_error(host: Any, site: Site) -> None:
    path: Path = host.folder / "policy.yaml"
    path.write_text(POLICY[: POLICY.index("calendar:\n")])
    assert ask(host, "--fetch", "--json").json["verdict"] == "allowed"
