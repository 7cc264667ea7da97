"""What each gate found, in words: a sign, a word, a short text, and what unblocks it.

The texts are short, because nine of them stand on a phone; `unblocks` is whole sentences and stands only beside
what does not pass. A code that nobody worded is shown as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from bot.domain.outcome import GateOutcome, Status
from handlers.wording import calendar_sentences as calendar
from handlers.wording import checklists
from handlers.wording import gate_sentences as say
from handlers.wording.authority import source_silent
from handlers.wording.gate_sentences import Found, Words
from handlers.wording.times import When, ahead, utc

SIGNS: Final[Mapping[Status, str]] = {
    Status.PASSED: "✓",
    Status.WARNED: "⚠",
    Status.WAITING: "◷",
    Status.UNKNOWN: "?",
    Status.BLOCKED: "✗",
}
WORDS: Final[Mapping[Status, str]] = {
    Status.PASSED: "passed",
    Status.WARNED: "warns",
    Status.WAITING: "waits",
    Status.UNKNOWN: "unknown",
    Status.BLOCKED: "blocked",
}


BYPASSED: Final = "⚡"
"""The sign of what break-glass passes, and of break-glass itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """One gate for people. `unblocks` is None where nothing has to be done."""

    sign: str
    word: str
    text: str
    unblocks: str | None = None


def line(outcome: GateOutcome, *, now: datetime, when: When = utc, earliest: datetime | None = None) -> Line:
    """The outcome in words; ages are counted to `now`. Never raises for an unknown code or malformed facts.

    `earliest` is when all gates pass together: told beside a gate that waits, where it is later than its own instant.
    One that break-glass passes shows what it says in brackets: nothing has to unblock it.
    """
    text, unblocks = words(outcome, now=now, when=when)
    if outcome.bypassed:
        return Line(BYPASSED, "bypassed", f"{outcome.gate} ({text})")
    until = outcome.until if outcome.status is Status.WAITING else None
    if until is not None and earliest is not None and earliest > until:
        text += f"; earliest start {when(earliest)} ({ahead(earliest, now)})"
    return Line(SIGNS[outcome.status], WORDS[outcome.status], text, unblocks)


def words(outcome: GateOutcome, *, now: datetime, when: When = utc) -> Words:
    """What the gate itself says, whether it is bypassed or not, and what unblocks it."""
    found = Found(outcome, now, when)
    word = SENTENCES.get((outcome.gate, outcome.code)) or ANY_GATE.get(outcome.code)
    return word(found) if word else _unworded(found)


def _unworded(found: Found) -> Words:
    outcome = found.outcome
    passes = outcome.status is Status.PASSED
    return f"{outcome.gate}: {outcome.code}", None if passes else "See the documentation of this gate."


def _incident(found: Found) -> str:
    incident = found.facts.text("incident", "")
    return f" ({incident} is open)" if incident else ""


Word = Callable[[Found], Words]

ANY_GATE: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "from-the-future": say.from_the_future,
        "no-registry-digest": say.no_registry_digest,
        "registry-unreachable": say.registry_unreachable,
        "registry-not-configured": say.registry_not_configured,
        "gate-failed": say.gate_failed,
        "source-silent": source_silent,
        "another-run": lambda f: (
            f"{f.text('request')} is rolling out {f.text('artifact')} here right now",
            "It goes on by itself when that one has ended: two rollouts at once leave nobody knowing what runs.",
        ),
        "no-plan": lambda f: (
            f"break-glass needs a way back, and nobody knows a version to go back to in {f.text('environment')}",
            "Report what runs there as deployment evidence; or ask without emergency=, where a reason suffices.",
        ),
        "on-call-untold": lambda _: (
            "whoever is on call is being told",
            "It goes on by itself once that message has arrived; after two minutes the contacts are told as well.",
        ),
        "on-call-told": lambda f: (f"whoever is on call was told {f.age('told_at')}", None),
        "others-told": lambda f: (
            f"nobody is on call; others were told {f.age('told_at')}",
            None,
        ),
    }
)
"""Codes that mean the same whichever gate says them."""

