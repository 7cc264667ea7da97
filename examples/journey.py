"""The hands and eyes of the tour: gestures in Slack, pages in browsers, the host's command line, and the transcript."""

import asyncio
import re
import sys
import textwrap
from typing import Any

import aiohttp

from examples.demo import Running
from examples.visitor import Visitor
from sandbox.client import SandboxClient

LIN, ADA, BO, CY = "U05LIN", "U01ADA", "U02BO", "U03CY"
DEPLOYMENTS, INCIDENTS, RELEASES = "C01DEPLOY", "C02INCID", "C03RELEAS"
Message = dict[str, Any]
LINK = re.compile(r"http://localhost:\d+/mfa/(?:enroll/)?[A-Za-z0-9_-]{43}")
ONE_USE = re.compile(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}")


def need(condition: object, what: object) -> None:
    """Like assert, but it also holds under `python -O`."""
    if not condition:
        raise AssertionError(f"did not happen: {what}")


class Tour:
    """One journey: gestures, what is seen, and the transcript."""

    def __init__(self, run: Running, slack: SandboxClient) -> None:
        self.run = run
        self.slack = slack
        self.steps = 0
        self.secrets: list[str] = []  # of links and one-use codes: none of them belongs into a log
        self.answered: Any = None  # what the newest command was answered at once
        self.browsers: dict[str, Visitor] = {}
        self.cool_until = 0.0  # by the event loop's time
        self.incident: Message = {}  # its card in the channel
        # The request that a gate refused, the build that was asked for last:
        self.refused = self.promised = ""

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps += 1
        print(f"\n== {self.steps}. {title}", flush=True)

    def show(self, who: str, text: str) -> None:
        """Print what somebody sees."""
        plain = re.sub(r"[*`]", "", text.strip())
        print(textwrap.indent(plain, f"   {who} | "), flush=True)

    async def command(
        self, user: str, who: str, text: str, channel: str = DEPLOYMENTS, *, slash: str = "/deploy"
    ) -> str:
        """Type a command, show it and its immediate answer."""
        print(f"   {who} > {slash} {text}")
        delivered = await self.slack.command(user, text, channel=channel, command=slash)
        if not delivered.acknowledged:
            raise AssertionError(f"{slash} {text} was not acknowledged: {delivered}")
        self.answered = delivered.body
        answer = self.slack.text_of(delivered.body) if isinstance(delivered.body, dict) else ""
        if answer:
            self.show(f"{who} (only visible to {who})", answer)
        return answer

    async def told(self, user: str, who: str, *words: str) -> str:
        """Wait until `user` was told all `words`, for their eyes only."""

        async def find() -> str | None:
            seen = await self.slack.ephemerals(user) + await self.slack.direct_messages(user)
            texts = [self.slack.text_of(m) for m in seen]
            return next((t for t in reversed(texts) if all(w in t for w in words)), None)

        text = await self.slack.wait_for(find, what=f"{who} to be told {words}", timeout=30)
        need(text, "nothing was found")
        self.show(f"{who} (only visible to {who})", text)
        return text

    async def paged(self, user: str, who: str, *words: str) -> str:
        """Wait until the app said all `words` to `user` in their talk with it."""

        async def find() -> str | None:
            texts = [self.slack.text_of(m) for m in await self.slack.direct_messages(user)]
            return next((t for t in reversed(texts) if all(w in t for w in words)), None)

        text = await self.slack.wait_for(find, what=f"a direct message to {who} with {words}", timeout=30)
        self.show(f"{who} (direct message)", text or "")
        return text or ""

    async def message(
        self, channel: str, *words: str, thread_of: str | None = None, shown: bool = True
    ) -> Message:
        """Wait for a message with all `words` in a channel or thread."""

        async def find() -> Message | None:
            seen = await self.slack.messages(channel, thread_ts=thread_of)
            return next((m for m in reversed(seen) if all(w in self.slack.text_of(m) for w in words)), None)

        found = await self.slack.wait_for(find, what=f"a message with {words} in {channel}", timeout=30)
        need(found, "nothing was found")
        name = {DEPLOYMENTS: "#deployments", INCIDENTS: "#incidents", RELEASES: "#releases"}[channel]
        if shown:
            self.show(name + (" thread" if thread_of else ""), self.slack.text_of(found))
        return found

    async def aclose(self) -> None:
        """Close every browser."""
        for each in self.browsers.values():
            await each.aclose()

    async def world(self, path: str, body: dict[str, Any]) -> Any:
        """Do something to the sample world."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.run.url("world") + path, json=body) as answer,
        ):
            return await answer.json()

    async def state(self) -> dict[str, Any]:
        """What the page of the sample world shows."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.run.url("world") + "/state") as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found

    async def press(self, user: str, who: str, button: str, message: Message, channel: str) -> Any:
        """Press a button of a message."""
        print(f"   {who} presses [ {button} ]")
        for block in message.get("blocks", ()):
            for element in block.get("elements", ()):
                if element.get("type") == "button" and element["text"]["text"] == button:
                    return await self.slack.click(
                        user, channel=channel, ts=message["ts"], action_id=element["action_id"]
                    )
        raise AssertionError(f"there is no button {button!r} on:\n{self.slack.text_of(message)}")

    async def modal(self, user: str, who: str, *words: str) -> Message:
        """Wait for the modal in front of `user`."""

        async def find() -> Message | None:
            view = await self.slack.modal(user)
            return view if view and all(w in self.slack.text_of(view) for w in words) else None

        view = await self.slack.wait_for(find, what=f"a modal with {words} for {who}", timeout=10)
        need(view, "nothing was found")
        self.show(f"{who} (modal)", self.slack.text_of(view))
        return view

    async def link_of_command(self, user: str, who: str, text: str) -> str:
        """Type a command, and take the link to our page out of its answer."""
        await self.command(user, who, text)
        found = LINK.search(str(self.answered))
        need(found, f"/deploy {text} answers with a link")
        return self._kept(found[0] if found else "")

    async def link_of_press(self, user: str, who: str, button: str, message: Message, channel: str) -> str:
        """Press a button, and take the link to our page out of what only this person is answered."""
        before = len(await self.slack.ephemerals(user))
        await self.press(user, who, button, message, channel)

        async def find() -> Message | None:
            seen = (await self.slack.ephemerals(user))[before:]
            return next((m for m in seen if LINK.search(str(m))), None)

        found = await self.slack.wait_for(find, what=f"a link for {who}", timeout=30)
        need(found, "nothing was found")
        self.show(f"{who} (only visible to {who})", self.slack.text_of(found))
        return self._kept(LINK.findall(str(found))[0])

    def _kept(self, link: str) -> str:
        self.secrets.append(link.rpartition("/")[2])
        return link

    def browser(self, who: str) -> Visitor:
        """The browser of a person, with their passkey."""
        if who not in self.browsers:
            self.browsers[who] = Visitor(self.run.origin)
        return self.browsers[who]

    async def page(self, who: str, *words: str, only: int | None = None) -> None:
        """Show the page in somebody's browser, or its first lines; all `words` have to stand on it."""
        found = self.browser(who)
        for word in words:
            need(word in found.text, f"{word!r} on the page:\n{found.text}")
        self.show(f"{who} (browser)", "\n".join(found.page.lines[:only]))

    async def sign(self, who: str, button: str, **typed: str) -> None:
        """Press a button of the page, with what is typed or the passkey that it asks for."""
        for name, text in typed.items():
            print(f"   {who} types into {name.replace('_', '-')}: {text}")
        print(f"   {who} presses [ {button} ] on the page", flush=True)
        await self.browser(who).press(button, **typed)

    async def portcullis(self, *arguments: str, status: int = 0) -> str:
        """Run the command line beside the bot."""
        print(f"   $ portcullis {' '.join(arguments)}")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *arguments),
            env=self.run.environment,
            cwd=self.run.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        if process.returncode != status:
            raise AssertionError(f"exit status {process.returncode}, expected {status}:\n{out.decode()}")
        return out.decode()
