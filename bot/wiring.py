"""The one place where everything is put together: adapters, storage, flows, jobs and handlers of one running bot."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import structlog
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.clock import SystemClock
from bot.adapters.deployers import PolicyDeployers
from bot.adapters.github import GitHub
from bot.adapters.ics_feed import IcsFetcher
from bot.adapters.oci_registry import OciRegistry
from bot.adapters.oci_tokens import Login
from bot.adapters.oidc import OidcProvider
from bot.adapters.passkey import Passkeys
from bot.adapters.probes import Probes
from bot.adapters.seal import KeySeal
from bot.adapters.slack_groups import SlackGroups
from bot.adapters.totp import Totp
from bot.adapters.totp_check import TotpCheck
from bot.flows import break_glass, remind, review
from bot.flows.authority import Authority
from bot.flows.collect import Collector
from bot.flows.evaluate import evaluate
from bot.flows.freeze_moments import fire, look_ahead
from bot.flows.keep_feed import fire as look_at_feed
from bot.flows.link import link_github
from bot.flows.living_calendar import recall
from bot.flows.reload_policy import PolicyHolder, load_policy, put_in_force, refuse
from bot.flows.run import carry_out
from bot.jobs.deliveries import Pace, delivery_worker
from bot.jobs.feeds import Feeds
from bot.jobs.metrics import Metrics
from bot.jobs.prune import Pruning
from bot.jobs.roll import Roll
from bot.jobs.self_check import SelfCheck
from bot.jobs.timers import timer_worker
from bot.jobs.watch import Watch
from bot.policy import Policy, PolicyError, Unreadable
from bot.ports import Clock, Factors
from bot.ports import Ledger as LedgerPort
from bot.settings import GateSettings, Settings
from handlers.http.app import build_http
from handlers.http.context import HttpContext
from handlers.slack.announcer import Announcer
from handlers.slack.app import build_app
from handlers.slack.context import SlackContext
from handlers.slack.events import slack_events
from handlers.slack.socket_mode import SocketMode
from handlers.slack.web_api import SlackApi
from handlers.slack.workspace import keep_learning
from storage import schema
from storage.ledger import Ledger
from storage.owed import DeliveryTable, TimerTable
from storage.retention import Retention

log = structlog.get_logger(__name__)

EVALUATIONS = 16  # at the same time: a registry that hangs holds some, and people's commands go first anyway
SWITCH_INTERVAL = 0.0005  # seconds; Python's own 5 ms let the writer's thread hold up an answer that is ready


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
    repositories, groups = _forge(settings, session, clock), None
    if isinstance(settings, Settings):
        token, api_url = settings.slack_bot_token, settings.slack_api_url
        groups = SlackGroups(session, token=token, api_url=api_url, clock=clock)
    return Authority(ledger, repositories=repositories, groups=groups, logins=None, clock=clock)


def _forge(settings: GateSettings, session: aiohttp.ClientSession, clock: Clock) -> GitHub | None:
    """GitHub, where it is configured."""
    if not settings.github_token:
        return None
    return GitHub(session, api_url=settings.github_api_url, token=settings.github_token, clock=clock)


def login_of(pair: SecretStr) -> Login:
    """The user and the password of a `user:password` pair."""
    user, _, password = pair.get_secret_value().partition(":")
    return user, SecretStr(password)


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


class Portcullis:
    """One running bot. `start` returns when it is ready to take commands; `stop` drains and lets go."""

    def __init__(self, settings: Settings, policy: Policy, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._first_policy = policy
        self.clock = clock or SystemClock()
        self._closing = contextlib.AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self) -> None:
        """Open the database, start the loops, listen. Raises what makes that impossible; nothing is left open."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        settings = self._settings
        session = await self._closing.enter_async_context(aiohttp.ClientSession())
        decider = await build_decider(settings, self._first_policy, session, self.clock)
        self._closing.push_async_callback(decider.close)
        self.decider = decider
        self._forge = _forge(settings, session, self.clock)
        await put_in_force(decider.ledger, self._first_policy)
        await self._compile(decider, self._first_policy)
        self._build_slack(decider)
        self._build_loops(decider)
        await self._listen(decider)
        if self.socket_mode is not None:
            await self.socket_mode.start()
        self._run_loops()
        log.info(
            "ready", url=self.url, policy=self._first_policy.digest, socket_mode=self.socket_mode is not None
        )

    async def _compile(self, decider: Decider, policy: Policy) -> None:
        """Read and compile the calendar of a policy before anything is decided by it: no transaction waits for it."""
        await recall(decider.ledger, policy)
        await asyncio.to_thread(policy.calendar.warm, self.clock.now())

    def _build_slack(self, decider: Decider) -> None:
        settings = self._settings
        totp = Totp(KeySeal(settings.secret_key))
        api = SlackApi(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        self._closing.push_async_callback(api.close)
        self._slack = SlackContext(
            ledger=decider.ledger,
            in_force=decider.holder,
            collector=decider.collector,
            clock=decider.clock,
            code_check=TotpCheck(totp),
            api=api,
            signing_secret=_text(settings.slack_signing_secret),
            pages=settings.public_url,
        )
        pages = settings.public_url
        self._factors = Factors(
            codes=TotpCheck(totp),
            pages=pages,
            passkeys=None if pages is None else Passkeys(pages, "Portcullis"),
            logins=None if pages is None else self._identity_provider(decider, pages),
            secrets=totp,
        )
        if decider.collector.authority is not None:
            decider.collector.authority.connect_logins(self._factors.logins)
        self._closing.push_async_callback(self._slack.background.drain)
        self.app = build_app(self._slack)
        self.socket_mode = None
        if settings.slack_app_token is not None:
            self.socket_mode = SocketMode(
                self.app, settings.slack_app_token.get_secret_value(), base_url=settings.slack_api_url
            )
            self._closing.push_async_callback(self.socket_mode.stop)

    def _identity_provider(self, decider: Decider, pages: str) -> OidcProvider | None:
        settings = self._settings
        if settings.oidc_issuer is None or settings.oidc_client_id is None:
            return None
        # Logins are rare: a fresh connection for each call, so that none is lost on one that was closed meanwhile.
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._closing.push_async_callback(session.close)
        return OidcProvider(
            session,
            decider.clock,
            KeySeal(settings.secret_key),
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            origin=pages,
            in_force=decider.holder,
        )

    def _build_loops(self, decider: Decider) -> None:
        ledger, clock, holder = decider.ledger, decider.clock, decider.holder
        background = ledger.in_background
        evaluating = asyncio.Semaphore(EVALUATIONS)

        async def evaluated(request_id: str) -> None:
            async with evaluating:
                await evaluate(background, decider.collector, holder.policy, request_id)

        timers, deliveries = TimerTable(ledger, clock), DeliveryTable(ledger, clock)
        self.timers = timer_worker(
            timers,
            clock,
            {
                "evaluate": evaluated,
                "run": lambda id_: carry_out(background, decider.deployers, holder.policy, id_),
                "freeze": lambda subject: fire(background, holder.policy, subject),
                "freeze-ahead": lambda _: look_ahead(background, holder.policy),
                "feed": lambda name: look_at_feed(background, holder.policy, name),
                "link": lambda person: self._link(background, holder.policy, person),
                "break-glass": lambda subject: break_glass.fire(background, holder.policy, subject),
                "remind": lambda id_: remind.remind(background, holder.policy, id_),
                "review": lambda id_: review.remind(background, holder.policy, id_),
            },
        )
        announcer = Announcer(background, holder, clock, self._slack.api)
        self.deliveries = delivery_worker(deliveries, clock, announcer, Pace())
        ledger.bells += [self.timers.bell, self.deliveries.bell]
        probes = Probes(clock=clock, policy=holder)
        self._closing.push_async_callback(probes.close)
        self.watch = Watch(background, holder, probes, probes.supports)
        fetcher = IcsFetcher()
        self._closing.push_async_callback(fetcher.close)
        self.feeds = Feeds(background, holder, fetcher, clock)
        self.roll = Roll(background, holder)
        pulses = {"timers": self.timers.pulse, "deliveries": self.deliveries.pulse}
        self.metrics = Metrics(pulses)
        self.check = SelfCheck(
            ledger,
            clock,
            holder,
            pulses=pulses,
            owed={"timers": timers, "deliveries": deliveries},
            metrics=self.metrics,
            connected=None if self.socket_mode is None else self.socket_mode.connected,
        )

    async def _link(self, ledger: LedgerPort, policy: Policy, person: str) -> None:
        """Link what somebody outside has to be asked about; what failed was told, and the next occasion tries again."""
        await link_github(ledger, policy, self._forge, person)

    async def _listen(self, decider: Decider) -> None:
        settings = self._settings
        context = HttpContext(
            ledger=decider.ledger,
            in_force=decider.holder,
            collector=decider.collector,
            clock=decider.clock,
            tokens=settings.api_tokens,
            health=self.check.health,
            metrics=self.metrics.exposition,
            factors=self._factors,
            trusted_proxies=settings.trusted_proxies,
        )
        events = None if settings.slack_signing_secret is None else slack_events(self.app)
        runner = web.AppRunner(build_http(context, events), access_log=None, shutdown_timeout=5)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, settings.http_host, settings.http_port)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://{settings.http_host}:{port}"

    def _run_loops(self) -> None:
        for name, loop in (
            ("timers", self.timers.run),
            ("deliveries", self.deliveries.run),
            ("watch", self.watch.run),
            ("feeds", self.feeds.run),
            ("roll", self.roll.run),
            ("self-check", self.check.run),
            ("workspace", lambda: keep_learning(self._slack)),
            ("prune", Pruning(Retention(self.decider.ledger, self.clock)).run),
        ):
            self._spawn(name, loop)

    def _spawn(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        async def forever() -> None:
            while True:
                try:
                    await loop()
                except Exception:
                    # A loop that ends is a bot that lies about being alive: say so and start it again.
                    log.exception("loop.ended", loop=name)
                    await asyncio.sleep(1)

        self._tasks.add(asyncio.create_task(forever(), name=name))

    async def reload(self) -> bool:
        """Read the policy file anew (SIGHUP). A bad one leaves the old one in force and says so; False then."""
        path = self._settings.policy
        decider = self.decider
        try:
            policy = await asyncio.to_thread(load_policy, path)
        except PolicyError as error:
            if isinstance(error, Unreadable):
                log.exception("policy.unreadable")
            log.warning("policy.refused", problems=[str(p) for p in error.problems])
            await self._refuse(decider, error)
            return False
        before = decider.holder.policy
        try:
            await self._compile(decider, policy)
            decider.holder.policy = policy
            await put_in_force(decider.ledger, policy)
        except Exception:
            decider.holder.policy = before  # a policy that nobody recorded must not decide anything
            log.exception("policy.not-recorded", policy=policy.digest)
            return False
        for loop in (self.watch, self.feeds, self.roll):
            loop.changed.set()
        log.info("policy.in-force", policy=policy.digest)
        return True

    async def _refuse(self, decider: Decider, error: PolicyError) -> None:
        try:
            await refuse(decider.ledger, decider.holder.policy, error)
        except Exception:
            log.exception("policy.refusal-not-recorded")

    async def stop(self) -> None:
        """Stop taking commands, finish what is under way within a few seconds, close the database."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._closing.aclose()


async def run_until_stopped(settings: Settings, policy: Policy) -> None:
    """Run the bot until SIGTERM or SIGINT; SIGHUP reloads the policy."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    portcullis = Portcullis(settings, policy)
    await portcullis.start()
    gc.freeze()  # what was imported and built stays for good: no collection has to walk through it again
    gc.enable()  # `portcullis run` starts without (bot/cli/run.py)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[bool]] = set()

    def reload() -> None:
        task = asyncio.create_task(portcullis.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    print(f"Portcullis is ready at {portcullis.url}", flush=True)  # noqa: T201 -- the line that a supervisor waits for
    try:
        await stopping.wait()
    finally:
        await portcullis.stop()
