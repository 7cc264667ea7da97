"""What a refused command says: what, why, and who or when unblocks it, in one sentence (or two short ones)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from bot.domain.refusal import Refusal
from handlers.wording import access, withdrawals
from handlers.wording.authority import AUTHORITY
from handlers.wording.break_glass_refusals import GLASS
from handlers.wording.enrolment import ENROLMENT
from handlers.wording.factors import FACTORS
from handlers.wording.facts import Facts, listed
from handlers.wording.freeze_refusals import FREEZES
from handlers.wording.incident_refusals import INCIDENTS
from handlers.wording.login_refusals import LOGINS
from handlers.wording.oncall_refusals import ONCALL
from handlers.wording.postmortem_refusals import POSTMORTEMS
from handlers.wording.rollback_refusals import BACK
from handlers.wording.rollout_refusals import UNDER_WAY
from handlers.wording.said import Names, Said, state_of
from handlers.wording.state_refusals import STATES
from handlers.wording.times import When, utc
from handlers.wording.told import HEARTBEATS


def sentence(refusal: Refusal, *, names: Names = str, when: When = utc) -> str:
    """The refusal in words. One whose code nobody worded is shown by its code: honest, if not kind."""
    said = Said(Facts(refusal.facts), names, when)
    word = SENTENCES.get(refusal.code)
    if word is None:
        return f"This was refused, and nothing was changed (code: {refusal.code})."
    return word(said)


def _unknown(kind: str, plural: str) -> Callable[[Said], str]:
    def word(said: Said) -> str:
        meant = said.facts.text("meant", "")
        if meant:
            return f"There is no {kind} “{said.facts.text('name')}” in the policy. Did you mean “{meant}”?"
        known = listed(said.facts.texts("known"), 10) or "none"
        return (
            f"There is no {kind} “{said.facts.text('name')}” in the policy. It has these {plural}: {known}."
        )

    return word


def _already_signed(said: Said) -> str:
    request, state = said.facts.text("request"), said.facts.text("state")
    if state == "refused":
        why = said.facts.text("why")
        return (
            f"You signed {request} already, and it did not count (code: {why}). Another approver has to sign."
        )
    if state == "counted":
        return f"You approved {request} already; it takes another person to fill the next seat."
    return f"You signed {request} already; whether it counts shows on its message in a moment."


def _too_late(said: Said) -> str:
    request, state = said.facts.text("request"), said.facts.text("state")
    if state in ("starting", "live"):
        return (
            f"{request} cannot be taken back: it {state_of(said)}. To undo it, ask for the version before it."
        )
    return f"{request} is over already: it {state_of(said)}. Nothing has to be taken back."


def _unknown_key(said: Said) -> str:
    key, meant = said.facts.text("name"), said.facts.text("meant", "")
    known = listed([f"{k}=" for k in said.facts.texts("known")])
    hint = f"Did you mean {meant}=?" if meant else f"The keys are {known}."
    return (
        f"“{key}=” is no key of /deploy request. {hint} To have it in the reason, put the reason in quotes."
    )


def _too_few_words(said: Said) -> str:
    usage = said.facts.text("usage")
    form = ", or only /deploy request for a form" if usage.startswith("/deploy request") else ""
    return f"The {said.facts.text('missing')} is missing. Write {usage}{form}."


def _unknown_command(said: Said) -> str:
    command, word, meant = said.facts.text("command"), said.facts.text("name"), said.facts.text("meant", "")
    hint = f"Did you mean {command} {meant}?" if meant else f"{command} help lists what there is."
    return f"{command} has no “{word}”. {hint}"


def _unknown_environment(said: Said) -> str:
    sentence = _unknown("environment", "environments")(said)
    if said.facts.said.get("position"):
        sentence += " If that word begins the reason, put the reason in quotes."
    return sentence


SENTENCES: Final[Mapping[str, Callable[[Said], str]]] = MappingProxyType(
    {
        # Who asks
        "unknown-person": lambda s: (
            "Your Slack account stands for nobody in the policy, so nothing was done. Whoever keeps the policy "
            f"file can add you under people, with slack: {s.facts.text('user')}."
        ),
        "other-workspace": lambda _: (
            "This bot serves another Slack workspace or app, so nothing was done. Ask in the workspace it was set up for."
        ),
        # What is named
        "unknown-service": _unknown("service", "services"),
        "unknown-environment": _unknown_environment,
        "unknown-severity": _unknown("severity", "severities"),
        "unknown-person-name": _unknown("person", "people"),
        "unknown-request": lambda s: (
            f"There is no request {s.facts.text('request')}. /deploy status lists the newest ones."
        ),
        # How a command is written
        "unknown-key": _unknown_key,
        "key-twice": lambda s: f"“{s.facts.text('name')}=” stands twice; say it once.",
        "key-empty": lambda s: (
            f"“{s.facts.text('name')}=” has nothing after it; give a value or leave it out."
        ),
        "unclosed-quote": lambda s: (
            f"The quotes that open after {s.facts.text('name')}= never close; close them and send it again."
        ),
        "too-few-words": _too_few_words,
        "too-many-words": lambda s: (
            f"“{s.facts.text('name')}” is one word too many. Write {s.facts.text('usage')}."
        ),
        "bad-id": lambda s: (
            f"“{s.facts.text('name')}” is no request. Requests are called DEP-42, or 42 for short; "
            "/deploy status lists them."
        ),
        "id-missing": lambda s: f"Say which request: {s.facts.text('usage')}. /deploy status lists them.",
        "unknown-command": _unknown_command,
        "not-in-this-version": lambda s: (
            f"{s.facts.text('command')} {s.facts.text('name')} is not available in this version. "
            f"{s.facts.text('command')} help lists what is."
        ),
        "bad-artifact": lambda s: (
            f"“{s.facts.text('name')}” is no image tag: letters, digits, dots, dashes and underscores, 128 at most. "
            "Name the tag that CI pushed, such as 7a3f9c2."
        ),
        "no-reason": lambda _: (
            "Give a reason: one line that tells the others why. It is kept with the record."
        ),
        "reason-too-long": lambda s: (
            f"The reason has {s.facts.text('length')} characters, {s.facts.text('limit')} are kept. "
            "Say it shorter and put the rest in the ticket."
        ),
        "too-long": lambda s: (
            f"The {s.facts.text('field')} has {s.facts.text('length')} characters, {s.facts.text('limit')} at most "
            "are taken. Use its short key, such as CHG-1207."
        ),
        "bad-start": lambda s: (
            f"“{s.facts.text('name')}” is no start. Write at=next, at=14:30, at=2026-03-02T14:30 "
            f"(both in {s.facts.text('zone')}), or at=2026-03-02T14:30+01:00."
        ),
        "start-in-the-past": lambda s: (
            f"The start {s.at('at')} is over. Name a later one, or leave at= out to start as soon as it may."
        ),
        "start-too-late": lambda s: (
            f"The start {s.at('at')} is more than {s.facts.text('limit_days')} days away. Ask again nearer to it."
        ),
        # How a request stands
        "already-asked": lambda s: (
            f"{s.who('by', 'Somebody')} asked for the same already: {s.facts.text('request')}, which {state_of(s)}. "
            f"Follow that one, or have it cancelled first (/deploy cancel {s.facts.text('request')})."
        ),
        "not-awaiting-approval": lambda s: (
            f"{s.facts.text('request')} is not waiting for approval: it {state_of(s)}. Nothing was recorded."
        ),
        "not-approved": lambda s: (
            f"{s.facts.text('request')} cannot start: it {state_of(s)}. It can be started once every seat is filled."
        ),
        "too-late": _too_late,
        "no-longer-in-policy": lambda s: (
            f"The service or environment of {s.facts.text('request')} is no longer in the policy, so nothing can be "
            "decided about it. Cancel it, or have the policy mended."
        ),
        "not-yours": lambda s: (
            f"{s.facts.text('request')} is {s.who('by')}'s. {s.who('by', 'The requester')} or an approver can cancel it."
        ),
        "over-already": lambda s: (
            f"{s.facts.text('request')} is over already: it {state_of(s)}. There is nothing to hold, to resume or to take back."
        ),
        # Who may approve
        "own-request": lambda _: (
            "This request is your own, and nobody approves their own change. Another approver has to."
        ),
        "no-seats": lambda s: (
            f"Nobody's approval is asked for {s.facts.text('environment')}: the policy has no seats there."
        ),
        "excluded": lambda s: (
            f"The policy keeps {listed(s.facts.texts('by'))} out of approving here, and that is you. "
            "Another approver has to."
        ),
        "commit-author": lambda _: (
            "You wrote commits in this build, and authors do not approve their own work. Another approver has to."
        ),
        "already-signed": _already_signed,
        "facts-changed": lambda _: "What you approved has changed since, so your approval no longer counts.",
        # The second factor
        "enrolled-already": lambda s: (
            f"{s.who('person', 'Somebody')} has a second factor already. To replace it, enrol again with --again."
        ),
        "bad-code": lambda _: "A code is the six digits that your authenticator app shows now.",
        **INCIDENTS,
        **POSTMORTEMS,
        # Evidence
        "not-exact": lambda s: (
            f"The {s.facts.text('field')} hold a number that JSON cannot carry exactly. Send it as text, in quotes."
        ),
        "from-the-future": lambda s: (
            f"The statement says {s.at('at')}, and it is {s.at('now')} here. Mend the clock that wrote it and send it again."
        ),
        **AUTHORITY,
        **GLASS,
        **LOGINS,
        **FACTORS,
        **ENROLMENT,
        **FREEZES,
        **HEARTBEATS,
        **ONCALL,
        **UNDER_WAY,
        **BACK,
        **STATES,
        **withdrawals.REFUSALS,
        **access.REFUSALS,
    }
)
"""Every code, each a function of its facts."""
