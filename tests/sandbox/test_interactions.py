"""Buttons, menus, triggers, response URLs and modals behave as in Slack's client."""

import pytest

from sandbox import tickets
from sandbox.shapes import Refused

PLAIN = {"type": "plain_text", "text": "Go"}
BUTTONS = [
    {
        "type": "actions",
        "block_id": "acts",
        "elements": [
            {"type": "button", "text": PLAIN, "action_id": "approve", "value": "DEP-1"},
            {
                "type": "static_select",
                "action_id": "pick",
                "options": [{"text": {"type": "plain_text", "text": "One"}, "value": "1"}],
            },
        ],
    }
]


def modal(title="First", **more):
    inputs = [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text", "max_length": 10},
        },
        {
            "type": "input",
            "block_id": "env",
            "optional": True,
            "label": {"type": "plain_text", "text": "Environment"},
            "element": {
                "type": "static_select",
                "action_id": "choice",
                "options": [{"text": {"type": "plain_text", "text": "Production"}, "value": "production"}],
            },
        },
    ]
    base = {"type": "modal", "callback_id": "cb", "title": {"type": "plain_text", "text": title}}
    return {**base, "submit": PLAIN, "blocks": inputs, **more}


@pytest.fixture
async def posted(api):
    return await api("chat.postMessage", channel="C01DEP", text="x", blocks=BUTTONS)


@pytest.fixture
async def opened(api, client, stub):
    """A modal open before ada."""

    async def open_it(view=None):
        await client.shortcut("ada", "request")
        trigger = stub.received[-1].body["trigger_id"]
        stub.received.clear()
        return await api("views.open", trigger_id=trigger, view=view or modal())

    return open_it


async def test_a_press_carries_message_container_and_action(client, stub, posted):
    await client.click("ada", channel="deployments", ts=posted["ts"], action_id="approve")
    body = stub.received[0].body
    assert body["container"] == {
        "type": "message",
        "message_ts": posted["ts"],
        "channel_id": "C01DEP",
        "is_ephemeral": False,
    }
    [action] = body["actions"]
    assert (action["action_id"], action["block_id"], action["value"], action["type"]) == (
        "approve",
        "acts",
        "DEP-1",
        "button",
    )
    assert float(action["action_ts"]) > 0
    assert body["message"]["ts"] == posted["ts"]
    assert body["state"]["values"]["acts"]["pick"] == {"type": "static_select", "selected_option": None}


async def test_a_button_that_is_not_there_cannot_be_pressed(client, stub, posted):
    for wrong in ({"action_id": "deny"}, {"action_id": "approve", "value": "DEP-2"}):
        with pytest.raises(Refused, match="has no"):
            await client.click("ada", channel="deployments", ts=posted["ts"], **wrong)
    with pytest.raises(Refused, match="not offered"):
        await client.click("ada", channel="deployments", ts=posted["ts"], action_id="pick", value="9")
    assert stub.received == []


async def test_nobody_presses_in_someone_elses_ephemeral(api, client, stub):
    await api("chat.postEphemeral", channel="C01DEP", user="U01ADA", text="x", blocks=BUTTONS)
    [mine] = await client.ephemerals("ada")
    with pytest.raises(Refused, match="sees no message"):
        await client.click("bo", channel="deployments", ts=mine["ts"], action_id="approve")
    await client.click("ada", channel="deployments", ts=mine["ts"], action_id="approve")
    body = stub.received[0].body
    assert body["container"]["is_ephemeral"] is True
    assert "message" not in body


async def test_a_trigger_works_once(api, client, stub):
    await client.command("ada", "", channel="deployments")
    trigger = stub.received[0].body["trigger_id"]
    assert (await api("views.open", trigger_id=trigger, view=modal()))["ok"]
    assert (await api("views.open", trigger_id=trigger, view=modal()))["error"] == "exchanged_trigger_id"
    assert (await api("views.open", trigger_id="1.2.x", view=modal()))["error"] == "invalid_trigger_id"


async def test_a_trigger_expires(api, client, stub, monkeypatch):
    monkeypatch.setattr(tickets, "TRIGGER_SECONDS", -1.0)
    await client.command("ada", "", channel="deployments")
    answer = await api("views.open", trigger_id=stub.received[0].body["trigger_id"], view=modal())
    assert answer["error"] == "expired_trigger_id"


