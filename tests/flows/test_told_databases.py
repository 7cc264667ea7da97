"""What is told survives the database, on each of them: two at the same moment, odd letters, and an audit that holds."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.environment import Colour
from bot.flows.alerts import Alert, Told, alerts, let_age
from bot.flows.heartbeats import Word, heartbeat, named
from bot.flows.status_files import gists, status_files
from storage.ledger import Ledger
from storage.verification import verify
from tests.flows.policy_text import policy_of

SMOKE = "      - {name: smoke, http:"
MONITORS = """\
      - {name: nightly, heartbeat: {every: 1h}}
      - {name: alerts, alertmanager: {matchers: {environment: dev}}}
"""
POLICY = policy_of(
    (SMOKE, MONITORS + SMOKE), ("    severity: P2\n", "    severity: P2\n    writes: staging.status.status\n")
)
ODD = "nul \0 bell \a right \u202e left <!channel> \u2028 snow ☃ \x85"


@pytest.mark.requirement("F7")
async def test_odd_letters_are_kept_harmless(ledger: Ledger) -> None:
    labels = {"alertname": ODD, "environment": "dev", "severity": ODD, ODD: ODD}
    told = Told(
        source="am", receiver=ODD, group=ODD, alerts=(Alert(fingerprint=ODD, firing=True, labels=labels),)
    )
    assert (await alerts(ledger, POLICY, told)).monitors == ("dev/alerts",)
    environment, monitor = named(POLICY, "nightly")
    await heartbeat(ledger, POLICY, environment, monitor, word=Word.ERROR, detail=ODD, source="ci")
    kept = {m.name: m for m in await ledger.read(lambda tx: tx.environments.monitors("dev"))}
    shown = "nul bell right left <!channel> snow ☃"
    assert kept["alerts"].facts == {"firing": 1, "red": 0, "failed": [shown]}
    assert kept["nightly"].facts == {"source": "ci", "detail": shown}
    over = replace(told, alerts=(replace(told.alerts[0], firing=False),))
    await alerts(ledger, POLICY, over)
    await let_age(ledger, POLICY, "dev/alerts")
    kept = {m.name: m for m in await ledger.read(lambda tx: tx.environments.monitors("dev"))}
    assert kept["alerts"].colour is Colour.GREEN
    assert (await verify(ledger)).problems == []


async def test_payloads_that_arrive_at_the_same_moment_are_all_counted(ledger: Ledger) -> None:
    def payload(n: int) -> Told:
        labels = {"alertname": f"A{n}", "environment": "dev", "severity": "critical"}
        alert = Alert(fingerprint=str(n), firing=True, labels=labels)
        return Told(source="am", receiver="r", group=str(n), alerts=(alert,))

    await asyncio.gather(*(alerts(ledger, POLICY, payload(n)) for n in range(60)))
    kept = {m.name: m for m in await ledger.read(lambda tx: tx.environments.monitors("dev"))}
    assert kept["alerts"].facts["firing"] == 60
    assert len(await ledger.read(lambda tx: tx.incidents.open())) == 1


@pytest.mark.requirement("K3")
async def test_what_a_status_file_says_is_read_on_each_database(ledger: Ledger) -> None:
    _, found = await gists(ledger, POLICY)
    assert list(found) == ["staging"]
    (one,) = await status_files(ledger, POLICY, ["staging", "production"])
    assert (one.path, one.status.colour, one.incident) == ("staging.status.status", Colour.UNKNOWN, None)
