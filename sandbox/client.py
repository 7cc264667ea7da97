"""Drives a sandbox from tests and tours: people's gestures, what they see, faults, and waiting without sleeping."""

import inspect
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

from sandbox.reading import text_of
from sandbox.shapes import Delivered, Json, Refused

T = TypeVar("T")
_POLL_SECONDS = 1.0


class WaitedInVain(AssertionError):  # noqa: N818 - the sentence it makes
    """What was waited for did not happen; the text says what, and what was last said instead."""


class SandboxClient:
    """People's hands and eyes. A gesture nobody could make in Slack raises Refused with the reason."""

    text_of = staticmethod(text_of)

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def command(self, user: str, text: str, *, channel: str, command: str = "/deploy") -> Delivered:
        """Type a slash command; `channel` is an id, a name, or `dm` for the talk with the app."""
        return await self._gesture("command", user=user, text=text, channel=channel, command=command)

    async def say(self, user: str, text: str, *, channel: str, thread_ts: str | None = None) -> Delivered:
        """Say something as a person."""
        return await self._gesture("say", user=user, text=text, channel=channel, thread_ts=thread_ts)

    async def click(
        self,
        user: str,
        *,
        action_id: str,
        channel: str | None = None,
        ts: str | None = None,
        value: str | list[str] | None = None,
        block_id: str | None = None,
        place: str = "message",
    ) -> Delivered:
        """Press a button or choose `value` in a menu, of a message, or with `place` of the modal or home.

        Among buttons with one action_id, `value` or `block_id` tells which.
        """
        return await self._gesture(
            "click",
            user=user,
            channel=channel,
            ts=ts,
            action_id=action_id,
            value=value,
            block_id=block_id,
            place=place,
        )

    async def suggest(
        self,
        user: str,
        query: str,
        *,
        action_id: str,
        place: str = "modal",
        channel: str | None = None,
        ts: str | None = None,
    ) -> Delivered:
        """Type into an external select; the options offered are in the answer's body and may then be chosen."""
        where = {"place": place, "channel": channel, "ts": ts}
        return await self._gesture("options", user=user, query=query, action_id=action_id, **where)

    async def shortcut(
        self, user: str, callback_id: str, *, channel: str | None = None, ts: str | None = None
    ) -> Delivered:
        """Use a shortcut, on a message where channel and ts are given."""
        return await self._gesture("shortcut", user=user, callback_id=callback_id, channel=channel, ts=ts)

    async def modal(self, user: str) -> Json | None:
        """The modal on top of someone's stack."""
        view: Json | None = (await self._get("modal", user=user))["view"]
        return view

    async def submit(self, user: str, values: Mapping[str, str | list[str]] | None = None) -> Delivered:
        """Fill in the top modal, by block_id or action_id, and send it; `.errors` by block_id if it was refused."""
        return await self._gesture("submit", user=user, values=dict(values or {}))

    async def close(self, user: str, *, everything: bool = False) -> Delivered:
        """Put the top modal away, or all."""
        return await self._gesture("close", user=user, everything=everything)

    async def messages(self, channel: str, *, thread_ts: str | None = None) -> list[Json]:
        """What everyone in a channel sees, oldest first; with `thread_ts` the root and its replies."""
        return await self._list("messages", "messages", channel=channel, thread_ts=thread_ts)

    async def ephemerals(self, user: str) -> list[Json]:
        """What only this person sees, oldest first."""
        return await self._list("ephemerals", "messages", user=user)

    async def direct_messages(self, user: str) -> list[Json]:
        """This person's talk with the app."""
        return await self._list("direct_messages", "messages", user=user)

    async def home(self, user: str) -> Json | None:
        """The Home tab published for someone."""
        view: Json | None = (await self._get("home", user=user))["view"]
        return view

    async def open_home(self, user: str) -> Delivered:
        """Open the Home tab, of which the app hears."""
        return await self._gesture("open_home", user=user)

    async def requests(self, *, after: int = 0) -> list[Json]:
        """Every call and delivery so far, secrets taken out."""
        return await self._list("requests", "requests", after=str(after))

    async def fault(self, kind: str, *, method: str | None = None, times: int = 1, **details: object) -> None:
        """Make something go wrong: see sandbox.faults for the kinds."""
        await self._request("POST", "faults", {"kind": kind, "method": method, "times": times, **details})

    async def clear_faults(self) -> None:
        """Disarm all faults."""
        await self._request("DELETE", "faults", None)

    async def wait_for(
        self,
        predicate: Callable[[], T | Awaitable[T]],
        *,
        what: str,
        timeout: float = 10,  # noqa: ASYNC109 - the time it may take is part of what is asked
    ) -> T:
        """Ask `predicate` again after each change until its answer is truthy, and return that.

        Raises WaitedInVain after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            seen = int((await self._get("changes"))["changes"])
            answer = predicate()
            result: T = await answer if inspect.isawaitable(answer) else answer
            if result:
                return result
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitedInVain(await self._in_vain(what, timeout))
            await self._get("changes", since=str(seen), timeout=str(min(left, _POLL_SECONDS)))

    async def _in_vain(self, what: str, seconds: float) -> str:
        requests = (await self.requests())[-8:]
        lines = [f"waited {seconds:g} s for {what}, in vain. The last exchanges:"]
        for one in requests:
            outcome = "ok" if one["ok"] else f"FAILED {one['status']} {one['error']} {one['note']}"
            shown = one["request"].get("text") or json.dumps(one["request"])[:160]
            lines.append(f"  {one['direction']:>3} {one['name']}: {outcome}: {shown}")
        cast = await self._fetch("GET", "/cast", None)
        for channel in cast["channels"]:
            said = await self.messages(channel["id"])
            lines += [f"  #{channel['name']}: {text_of(one)[:200]}" for one in said[-3:]]
        for person in cast["people"]:
            alone = await self.ephemerals(person["id"]) + await self.direct_messages(person["id"])
            lines += [f"  to {person['name']} alone: {text_of(one)[:200]}" for one in alone[-2:]]
        return "\n".join(lines)

    async def _gesture(self, name: str, **body: object) -> Delivered:
        return Delivered(**await self._request("POST", name, body))

    async def _get(self, name: str, **query: str | None) -> Json:
        return await self._request("GET", name, None, {k: v for k, v in query.items() if v is not None})

    async def _list(self, name: str, key: str, **query: str | None) -> list[Json]:
        found: list[Json] = (await self._get(name, **query))[key]
        return found

    async def _request(
        self, verb: str, name: str, body: Mapping[str, object] | None, query: Mapping[str, str] | None = None
    ) -> Json:
        return await self._fetch(verb, f"/control/{name}", body, query)

    async def _fetch(
        self, verb: str, path: str, body: Mapping[str, object] | None, query: Mapping[str, str] | None = None
    ) -> Json:
        if self._session is None:
            raise RuntimeError("use the client as an async context manager")
        async with self._session.request(verb, f"{self._url}{path}", json=body, params=query) as answer:
            if answer.status == 409:
                raise Refused((await answer.json())["refused"])
            answer.raise_for_status()
            content: dict[str, Any] = await answer.json()
            return content
