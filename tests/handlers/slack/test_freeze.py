"""`/deploy freeze` and `unfreeze` at the real app: forms, one-liners, refusals beside their field, announcements."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.freeze import Freeze, FreezeClass
from bot.domain.owed import Delivery
from bot.domain.refusal import Refusal
from bot.flows.reload_policy import PolicyHolder
from bot.policy import Policy
from handlers.slack import freeze as freezing
from handlers.slack import freeze_note, unfreeze
from handlers.slack.announcer import Announcer
from handlers.slack.blocks import escape
from handlers.slack.context import SlackContext
from handlers.slack.freeze_words import declaration
from storage.ledger import Ledger
from tests.handlers.slack.conftest import Answer, ClockOf, People, Stub, until
from tests.handlers.slack.examples import NOW, TEAM, make_policy, text_of, view_accepted_by_slack
from tests.handlers.slack.examples import POLICY as USUAL
from tests.handlers.slack.workspace import ADA, CY, LIN, STRANGER, shown

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICY = USUAL.replace("gates: {ticket", "gates: {calendar: {}, ticket")
ROLES = POLICY + "\ncalendar: {may_freeze: platform-lead, may_lift: platform-lead}\n"


@pytest.fixture
def policy() -> Policy:
    """The usual one, whose environments ask the calendar."""
    return make_policy(POLICY)


async def declared(ledger: Ledger) -> list[Freeze]:
    return await ledger.read(lambda tx: tx.freezes.newest(limit=9))


async def form(people: People, stub: Stub, text: str = "freeze", user: str = LIN) -> dict[str, Any]:
    before = len(stub.of("views.open"))
    answer = await people.command(user, text)
    assert "The form opens now" in shown(answer.body)
    opened = await until(lambda: stub.of("views.open")[before:])
    view: dict[str, Any] = opened[0]["view"]
    view_accepted_by_slack(view)
    return view


def several(*values: str) -> dict[str, Any]:
    return {"type": "multi_static_select", "selected_options": [{"value": v} for v in values]}


def instant(at: datetime | None) -> dict[str, Any]:
    return {"type": "datetimepicker", "selected_date_time": None if at is None else int(at.timestamp())}


def filled(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What Slack sends of each field of the form that nobody touched but for the reason."""
    return {
        "environments": several("production"),
        "services": several(),
        "from": instant(None),
        "to": instant(None),
        "class": {"type": "radio_buttons", "selected_option": {"value": "hard"}},
        "break-glass": {"type": "checkboxes", "selected_options": []},
        "reason": {"type": "plain_text_input", "value": "Peak trading"},
    } | changes


async def send(
    people: People, view: dict[str, Any], fields: dict[str, dict[str, Any]], user: str = LIN, id_: str = "V1"
) -> Answer:
    values = {block: {block: held} for block, held in fields.items()}
    return await people.interact(
        {
            "type": "view_submission",
            "team": {"id": TEAM},
            "user": {"id": user, "team_id": TEAM},
            "view": {
                "id": id_,
                "type": "modal",
                "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": {"values": values},
            },
        }
    )


# The form


@pytest.mark.requirement("P6")
async def test_the_form_declares_what_was_filled_in(people: People, ledger: Ledger, stub: Stub) -> None:
    fields = filled(
        services=several("payments", "checkout"),
        to=instant(NOW + DAY),
        **{"class": {"type": "radio_buttons", "selected_option": {"value": "soft"}}},
        **{"break-glass": {"type": "checkboxes", "selected_options": [{"value": "break-glass"}]}},
    )
    answer = await send(people, await form(people, stub), fields)
    assert answer.body == ""
    (made,) = await declared(ledger)
    assert (made.environments, made.services) == (("production",), ("checkout", "payments"))
    assert (made.strength, made.break_glass, made.reason) == (FreezeClass.SOFT, True, "Peak trading")
    assert (made.begins_at, made.ends_at) == (NOW, (NOW + DAY).replace(microsecond=0))
    said = shown((await until(lambda: stub.replies))[0])
    assert "Frozen from now on: production (checkout and payments)" in said
    assert "FRZ-1" in said


