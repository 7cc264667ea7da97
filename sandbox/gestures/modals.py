"""Filling in a modal and sending it, with Slack's four response actions; putting it away."""

from dataclasses import replace

from sandbox import payloads
from sandbox.api.views import checked_view
from sandbox.courier import Courier, Parcel
from sandbox.gestures.filling import REQUIRED, Unfit, is_empty, state_of
from sandbox.gestures.presses import elements_of
from sandbox.shapes import ApiError, Delivered, Json, Refused
from sandbox.views import Shown
from sandbox.workspace import Person
from sandbox.world import World

Filled = dict[str, str | list[str]]


class Modals:
    """People filling in modals."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier

    async def submit(self, user: str, values: Filled) -> Delivered:
        """Fill in the top modal and send it.

        `values` are keyed by block_id, action_id or `block_id/action_id`. What Slack's client would not send is not
        sent: the answer then has errors and no attempt.
        """
        person = self._world.person(user)
        shown = self._world.views.top(person.id)
        if shown is None:
            raise Refused(f"{person.name} has no modal open")
        if shown.body.get("submit") is None and any(b["type"] == "input" for b in shown.body["blocks"]):
            raise Refused("this modal cannot be sent")
        errors = self._fill(shown, values)
        if errors:
            return Delivered(acknowledged=False, attempts=0, error="incomplete", errors=errors)
        payload = payloads.view_submission(self._world, person, shown)
        parcel = Parcel(kind="interactive", name="view_submission", payload=payload)
        delivered = await self._courier.deliver(parcel)
        if not delivered.acknowledged:
            return delivered
        try:
            return self._follow(person, shown, delivered)
        except ApiError as error:
            why = "; ".join([error.code, *error.messages])
            return replace(delivered, acknowledged=False, error=f"the app's answer is refused: {why}")

    async def close(self, user: str, *, everything: bool = False) -> Delivered | None:
        """Put the top modal away, or all of them; None where the app did not ask to be told."""
        person = self._world.person(user)
        shown = self._world.views.top(person.id)
        if shown is None:
            raise Refused(f"{person.name} has no modal open")
        if everything or shown.body.get("clear_on_close"):
            gone, cleared = list(reversed(self._world.views.clear(person.id))), True
        else:
            gone, cleared = [self._world.views.pop(person.id)], False
        told = None
        for one in gone:
            if one.body.get("notify_on_close"):
                payload = payloads.view_closed(self._world, person, one, cleared=cleared)
                told = await self._courier.deliver(
                    Parcel(kind="interactive", name="view_closed", payload=payload)
                )
        return told

    def _fill(self, shown: Shown, values: Filled) -> dict[str, str]:
        """Put what was typed into the view's state; returns errors by block_id."""
        known: set[str] = set()
        errors: dict[str, str] = {}
        for block in shown.body["blocks"]:
            for element in elements_of(block):
                if element["type"] in {"button", "overflow", "image"}:
                    continue
                keys = {
                    block["block_id"],
                    element["action_id"],
                    f"{block['block_id']}/{element['action_id']}",
                }
                known |= keys
                given = next((values[key] for key in keys if key in values), None)
                error = self._fill_one(shown, block, element, given)
                if error is not None:
                    errors[block["block_id"]] = error
        unknown = set(values) - known
        if unknown:
            raise Refused(
                f"this modal has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
            )
        return errors

    def _fill_one(
        self, shown: Shown, block: Json, element: Json, given: str | list[str] | None
    ) -> str | None:
        kept = shown.values.setdefault(block["block_id"], {})
        action_id = str(element["action_id"])
        if given is not None or action_id not in kept:
            try:
                kept[action_id] = state_of(self._world, element, given)
            except Unfit as error:
                return str(error)
        required = block["type"] == "input" and not block.get("optional", False)
        return REQUIRED if required and is_empty(kept[action_id]) else None

    def _follow(self, person: Person, shown: Shown, delivered: Delivered) -> Delivered:
        """Do what the acknowledgement says; raises ApiError for what Slack would refuse."""
        views, body = self._world.views, delivered.body
        action = body.get("response_action")
        if action == "errors":
            return replace(delivered, error="errors", errors=self._errors(shown, body.get("errors")))
        if action == "update":
            views.update(shown, checked_view(body.get("view"), "modal"))
        elif action == "push":
            views.push(person.id, checked_view(body.get("view"), "modal"))
        elif action == "clear":
            views.clear(person.id)
        elif action is not None:
            raise ApiError("invalid_response_action", f"[ERROR] {action!r} [json-pointer:/response_action]")
        elif shown in views.stack(person.id):
            self._leave(person, shown)
        return delivered

    def _leave(self, person: Person, shown: Shown) -> None:
        """Take the sent view away, with whatever the app pushed above it meanwhile left in place."""
        self._world.views.stack(person.id).remove(shown)
        self._world.changes.bump()

    def _errors(self, shown: Shown, errors: object) -> dict[str, str]:
        inputs = {block["block_id"] for block in shown.body["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors:
            raise ApiError("invalid_arguments", "[ERROR] missing required field: errors")
        strangers = set(errors) - inputs
        if strangers:
            raise ApiError(
                "invalid_arguments", f"[ERROR] no input block is called {', '.join(sorted(strangers))}"
            )
        return {str(key): str(value) for key, value in errors.items()}
