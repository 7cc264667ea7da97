"""What a refused word about a post-mortem or an action item says."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from handlers.wording.postmortem import lacks
from handlers.wording.said import Said

_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {"summary": "The summary", "impact": "The impact", "why": "This why"}
)


def _none(said: Said) -> str:
    incident = said.facts.text("incident")
    match said.facts.text("state", ""):
        case "":
            return f"There is no incident {incident}. /env postmortem lists the post-mortems that are owed."
        case "resolved":
            return (
                f"{incident} owes no post-mortem by the policy. "
                f"To write one all the same: /env postmortem {incident} start"
            )
        case _:
            return (
                f"{incident} is still open. Its post-mortem begins when it is resolved. "
                f"A line of its timeline now: /env postmortem {incident} note what you see"
            )


POSTMORTEMS: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        "no-postmortem": _none,
        "incident-not-over": lambda s: (
            f"{s.facts.text('incident')} is still open. Resolve it first; what happened is written afterwards."
        ),
        "postmortem-published": lambda s: (
            f"The post-mortem of {s.facts.text('incident')} is published already, by {s.who('by')}. "
            "It stays as it is; action items can still be added and done."
        ),
        "postmortem-changed": lambda s: (
            f"Somebody else wrote in the post-mortem of {s.facts.text('incident')} meanwhile, and nothing was "
            "written over. Copy what you wrote, close this and open it again."
        ),
        "postmortem-too-long": lambda s: (
            f"{_FIELDS.get(s.facts.text('field'), 'This')} has {s.facts.text('length')} characters, "
            f"{s.facts.text('limit')} at most are taken. Say it shorter, and link the rest."
        ),
        "postmortem-incomplete": lambda s: (
            f"The post-mortem of {s.facts.text('incident')} cannot be published yet. It lacks "
            f"{lacks(s.facts.texts('missing')) or 'something'}."
        ),
        "note-no-words": lambda s: (
            f"Say what happened: /env postmortem {s.facts.text('incident')} note I restarted the pool."
        ),
        "action-no-text": lambda _: "Say what is to be done, in one line.",
        "action-too-long": lambda s: (
            f"That is {s.facts.text('length')} characters, and an action item has at most "
            f"{s.facts.text('limit')}. Put the rest in a ticket, and name it here."
        ),
        "action-due-in-the-past": lambda s: (
            f"{s.facts.text('due')} is over. Name today ({s.facts.text('today')}) or a later day."
        ),
        "action-due-too-far": lambda s: (
            f"{s.facts.text('due')} is more than {s.facts.text('limit_days')} days away. Name a day that somebody "
            "will remember."
        ),
        "action-bad-date": lambda s: f"“{s.facts.text('name')}” is no day. Write it like 2026-12-01.",
        "too-many-actions": lambda s: (
            f"{s.facts.text('incident')} has {s.facts.text('limit')} action items, and more are not kept. "
            "Drop one, or put several into one ticket."
        ),
        "unknown-action": lambda s: (
            f"There is no action item {s.facts.text('action')}. /env actions lists what is to be done."
        ),
        "action-done-already": lambda s: (
            f"{s.who('by', 'Somebody')} said already that {s.facts.text('action')} is done."
        ),
        "bad-incident-id": lambda s: (
            f"“{s.facts.text('name')}” is no incident. Incidents are called INC-7, or 7 for short: "
            f"{s.facts.text('usage')}."
        ),
        "not-deployed": lambda s: (
            f"{s.facts.text('request')} was never rolled out: there is nothing to report. "
            f"/deploy status {s.facts.text('request')} says how it stands."
        ),
    }
)
