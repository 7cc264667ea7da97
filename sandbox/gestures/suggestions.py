"""Typing into an external select: the app is asked for options, which may then be chosen."""

from sandbox import payloads
from sandbox.courier import Courier, Parcel
from sandbox.elements import check_option
from sandbox.findings import Findings
from sandbox.gestures.presses import Presses, elements_of
from sandbox.shapes import Delivered, Json, Refused
from sandbox.world import World

_LIMIT = 100
_LEAST_TYPED = 3


class Suggestions:
    """People looking for an option."""

    def __init__(self, world: World, courier: Courier, presses: Presses) -> None:
        self._world = world
        self._courier = courier
        self._presses = presses

    async def ask(
        self,
        user: str,
        action_id: str,
        query: str,
        place: str,
        channel: str | None = None,
        ts: str | None = None,
    ) -> Delivered:
        """Type `query`; the answer's body has the options offered, which are remembered so that one can be chosen."""
        world = self._world
        person = world.person(user)
        if place == "message":
            where, message = self._presses.visible(person, channel or "", ts or "")
            blocks = message.body.get("blocks") or []
            context = payloads.message_context(where, message)
        else:
            shown = world.views.home(person.id) if place == "home" else world.views.top(person.id)
            if shown is None:
                raise Refused(f"{person.name} has no {place} open")
            blocks, context = shown.body["blocks"], payloads.view_context(shown)
        block, element = _external(blocks, action_id)
        least = element.get("min_query_length", _LEAST_TYPED)
        if len(query) < least:
            raise Refused(f"type at least {least} characters")
        asked = {"action_id": action_id, "block_id": block["block_id"], "value": query}
        payload = payloads.block_suggestion(world, person, {**context, **asked})
        parcel = Parcel(kind="interactive", name="block_suggestion", payload=payload)
        delivered = await self._courier.deliver(parcel)
        for option in _offered(delivered.body) if delivered.acknowledged else ():
            world.offered[action_id, option["value"]] = option
        return delivered


def _external(blocks: list[Json], action_id: str) -> tuple[Json, Json]:
    for block in blocks:
        for element in elements_of(block):
            if element.get("action_id") == action_id and "external_select" in element["type"]:
                return block, element
    raise Refused(f"there is no external select {action_id!r}")


def _offered(body: Json) -> list[Json]:
    """The options of an answer; raises Refused for what Slack would not show."""
    groups = body.get("option_groups") or ()
    options = [*(body.get("options") or ()), *(one for group in groups for one in group.get("options", ()))]
    found = Findings()
    if len(options) > _LIMIT:
        found.flaw("/options", f"no more than {_LIMIT} items allowed [{len(options)} given]")
    for index, option in enumerate(options):
        check_option(found, option, f"/options/{index}", plain=True)
    if found.flaws:
        raise Refused(f"the app's options are refused: {'; '.join(found.flaws)}")
    return options
