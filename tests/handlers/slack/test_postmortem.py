"""Post-mortems and action items in Slack: what stands on them, what is typed and pressed, and what Slack can take."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.audit import Fact
from bot.domain.change_request import RequestState
from bot.domain.owed import Delivery
from bot.domain.postmortem import PostmortemState
from bot.flows.action_items import MOST, TEXT_LIMIT, Item
from bot.flows.postmortem import LIMITS
from bot.flows.timeline import Moment
from bot.policy import Policy
from bot.ports import Later
from handlers.slack import actions, postmortem, postmortem_card
from handlers.slack.afterwards import Afterwards
from handlers.slack.blocks import Message
from handlers.slack.voice import Voice
from storage.ledger import Ledger
from tests.handlers.slack.aftermath import ADA as BY
from tests.handlers.slack.aftermath import account, action, over, published, whole
from tests.handlers.slack.aftermath import postmortem as draft
from tests.handlers.slack.conftest import ClockOf, People, Stub, until
from tests.handlers.slack.examples import (
    HOUR,
    NOW,
    TEAM,
    accepted_by_slack,
    buttons_of,
    closed,
    text_of,
    view_accepted_by_slack,
    view_text,
)
from tests.handlers.slack.workspace import ADA, BO, CY, LIN, STRANGER, shown

pytestmark = pytest.mark.requirement("F9")
HOSTILE = "<!channel> *b* `c` & \u202e"


def note_to(code: str, lane: str = "slack:user:U04CY", **facts: Any) -> Delivery:
    facts = {"code": code, **facts}
    return Delivery(
        key="k", kind="postmortem-note", destination=lane, subject="INC-7", due_at=NOW, facts=facts
    )


# What stands on them


def test_a_draft_says_whose_it_is_until_when_and_what_it_lacks(policy: Policy) -> None:
    said = text_of(postmortem_card.render(account(draft()), policy))
    for words in (
        "Post-mortem of INC-7 · production · P0",
        "in 1 d 22 h",
        "written by cy",
        "ticket acme/checkout#7",
        "It lacks the summary, the impact, all five whys and an action item.",
        "Shortly before: DEP-42",
        "ada judged that it was DEP-42",
    ):
        assert words in said
    assert "<@" not in said  # a message that is edited calls nobody


@pytest.mark.requirement("F12")
def test_what_took_too_long_is_said_with_how_much(policy: Policy) -> None:
    said = text_of(postmortem_card.render(account(draft()), policy))
    assert "⚠ Found: 6 min after the first failing reading; 5 min was the goal, missed by 60 s" in said
    assert "⚠ Over: 1 h 30 min after it opened; 1 h was the goal, missed by 30 min" in said
    assert "✓ Answered: 4 min after it opened (goal 5 min)" in said


def test_the_colours_are_drawn_and_their_legend_stands_below(policy: Policy) -> None:
    said = text_of(postmortem_card.render(account(draft()), policy))
    assert "▁▁▁" in said
    assert "███" in said
    assert "▁ GREEN" in said


@pytest.mark.parametrize(
    ("written", "buttons"),
    [
        (draft(), [postmortem_card.WRITE, postmortem_card.ACTION, postmortem_card.PUBLISH]),
        (whole(), [postmortem_card.WRITE, postmortem_card.ACTION, postmortem_card.PUBLISH]),
        (published(), [postmortem_card.ACTION]),
        (None, []),
    ],
)
def test_the_buttons_are_those_that_can_do_something(
    policy: Policy, written: Any, buttons: list[str]
) -> None:
    assert buttons_of(postmortem_card.render(account(written), policy)) == buttons


def test_the_whole_of_it_has_everything(policy: Policy) -> None:
    said = text_of(postmortem_card.full(account(published()), policy))
    for words in (
        "published by ada",
        "The pool was too small.",
        "It had been for weeks.",
        "Nobody could pay.",
        "5. w5",
        "INC-7/1 ◷ due Fri 20 Nov 2026: A larger pool (bo)",
        "INC-7/2 ✓ done by ada: An alert (bo)",
        "api said RED",
        "Step 1: cy paged by Slack",
        "cy took it",
        "portcullis incident INC-7 --markdown",
    ):
        assert words in said


def test_a_timeline_of_days_names_them(policy: Policy) -> None:
    late = Moment(at=NOW + 30 * HOUR, code="resolved", person="cy", facts={"because": "said"})
    voice = Voice(policy, NOW)
    assert postmortem_card.timeline(account(), voice)[-1].startswith("`07:52 EST` cy resolved")
    long = postmortem_card.timeline(account(moments=(*account().moments, late)), voice)
    assert long[-1].startswith("`Wed 11 Nov 15:22 EST` cy resolved")


@pytest.mark.parametrize(
    ("code", "due_in", "words"),
    [
        ("owed", 48, "You write the post-mortem of INC-7"),
        ("soon", 24, "The post-mortem of INC-7"),
        ("due", 0, "The post-mortem of INC-7"),
        ("overdue", -24, "Overdue: the post-mortem of INC-7"),
        ("soon", -1, "Overdue: the post-mortem of INC-7"),  # it was sent late: what is said is true now
    ],
)
def test_a_reminder_says_what_is_so_when_it_is_sent(
    policy: Policy, code: str, due_in: int, words: str
) -> None:
    known = account(draft(due_at=NOW + due_in * HOUR))
    said = postmortem_card.note(note_to(code), known, policy)
    assert said is not None
    assert words in text_of(said)
    accepted_by_slack(said)


def test_the_channel_calls_whoever_owns_it_and_a_person_is_not_called_by_name(policy: Policy) -> None:
    known = account(draft(due_at=NOW - 24 * HOUR))
    told = [
        postmortem_card.note(note_to("overdue", lane), known, policy)
        for lane in ("slack:channel:incidents", "slack:user:U04CY")
    ]
    assert ["<@U04CY>" in text_of(each) for each in told if each is not None] == [True, False]


@pytest.mark.parametrize("written", [None, published()])
def test_nobody_is_reminded_of_what_is_published_or_gone(policy: Policy, written: Any) -> None:
    assert postmortem_card.note(note_to("due"), account(written), policy) is None


def full_of(text: str) -> Any:
    """A post-mortem and its account with everything at its limit."""
    long = (text * 2000)[: LIMITS["summary"]]
    items = tuple(action(n, text=(text * 99)[:TEXT_LIMIT]) for n in range(1, MOST + 1))
    whys = tuple((text * 999)[: LIMITS["why"]] for _ in range(5))
    written = published(summary=long, impact=long, whys=whys, actions=items)
    moments = tuple(
        Moment(at=NOW, code="noted", person="lin", facts={"words": text * 60}) for _ in range(400)
    )
    return account(written, moments=moments, incident=over(title=text * 20, causes=(text,) * 9))


@pytest.mark.parametrize("text", [HOSTILE, "x", "&", "a\n", "日本 "])
def test_slack_takes_it_however_much_and_whatever_is_written(policy: Policy, text: str) -> None:
    known = full_of(text)
    for said in (postmortem_card.full(known, policy), postmortem_card.render(known, policy)):
        accepted_by_slack(said)
        assert "<!channel>" not in text_of(said)
    open_draft = replace(known.postmortem, state=PostmortemState.DRAFT, published_by=None, published_at=None)
    view_accepted_by_slack(
        postmortem.form(known, open_draft, {"response_url": "https://x.example/" + "a" * 300})
    )


def test_the_form_begins_with_what_is_written_and_else_with_the_facts() -> None:
    fields = {b["block_id"]: b["element"] for b in postmortem.form(account(draft()), draft(), {})["blocks"]}
    assert fields["summary"]["initial_value"] == "production was in trouble (api) for 1 h 30 min; P0."
    assert "initial_value" not in fields["impact"]
    fields = {b["block_id"]: b["element"] for b in postmortem.form(account(whole()), whole(), {})["blocks"]}
    assert [fields[f"why-{n}"]["initial_value"] for n in (1, 5)] == ["w1", "w5"]


# What is typed and pressed


@pytest.fixture
async def owed(ledger: Ledger) -> Ledger:
    """INC-7 is over, and Cy owes its post-mortem."""

    def step(tx: Any) -> None:
        tx.incidents.put(over(), Fact(type="incident.opened"))
        tx.postmortems.put(draft(), Fact(type="postmortem.owed"))

    await ledger.write(step)
    return ledger


async def typed(people: People, text: str, user: str = LIN) -> str:
    return shown((await people.command(user, text, name="/env")).body)


@pytest.mark.parametrize("name", ["INC-7", "inc-7", "7", "INC7"])
async def test_it_is_shown_by_any_spelling_of_its_incident(people: People, owed: Ledger, name: str) -> None:
    assert "Post-mortem of INC-7" in await typed(people, f"postmortem {name}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("postmortem", "1 post-mortem is owed"),
        ("postmortem INC-9", "There is no incident INC-9"),
        ("postmortem nonsense", "is no incident"),
        ("postmortem INC-7 begin", "one word too many"),
        ("postmortem INC-7 start", "Post-mortem of INC-7"),
        ("postmortem INC-7 start now", "one word too many"),
        ("postmortem INC-7 note It hung", "Noted in the timeline of INC-7"),
        ("postmortem INC-7 note", "Say what happened"),
        ("actions", "No action item is open"),
        ("actions undo 1", "one word too many"),
        ("actions add INC-7 bo", "The day is missing"),
        ("actions add INC-7 bo soon A larger pool", "“soon” is no day"),
        ("actions add INC-7 eve 2026-12-01 A larger pool", "eve"),
        ("actions add INC-7 bo 2026-01-01 A larger pool", "2026-01-01 is over"),
        ("actions add INC-7 @bo 2026-12-01 A larger pool", "INC-7/1 is kept: bo until Tue 1 Dec 2026"),
        ("actions done INC-7/1", "There is no action item INC-7/1"),
        ("actions drop 7/1", "There is no action item INC-7/1"),
    ],
)
async def test_what_is_typed_is_answered_in_a_sentence(
    people: People, owed: Ledger, text: str, words: str
) -> None:
    assert words in await typed(people, text)


async def test_nothing_is_owed_where_everything_is_published(people: People, ledger: Ledger) -> None:
    assert "No post-mortem is owed" in await typed(people, "postmortem")


async def test_a_stranger_is_told_so_and_changes_nothing(people: People, owed: Ledger, stub: Stub) -> None:
    await people.press(STRANGER, postmortem_card.WRITE, "INC-7")
    await people.press(STRANGER, postmortem_card.PUBLISH, "INC-7", ts="1.2")
    replies = await until(lambda: stub.replies if len(stub.replies) > 1 else None)
    assert all("stands for nobody in the policy" in reply["text"] for reply in replies)
    assert stub.of("views.open") == []


async def opened(people: People, stub: Stub, action_id: str, user: str = CY) -> dict[str, Any]:
    await people.press(user, action_id, "INC-7")
    (call,) = await until(lambda: stub.of("views.open"))
    view: dict[str, Any] = call["view"]
    view_accepted_by_slack(view)
    return view


async def test_the_form_keeps_what_is_written(people: People, owed: Ledger, stub: Stub) -> None:
    view = await opened(people, stub, postmortem_card.WRITE)
    assert {each["hint"]["text"] for each in view["blocks"] if each["type"] == "input"} == {postmortem.NEEDED}
    sent = await people.submit(CY, view, {"summary": "s", "impact": "", "why-1": "w"})
    assert sent.status == 200
    found = await owed.read(lambda tx: tx.postmortems.get("INC-7"))
    assert found is not None
    assert (found.summary, found.impact, found.whys) == ("s", None, ("w",))
    again = await people.submit(BO, view, {"summary": "mine"})
    assert "Somebody else wrote" in again.body["errors"]["summary"]


async def test_an_action_item_is_kept_and_what_is_wrong_stands_beside_its_field(
    people: People, owed: Ledger, stub: Stub
) -> None:
    view = await opened(people, stub, postmortem_card.ACTION)
    assert "By whom?" in view_text(view)

    async def send(text: str, day: str) -> Any:
        values = {
            "text": {"value": {"type": "plain_text_input", "value": text}},
            "owner": {"owner": {"type": "static_select", "selected_option": {"value": "ada"}}},
            "due": {"due": {"type": "datepicker", "selected_date": day}},
        }
        return await people.interact(
            {
                "type": "view_submission",
                "team": {"id": TEAM},
                "user": {"id": CY, "team_id": TEAM},
                "view": {
                    "id": f"V{people.next()}",
                    "type": "modal",
                    "callback_id": view["callback_id"],
                    "private_metadata": view["private_metadata"],
                    "state": {"values": values},
                },
            }
        )

    assert "is over" in (await send("A larger pool", "2026-01-01")).body["errors"]["due"]
    assert "in one line" in (await send(" ", "2026-12-01")).body["errors"]["text"]
    await send("A larger pool", "2026-12-01")
    found = await owed.read(lambda tx: tx.postmortems.get("INC-7"))
    assert found is not None
    assert [(item.owner, item.due.isoformat()) for item in found.actions] == [("ada", "2026-12-01")]


async def test_the_list_has_a_button_for_each_and_anybody_presses_it(
    people: People, owed: Ledger, stub: Stub
) -> None:
    for n in range(MOST):
        await typed(people, f"actions add INC-7 bo 2026-12-{n + 1:02} Item {n}")
    answer = await people.command(ADA, "actions", name="/env")
    said = shown(answer.body)
    assert f"{MOST} action items are open" in said
    buttons = [b["accessory"]["value"] for b in answer.body["blocks"] if "accessory" in b]
    assert buttons[0] == "INC-7/1"
    await people.press(ADA, actions.DONE, "INC-7/1", ts="2.1")
    await people.press(BO, actions.DONE, "INC-7/1", ts="2.2")
    replies = await until(lambda: stub.replies if len(stub.replies) > 1 else None)
    assert {"is done: Item 0" in r["text"] for r in replies} == {True, False}
    assert any("said already that INC-7/1 is done" in r["text"] for r in replies)


# On their way


class Channel:
    """Keeps what is posted where, in place of the announcer's own ways."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, str | None, str]] = []
        self.cards: list[tuple[str, Any, str]] = []

    async def post(
        self, delivery: Delivery, channel: str, message: Message, *, thread_ts: str | None = None
    ) -> dict[str, Any]:
        self.posts.append((channel, thread_ts, text_of(message)))
        return {"channel": channel, "ts": "1.1"}

    async def card(self, delivery: Delivery, place: Any, message: Message) -> None:
        self.cards.append((delivery.subject, place, text_of(message)))


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def afterwards(ledger: Ledger, clock: ClockOf, channel: Channel) -> Afterwards:
    return Afterwards(ledger, clock, channel.post, channel.card)