async def test_an_invalid_view_does_not_use_up_the_trigger(api, client, stub):
    await client.command("ada", "", channel="deployments")
    trigger = stub.received[0].body["trigger_id"]
    refused = await api("views.open", trigger_id=trigger, view=modal(title="t" * 25))
    assert refused["error"] == "invalid_arguments"
    assert (await api("views.open", trigger_id=trigger, view=modal()))["ok"]


async def test_a_response_url_works_five_times(api, client, stub):
    await client.command("ada", "", channel="deployments")
    url = stub.received[0].body["response_url"]
    for number in range(5):
        assert (await api.respond(url, text=str(number)))[0] == 200
    status, body = await api.respond(url, text="6")
    assert (status, body["error"]) == (404, "used_url")
    assert [one["text"] for one in await client.ephemerals("ada")] == ["0", "1", "2", "3", "4"]


async def test_a_response_url_expires(api, client, stub, monkeypatch):
    monkeypatch.setattr(tickets, "RESPONSE_URL_SECONDS", -1.0)
    await client.command("ada", "", channel="deployments")
    _, body = await api.respond(stub.received[0].body["response_url"], text="late")
    assert body["error"] == "expired_url"


async def test_a_response_url_replaces_and_deletes_what_was_pressed(api, client, stub, posted):
    await client.click("ada", channel="deployments", ts=posted["ts"], action_id="approve")
    url = stub.received[0].body["response_url"]
    await api.respond(url, replace_original=True, text="approved")
    [message] = await client.messages("deployments")
    assert message["text"] == "approved"
    await api.respond(url, response_type="in_channel", text="told all")
    assert [one["text"] for one in await client.messages("deployments")] == ["approved", "told all"]
    await api.respond(url, delete_original=True)
    assert [one["text"] for one in await client.messages("deployments")] == ["told all"]


async def test_a_required_field_is_asked_for_before_anything_is_sent(client, stub, opened):
    await opened()
    delivered = await client.submit("ada", {})
    assert delivered.errors == {"reason": "Please complete this required field."}
    assert delivered.attempts == 0
    too_long = await client.submit("ada", {"reason": "x" * 11})
    assert "no more than 10" in too_long.errors["reason"]
    assert stub.received == []


async def test_a_submission_carries_the_state_and_closes_the_modal(client, stub, opened):
    await opened()
    delivered = await client.submit("ada", {"text": "because", "env": "production"})
    assert delivered.acknowledged
    values = stub.received[0].body["view"]["state"]["values"]
    assert values["reason"]["text"] == {"type": "plain_text_input", "value": "because"}
    assert values["env"]["choice"]["selected_option"]["value"] == "production"
    assert await client.modal("ada") is None


async def test_errors_keep_the_modal_and_what_was_typed(client, stub, opened):
    answers = iter([{"response_action": "errors", "errors": {"reason": "Say more"}}, None])

    @stub.on("view_submission")
    async def answer(received):
        return next(answers)

    await opened()
    delivered = await client.submit("ada", {"reason": "short", "env": "production"})
    assert (delivered.acknowledged, delivered.errors) == (True, {"reason": "Say more"})
    await client.submit("ada", {"reason": "longer"})
    values = stub.received[1].body["view"]["state"]["values"]
    assert values["env"]["choice"]["selected_option"]["value"] == "production"


async def test_errors_for_a_block_that_is_no_input_are_refused(client, stub, opened):
    @stub.on("view_submission")
    async def answer(received):
        return {"response_action": "errors", "errors": {"nowhere": "x"}}

    await opened()
    delivered = await client.submit("ada", {"reason": "x"})
    assert not delivered.acknowledged
    assert "no input block is called nowhere" in delivered.error


async def test_update_push_and_clear(client, stub, opened):
    answers = iter(
        [
            {"response_action": "update", "view": modal("Second")},
            {"response_action": "push", "view": modal("Third")},
            {"response_action": "clear"},
        ]
    )

    @stub.on("view_submission")
    async def answer(received):
        return next(answers)

    first = await opened()
    await client.submit("ada", {"reason": "a"})
    second = await client.modal("ada")
    assert (second["title"]["text"], second["id"]) == ("Second", first["view"]["id"])
    await client.submit("ada", {"reason": "b"})
    third = await client.modal("ada")
    assert (third["title"]["text"], third["previous_view_id"]) == ("Third", second["id"])
    await client.submit("ada", {"reason": "c"})
    assert await client.modal("ada") is None


