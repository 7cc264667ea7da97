"""One running bot: its start, its reload, its end."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Awaitable, Callable

import aiohttp
import structlog
from aiohttp import web

from bot.adapters.clock import SystemClock
from bot.adapters.probes import Probes
from bot.flows.listening import listen
from bot.flows.living_calendar import recall
from bot.flows.reload_policy import continued, load_policy, put_in_force, refuse
from bot.flows.sight import look_again
from bot.policy import Policy, PolicyError, Unreadable
from bot.policy.states import state_in_file
from bot.ports import Clock
from bot.settings import Settings, secret_values
from bot.wiring.decider import Decider, build_decider
from bot.wiring.loops import Loops
from bot.wiring.outside import Outside
from bot.wiring.second_factors import factors_of
from handlers.http.app import build_http
from handlers.http.context import HttpContext
from handlers.http.pagerduty import add_pagerduty
from handlers.slack.app import build_app
from handlers.slack.context import SlackContext
from handlers.slack.events import slack_events
from handlers.slack.socket_mode import SocketMode
from handlers.slack.web_api import SlackApi

log = structlog.get_logger(__name__)

SWITCH_INTERVAL = 0.0005  # seconds; Python's own 5 ms let the writer's thread hold up an answer that is ready


def is_private(settings: Settings) -> bool:
    """Whether nothing outside this machine is meant to reach our port: no pages, no tokens, no Slack or PagerDuty that
    posts to it, no proxy."""
    reached = (
        settings.public_url,
        settings.api_tokens,
        settings.slack_signing_secret,
        settings.pagerduty_webhook_secrets,
        settings.trusted_proxies,
    )
    return not any(reached)


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
        settings, closing = self._settings, self._closing
        session = await closing.enter_async_context(aiohttp.ClientSession())
        decider = self.decider = await build_decider(settings, self._first_policy, session, self.clock)
        closing.push_async_callback(decider.close)
        self.outside = Outside(settings, session, self.clock, name=self._first_policy.organization)
        closing.push_async_callback(self.outside.close)
        probes = Probes(
            clock=self.clock,
            policy=decider.holder,
            prometheus=settings.prometheus_url,
            secrets=(*secret_values(settings), settings.database_url),
        )
        closing.push_async_callback(probes.close)
        await put_in_force(decider.ledger, self._first_policy)
        if await decider.holder.follow(
            decider.ledger
        ):  # what was entered goes on, whatever the file begins in
            says, entered = state_in_file(self._first_policy), decider.holder.policy.state
            log.info("policy.state-goes-on", state=entered, file=says, changed_by="/deploy state")
        await listen(decider.ledger)
        await look_again(decider.ledger)
        await self._compile(decider, self._first_policy)
        slack = self._build_slack(decider, probes)
        self.loops = Loops(
            settings,
            decider,
            self.outside,
            slack,
            session=session,
            probes=probes,
            socket_mode=self.socket_mode,
            closing=closing,
        )
        await self._listen(decider)
        if self.socket_mode is not None:
            await self.socket_mode.start()
        for name, loop in self.loops.all():
            self._spawn(name, loop)
        log.info(
            "ready",
            url=self.url,
            policy=decider.holder.policy.digest,
            socket_mode=self.socket_mode is not None,
        )

    async def _compile(self, decider: Decider, policy: Policy) -> None:
        """Read and compile the calendar of a policy before anything is decided by it: no transaction waits for it."""
        await recall(decider.ledger, policy)
        await asyncio.to_thread(policy.calendar.warm, self.clock.now())

    def _build_slack(self, decider: Decider, probes: Probes) -> SlackContext:
        settings = self._settings
        self._factors = factors_of(settings, decider, self._closing)
        api = SlackApi(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        self._closing.push_async_callback(api.close)
        secret = settings.slack_signing_secret
        context = SlackContext(
            ledger=decider.ledger,
            in_force=decider.holder,
            collector=decider.collector,
            clock=decider.clock,
            code_check=self._factors.codes,
            api=api,
            signing_secret=None if secret is None else secret.get_secret_value(),
            pages=settings.public_url,
            prober=probes,
        )
        self._closing.push_async_callback(context.background.drain)
        self.app = build_app(context)
        self.socket_mode = None
        if settings.slack_app_token is not None:
            self.socket_mode = SocketMode(
                self.app, settings.slack_app_token.get_secret_value(), base_url=settings.slack_api_url
            )
            self._closing.push_async_callback(self.socket_mode.stop)
        return context

    async def _listen(self, decider: Decider) -> None:
        settings = self._settings
        context = HttpContext(
            ledger=decider.ledger,
            in_force=decider.holder,
            collector=decider.collector,
            clock=decider.clock,
            tokens=settings.api_tokens,
            health=self.loops.check.health,
            metrics=self.loops.metrics.exposition,
            background=decider.ledger.in_background,
            factors=self._factors,
            trusted_proxies=settings.trusted_proxies,
            private=is_private(settings),
        )
        events = None if settings.slack_signing_secret is None else slack_events(self.app)
        app = build_http(context, events)
        if (hook := self.outside.hook(decider.ledger, decider.holder)) is not None:
            add_pagerduty(app, hook)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, settings.http_host, settings.http_port).start()
        self.url = f"http://{settings.http_host}:{runner.addresses[0][1]}"

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
            policy = await continued(decider.ledger, decider.holder.policy, policy)
        except PolicyError as error:
            if isinstance(error, Unreadable):
                log.exception("policy.unreadable")
            log.warning("policy.refused", problems=[str(p) for p in error.problems])
            await self._refuse(decider, error)
            return False
        except Exception:
            log.exception("policy.not-recorded")  # the ledger did not say which state the project is in
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
        self.loops.changed()
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


async def _reloaded(portcullis: Portcullis) -> bool:
    """Reload without garbage collections: a large policy is a million objects, and each pass over all of them would
    hold everybody up for a second. What was read stays, as what was there at the start does."""
    gc.disable()
    try:
        return await portcullis.reload()
    finally:
        gc.freeze()
        gc.enable()


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
        task = asyncio.create_task(_reloaded(portcullis))
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
