"""The fields that take words around incidents and on-call duty, one mark for each, and how to find them outside Slack.

The tables continue those of `free_text`; what is filled in by no person but by a program stands here as well.
"""

import re
from collections.abc import Iterator
from typing import Any

from tests.attacks import free_text
from tests.attacks.free_text import NAMES_ONLY, NOT_SHOWN, TURNS, evil

MODAL_FIELDS = {
    "actions:text": "actform",
    "oncall_form:reason": "ovrform",
    "postmortem:summary": "pmsummary",
    "postmortem:impact": "pmimpact",
    "postmortem:why-*": "pmwhy",
}
"""Of each text field of a modal, by module and block; what a block's name counts is a star."""

SUB_COMMANDS = {
    "/deploy state": "statewhy",
    "/env status": "envaside",
    "/env check": "envaside",
    "/env history": "envaside",
    "/env next": NOT_SHOWN,
    "/env incident": "refunds",
    "/env postmortem": "noted",
    "/env actions": "actline",
    "/env help": NOT_SHOWN,
    "/oncall who": "ringaside",
    "/oncall override": "ovrline",
    "/oncall handoff": "handnote",
    "/oncall help": NOT_SHOWN,
}
"""Of what is typed behind each word of these commands."""

POLICY_FIELDS = {
    "PolicyFile.organization": "porg",
    "LayerSection.name": "player",
    "IncidentSection.pages": "ppages",
    "Tickets.webhook": "pticket",
    "Target.channel": "pchannel",
    "Target.pagerduty": "ppager",
    "Target.webhook": "phook",
    "AlertmanagerMatch.matchers": NOT_SHOWN,
    "AlertmanagerMatch.severities": NOT_SHOWN,
    "AlertmanagerMatch.watchdog": NOT_SHOWN,
    "Analysis.query": NOT_SHOWN,
    "Analysis.sample": NOT_SHOWN,
    "CommandMonitor.command": NOT_SHOWN,
    "Environment.writes": NOT_SHOWN,
    "PrometheusQuery.query": NOT_SHOWN,
    "Reference.http": NOT_SHOWN,
    "StatusPage.markdown": NOT_SHOWN,
    "Phase.checks": NAMES_ONLY,
    "StateChange.gates": NAMES_ONLY,
    "StateRules.gates": NAMES_ONLY,
}
"""Of each text in a policy that is no name, no reference to one, and has no form of its own."""

HEARTBEAT_FIELDS = {"status": NAMES_ONLY, "detail": "jobsaid"}
"""Of each field of a report of a job."""

PAYLOAD_FIELDS = {
    "version": NAMES_ONLY,
    "groupKey": NOT_SHOWN,
    "receiver": NOT_SHOWN,
    "truncatedAlerts": NAMES_ONLY,
    "alerts": "alertname",
}
"""Of each field of a payload of Alertmanager that is read."""

ALERT_FIELDS = {"status": NAMES_ONLY, "labels": "alertname", "fingerprint": NOT_SHOWN}
"""Of each field of one of its alerts: of the labels, only the alert's name is told."""

PROGRAMS = {"the last line that a command printed": "checkline"}
"""What a program says that the bot asks."""

KEPT_BACK = (
    "xlabel", "xannotation", "xreceiver", "xgroupkey", "xfinger", "xmatcher", "xquery", "xcmdword", "xearlier", "xfilenote",
    "xunhealthy", "xpromerror", "xpromseries", "xpdagent", "xpdmail",
)  # fmt: skip
"""What is filled in as well, and told to nobody: of all that programs say, only what is needed to understand them."""

WRITTEN_BY_SOMEBODY = ("jobsaid", "alertname", "checkline", "refunds", "pname")
"""What the public is not told: names of people, and what people and programs wrote."""

_CODE = re.compile(r"^(`{3,})\n.*?^\1$", re.MULTILINE | re.DOTALL)
_COMPARED = frozenset({"id", "dedup_key", "routing_key", "installation"})
_ALIVE = re.compile(r"<(?!/?!--)|@\w|(?<!\\)\[|(?<!\\)\*x|://|\bwww\.|^#+ x", re.MULTILINE)


def worse(mark: str) -> str:
    """The same for fields with more room: what Markdown would make bold, a link, a mention, a cell and a heading."""
    return f"{evil(mark)} *x*[a](http://e.example)www.e.example @ops|\n# x"


def marks() -> set[str]:
    """All marks that have to be found again in what people read, but for those of `places`."""
    tables = (
        MODAL_FIELDS,
        SUB_COMMANDS,
        POLICY_FIELDS,
        HEARTBEAT_FIELDS,
        PAYLOAD_FIELDS,
        ALERT_FIELDS,
        PROGRAMS,
    )
    return {mark for table in tables for mark in table.values()} - {NAMES_ONLY, NOT_SHOWN} - places()


def places() -> set[str]:
    """The marks of places that the settings do not know: told where it is told that nothing arrived there."""
    return {POLICY_FIELDS[f"Target.{way}"] for way in ("channel", "pagerduty", "webhook")} | {
        POLICY_FIELDS["IncidentSection.pages"],
        POLICY_FIELDS["Tickets.webhook"],
    }


def turned(text: str) -> list[str]:
    """What of a text turns it around or cannot be seen."""
    return TURNS.findall(text.replace("\n", "").replace("\t", ""))


def wrong_in_markdown(text: str) -> list[str]:
    """What of a document is markup that nobody wrote for it; blocks of code show as they are."""
    outside = _CODE.sub("", text)
    return [outside[max(0, m.start() - 30) : m.end() + 30] for m in _ALIVE.finditer(outside)] + turned(text)


def strings(node: Any) -> Iterator[str]:
    """Every text of a JSON document that a person may come to see: not what programs tell things apart by."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in _COMPARED:
                yield key
                yield from strings(value)
    elif isinstance(node, list):
        for each in node:
            yield from strings(each)
    elif isinstance(node, str):
        yield node


def wrong_in_json(node: Any) -> list[str]:
    """Texts that show as another one; quotes and brackets are the format's own business."""
    return [text for text in strings(node) if turned(text)]


def all_policy_fields() -> dict[str, str]:
    """Both tables; what stands in the later one was shown later."""
    return free_text.POLICY_FIELDS | POLICY_FIELDS
