"""Bad input through Slack: one clear sentence, no half-made state, and text stays text wherever it is shown."""

import re
from datetime import timedelta

import pytest

from bot.domain.change_request import RequestState
from tests.scenarios.hands import ADA, BO, CY, DEPLOYMENTS, EVE, LIN, texts
from tests.scenarios.stage import GOOD, Stage

REFUSED = [
    ("request catalog b81e6f0 ticket=CHG-1", "Did you mean “catalogue”"),
    ("request nothing-like-it b81e6f0", "It has these services: catalogue and checkout"),
    ("request catalogue b81e6f0 prodution ticket=CHG-1", "Did you mean “production”"),
    ("request catalogue b81e6f0 production tiket=CHG-1", "Did you mean ticket="),
    ("request catalogue b81e6f0 ticket=CHG-1 ticket=CHG-2", "stands twice"),
    ("request catalogue b81e6f0 ticket=", "has nothing after it"),
    ("request catalogue b81e6f0 fixes=moon", "There is no environment “moon”"),
    ("request catalogue", "The artifact is missing"),
    ("request catalogue b81e6f0/../x", "no image tag"),
    ("request catalogue <!channel>", "no image tag"),
    ("request <@U05LIN> b81e6f0", "There is no service"),
    ("request catalogue 🚀", "no image tag"),
    ("request catalogue b81e6f0 at=yesterday", "no start"),
    ("request catalogue b81e6f0 at=2020-01-01T10:00", "is over"),
    ("request catalogue b81e6f0 at=2999-01-01T10:00", "more than 90 days"),
    ("request catalogue b81e6f0 at=2026-02-30T10:00", "no start"),
    ("request catalogue b81e6f0 ticket=" + "C" * 65, "64 at most"),
    ("request catalogue b81e6f0 ticket=CHG-1 " + "x" * 3000, "has 3000 characters"),
    ('request catalogue b81e6f0 reason="never closed', "never close"),
    ("status DEP-404", "There is no request DEP-404"),
    ("status lots", "“lots” is no request"),
    ("why", "Say which request"),
    ("why 0", "is no request"),
    ("cancel 99999999999", "is no request"),
    ("start DEP-1", "There is no request DEP-1"),
    ("reqest catalogue", "Did you mean /deploy request"),
    ("constructor", "has no “constructor”"),
    ("<!everyone>", "has no"),
    ("stop-all", "not available in this version"),
]


async def test_bad_input_is_answered_at_once_in_one_sentence_and_leaves_nothing(stage: Stage) -> None:
    await stage.quiet()
    before = await stage.written()
    for text, says in REFUSED:
        answer = await stage.deploy(LIN, text)
        assert says in answer, text
        assert "\n" not in answer, text
        assert await stage.written() == before, text


NAMELESS = [
    "request catalogue latest ticket=CHG-1 moving",
    "request catalogue prod ticket=CHG-1 moving",
    "request catalogue 1234567 ticket=CHG-1 nobody built it",
]


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("text", NAMELESS)
async def test_a_tag_that_names_no_build_is_refused_with_reasons_and_never_reaches_the_channel(
    stage: Stage, text: str
) -> None:
    stage_answer = await stage.deploy(LIN, text)
    assert "DEP-1" in stage_answer
    if "1234567" in text:  # the registry does not know it: evidence may still come, until the deadline
        await stage.told(LIN, "DEP-1", "1234567")
        assert (await stage.request("DEP-1")).state in (RequestState.EVALUATING, RequestState.REFUSED)
    else:
        await stage.until("DEP-1", RequestState.REFUSED)
        await stage.told(LIN, "Not yet", "moves, so it names no one artifact")
    assert await stage.people.messages(DEPLOYMENTS) == []


EVIL = "<!channel> <!here|all> <@U06EVE> &lt;!everyone&gt; <https://evil.example|pay.example> \u202eABC\u2066 *b* `c`"
MENTION = re.compile(r"<(?:@[UW]|!(?!date\^)|#|https?:)[^>]*>")


