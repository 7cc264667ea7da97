"""What is watched in words: figures against bounds, phases, and why something is taken back by itself, or is not."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from bot.domain.analysis import Finding, Verdict
from bot.domain.change_request import ChangeRequest
from bot.domain.deployment import Run
from bot.domain.verification import TakenBack, Verification, WatchState
from bot.flows.run_end import OLD_RUNS
from handlers.wording.deployer import deployer_said
from handlers.wording.facts import Facts, listed
from handlers.wording.groups import by_group
from handlers.wording.times import When

Names = Callable[[str], str]
Line = Callable[[Facts, Names, When], str]
BACK: Final = "↩"
"""The sign of what is taken back."""
MOST: Final = 3
"""So many findings are named in one line."""
SIGNS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {Verdict.PASS: "✓", Verdict.WARN: "⚠", Verdict.UNKNOWN: "?", Verdict.FAIL: "✗"}
)
_WAITS: Final = (
    "It is asked again every minute and goes on by itself once everything passes; or somebody who may approve it looks, "
    "then: /deploy resume {}"
)
_WHY_UNKNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no-prometheus": "no Prometheus is set (PORTCULLIS_PROMETHEUS_URL)",
        "prometheus-unreachable": "Prometheus does not answer",
        "no-data": "Prometheus has no data for it",
        "not-a-number": "its value is no finite number, as after a division by nothing",
        "several-series": "its query gives several numbers where one is wanted",
        "bad-query": "Prometheus refuses its query",
        "too-large": "the answer of Prometheus is too large",
        "malformed-response": "the answer of Prometheus cannot be read",
        "sample-missing": "nobody knows how many requests it is made of",
        "baseline-missing": "there is no figure from before the deployment to compare it with",
        "baseline-zero": "it was 0 before the deployment, and nothing has multiples of 0",
        "blind": "nobody knows its colour",
        "restarting": "it is RED, which is expected while it restarts",
        "no-such-check": "the policy has no such check any more",
        "nobody-knows": "the deployer's status does not say what runs",
    }
)
_OTHER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "green": "GREEN",
        "yellow": "YELLOW",
        "red": "RED",
        "red-before": "RED, as it was before the deployment",
        "red-later": "RED, long after the deployment, and nothing ties the two together",
        "several-suspects": "RED, and something else changed there as well, so nobody knows which it was",
        "cleared": "RED, and somebody said that it was not this deployment",
        "runs": "the deployer says that it runs",
        "not-running": "the deployer says that another version runs",
    }
)
_WHY_NOT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "switched-off": "the policy has switched that off here (automatic_rollback: false)",
        "no-verified-target": "its approval named no version to go back to that was verified (gate rollback-target)",
        "another-target": "the version before it is not the one that its approval named",
        "newer-runs": "something newer runs or rolls out there",
        "taken-back-already": "that was done once already",
        "nothing-runs": "nobody knows what ran there before",
        "no-way-back": "no earlier version is known there",
        "no-longer-in-policy": "the policy does not name the place any more",
        "said-to-run": "what was stated there last says that this very version runs, and nobody knows which it is",
        "not-called": "the call was never made, so it changed nothing",
        "not-heard": (
            "the bot was away when the call ended, so it may be under way still, and people may have acted meanwhile"
        ),
        "broke-off": "the call broke off inside the bot, so nobody knows whether anything was called",
        OLD_RUNS: (
            "there is nothing to take back, for the deployer's own status says that the version from before runs and "
            "this one does not"
        ),
    }
)

_GATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "target-not-in-registry": "the registry does not have that version any more",
        "not-in-registry": "the registry does not have that version any more",
        "target-moved": "its tag stands for another image by now",
        "registry-unreachable": "the registry does not answer",
        "registry-not-configured": "the policy names no image for the service",
        "never-ran": "that version never ran there",
        "newer-runs": "something newer runs there",
        "another-run": "another rollout is under way there",
    }
)


def finding(facts: Facts) -> str:
    """One finding: what it is, and against what."""
    name, code, value = facts.text("name"), facts.text("code"), facts.text("value", "")
    about = facts.text("about", "")
    match code:
        case "within":
            return f"{name} {value}"
        case "above":
            return f"{name} is {value}, above {facts.text('limit')}"
        case "above-baseline":
            return (
                f"{name} is {value}, more than {facts.text('limit')} × the {facts.text('baseline')} of before the "
                "deployment"
            )
        case "too-few":
            return f"{name} is made of {facts.text('sample')} requests, and it takes {facts.text('limit')}"
        case "crash-loop":
            return "it failed, recovered and failed again (a crash loop)"
        case "call-failed":
            return deployer_said(about)
        case "incident":
            return f"{about} opened, and nothing else changed there before"
    if code in _OTHER:
        where = f" ({about})" if about else ""
        return f"{name}: {_OTHER[code]}{where}"
    return f"{name}: {_WHY_UNKNOWN.get(code, f'unknown ({code})')}"


def findings(facts: Facts, *, passing: bool = False) -> str:
    """What does not pass; with `passing`, what does."""
    wanted = [
        each for each in facts.maps("findings") if (each.text("verdict") == Verdict.PASS.value) is passing
    ]
    return "; ".join(_few([finding(each) for each in wanted])) or "nothing was there to look at"


def _few(words: list[str]) -> list[str]:
    return words if len(words) <= MOST else [*words[:MOST], f"and {len(words) - MOST} more"]


def why_not(code: str) -> str:
    """Why nothing is taken back by itself."""
    return _WHY_NOT.get(code, f"there is no way back ({code})")


def said(found: Iterable[Finding]) -> str:
    """Findings of a record, as the lines above."""
    return "; ".join(_few([finding(Facts(_plain(each))) for each in found])) or "nothing was there to look at"


def _plain(found: Finding) -> dict[str, JsonValue]:
    return {
        "name": found.name, "code": found.code, "value": found.value, "baseline": found.baseline,
        "sample": found.sample, "limit": found.limit, "about": found.about,
    }  # fmt: skip


# The request's message


def doubt(request: ChangeRequest, run: Run) -> str | None:
    """What was measured at the step that it is held at, and how it goes on; None where that does not hold it."""
    look = run.doubted
    if look is None:
        return None
    wrong = said(look.wrong)
    if look.verdict is Verdict.FAIL:
        why = (
            ""
            if run.taken_back is None
            else f" Nothing is taken back by itself: {_because(run.taken_back.why_not)}."
        )
        return f"FAILED its analysis: {wrong}.{why} Go back, or say that it may go on: /deploy resume {request.id}"
    word = "Its figures warn" if look.verdict is Verdict.WARN else "Its figures are not known"
    return f"{word}: {wrong}. {_WAITS.format(request.id)}"


def taken_back_line(taken: TakenBack) -> str:
    """What followed by itself; why it failed comes first, but where the line above says that the deployer failed."""
    if taken.rollback is not None:
        back = f"{taken.rollback} takes it back"
    else:
        back = f"not taken back by itself: {_because(taken.why_not)}"
    if [found.code for found in taken.findings] == ["call-failed"]:
        return f"{BACK if taken.rollback else '–'} {_upper(back)}"
    return f"✗ {said(taken.findings)}: {back}"


def _because(code: str | None) -> str:
    return why_not(code) if code is not None else "it is under way"


def live(run: Run, when: When) -> list[str]:
    """How the verification of what is live stands; nothing where nothing is watched."""
    verification = run.verification
    lines = []
    if verification is not None:
        lines.append(_stands(verification, when))
    taken = run.taken_back
    if taken is not None and run.state.is_over:
        lines.append(taken_back_line(taken))
    return lines


def _stands(verification: Verification, when: When) -> str:
    phase, ended = (
        verification.phase,
        [f"{SIGNS[e.verdict]} {e.name} {when(e.at)}" for e in verification.ended],
    )
    done = f" · {' · '.join(ended)}" if ended else ""
    if phase is not None:
        number, look = len(verification.ended) + 1, verification.look
        doubts = (
            ""
            if look is None or look.verdict is Verdict.PASS
            else f" · {SIGNS[look.verdict]} {said(look.wrong)}"
        )
        return (
            f"Watched: phase {number} of {len(verification.phases)}, {phase.name}, until {when(phase.ends_at)}"
            f"{done}{doubts}"
        )
    word = {
        WatchState.PASSED: "✓ Verified",
        WatchState.UNSURE: "⚠ Watched to the end, and not every phase passed",
        WatchState.FAILED: "✗ FAILED its verification",
    }.get(verification.state, "– Not watched any more: another version runs there")
    return f"{word}{done}"


# The thread's lines


def _passed(facts: Facts, _names: Names, _when: When) -> str:
    return f"The step at {facts.number('percent')} % passed: {findings(facts, passing=True)}."


def _warned(facts: Facts, _names: Names, _when: When) -> str:
    return f"Held at {facts.number('percent')} %: {findings(facts)}. {_GOES_ON}"


def _unknown(facts: Facts, _names: Names, _when: When) -> str:
    return f"Held at {facts.number('percent')} %, for missing data holds: {findings(facts)}. {_GOES_ON}"


_GOES_ON: Final = (
    "It is asked again every minute and goes on by itself once everything passes, or when somebody who may approve it "
    "resumes it."
)


def _failed(facts: Facts, where: str) -> str:
    code = facts.text("why_not", "")
    then = (
        f"Nothing is taken back by itself: {why_not(code)}." if code else "It is taken back now, by itself."
    )
    return f"FAILED {where}: {findings(facts)}. {then}"


def _phase_over(facts: Facts, when: When, how: str) -> str:
    until = facts.instant("until")
    then = f" {facts.text('next')} goes on until {when(until)}." if until is not None else ""
    return f"The phase {facts.text('phase')} {how}.{then}{by_group(facts)}"


NOTES: Final[Mapping[str, Line]] = MappingProxyType(
    {
        "analysis-passed": _passed,
        "analysis-warned": _warned,
        "no-analysis": _unknown,
        "analysis-failed": lambda f, *_: _failed(f, f"its analysis at {f.number('percent')} %"),
        "verification-failed": lambda f, *_: _failed(f, f"its verification, in the phase {f.text('phase')}"),
        "phase-doubted": lambda f, *_: (
            f"Not well, and no failure, in the phase {f.text('phase')}: {findings(f)}. It is looked at every minute."
        ),
        "phase-passed": lambda f, _, w: _phase_over(f, w, "passed"),
        "phase-unsure": lambda f, _, w: _phase_over(f, w, f"is over and did NOT pass: {findings(f)}"),
        "verification-passed": lambda *_: "Verified: every phase passed.",
        "verification-unsure": lambda *_: (
            "The verification is over, and not every phase passed. Somebody has to look at what stands above."
        ),
        "verification-over": lambda *_: (
            "Another version runs there by now, so this one is not watched any more."
        ),
        "rollback-well": lambda *_: "What came back runs and is well.",
        "rollback-unwell": lambda f, *_: (
            f"What came back is NOT well: {findings(f)}. Whoever is on call was told."
        ),
    }
)
"""What is watched, by the code of its note in the thread of a request."""

INCIDENT_NOTES: Final[Mapping[str, Line]] = MappingProxyType(
    {
        "automatic-rollback": lambda f, *_: (
            f"{f.text('request')} {_failure(f)} ({findings(f)}): {f.text('by')} takes it back to {f.text('to')} by itself, "
            "as its approval contained."
        ),
        "no-automatic-rollback": lambda f, *_: (
            f"{f.text('request')} {_failure(f)} ({findings(f)}), and nothing is taken back by itself: "
            f"{why_not(f.text('why_not'))}. {_decide(f)}"
        ),
        "automatic-waits": lambda f, *_: (
            f"{f.text('request')}, which brings {f.text('to')} back, has not started yet{_gates(f)}."
        ),
        "automatic-refused": lambda f, *_: (
            f"{f.text('request')} was to bring {f.text('to')} back and did not start{_gates(f)}. Roll back by hand."
        ),
    }
)
"""The same in the thread of an incident."""

CALLED: Final = frozenset(
    {"no-automatic-rollback", "automatic-waits", "automatic-refused", "rollback-unwell"}
)
"""What whoever is on call is called for."""


def _gates(facts: Facts) -> str:
    said = listed([*dict.fromkeys(_GATES.get(code, code) for code in facts.texts("gates"))])
    return f": {said}" if said else ""


def _failure(facts: Facts) -> str:
    """`failed what is watched`; where the deployer itself said so, only that it failed."""
    by_itself = [each.text("code") for each in facts.maps("findings")] == ["call-failed"]
    return "failed" if by_itself else "failed what is watched"


def _decide(facts: Facts) -> str:
    if facts.text("why_not") == OLD_RUNS:
        return "Look why it failed, before it is asked for again."
    return "Decide: roll back, or leave it."


def after_failure(facts: Facts) -> str:
    """What follows where the deployer said that it failed, for the thread of the request."""
    if facts.said.get("goes_back") is True:
        return "It is taken back now, by itself."
    code = facts.text("why_not", "")
    then = f", and nothing is taken back by itself: {why_not(code)}" if code else " by itself"
    return f"Nothing was tried again{then}."


def stopped(facts: Facts) -> str:
    """That a run was ended by what was measured."""
    return f"Stopped at {facts.number('percent') or 0} % by what was measured there. Nothing of it goes on."


def telling(facts: Facts) -> tuple[str, str, str] | None:
    """A message outside the threads: its sign, its first line, and what is to be done. None for another code."""
    where = f"{facts.text('service')} in {facts.text('environment')}"
    moved = f"{where} to {facts.text('to')}"
    match facts.text("code"):
        case "no-automatic-rollback":
            return (
                "✗",
                f"{where}: {facts.text('artifact')} {_failure(facts)}, and is NOT taken back by itself",
                _by_hand(facts),
            )
        case "automatic-waits":
            return (
                "⚠",
                f"The automatic rollback of {moved} has not started",
                f"It is asked again by itself{_gates(facts)}. Look whether the registry answers, or go back by hand.",
            )
        case "automatic-refused":
            return (
                "✗",
                f"The automatic rollback of {moved} did NOT start",
                f"Its gates refused it{_gates(facts)}, and nothing is tried again by itself. Go back by hand now.",
            )
        case "rollback-unwell":
            return (
                "⚠",
                f"Rolled back {moved}, and it is NOT well",
                f"{_upper(findings(facts))}. The version that came back may not be the cause: look now.",
            )
    return None


def _by_hand(facts: Facts) -> str:
    why = f"{_upper(findings(facts))}. Not by itself, because {why_not(facts.text('why_not'))}."
    if facts.text("why_not") == OLD_RUNS:
        return f"{why} Say in the thread of {facts.text('incident')} why it failed."
    return f"{why} Roll it back from the message of {facts.text('incident')}, or say there why not."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