async def test_a_form_in_which_no_place_is_chosen_freezes_everything_until_it_is_lifted(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await send(people, await form(people, stub), filled(environments=several()))
    (made,) = await declared(ledger)
    assert (made.environments, made.services, made.ends_at) == ((), (), None)
    assert made.strength is FreezeClass.HARD


async def test_the_same_form_sent_twice_freezes_once(people: People, ledger: Ledger, stub: Stub) -> None:
    view = await form(people, stub)
    for _ in range(2):
        assert (await send(people, view, filled(), id_="V7")).body == ""
    assert len(await declared(ledger)) == 1


BESIDE = [
    ({"environments": several("moon")}, "environments", "There is no environment “moon”"),
    ({"services": several("gone")}, "services", "There is no service “gone”"),
    ({"from": instant(NOW - HOUR)}, "from", "is past. Leave it out to freeze from now on"),
    ({"from": instant(NOW + 500 * DAY)}, "from", "is more than 400 days away"),
    ({"to": instant(NOW - HOUR)}, "to", "is past"),
    ({"from": instant(NOW + DAY), "to": instant(NOW + HOUR)}, "to", "no later than the beginning"),
    ({"reason": {"type": "plain_text_input", "value": None}}, "reason", "Give a reason"),
    (
        {"reason": {"type": "plain_text_input", "value": "x" * 1001}},
        "reason",
        "The reason has 1001 characters",
    ),
]


@pytest.mark.parametrize(("changes", "field", "said"), BESIDE)
async def test_what_a_field_is_refused_for_stands_beside_it(
    changes: dict[str, Any], field: str, said: str, people: People, ledger: Ledger, stub: Stub
) -> None:
    answer = await send(people, await form(people, stub), filled(**changes))
    assert answer.body["response_action"] == "errors"
    assert said in answer.body["errors"][field]
    assert await declared(ledger) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"class": {"type": "radio_buttons", "selected_option": {"value": "brittle"}}},
        {"from": {"type": "datetimepicker", "selected_date_time": 10**30}},
        {"environments": {"type": "multi_static_select", "selected_options": 7}, "reason": {"value": 7}},
        {"environments": {"selected_options": [None, {"value": None}]}, "reason": {"value": ""}},
    ],
)
async def test_what_no_form_sends_changes_nothing(
    changes: dict[str, Any], people: People, ledger: Ledger, stub: Stub
) -> None:
    answer = await send(people, await form(people, stub), filled(**changes))
    assert answer.status == 200
    assert await declared(ledger) == []


def test_beyond_a_hundred_services_the_form_searches() -> None:
    services = "\n".join(f"  service-{n}: {{}}" for n in range(101))
    policy = make_policy(POLICY.replace("  payments: {}", services))
    view = freezing.render(policy, {})
    view_accepted_by_slack(view)
    assert "multi_external_select" in str(view)


@pytest.mark.requirement("P7")
async def test_whoever_may_not_is_told_before_the_form_opens(
    people: People, ledger: Ledger, stub: Stub, context: SlackContext
) -> None:
    assert isinstance(context.in_force, PolicyHolder)
    context.in_force.policy = make_policy(ROLES)
    answer = await people.command(LIN, "freeze")
    assert "To freeze takes somebody who is platform-lead, and you are not." in shown(answer.body)
    assert "Your Slack account stands for nobody" in shown((await people.command(STRANGER, "freeze")).body)
    answer = await people.command(LIN, "freeze production Peak trading")
    assert "To freeze takes somebody who is platform-lead" in shown(answer.body)
    assert stub.of("views.open") == []
    assert await declared(ledger) == []
    assert "FRZ-1" in shown((await people.command(ADA, "freeze production Peak trading")).body)


