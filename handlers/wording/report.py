"""The incident report of a deployment in words: short lines for its thread, and one Markdown document (D5)."""

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.change_request import ChangeRequest, RequestState
from bot.domain.deployment import RunState
from bot.domain.outcome import GateOutcome, Status
from bot.domain.ran import Ran
from bot.flows.report import Output, Report
from bot.logs import without_secrets
from handlers.wording.deployer import deployer_said
from handlers.wording.facts import listed, plural, short_digest
from handlers.wording.markdown import fenced, md
from handlers.wording.postmortem import Names
from handlers.wording.postmortem_markdown import seconds
from handlers.wording.times import When, in_zone, span
from handlers.wording.watched import why_not

MOST_GATES: Final = 20
LONGEST_LINE: Final = 2000
GONE: Final = "[hidden]"
_NAMED: Final = re.compile(
    r"""(?ix) ([\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|authorization)[\w.-]{0,40}["']?
    \s*[:=]\s*) (?:(?:bearer|basic|token)\s+)? ("[^"]*" | '[^']*' | \S+)"""
)
"""What a program prints of its own settings: `PASSWORD=…`, `"token": "…"`, `Authorization: Bearer …`."""
_LAST_KNOWN: Final = "Known to run there last"
_LEFT: Final = "what the run that ended badly left there, nobody has told"
_SURE: Final = frozenset({"verified", "looked-up-succeeded"})
_SIGNS: Final = {
    Status.PASSED: "✓",
    Status.WARNED: "⚠",
    Status.WAITING: "◷",
    Status.UNKNOWN: "?",
    Status.BLOCKED: "✗",
}


def headline(report: Report) -> str:
    """How it ended, in a few words."""
    if report.taken_back:
        return "went live and was taken back"
    words = {
        RequestState.FAILED: "failed",
        RequestState.UNRESOLVED: "ended without anybody knowing how",
        RequestState.LIVE: "went live",
    }
    return words.get(report.request.state, report.request.state.value)


def who(report: Report, names: Names) -> str:
    """Who asked for it, who approved it, and who built it, as far as they are known."""
    request = report.request
    asked = f"Asked by {names(request.requester.person or 'somebody')}"
    signed = listed([names(approval.person) for approval in report.approvals])
    commit = None if report.build is None else report.build.details.get("commit")
    built = f" · built from {short_commit(commit)}" if isinstance(commit, str) else ""
    return f"{asked} · approved by {signed or 'nobody: none was asked for'}{built}"


def short_commit(commit: str) -> str:
    """The first characters of a commit, as people compare it."""
    return commit[:12]


def course(report: Report, when: When) -> list[str]:
    """When it was asked for, started and ended; each call that was made, with what the deployer said."""
    request = report.request
    lines = [f"Asked for {when(request.requested_at)}"]
    for output in report.outputs:
        run = output.run
        end = f", ended {when(run.finished_at)}" if run.finished_at is not None else ", has not ended"
        share = f" at {run.reached} % of the traffic" if run.plan.stepped else ""
        lines.append(
            f"Run {run.id} began {when(run.intended_at)}{end}: "
            f"{deployer_said(run.code or run.state.value)}{share}"
        )
    return lines


def kept(output: Output, *, whole: bool = False) -> str:
    """What is kept of a run's output, without any of it; `whole`: its digest to the last digit."""
    if output.run.output_digest is None:
        return f"Run {output.run.id} printed nothing that is kept"
    lines = plural(output.count, "line")
    digest = output.run.output_digest if whole else f"sha256 {short_digest(output.run.output_digest)}"
    return f"Its output is kept: {lines}, {digest}"


def gates(request: ChangeRequest) -> list[str]:
    """What every gate said when it was judged last, before it started."""
    outcomes = () if request.readiness is None else request.readiness.outcomes
    return [_gate(outcome) for outcome in outcomes[:MOST_GATES]]


def _gate(outcome: GateOutcome) -> str:
    passed = " (bypassed by break-glass)" if outcome.bypassed else ""
    return f"{_SIGNS[outcome.status]} {outcome.gate}: {outcome.status.value} ({outcome.code}){passed}"


def gates_said(request: ChangeRequest) -> str:
    """The same in one line: only what did not simply pass is named."""
    outcomes = () if request.readiness is None else request.readiness.outcomes
    other = [o for o in outcomes if o.status is not Status.PASSED]
    said = f"{len(outcomes) - len(other)} of {plural(len(outcomes), 'gate')} passed"
    return f"{said}; {'; '.join(_gate(o) for o in other)}" if other else said


