"""`portcullis check`: what the gates say, by exit status and in words, without requesting or making anything."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.clock import SystemClock
from bot.domain.audit import Fact
from bot.domain.change_request import Actor
from bot.domain.evidence import Evidence, EvidenceKind
from bot.domain.freeze import Freeze, FreezeClass
from bot.ports import Transaction
from storage import schema
from storage.ledger import Ledger
from tests.cli.conftest import Host, in_thread

NEW, OLD = "7a3f9c2", "1b2c3d4"
DIGESTS = {NEW: "sha256:" + "7a" * 32, OLD: "sha256:" + "1b" * 32}
POLICY = """
version: 1
organization: acme
timezone: America/New_York
services:
  checkout: {{image: "{image}/checkout", deployer: {{command: {{start: ["true"], status: ["true"], rollback: ["true", "{{rollback_digest}}"], timeout: 1m}}}}}}
environments:
  production:
    kind: production
    gates: {{staging-verified: {{in: staging}}, soak: {{in: staging, for: 1h}}, immutable-artifact: {{}}, rollback-target: {{}}, calendar: {{}}}}
    approval: {{seats: [], minimum: 0}}
  staging: {{kind: staging, gates: {{immutable-artifact: {{}}}}, approval: {{seats: [], minimum: 0}}}}
  empty: {{kind: development, gates: {{}}, approval: {{seats: [], minimum: 0}}}}
calendar:
  restrictions:
    - {{name: far-away, environments: [production], start: "0 0 * * SAT", until: "MON 00:00", effect: prohibit}}
"""


@contextmanager
def registry() -> Iterator[str]:
    """An OCI registry on loopback, in a thread of its own: the command line runs its own event loop."""

    async def manifest(request: web.Request) -> web.Response:
        wanted = request.match_info["reference"]
        digest = wanted if wanted in DIGESTS.values() else DIGESTS.get(wanted)
        if digest is None:
            return web.Response(status=404)
        return web.Response(headers={"Docker-Content-Digest": digest})

    app = web.Application()
    app.router.add_get("/v2/{name}/manifests/{reference}", manifest)
    with in_thread(app) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def asked(host: Host) -> Iterator[Host]:
    """A host whose policy names a registry that answers."""
    with registry() as image:
        (host.folder / "policy.yaml").write_text(POLICY.format(image=image), encoding="utf-8")
        yield host


def state(host: Host, *statements: tuple[EvidenceKind, str, str | None, timedelta]) -> None:
    """Have CI's statements in the ledger: kind, tag, environment, how long ago."""
    now = SystemClock().now()

    def step(tx: Transaction) -> None:
        for number, (kind, tag, environment, ago) in enumerate(statements):
            said = Evidence(
                id=f"sha256:{number:064x}",
                kind=kind,
                service="checkout",
                artifact=tag,
                digest=DIGESTS[tag],
                environment=environment,
                passed=True,
                at=now - ago,
                received_at=now - ago,
                source="ci",
            )
            tx.evidence.put(said, Fact(type="evidence.accepted"))

    async def write() -> None:
        await schema.ensure(host.url)
        ledger = Ledger(host.url, SystemClock())
        try:
            await ledger.write(step)
        finally:
            await ledger.close()

    asyncio.run(write())


def all_gates_pass(host: Host, *, soaked: timedelta = timedelta(hours=2)) -> None:
    """Whatever the gates of production want to hear."""
    state(
        host,
        (EvidenceKind.BUILD, NEW, None, timedelta(hours=9)),
        (EvidenceKind.DEPLOYMENT, NEW, "staging", soaked),
        (EvidenceKind.VERIFICATION, NEW, "staging", min(soaked, timedelta(minutes=1))),
        (EvidenceKind.DEPLOYMENT, OLD, "production", timedelta(days=2)),
    )


def next_weekday(day: int) -> str:
    """Noon UTC of the next such day, far enough ahead for every soak (0 is Monday)."""
    today = SystemClock().now().astimezone(UTC)
    ahead = (day - today.weekday()) % 7 or 7
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC) + timedelta(days=ahead)
    return noon.isoformat()


WEDNESDAY, SATURDAY = 2, 5


@pytest.mark.requirement("P23")
def test_all_gates_pass_is_status_0(asked: Host) -> None:
    all_gates_pass(asked)
    ended = asked.call("check", "checkout", NEW, "production", "--at", next_weekday(WEDNESDAY))
    assert (ended.status, ended.err) == (0, "")
    first, *rest = ended.out.splitlines()
    assert first.startswith(f"yes: checkout {NEW} -> production, judged for Wed ")
    assert len(rest) == 5
    assert all("✓ passed" in line for line in rest)


@pytest.mark.requirement("P23")
def test_outside_the_window_is_status_3_and_says_until_when(asked: Host) -> None:
    all_gates_pass(asked)
    at = next_weekday(SATURDAY)
    ended = asked.call("check", "checkout", NEW, "production", "--at", at)
    assert ended.status == 3
    assert ended.out.startswith("not yet: ")
    said = asked.call("check", "checkout", NEW, "production", "--at", at, "--json")
    assert (said.status, said.json["readiness"], said.json["may_start"]) == (3, "waiting", False)
    monday = datetime.fromisoformat(at).date() + timedelta(days=2)
    assert said.json["waits_until"].startswith(monday.isoformat())
    assert said.json["earliest"] == said.json["waits_until"]
    told = ended.out.splitlines()[1]
    assert told.startswith("  earliest start Mon ")
    assert "00:00 America/New_York (in " in told


