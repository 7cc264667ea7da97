"""Asks Prometheus one instant query and holds its value against the policy's bounds; no answer is no opinion."""

import math
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from bot.adapters.prometheus import MOST_BODY_BYTES, NoAnswer, Prometheus
from bot.domain.environment import Colour, Reading
from bot.policy.monitors import PrometheusMonitor, PrometheusQuery
from bot.ports import Clock

__all__ = ["MOST_BODY_BYTES", "PrometheusReader"]


class PrometheusReader:
    """Takes readings from the Prometheus of the settings; where there is none, every reading is UNKNOWN."""

    def __init__(self, clock: Clock, url: str | None) -> None:
        """`url` ends with a slash; a private address is fine, for whoever set it may read what it leads to."""
        self._clock = clock
        self._prometheus = Prometheus(url)

    async def read(self, monitor: PrometheusMonitor) -> Reading:
        """One reading, the worst of all series that the query gives. UNKNOWN where there is no number to judge: no
        data, NaN, a query that Prometheus refuses, or no Prometheus. Never raises, and never takes longer than the
        monitor's timeout."""
        query, limit = monitor.prometheus, monitor.timeout.total_seconds()
        try:
            values = await self._prometheus.numbers(query.query, limit=limit)
        except NoAnswer as none:
            return self._reading(Colour.UNKNOWN, none.code, none.facts)
        return self._judged(query, values)

    async def close(self) -> None:
        """Lets go of the sockets."""
        await self._prometheus.close()

    def _judged(self, query: PrometheusQuery, values: list[float]) -> Reading:
        """The worst of the values; a NaN is worse than what is fine, and hides nothing that is certain."""
        judged = [(_colour(query, each), each) for each in values]
        colour, value = max(judged, key=lambda one: one[0].rank)
        facts: dict[str, JsonValue] = {"series": len(values)}
        if math.isnan(value):
            return self._reading(colour, "not-a-number", facts)
        facts["value"] = value if math.isfinite(value) else str(value)
        if colour is not Colour.GREEN:
            facts |= _broken(query, colour, value)
        return self._reading(colour, "ok" if colour is Colour.GREEN else "out-of-bounds", facts)

    def _reading(self, colour: Colour, code: str, facts: Mapping[str, JsonValue]) -> Reading:
        return Reading(colour=colour, code=code, at=self._clock.now(), facts=facts)


def _colour(query: PrometheusQuery, value: float) -> Colour:
    if math.isnan(value):
        return Colour.UNKNOWN
    for colour, above, below in _bounds(query):
        if (above is not None and value > above) or (below is not None and value < below):
            return colour
    return Colour.GREEN


def _broken(query: PrometheusQuery, colour: Colour, value: float) -> dict[str, JsonValue]:
    """The bound that the value is beyond."""
    above, below = next((a, b) for found, a, b in _bounds(query) if found is colour)
    return {"above": above} if above is not None and value > above else {"below": below}


def _bounds(query: PrometheusQuery) -> Iterator[tuple[Colour, float | None, float | None]]:
    yield Colour.RED, query.fail_above, query.fail_below
    yield Colour.YELLOW, query.warn_above, query.warn_below
