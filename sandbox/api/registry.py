"""What a Web API method is: a function of one call, with the token kind and the scopes it needs."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.shapes import ApiError, Json
from sandbox.workspace import Channel, Person
from sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the world it acts on and its arguments, which come as text or as JSON."""

    world: World
    args: Json

    def get(self, key: str) -> str | None:
        """An argument as text, None where it is missing or empty."""
        value = self.args.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return str(value)
        raise ApiError("invalid_arguments", f"[ERROR] must be a string [json-pointer:/{key}]")

    def need(self, key: str) -> str:
        """An argument that must be there."""
        value = self.get(key)
        if value is None:
            raise ApiError("invalid_arguments", f"[ERROR] missing required field: {key}")
        return value

    def flag(self, key: str) -> bool:
        """A boolean argument."""
        return (self.get(key) or "").lower() in {"true", "1"}

    def document(self, key: str) -> object:
        """A JSON argument, given as JSON or as text; None where it is missing."""
        value = self.args.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError as error:
                code = "invalid_blocks_format" if key == "blocks" else "invalid_arguments"
                raise ApiError(code, f"[ERROR] invalid JSON [json-pointer:/{key}]") from error
        return value

    def person(self, key: str = "user") -> Person:
        """The person an id argument names; raises user_not_found."""
        wanted = self.get(key)
        person = next((p for p in self.world.workspace.people if p.id == wanted), None)
        if person is None:
            raise ApiError("user_not_found")
        return person

    def channel(self, key: str = "channel") -> Channel:
        """The conversation an id argument names; a name is not an id. Raises channel_not_found."""
        wanted = self.get(key)
        channel = self.world.workspace.channel(wanted) if wanted else None
        if channel is None or channel.id != wanted:
            raise ApiError("channel_not_found")
        return channel

    def page(self, items: Sequence[object], key: str) -> Json:
        """One page of a list by `limit` and `cursor`, with the cursor of the next."""
        limit = self._limit()
        start = _position(self.get("cursor"))
        if start > len(items):
            raise ApiError("invalid_cursor")
        after = start + limit
        following = base64.b64encode(f"next:{after}".encode()).decode() if after < len(items) else ""
        return {key: list(items[start:after]), "response_metadata": {"next_cursor": following}}

    def _limit(self) -> int:
        text = self.get("limit") or "100"
        if not text.isdigit() or not 1 <= int(text) <= 1000:
            raise ApiError("invalid_limit")
        return int(text)


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        word, _, number = base64.b64decode(cursor, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ApiError("invalid_cursor") from error
    if word != "next" or not number.isdigit():
        raise ApiError("invalid_cursor")
    return int(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: `token` is bot, app or none; one of `scopes` must be granted."""

    name: str
    run: Callable[[Call], Json]
    scopes: tuple[str, ...]
    token: str
    reads_json: bool = True  # whether arguments in a JSON body are seen


METHODS: dict[str, Method] = {}


def method(
    name: str,
    *scopes: str,
    token: str = "bot",  # noqa: S107 - a kind of token
    reads_json: bool = True,
) -> Callable[[Callable[[Call], Json]], Callable[[Call], Json]]:
    """Register a function as a Web API method."""

    def register(run: Callable[[Call], Json]) -> Callable[[Call], Json]:
        METHODS[name] = Method(name=name, run=run, scopes=scopes, token=token, reads_json=reads_json)
        return run

    return register