async def mentions(stage: Stage) -> dict[str, set[str]]:
    """Every mention or link in what the bot said, by the method it said it with."""
    found: dict[str, set[str]] = {}
    for one in await stage.people.requests():
        said = one["request"] if one["direction"] == "in" else one["response"]
        for text in texts(said):
            for mention in MENTION.findall(text):
                found.setdefault(one["name"], set()).add(mention)
    return found


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("", None),
        ("   ", None),
        ("🚀🔥 größer", "🚀🔥 größer"),
        (EVIL, "pay.example"),
        ("x" * 1000, "x" * 1000),
        ("a" * 999 + "🚀", None),
    ],
    ids=["empty", "blank", "emoji", "evil", "longest", "longest-emoji"],
)
async def test_any_reason_arrives_as_text_and_calls_nobody_who_cannot_act(
    stage: Stage, reason: str, kept: str | None
) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1 {reason}")
    card = await stage.card(request, "Approve")
    shown = (await stage.request(request)).reason
    assert kept is None or kept in (shown or "")
    await stage.deploy(ADA, f"why {request}")
    await stage.told(ADA, "Asked just now")
    await stage.deploy(ADA, f"status {request}")
    await stage.press(BO, "Details", card)
    await stage.told(BO, "Asked just now")
    await stage.reject("ada", request, f"No {reason}"[:1000])
    await stage.card(request, "Rejected")
    await stage.quiet()
    found = await mentions(stage)
    allowed = {f"<@{ADA}>", f"<@{BO}>"}
    assert set().union(*found.values()) <= allowed, found
    assert found.get("chat.postMessage") == allowed  # those who can approve, and nobody else
    for one in await stage.people.requests():
        if one["direction"] == "in":
            assert "\u202e" not in str(one["request"].get("blocks"))
            assert "\u2066" not in str(one["request"].get("text"))


async def test_what_ci_says_arrives_as_text(stage: Stage) -> None:
    evil = {
        "id": "<!channel>",
        "package": "<@U06EVE>",
        "version": "&lt;1&gt;",
        "fixed_in": "<https://evil.example|2>",
        "severity": "critical",
    }
    tag = await stage.publish(critical=1, findings=(evil,))
    request = await stage.ask(f"catalogue {tag} ticket=CHG-1 {EVIL}")
    await stage.until(request, RequestState.REFUSED)
    told = await stage.told(LIN, "Not yet", "vulnerab")
    assert "<!channel>" in told  # as text: text_of has undone the escapes
    await stage.deploy(LIN, f"why {request}")
    await stage.told(LIN, "the gates said this")
    await stage.quiet()
    assert await mentions(stage) == {}


async def test_only_who_is_on_call_is_called_and_only_until_somebody_has_it(stage: Stage) -> None:
    await stage.health("error")
    card = await stage.message("C02INCID", "RED", f"<@{CY}>")
    await stage.press(EVE, "Acknowledge", card)
    await stage.told(EVE, "stands for nobody")
    await stage.press(ADA, "Acknowledge", card)
    await stage.message("C02INCID", "Ada has it")
    await stage.health("ok")
    await stage.message("C02INCID", "RESOLVED")
    await stage.quiet()
    found = await mentions(stage)
    assert found == {"chat.postMessage": {f"<@{CY}>"}}


async def test_an_expired_request_is_told_and_can_no_longer_be_approved(stage: Stage) -> None:
    request = await stage.ask(f"catalogue {GOOD} ticket=CHG-1")
    await stage.open_approval("ada", request)
    await stage.advance(timedelta(hours=25))
    await stage.until(request, RequestState.EXPIRED)
    await stage.card(request, "Expired")
    await stage.told(LIN, request, "Expired")
    await stage.people.submit(ADA, {"code": stage.code("ada")})
    await stage.modal(ADA, "Not possible", "is not waiting for approval: it expired")
    assert stage.calls() == []
