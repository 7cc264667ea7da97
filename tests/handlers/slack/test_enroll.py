"""`/deploy enroll`, `confirm-factor` and `reset-factor`: to one person alone, without authority, in words that help."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession, web

from bot.domain.audit import Fact
from bot.domain.owed import Delivery
from bot.domain.second_factor import Credential
from bot.policy import Policy
from handlers.slack import enroll
from handlers.slack.app import build_app
from handlers.slack.context import SlackContext
from handlers.slack.events import slack_events
from handlers.slack.voice import Voice
from storage.ledger import Ledger
from tests.handlers.slack.conftest import People, Stub, serve, until
from tests.handlers.slack.examples import HOUR, NOW, POLICY, accepted_by_slack, make_policy, text_of
from tests.handlers.slack.workspace import ADA, BO, CY, LIN, STRANGER, shown

pytestmark = pytest.mark.requirement("P8")
KEEPERS = "second_factors: {administrators: [keeper], cool_off: 24h}\n"
LINK = re.compile(r"https://portcullis\.acme\.example/mfa/(enroll/)?[A-Za-z0-9_-]{43}")


@pytest.fixture(scope="session")
def policy() -> Policy:
    return make_policy(POLICY.replace("roles:\n", "roles:\n  keeper: {people: [ada, bo]}\n", 1) + KEEPERS)


@pytest.fixture
def context(context: SlackContext) -> SlackContext:
    """With pages of our own."""
    return replace(context, pages="https://portcullis.acme.example")


@pytest.fixture
def without_pages(context: SlackContext) -> SlackContext:
    return replace(context, pages=None)


async def holds(ledger: Ledger, person: str, **changes: Any) -> Credential:
    usual: dict[str, Any] = {
        "id": f"totp-{person}",
        "person": person,
        "method": "totp",
        "sealed": "x",
        "enrolled_at": NOW - HOUR,
        "enrolled_by": "host:root",
        "name": "Phone",
    }
    credential = Credential(**(usual | changes))
    fact = Fact(type="credential.enrolled")
    await ledger.write(lambda tx: tx.credentials.put(credential, fact))
    return credential


def links(answer: Any) -> list[str]:
    """The addresses of the buttons."""
    rows = [b for b in answer.body["blocks"] if b["type"] == "actions"]
    return [e["url"] for row in rows for e in row["elements"]]


async def test_enroll_answers_to_one_person_with_a_link_that_enrols_nothing(
    people: People, ledger: Ledger
) -> None:
    answer = await people.command(LIN, "enroll")
    said = shown(answer.body)
    assert "You have no second factor here yet." in said
    assert "enrols nothing by itself" in said
    (url,) = links(answer)
    assert LINK.fullmatch(url)
    assert "/mfa/enroll/" in url
    assert await ledger.read(lambda tx: tx.credentials.of("lin")) == []


async def test_each_command_opens_a_link_of_its_own(people: People) -> None:
    assert links(await people.command(LIN, "enroll")) != links(await people.command(LIN, "enroll"))


async def test_what_one_has_is_listed_with_how_far_it_counts(people: People, ledger: Ledger) -> None:
    await holds(ledger, "lin", name="<!channel>")
    await holds(ledger, "lin", id="k2", method="passkey", usable_from=NOW + HOUR, name="Laptop")
    await holds(ledger, "lin", id="k3", pending=True, name=None)
    said = shown((await people.command(LIN, "enroll")).body)
    assert "An authenticator app “&lt;!channel&gt;”" in said
    assert "counts everywhere" in said
    assert re.search(r"A passkey “Laptop”.*counts for production from <!date", said)
    assert "waits for an administrator (/deploy confirm-factor lin)" in said


async def test_a_stranger_is_told_so(people: People) -> None:
    assert "stands for nobody in the policy" in shown((await people.command(STRANGER, "enroll")).body)


async def test_an_administrator_gets_a_way_to_confirm_that_confirms_nothing_by_itself(
    people: People, ledger: Ledger
) -> None:
    await holds(ledger, "ada")
    await holds(ledger, "lin", id="fresh", pending=True, name="<@U02ADA> *bold*")
    answer = await people.command(ADA, "confirm-factor lin")
    said = shown(answer.body)
    assert "Confirm an authenticator app “&lt;@U02ADA&gt; *bold*” of Lin?" in said
    assert "in person or by phone" in said
    assert LINK.fullmatch(links(answer)[0])
    kept = await ledger.read(lambda tx: tx.credentials.get("fresh"))
    assert kept is not None
    assert kept.pending


@pytest.mark.parametrize(
    ("user", "words", "said"),
    [
        (ADA, "confirm-factor", "Say whose: /deploy confirm-factor PERSON."),
        (ADA, "confirm-factor cy", "Nothing of cy waits to be confirmed"),
        (ADA, "confirm-factor mallory", "There is no person “mallory” in the policy"),
        (CY, "confirm-factor lin", "This takes an administrator of second factors (keeper)"),
        (CY, "confirm-factor lin", "Ada or bo can do it."),
        (ADA, "confirm-factor ada", "Nobody does this to themselves. bo can do it."),
        (BO, "confirm-factor lin", "You have no second factor here yet"),
        (ADA, "reset-factor lin", "Give a reason"),
        (ADA, "reset-factor", "Say whose: /deploy reset-factor PERSON reason."),
        (CY, "reset-factor lin lost", "This takes an administrator of second factors"),
        (STRANGER, "reset-factor lin lost", "stands for nobody in the policy"),
    ],
)
async def test_what_is_refused_is_said_with_who_can(
    people: People, ledger: Ledger, user: str, words: str, said: str
) -> None:
    await holds(ledger, "ada")
    await holds(ledger, "lin", id="fresh", pending=True)
    assert said in shown((await people.command(user, words)).body)


@pytest.mark.parametrize("named", ["lin", f"<@{LIN}|lin>", "@lin"])
async def test_the_first_administrator_gets_a_way_to_reset(
    people: People, ledger: Ledger, named: str
) -> None:
    await holds(ledger, "ada")
    answer = await people.command(ADA, f"reset-factor {named} phone was stolen")
    said = shown(answer.body)
    assert "Take away everything that Lin enrolled and linked?" in said
    assert "You are the first" in said
    assert LINK.fullmatch(links(answer)[0])


async def test_the_person_themselves_raises_an_alarm_with_one_line(people: People, ledger: Ledger) -> None:
    said = shown((await people.command(LIN, "reset-factor lin it was not me")).body)
    assert "The channel was told" in said
    assert "speak to ada or bo in person" in said
    entries = await ledger.read(lambda tx: tx.trail.entries(subject="person/lin"))
    assert len(entries) == 1


# Where there are no pages


@pytest.fixture
async def bare(without_pages: SlackContext, stub: Stub) -> AsyncIterator[People]:
    """People who talk to a bot without pages."""
    runner, url = await serve(web.post("/slack/events", slack_events(build_app(without_pages))))
    async with ClientSession() as session:
        yield People(f"{url}/slack/events", session, stub)
    await runner.cleanup()


async def test_without_pages_the_hosts_operator_enrols(bare: People, ledger: Ledger) -> None:
    answer = await bare.command(LIN, "enroll")
    assert "`portcullis enroll lin`" in shown(answer.body)
    assert links(answer) == []
    await holds(ledger, "lin")
    assert "`portcullis enroll lin --again`" in shown((await bare.command(LIN, "enroll")).body)


async def opened(
    bare: People, ledger: Ledger, stub: Stub, words: str = "confirm-factor lin"
) -> dict[str, Any]:
    await holds(ledger, "ada")
    await holds(ledger, "lin", id="fresh", pending=True)
    answer = await bare.command(ADA, words)
    assert links(answer) == []
    (call,) = await until(lambda: stub.of("views.open"))
    view: dict[str, Any] = call["view"]
    return view


async def test_without_pages_an_administrator_confirms_by_a_code_in_a_modal(
    bare: People, ledger: Ledger, stub: Stub
) -> None:
    view = await opened(bare, ledger, stub)
    wrong = await bare.submit(ADA, view, {"code": "111111"})
    assert "That code is wrong. 4 tries are left." in wrong.body["errors"]["code"]
    odd = await bare.submit(ADA, view, {"code": "12345"})
    assert "six digits" in odd.body["errors"]["code"]
    done = await bare.submit(ADA, view, {"code": "999 999"})
    assert done.body["response_action"] == "update"
    assert "You confirmed the second factor" in str(done.body["view"])
    kept = await ledger.read(lambda tx: tx.credentials.get("fresh"))
    assert kept is not None
    assert (kept.pending, kept.confirmed_by) == (False, "ada")
    again = await bare.submit(ADA, view, {"code": "999999"})
    assert "works once" in str(again.body["view"])


async def test_a_modal_of_somebody_else_is_worth_nothing(bare: People, ledger: Ledger, stub: Stub) -> None:
    """The token stands in the modal's private metadata; with it alone nobody else can use it."""
    view = await opened(bare, ledger, stub)
    await holds(ledger, "bo")
    stolen = await bare.submit(BO, view, {"code": "999999"})
    assert "nothing can be done with it" in str(stolen.body["view"])
    kept = await ledger.read(lambda tx: tx.credentials.get("fresh"))
    assert kept is not None
    assert kept.pending