async def test_a_fourth_view_is_refused(api, client, stub, opened):
    await opened()
    for expected in (True, True, False):
        await client.shortcut("ada", "request")
        trigger = stub.received[-1].body["trigger_id"]
        answer = await api("views.push", trigger_id=trigger, view=modal())
        assert answer["ok"] is expected
    assert answer["error"] == "push_limit_reached"


async def test_an_update_with_an_old_hash_conflicts(api, opened):
    view = (await opened())["view"]
    first = await api("views.update", view_id=view["id"], hash=view["hash"], view=modal("New"))
    assert first["ok"]
    assert first["view"]["hash"] != view["hash"]
    second = await api("views.update", view_id=view["id"], hash=view["hash"], view=modal("Old"))
    assert second["error"] == "hash_conflict"


async def test_closing_tells_an_app_that_asked(client, stub, opened):
    await opened(modal(notify_on_close=True))
    await client.close("ada")
    assert [one.kind for one in stub.received] == ["view_closed"]
    await opened()
    await client.close("ada")
    assert stub.received == []
    with pytest.raises(Refused, match="no modal open"):
        await client.close("ada")


async def test_modals_are_one_persons_own(client, opened):
    await opened()
    assert await client.modal("bo") is None
    with pytest.raises(Refused, match="no modal open"):
        await client.submit("bo", {"reason": "x"})


async def test_a_choice_or_field_that_is_not_there_is_refused(client, opened):
    await opened()
    with pytest.raises(Refused, match="not offered"):
        await client.submit("ada", {"reason": "x", "env": "moon"})
    with pytest.raises(Refused, match="has no colour"):
        await client.submit("ada", {"reason": "x", "colour": "red"})


async def test_home_is_published_for_one_person_and_can_be_pressed(api, client, stub):
    view = {"type": "home", "blocks": BUTTONS}
    assert (await api("views.publish", user_id="U01ADA", view=view))["ok"]
    assert await client.home("bo") is None
    await client.click("ada", place="home", action_id="approve")
    body = stub.received[0].body
    assert (body["container"]["type"], body["view"]["type"]) == ("view", "home")
    assert "response_url" not in body


async def test_a_message_shortcut_needs_a_message(client, stub, posted):
    with pytest.raises(Refused, match="message shortcut"):
        await client.shortcut("ada", "look")
    await client.shortcut("ada", "look", channel="deployments", ts=posted["ts"])
    body = stub.received[0].body
    assert (body["type"], body["message"]["ts"]) == ("message_action", posted["ts"])


async def test_a_press_in_a_modal_carries_what_stands_in_its_fields(client, stub, opened):
    element = {"type": "plain_text_input", "action_id": "text", "initial_value": "as it was"}
    field = {"type": "input", "block_id": "reason", "label": PLAIN, "element": element}
    await opened(modal(blocks=[field, *BUTTONS]))
    await client.click("ada", place="modal", action_id="pick", value="1")
    values = stub.received[0].body["view"]["state"]["values"]
    assert values["reason"]["text"]["value"] == "as it was"
    assert values["acts"]["pick"]["selected_option"]["value"] == "1"


async def test_an_external_select_offers_what_the_app_answers(client, stub, opened):
    @stub.on("block_suggestion")
    async def answer(received):
        text = {"type": "plain_text", "text": received.body["value"]}
        return {
            "options": [
                {"text": text, "value": received.body["value"] * (60 if text["text"] == "big" else 1)}
            ]
        }

    element = {"type": "external_select", "action_id": "find", "min_query_length": 2}
    field = {"type": "input", "block_id": "service", "label": PLAIN, "element": element}
    await opened(modal(blocks=[field]))
    with pytest.raises(Refused, match="at least 2"):
        await client.suggest("ada", "c", action_id="find")
    with pytest.raises(Refused, match="not offered"):
        await client.submit("ada", {"service": "checkout"})
    with pytest.raises(Refused, match="less than 151"):
        await client.suggest("ada", "big", action_id="find")
    await client.suggest("ada", "checkout", action_id="find")
    await client.submit("ada", {"service": "checkout"})
    values = stub.received[-1].body["view"]["state"]["values"]
    assert values["service"]["find"]["selected_option"]["value"] == "checkout"
