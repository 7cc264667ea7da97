"""GET /calendar.ics: openings and freezes as a calendar to subscribe to.

Whoever reaches the port sees names and effects. Reasons, and the titles of events of other calendars, are for holders
of an API token that may read, sent as a bearer token or as the password of Basic credentials, which is what calendar clients send.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Final

from aiohttp import ETag, web

from bot.flows.calendar_feed import Published, published
from bot.policy import Policy
from handlers.http.answers import problem
from handlers.http.calendar_events import Show, View
from handlers.http.calendar_text import render
from handlers.http.context import CONTEXT
from handlers.http.doors import bearer

PARAMETERS: Final = ("environment", "service", "show")
_KEPT: Final = 32
_SHOWN: Final = 80
_RETRY_SECONDS: Final = 300


class BadQuestion(Exception):  # noqa: N818 -- it names what was asked
    """The query asks for something that there is not."""

    def __init__(self, status: int, code: str, sentence: str, field: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.field = field


@dataclass(frozen=True, slots=True)
class Rendered:
    """A calendar's bytes and their tag."""

    body: bytes
    tag: str


@dataclass(slots=True)
class Renderings:
    """The calendars rendered lately. One is rendered at a time, in a thread, however many ask for it."""

    kept: OrderedDict[Hashable, Rendered] = field(default_factory=OrderedDict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(self, found: Published, policy: Policy, view: View) -> Rendered:
        """The calendar for a view: the one that was rendered for the same facts on the same day, or a new one."""
        declared = tuple((rule, freeze.lifted_at) for rule, freeze in found.declared.items())
        fetched = found.calendar.rules[len(policy.calendar.rules) :]
        unknown = tuple(feed.name for feed in found.unknown)  # how old they are is not shown
        key = (policy.digest, found.in_force_at, declared, fetched, unknown, view)
        if (ready := self.kept.get(key)) is not None:
            self.kept.move_to_end(key)
            return ready
        async with self.turn:
            if (ready := self.kept.get(key)) is None:  # somebody else may have waited for the same
                ready = self.kept[key] = await asyncio.to_thread(partial(_rendered, found, policy, view))
                while len(self.kept) > _KEPT:
                    self.kept.popitem(last=False)
            return ready


RENDERINGS: web.AppKey[Renderings] = web.AppKey("renderings", Renderings)


def _rendered(found: Published, policy: Policy, view: View) -> Rendered:
    body = render(found, policy, view)
    return Rendered(body, hashlib.sha256(body).hexdigest()[:32])


async def get_calendar(request: web.Request) -> web.StreamResponse:
    """200 with the calendar, 304 where the client has it, 404 for an environment or a service that there is not, and
    503 instead of closings that others would stop by, where nobody knows all of them."""
    reader = bearer(request)
    if reader is None and "Authorization" in request.headers:
        return _unauthorized()
    context = request.app[CONTEXT]
    policy = context.in_force.policy
    try:
        view = _view(request, policy, reasons=reader is not None)
    except BadQuestion as bad:
        return problem(bad.status, bad.code, bad.sentence, field=bad.field)
    found = await published(context.ledger, policy)
    if view.show is Show.CLOSED and (unknown := _unknown(found, view)):
        return _nobody_knows(unknown)
    rendered = await request.app[RENDERINGS].of(found, policy, view)
    return _answer(request, rendered, secret=reader is not None)


def _unknown(found: Published, view: View) -> list[str]:
    return [
        feed.name
        for feed in found.unknown
        if any(feed.covers(name, view.service) for name in view.environments)
    ]


def _nobody_knows(names: Sequence[str]) -> web.Response:
    sentence = (
        f"The fetched calendar of {', '.join(names)} is missing or too old: nobody knows when all is closed."
    )
    answer = problem(503, "calendar-unknown", sentence)
    answer.headers["Retry-After"] = str(_RETRY_SECONDS)
    return answer


def _answer(request: web.Request, rendered: Rendered, *, secret: bool) -> web.StreamResponse:
    # A freeze must show at once, so every client asks again each time; what did not change costs it one line.
    headers = {
        "Cache-Control": "private, no-cache" if secret else "no-cache",
        "Vary": "Authorization, Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    has = request.if_none_match or ()
    if any(tag.value in {rendered.tag, "*"} for tag in has):
        unchanged = web.Response(status=304, headers=headers)
        unchanged.etag = ETag(rendered.tag, is_weak=True)
        return unchanged
    answer = web.Response(
        body=rendered.body,
        content_type="text/calendar",
        charset="utf-8",
        headers=headers | {"Content-Disposition": 'inline; filename="portcullis.ics"'},
    )
    answer.etag = ETag(rendered.tag, is_weak=True)  # weak: it may be sent compressed
    answer.enable_compression()
    return answer


def _unauthorized() -> web.Response:
    answer = problem(
        401,
        "unauthorized",
        "No such token: send one of PORTCULLIS_API_TOKENS as the password or as a bearer token, or none at all.",
    )
    answer.headers["WWW-Authenticate"] = 'Basic realm="portcullis", charset="UTF-8"'
    return answer


def _view(request: web.Request, policy: Policy, *, reasons: bool) -> View:
    """What is asked for. Raises BadQuestion: a parameter nobody knows is a misspelt one."""
    query = request.query
    for name in dict.fromkeys(query):
        if name not in PARAMETERS:
            hint = _meant(name, PARAMETERS)
            sentence = f"There is no parameter “{name[:_SHOWN]}”; {hint}"
            raise BadQuestion(400, "unknown-parameter", sentence, name[:_SHOWN])
        if len(query.getall(name)) > 1:
            sentence = f"The parameter {name} stands twice; say it once."
            raise BadQuestion(400, "parameter-twice", sentence, name)
    environments = tuple(policy.environments)
    if (environment := query.get("environment")) is not None:
        environments = (_known("environment", environment, environments),)
    if (service := query.get("service")) is not None:
        service = _known("service", service, _services(policy))
    show = query.get("show", Show.ALL.value)
    if show not in {each.value for each in Show}:
        raise BadQuestion(400, "bad-parameter", f"show is one of {', '.join(Show)}.", "show")
    return View(
        environments=environments,
        service=service,
        show=Show(show),
        reasons=reasons,
        day=request.app[CONTEXT].clock.now().date(),
    )


def _services(policy: Policy) -> tuple[str, ...]:
    """The services of the policy; where it names none, those that a rule of its calendar names."""
    if policy.services:
        return tuple(policy.services)
    scopes = (rule.scope.services or frozenset() for rule in policy.calendar.rules)
    return tuple(sorted(frozenset[str]().union(*scopes)))


def _known(noun: str, name: str, names: Sequence[str]) -> str:
    if name not in names:
        sentence = f"There is no {noun} “{name[:_SHOWN]}”; {_meant(name, names)}"
        raise BadQuestion(404, f"unknown-{noun}", sentence, noun)
    return name


def _meant(name: str, names: Sequence[str]) -> str:
    meant = get_close_matches(name, names, n=1)
    if meant:
        return f"did you mean {meant[0]}?"
    return f"there are {', '.join(names)}." if names else "the policy names none."