@pytest.mark.parametrize("metadata", ["{}", '{"link": 7}', '{"link": "no-such-link"}', "[]", "nonsense"])
async def test_a_tampered_modal_confirms_nothing(
    bare: People, ledger: Ledger, stub: Stub, metadata: str
) -> None:
    view = await opened(bare, ledger, stub) | {"private_metadata": metadata}
    answer = await bare.submit(ADA, view, {"code": "999999"})
    assert answer.body["response_action"] == "update"
    kept = await ledger.read(lambda tx: tx.credentials.get("fresh"))
    assert kept is not None
    assert kept.pending


async def test_where_there_are_pages_no_code_is_taken_from_slack(
    people: People, bare: People, ledger: Ledger, stub: Stub
) -> None:
    view = await opened(bare, ledger, stub)
    answer = await people.submit(ADA, view, {"code": "999999"})
    assert "no longer typed in Slack" in str(answer.body["view"])


# What is told

CODES = [
    "enrolled",
    "enrolled-pending",
    "enrolled-bootstrap",
    "confirmed",
    "removed",
    "reset-asked",
    "reset-done",
    "reset-by-host",
    "reset-alarm",
    "github-not-linked",
    "of-a-newer-version",
]
FACTS = {
    "by": "ada",
    "first": "bo",
    "method": "passkey",
    "name": "<!channel> \u202egnp.exe",
    "usable_from": (NOW + 24 * HOUR).isoformat(),
    "until": (NOW + HOUR).isoformat(),
    "able": ["bo"],
    "reason": "<!here> stolen",
    "factors": 2,
    "links": 1,
    "requests": ["DEP-42"],
    "administrators": True,
    "why": "timeout",
    "login": "lin-q",
}


