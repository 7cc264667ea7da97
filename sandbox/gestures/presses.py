"""Pressing buttons and choosing from menus, in messages, modals and on the Home tab; shortcuts."""

from sandbox import payloads
from sandbox.board import Message
from sandbox.courier import Courier, Parcel
from sandbox.gestures.filling import Unfit, options_of, state_of
from sandbox.shapes import Delivered, Json, Refused
from sandbox.views import Shown
from sandbox.workspace import Channel, Person
from sandbox.world import World


class Presses:
    """People pressing."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier

    async def in_message(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        value: str | list[str] | None,
        block_id: str | None = None,
        states: dict[str, str | list[str]] | None = None,
    ) -> Delivered:
        """Use an element of a message; `states` are choices made in it before, by action_id."""
        world = self._world
        person = world.person(user)
        where, message = self.visible(person, channel, ts)
        blocks = message.body.get("blocks") or []
        action = self._action(blocks, action_id, value, block_id, f"the message {ts}")
        values = self._values(blocks, states or {}, action)
        payload = payloads.message_action(world, person, where, message, action, values)
        delivered = await self._send(payload)
        if not delivered.acknowledged:
            text = f"That did not reach the app: {delivered.error}. Try again."
            world.tell(person, where.id, text, thread_ts=message.thread_ts)
        return delivered

    async def in_view(
        self,
        user: str,
        place: str,
        action_id: str,
        value: str | list[str] | None,
        block_id: str | None = None,
        states: dict[str, str | list[str]] | None = None,
    ) -> Delivered:
        """Use an element of the open modal (`place` modal) or of the Home tab (`home`).

        `states` is what was typed in it so far, which Slack sends along.
        """
        world = self._world
        person = world.person(user)
        shown = world.views.home(person.id) if place == "home" else world.views.top(person.id)
        if shown is None:
            raise Refused(f"{person.name} has no {place} open")
        action = self._action(shown.body["blocks"], action_id, value, block_id, f"the {place}")
        self._keep_typed(shown, states or {})
        if action["type"] not in {"button", "overflow"}:
            shown.values.setdefault(action["block_id"], {})[action["action_id"]] = _state_part(action)
        return await self._send(payloads.view_action(world, person, shown, action))

    async def shortcut(
        self, user: str, callback_id: str, channel: str | None = None, ts: str | None = None
    ) -> Delivered:
        """Use a global shortcut, or one on a message."""
        world = self._world
        person = world.person(user)
        shortcut = world.app.shortcuts.get(callback_id)
        if world.app.known and shortcut is None:
            raise Refused(f"the app's manifest has no shortcut {callback_id}")
        on_message = channel is not None and ts is not None
        if shortcut is not None and (shortcut.type == "message") != on_message:
            raise Refused(f"{callback_id} is a {shortcut.type} shortcut")
        if channel is not None and ts is not None:
            where, message = self.visible(person, channel, ts)
            return await self._send(payloads.message_shortcut(world, person, where, message, callback_id))
        return await self._send(payloads.global_shortcut(world, person, callback_id))

    def visible(self, person: Person, channel: str, ts: str) -> tuple[Channel, Message]:
        """A message this person can see, and its channel; raises Refused."""
        where = self._world.channel_for(person, channel)
        message = self._world.board.find(where.id, ts)
        if message is None or message.only_for not in {None, person.id}:
            raise Refused(f"{person.name} sees no message {ts} in {where.name}")
        if not self._world.is_member(where, person.id):
            raise Refused(f"{person.name} is not in #{where.name}")
        return where, message

    def _action(
        self,
        blocks: list[Json],
        action_id: str,
        value: str | list[str] | None,
        block_id: str | None,
        place: str,
    ) -> Json:
        found = [
            (block, element)
            for block in blocks
            for element in elements_of(block)
            if element.get("action_id") == action_id and block_id in {None, block["block_id"]}
        ]
        buttons = [pair for pair in found if pair[1]["type"] == "button"]
        if buttons and value is not None:
            found = [pair for pair in buttons if pair[1].get("value") == value]
        if not found:
            there = [str(e["action_id"]) for b in blocks for e in elements_of(b) if "action_id" in e]
            raise Refused(f"{place} has no {action_id!r}; it has {', '.join(there) or 'nothing to press'}")
        block, element = found[0]
        base = {"action_id": action_id, "block_id": block["block_id"], "action_ts": payloads.action_ts()}
        if element["type"] == "button":
            carried: Json = {key: element[key] for key in ("text", "value", "style", "url") if key in element}
            return {"type": "button", **base, **carried}
        return {**base, **self._choice(element, value)}

    def _choice(self, element: Json, value: str | list[str] | None) -> Json:
        if value is None:
            offered = ", ".join(option["value"] for option in options_of(element))
            raise Refused(f"{element['action_id']} needs a value; there are {offered or 'no fixed ones'}")
        try:
            state = state_of(self._world, element, value)
        except Unfit as error:
            raise Refused(str(error)) from error
        return state

    def _values(
        self, blocks: list[Json], given: dict[str, str | list[str]], action: Json
    ) -> dict[str, dict[str, Json]]:
        values: dict[str, dict[str, Json]] = {}
        for block in blocks:
            for element in elements_of(block):
                if element["type"] in {"button", "overflow", "image"} or "action_id" not in element:
                    continue
                action_id = str(element["action_id"])
                if action_id == action["action_id"] and block["block_id"] == action["block_id"]:
                    state = _state_part(action)
                else:
                    state = self._typed(block, element, given)
                values.setdefault(block["block_id"], {})[action_id] = state
        return values

    def _typed(self, block: Json, element: Json, given: dict[str, str | list[str]]) -> Json:
        """What stands in a field now; what could not be sent counts as nothing typed."""
        action_id = str(element["action_id"])
        text = given.get(f"{block['block_id']}/{action_id}", given.get(action_id))
        try:
            return state_of(self._world, element, text)
        except Unfit:
            return state_of(self._world, element, "")

    def _keep_typed(self, shown: Shown, given: dict[str, str | list[str]]) -> None:
        for block in shown.body["blocks"]:
            for element in elements_of(block):
                action_id = element.get("action_id")
                if action_id is None or element["type"] in {"button", "overflow", "image"}:
                    continue
                kept = shown.values.setdefault(block["block_id"], {})
                named = {action_id, f"{block['block_id']}/{action_id}"} & set(given)
                if named or action_id not in kept:
                    kept[action_id] = self._typed(block, element, given)

    async def _send(self, payload: Json) -> Delivered:
        if not self._world.app.interactive:
            raise Refused("the app's manifest does not enable interactivity")
        return await self._courier.deliver(Parcel(kind="interactive", name=payload["type"], payload=payload))


def elements_of(block: Json) -> list[Json]:
    """The interactive elements of a block, wherever they stand in it."""
    single = [block[key] for key in ("accessory", "element") if isinstance(block.get(key), dict)]
    several = block.get("elements") if block["type"] in {"actions", "context_actions"} else None
    return [*single, *(several or ())]


def _state_part(action: Json) -> Json:
    return {key: value for key, value in action.items() if key not in {"action_id", "block_id", "action_ts"}}
