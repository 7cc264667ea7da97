"""The rule between the steps of a rollout and after it: figures against bounds, and what nobody can conclude (F5, P15)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """PASS: within every bound. WARN: beyond one that warns. UNKNOWN: nothing can be concluded, which is no pass.
    FAIL: beyond one that fails; that is certain, so it outranks what is not known."""

    PASS = "pass"  # noqa: S105 -- a verdict
    WARN = "warn"
    UNKNOWN = "unknown"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """Worse is larger."""
        return list(Verdict).index(self)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Worst-of; nothing to look at is UNKNOWN: missing data holds."""
    return max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave: a number for each series, or the code of why there is none."""

    values: tuple[float, ...] = ()
    problem: str | None = None

    def __post_init__(self) -> None:
        if self.values and self.problem is not None:
            raise ValueError("an answer has numbers, or the reason why it has none")

    @property
    def wrong(self) -> str | None:
        """Why it is not one finite number; None where it is. Several series are no number: nobody said which counts."""
        if self.problem is not None:
            return self.problem
        if not self.values:
            return "no-data"
        if len(self.values) > 1:
            return "several-series"
        # NaN is 0/0, Inf is n/0: both tell of a divisor of nothing, and neither of how the version does.
        return None if math.isfinite(self.values[0]) else "not-a-number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is compared under one name. A bound is broken by what lies above it, and not by what equals it."""

    name: str
    warn_above: float | None = None
    fail_above: float | None = None
    warn_above_baseline: float | None = None
    fail_above_baseline: float | None = None
    minimum_sample: int = 0

    @property
    def relative(self) -> bool:
        """Whether it takes a baseline."""
        return self.warn_above_baseline is not None or self.fail_above_baseline is not None

    @property
    def absolute(self) -> bool:
        """Whether a bound of it needs no baseline."""
        return self.warn_above is not None or self.fail_above is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured: now, before the deployment, and how much of it there was; None where that was not asked."""

    value: Answer
    baseline: Answer | None = None
    sample: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check came to. Numbers are texts as people read them, so that a record is the same on every machine.

    `code` says which bound is broken (`above`, `above-baseline`), that none is (`within`), or why nobody can tell.
    """

    name: str
    verdict: Verdict
    code: str
    value: str | None = None
    baseline: str | None = None
    sample: str | None = None
    limit: str | None = None  # the bound, or the multiple of the baseline
    about: str | None = None  # what else it is about: an incident, a monitor


def judged(bounds: Bounds, figures: Figures) -> Finding:
    """Hold the figures against the bounds (F5). Never raises; whatever is no plain number is UNKNOWN.

    Too small a sample concludes nothing, whatever the value. Beyond an absolute bound that fails it FAILS, whatever the
    baseline. A baseline of 0 has no multiples: then the absolute bounds alone judge, where there are any.
    """
    found = _Found(bounds.name, figures)
    if figures.value.wrong is not None:
        return found.said(Verdict.UNKNOWN, figures.value.wrong)
    short = _short_of_sample(bounds, figures.sample)
    if short is not None:
        return found.said(Verdict.UNKNOWN, short, str(bounds.minimum_sample))
    value = figures.value.values[0]
    absolute = _against(found, value, bounds.warn_above, bounds.fail_above, "above", 1.0)
    if not bounds.relative:
        return absolute
    relative = _relative(found, bounds, value, figures.baseline)
    return max((absolute, relative), key=lambda each: each.verdict.rank)


def _short_of_sample(bounds: Bounds, sample: Answer | None) -> str | None:
    if not bounds.minimum_sample:
        return None
    if sample is None or sample.wrong is not None:
        return "sample-missing"
    return "too-few" if sample.values[0] < bounds.minimum_sample else None


def _relative(found: "_Found", bounds: Bounds, value: float, baseline: Answer | None) -> Finding:
    if baseline is None or baseline.wrong is not None:
        return found.said(Verdict.UNKNOWN, "baseline-missing")
    before = baseline.values[0]
    if before <= 0 < value:
        # Any multiple of nothing is nothing: the first error would fail every version.
        return found.said(
            Verdict.PASS if bounds.absolute else Verdict.UNKNOWN,
            "within" if bounds.absolute else "baseline-zero",
        )
    return _against(
        found,
        value,
        bounds.warn_above_baseline,
        bounds.fail_above_baseline,
        "above-baseline",
        max(before, 0.0),
    )


def _against(
    found: "_Found", value: float, warn: float | None, fail: float | None, code: str, unit: float
) -> Finding:
    for verdict, bound in ((Verdict.FAIL, fail), (Verdict.WARN, warn)):
        if bound is not None and value > bound * unit:
            return found.said(verdict, code, number(bound))
    return found.said(Verdict.PASS, "within")


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    figures: Figures

    def said(self, verdict: Verdict, code: str, limit: str | None = None) -> Finding:
        return Finding(
            name=self.name,
            verdict=verdict,
            code=code,
            value=_text(self.figures.value),
            baseline=_text(self.figures.baseline),
            sample=_text(self.figures.sample),
            limit=limit,
        )


def _text(answer: Answer | None) -> str | None:
    return None if answer is None or answer.wrong is not None else number(answer.values[0])


def number(value: float) -> str:
    """A number in four digits that count: `0.06`, `1234`, `1.2e+07`."""
    return format(value, ".4g")
