"""The ways to people outside Slack, put together from the settings."""

import aiohttp

from bot.adapters.github_issues import GitHubIssues
from bot.adapters.mailer import SmtpMailer
from bot.adapters.pagerduty import PagerDutyApi
from bot.adapters.webhooks import SignedWebhooks
from bot.jobs.lanes import Lanes
from bot.ports import Announcer, Clock, Ledger, PolicyInForce
from bot.settings import Settings
from handlers.http.pagerduty import PagerDutyHook
from handlers.paging.announcer import EMAIL, PAGERDUTY, WEBHOOK, OutsideAnnouncer
from handlers.tickets import TicketAnnouncer

SLACK, TICKET = "slack", "ticket"
"""The first words of these lanes."""


class Outside:
    """PagerDuty, mail and webhooks, as far as they are configured. What is not says `not-configured` of every page."""

    def __init__(
        self, settings: Settings, session: aiohttp.ClientSession, clock: Clock, *, name: str
    ) -> None:
        """`name` tells this installation from others, and must stay what it is: PagerDuty knows our incidents by it."""
        self._settings = settings
        self._name = name
        self.pagerduty = PagerDutyApi(
            session,
            keys=settings.pagerduty_keys,
            api_token=settings.pagerduty_api_token,
            events_url=settings.pagerduty_events_url,
            api_url=settings.pagerduty_api_url,
            clock=clock,
        )
        self.webhooks = SignedWebhooks(settings.webhooks, settings.webhook_secrets, clock)
        self.issues = None
        if settings.github_token is not None:
            token, address = settings.github_token, settings.github_api_url
            self.issues = GitHubIssues(session, api_url=address, token=token, clock=clock)
        self.mailer = None
        if settings.smtp_url is not None and settings.mail_from is not None:
            self.mailer = SmtpMailer(settings.smtp_url, settings.mail_from, clock)

    def lanes(self, slack: Announcer, ledger: Ledger, in_force: PolicyInForce) -> Lanes:
        """The announcer of every lane, Slack's included."""
        outside = OutsideAnnouncer(
            ledger,
            in_force,
            pagerduty=self.pagerduty,
            mailer=self.mailer,
            webhooks=self.webhooks,
            name=self._name,
            pages=self._settings.public_url,
            hears_back=bool(self._settings.pagerduty_webhook_secrets),
        )
        tickets = TicketAnnouncer(
            ledger, in_force, tickets=self.issues, webhooks=self.webhooks, name=self._name, besides=outside
        )
        ways: dict[str, Announcer] = {
            SLACK: slack,
            PAGERDUTY: outside,
            EMAIL: outside,
            WEBHOOK: tickets,
            TICKET: tickets,
        }
        return Lanes(ways, ledger, in_force)

    def hook(self, ledger: Ledger, in_force: PolicyInForce) -> PagerDutyHook | None:
        """What PagerDuty's webhooks need; None where no secret says that they come from there."""
        if not self._settings.pagerduty_webhook_secrets:
            return None
        return PagerDutyHook(
            ledger=ledger,
            in_force=in_force,
            secrets=self._settings.pagerduty_webhook_secrets,
            name=self._name,
            email_of=self.pagerduty.email_of,
        )

    async def close(self) -> None:
        """Let go of sockets and threads."""
        if self.mailer is not None:
            self.mailer.close()
        await self.webhooks.close()
