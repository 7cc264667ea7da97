"""Block Kit's limits: what Slack refuses is refused, with its code and a pointer to the place."""

import pytest

from sandbox.limits import block_flaws, view_flaws

PLAIN = {"type": "plain_text", "text": "x"}
BUTTON = {"type": "button", "text": PLAIN, "action_id": "go"}


def plain(length: int) -> dict[str, str]:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> dict[str, str]:
    return {"type": "mrkdwn", "text": "x" * length}


def section(**more: object) -> dict[str, object]:
    return {"type": "section", "text": mrkdwn(1), **more}


def actions(*elements: object) -> dict[str, object]:
    return {"type": "actions", "elements": list(elements)}


def select(**more: object) -> dict[str, object]:
    return {"type": "static_select", "action_id": "s", "options": [{"text": PLAIN, "value": "v"}], **more}


GOOD = [
    [section(text=mrkdwn(3000))],
    [{"type": "section", "fields": [mrkdwn(2000)] * 10}],
    [{"type": "header", "text": plain(150)}],
    [{"type": "divider"}] * 50,
    [actions({**BUTTON, "text": plain(75), "value": "v" * 2000, "style": "danger"})],
    [actions(*({**BUTTON, "action_id": f"go{n}"} for n in range(25)))],
    [section(block_id="a", accessory=BUTTON), section(block_id="b", accessory=BUTTON)],
    [actions(select(options=[{"text": PLAIN, "value": "v" * 150}] * 100))],
    [{"type": "context", "elements": [mrkdwn(10)] * 10}],
    [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]}],
    [{"type": "image", "image_url": "https://x.example/i.png", "alt_text": "a chart"}],
]
BAD = [
    ([section(text=mrkdwn(3001))], "/blocks/0/text/text"),
    ([section(text=mrkdwn(0))], "/blocks/0/text/text"),
    ([section(text="bare")], "/blocks/0/text"),
    ([{"type": "section"}], "missing required field: text"),
    ([{"type": "section", "fields": [mrkdwn(2001)]}], "/blocks/0/fields/0/text"),
    ([{"type": "section", "fields": [mrkdwn(1)] * 11}], "no more than 10 items"),
    ([{"type": "header", "text": plain(151)}], "less than 151"),
    ([{"type": "header", "text": mrkdwn(10)}], "must be plain_text"),
    ([{"type": "divider"}] * 51, "no more than 50 items"),
    ([actions()], "no fewer than 1"),
    ([actions(*({**BUTTON, "action_id": f"go{n}"} for n in range(26)))], "no more than 25"),
    ([actions({**BUTTON, "text": plain(76)})], "less than 76"),
    ([actions({**BUTTON, "value": "v" * 2001})], "less than 2001"),
    ([actions({**BUTTON, "style": "loud"})], "/style"),
    ([actions({**BUTTON, "colour": "red"})], "invalid additional property: colour"),
    ([actions({**BUTTON, "action_id": "a" * 256})], "less than 256"),
    ([actions({"type": "button", "action_id": "go"})], "missing required field: text"),
    ([actions(BUTTON, BUTTON)], "`action_id` 'go' already exists"),
    ([section(block_id="a"), section(block_id="a")], "`block_id` 'a' already exists"),
    ([section(block_id="a" * 256)], "less than 256"),
    ([actions(select(options=[{"text": PLAIN, "value": "v" * 151}]))], "less than 151"),
    ([actions(select(options=[{"text": plain(76), "value": "v"}]))], "less than 76"),
    ([actions(select(options=[{"text": PLAIN, "value": "v"}] * 101))], "no more than 100"),
    ([actions(select(options=[]))], "no fewer than 1"),
    ([actions(select(initial_option={"text": PLAIN, "value": "else"}))], "initial option"),
    ([actions(select(placeholder=plain(151)))], "less than 151"),
    (
        [actions({"type": "overflow", "action_id": "o", "options": [{"text": PLAIN, "value": "v"}] * 6})],
        "than 5",
    ),
    (
        [
            actions(
                {**BUTTON, "confirm": {"title": plain(101), "text": PLAIN, "confirm": PLAIN, "deny": PLAIN}}
            )
        ],
        "101",
    ),
    ([actions({"type": "plain_text_input", "action_id": "t"})], "unsupported type: plain_text_input"),
    ([{"type": "context", "elements": [mrkdwn(1)] * 11}], "no more than 10"),
    ([{"type": "context", "elements": [BUTTON]}], "/blocks/0/elements/0"),
    ([{"type": "marquee"}], "unsupported type: marquee"),
    ([{"type": "alert", "text": PLAIN}], "unsupported type: alert"),
    ([{"type": "image", "image_url": "https://x.example/i.png"}], "alt_text"),
    ([{"type": "markdown", "text": "x" * 12_001}], "less than 12001"),
    ([{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}] * 21]}], "20 cells"),
    (["text"], "must be an object"),
    ({"type": "section"}, "must be an array"),
]


@pytest.mark.parametrize("blocks", GOOD)
def test_blocks_within_the_limits_are_taken(blocks):
    assert block_flaws(blocks, "message") == []


@pytest.mark.parametrize(("blocks", "why"), BAD)
def test_blocks_beyond_a_limit_are_refused_with_the_place(blocks, why):
    flaws = block_flaws(blocks, "message")
    assert any(why in flaw for flaw in flaws), flaws


async def test_the_api_answers_invalid_blocks_with_pointers(api):
    answer = await api("chat.postMessage", channel="C01DEP", text="x", blocks=[{"type": "marquee"}])
    assert answer["error"] == "invalid_blocks"
    pointer = "[ERROR] unsupported type: marquee [json-pointer:/blocks/0/type]"
    assert answer["response_metadata"]["messages"] == [pointer]


def modal(**more: object) -> dict[str, object]:
    return {"type": "modal", "title": PLAIN, "blocks": [section()], **more}


INPUT = {"type": "input", "label": PLAIN, "element": {"type": "plain_text_input", "action_id": "t"}}


@pytest.mark.parametrize(
    "view",
    [
        modal(),
        modal(title=plain(24), close=plain(24), private_metadata="m" * 3000, callback_id="c" * 255),
        modal(blocks=[INPUT], submit=PLAIN),
        modal(blocks=[{"type": "divider"}] * 100),
        {"type": "home", "blocks": [section()]},
    ],
)
def test_views_within_the_limits_are_taken(view):
    assert view_flaws(view) == []


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (modal(title=plain(25)), "/view/title/text"),
        ({"type": "modal", "blocks": [section()]}, "missing required field: title"),
        ({"type": "modal", "title": PLAIN}, "missing required field: blocks"),
        (modal(close=plain(25)), "/view/close/text"),
        (modal(blocks=[INPUT]), "missing required field: submit"),
        (modal(private_metadata="m" * 3001), "less than 3001"),
        (modal(callback_id="c" * 256), "less than 256"),
        (modal(blocks=[{"type": "divider"}] * 101), "no more than 100"),
        (modal(colour="red"), "invalid additional property: colour"),
        (modal(state={"values": {}}), "invalid additional property: state"),
        (modal(blocks=[{"type": "marquee"}]), "/view/blocks/0/type"),
        ({"type": "tab", "blocks": []}, "must be modal or home"),
        ({"type": "home", "blocks": [section()], "submit": PLAIN}, "submit"),
    ],
)
def test_views_beyond_a_limit_are_refused_with_the_place(view, why):
    assert any(why in flaw for flaw in view_flaws(view)), view_flaws(view)