def told(code: str, lane: str, facts: dict[str, Any], policy: Policy) -> str:
    delivery = Delivery(
        key="k",
        kind="factor-note",
        destination=lane,
        subject="lin",
        due_at=NOW,
        facts={"code": code, **facts},
    )
    message = enroll.note(delivery, Voice(policy, NOW))
    accepted_by_slack(message)
    return text_of(message)


@pytest.mark.parametrize("lane", ["slack:user:U01LIN", "slack:channel:deployments"])
@pytest.mark.parametrize("code", CODES)
def test_every_note_is_one_that_slack_takes_and_nobody_is_called_by_a_name_in_it(
    code: str, lane: str, policy: Policy
) -> None:
    for facts in (FACTS, {}):
        said = told(code, lane, facts, policy)
        assert "<!channel>" not in said
        assert "<!here>" not in said
        assert "\u202e" not in said
        assert "None" not in said


def test_the_cool_off_is_told_with_the_way_to_say_no(policy: Policy) -> None:
    own = told("enrolled", "slack:user:U01LIN", FACTS, policy)
    assert re.search(r"for production only from <!date\^\d+", own)
    assert "Was it not you? Say so now: /deploy reset-factor lin" in own
    assert "Lin enrolled a passkey" in told("enrolled", "slack:channel:deployments", FACTS, policy)


def test_a_bootstrap_is_loud(policy: Policy) -> None:
    said = told("enrolled-bootstrap", "slack:channel:deployments", {**FACTS, "by": "host:root"}, policy)
    assert said.startswith("⚠ *BOOTSTRAP:* a passkey")
    assert "by root on the bot's host" in said
    assert "portcullis enroll lin --again" in said
