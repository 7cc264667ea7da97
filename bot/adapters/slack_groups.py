"""Who is in a Slack user group, by Slack's Web API; what keeps Slack from telling is named by one short code (P7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.failures import code_of
from bot.ports import Clock, GroupError

METHODS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"usergroups.users.list": ("usergroups:read",)}
)
"""Every method that is called with the bot's token, and the scopes that it takes: the manifest asks for them."""

REMEMBERED: Final = timedelta(seconds=60)
MOST_PAGES: Final = 20
_SECONDS: Final = 10
_LONGEST_PAUSE: Final = timedelta(minutes=10)
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = 500

_UNKNOWN: Final = frozenset({"no_such_subteam", "subteam_not_found", "invalid_usergroup"})
_MEANS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "plan_upgrade_required": "no-groups-on-this-plan",
        "paid_teams_only": "no-groups-on-this-plan",
        "missing_scope": "scope-missing",
        "no_permission": "scope-missing",
        "invalid_auth": "token-refused",
        "not_authed": "token-refused",
        "token_revoked": "token-refused",
        "token_expired": "token-refused",
        "account_inactive": "token-refused",
        "ratelimited": "rate-limited",
        "rate_limited": "rate-limited",
        "service_unavailable": "unavailable",
        "internal_error": "unavailable",
        "fatal_error": "unavailable",
    }
)


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer and its instant."""

    members: frozenset[str]
    at: datetime


class SlackGroups:
    """Implements ports.Groups. Remembers an answer for a minute, for whoever does not need a fresh one; and until when
    Slack wants to be left alone, for everybody."""

    def __init__(
        self, session: aiohttp.ClientSession, *, token: SecretStr, api_url: str, clock: Clock
    ) -> None:
        self._client = AsyncWebClient(
            token=token.get_secret_value(), base_url=api_url, timeout=_SECONDS, session=session
        )
        self._client.retry_handlers.clear()  # whoever waits for an answer waits for seconds, not for a minute
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._quiet_until: datetime | None = None

    async def members(self, group: str, *, fresh: bool) -> frozenset[str]:
        """The member ids of an enabled group.

        Raises GroupError: `no-groups-on-this-plan`, `group-disabled`, `group-unknown`, `scope-missing`,
        `token-refused`, `rate-limited`, `unavailable`, `malformed-response`, or why Slack was not reached.
        """
        now = self._clock.now()
        known = self._known.get(group)
        if not fresh and known is not None and now - known.at < REMEMBERED:
            return known.members
        if self._quiet_until is not None and now < self._quiet_until:
            raise GroupError("rate-limited")
        try:
            members = await self._listed(group, disabled=False)
        except GroupError as error:
            if error.code == "group-unknown" and await self._is_disabled(group):
                raise GroupError("group-disabled") from None
            raise
        self._known[group] = _Known(members, now)
        return members

    async def _is_disabled(self, group: str) -> bool:
        """Slack tells of a disabled group only whoever asks for disabled ones."""
        try:
            await self._listed(group, disabled=True)
        except GroupError:
            return False
        return True

    async def _listed(self, group: str, *, disabled: bool) -> frozenset[str]:
        found: set[str] = set()
        cursor = ""
        for _ in range(MOST_PAGES):
            page = await self._page(group, disabled=disabled, cursor=cursor)
            users = page.get("users")
            if not isinstance(users, list) or not all(isinstance(user, str) and user for user in users):
                raise GroupError("malformed-response")
            found.update(users)
            after = page.get("response_metadata")
            cursor = str(after.get("next_cursor") or "") if isinstance(after, dict) else ""
            if not cursor:
                return frozenset(found)
        raise GroupError("too-many-members")

    async def _page(self, group: str, *, disabled: bool, cursor: str) -> Mapping[str, Any]:
        more = {"cursor": cursor} if cursor else {}
        try:
            answer = await self._client.usergroups_users_list(
                usergroup=group, include_disabled=True if disabled else None, **more
            )
        except SlackApiError as error:
            raise self._refusal(error) from None
        except SlackClientError:
            raise GroupError("malformed-response") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise GroupError(code_of(error)) from None
        return answer.data if isinstance(answer.data, dict) else {}

    def _refusal(self, error: SlackApiError) -> GroupError:
        """What Slack's answer means. None of its text is passed on."""
        response = error.response
        data = getattr(response, "data", None)
        said = data.get("error") if isinstance(data, dict) else None
        status = getattr(response, "status_code", 200)
        if status == _TOO_MANY or said in ("ratelimited", "rate_limited"):
            headers = getattr(response, "headers", None) or {}
            self._quiet_until = self._clock.now() + _pause(headers.get("Retry-After"))
            return GroupError("rate-limited")
        if said in _UNKNOWN:
            return GroupError("group-unknown")
        if status >= _SERVER_ERRORS:
            return GroupError("unavailable")
        return GroupError(_MEANS.get(str(said), "refused-by-slack"))


def _pause(text: str | None) -> timedelta:
    """Retry-After, between a second and ten minutes; one that is no number counts as half a minute."""
    try:
        return min(max(timedelta(seconds=int(text or 30)), timedelta(seconds=1)), _LONGEST_PAUSE)
    except (ValueError, OverflowError):
        return timedelta(seconds=30)
