"""A token that lies about (in a cron job, in Alertmanager's configuration) does what it is for, and nothing else."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.attacks.conftest import Make
from tests.scenarios.stage import Stage

MONITORS = """\
      - {name: nightly, heartbeat: {every: 1h}}
      - {name: backup, heartbeat: {every: 1h}}
      - {name: alerts, alertmanager: {matchers: {environment: dev}}}
"""
TOLD = ("    severity: P3\n", f"{MONITORS}    severity: P3\n")
CI, CRON, AM, EYE, ROOT = (f"{name}-made-up-0123456789" for name in ("ci", "cron", "am", "eye", "root"))
SCAN = {
    "kind": "scan", "service": "catalogue", "artifact": "b81e6f0", "digest": "sha256:" + "b8" * 32,
    "outcome": "passed", "counts": {"critical": 0},
}  # fmt: skip
ALERT: dict[str, Any] = {
    "version": "4", "groupKey": "{}", "receiver": "r",
    "alerts": [{"status": "firing", "fingerprint": "f00d",
                "labels": {"alertname": "DiskFull", "environment": "dev", "severity": "critical"}}],
}  # fmt: skip


@pytest.fixture
async def stage(make_stage: Make) -> Stage:
    """A bot with a token for each use, as its settings have them."""
    stage = await make_stage(TOLD, started=False)
    stage.environment["PORTCULLIS_API_TOKENS"] = (
        f"ci:evidence={CI} cron:heartbeat/dev/nightly={CRON}, am:alerts={AM} eye:read={EYE} root={ROOT}"
    )
    await stage.start()
    return stage


async def said(stage: Stage, method: str, target: str, *headers: str, body: str = "") -> tuple[int, str]:
    """What the bot answers to exactly these bytes: no client mends the address."""
    where = urlsplit(stage.bot_url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    lines = (
        f"{method} {target} HTTP/1.1",
        "Host: bot",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *headers,
    )
    writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split()[1]), answer


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


async def kept(stage: Stage) -> tuple[int, int]:
    """How many statements stand in the ledger, and how many incidents."""
    evidence = await stage.entries("evidence.accepted")
    return len(evidence), len(await stage.read(lambda tx: tx.incidents.open()))


async def test_a_token_found_in_a_job_or_in_alertmanager_forges_no_evidence_and_reads_nothing(
    stage: Stage,
) -> None:
    scan = json.dumps(SCAN | {"at": datetime.now(UTC).isoformat()})
    alert = json.dumps(ALERT)
    for token in (CRON, AM, EYE):
        status, answer = await said(stage, "POST", "/api/v1/evidence", bearer(token), body=scan)
        assert status == 403
        assert "posting evidence takes one for evidence" in answer
    for token in (CI, CRON, EYE):
        status, answer = await said(stage, "POST", "/alertmanager", bearer(token), body=alert)
        assert (status, token in answer) == (403, False)
    for token in (CI, AM, EYE):
        assert (await said(stage, "POST", "/heartbeat/dev/nightly", bearer(token)))[0] == 403
    for token in (CI, CRON, AM):
        for path in (
            "/status",
            "/status.json",
            "/calendar.ics",
            "/api/v1/requests",
            "/api/v1/requests/DEP-1",
        ):
            for method in ("GET", "HEAD"):
                assert (await said(stage, method, path, bearer(token)))[0] == 403
    assert await kept(stage) == (0, 0)
    assert (await said(stage, "POST", "/api/v1/evidence", bearer(CI), body=scan))[0] == 201
    assert (await said(stage, "POST", "/alertmanager", bearer(AM), body=alert))[0] == 200
    assert (await said(stage, "POST", "/heartbeat/dev/nightly", bearer(CRON)))[0] == 200
    assert (await said(stage, "GET", "/api/v1/requests", bearer(EYE)))[0] == 200
    assert await kept(stage) == (1, 1)
    (entry,) = await stage.entries("evidence.accepted")
    assert entry["by"]["via"] == "token:ci"


SPELLINGS = [
    *("/api/v1/evidence", "/api/v1/%65vidence", "/API/v1/evidence", "/api/v1/evidence/", "//api/v1/evidence"),
    *("/api%2Fv1%2Fevidence", "/./api/v1/evidence", "/heartbeat/../api/v1/evidence", "http://bot/api/v1/evidence"),
    *("/api/v1/evidence?scope=evidence", "/api/v1/evidence;x", "/api/v1/evidence%00", "/api/v1/evidence%20"),
    *("/heartbeat/nightly", "/heartbeat/%6eightly", "/heartbeat/backup", "/heartbeat/dev/backup"),
    *("/heartbeat/dev%2Fbackup", "/heartbeat/dev/nightly/../backup", "/heartbeat/dev/nightly%2F..%2Fbackup"),
    *("/heartbeat/dev/nightly/", "/heartbeat/dev//nightly", "/heartbeat//nightly", "/heartbeat/%2Fnightly"),
    *("/heartbeat/dev/%2Fnightly", "/heartbeat/dev%2F/nightly", "/heartbeat/x%2Fdev/nightly"),
    *("/heartbeat/staging/nightly", "/heartbeat/DEV/nightly", "/heartbeat/dev/NIGHTLY", "/heartbeat/dev/nightly%00"),
    *("/heartbeat/dev/nightly%20", "/heartbeat/dev/nightly;backup", "/heartbeat/dev/%EF%BD%8Eightly"),
    *("/heartbeat/dev/nightly+backup", "/heartbeat/dev%252Fnightly", "/heartbeat/", "/alertmanager", "/alert%6danager"),
]  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "OPTIONS", "PUT"])
async def test_no_spelling_of_an_address_opens_more_than_the_one_heartbeat(stage: Stage, method: str) -> None:
    before = await stage.read(lambda tx: tx.environments.monitors())
    for target in SPELLINGS:
        status, _ = await said(stage, method, target, bearer(CRON), body="{}")
        assert status in (400, 403, 404, 405), (target, status)
    told = {m.name: m.read_at for m in await stage.read(lambda tx: tx.environments.monitors())}
    assert {name: told[name] for name in ("nightly", "backup", "alerts") if name in told} == {
        m.name: m.read_at for m in before if m.name in ("nightly", "backup", "alerts")
    }
    assert await kept(stage) == (0, 0)
    for target in ("/heartbeat/dev/nightly", "/heartbeat/dev%2Fnightly", "/heartbeat/dev/%6eightly"):
        assert (await said(stage, "POST", target, bearer(CRON)))[0] == 200, target


async def test_nothing_that_is_sent_beside_a_token_makes_it_another_one(stage: Stage) -> None:
    target = "/api/v1/evidence"
    for headers in (
        (bearer(CRON), "X-HTTP-Method-Override: GET"),
        (bearer(CRON), bearer(CRON)),
        (bearer(CRON), "X-Forwarded-For: 127.0.0.1", "X-Original-URL: /heartbeat/dev/nightly"),
        (bearer(CRON), "X-Rewrite-URL: /healthz", "Cookie: token=x"),
        (f"authorization:   BEARER    {CRON}  ",),
    ):
        status, _ = await said(stage, "POST", target, *headers, body="{}")
        assert status in (400, 403), headers
    for header in (
        *(bearer(f"{CRON} {CI}"), bearer(f"{CI}={CRON}"), bearer(f"ci:evidence={CI}"), bearer(CI[:-1])),
        *(
            f"Authorization: Bearer, {CI}",
            f"Authorization: evidence {CI}",
            f"Authorization: {CI}",
            "Cookie: x",
        ),
    ):
        status, answer = await said(stage, "POST", target, header, body="{}")
        assert (status, CI[:-1] in answer) == (401, False), header
    for query in (f"?token={CI}", f"?access_token={CI}", f"?authorization=Bearer%20{CI}"):
        assert (await said(stage, "POST", target + query, bearer(CRON), body="{}"))[0] == 403
    assert await kept(stage) == (0, 0)
