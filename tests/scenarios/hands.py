"""What people do in a journey, and what they see: typing, pressing, filling in, waiting for what is said."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import pyotp

from bot.ports import Clock
from sandbox.client import SandboxClient
from sandbox.shapes import Delivered

T = TypeVar("T")
Message = dict[str, Any]
LIN, ADA, BO, CY, VIC, EVE = "U05LIN", "U01ADA", "U02BO", "U03CY", "U04VIC", "U06EVE"
PEOPLE = {"lin": LIN, "ada": ADA, "bo": BO, "cy": CY, "vic": VIC}
DEPLOYMENTS, INCIDENTS, RELEASES = "C01DEPLOY", "C02INCID", "C03RELEAS"
STEP = timedelta(seconds=30)  # how long one code lasts


class Hands:
    """Everybody's hands and eyes; a journey's stage has them."""

    people: SandboxClient
    clock: Clock
    factors: dict[str, str]
    codes_used: dict[str, int]

    async def wait(self, ask: Callable[[], Awaitable[T | None]], *, what: str, timeout: float = 25) -> T:
        """Ask again after each change until there is an answer."""
        found: T = await self.people.wait_for(ask, what=what, timeout=timeout)  # type: ignore[arg-type]
        return found

    async def deploy(self, user: str, text: str, *, command: str = "/deploy") -> str:
        """Type a command and give the answer that comes at once."""
        delivered = await self.people.command(user, text, channel=DEPLOYMENTS, command=command)
        assert delivered.acknowledged, f"{command} {text} was not acknowledged: {delivered}"
        return self.people.text_of(delivered.body)

    async def ask(self, text: str, user: str = LIN) -> str:
        """`/deploy request …`; gives the id of the request that now exists."""
        answer = await self.deploy(user, f"request {text}")
        found = re.search(r"DEP-\d+", answer)
        assert found, answer
        return found[0]

    async def card(self, request: str, *words: str) -> Message:
        """The request's message, once it says all that."""
        return await self.message(DEPLOYMENTS, request, *words)

    async def message(self, channel: str, *words: str, thread_of: str | None = None) -> Message:
        """Wait for a message with all `words`."""

        async def find() -> Message | None:
            seen = await self.people.messages(channel, thread_ts=thread_of)
            return next((m for m in reversed(seen) if all(w in self.people.text_of(m) for w in words)), None)

        return await self.wait(find, what=f"{words} in {channel}", timeout=25)

    async def told(self, user: str, *words: str) -> str:
        """Wait until `user` was told all `words` for their eyes only."""

        async def find() -> str | None:
            seen = await self.people.ephemerals(user) + await self.people.direct_messages(user)
            texts = [self.people.text_of(m) for m in seen]
            return next((t for t in reversed(texts) if all(w in t for w in words)), None)

        return await self.wait(find, what=f"{user} to be told {words}", timeout=25)

    async def press(self, user: str, button: str, message: Message) -> Delivered:
        """Press the button with this label; it has to be acknowledged."""
        action = action_of(message, button)
        delivered = await self.people.click(
            user, channel=message["channel"], ts=message["ts"], action_id=action
        )
        assert delivered.acknowledged, delivered
        return delivered

    async def modal(self, user: str, *words: str) -> Message:
        """Wait for the modal in front of somebody."""

        async def find() -> Message | None:
            view = await self.people.modal(user)
            return view if view and all(w in self.people.text_of(view) for w in words) else None

        return await self.wait(find, what=f"a modal with {words}", timeout=10)

    def code(self, person: str, *, later: int = 0) -> str:
        """What somebody's authenticator shows now, or so many half minutes later."""
        return pyotp.TOTP(self.factors[person]).at(self.clock.now() + later * STEP)

    def wrong_code(self, person: str) -> str:
        """Six digits that are the code of no half minute around now."""
        near = {self.code(person, later=n) for n in (-2, -1, 0, 1, 2)}
        return next(c for c in ("000000", "111111", "222222", "333333", "444444", "555555") if c not in near)

    async def open_approval(self, person: str, request: str) -> Message:
        """Press Approve and see what is signed."""
        card = await self.card(request, "Approve")
        await self.press(PEOPLE[person], "Approve", card)
        return await self.modal(PEOPLE[person], f"Approve {request}")

    async def approve(self, person: str, request: str) -> None:
        """Approve with a code that is still good: the one of now, then the one of the next half minute."""
        await self.open_approval(person, request)
        used = self.codes_used.get(person, 0)
        assert used < 2, "a third code would be too far in the future"
        self.codes_used[person] = used + 1
        sent = await self.people.submit(PEOPLE[person], {"code": self.code(person, later=used)})
        assert (sent.acknowledged, sent.errors) == (True, {}), sent
        await self.modal(PEOPLE[person], "Recorded")
        await self.people.close(PEOPLE[person], everything=True)

    async def reject(self, person: str, request: str, reason: str) -> None:
        """Reject with a reason."""
        card = await self.card(request, "Reject")
        await self.press(PEOPLE[person], "Reject", card)
        await self.modal(PEOPLE[person], f"Reject {request}")
        sent = await self.people.submit(PEOPLE[person], {"reason": reason})
        assert (sent.acknowledged, sent.errors) == (True, {}), sent


def action_of(message: Message, button: str) -> str:
    """The action_id of the button with this label."""
    for block in message.get("blocks", ()):
        for element in block.get("elements", ()):
            if element.get("type") == "button" and element["text"]["text"] == button:
                return str(element["action_id"])
    raise AssertionError(f"there is no button {button!r} on:\n{SandboxClient.text_of(message)}")


def texts(node: Any) -> list[str]:
    """Every text of a call that people can see; a modal's private_metadata only comes back to the bot."""
    if isinstance(node, dict):
        return [t for key, value in node.items() if key != "private_metadata" for t in texts(value)]
    if isinstance(node, list):
        return [t for value in node for t in texts(value)]
    return [node] if isinstance(node, str) else []