async def test_whoever_freezes_everything_is_told_what_it_does_not_reach(
    people: People, context: SlackContext
) -> None:
    everywhere = "does not ask the calendar, so it does not reach there."
    assert everywhere not in shown((await people.command(LIN, "freeze all It burns")).body)
    assert isinstance(context.in_force, PolicyHolder)
    without = POLICY.replace("environments:\n", "environments:\n  sketch: {kind: development}\n", 1)
    context.in_force.policy = make_policy(without)
    answer = shown((await people.command(LIN, "freeze all services=checkout It burns")).body)
    assert f"sketch {everywhere}" in answer


# In one line

LINES = [
    ("production Peak trading", {"environments": ("production",), "reason": "Peak trading"}),
    ("production,staging it is late", {"environments": ("production", "staging"), "reason": "it is late"}),
    ("all it burns", {"environments": (), "reason": "it burns"}),
    ("environments=staging it burns", {"environments": ("staging",), "reason": "it burns"}),
    ("production services=checkout,payments x", {"services": ("checkout", "payments"), "reason": "x"}),
    ("production class=soft x", {"strength": FreezeClass.SOFT}),
    ("production break-glass=yes x", {"break_glass": True}),
    ("production to=4h x", {"begins_at": None, "ends_at": NOW + 4 * HOUR}),
    ("production for=4h x", {"begins_at": None, "ends_at": NOW + 4 * HOUR, "reason": "x"}),
    ("production until=4h x", {"ends_at": NOW + 4 * HOUR}),
    ("production x to=4h y", {"ends_at": NOW + 4 * HOUR, "reason": "x y"}),
    ('production to="2026-12-01T09:00" x', {"ends_at": datetime(2026, 12, 1, 14, tzinfo=UTC)}),
    ("production to=2026-12-01T09:00+01:00 x", {"ends_at": datetime(2026, 12, 1, 8, tzinfo=UTC)}),
    ("production from=2026-11-23 to=2026-12-01 x", {"begins_at": datetime(2026, 11, 23, 5, tzinfo=UTC)}),
    ("production from=now x", {"begins_at": None}),
    ("production from=10:00 to=09:00 x", {"ends_at": datetime(2026, 11, 11, 14, tzinfo=UTC)}),
    ("production from=1d to=2h x", {"begins_at": NOW + DAY, "ends_at": NOW + DAY + 2 * HOUR}),
    ("production “we freeze to=4h of it”", {"ends_at": None, "reason": "we freeze to=4h of it"}),
    ("production latency=high since noon", {"reason": "latency=high since noon"}),
    ('production reason="a b" ', {"reason": "a b"}),
    ("production", {"reason": None}),
]


@pytest.mark.parametrize(("text", "wanted"), LINES)
def test_a_freeze_in_one_line(text: str, wanted: dict[str, Any], policy: Policy) -> None:
    found = declaration(text, policy, NOW)
    assert {name: getattr(found, name) for name in wanted} == wanted


def test_a_reason_in_quotes_may_begin_with_a_time(policy: Policy) -> None:
    assert declaration('production "4h" is how long it took', policy, NOW).reason == "4h is how long it took"


def test_the_form_begins_with_the_most_protected_environment(policy: Policy) -> None:
    (first, *_) = freezing.render(policy, {})["blocks"]
    assert [option["value"] for option in first["element"]["initial_options"]] == ["production"]


def test_a_time_that_the_clock_shows_twice_ends_at_its_last(policy: Policy) -> None:
    found = declaration("production from=2026-11-01T01:30 to=2026-11-01T01:30 x", policy, NOW)
    assert found.begins_at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert found.ends_at == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


