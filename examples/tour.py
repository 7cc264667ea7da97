"""Drives the demo's whole journey without a person and prints it as a transcript; a step that did not happen ends
it with exit status 1."""

import argparse
import asyncio
import json
import re
import signal
import sys
import textwrap
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from examples.demo import ROOT, DidNotStart, Running, free_ports, running, start_bot, stop_one
from sandbox.client import SandboxClient, WaitedInVain

LIN, ADA, BO, CY = "U05LIN", "U01ADA", "U02BO", "U03CY"
DEPLOYMENTS, INCIDENTS, RELEASES = "C01DEPLOY", "C02INCID", "C03RELEAS"
Message = dict[str, Any]


def need(condition: object, what: object) -> None:
    """Like assert, but it also holds under `python -O`."""
    if not condition:
        raise AssertionError(f"did not happen: {what}")


class Tour:
    """One journey: gestures, what is seen, and the transcript."""

    def __init__(self, run: Running, slack: SandboxClient) -> None:
        self.run = run
        self.slack = slack
        self.steps = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps += 1
        print(f"\n== {self.steps}. {title}", flush=True)

    def show(self, who: str, text: str) -> None:
        """Print what somebody sees."""
        plain = re.sub(r"[*`]", "", text.strip())
        print(textwrap.indent(plain, f"   {who} | "), flush=True)

    async def command(self, user: str, who: str, text: str, channel: str = DEPLOYMENTS) -> str:
        """Type a command, show it and its immediate answer."""
        print(f"   {who} > /deploy {text}")
        delivered = await self.slack.command(user, text, channel=channel)
        if not delivered.acknowledged:
            raise AssertionError(f"/deploy {text} was not acknowledged: {delivered}")
        answer = self.slack.text_of(delivered.body) if isinstance(delivered.body, dict) else ""
        if answer:
            self.show(f"{who} (only visible to {who})", answer)
        return answer

    async def told(self, user: str, who: str, *words: str) -> str:
        """Wait until `user` was told all `words`, for their eyes only."""

        async def find() -> str | None:
            seen = await self.slack.ephemerals(user) + await self.slack.direct_messages(user)
            texts = [self.slack.text_of(m) for m in seen]
            return next((t for t in reversed(texts) if all(w in t for w in words)), None)

        text = await self.slack.wait_for(find, what=f"{who} to be told {words}", timeout=30)
        need(text, "nothing was found")
        self.show(f"{who} (only visible to {who})", text)
        return text

    async def message(self, channel: str, *words: str, thread_of: str | None = None) -> Message:
        """Wait for a message with all `words` in a channel or thread."""

        async def find() -> Message | None:
            seen = await self.slack.messages(channel, thread_ts=thread_of)
            return next((m for m in reversed(seen) if all(w in self.slack.text_of(m) for w in words)), None)

        found = await self.slack.wait_for(find, what=f"a message with {words} in {channel}", timeout=30)
        need(found, "nothing was found")
        name = {DEPLOYMENTS: "#deployments", INCIDENTS: "#incidents", RELEASES: "#releases"}[channel]
        self.show(name + (" thread" if thread_of else ""), self.slack.text_of(found))
        return found

    async def world(self, path: str, body: dict[str, Any]) -> Any:
        """Do something to the sample world."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.run.url("world") + path, json=body) as answer,
        ):
            return await answer.json()

    async def press(self, user: str, who: str, button: str, message: Message, channel: str) -> Any:
        """Press a button of a message."""
        print(f"   {who} presses [ {button} ]")
        for block in message.get("blocks", ()):
            for element in block.get("elements", ()):
                if element.get("type") == "button" and element["text"]["text"] == button:
                    return await self.slack.click(
                        user, channel=channel, ts=message["ts"], action_id=element["action_id"]
                    )
        raise AssertionError(f"there is no button {button!r} on:\n{self.slack.text_of(message)}")

    async def modal(self, user: str, who: str, *words: str) -> Message:
        """Wait for the modal in front of `user`."""

        async def find() -> Message | None:
            view = await self.slack.modal(user)
            return view if view and all(w in self.slack.text_of(view) for w in words) else None

        view = await self.slack.wait_for(find, what=f"a modal with {words} for {who}", timeout=10)
        need(view, "nothing was found")
        self.show(f"{who} (modal)", self.slack.text_of(view))
        return view

    async def portcullis(self, *arguments: str, status: int = 0) -> str:
        """Run the command line beside the bot."""
        print(f"   $ portcullis {' '.join(arguments)}")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "bot", *arguments),
            env=self.run.environment,
            cwd=self.run.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        if process.returncode != status:
            raise AssertionError(f"exit status {process.returncode}, expected {status}:\n{out.decode()}")
        return out.decode()


async def ask_in_vain(tour: Tour) -> None:
    """Mistakes are answered at once, in one sentence."""
    tour.step("Mistakes are answered at once")
    answer = await tour.command(LIN, "Lin", "request catalog b81e6f0 ticket=CHG-1207")
    need("catalogue" in answer, "the refusal names what was probably meant")
    answer = await tour.command(LIN, "Lin", "request catalogue b81e6f0 tiket=CHG-1207")
    need("ticket" in answer, answer)


async def be_refused(tour: Tour) -> None:
    """Every gate runs, every reason is shown."""
    tour.step("A build with a critical vulnerability is refused, with every reason")
    await tour.command(LIN, "Lin", "request catalogue bad5eed ticket=CHG-1206 Fix the banner")
    await tour.told(LIN, "Lin", "CVE-2026-1234", "3.0.9")


async def ship(tour: Tour) -> None:
    """The main job: ask, approve with a second factor, live."""
    tour.step("Lin asks for a good build; every gate passes and the approvers are told")
    reason = "Retry card captures <!channel> on timeouts"
    await tour.command(LIN, "Lin", f"request catalogue b81e6f0 ticket=CHG-1207 {reason}")
    card = await tour.message(DEPLOYMENTS, "b81e6f0", "Approve")
    tour.step("Lin cannot approve her own request")
    await tour.press(LIN, "Lin", "Approve", card, DEPLOYMENTS)
    await tour.told(LIN, "Lin", "nobody approves their own")
    tour.step("Ada approves: a click is intent, the second factor is authority")
    await tour.press(ADA, "Ada", "Approve", card, DEPLOYMENTS)
    await tour.modal(ADA, "Ada", "b81e6f0")
    wrong = "000000" if tour.run.code("ada") != "000000" else "111111"
    delivered = await tour.slack.submit(ADA, {"code": wrong})
    need(delivered.errors, "a wrong code is an error beside its field")
    tour.show("Ada (modal)", str(delivered.errors))
    delivered = await tour.slack.submit(ADA, {"code": tour.run.code("ada")})
    need(not delivered.errors, delivered.errors)
    await tour.slack.close(ADA, everything=True)
    tour.step("With the last seat filled it starts at once, and is live")
    live = await tour.message(DEPLOYMENTS, "b81e6f0", "Live")
    await tour.message(DEPLOYMENTS, "Ada approved", thread_of=live["ts"])
    await tour.message(RELEASES, "b81e6f0")
    async with (
        aiohttp.ClientSession() as session,
        session.get(tour.run.url("world") + "/running/catalogue/production") as answer,
    ):
        need((await answer.json())["digest"], "the world runs nothing")


async def wait_for_the_window(tour: Tour) -> None:
    """The calendar says when, not only no."""
    zone = ZoneInfo("America/New_York")
    now = datetime.now(zone)
    saturday = (now + timedelta(days=(5 - now.weekday()) % 7 or 7)).replace(hour=12, minute=0)
    tour.step("A request for a Saturday waits for its window, and says until when")
    await tour.command(
        LIN, "Lin", f"request checkout 7a3f9c2 ticket=CHG-1300 at={saturday:%Y-%m-%dT%H:%M} Weekend try"
    )
    card = await tour.message(DEPLOYMENTS, "7a3f9c2", "Reject")
    tour.step("Bo rejects it with a reason that is kept")
    await tour.press(BO, "Bo", "Reject", card, DEPLOYMENTS)
    await tour.modal(BO, "Bo", "DEP-")
    await tour.slack.submit(BO, {"reason": "Ask again for Tuesday, please."})
    await tour.message(DEPLOYMENTS, "7a3f9c2", "Rejected")


async def freeze_and_thaw(tour: Tour) -> None:
    """A freeze holds what is approved; lifted, it starts by itself, because its requester said when."""
    tour.step("This week at a glance, in Lin's zone beside the policy's")
    await tour.command(LIN, "Lin", "windows production checkout")
    await tour.told(LIN, "Lin", "policy", "now")
    tour.step("Ada freezes production; everybody is told what it means and who lifts it")
    await tour.command(
        ADA, "Ada", "freeze production services=catalogue class=hard The campaign starts tonight"
    )
    await tour.message(RELEASES, "Frozen", "/deploy unfreeze FRZ-1")
    tour.step("Lin asks all the same, to start at the next opening; Bo approves; it waits and says for what")
    built = await tour.world("/builds", {"service": "catalogue"})
    await tour.command(
        LIN, "Lin", f"request catalogue {built['tag']} ticket=CHG-1350 at=next After the campaign"
    )
    card = await tour.message(DEPLOYMENTS, built["tag"], "Approve", "FRZ-1")
    await tour.press(BO, "Bo", "Approve", card, DEPLOYMENTS)
    await tour.modal(BO, "Bo", built["tag"])
    delivered = await tour.slack.submit(BO, {"code": tour.run.code("bo")})
    need(not delivered.errors, delivered.errors)
    await tour.slack.close(BO, everything=True)
    await tour.message(DEPLOYMENTS, built["tag"], "Approved", "FRZ-1")
    await tour.command(LIN, "Lin", "when catalogue production")
    await tour.told(LIN, "Lin", "catalogue", "nobody knows when", "FRZ-1", "The newest version")
    tour.step("The freeze is lifted: what was approved starts by itself, and nothing else does")
    await tour.command(ADA, "Ada", "unfreeze FRZ-1 The campaign went well")
    await tour.message(RELEASES, "lifted")
    await tour.message(DEPLOYMENTS, built["tag"], "Live")


async def turn_red(tour: Tour) -> None:
    """RED finds the person on call and closes the gate; GREEN opens it again."""
    tour.step("Production turns RED: one incident, and the person on call by name")
    await tour.world("/health", {"health": "error"})
    incident = await tour.message(INCIDENTS, "RED", f"<@{CY}>")
    await tour.command(LIN, "Lin", "status", DEPLOYMENTS)
    tour.step("Meanwhile nothing else goes out")
    await tour.command(LIN, "Lin", "request checkout 7a3f9c2 ticket=CHG-1301 Not now")
    await tour.told(LIN, "Lin", "7a3f9c2", "RED")
    tour.step("Cy acknowledges; the service recovers; the incident closes by itself")
    await tour.press(CY, "Cy", "Acknowledge", incident, INCIDENTS)
    await tour.message(INCIDENTS, "Cy has it")
    await tour.world("/health", {"health": "ok"})
    await tour.message(INCIDENTS, "RESOLVED")


async def change_the_policy(tour: Tour) -> None:
    """A bad policy changes nothing and says so."""
    tour.step("A bad policy file leaves the old one in force, and says so by line")
    policy = tour.run.folder / "policy.yaml"
    good = policy.read_text()
    policy.write_text(good.replace("timezone: America/New_York", "timezone: America/New_Yrok"))
    tour.run.processes["bot"].send_signal(signal.SIGHUP)
    await tour.message(DEPLOYMENTS, "America/New_Yrok")
    policy.write_text(good.replace("expires: 24h", "expires: 12h"))
    tour.run.processes["bot"].send_signal(signal.SIGHUP)
    await tour.message(DEPLOYMENTS, "in force")


async def survive_a_crash(tour: Tour) -> None:
    """What was promised is durable."""
    tour.step("The bot is killed right after a command; nothing is lost")
    built = await tour.world("/builds", {"service": "catalogue"})
    await tour.command(LIN, "Lin", f"request catalogue {built['tag']} ticket=CHG-1400 After the crash")
    await stop_one(tour.run, "bot", signal.SIGKILL)
    print("   (killed, and started again)")
    await start_bot(tour.run)
    await tour.message(DEPLOYMENTS, built["tag"], "Approve")


async def be_audited(tour: Tour) -> None:
    """The record holds, and can be verified without trusting the bot."""
    tour.step("The auditor verifies the record")
    tour.show("auditor", await tour.portcullis("audit", "verify"))
    entries = [json.loads(line) for line in (await tour.portcullis("audit", "export")).splitlines()]
    record = next(e["facts"]["approval"] for e in entries if e["type"] == "approval.counted")
    expected = {"artifact", "approver", "approved_at", "deployment_window", "approval_duration_seconds"}
    need(set(record) == expected, record)
    tour.show("auditor", json.dumps(record, indent=2))


async def ask_why(tour: Tour) -> None:
    """Why, with every gate's evidence."""
    tour.step("Why? Every gate with its evidence and its age")
    await tour.command(ADA, "Ada", "why DEP-1")
    await tour.told(ADA, "Ada", "DEP-1", "vulnerab")
    tour.show("pipeline", await tour.portcullis("check", "checkout", "latest", "production", status=1))


