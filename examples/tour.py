"""Drives the demo's whole journey without a person and prints it as a transcript; a step that did not happen ends
it with exit status 1."""

import argparse
import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from examples.demo import ENROLLED, ROOT, DidNotStart, Running, free_ports, running, start_bot, stop_one
from examples.journey import ADA, BO, DEPLOYMENTS, LIN, RELEASES, Tour, need
from examples.tour_incident import be_answered, be_counted, be_remembered, turn_red
from examples.tour_passkey import approve, ask, be_verified, enrol
from sandbox.client import SandboxClient, WaitedInVain


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
    told = await tour.told(LIN, "Lin", "CVE-2026-1234", "3.0.9")
    tour.refused = re.findall(r"DEP-\d+", told)[0]


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
    tour.step("Lin asks all the same, to start at the next opening; Ada approves; it waits and says for what")
    built = await tour.world("/builds", {"service": "catalogue"})
    await tour.command(
        LIN, "Lin", f"request catalogue {built['tag']} ticket=CHG-1350 at=next After the campaign"
    )
    card = await tour.message(DEPLOYMENTS, built["tag"], "Approve", "FRZ-1")
    await tour.browser("Ada").open(await tour.link_of_press(ADA, "Ada", "Approve", card, DEPLOYMENTS))
    await tour.sign("Ada", "Approve with a passkey")
    await tour.page("Ada", "Your approval is recorded")
    await tour.message(DEPLOYMENTS, built["tag"], "Approved", "FRZ-1")
    await tour.command(LIN, "Lin", "when catalogue production")
    await tour.told(LIN, "Lin", "catalogue", "nobody knows when", "FRZ-1", "The newest version")
    tour.step("The freeze is lifted: what was approved starts by itself, and nothing else does")
    await tour.command(ADA, "Ada", "unfreeze FRZ-1 The campaign went well")
    await tour.message(RELEASES, "lifted")
    await tour.message(DEPLOYMENTS, built["tag"], "Live")


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
    await tour.message(DEPLOYMENTS, "is in force")


async def crash(tour: Tour) -> None:
    """At the worst moment."""
    tour.step("The bot is killed right after a command")
    built = await tour.world("/builds", {"service": "catalogue"})
    tour.promised = built["tag"]
    await tour.command(LIN, "Lin", f"request catalogue {tour.promised} ticket=CHG-1400 After the crash")
    await stop_one(tour.run, "bot", signal.SIGKILL)
    print("   (killed, and started again)")
    await start_bot(tour.run)


async def keep_the_promise(tour: Tour) -> None:
    """What was promised is durable."""
    tour.step("Nothing is lost: what Lin asked for just before the crash goes on where it stood")
    await tour.message(DEPLOYMENTS, tour.promised, "Approve")


async def be_audited(tour: Tour) -> None:
    """What the record says can be verified without trusting the bot."""
    tour.step(
        "The auditor exports the record, and reads in it when the incident opened and who approved what"
    )
    entries = [json.loads(line) for line in (await tour.portcullis("audit", "export")).splitlines()]
    await be_counted(tour, entries)
    record = next(e["facts"]["approval"] for e in entries if e["type"] == "approval.counted")
    expected = {"artifact", "approver", "approved_at", "deployment_window", "approval_duration_seconds"}
    need(set(record) == expected, record)
    tour.show("auditor", json.dumps(record, indent=2))
    tour.step("Ada's signature is verified again, from the exported record alone")
    be_verified(tour, entries)


async def be_intact(tour: Tour) -> None:
    """After all of this."""
    tour.step("Nothing of the record was changed: the auditor verifies all of it")
    told = await tour.portcullis("audit", "verify")
    need(told.startswith("intact: "), told)
    tour.show("auditor", told)


async def ask_why(tour: Tour) -> None:
    """Why, with every gate's evidence."""
    tour.step("Why? Every gate with its evidence and its age")
    await tour.command(ADA, "Ada", f"why {tour.refused}")
    await tour.told(ADA, "Ada", tour.refused, "vulnerab")
    tour.show("pipeline", await tour.portcullis("check", "checkout", "latest", "production", status=1))


STORY: tuple[Callable[[Tour], Awaitable[None]], ...] = (
    ask,
    enrol,
    ask_in_vain,  # while it cools off
    be_refused,
    wait_for_the_window,
    approve,
    freeze_and_thaw,
    turn_red,
    be_answered,
    crash,
    ask_why,  # while the leases of the killed one run out
    be_audited,
    be_remembered,
    change_the_policy,
    keep_the_promise,
    be_intact,
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
            async with contextlib.aclosing(journey):
                need(
                    set((await journey.state())["codes"]) == set(ENROLLED),
                    "the world has their authenticators",
                )
                for part in STORY:
                    await part(journey)
            _no_leaks(run, journey.secrets)
    except (AssertionError, DidNotStart, WaitedInVain) as error:
        print(f"\nNOT SO: {error}\nLogs: {folder}", file=sys.stderr)
        return 1
    print(f"\nAll {journey.steps} steps happened. Logs: {folder}")
    return 0


def _no_leaks(run: Running, seen: list[str]) -> None:
    """No secret of this run stands in the bot's log."""
    log = (run.folder / "bot.log").read_text(errors="replace")
    names = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "PORTCULLIS_SECRET_KEY", "SLACK_APP_TOKEN")
    secrets = [run.environment[n] for n in names if n in run.environment] + [*run.factors.values(), *seen]
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