BAD_LINES = [
    ("services=checkout", "freeze-too-few-words"),
    ("production to=soon x", "bad-freeze-time"),
    ("production to=2026-13-01 x", "bad-freeze-time"),
    ("production to=9999999w x", "bad-freeze-time"),
    ("production to=0001-01-01 x", "bad-freeze-time"),
    ("production class=mild x", "bad-freeze-class"),
    ("production break-glass=perhaps x", "bad-break-glass"),
    ("production tO=4h to=5h x", "key-twice"),
    ("production to= x", "key-empty"),
    ("production fom=4h x", "unknown-freeze-key"),
    ("production for=4h to=5h x", "key-twice"),
    ("production reason=x and more", "key-twice"),
    ("production 4h the database moves", "freeze-word"),
    ("production 18:00 the database moves", "freeze-word"),
    ("production Soft for the audit", "freeze-word"),
]


@pytest.mark.parametrize(("text", "code"), BAD_LINES)
def test_a_slip_is_said_and_never_guessed_at(text: str, code: str, policy: Policy) -> None:
    with pytest.raises(Refusal) as caught:
        declaration(text, policy, NOW)
    assert caught.value.code == code


SLIPS = [
    ("freeze prodution x", "There is no environment “prodution” in the policy. Did you mean “production”?"),
    ("freeze production services=chekout x", "Did you mean “checkout”?"),
    ("freeze production", "Give a reason"),
    ("freeze production to=soon x", "“soon” is no time. Write to=4h, to=14:30, to=2026-12-01,"),
    ("freeze services=checkout", "Say which environment, or all."),
    ("unfreeze FRZ-9 done", "There is no freeze FRZ-9."),
    ("unfreeze 9", "There is no freeze FRZ-9."),
    ("unfreeze <!channel> done", "There is no freeze &lt;!channel&gt;."),
    ("unfreeze", "No declared freeze is in force or ahead, so there is nothing to lift."),
]


@pytest.mark.parametrize(("text", "said"), SLIPS)
async def test_bad_input_gets_one_clear_sentence_and_leaves_nothing(
    text: str, said: str, people: People, ledger: Ledger
) -> None:
    typed = text.replace("<", "&lt;").replace(">", "&gt;")
    assert said in shown((await people.command(LIN, typed)).body)
    assert await declared(ledger) == []


async def test_the_same_command_sent_again_freezes_once(people: People, ledger: Ledger) -> None:
    for _ in range(2):
        answer = await people.command(LIN, "freeze production Peak trading", trigger="9.same")
        assert "Frozen from now on: production" in shown(answer.body)
    assert len(await declared(ledger)) == 1
    answer = await people.command(ADA, "freeze production Once more")
    assert "Lin declared the very same already: FRZ-1." in shown(answer.body)


# Lifting


@pytest.mark.requirement("P6")
async def test_a_freeze_is_lifted_in_one_line(people: People, ledger: Ledger) -> None:
    await people.command(LIN, "freeze production Peak trading")
    answer = await people.command(ADA, "unfreeze frz-1 It went well")
    said = shown(answer.body)
    assert "✓ The freeze is lifted: production" in said
    assert "By ada: “It went well”" in said
    (made,) = await declared(ledger)
    assert (made.lifted_by and made.lifted_by.person, made.lift_reason) == ("ada", "It went well")
    assert "ada lifted FRZ-1 already" in shown((await people.command(LIN, "unfreeze 1 again")).body)


async def test_a_freeze_ahead_is_called_off(people: People) -> None:
    await people.command(LIN, "freeze production from=3d Peak trading")
    assert "– The freeze is called off" in shown((await people.command(LIN, "unfreeze 1 No peak")).body)


@pytest.mark.requirement("P7")
async def test_whoever_may_not_lift_is_told_who_may(people: People, ledger: Ledger) -> None:
    await people.command(LIN, "freeze production Peak trading")
    for text in ("unfreeze FRZ-1", "unfreeze FRZ-1 I want to"):
        said = shown((await people.command(CY, text)).body)
        assert "FRZ-1 is not yours to lift. It takes Lin, who declared it, or somebody who is" in said
        assert "platform-lead or release-manager and could approve in production." in said
    assert (await declared(ledger))[0].lifted_at is None


