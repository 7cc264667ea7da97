"""Asks for the figures of a policy's analyses and holds them against their bounds (F5, P15, P19)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bot.domain.analysis import Answer, Figures, Finding, judged
from bot.policy import Policy
from bot.policy.environments import Analysis
from bot.ports import Metrics


async def measured(
    metrics: Metrics | None, analyses: Sequence[Analysis], began: datetime | None
) -> tuple[Finding, ...]:
    """One finding for each analysis, all asked at the same time. `began` is the instant before which the baseline was
    measured; without it there is none. Without `metrics` nothing is known, which is a finding too."""
    return tuple(await asyncio.gather(*(_measured(metrics, each, began) for each in analyses)))


def analyses_of(policy: Policy, environment: str, names: Sequence[str] | None = None) -> tuple[Analysis, ...]:
    """The analyses of an environment, or those of them that are named."""
    section = policy.environments.get(environment)
    known = () if section is None else section.rollout.analysis
    return tuple(each for each in known if names is None or each.name in names)


async def _measured(metrics: Metrics | None, analysis: Analysis, began: datetime | None) -> Finding:
    bounds = analysis.bounds
    before = analysis.query if bounds.relative and began is not None else None
    value, baseline, sample = await asyncio.gather(
        _asked(metrics, analysis.query),
        _asked(metrics, before, began),
        _asked(metrics, analysis.sample_query),
    )
    return judged(bounds, Figures(value=value or Answer(), baseline=baseline, sample=sample))


async def _asked(metrics: Metrics | None, query: str | None, at: datetime | None = None) -> Answer | None:
    if query is None:
        return None
    return Answer(problem="no-prometheus") if metrics is None else await metrics.ask(query, at)
