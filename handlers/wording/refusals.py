"""What a refused command says: what, why, and who or when unblocks it, in one sentence (or two short ones)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bot.domain.refusal import Refusal
from handlers.wording.facts import UNSAID, Facts, listed
from handlers.wording.requests import STATE_WORDS
from handlers.wording.rollouts import command_shown
from handlers.wording.times import When, utc

Names = Callable[[str], str]
"""How a person of the directory is called on this surface."""


@dataclass(frozen=True, slots=True)
class _Said:
    facts: Facts
    names: Names
    when: When

    def who(self, key: str, unsaid: str = "somebody") -> str:
        name = self.facts.text(key, "")
        return self.names(name) if name else unsaid

    def at(self, key: str) -> str:
        instant = self.facts.instant(key)
        return UNSAID if instant is None else self.when(instant)


def sentence(refusal: Refusal, *, names: Names = str, when: When = utc) -> str:
    """The refusal in words. One whose code nobody worded is shown by its code: honest, if not kind."""
    said = _Said(Facts(refusal.facts), names, when)
    word = SENTENCES.get(refusal.code)
    if word is None:
        return f"This was refused, and nothing was changed (code: {refusal.code})."
    return word(said)


def _unknown(kind: str, plural: str) -> Callable[[_Said], str]:
    def word(said: _Said) -> str:
        meant = said.facts.text("meant", "")
        if meant:
            return f"There is no {kind} “{said.facts.text('name')}” in the policy. Did you mean “{meant}”?"
        known = listed(said.facts.texts("known"), 10) or "none"
        return (
            f"There is no {kind} “{said.facts.text('name')}” in the policy. It has these {plural}: {known}."
        )

    return word


def _state(said: _Said) -> str:
    state = said.facts.text("state")
    return STATE_WORDS.get(state, state)


def _tries(said: _Said) -> str:
    left, minutes = said.facts.number("left") or 0, said.facts.text("minutes")
    if left <= 0:
        return f"That was the last try: approving is locked for you for {minutes} minutes, nothing else is."
    return "One try is left." if left == 1 else f"{left} tries are left."


def _no_seat(said: _Said) -> str:
    roles = listed(said.facts.texts("roles"), last="or")
    silent = listed(said.facts.texts("unanswered"))
    if silent:
        return (
            f"This takes somebody who is {roles}, and whether you are could not be asked ({silent}), "
            "so it counts as no. Somebody who holds such a role by the policy can do it."
        )
    return f"This takes somebody who is {roles}, and you are not. One of them can do it."


def _already_signed(said: _Said) -> str:
    request, state = said.facts.text("request"), said.facts.text("state")
    if state == "refused":
        why = said.facts.text("why")
        return (
            f"You signed {request} already, and it did not count (code: {why}). Another approver has to sign."
        )
    if state == "counted":
        return f"You approved {request} already; it takes another person to fill the next seat."
    return f"You signed {request} already; whether it counts shows on its message in a moment."


def _too_late(said: _Said) -> str:
    request, state = said.facts.text("request"), said.facts.text("state")
    if state in ("starting", "live"):
        return (
            f"{request} cannot be taken back: it {_state(said)}. To undo it, ask for the version before it."
        )
    return f"{request} is over already: it {_state(said)}. Nothing has to be taken back."


def _call_under_way(said: _Said) -> str:
    request, way = said.facts.text("request"), command_shown(said.facts.said.get("command"))
    last = "its last call" if said.facts.said.get("stepped") is True else "one call"
    back = (
        f"To undo it once it ended: {way}"
        if way
        else "To undo it, ask for the version before it once it ended."
    )
    return f"{request} cannot be held any more: it is {last}, and that is under way. {back}"


def _frozen(said: _Said) -> str:
    request, rule = said.facts.text("request"), said.facts.text("rule")
    until = f"until {said.at('until')}" if said.facts.instant("until") else "until it is lifted"
    head = f"Nobody holds {request}, {rule} does, {until}; then it goes on by itself."
    if said.facts.said.get("declared") is not True:
        return f"{head} That freeze stands in the policy, so whoever keeps the policy file can end it."
    roles = listed(said.facts.texts("roles"), last="or")
    who = roles or f"{said.who('by')} or somebody who may approve everywhere it holds"
    return f"{head} {who} can lift it: /deploy unfreeze {rule}"


def _unknown_key(said: _Said) -> str:
    key, meant = said.facts.text("name"), said.facts.text("meant", "")
    known = listed([f"{k}=" for k in said.facts.texts("known")])
    hint = f"Did you mean {meant}=?" if meant else f"The keys are {known}."
    return (
        f"“{key}=” is no key of /deploy request. {hint} To have it in the reason, put the reason in quotes."
    )


def _unknown_command(said: _Said) -> str:
    command, word, meant = said.facts.text("command"), said.facts.text("name"), said.facts.text("meant", "")
    hint = f"Did you mean {command} {meant}?" if meant else f"{command} help lists what there is."
    return f"{command} has no “{word}”. {hint}"


def _unknown_environment(said: _Said) -> str:
    sentence = _unknown("environment", "environments")(said)
    if said.facts.said.get("position"):
        sentence += " If that word begins the reason, put the reason in quotes."
    return sentence


def _may_not_freeze(said: _Said) -> str:
    roles = listed(said.facts.texts("roles"), last="or")
    return f"To freeze takes somebody who is {roles or UNSAID}, and you are not{_unasked(said)}. One of them can do it."


def _may_not_lift(said: _Said) -> str:
    roles = listed(said.facts.texts("roles"), last="or")
    environments = listed(said.facts.texts("environments"))
    seat = f" and could approve in {environments}" if environments else ""
    able = f"somebody who is {roles}{seat}" if roles else ""
    declarer = said.who("by", "")
    if declarer:
        able = f"{declarer}, who declared it" + (f", or {able}" if able else "")
    takes = able or "whoever keeps the policy"
    return f"{said.facts.text('freeze')} is not yours to lift{_unasked(said)}. It takes {takes}."


def _unasked(said: _Said) -> str:
    silent = listed(said.facts.texts("unanswered"))
    return f" ({silent} could not be asked, which counts as no)" if silent else ""


SENTENCES: Final[Mapping[str, Callable[[_Said], str]]] = MappingProxyType(
    {
        # Who asks
        "unknown-person": lambda s: (
            "Your Slack account stands for nobody in the policy, so nothing was done. Whoever keeps the policy "
            f"file can add you under people, with slack: {s.facts.text('user')}."
        ),
        "other-workspace": lambda _: (
            "This bot serves another Slack workspace, so nothing was done. Ask in the workspace it was set up for."
        ),
        # What is named
        "unknown-service": _unknown("service", "services"),
        "unknown-environment": _unknown_environment,
        "unknown-person-name": _unknown("person", "people"),
        "unknown-request": lambda s: (
            f"There is no request {s.facts.text('request')}. /deploy status lists the newest ones."
        ),
        "unknown-incident": lambda s: (
            f"There is no incident {s.facts.text('incident')}. /env status names the open ones."
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
        "too-few-words": lambda s: (
            f"The {s.facts.text('missing')} is missing. Write {s.facts.text('usage')}, or only /deploy request for a form."
        ),
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
            f"{s.who('by', 'Somebody')} asked for the same already: {s.facts.text('request')}, which {_state(s)}. "
            f"Follow that one, or have it cancelled first (/deploy cancel {s.facts.text('request')})."
        ),
        "not-awaiting-approval": lambda s: (
            f"{s.facts.text('request')} is not waiting for approval: it {_state(s)}. Nothing was recorded."
        ),
        "not-approved": lambda s: (
            f"{s.facts.text('request')} cannot start: it {_state(s)}. It can be started once every seat is filled."
        ),
        "too-late": _too_late,
        "no-longer-in-policy": lambda s: (
            f"The service or environment of {s.facts.text('request')} is no longer in the policy, so nothing can be "
            "decided about it. Cancel it, or have the policy mended."
        ),
        "not-yours": lambda s: (
            f"{s.facts.text('request')} is {s.who('by')}'s. {s.who('by', 'The requester')} or an approver can cancel it."
        ),
        "changed-since": lambda s: (
            f"{s.facts.text('request')} changed while you read it, so your approval was not recorded. "
            "Close this, look at its message again, and approve what stands there now."
        ),
        # Hold and resume
        "over-already": lambda s: (
            f"{s.facts.text('request')} is over already: it {_state(s)}. There is nothing to hold or to resume."
        ),
        "held-already": lambda s: (
            f"{s.who('by', 'Somebody')} holds {s.facts.text('request')} already, since {s.at('at')}: nothing of it goes on until "
            f"somebody resumes it (/deploy resume {s.facts.text('request')})."
        ),
        "call-under-way": _call_under_way,
        "not-held": lambda s: (
            f"Nobody holds {s.facts.text('request')}: it {_state(s)}. /deploy why {s.facts.text('request')} says what "
            "it waits for."
        ),
        "frozen": _frozen,
        "not-yours-to-resume": lambda s: (
            f"{s.who('by', 'Somebody')} holds {s.facts.text('request')}; {s.who('by', 'they')}, {s.who('requester', 'the requester')} or "
            "somebody who may approve it can resume it."
        ),
        "own-step": lambda s: (
            f"{s.facts.text('request')} is your own, and its step has to be judged by somebody else who may approve it."
        ),
        # Who may approve
        "own-request": lambda _: (
            "This request is your own, and nobody approves their own change. Another approver has to."
        ),
        "no-seat": _no_seat,
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
        "authors-unknown": lambda _: (
            "CI did not say who wrote this build, so nobody can be cleared of having written it. "
            "Have CI send details.authors with the build, then approve again."
        ),
        "already-signed": _already_signed,
        "facts-changed": lambda _: "What you approved has changed since, so your approval no longer counts.",
        # The second factor
        "method-forbidden": lambda s: (
            f"A code by {s.facts.text('method')} approves nothing here: the policy accepts "
            f"{listed(s.facts.texts('allowed'), last='or')}, which this version cannot ask for yet."
        ),
        "not-enrolled": lambda _: (
            "You have no second factor here yet, so nothing was recorded. Whoever runs the bot enrols you on its "
            "host with: portcullis enroll."
        ),
        "enrolled-already": lambda s: (
            f"{s.who('person', 'Somebody')} has a second factor already. To replace it, enrol again with --again."
        ),
        "locked-out": lambda s: (
            f"Too many wrong codes: approving is locked for you for {s.facts.text('minutes')} minutes from the first "
            "of them. Rejecting and cancelling still work."
        ),
        "wrong-code": lambda s: f"That code is wrong. {_tries(s)} Codes change every 30 seconds.",
        "code-used": lambda s: f"That code was used already; wait for the next one. {_tries(s)}",
        "bad-code": lambda _: "A code is the six digits that your authenticator app shows now.",
        # Freezes
        "may-not-freeze": _may_not_freeze,
        "may-not-lift": _may_not_lift,
        "unknown-freeze": lambda s: (
            f"There is no freeze {s.facts.text('freeze')}. /deploy unfreeze alone lists those in force and ahead."
        ),
        "freeze-of-policy": lambda s: (
            f"The freeze “{s.facts.text('freeze')}” stands in the policy and is not lifted here. Whoever keeps the "
            "policy can change it there."
        ),
        "lifted-already": lambda s: (
            f"{s.who('by', 'Somebody')} lifted {s.facts.text('freeze')} already, {s.at('at')}. Nothing has to be done."
        ),
        "freeze-over": lambda s: (
            f"{s.facts.text('freeze')} is over since {s.at('at')}. Nothing has to be lifted."
        ),
        "frozen-already": lambda s: (
            f"{s.who('by', 'Somebody')} declared the very same already: {s.facts.text('freeze')}. "
            "Another scope, class or time makes another freeze."
        ),
        "freeze-begins-in-the-past": lambda s: (
            f"The beginning {s.at('at')} is past. Leave it out to freeze from now on, or name a later one."
        ),
        "freeze-not-asked": lambda s: (
            f"{listed(s.facts.texts('environments'), 5) or 'That'} would not be frozen: no calendar gate stands there, so "
            "nothing asks for freezes. Leave it out, or have the gate added to the policy."
        ),
        "freeze-begins-too-late": lambda s: (
            f"The beginning {s.at('at')} is more than {s.facts.text('limit_days')} days away. Declare it nearer to it, "
            "or have it written into the policy."
        ),
        "freeze-ends-in-the-past": lambda s: (
            f"The end {s.at('at')} is past. Name a later one, or leave it out to freeze until somebody lifts it."
        ),
        "freeze-ends-first": lambda s: (
            f"The end {s.at('at')} is no later than the beginning {s.at('begins_at')}. Name a later end, or leave it "
            "out to freeze until somebody lifts it."
        ),
        "freeze-ends-too-late": lambda s: (
            f"The end {s.at('at')} is more than {s.facts.text('limit_days')} days after the beginning. Name a nearer "
            "one, or leave it out to freeze until somebody lifts it."
        ),
        "freeze-too-few-words": lambda s: (
            f"Say which environment, or all. Write {s.facts.text('usage')}, or only /deploy freeze for a form."
        ),
        "unknown-freeze-key": lambda s: (
            f"“{s.facts.text('name')}=” is no key of /deploy freeze. Did you mean {s.facts.text('meant')}=? "
            "To have it in the reason, put the reason in quotes."
        ),
        "bad-freeze-time": lambda s: (
            f"“{s.facts.text('name')}” is no time. Write {s.facts.text('key')}=4h, {s.facts.text('key')}=14:30, "
            f"{s.facts.text('key')}=2026-12-01, {s.facts.text('key')}=2026-12-01T09:00 (all in "
            f"{s.facts.text('zone')}), or {s.facts.text('key')}=2026-12-01T09:00+01:00."
        ),
        "bad-freeze-class": lambda s: (
            f"“{s.facts.text('name')}” is no class. Write class=soft (what starts needs a reason) or class=hard "
            "(nothing starts)."
        ),
        "bad-break-glass": lambda s: (
            f"“{s.facts.text('name')}” is neither yes nor no. Write break-glass=yes to let break-glass pass the freeze."
        ),
        # Incidents
        "incident-over": lambda s: (
            f"{s.facts.text('incident')} is over: {s.who('by', 'the environment turned GREEN')} closed it."
        ),
        "acknowledged-already": lambda s: (
            f"{s.who('by', 'Somebody')} has {s.facts.text('incident')} already. Talk to them in its thread."
        ),
        # Evidence
        "not-exact": lambda s: (
            f"The {s.facts.text('field')} hold a number that JSON cannot carry exactly. Send it as text, in quotes."
        ),
        "from-the-future": lambda s: (
            f"The statement says {s.at('at')}, and it is {s.at('now')} here. Mend the clock that wrote it and send it again."
        ),
    }
)
"""Every code, each a function of its facts."""