def lifting(freeze: str = "FRZ-1", reason: str | None = "It went well") -> dict[str, dict[str, Any]]:
    return {
        "freeze": {"type": "static_select", "selected_option": {"value": freeze}},
        "reason": {"type": "plain_text_input", "value": reason},
    }


async def test_the_form_lists_what_is_in_force_and_ahead_and_lifts_one(
    people: People, ledger: Ledger, stub: Stub
) -> None:
    await people.command(LIN, "freeze production Peak trading")
    await people.command(LIN, "freeze staging from=3d A demo")
    view = await form(people, stub, "unfreeze")
    options = view["blocks"][0]["element"]["options"]
    assert [o["text"]["text"] for o in options] == [
        "FRZ-1 · production · until somebody lifts it",
        "FRZ-2 · staging · until somebody lifts it",
    ]
    assert [o["description"]["text"] for o in options] == ["Peak trading", "A demo"]
    for _ in range(2):
        assert (await send(people, view, lifting("FRZ-2"), id_="V3")).body == ""
    by_id = {f.id: f for f in await declared(ledger)}
    assert by_id["FRZ-1"].lifted_at is None
    assert by_id["FRZ-2"].lifted_at is not None
    assert "called off: staging" in shown((await until(lambda: stub.replies))[0])


async def test_an_id_without_a_reason_opens_the_form_with_it(people: People, stub: Stub) -> None:
    await people.command(LIN, "freeze production Peak trading")
    await people.command(LIN, "freeze staging A demo")
    view = await form(people, stub, "unfreeze 2")
    again = shown((await people.command(LIN, "unfreeze 2")).body)
    assert "In a hurry: `/deploy unfreeze FRZ-2 reason…`" in again
    assert [o["value"] for o in view["blocks"][0]["element"]["options"]] == ["FRZ-2"]


@pytest.mark.parametrize(
    ("user", "fields", "field", "said"),
    [
        (LIN, lifting(reason=None), "reason", "Give a reason"),
        (LIN, lifting("FRZ-9"), "freeze", "There is no freeze FRZ-9."),
        (CY, lifting(), "freeze", "FRZ-1 is not yours to lift"),
    ],
)
async def test_what_lifting_is_refused_for_stands_beside_its_field(
    user: str,
    fields: dict[str, Any],
    field: str,
    said: str,
    people: People,
    ledger: Ledger,
    stub: Stub,
) -> None:
    await people.command(LIN, "freeze production Peak trading")
    answer = await send(people, await form(people, stub, "unfreeze", user), fields, user)
    assert said in answer.body["errors"][field]
    assert (await declared(ledger))[0].lifted_at is None


async def test_a_freeze_of_the_policy_is_named_and_not_lifted(people: People, context: SlackContext) -> None:
    peak = '{name: peak, from: "2026-11-01", to: "2026-12-01"}'
    assert isinstance(context.in_force, PolicyHolder)
    context.in_force.policy = make_policy(f"{POLICY}\ncalendar: {{freezes: [{peak}]}}\n")
    assert "The policy itself freezes: peak." in shown((await people.command(LIN, "unfreeze")).body)
    assert "The freeze “peak” stands in the policy" in shown(
        (await people.command(LIN, "unfreeze peak x")).body
    )


def test_more_freezes_than_a_menu_holds_leave_the_command(policy: Policy) -> None:
    from tests.handlers.wording.test_freezes import RECORD, frozen

    many = [frozen(name=f"FRZ-{n}", declared=RECORD) for n in range(120)]
    view = unfreeze.render(policy, many, {}, None)
    view_accepted_by_slack(view)
    assert "The first 100 are listed" in str(view)


# What is announced


