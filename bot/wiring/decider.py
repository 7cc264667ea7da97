"""What every decision needs, for the bot and for the command line alike, put together from the settings."""

import os
from dataclasses import dataclass

import aiohttp
from pydantic import SecretStr

from bot.adapters.deployers import PolicyDeployers
from bot.adapters.github import GitHub
from bot.adapters.oci_registry import OciRegistry
from bot.adapters.oci_tokens import Login
from bot.adapters.slack_groups import SlackGroups
from bot.flows.authority import Authority
from bot.flows.collect import Collector
from bot.flows.reload_policy import PolicyHolder
from bot.policy import Policy
from bot.ports import Clock
from bot.settings import GateSettings, Settings
from storage import schema
from storage.ledger import Ledger


@dataclass(slots=True, kw_only=True)
class Decider:
    """What a decision needs, for the bot and for the command line alike."""

    ledger: Ledger
    holder: PolicyHolder
    collector: Collector
    deployers: PolicyDeployers
    clock: Clock

    async def close(self) -> None:
        """Let go of the database."""
        await self.ledger.close()


async def build_decider(
    settings: GateSettings, policy: Policy, session: aiohttp.ClientSession, clock: Clock
) -> Decider:
    """The ledger, brought to its newest schema, and the collector over it."""
    await schema.ensure(settings.database_url)
    ledger = Ledger(settings.database_url, clock)
    holder = PolicyHolder(policy)
    deployers = PolicyDeployers(holder, environ=os.environ)
    logins = {host: login_of(pair) for host, pair in settings.registry_credentials.items()}
    registry = OciRegistry(
        session,
        clock=clock,
        insecure_hosts=frozenset(settings.insecure_registries),
        credentials=logins,
    )
    collector = Collector(ledger, registry, deployers, clock, _authority(settings, ledger, session, clock))
    return Decider(ledger=ledger, holder=holder, collector=collector, deployers=deployers, clock=clock)


def _authority(
    settings: GateSettings, ledger: Ledger, session: aiohttp.ClientSession, clock: Clock
) -> Authority:
    """The ways to the live sources of roles, as far as they are configured; logins are connected with the pages."""
    repositories, groups = forge_of(settings, session, clock), None
    if isinstance(settings, Settings):
        groups = groups_of(settings, session, clock)
    return Authority(ledger, repositories=repositories, groups=groups, logins=None, clock=clock)


def forge_of(settings: GateSettings, session: aiohttp.ClientSession, clock: Clock) -> GitHub | None:
    """GitHub, where it is configured."""
    if not settings.github_token:
        return None
    return GitHub(session, api_url=settings.github_api_url, token=settings.github_token, clock=clock)


def groups_of(settings: Settings, session: aiohttp.ClientSession, clock: Clock) -> SlackGroups:
    """Slack's user groups."""
    token, api_url = settings.slack_bot_token, settings.slack_api_url
    return SlackGroups(session, token=token, api_url=api_url, clock=clock)


def login_of(pair: SecretStr) -> Login:
    """The user and the password of a `user:password` pair."""
    user, _, password = pair.get_secret_value().partition(":")
    return user, SecretStr(password)