STORY: tuple[Callable[[Tour], Awaitable[None]], ...] = (
    ask_in_vain,
    be_refused,
    ship,
    wait_for_the_window,
    freeze_and_thaw,
    turn_red,
    ask_why,
    change_the_policy,
    survive_a_crash,
    be_audited,
)


async def tour(example: str, folder: Path, *, socket_mode: bool) -> int:
    """The whole story; 0 when every step happened."""
    began = asyncio.get_running_loop().time()
    try:
        async with (
            running(example, folder, free_ports(), socket_mode=socket_mode) as run,
            SandboxClient(run.url("sandbox")) as slack,
        ):
            seconds = asyncio.get_running_loop().time() - began
            print(f"{example}: sandbox, bot and sample world are up after {seconds:.1f} s")
            journey = Tour(run, slack)
            for part in STORY:
                await part(journey)
            _no_leaks(run)
    except (AssertionError, DidNotStart, WaitedInVain) as error:
        print(f"\nNOT SO: {error}\nLogs: {folder}", file=sys.stderr)
        return 1
    print(f"\nAll {journey.steps} steps happened. Logs: {folder}")
    return 0


def _no_leaks(run: Running) -> None:
    """No secret of this run stands in the bot's log."""
    log = (run.folder / "bot.log").read_text(errors="replace")
    names = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "PORTCULLIS_SECRET_KEY", "SLACK_APP_TOKEN")
    secrets = [run.environment[n] for n in names if n in run.environment] + list(run.factors.values())
    for secret in secrets:
        need(secret not in log, "a secret stands in the bot's log")
    need(not re.search(r'"level": "error"', log), "the bot logged an error:\n" + log[-2000:])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--example", default="readiness")
    parser.add_argument("--socket-mode", action="store_true")
    options = parser.parse_args()
    folder = ROOT / "var" / "tour"
    return asyncio.run(tour(options.example, folder, socket_mode=options.socket_mode))


if __name__ == "__main__":
    sys.exit(main())