def owed(code: str, subject: str = "FRZ-1", **facts: Any) -> Delivery:
    return Delivery(
        key="k",
        kind="freeze-note",
        destination="slack:channel:releases",
        subject=subject,
        due_at=NOW,
        facts={"code": code, **facts},
    )


@pytest.fixture
def announcer(context: SlackContext) -> Announcer:
    return Announcer(context.ledger, context.in_force, context.clock, context.api)


async def posted(announcer: Announcer, stub: Stub, delivery: Delivery) -> str:
    stub.calls.clear()
    await announcer.announce(delivery)
    sent = stub.of("chat.postMessage")
    return "\n".join(b["text"]["text"] for b in sent[0]["blocks"]) if sent else ""


@pytest.mark.requirement("P6")
async def test_an_announcement_shows_the_readers_time_with_the_policys_beside_it(
    people: People, stub: Stub, announcer: Announcer
) -> None:
    await people.command(LIN, "freeze production to=2026-12-01T09:00 Peak trading")
    said = await posted(announcer, stub, owed("begun"))
    assert said.startswith("*❄ Frozen from now on: production*  FRZ-1\n")
    assert "until <!date^1796133600^{date_short_pretty} {time}|Tue 1 Dec 09:00 EST> / 09:00 EST" in said
    assert "Lin, ada or bo can lift it: `/deploy unfreeze FRZ-1`" in said


async def test_what_is_no_longer_so_is_not_announced(
    people: People, stub: Stub, announcer: Announcer, clock: ClockOf
) -> None:
    await people.command(LIN, "freeze production from=2h to=2h Peak trading")
    assert "Freeze ahead: production" in await posted(announcer, stub, owed("declared"))
    assert await posted(announcer, stub, owed("begun")) == ""
    clock.at += 2 * HOUR
    assert await posted(announcer, stub, owed("declared")) == ""
    assert await posted(announcer, stub, owed("day-before")) == ""
    assert "Frozen from now on" in await posted(announcer, stub, owed("begun"))
    clock.at += HOUR
    assert "in force since" in await posted(announcer, stub, owed("begun"))
    await people.command(LIN, "unfreeze 1 Enough")
    assert await posted(announcer, stub, owed("begun")) == ""
    assert "The freeze is lifted" in await posted(announcer, stub, owed("lifted"))


async def test_a_freeze_of_the_policy_is_announced_from_what_was_owed(
    stub: Stub, announcer: Announcer
) -> None:
    facts = {
        "name": "peak",
        "environments": ["production"],
        "services": [],
        "class": "hard",
        "holds": True,
        "break_glass": True,
        "reason": "<!channel> & all",
        "begins_at": NOW.isoformat(),
        "ends_at": (NOW + DAY).isoformat(),
    }
    said = await posted(announcer, stub, owed("begun", "policy:peak:1", **facts))
    assert "*❄ Frozen from now on: production*\n" in said
    assert "“&lt;!channel&gt; &amp; all” · by the policy, as “peak”" in said
    assert await posted(announcer, stub, owed("begun", "policy:peak:1", name="peak")) == ""


async def test_a_reason_that_would_call_everybody_arrives_as_text(
    people: People, ledger: Ledger, stub: Stub, announcer: Announcer
) -> None:
    await people.command(LIN, "freeze production &lt;!channel&gt; *now*")
    assert (await declared(ledger))[0].reason == "<!channel> *now*"
    said = await posted(announcer, stub, owed("begun"))
    assert "&lt;!channel&gt;" in said
    assert "<!channel>" not in said


def test_the_longest_reason_still_fits_a_message(policy: Policy) -> None:
    from handlers.slack.voice import Voice
    from tests.handlers.slack.examples import accepted_by_slack
    from tests.handlers.wording.test_freezes import frozen

    shown_ = freeze_note.render(frozen(reason="<" * 1000), "begun", Voice(policy, NOW))
    accepted_by_slack(shown_)
    assert escape("<" * 500, 500) in text_of(shown_)
