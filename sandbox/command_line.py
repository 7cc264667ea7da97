"""The sandbox's command line: reads its options and files, starts one workspace, and runs until it is stopped."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from sandbox.manifest import ManifestError, read_manifest
from sandbox.server import Sandbox, require_loopback
from sandbox.shapes import Refused
from sandbox.workspace import Channel, Person, Workspace, WorkspaceError


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sandbox; 0 when stopped, 2 for options or files that cannot be used."""
    options = _parser().parse_args(argv)
    try:
        sandbox = _build(options)
        return asyncio.run(_run(sandbox, options.host, options.port))
    except (Refused, WorkspaceError, ManifestError, ValueError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox", description="A pretend Slack workspace on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8070, help="0 takes any free one (default: %(default)s)")
    parser.add_argument(
        "--manifest", metavar="FILE", help="the app's manifest; without it everything is allowed"
    )
    parser.add_argument(
        "--workspace", metavar="FILE", help="people and channels, YAML; without it a small cast"
    )
    parser.add_argument("--events-url", metavar="URL", help="where signed payloads go when no socket is open")
    parser.add_argument(
        "--link", action="append", default=[], metavar="TITLE=URL", help="a page for the side bar"
    )
    parser.add_argument(
        "--strict-rate", action="store_true", help="refuse more than about 1 message/s/channel"
    )
    for name in ("signing-secret", "bot-token", "app-token"):
        variable = f"SLACK_{name.upper().replace('-', '_')}"
        parser.add_argument(f"--{name}", default=os.environ.get(variable), help=f"default: ${variable}")
    return parser


def _build(options: argparse.Namespace) -> Sandbox:
    require_loopback(options.host)
    for name in ("signing_secret", "bot_token"):
        if not getattr(options, name):
            raise Refused(f"--{name.replace('_', '-')} or $SLACK_{name.upper()} is needed: the app's own")
    if options.events_url and urlsplit(options.events_url).scheme not in {"http", "https"}:
        raise Refused(f"--events-url: {options.events_url!r} is no http address")
    return Sandbox(
        Workspace.load(options.workspace) if options.workspace else small_cast(),
        signing_secret=options.signing_secret,
        bot_token=options.bot_token,
        app_token=options.app_token or "",
        manifest=read_manifest(options.manifest) if options.manifest else None,
        events_url=options.events_url,
        links=[_link(one) for one in options.link],
        strict_rate=options.strict_rate,
    )


def small_cast() -> Workspace:
    """Three people and two channels, for a first look."""
    names = [("U01ADA", "ada", "Ada Lind"), ("U02BO", "bo", "Bo Reyes"), ("U03CY", "cy", "Cy Marsh")]
    people = tuple(Person(id=i, name=n, real_name=r) for i, n, r in names)
    everyone = frozenset({"U0BOT", *(one.id for one in people)})
    channels = (("C01GENERAL", "general"), ("C02RANDOM", "random"))
    return Workspace(
        people=people, channels=tuple(Channel(id=i, name=n, members=everyone) for i, n in channels)
    )


def _link(text: str) -> tuple[str, str]:
    title, separator, url = text.partition("=")
    if not separator or not title or not url:
        raise Refused(f"--link: {text!r} is not TITLE=URL")
    return title, url


async def _run(sandbox: Sandbox, host: str, port: int) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    await sandbox.start(host, port)
    print(f"The sandbox workspace is open at {sandbox.url}", flush=True)
    try:
        await stop.wait()
    finally:
        await sandbox.stop()
    return 0
