"""Starts an example on loopback: the sandbox workspace, its sample world, and the bot as it runs in production."""

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pyotp

ROOT = Path(__file__).resolve().parent.parent
TEAM_PORTS = {"sandbox": 8070, "world": 8071, "mail": 8072, "bot": 8080}
READY_WITHIN = 60.0
COOL_OFF = 6
"""Seconds before a new second factor counts for production, in the demo."""
KEEPERS = f"""
# Of the demo alone, where nobody waits for a day to try it: a team keeps the usual 24h.
second_factors: {{administrators: [platform-lead, release-manager], cool_off: {COOL_OFF}s}}
# Of the demo alone: whom *Escalate* tells next.
escalation:
  - notify: [{{on_call: primary}}]
  - notify: [{{role: platform-lead}}, {{channel: deployments}}]
  - notify: [{{person: vic}}]
"""
BACK = """\
    # Of the demo alone: whoever is on call may ask for a rollback, and sign it.
    rollback:
      seats:
        - {role: [on-call-sre, platform-lead, release-manager]}
"""
HERE = (
    ("second_factor: {methods: [totp]", "second_factor: {methods: [passkey, totp]"),
    ("\nservices:\n", f"{KEEPERS}\nservices:\n"),
    ("    # An emergency at any time", f"{BACK}    # An emergency at any time"),
    ("every: 2s", "every: 1s"),
    ("every: 5s, stale", "every: 1s, stale"),
)
"""What the demo says beyond its example: passkeys, who confirms them, how long they cool off; and that everything is read
every second, for nobody wants to wait for RED."""
ENROLLED = ("vic", "bo")
"""Who has an authenticator app when the story begins: the administrator Bo last, for before that nobody confirms."""


class DidNotStart(RuntimeError):  # noqa: N818 -- it says what happened
    """A part of the demo did not come up; the text holds the end of its log."""


@dataclass(slots=True)
class Running:
    """A running example: addresses, and the secrets of its cast."""

    example: str
    folder: Path
    ports: dict[str, int]
    factors: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    def url(self, part: str) -> str:
        """The address of a part."""
        return f"http://127.0.0.1:{self.ports[part]}"

    @property
    def origin(self) -> str:
        """Where the bot's own pages stand: browsers give passkeys to https, and to this very name."""
        return f"http://localhost:{self.ports['bot']}"

    def code(self, person: str) -> str:
        """What the person's pocket authenticator shows now."""
        return pyotp.TOTP(self.factors[person]).now()


def free_ports() -> dict[str, int]:
    """Ports that nobody uses now."""
    ports = {}
    with contextlib.ExitStack() as stack:
        for part in TEAM_PORTS:
            s = stack.enter_context(socket.socket())
            s.bind(("127.0.0.1", 0))
            ports[part] = s.getsockname()[1]
    return ports


def lay_out(example: str, folder: Path, ports: dict[str, int]) -> None:
    """Copy the example to a fresh folder, with the world's port as it is now, and passkeys."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "examples" / example, folder, ignore=shutil.ignore_patterns("__pycache__"))
    policy = folder / "policy.yaml"
    text = policy.read_text().replace("127.0.0.1:8071", f"127.0.0.1:{ports['world']}")
    for usual, here in HERE:
        if usual not in text:
            raise DidNotStart(f"the policy of the example {example} has no {usual.strip()!r}")
        text = text.replace(usual, here)
    policy.write_text(text)
    status = folder / "deployment" / "status"
    status.mkdir(parents=True, exist_ok=True)
    for name in ("staging", "dev"):
        (status / f"{name}.status").write_text("GREEN\nchecked by the sample world\n")


def environment(folder: Path, ports: dict[str, int], *, socket_mode: bool) -> dict[str, str]:
    """The bot's settings; every secret is made for this run."""
    base = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TZ") if k in os.environ}
    settings = {
        "SLACK_BOT_TOKEN": "xoxb-" + secrets.token_hex(12),
        "SLACK_SIGNING_SECRET": secrets.token_hex(16),
        "PORTCULLIS_SLACK_API_URL": f"http://127.0.0.1:{ports['sandbox']}/api/",
        "PORTCULLIS_DATABASE_URL": f"sqlite:///{folder / 'portcullis.db'}",
        "PORTCULLIS_POLICY": str(folder / "policy.yaml"),
        "PORTCULLIS_HTTP_PORT": str(ports["bot"]),
        "PORTCULLIS_PUBLIC_URL": f"http://localhost:{ports['bot']}",
        "PORTCULLIS_SECRET_KEY": secrets.token_urlsafe(32),
        "PORTCULLIS_API_TOKENS": f"ci:evidence+read={secrets.token_hex(16)}",
        "PORTCULLIS_SMTP_URL": f"smtp://127.0.0.1:{ports['mail']}",
        "PORTCULLIS_MAIL_FROM": "portcullis@acme.example",
        "SAMPLE_WORLD": f"http://127.0.0.1:{ports['world']}",
        "PYTHONPATH": str(ROOT),
    }
    if socket_mode:
        settings["SLACK_APP_TOKEN"] = "xapp-" + secrets.token_hex(12)
    return base | settings


@contextlib.asynccontextmanager
async def running(
    example: str, folder: Path, ports: dict[str, int], *, socket_mode: bool = False
) -> AsyncIterator[Running]:
    """The example, ready; stopped and its processes ended when the block ends."""
    run = Running(example=example, folder=folder, ports=ports)
    lay_out(example, folder, ports)
    run.environment = environment(folder, ports, socket_mode=socket_mode)
    run.factors = {person: pyotp.random_base32(32) for person in ENROLLED}
    try:
        await asyncio.gather(start_sandbox(run), enroll_some(run), start_world(run))
        await start_bot(run)
        await begin(run)
        await until_green(run)
        yield run
    finally:
        await stop(run)