async def test_the_card_has_a_place_of_its_own_and_notes_go_to_their_lane(
    afterwards: Afterwards, channel: Channel, policy: Policy, owed: Ledger
) -> None:
    owing = replace(note_to("x", "slack:channel:#incidents"), kind="postmortem-card")
    await afterwards.kinds["postmortem-card"](owing, policy)
    assert [(subject, place) for subject, place, _ in channel.cards] == [("postmortem/INC-7", None)]
    await afterwards.kinds["postmortem-note"](note_to("due"), policy)
    await afterwards.kinds["postmortem-note"](note_to("overdue", "slack:channel:#incidents"), policy)
    assert [where for where, _, _ in channel.posts] == ["U04CY", "incidents"]


@pytest.mark.requirement("D5")
async def test_a_report_waits_for_the_message_whose_thread_it_belongs_to(
    afterwards: Afterwards, channel: Channel, policy: Policy, ledger: Ledger
) -> None:
    failed = closed(RequestState.FAILED, "exit-3")
    await ledger.write(lambda tx: tx.requests.put(failed, Fact(type="request.failed")))
    owing = Delivery(
        key="k",
        kind="failure-report",
        destination="slack:channel:deployments",
        subject="DEP-42",
        due_at=NOW,
        facts={"at": NOW.isoformat()},
    )
    with pytest.raises(Later):
        await afterwards.kinds["failure-report"](owing, policy)
    await ledger.write(lambda tx: tx.put_place("DEP-42", "card", {"channel": "C1", "ts": "9.9"}))
    await afterwards.kinds["failure-report"](owing, policy)
    assert channel.posts[0][:2] == ("C1", "9.9")
    assert "Report: DEP-42 failed" in channel.posts[0][2]


