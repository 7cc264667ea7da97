"""views.*: opening, pushing and updating modals, publishing the Home tab."""

import json

from sandbox.api.registry import Call, method
from sandbox.limits import VIEW_BYTES, view_flaws
from sandbox.payloads import view_body
from sandbox.shapes import ApiError, Json


@method("views.open")
def open_view(call: Call) -> Json:
    """Open a modal for whoever's trigger it is."""
    view = checked_view(call.document("view"), "modal")
    user = call.world.triggers.exchange(call.need("trigger_id"))
    return {"view": view_body(call.world.views.open(user, view))}


@method("views.push")
def push_view(call: Call) -> Json:
    """Put a modal on top of the open one."""
    view = checked_view(call.document("view"), "modal")
    user = call.world.triggers.exchange(call.need("trigger_id"))
    return {"view": view_body(call.world.views.push(user, view))}


@method("views.update")
def update_view(call: Call) -> Json:
    """Replace an open modal."""
    view = checked_view(call.document("view"), None)
    if call.get("view_id") is None and call.get("external_id") is None:
        raise ApiError("invalid_arguments", "[ERROR] missing required field: view_id")
    shown = call.world.views.find(call.get("view_id"), call.get("external_id"))
    if shown.body["type"] != view["type"]:
        raise ApiError(
            "invalid_arguments", "[ERROR] the type of a view cannot change [json-pointer:/view/type]"
        )
    return {"view": view_body(call.world.views.update(shown, view, call.get("hash")))}


@method("views.publish")
def publish_view(call: Call) -> Json:
    """Set someone's Home tab."""
    if not call.world.app.home_enabled:
        raise ApiError("not_enabled")
    view = checked_view(call.document("view"), "home")
    person = call.person("user_id")
    return {"view": view_body(call.world.views.publish(person.id, view, call.get("hash")))}


def checked_view(view: object, kind: str | None) -> Json:
    """The view if Slack would take it; raises invalid_arguments with pointers, or view_too_large."""
    if view is None:
        raise ApiError("invalid_arguments", "[ERROR] missing required field: view")
    flaws = view_flaws(view)
    if not isinstance(view, dict) or flaws:
        raise ApiError("invalid_arguments", *flaws)
    if kind is not None and view["type"] != kind:
        raise ApiError("invalid_arguments", f"[ERROR] must be {kind} [json-pointer:/view/type]")
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise ApiError("view_too_large")
    return view