SENTENCES: Final[Mapping[tuple[str, str], Word]] = MappingProxyType(
    {
        ("staging-verified", "verified"): lambda f: (
            f"verified in {f.text('environment')} {f.age('verified_at')}",
            None,
        ),
        ("staging-verified", "no-verification"): lambda f: (
            f"nobody stated that {f.text('artifact')} was verified in {f.text('environment')}",
            f"Verify it in {f.text('environment')}; CI then reports it, and the gate asks again by itself.",
        ),
        ("staging-verified", "verification-failed"): lambda f: (
            f"verification in {f.text('environment')} failed {f.age('verified_at')}",
            "Mend what failed and ship a new build, or verify this one again if the failure was not its own.",
        ),
        ("staging-verified", "red-on-this-version"): lambda f: (
            f"{f.text('environment')} runs {f.text('runs')}, this very version, and is RED{_incident(f)}",
            f"Turn {f.text('environment')} GREEN with this version in it, or ship one with which it is.",
        ),
        ("staging-verified", "verification-without-digest"): lambda f: (
            f"the verification in {f.text('environment')} does not say which digest it verified",
            "Have CI send the digest with the verification.",
        ),
        ("staging-verified", "verified-another-digest"): lambda f: (
            (
                f"{f.text('environment')} verified another digest ({f.digest('verified_digest')}), "
                f"the registry has {f.digest('registry_digest')}"
            ),
            "The tag was pushed again. Verify what is there now, or build under a new tag.",
        ),
        ("soak", "soaked"): lambda f: (
            f"soaked {f.span('ran_seconds')} in {f.text('environment')} (needs {f.span('required_seconds')})",
            None,
        ),
        ("soak", "soaking"): say.soaking,
        ("soak", "never-deployed"): lambda f: (
            f"never ran in {f.text('environment')}",
            f"Deploy it to {f.text('environment')} and let it run {f.span('required_seconds')}.",
        ),
        ("soak", "replaced-in-staging"): lambda f: (
            (
                f"ran only {f.span('ran_seconds')} of {f.span('required_seconds')} in {f.text('environment')}, "
                f"then {f.text('runs_now')} replaced it"
            ),
            f"Deploy it to {f.text('environment')} again and let it run {f.span('required_seconds')}.",
        ),
        ("vulnerabilities", "clean"): say.clean,
        ("vulnerabilities", "vulnerable"): say.vulnerable,
        ("vulnerabilities", "no-scan"): lambda f: (
            f"no scan of {f.text('artifact')} was reported",
            "Have CI scan the image and report it; the gate asks again by itself.",
        ),
        ("vulnerabilities", "scan-stale"): lambda f: (
            f"the scan is {f.old('scanned_at')}, {f.span('limit_seconds')} at most is believed",
            "Scan it again: an old scan knows no newer vulnerability.",
        ),
        ("vulnerabilities", "scan-malformed"): lambda f: (
            f"the scan does not count {f.listed('missing')}",
            "Have the scanner report these severities, with 0 where it found none.",
        ),
        ("vulnerabilities", "scan-failed"): lambda _: (
            "the scan failed and counted nothing, so the scanner itself broke",
            "Run the scan again.",
        ),
        ("vulnerabilities", "scan-without-digest"): lambda _: (
            "the scan does not say which digest it scanned",
            "Have CI send the digest with the scan.",
        ),
        ("vulnerabilities", "scanned-another-digest"): lambda f: (
            (
                f"the scan is of another digest ({f.digest('scanned_digest')}), "
                f"the registry has {f.digest('registry_digest')}"
            ),
            "The tag was pushed again. Scan what is there now, or build under a new tag.",
        ),
        ("immutable-artifact", "same-digest"): lambda f: (
            f"digest {f.digest('registry_digest')} = build",
            None,
        ),
        ("immutable-artifact", "tag-forbidden"): lambda f: (
            f"the tag {f.text('artifact')} moves, so it names no one artifact",
            "Name the tag of the commit, such as 7a3f9c2.",
        ),
        ("immutable-artifact", "tag-not-immutable"): lambda f: (
            f"the tag {f.text('artifact')} does not have the form {f.text('pattern')}",
            "Name the tag of the commit that CI built.",
        ),
        ("immutable-artifact", "not-in-registry"): lambda f: (
            f"the registry has no {f.text('artifact')}",
            "Have CI push it, or check the tag for a slip.",
        ),
        ("immutable-artifact", "no-build-digest"): lambda f: (
            f"CI never stated what it built as {f.text('artifact')}",
            "Have CI report the build with its digest; the gate asks again by itself.",
        ),
        ("immutable-artifact", "digest-mismatch"): lambda f: (
            f"SECURITY: the registry has {f.digest('registry_digest')}, CI built {f.digest('build_digest')}",
            "Do not deploy this tag. Find out who pushed it, then build under a new tag.",
        ),
        ("calendar", "preferred"): calendar.is_open,
        ("calendar", "allowed"): calendar.is_open,
        ("calendar", "rollback"): lambda _: ("no calendar holds a rollback", None),
        ("calendar", "discouraged"): calendar.discouraged,
        ("calendar", "prohibited"): calendar.prohibited,
        ("calendar", "frozen"): calendar.frozen,
        ("calendar", "feed-stale"): calendar.feed_stale,
        ("calendar", "never-opens"): calendar.never_opens,
        ("no-open-incident", "no-incident"): lambda _: ("no open incident", None),
        ("no-open-incident", "fix"): lambda f: (f"a fix for {f.text('incident')}", None),
        ("no-open-incident", "incident-open"): lambda f: (
            f"{f.text('incident')} is open in {f.text('environment')}",
            f"Only a fix may go: add fixes={f.text('environment')}. Or wait until the incident is resolved.",
        ),
        ("no-open-incident", "no-status"): lambda f: (
            f"the policy has no {f.text('environment')} any more",
            "Ask again for an environment that it has.",
        ),
        ("environments-green", "all-green"): lambda _: ("all environments green", None),
        ("environments-green", "fix"): lambda f: (
            f"a fix for {f.text('fixes')}, the first that is not green",
            None,
        ),
        ("environments-green", "not-green"): say.not_green,
        ("environments-green", "stale"): say.blind,
        ("environments-green", "never-read"): say.blind,
        ("environments-green", "unreadable"): say.blind,
        ("environments-green", "no-monitors"): lambda f: (
            f"nobody watches {f.first('environments', 'name')}, so its colour is unknown",
            "Whoever keeps the policy can give it a monitor, or take it out of this gate.",
        ),
        ("environments-green", "nothing-to-fix"): lambda f: (
            f"{f.text('fixes')} is GREEN, there is nothing to fix",
            "Ask again without fixes=.",
        ),
        ("environments-green", "fix-first"): lambda f: (
            f"{f.text('fix_first')} has to be fixed before {f.text('fixes')}",
            f"Fix {f.text('fix_first')} first: the order is the policy's.",
        ),
        ("environments-green", "fix-elsewhere"): lambda f: (
            f"a fix for {f.text('fixes')} has to go to {f.text('fixes')}",
            f"Ask for {f.text('fixes')} as the environment.",
        ),
        ("rollback-target", "target-ready"): lambda f: (f"rollback to {f.text('target')} ready", None),
        ("rollback-target", "no-previous-version"): say.no_previous_version,
        ("rollback-target", "already-running"): lambda f: (
            f"{f.text('environment')} runs this version already",
            "Nothing has to be done; ask for another version if you meant one.",
        ),
        ("rollback-target", "no-rollback-command"): lambda f: (
            f"nobody knows the command that brings {f.text('target')} back",
            "Give the service a deployer with a rollback command in the policy.",
        ),
        ("rollback-target", "target-not-in-registry"): lambda f: (
            f"the registry no longer has {f.text('target')}, the version to go back to",
            "Push that version again: without it there is no way back.",
        ),
        ("rollback-target", "target-moved"): lambda f: (
            f"the tag {f.text('target')} is no longer what runs in {f.text('environment')}",
            "Push the version that ran under its own tag again: without it there is no way back.",
        ),
        ("rollback-target", "registry-not-asked"): lambda f: (
            f"the registry was not asked for {f.text('target')}, the version to go back to",
            "Ask again; if it stays, whoever runs the bot finds more in its log.",
        ),
        ("previous-version", "target-ready"): lambda f: (
            f"{f.text('target')} ran here before, and the registry has exactly it",
            None,
        ),
        ("previous-version", "never-ran"): lambda f: (
            f"{f.text('target')} never ran in {f.text('environment')}",
            "Go back to a version that did: /deploy rollback names them.",
        ),
        ("previous-version", "newer-runs"): lambda f: (
            f"{f.text('runs')} runs there by now, not {f.text('from')}, which this takes back",
            "Look at what runs now; to go back from that, cancel this one and ask for a rollback anew.",
        ),
        ("previous-version", "target-not-in-registry"): lambda f: (
            f"the registry no longer has {f.text('target')}, the version to go back to",
            "Push that version again, or go back to an earlier one: /deploy rollback … to=TAG",
        ),
        ("previous-version", "target-moved"): lambda f: (
            f"the tag {f.text('target')} is no longer what ran in {f.text('environment')}",
            "Push the version that ran under its own tag again, or go back to an earlier one.",
        ),
        ("checklist", "ticked"): checklists.ticked,
        ("checklist", "open"): checklists.opened,
        ("checklist", "no-checklist"): checklists.missing,
        ("ticket", "ticket"): lambda f: (f"ticket {f.text('ticket')}", None),
        ("ticket", "emergency"): lambda f: (f"{f.text('incident')} stands in for the ticket", None),
        ("ticket", "no-ticket"): lambda f: (
            "no ticket is named",
            f"Add ticket=…, of the form {f.text('pattern')}.",
        ),
        ("ticket", "ticket-malformed"): lambda f: (
            f"“{f.text('ticket')}” is no ticket",
            f"Name one of the form {f.text('pattern')}.",
        ),
    }
)
"""The words of each code of each gate."""