async def test_a_report_whose_thread_never_came_stands_alone(
    afterwards: Afterwards, channel: Channel, clock: ClockOf, policy: Policy, ledger: Ledger
) -> None:
    failed = closed(RequestState.FAILED, "exit-3")
    await ledger.write(lambda tx: tx.requests.put(failed, Fact(type="request.failed")))
    clock.at = NOW + timedelta(minutes=2)
    owing = Delivery(
        key="k",
        kind="failure-report",
        destination="slack:channel:deployments",
        subject="DEP-42",
        due_at=NOW,
        facts={"at": NOW.isoformat()},
    )
    await afterwards.kinds["failure-report"](owing, policy)
    assert channel.posts[0][:2] == ("deployments", None)


async def test_of_an_action_item_that_is_gone_or_done_nobody_is_told(
    afterwards: Afterwards, channel: Channel, policy: Policy, owed: Ledger
) -> None:
    about = replace(note_to("due"), kind="action-note", subject="INC-7/1")
    await afterwards.kinds["action-note"](about, policy)
    assert channel.posts == []
    await owed.write(
        lambda tx: tx.postmortems.put(draft(actions=(action(),)), Fact(type="postmortem.action-added"))
    )
    await afterwards.kinds["action-note"](about, policy)
    assert "due today" in channel.posts[0][2]
    assert actions.note(about, _done(), Voice(policy, NOW)) is None


def _done() -> Any:
    return Item("INC-7", action(done_by=BY, done_at=NOW))
