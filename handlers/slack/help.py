"""The commands that are registered, in one table: the help text, the manifest and the dispatch agree with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from handlers.slack.blocks import Message, escape, message


@dataclass(frozen=True, slots=True)
class Sub:
    """One sub-command: how it is written and what it does."""

    usage: str
    does: str


DEPLOY: Final[Mapping[str, Sub]] = MappingProxyType(
    {
        "request": Sub(
            "request SERVICE ARTIFACT [ENVIRONMENT] [ticket=CHG-1] [at=14:30|next] [fixes=ENVIRONMENT] "
            "[emergency=INC-7] [reason…]",
            "ask for a deployment; nothing after it opens a form",
        ),
        "status": Sub("status [ID]", "how requests stand, or one of them"),
        "why": Sub("why ID", "ask every gate now, and show its evidence"),
        "when": Sub("when SERVICE ENVIRONMENT [ARTIFACT]", "the earliest start, and what stands before it"),
        "cancel": Sub(
            "cancel ID", "take a request back before it starts, or stop its rollout between two steps"
        ),
        "start": Sub("start ID", "start what is approved and waited for its window"),
        "withdraw": Sub(
            "withdraw ID [INC-9] [reason…]",
            "take your approval back; after the start, with an incident and a second factor, the old version comes back",
        ),
        "rollback": Sub(
            "rollback SERVICE ENVIRONMENT [INC-9] [to=TAG] [reason…]",
            "go back to the version before; nothing after it opens a form",
        ),
        "state": Sub(
            "state [STATE] [ticket=CHG-1] [because…]",
            "which state the project is in, since when and by whom; with a state and a reason, ask for it",
        ),
        "hold": Sub("hold ID [reason…]", "stop it before it starts, or its rollout before the next step"),
        "resume": Sub("resume ID [reason…]", "let what was held go on"),
        "review": Sub(
            "review [ID what was found…]",
            "write the review that a break-glass owes, or list those that are owed",
        ),
        "freeze": Sub(
            "freeze ENVIRONMENT|all [services=A,B] [from=14:30] [to=4h] [class=hard|soft] [break-glass=yes] reason…",
            "let nothing start there until it is over, or without to= until somebody lifts it; "
            "nothing after it opens a form",
        ),
        "unfreeze": Sub("unfreeze [ID] [reason…]", "lift a freeze, or choose from those in force and ahead"),
        "windows": Sub("windows [ENVIRONMENT] [SERVICE]", "when it is open: now, this week and ahead"),
        "checklist": Sub("checklist ID", "what has to be ticked before it starts, and who may tick it"),
        "enroll": Sub("enroll", "your second factors, and the way to a new one"),
        "confirm-factor": Sub("confirm-factor PERSON", "confirm what somebody enrolled, as an administrator"),
        "reset-factor": Sub(
            "reset-factor PERSON reason…",
            "take away what somebody enrolled, as one of two administrators; of your own: raise an alarm",
        ),
        "whoami": Sub("whoami", "who you are here: your accounts, roles and second factors"),
        "help": Sub("help [COMMAND]", "this, or how one of them is written"),
    }
)
ENV: Final[Mapping[str, Sub]] = MappingProxyType(
    {
        "status": Sub(
            "status [ENVIRONMENT]",
            "the colour of every environment, most protected first, or the components of one",
        ),
        "check": Sub(
            "check [ENVIRONMENT]",
            "read the monitors of one environment now, and say what was found; without a name, of the most protected one alone",
        ),
        "history": Sub("history [ENVIRONMENT]", "uptime, how the colours went, and the incidents"),
        "next": Sub("next", "what to fix first, and what still needs full verification"),
        "incident": Sub(
            "incident ENVIRONMENT [severity=P1] title…",
            "say that something is wrong, and page whoever is on call",
        ),
        "postmortem": Sub(
            "postmortem [INC-7] [start|note what…]",
            "the post-mortems that are owed, or one of them; start: one that nobody owes; note: a line of the timeline",
        ),
        "actions": Sub(
            "actions [add INC-7 PERSON DAY what…|done INC-7/1|drop INC-7/1]",
            "what is to be done so that it does not happen again",
        ),
        "help": Sub("help", "this"),
    }
)
ONCALL: Final[Mapping[str, Sub]] = MappingProxyType(
    {
        "who": Sub(
            "who [ROTATION] [at=TIME]", "who is on call, until when, who comes next, and overrides ahead"
        ),
        "override": Sub(
            "override ROTATION PERSON from TIME until TIME [and PERSON from TIME until TIME] [reason…]",
            "somebody takes a stretch; with “and”, a swap; `override cancel OVR-3` takes one back; "
            "nothing after it opens a form",
        ),
        "handoff": Sub("handoff [ROTATION] [note…]", "what is open, and a note for whoever takes over"),
        "help": Sub("help", "this"),
    }
)
NOT_YET: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "/deploy": frozenset(
            [
                "history",
                "metrics",
                "audit",
                "stop-all",
            ]
        ),
        "/env": frozenset(),
        "/oncall": frozenset(),
    }
)
"""Sub-commands that are promised and not built: they are named as such, never guessed at."""
COMMANDS: Final[Mapping[str, Mapping[str, Sub]]] = MappingProxyType(
    {"/deploy": DEPLOY, "/env": ENV, "/oncall": ONCALL}
)
"""Every slash command that is registered."""


def render(command: str, only: str | None = None) -> Message:
    """What a command can do; with `only`, how that one of its sub-commands is written."""
    subs = COMMANDS[command]
    if only is not None:
        return message([f"`{escape(f'{command} {subs[only].usage}')}`", escape(subs[only].does)])
    lines = [f"*What {command} can do*"]
    lines += [f"`{escape(f'{command} {sub.usage}')}`  {escape(sub.does)}" for sub in subs.values()]
    if command == "/deploy":
        lines.append(
            "Approving and rejecting happen on the request's own message. "
            "Times without an offset are in the policy's zone; DEP-42 may be written 42."
        )
    return message(lines)
