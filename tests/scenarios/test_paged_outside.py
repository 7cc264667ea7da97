"""The whole bot with PagerDuty and mail beside Slack: RED wakes people there, and an answer there is one here."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sandbox.mail import MailServer
from sandbox.pagerduty import FakePagerDuty
from tests.scenarios.conftest import Make
from tests.scenarios.hands import INCIDENTS
from tests.scenarios.stage import GOOD, Stage

pytestmark = [pytest.mark.requirement("F9"), pytest.mark.requirement("F14")]
KEY, TOKEN, SECRET = "routing-key-0123456789", "api-token-0123456789", "hook-secret-0123456789"
PAGES = (
    "contacts: {primary: cy,",
    """\
incidents: {pages: [default]}
escalation:
  - {notify: [on_call: primary, pagerduty: default], within: 5m}
contacts: {primary: cy,""",
)


@pytest.fixture
async def pagerduty() -> AsyncIterator[FakePagerDuty]:
    made = FakePagerDuty(keys={KEY: "default"}, token=TOKEN)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    made = MailServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def stage(make_stage: Make, pagerduty: FakePagerDuty, mail: MailServer) -> Stage:
    """The usual stage, with PagerDuty and mail."""
    made = await make_stage(PAGES, started=False)
    made.environment |= {
        "PORTCULLIS_PAGERDUTY_KEYS": f"default={KEY}",
        "PORTCULLIS_PAGERDUTY_API_TOKEN": TOKEN,
        "PORTCULLIS_PAGERDUTY_WEBHOOK_SECRETS": f"main={SECRET}",
        "PORTCULLIS_PAGERDUTY_EVENTS_URL": pagerduty.url,
        "PORTCULLIS_PAGERDUTY_API_URL": pagerduty.url,
        "PORTCULLIS_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
        "PORTCULLIS_MAIL_FROM": "portcullis@acme.example",
    }
    await made.start()
    await made.begin()
    pagerduty.subscribe(f"{made.bot_url}/pagerduty/webhooks", SECRET)
    return made


async def test_red_wakes_people_in_pagerduty_and_by_mail_and_their_answer_there_counts_here(
    stage: Stage, pagerduty: FakePagerDuty, mail: MailServer
) -> None:
    await stage.health("error")
    await stage.wait(_found(lambda: pagerduty.incidents.all), what="PagerDuty to be told")
    await stage.wait(_found(lambda: mail.received), what="mail")
    incident = pagerduty.incidents.all[0]
    assert incident.summary.startswith("production is RED")
    assert mail.received[0].recipients == ("cy@acme.example",)
    cy = pagerduty.add_user("Cy", "cy@acme.example")
    assert (await pagerduty.answer(incident.key, "acknowledged", user=cy))[0] == 200
    await stage.message(INCIDENTS, "Cy has it")
    await stage.health("ok")
    await stage.wait(_found(lambda: incident.status == "resolved"), what="its end in PagerDuty")
    await stage.quiet()
    assert len(pagerduty.incidents.all) == 1
    await stage.intact()


async def test_what_went_live_stands_in_pagerduty(stage: Stage, pagerduty: FakePagerDuty) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.card(request, "Approve")
    await stage.approve("ada", request)
    await stage.wait(_found(lambda: pagerduty.changes), what="the change")
    assert request in pagerduty.changes[0]["payload"]["summary"]


def _found(look: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def there() -> object:
        return look() or None

    return there
