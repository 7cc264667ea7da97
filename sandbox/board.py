"""Everything that was said: messages per conversation, ephemerals among them, and what each person has read."""

import secrets
import time
from dataclasses import dataclass, field

from sandbox.changes import Changes
from sandbox.shapes import Json


@dataclass(slots=True, kw_only=True)
class Message:
    """One message. `body` is its wire form without metadata; `only_for` is an ephemeral's addressee."""

    channel: str
    ts: str
    body: Json
    thread_ts: str | None = None
    only_for: str | None = None
    metadata: Json | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def in_thread(self) -> bool:
        """Whether it is a reply, shown in a thread and not in the channel."""
        return (
            self.thread_ts is not None and self.thread_ts != self.ts and not self.body.get("reply_broadcast")
        )


class Board:
    """The messages of all conversations, in the order of their ts."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._messages: dict[str, list[Message]] = {}
        self._read: dict[tuple[str, str], str] = {}
        self._last = 0

    def next_ts(self) -> str:
        """A fresh ts: seconds and microseconds of now, never twice."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def post(
        self,
        channel: str,
        body: Json,
        *,
        thread_ts: str | None = None,
        only_for: str | None = None,
        metadata: Json | None = None,
    ) -> Message:
        """Add a message; block and action ids that are missing are filled in, as Slack does."""
        ts = self.next_ts()
        message = Message(
            channel=channel, ts=ts, body={}, thread_ts=thread_ts, only_for=only_for, metadata=metadata
        )
        message.body = {"type": "message", **body, "ts": ts}
        if thread_ts is not None:
            message.body["thread_ts"] = thread_ts
        if body.get("blocks"):
            message.body["blocks"] = with_ids(body["blocks"])
        self._messages.setdefault(channel, []).append(message)
        self._changes.bump()
        return message

    def edit(self, message: Message, body: Json, metadata: Json | None = None) -> None:
        """Replace text and blocks of a message, keeping its ts and place."""
        kept = {
            key: value for key, value in message.body.items() if key not in {"text", "blocks", "attachments"}
        }
        message.body = {**kept, **body}
        if body.get("blocks"):
            message.body["blocks"] = with_ids(body["blocks"])
        if metadata is not None:
            message.metadata = metadata
        self._changes.bump()

    def remove(self, message: Message) -> None:
        """Delete a message."""
        self._messages[message.channel].remove(message)
        self._changes.bump()

    def find(self, channel: str, ts: str) -> Message | None:
        """The message, ephemeral or not, with this ts."""
        return next((one for one in self._messages.get(channel, ()) if one.ts == ts), None)

    def react(self, message: Message, name: str, user: str) -> bool:
        """Add a reaction; False where this user has already given it."""
        users = message.reactions.setdefault(name, [])
        if user in users:
            return False
        users.append(user)
        self._changes.bump()
        return True

    def timeline(self, channel: str, viewer: str | None) -> list[Message]:
        """Messages of a channel, replies left out; ephemerals only for `viewer`."""
        return [one for one in self.all(channel, viewer) if not one.in_thread]

    def thread(self, channel: str, root: str, viewer: str | None) -> list[Message]:
        """The root and its replies."""
        return [one for one in self.all(channel, viewer) if root in {one.ts, one.thread_ts}]

    def all(self, channel: str, viewer: str | None) -> list[Message]:
        """All messages of a channel that `viewer` may see; None sees no ephemeral."""
        said = self._messages.get(channel, ())
        return [one for one in said if one.only_for is None or one.only_for == viewer]

    def ephemerals(self, user: str) -> list[Message]:
        """All ephemeral messages to one person, oldest first."""
        own = [one for said in self._messages.values() for one in said if one.only_for == user]
        return sorted(own, key=lambda one: one.ts)

    def mark_read(self, user: str, channel: str, ts: str) -> None:
        """Remember how far someone has read."""
        if ts > self._read.get((user, channel), ""):
            self._read[user, channel] = ts
            self._changes.bump()

    def unread(self, user: str, channel: str) -> int:
        """How many messages, not one's own, came after what was read."""
        read = self._read.get((user, channel), "")
        return sum(
            1 for one in self.timeline(channel, user) if one.ts > read and one.body.get("user") != user
        )

    def wire(self, message: Message, *, metadata: bool = False) -> Json:
        """The message as the Web API tells it: with its thread's figures, reactions, and metadata where asked."""
        body = dict(message.body)
        replies = [one for one in self.thread(message.channel, message.ts, None) if one.ts != message.ts]
        if replies:
            authors = list(dict.fromkeys(str(one.body.get("user", "")) for one in replies))
            body |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
            body |= {"reply_users": authors, "reply_users_count": len(authors)}
        if message.reactions:
            body["reactions"] = [
                {"name": name, "users": users, "count": len(users)}
                for name, users in message.reactions.items()
            ]
        if metadata and message.metadata is not None:
            body["metadata"] = message.metadata
        return body


def with_ids(blocks: list[Json]) -> list[Json]:
    """Copies of the blocks in which every block and every interactive element has an id."""
    return [_with_ids(block) for block in blocks]


def _with_ids(block: Json) -> Json:
    filled: Json = {**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)}
    for key in ("accessory", "element"):
        if isinstance(block.get(key), dict):
            filled[key] = _named(block[key])
    if block.get("type") in {"actions", "context_actions"}:
        filled["elements"] = [_named(one) for one in block["elements"]]
    return filled


def _named(element: Json) -> Json:
    if element.get("type") == "image" or element.get("action_id"):
        return element
    return {**element, "action_id": secrets.token_urlsafe(4)}
