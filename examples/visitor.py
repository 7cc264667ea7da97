"""A person's browser in the tour: it reads our pages as words and forms, keeps cookies, and holds one passkey."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from sandbox.authenticator import SoftAuthenticator

_UNREAD: Final = frozenset({"head", "header", "svg", "details"})
_LINES: Final = frozenset(
    {"p", "h1", "h2", "li", "div", "label", "button", "input", "form", "section", "summary", "br"}
)
_SIGNS: Final = frozenset({"✓", "✗"})


@dataclass(slots=True)
class Form:
    """One form: where it goes, what it carries already, and what is written on its button."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    options: str | None = None  # where the challenge for a passkey comes from
    kind: str = ""  # "get" or "create", of a passkey
    button: str = ""


class Page(HTMLParser):
    """What a person sees of a page, line by line, and its forms. What is folded away is not read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.forms: list[Form] = []
        self._line = ""
        self._hidden: list[str] = []
        self._in_button = False
        self.feed(html)
        self._end_of_line()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if self._hidden:
            self._hidden += [tag] if tag == self._hidden[0] else []
            return
        if tag in _UNREAD or "no-passkey" in said.get("class", ""):
            self._end_of_line()
            self._hidden = [tag]
            return
        if tag in _LINES:
            self._end_of_line()
        if tag == "form":
            self.forms.append(
                Form(said["action"], options=said.get("data-options"), kind=said.get("data-passkey", ""))
            )
        elif tag == "input":
            self._input(said)
        elif tag == "dd":
            self._line += ": "
        elif tag == "button":
            self._in_button = True

    def _input(self, said: dict[str, str]) -> None:
        if self.forms and said.get("name"):
            self.forms[-1].fields[said["name"]] = said.get("value", "")
        if said.get("type") != "hidden":
            self.lines.append(f"[ {said.get('placeholder') or '      '} ]")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            self._hidden = self._hidden[1:] if tag == self._hidden[0] else self._hidden
            return
        if tag == "button":
            words = " ".join(self._line.split())
            if self.forms and self._in_button:
                self.forms[-1].button = words
            self._line, self._in_button = f"[ {words} ]", False
        if tag in _LINES or tag == "dd":
            self._end_of_line()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._line += data

    def _end_of_line(self) -> None:
        words = " ".join(self._line.split())
        if words in _SIGNS:
            self._line = f"{words} "  # it stands before what it is the sign of
            return
        if words:
            self.lines.append(words)
        self._line = ""


class Visitor:
    """One browser of one person. Raises AssertionError where a page has no such button."""

    def __init__(self, origin: str) -> None:
        self.key = SoftAuthenticator(origin, rp_id=urlsplit(origin).hostname or "")
        self.page = Page("")
        self.status = 0
        self._origin, self._at = origin, origin
        self._session = aiohttp.ClientSession()

    async def aclose(self) -> None:
        """Its cookies are gone then."""
        await self._session.close()

    @property
    def text(self) -> str:
        """The page as it is read."""
        return "\n".join(self.page.lines)

    async def open(self, url: str) -> str:
        """Follow a link."""
        async with self._session.get(url) as answer:
            return await self._read(answer)

    async def press(self, button: str, **typed: str) -> str:
        """Fill a form in and press its button; the passkey is asked where the form asks for one."""
        form = next((f for f in self.page.forms if f.button == button), None)
        if form is None:
            raise AssertionError(f"there is no button {button!r} on:\n{self.text}")
        fields = form.fields | {name.replace("_", "-"): value for name, value in typed.items()}
        if form.options is not None:
            fields |= await self._signed(form.options, form.kind)
        headers = {"Origin": self._origin}
        async with self._session.post(urljoin(self._at, form.action), data=fields, headers=headers) as answer:
            return await self._read(answer)

    async def _signed(self, options: str, kind: str) -> dict[str, str]:
        """What the script of the page does: fetch a challenge, have the authenticator answer it."""
        headers = {"Origin": self._origin}
        body = {"method": "passkey"}
        async with self._session.post(urljoin(self._at, options), json=body, headers=headers) as answer:
            asked: dict[str, Any] = await answer.json()
        if answer.status != 200:
            raise AssertionError(f"no challenge: {asked}")
        answered = self.key.get if kind == "get" else self.key.create
        return {"challenge": asked["challenge"], "answer": json.dumps(answered(asked["options"]))}

    async def _read(self, answer: aiohttp.ClientResponse) -> str:
        self.page, self.status, self._at = Page(await answer.text()), answer.status, str(answer.url)
        return self.text