async def start_sandbox(run: Running) -> None:
    """The pretend workspace."""
    workspace = str(run.folder / "workspace.yaml")
    manifest = run.folder / "manifest.yml"
    by_socket = "SLACK_APP_TOKEN" in run.environment
    said = f"socket_mode_enabled: {str(by_socket).lower()}"
    manifest.write_text((ROOT / "manifest.yml").read_text().replace("socket_mode_enabled: false", said))
    arguments = ["--port", str(run.ports["sandbox"]), "--manifest", str(manifest), "--workspace", workspace]
    arguments += ["--events-url", run.url("bot") + "/slack/events"]
    arguments += [
        "--link",
        f"Sample world={run.url('world')}",
        "--link",
        f"Bot health={run.url('bot')}/health",
    ]
    await start(run, "sandbox", ["-m", "bot", "sandbox", *arguments], run.url("sandbox"))


async def enroll_some(run: Running) -> None:
    """Give some of the cast a pocket authenticator, by the command line that the host has. The others enrol in the
    story, by a page. One after the other: the first creates the database, and the last ends the bootstrap."""
    for person in ENROLLED:
        await enroll(run, person)


async def enroll(run: Running, person: str) -> None:
    """Enrol one person's authenticator."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "enroll", person, "--secret-stdin"),
        env=run.environment,
        cwd=run.folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate((run.factors[person] + "\n").encode())
    if process.returncode:
        raise DidNotStart(f"enrolling {person} failed: {errors.decode()}")


async def start_bot(run: Running) -> None:
    """The bot, by its production code path."""
    await start(run, "bot", ["-m", "bot", "run"], run.url("bot") + "/readyz")


async def start_world(run: Running) -> None:
    """The sample world, in which nothing has happened yet."""
    token = run.environment["PORTCULLIS_API_TOKENS"].partition("=")[2]
    extra = {"SAMPLE_TOKEN": token, "SAMPLE_FACTORS": json.dumps(run.factors)}
    module = f"examples.{run.example}.world"
    arguments = ["-m", module, "--port", str(run.ports["world"]), "--mail", str(run.ports["mail"])]
    arguments += ["--bot", run.url("bot")]
    await start(run, "world", arguments, run.url("world") + "/state", **extra)


async def begin(run: Running) -> None:
    """The sample world's story up to now, which its CI tells the bot."""
    async with aiohttp.ClientSession() as session, session.post(run.url("world") + "/begin") as answer:
        if answer.status != 200:
            raise DidNotStart(f"the sample world's story did not begin: {await answer.text()}")


async def until_green(run: Running) -> None:
    """Wait until the bot has seen every environment of the sample world GREEN."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_WITHIN
    async with aiohttp.ClientSession() as session:
        while loop.time() < deadline:
            async with session.get(run.url("bot") + "/metrics") as answer:
                colours = re.findall(r'portcullis_environment_colour\{.*?colour="(\w+)"', await answer.text())
            if colours and set(colours) == {"GREEN"}:
                return
            await asyncio.sleep(0.2)
    raise DidNotStart(f"the environments did not turn GREEN: {colours}")


async def start(run: Running, part: str, arguments: list[str], ready: str, **extra: str) -> None:
    """Start one process, its output in a log file, and wait until it answers."""
    log = run.folder / f"{part}.log"
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=run.environment | extra, cwd=run.folder, stdout=out, stderr=out
        )
    run.processes[part] = process
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_WITHIN
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        while loop.time() < deadline and process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(ready) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise DidNotStart(f"{part} did not come up (exit status {process.returncode}):\n{tail}")


async def stop_one(run: Running, part: str, how: signal.Signals = signal.SIGTERM) -> None:
    """End one process that we started."""
    process = run.processes.pop(part, None)
    if process is None or process.returncode is not None:
        return
    process.send_signal(how)
    try:
        async with asyncio.timeout(15):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def stop(run: Running) -> None:
    """End everything, the bot first."""
    for part in ("bot", "world", "sandbox"):
        await stop_one(run, part)


async def demo(example: str, *, socket_mode: bool) -> int:
    """Run until interrupted."""
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    try:
        async with running(example, ROOT / "var" / "demo", TEAM_PORTS, socket_mode=socket_mode) as run:
            print(
                f"\n  Open {run.url('sandbox')}\n\n"
                "  You are Lin. In #deployments, type:\n"
                "    /deploy request catalogue b81e6f0 ticket=CHG-1207 Retry card captures on timeouts\n"
                "  Then become Bo (top left) and press Approve; his code is in the Sample world.\n"
                "  Or with a passkey of this browser: become Ada, type /deploy enroll, take the one-use code from the\n"
                f"  Sample world, have Bo type /deploy confirm-factor ada, and {COOL_OFF} s later press Approve as Ada.\n\n"
                "  Once it is live, break it in the Sample world (“answers 503”), become Cy and watch #incidents: Acknowledge,\n"
                "  Roll back (Bo approves), then /env history, /oncall and the status page.\n\n"
                f"  Logs: {run.folder}   Stop: Ctrl-C",
                flush=True,
            )
            await stopping.wait()
    except DidNotStart as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", default="readiness")
    parser.add_argument("--socket-mode", action="store_true", help="receive by Socket Mode instead of HTTP")
    options = parser.parse_args()
    if not (ROOT / "examples" / options.example / "policy.yaml").is_file():
        print(f"demo: there is no example {options.example!r}", file=sys.stderr)
        return 2
    return asyncio.run(demo(options.example, socket_mode=options.socket_mode))


if __name__ == "__main__":
    sys.exit(main())