def freeze(host: Host) -> None:
    """Everything is frozen until somebody lifts it."""
    now = SystemClock().now()
    made = Freeze(
        id="FRZ-1",
        environments=(),
        services=(),
        strength=FreezeClass.HARD,
        reason="Peak trading",
        begins_at=now - timedelta(hours=1),
        ends_at=None,
        break_glass=False,
        declared_by=Actor(via="slack:T1/U01ADA", person="ada"),
        declared_at=now - timedelta(hours=1),
    )

    async def write() -> None:
        ledger = Ledger(host.url, SystemClock())
        try:
            await ledger.write(lambda tx: tx.freezes.put(made, Fact(type="freeze.declared")))
        finally:
            await ledger.close()

    asyncio.run(write())


@pytest.mark.requirement("P6")
def test_what_waits_until_somebody_lifts_a_freeze_is_status_3_and_says_that_nobody_knows_when(
    asked: Host,
) -> None:
    all_gates_pass(asked)
    freeze(asked)
    ended = asked.call("check", "checkout", NEW, "production", "--at", next_weekday(WEDNESDAY))
    assert ended.status == 3
    assert ended.out.splitlines()[1] == (
        "  earliest start unknown: frozen by FRZ-1 (Peak trading) until somebody lifts it; "
        "whoever may lift it can: /deploy unfreeze FRZ-1"
    )
    said = asked.call("check", "checkout", NEW, "production", "--json").json
    assert (said["earliest"], said["waits_until"], said["awaits"]) == (None, None, ["FRZ-1"])


@pytest.mark.requirement("P23")
def test_what_skips_staging_and_has_no_way_back_is_status_1_with_every_reason(asked: Host) -> None:
    state(asked, (EvidenceKind.BUILD, NEW, None, timedelta(hours=1)))
    ended = asked.call("check", "checkout", NEW, "production", "--at", next_weekday(WEDNESDAY))
    assert ended.status == 1
    assert ended.out.startswith("no: ")
    said = asked.call("check", "checkout", NEW, "production", "--json").json
    stopping = {g["gate"] for g in said["gates"] if g["status"] in ("blocked", "unknown")}
    assert {"staging-verified", "soak", "rollback-target"} <= stopping
    assert all(g["unblocks"] for g in said["gates"] if g["gate"] in stopping)


def test_an_environment_without_gates_passes_nothing(asked: Host) -> None:
    asked.write_entries(1)
    ended = asked.call("check", "checkout", NEW, "empty")
    assert ended.status == 1
    assert "an empty policy passes nothing" in ended.out


def test_to_ask_writes_nothing(asked: Host) -> None:
    all_gates_pass(asked)
    before = asked.call("audit", "verify", "--json").json
    asked.call("check", "checkout", NEW, "production")
    assert asked.call("audit", "verify", "--json").json == before


def test_slack_is_not_needed(asked: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.write_entries(1)
    for name in asked.settings:
        monkeypatch.delenv(name)
    assert asked.call("check", "checkout", NEW, "production").status == 1


def test_a_database_that_does_not_exist_is_not_made(asked: Host) -> None:
    ended = asked.call("check", "checkout", NEW, "production")
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == (
        "portcullis: there is no ledger in portcullis.db; `portcullis db upgrade` makes one\n"
    )
    assert not asked.database.exists()


WRONG: list[tuple[list[str], str]] = [
    (["chekout", NEW, "production"], "There is no service “chekout” in the policy. Did you mean “checkout”?"),
    (["checkout", NEW, "prod"], "There is no environment “prod” in the policy."),
    (["checkout", NEW, "production", "--fixes", "stagin"], "There is no environment “stagin” in the policy."),
    (["checkout", "no tag", "production"], "“no tag” is no image tag"),
    (["checkout", NEW, "production", "--at", "tomorrow"], "--at: 'tomorrow' is not a time"),
    (
        ["checkout", NEW, "production", "--at", "2026-03-02T14:00:00"],
        "--at: '2026-03-02T14:00:00' has no offset",
    ),
]


@pytest.mark.parametrize(("arguments", "text"), WRONG)
def test_wrong_usage_is_one_line_and_status_2(asked: Host, arguments: list[str], text: str) -> None:
    asked.write_entries(1)
    ended = asked.call("check", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"portcullis: {text}")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.requirement("C1")
def test_every_problem_of_the_policy_is_told_with_its_line(asked: Host) -> None:
    path = asked.folder / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("in: staging", "in: stagng").replace("kind: staging", "kind: stage"), encoding="utf-8"
    )
    ended = asked.call("check", "checkout", NEW, "production")
    assert ended.status == 2
    lines = ended.err.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("portcullis: policy.yaml:") for line in lines)


def test_the_answer_as_json_is_one_object(asked: Host) -> None:
    all_gates_pass(asked)
    said: dict[str, Any] = json.loads(asked.call("check", "checkout", NEW, "production", "--json").out)
    assert (said["service"], said["artifact"], said["environment"]) == ("checkout", NEW, "production")
    assert said["digest"] == DIGESTS[NEW]
    assert said["running"] == {"artifact": OLD, "digest": DIGESTS[OLD]}
