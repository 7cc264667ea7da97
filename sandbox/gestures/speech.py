"""What people type: slash commands, messages, and opening the app's Home."""

import re

from sandbox import payloads
from sandbox.courier import Courier, Parcel
from sandbox.response_urls import respond
from sandbox.shapes import ApiError, Delivered, Json, Refused
from sandbox.tickets import ResponseUrl
from sandbox.workspace import Channel, Person, Workspace
from sandbox.world import World

_TOKEN = re.compile(
    r"(?<![\w;])@(?P<person>[\w.-]+)|(?<![\w;])#(?P<channel>[\w-]+)|(?P<url>https?://[^\s<>|]+)"
)
_SPECIAL = {"here", "channel", "everyone"}


def escape(text: str) -> str:
    """Slack's three control characters, escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def linked(workspace: Workspace, text: str, *, names: bool) -> str:
    """Typed text as Slack sends it: `<@U…>`, `<#C…>` and `<https://…>`, everything else escaped.

    `names` adds `|name` after an id, as in slash commands.
    """

    def replace(found: re.Match[str]) -> str:
        if found["url"]:
            return f"<{found[0]}>"
        name = (found["person"] or found["channel"]).rstrip(".-")
        rest = found[0][len(name) + 1 :]
        if found["channel"]:
            channel = workspace.channel(name)
            return f"<#{channel.id}|{channel.name}>{rest}" if channel else found[0]
        if name in _SPECIAL:
            return f"<!{name}>{rest}"
        group = next((one for one in workspace.usergroups if one.handle == name), None)
        if group is not None:
            return f"<!subteam^{group.id}|@{group.handle}>{rest}"
        person = next((one for one in workspace.people if one.name == name), None)
        bot = workspace.bot
        user_id, shown = (bot.user_id, bot.name) if name == bot.name else _named(person)
        return (
            f"<@{user_id}|{shown}>{rest}"
            if names and user_id
            else f"<@{user_id}>{rest}"
            if user_id
            else found[0]
        )

    return _TOKEN.sub(replace, escape(text))


def _named(person: Person | None) -> tuple[str | None, str]:
    return (person.id, person.name) if person else (None, "")


class Speech:
    """People typing."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier

    async def command(self, user: str, name: str, text: str, channel: str) -> Delivered:
        """Type a slash command; the answer inside the acknowledgement is shown where it belongs."""
        world = self._world
        person = world.person(user)
        where = world.channel_for(person, channel)
        self._expect_member(person, where)
        command = world.app.command(name)
        if command is None:
            raise Refused(f"{name} is not a valid command: the app's manifest has no such command")
        if world.app.missing_scope(("commands",)) is not None:
            raise Refused(f"{name} cannot be used: the app's manifest grants no scope commands")
        typed = text.strip()
        if command.should_escape:
            typed = linked(world.workspace, typed, names=True)
        payload = payloads.command(world, person, where, name, typed)
        delivered = await self._courier.deliver(Parcel(kind="slash_commands", name=name, payload=payload))
        if not delivered.acknowledged:
            world.tell(person, where.id, f"{name} failed with the error “{delivered.error}”")
        elif delivered.body.get("text") or delivered.body.get("blocks"):
            self._answer(person, where, name, delivered.body)
        return delivered

    def _answer(self, person: Person, where: Channel, name: str, body: Json) -> None:
        target = ResponseUrl(channel=where.id, user=person.id, message_ts=None, thread_ts=None, expires=0)
        try:
            respond(self._world, target, body)
        except ApiError as error:
            detail = "; ".join([error.code, *error.messages])
            self._world.tell(person, where.id, f"{name} failed: its answer is refused: {detail}")

    async def say(self, user: str, text: str, channel: str, thread_ts: str | None = None) -> Delivered | None:
        """Post a message as a person; events go to the app where it hears them. None: no event was due."""
        world = self._world
        person = world.person(user)
        where = world.channel_for(person, channel)
        self._expect_member(person, where)
        if not text.strip():
            raise Refused("there is nothing to say")
        if thread_ts is not None and world.board.find(where.id, thread_ts) is None:
            raise Refused(f"there is no message {thread_ts} in #{where.name}")
        body: Json = {
            "user": person.id,
            "team": world.workspace.team.id,
            "text": linked(world.workspace, text, names=False),
        }
        message = world.board.post(where.id, body, thread_ts=thread_ts)
        world.board.mark_read(person.id, where.id, message.ts)
        heard = self._events(where, {**message.body, "channel": where.id, "event_ts": message.ts})
        results = [await self._send_event(one) for one in heard]
        return results[0] if results else None

    def _events(self, where: Channel, said: Json) -> list[Json]:
        app, bot = self._world.app, self._world.workspace.bot
        events: list[Json] = []
        direct = where.direct_with is not None
        if not self._world.is_member(where, bot.user_id):
            return events
        if f"<@{bot.user_id}>" in said["text"] and not direct and app.hears("app_mention"):
            events.append({**said, "type": "app_mention"})
        if app.known and app.hears("message.im" if direct else "message.channels"):
            events.append({**said, "channel_type": "im" if direct else "channel"})
        return events

    async def open_home(self, user: str) -> Delivered | None:
        """Open the app's Home tab; None: the app does not hear of it."""
        world = self._world
        person = world.person(user)
        if not world.app.home_enabled:
            raise Refused("this app has no Home tab")
        if not world.app.hears("app_home_opened"):
            return None
        event: Json = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": person.direct,
            "tab": "home",
            "event_ts": payloads.action_ts(),
        }
        home = world.views.home(person.id)
        if home is not None:
            event["view"] = payloads.view_body(home)
        return await self._send_event(event)

    async def _send_event(self, event: Json) -> Delivered:
        payload = payloads.event(self._world, event)
        return await self._courier.deliver(Parcel(kind="events_api", name=event["type"], payload=payload))

    def _expect_member(self, person: Person, where: Channel) -> None:
        if not self._world.is_member(where, person.id):
            raise Refused(f"{person.name} is not in #{where.name}")
