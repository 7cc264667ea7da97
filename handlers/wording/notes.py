"""What happened, in the past tense: the lines of a request's thread, and the other notices."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from handlers.wording import factors, feeds, incidents, rollbacks, told, watched, withdrawals
from handlers.wording.authority import why_uncounted
from handlers.wording.deployer import deployer_said
from handlers.wording.facts import Facts, listed, plural
from handlers.wording.groups import by_group
from handlers.wording.rollouts import failed_where, unresolved_where
from handlers.wording.times import span

Names = Callable[[str], str]
Word = Callable[[Facts, Names], str]

CHANGED: Final[Mapping[str, str]] = {
    "digest": "the digest behind the tag",
    "artifact": "the artifact",
    "rollback_target": "the version to go back to",
    "policy": "the policy",
    "evidence": "the evidence",
    "kind": "the kind of change",
    "service": "the service",
    "environment": "the environment",
}


def changed(facts: Facts) -> str:
    """Which of the facts that an approval is bound to changed."""
    return listed([CHANGED.get(name, name) for name in facts.texts("changed")]) or "a fact"


def note(notes: Mapping[str, Word], facts: Mapping[str, JsonValue], names: Names) -> str:
    """The line for `facts["code"]`. A code that nobody worded is shown by its code."""
    read = Facts(facts)
    code = read.text("code")
    word = notes.get(code)
    return word(read, names) if word else f"Something happened (code: {code})."


def _who(facts: Facts, names: Names) -> str:
    person = facts.text("person", "")
    return names(person) if person else "Portcullis"


def _because(facts: Facts) -> str:
    reason = facts.text("reason", "")
    return f": “{reason}”" if reason else "."


def _ticks(facts: Facts) -> str:
    ticks = facts.number("ticks")
    return f" So {'is' if ticks == 1 else 'are'} {plural(ticks, 'tick')} of its checklist." if ticks else ""


def _after(facts: Facts) -> str:
    seconds = facts.number("seconds")
    return "" if seconds is None else f" {span(timedelta(seconds=seconds))} after the approval"


def _run(facts: Facts) -> str:
    return f"Run {facts.text('run')}"


REQUEST_NOTES: Final[Mapping[str, Word]] = MappingProxyType(
    {
        **rollbacks.NOTES,
        **withdrawals.NOTES,
        **incidents.REQUEST_NOTES,
        "approval-counted": lambda f, n: f"{_who(f, n)} approved, with a second factor ({f.text('method')}).",
        "approval-lost": lambda f, n: (
            f"{_who(f, n)} {why_uncounted(f.text('why'), f)}, so this approval no longer counts: "
            "roles and authors are asked again before the start."
            if f.text("why") != "factors-reset"
            else f"{_who(f, n)}'s second factors were taken away, so this approval no longer counts."
        ),
        "approved": lambda _, __: "Every seat is filled: approved.",
        "revised": lambda f, _: (
            f"What is asked for changed ({changed(f)}): revision {f.text('revision')}. "
            "Approvals given before are void, and everybody who gave one was told." + _ticks(f)
        ),
        "ticked": lambda f, n: (
            f"{_who(f, n)} ticked “{f.text('item')}”: checklist {f.text('done')} of {f.text('all')}."
        ),
        "unticked": lambda f, n: (
            f"{_who(f, n)} took the tick of “{f.text('item')}” back: checklist {f.text('done')} of {f.text('all')}."
        ),
        "rejected": lambda f, n: f"{_who(f, n)} rejected it{_because(f)}",
        "cancelled": lambda f, n: f"{_who(f, n)} cancelled it{_because(f)}",
        "superseded": lambda f, _: (
            f"{f.text('newer')} ({f.text('artifact')}) is newer and started instead, so this one is cancelled: "
            "it would have undone that by itself."
        ),
        "overtaken": lambda f, _: (
            f"{f.text('newer')} ({f.text('artifact')}), which is newer, began to roll out here first. This one does "
            "not start by itself any more before somebody looks: cancel it if it is not wanted."
        ),
        "state-entered": lambda f, _: (
            f"In force: the project is in {f.text('state')} from here on, and everything open is judged by its rules."
        ),
        "live": lambda f, _: f"Live{_after(f)}. {_run(f)}: {deployer_said(f.text('outcome'))}.{by_group(f)}",
        "failed": lambda f, n: (
            f"{_who(f, n)} stopped it.{failed_where(f)}"
            if f.text("outcome") == "stopped"
            else watched.stopped(f)
            if f.text("outcome") == "analysis-failed"
            else f"Failed{_after(f)}. {_run(f)}: {deployer_said(f.text('outcome'))}. "
            f"{watched.after_failure(f)}{failed_where(f)}"
        ),
        "unresolved": lambda f, _: (
            f"{_run(f)}: {deployer_said(f.text('outcome'))}. Look at the environment before anything else; "
            f"it is not sent again by itself.{unresolved_where(f)}"
        ),
        "result-late": lambda f, _: (
            f"{_run(f)} ended after all: {deployer_said(f.text('outcome'))}. It was held to be lost, and what was "
            "decided since did not know of this."
        ),
    }
)
"""The thread of a request."""

POLICY_NOTICES: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "in-force": lambda f, _: (
            f"A new policy is in force: {f.text('file')} ({f.digest('digest')}, before it {f.digest('previous')}). "
            "Open requests are being judged by it."
        ),
        "refused": lambda f, _: (
            f"The new policy file was refused, and the old one ({f.digest('in_force')}) stays in force: "
            f"{plural(f.number('count') or len(f.texts('problems')), 'problem')}. "
            + " | ".join(f.texts("problems"))
        ),
        "project-state": told.project_state,
        "feed-stale": lambda f, _: feeds.stale(f),
        "feed-well": lambda f, _: feeds.well(f),
        "passkey-copied": factors.passkey_copied,
    }
)
"""What became of a policy file, and of the calendars that it has fetched."""

SECURITY_EVENTS: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "digest-mismatch": lambda f, _: (
            f"SECURITY: the tag {f.text('artifact')} is not what CI built. The registry has "
            f"{f.digest('registry_digest')}, CI built {f.digest('build_digest')}. Nothing was deployed. "
            "Find out who pushed it before anybody uses this tag."
        ),
        "passkey-copied": factors.passkey_copied,
    }
)
"""What has to be looked into."""
