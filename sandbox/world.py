"""The whole state of one sandbox, given to every part that needs it."""

from dataclasses import dataclass, field

from sandbox.board import Board
from sandbox.changes import Changes
from sandbox.faults import Faults
from sandbox.inspector import Inspector
from sandbox.manifest import App
from sandbox.shapes import Json, Refused
from sandbox.sockets import SocketHub
from sandbox.tickets import ResponseUrls, Triggers
from sandbox.views import Views
from sandbox.workspace import Channel, Person, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What the app must know to be let in, and to know us."""

    signing_secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    app_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How time is scaled, in seconds. Slack itself retries an event at once, after one minute and after five."""

    deadline: float = 3.0
    retries: tuple[float, ...] = (0.05, 1.0, 3.0)
    strict_rate: bool = False


@dataclass(slots=True, kw_only=True)
class World:
    """Everything there is in one sandbox."""

    workspace: Workspace
    app: App
    secrets: Secrets
    pace: Pace
    changes: Changes
    board: Board
    views: Views
    triggers: Triggers
    response_urls: ResponseUrls
    faults: Faults
    inspector: Inspector
    sockets: SocketHub
    members: dict[str, set[str]]
    posted: dict[str, list[float]] = field(default_factory=dict)
    offered: dict[tuple[str, str], Json] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()
    events_url: str | None = None
    base_url: str = ""

    @classmethod
    def create(
        cls,
        workspace: Workspace,
        app: App,
        *,
        secrets: Secrets,
        pace: Pace,
        links: tuple[tuple[str, str], ...],
        events_url: str | None,
    ) -> "World":
        """A fresh world in which nothing was said yet."""
        changes = Changes()
        hidden = (secrets.signing_secret, secrets.bot_token, secrets.app_token)
        return cls(
            workspace=workspace,
            app=app,
            secrets=secrets,
            pace=pace,
            changes=changes,
            board=Board(changes),
            views=Views(changes, workspace),
            triggers=Triggers(),
            response_urls=ResponseUrls(),
            faults=Faults(),
            inspector=Inspector(changes, hidden),
            sockets=SocketHub(workspace, changes),
            members={channel.id: set(channel.members) for channel in workspace.channels},
            links=links,
            events_url=events_url,
        )

    def is_member(self, channel: Channel, user: str) -> bool:
        """Whether this user or bot is in the channel now."""
        return user in self.members.get(channel.id, channel.members)

    def person(self, reference: str) -> Person:
        """The person meant; raises Refused."""
        person = self.workspace.person(reference)
        if person is None:
            raise Refused(f"nobody here is called {reference}")
        return person

    def channel_for(self, person: Person, reference: str) -> Channel:
        """The channel a person means: an id, a name, or `dm` or the bot's name for their own talk with the app."""
        bot = self.workspace.bot
        if reference.removeprefix("@") in {"dm", bot.name, bot.user_id, person.direct}:
            return self.workspace.direct(person)
        channel = self.workspace.channel(reference)
        if channel is None or channel.direct_with is not None:
            raise Refused(f"{person.name} sees no channel called {reference}")
        return channel

    def bot_author(self) -> Json:
        """The fields that tell who posted a message of the app."""
        bot = self.workspace.bot
        profile = {
            "id": bot.bot_id,
            "app_id": bot.app_id,
            "name": bot.name,
            "team_id": self.workspace.team.id,
        }
        return {"user": bot.user_id, "bot_id": bot.bot_id, "app_id": bot.app_id, "bot_profile": profile}

    def tell(self, person: Person, channel: str, text: str, *, thread_ts: str | None = None) -> None:
        """Show one person a word from the workspace itself, as Slackbot does."""
        author = {"user": "USLACKBOT", "subtype": "bot_message", "username": "Slackbot", "is_ephemeral": True}
        self.board.post(channel, {**author, "text": text}, only_for=person.id, thread_ts=thread_ts)
