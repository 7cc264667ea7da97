"""Text that would call everybody, turn around or become markup, one mark for each field; and how to find it again.

`CASES` names every field that a person, CI or the author of a policy can fill with words of their own. A test compares
it with the code, so that a new field without a case fails; another one fills them all and looks at whatever is said.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.handlers.http.mfa_site import Seen

CALLS = re.compile(r"<(?!@U0[1-5][A-Z]+>|!date\^\d+\^)")
"""What begins a mention, a link or a broadcast in mrkdwn: anything but one of our people, or a date."""
TURNS = re.compile(r"[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_SHOWN = frozenset(
    {
        "private_metadata",
        "metadata",
        "action_id",
        "block_id",
        "value",
        "url",
        "callback_id",
        "trigger_id",
        "channel",
    }
)


def evil(mark: str) -> str:
    """At most 40 characters that no message and no page may show as more than text."""
    return f"<!here>\u202e<b>{mark}</b>\u2066<@U06EVE>"


def spoken(node: Any) -> Iterator[tuple[str, str]]:
    """Every text of a call or an answer that a person reads: its kind, `mrkdwn` or `plain`, and the text."""
    if isinstance(node, list):
        for each in node:
            yield from spoken(each)
    if not isinstance(node, dict):
        return
    if node.get("type") in ("plain_text", "mrkdwn"):
        yield ("plain" if node["type"] == "plain_text" else "mrkdwn"), str(node["text"])
        return
    for key, value in node.items():
        if key in _NOT_SHOWN:
            continue
        if key == "errors" and isinstance(value, dict):
            yield from (("plain", str(text)) for text in value.values())
        elif key == "initial_value" and isinstance(value, str):
            yield "plain", value
        elif key in ("text", "alt_text", "topic") and isinstance(value, str):
            yield "mrkdwn", value
        else:
            yield from spoken(value)


def as_read(text: str) -> str:
    """Without Slack's escapes."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def wrong_in_slack(exchanges: list[dict[str, Any]]) -> list[str]:
    """Texts of ours that would call somebody, lead somewhere, or show as something else."""
    found = []
    for kind, text in said_in_slack(exchanges):
        if (kind == "mrkdwn" and CALLS.search(text)) or TURNS.search(
            text.replace("\n", "").replace("\t", "")
        ):
            found.append(text)
    return found


def said_in_slack(exchanges: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What the bot said: what it called Slack with, and what it answered Slack's own posts with."""
    return [
        each
        for one in exchanges
        for each in spoken(one["request"] if one["direction"] == "in" else one["response"])
    ]


def wrong_on_page(html: str) -> list[str]:
    """What shows that a text became markup, or turns."""
    seen = Seen(html)
    found = [tag for tag in ("!here", "@u06eve") if tag in seen.tags] + re.findall(r"<b>", html)
    return found + TURNS.findall(html.replace("\n", "").replace("\t", ""))


NAMES_ONLY = "holds names of the policy, or has a form that no such text has"
NOT_SHOWN = "is never shown"
SELDOM = "is told by the same sentences as the names and reasons beside it, where it is told at all"

MODAL_FIELDS = {
    "request_modal:artifact": "artifact",
    "request_modal:ticket": "ticket",
    "request_modal:emergency": "incident",
    "request_modal:reason": "reason",
    "reject:reason": "rejection",
    "freeze:reason": "freezing",
    "unfreeze:reason": "lifting",
    "roll_back:incident": "backfor",
    "roll_back:to": "backto",
    "roll_back:reason": "backwhy",
    "approve:code": NOT_SHOWN,
    "factor_modal:code": NOT_SHOWN,
}
"""Of each text field of a modal, by module and block."""

SUB_COMMANDS = {
    "request": "inline",
    "status": "asid",
    "why": "asid",
    "when": "asid",
    "cancel": "asid",
    "start": "asid",
    "checklist": "asid",
    "withdraw": "takenback",
    "rollback": "backwords",
    "hold": "held",
    "resume": "resumed",
    "review": "reviewed",
    "freeze": "frozen",
    "unfreeze": "asid",
    "windows": "asid",
    "confirm-factor": "asid",
    "reset-factor": "resetting",
    "help": "asid",
    "enroll": NOT_SHOWN,
    "whoami": NOT_SHOWN,
}
"""Of what is typed behind each word of /deploy."""

PAGE_FIELDS = {
    "name": "keyname",
    "code": NOT_SHOWN,
    "host-code": NOT_SHOWN,
    "challenge": NOT_SHOWN,
    "answer": NOT_SHOWN,
    "factor": NOT_SHOWN,
}
"""Of each field of a form on our pages."""

EVIDENCE_FIELDS = {
    "details": "finding",
    "kind": NAMES_ONLY,
    "service": NAMES_ONLY,
    "artifact": NAMES_ONLY,
    "digest": NAMES_ONLY,
    "environment": NAMES_ONLY,
    "outcome": NAMES_ONLY,
    "at": NAMES_ONLY,
    "counts": NAMES_ONLY,
}
"""Of each field of a statement by CI; what is refused is answered to CI in JSON."""

POLICY_FIELDS = {
    "Person.name": "pname",
    "Person.oidc": "psubject",
    "Person.email": NOT_SHOWN,
    "Role.oidc_role": "prole",
    "AllOf.oidc_role": "pallof",
    "ChecklistItem.item": "pitem",
    "Freeze.name": "pfreeze",
    "Freeze.reason": "pfrzwhy",
    "HolidayRule.name": "pholiday",
    "HolidayRule.reason": SELDOM,
    "OwnDay.name": "pday",
    "Restriction.name": "prule",
    "Restriction.reason": "prulewhy",
    "Window.name": SELDOM,
    "Window.reason": SELDOM,
    "FileMonitor.file": NOT_SHOWN,
    "Freeze.ics": NOT_SHOWN,
    "CommandDeployer.start": NOT_SHOWN,
    "CommandDeployer.shift": NOT_SHOWN,
    "CommandDeployer.status": NOT_SHOWN,
    "CommandDeployer.rollback": NOT_SHOWN,
    "Login.acr": NOT_SHOWN,
    "Login.amr": NOT_SHOWN,
    "Login.acrs": NOT_SHOWN,
    "Login.roles_claim": NOT_SHOWN,
    "HttpProbe.url": NOT_SHOWN,
    "Parameters.forbid_tags": NOT_SHOWN,
    "Analysis.query": NOT_SHOWN,
    "Analysis.sample": NOT_SHOWN,
    "Phase.checks": NAMES_ONLY,
    "HolidayRule.country": NAMES_ONLY,
    "HolidayRule.subdivision": NAMES_ONLY,
    "BreakGlass.bypasses": NAMES_ONLY,
    "Environment.gates": NAMES_ONLY,
    "Parameters.pattern": "ppattern",
    "Parameters.emergency_pattern": "ppattern",
    "Parameters.tag": "ppattern",
}
"""Of each text in a policy that is no name, no reference to one, and has no form of its own."""

OTHERS = {"oidc label": "olabel", "commit author": "author"}
"""What others fill: the identity provider, a repository."""
NOT_REPEATED = "herror"
"""What a monitored service says of its errors: people are told that it reports some."""


def marks() -> set[str]:
    """All marks that have to be found again in what people read."""
    tables = (MODAL_FIELDS, SUB_COMMANDS, PAGE_FIELDS, EVIDENCE_FIELDS, POLICY_FIELDS, OTHERS)
    return {mark for table in tables for mark in table.values()} - {NAMES_ONLY, NOT_SHOWN, SELDOM}
