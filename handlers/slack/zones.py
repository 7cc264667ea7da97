"""The zone that a reader keeps in Slack: asked once a day, and never needed."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from handlers.slack.web_api import SlackApi, SlackFailed

log = structlog.get_logger(__name__)

KNOWN_FOR: Final = timedelta(days=1)
UNKNOWN_FOR: Final = timedelta(minutes=5)
"""How long a Slack that did not answer is left alone."""
MOST_KEPT: Final = 1000
PATIENCE: Final = (
    2.0  # seconds: an answer without the reader's hours is better than one that keeps them waiting
)


@dataclass(slots=True)
class Zones:
    """What Slack said of its users' zones, of the last thousand who asked."""

    _kept: OrderedDict[str, tuple[datetime, ZoneInfo | None]] = field(default_factory=OrderedDict)

    async def of(self, api: SlackApi, user: str, now: datetime) -> ZoneInfo | None:
        """The reader's zone; None where Slack does not say, or says one that nobody knows. Never raises."""
        kept = self._kept.get(user)
        if kept is not None and now < kept[0]:
            self._kept.move_to_end(user)
            return kept[1]
        zone = await _asked(api, user)
        self._kept[user] = (now + (UNKNOWN_FOR if zone is None else KNOWN_FOR), zone)
        self._kept.move_to_end(user)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return zone


async def _asked(api: SlackApi, user: str) -> ZoneInfo | None:
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await api.call("users.info", user=user)
    except (SlackFailed, TimeoutError) as failed:
        log.warning("slack.zone-unknown", code=failed.code if isinstance(failed, SlackFailed) else "timeout")
        return None
    about = answer.get("user")
    name = about.get("tz") if isinstance(about, dict) else None
    if not isinstance(name, str):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, such as America
        log.warning("slack.zone-unknown", code="no-such-zone")
        return None
