"""The longer sentences about gates, and the reading of an outcome's facts that all of them share."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.outcome import GateOutcome, Status
from handlers.wording.colours import cause
from handlers.wording.facts import UNSAID, Facts, listed
from handlers.wording.times import When, ago, ahead, old

Words = tuple[str, str | None]
"""What was found, and what unblocks it."""


@dataclass(frozen=True, slots=True)
class Found:
    """An outcome, read for people at an instant."""

    outcome: GateOutcome
    now: datetime
    when: When

    @property
    def facts(self) -> Facts:
        return Facts(self.outcome.facts)

    def text(self, key: str) -> str:
        return self.facts.text(key)

    def listed(self, key: str) -> str:
        return listed(self.facts.texts(key)) or UNSAID

    def span(self, key: str) -> str:
        return self.facts.seconds(key)

    def digest(self, key: str) -> str:
        return self.facts.digest(key)

    def age(self, key: str) -> str:
        at = self.facts.instant(key)
        return "at an unknown time" if at is None else ago(at, self.now)

    def old(self, key: str) -> str:
        at = self.facts.instant(key)
        return "of unknown age" if at is None else old(at, self.now)

    def first(self, key: str, of: str) -> str:
        found = self.facts.maps(key)
        return found[0].text(of) if found else UNSAID

    def rules(self, effect: str) -> "list[Facts]":
        """The calendar's rules in force that have this effect."""
        return [rule for rule in self.facts.maps("rules") if rule.text("effect") == effect]


_STATEMENTS = {
    "staging-verified": "the verification",
    "soak": "the deployment",
    "vulnerabilities": "the scan",
    "immutable-artifact": "the build",
}
"""What a gate reads, as a person would call it."""


def _statement(f: Found) -> str:
    return _STATEMENTS.get(f.outcome.gate, f"the evidence for {f.outcome.gate}")


def from_the_future(f: Found) -> Words:
    source = f.outcome.cites[-1].source if f.outcome.cites else "its source"
    return (
        f"{_statement(f)} states a time that has not come yet (by {source})",
        f"Mend the clock of {source}; the gate asks again by itself.",
    )


def no_registry_digest(f: Found) -> Words:
    if f.outcome.retry:
        return (
            f"{_statement(f)} cannot be compared: the registry did not answer",
            "The registry is asked again by itself.",
        )
    return (
        f"{_statement(f)} cannot be compared: the registry has no digest for this tag",
        "Push the image, or name the tag that was pushed.",
    )


def registry_unreachable(f: Found) -> Words:
    problem = f.facts.text("problem", "")
    return (
        "the registry did not answer" + (f" ({problem})" if problem else ""),
        "It is asked again by itself; if it stays away, whoever runs the registry has to look.",
    )


def registry_not_configured(_: Found) -> Words:
    return (
        "the policy does not say in which registry this service's image is",
        "Whoever keeps the policy can add image to the service.",
    )


def gate_failed(f: Found) -> Words:
    return (
        f"the gate {f.outcome.gate} itself broke ({f.text('exception')}), so it stays closed",
        "Whoever runs the bot finds it in the log; this is a bug worth reporting.",
    )


def soaking(f: Found) -> Words:
    until = f.outcome.until
    if until is None:
        return f"soaking in {f.text('environment')}", None
    return (
        (
            f"soaked {f.span('ran_seconds')} of {f.span('required_seconds')} in {f.text('environment')}, "
            f"done {f.when(until)} ({ahead(until, f.now)})"
        ),
        "It passes by itself then, unless something else is deployed there.",
    )


def clean(f: Found) -> Words:
    counts = f.facts.counts("counts")
    found = ", ".join(f"{n} {severity}" for severity, n in counts.items()) or "nothing forbidden"
    return f"{found} (scan {f.old('scanned_at')})", None


def vulnerable(f: Found) -> Words:
    counts = {s: n for s, n in f.facts.counts("counts").items() if n}
    total = sum(counts.values())
    named = f.facts.maps("findings")
    found = listed([f"{n} {s}" for s, n in counts.items()])
    names = listed([_finding(finding) for finding in named[:2]])
    more = f" and {total - len(named[:2])} more" if named and total > len(named[:2]) else ""
    text = f"{found} {'vulnerability' if total == 1 else 'vulnerabilities'}"
    text += f": {names}{more}" if names else ""
    fixed = [f"{n.text('package')} {n.text('fixed_in')}" for n in named[:2] if n.text("fixed_in", "") != ""]
    cure = (
        f"Fixed in {listed(fixed)}: rebuild, then ask again."
        if fixed
        else "Mend or replace it, then ask again."
    )
    return f"{text} (scan {f.old('scanned_at')})", cure


def _finding(finding: Facts) -> str:
    package, version = finding.text("package", ""), finding.text("version", "")
    where = f" in {package} {version}".rstrip() if package else ""
    return f"{finding.text('id')}{where}"


def not_green(f: Found) -> Words:
    ailing = f.facts.maps("environments")
    told = listed([_ailing(f, one) for one in ailing[:2]])
    more = f" and {len(ailing) - 2} more" if len(ailing) > 2 else ""  # noqa: PLR2004 -- as many as are told
    first = f.text("fix_first")
    return (
        f"{told}{more}" if ailing else "not every environment is green",
        f"Only a fix may go, {first} first: add fixes={first}. Or wait until all are GREEN.",
    )


def _ailing(f: Found, one: Facts) -> str:
    at = one.instant("since")
    since = f" since {f.when(at)}" if at else ""
    causes = [f"{c.text('monitor')} {cause(c.text('code'))}" for c in one.maps("causes")[:2]]
    return f"{one.text('name')} is {one.text('colour')}{since}" + (
        f" ({'; '.join(causes)})" if causes else ""
    )


def blind(f: Found) -> Words:
    ailing = f.facts.maps("environments")
    first = ailing[0] if ailing else Facts({})
    causes = [f"{c.text('monitor')} {cause(c.text('code'))}" for c in first.maps("causes")[:2]]
    more = f", and {len(ailing) - 1} more are unknown" if len(ailing) > 1 else ""
    return (
        f"nobody knows the colour of {first.text('name')}"
        + (f" ({'; '.join(causes)})" if causes else "")
        + more,
        "Unknown is not green. It passes by itself once the monitor reports GREEN; whoever owns it has to look.",
    )


def no_previous_version(f: Found) -> Words:
    text = f"nobody knows a version to go back to in {f.text('environment')}"
    if f.outcome.status is Status.WARNED:
        return text, "It passes with a reason, which is kept, as a first deployment has to."
    return (
        text,
        "Report what runs there as deployment evidence, or let the policy warn for the first deployment.",
    )
