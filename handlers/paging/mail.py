"""Mail: a page as plain text, and what became of it in the same conversation."""

from collections.abc import Sequence

from bot.flows.inquire import IncidentView
from bot.ports import Mail
from handlers.paging.links import Links
from handlers.wording.paging import Words, bare, news
from handlers.wording.visible import visible


def page(words: Words, to: str, name: str, id: str, links: Links) -> Mail:  # noqa: A002
    """The mail that tells somebody of an incident; the first line says what is wrong where."""
    found = [*words.lines, *(f"{text}: {href}" for href, text in links)]
    return Mail(
        to=to,
        subject=visible(words.subject),
        text=visible("\n".join(found)),
        id=f"{name}/{id}",
        thread=f"{name}/{words.view.paged.id}",
        urgent=True,
    )


def unheard(words: Words, to: str, name: str, id: str, said: Sequence[str]) -> Mail:  # noqa: A002
    """Somebody answered before whoever is on call was paged."""
    return Mail(
        to=to,
        subject=visible(words.subject),
        text=visible("\n".join([*said, words.since, words.before])),
        id=f"{name}/{id}",
        thread=f"{name}/{words.view.paged.id}",
        urgent=True,
    )


def bare_page(view: IncidentView, to: str, name: str, id: str) -> Mail:  # noqa: A002
    """The least that tells somebody."""
    incident = view.incident
    line = bare(incident.id, incident.severity, incident.environment, view.now - incident.opened_at)
    thread = f"{name}/{view.paged.id}"
    return Mail(to=to, subject=line, text=line, id=f"{name}/{id}", thread=thread, urgent=True)


def told(words: Words, to: str, name: str, id: str, code: str) -> Mail:  # noqa: A002
    """Somebody has it, it is muted, or it is over."""
    return Mail(
        to=to,
        subject=visible(f"Re: {words.subject}"),
        text=visible("\n".join([news(words, code), words.before])),
        id=f"{name}/{id}",
        thread=f"{name}/{words.view.paged.id}",
    )