def taken_back(report: Report, when: When) -> list[str]:
    """What was rolled back, and how surely."""
    why = next((t.why_not for o in report.outputs if (t := o.run.taken_back) is not None), None)
    nothing = "Nothing was rolled back so far" + (f": {why_not(why)}" if why is not None else "")
    return [_rollback(each, when) for each in report.rollbacks] or [nothing]


def _rollback(request: ChangeRequest, when: When) -> str:
    closing = request.closing
    what = f"{request.id} back to {request.artifact.tag}"
    match request.state:
        case RequestState.LIVE if closing is not None:
            sure = "verified by the deployer's own status" if closing.code in _SURE else "not verified"
            return f"{what}: done {when(closing.at)}, {sure}"
        case RequestState.FAILED:
            return f"✗ {what}: failed"
        case RequestState.UNRESOLVED:
            return f"⚠ {what}: nobody knows whether it worked"
        case _:
            return f"{what}: {request.state.value}"


def _in_doubt(report: Report, ran: Ran) -> bool:
    """Whether a run of this deployment ended badly since: it may have moved everything before it did. What was brought
    back since leaves no doubt."""
    if any(each.state is RequestState.LIVE for each in report.rollbacks):
        return False
    bad = (RunState.FAILED, RunState.LOST)
    return any(each.run.state in bad and each.run.intended_at > ran.at for each in report.outputs)


def verification(report: Report, when: When) -> list[str]:
    """What runs there now by all that is known, what was said of it since, and what the monitors see."""
    ran, verified, colour = report.runs_now, report.verified, report.colour
    lines = []
    if ran is None:
        lines.append("Nobody knows what runs there now")
    else:
        by = f" ({ran.request})" if ran.request else ""
        what = f"{ran.artifact.tag}{by} since {when(ran.at)}"
        lines.append(
            f"{_LAST_KNOWN}: {what}; {_LEFT}" if _in_doubt(report, ran) else f"Runs there now: {what}"
        )
        if verified is None:
            lines.append("Nobody has verified it there since")
        else:
            word = "passed" if verified.passed else "FAILED"
            lines.append(f"Verification by {verified.source} {when(verified.at)}: {word}")
    if colour is None:
        lines.append("No monitor has said anything of the environment yet")
    else:
        causes = f" ({listed(list(colour.causes))})" if colour.causes else ""
        lines.append(f"The monitors say {colour.colour.value}{causes} since {when(colour.since)}")
    return lines


def incidents(report: Report, now: datetime) -> list[str]:
    """The incidents of which it is, or was, the suspect."""
    return [
        f"{i.id} ({i.severity}), {i.state.value}, {span((i.resolved_at or now) - i.opened_at)} long"
        for i in report.incidents
    ]


def document(report: Report, names: Names, zone: ZoneInfo) -> str:
    """The whole document, with a line feed at its end. Of what was printed, what looks like a secret is put out."""
    request, when = report.request, seconds(zone)
    what = f"{md(request.service)} {md(request.artifact.tag)} to {md(request.environment)}"
    digest = request.artifact.digest
    lines = [f"# {request.id}: {what} {headline(report)}", "", f"- {md(who(report, names))}"]
    lines += [f"- {md(line)}" for line in course(report, when)]
    lines += [f"- Image {digest}"] if digest else []
    lines += [f"- Reason: {md(request.reason)}"] if request.reason else []
    lines += [f"- Ticket: {md(request.ticket)}"] if request.ticket else []
    lines += _section("Gates", gates(request), "They were never judged.")
    lines += _section("Rolled back", taken_back(report, when))
    lines += _section("Verification", verification(report, when))
    lines += _section("Incidents", incidents(report, report.now), "None names it.")
    for output in report.outputs:
        lines += ["", f"## What {output.run.id} printed", "", f"{md(kept(output, whole=True))}.", ""]
        if output.lines:
            lines += fenced(shown(output.lines))
        if output.count > len(output.lines):
            lines += ["", f"Above: the last {len(output.lines)} of {output.count} lines."]
    lines += ["", f"Written {in_zone(zone)(report.now)}.", ""]
    return "\n".join(lines)


def shown(lines: tuple[str, ...]) -> list[str]:
    """What was printed, without what looks like a secret or is called one; long lines are cut."""
    text = without_secrets("\n".join(_cut(line) for line in lines))
    return [_NAMED.sub(rf"\1{GONE}", line) for line in text.splitlines()]


def _cut(line: str) -> str:
    rest = len(line) - LONGEST_LINE
    return f"{line[:LONGEST_LINE]} [… {rest} characters more]" if rest > 0 else line


def _section(title: str, said: list[str], nothing: str = "") -> list[str]:
    return ["", f"## {title}", "", *([f"- {md(line)}" for line in said] or [nothing])]
