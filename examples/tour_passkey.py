"""The part of the tour about second factors: enrolment, approval by passkey, and what an auditor makes of it."""

import asyncio
import re
from typing import Any

import aiohttp

from examples.assertion import findings
from examples.demo import COOL_OFF
from examples.journey import ADA, BO, DEPLOYMENTS, LIN, ONE_USE, RELEASES, Tour, need

FINGERPRINT = re.compile(r"[A-Z2-7]{4}-[A-Z2-7]{4}")


async def ask(tour: Tour) -> None:
    """A good build waits for an approval that a click alone cannot give."""
    tour.step("Lin asks for a good build; every gate passes and the approvers are told")
    reason = "Retry card captures <!channel> on timeouts"
    await tour.command(LIN, "Lin", f"request catalogue b81e6f0 ticket=CHG-1207 {reason}")
    card = await tour.message(DEPLOYMENTS, "b81e6f0", "Approve")
    tour.step("Lin cannot approve her own request")
    await tour.press(LIN, "Lin", "Approve", card, DEPLOYMENTS)
    await tour.told(LIN, "Lin", "nobody approves their own")
    tour.step("Ada may approve, but has no second factor: her click counts for nothing")
    await tour.press(ADA, "Ada", "Approve", card, DEPLOYMENTS)
    await tour.told(ADA, "Ada", "/deploy enroll")
    await tour.message(DEPLOYMENTS, "b81e6f0", "needs 1 more approval", shown=False)


async def enrol(tour: Tour) -> None:
    """What a stolen Slack login cannot do: a passkey by the host's code, and an administrator beside."""
    tour.step("Ada enrols a passkey: the link from Slack alone enrols nothing, the page asks for a proof")
    await tour.browser("Ada").open(await tour.link_of_command(ADA, "Ada", "enroll"))
    await tour.page("Ada", "Step 1 of 2", "One-use code")
    printed = await tour.portcullis("enroll", "ada")
    tour.show("host", printed)
    code = ONE_USE.search(printed)
    need(code, "the host prints a one-use code")
    tour.secrets.append(code[0] if code else "")
    await tour.sign("Ada", "Use the code", host_code=tour.secrets[-1])
    await tour.page("Ada", "You have proved that you are Ada", only=2)
    await tour.sign("Ada", "Make a passkey", name="Laptop")
    await tour.page("Ada", "an administrator has to confirm it")
    await tour.message(DEPLOYMENTS, "Ada enrolled a passkey", "/deploy confirm-factor ada")
    await confirm(tour)
    tour.step(f"It cools off first: a day for a team, {COOL_OFF} s by the policy of this demo")
    card = await tour.message(DEPLOYMENTS, "b81e6f0", "needs 1 more approval", shown=False)
    await tour.press(ADA, "Ada", "Approve", card, DEPLOYMENTS)
    await tour.told(ADA, "Ada", "Your second factor is new")


async def confirm(tour: Tour) -> None:
    """A second person says that it was Ada, and proves to be themselves."""
    tour.step("Lin is no administrator; Bo is one, asks Ada by phone, and confirms it with a code")
    await tour.command(LIN, "Lin", "confirm-factor ada")
    await tour.browser("Bo").open(await tour.link_of_command(BO, "Bo", "confirm-factor ada"))
    await tour.page("Bo", "Laptop")
    wrong = "000000" if tour.run.code("bo") != "000000" else "111111"
    await tour.sign("Bo", "Confirm with a code", code=wrong)
    need("That code is wrong" in tour.browser("Bo").text, "a wrong code is an error beside its field")
    tour.show("Bo (browser)", next(line for line in tour.browser("Bo").page.lines if "✗" in line))
    await tour.sign("Bo", "Confirm with a code", code=tour.run.code("bo"))
    tour.cool_until = asyncio.get_running_loop().time() + COOL_OFF
    await tour.page("Bo", "You confirmed the second factor")
    await tour.told(ADA, "Ada", "Bo confirmed a passkey")


async def approve(tour: Tour) -> None:
    """A click is intent, the second factor is authority, and it is bound to exactly this change."""
    tour.step("Ada approves by passkey, once it has cooled off: the page shows what she signs")
    left = tour.cool_until - asyncio.get_running_loop().time()
    if left > 0:
        print(f"   ({left:.0f} s later)")
        await asyncio.sleep(left)
    card = await tour.message(DEPLOYMENTS, "b81e6f0", "needs 1 more approval", shown=False)
    link = await tour.link_of_press(ADA, "Ada", "Approve", card, DEPLOYMENTS)
    fingerprint = FINGERPRINT.search(tour.slack.text_of(card))
    need(fingerprint, "the message shows the fingerprint")
    await tour.browser("Ada").open(link)
    await tour.page("Ada", "Approve catalogue b81e6f0 → production?", fingerprint[0] if fingerprint else "")
    tour.step("Eve has got hold of the link; her own passkey signs nothing on it")
    await tour.browser("Eve").open(link)
    await tour.sign("Eve", "Approve with a passkey")
    await tour.page("Eve", "✗")
    tour.step("With Ada's signature the last seat is filled: it starts at once, and is live")
    await tour.sign("Ada", "Approve with a passkey")
    await tour.page("Ada", "Your approval is recorded")
    live = await tour.message(DEPLOYMENTS, "b81e6f0", "Live")
    await tour.message(DEPLOYMENTS, "Ada approved", thread_of=live["ts"])
    await tour.message(RELEASES, "b81e6f0")
    async with (
        aiohttp.ClientSession() as session,
        session.get(tour.run.url("world") + "/running/catalogue/production") as answer,
    ):
        need((await answer.json())["digest"], "the world runs nothing")


def be_verified(tour: Tour, entries: list[dict[str, Any]]) -> None:
    """Ada's signature holds for whoever has the exported entries and no program of ours."""
    signed = next(e for e in entries if e["type"] == "approval.signed")
    evidence = find(signed, "client_data_json")
    need(evidence, "the raw assertion is in the record")
    held = findings(evidence)
    tour.show("auditor", "\n".join(f"{'✓' if holds else '✗'} {what}" for what, holds in held.items()))
    need(all(held.values()), "every check of the assertion")
    swapped = evidence | {"challenge": evidence["challenge"] | {"fingerprint": "sha256:" + "0" * 64}}
    need(not all(findings(swapped).values()), "the same signature is of no other change")
    tour.show("auditor", "… and with another fingerprint in the record, it would be of nothing.")


def find(said: Any, key: str) -> dict[str, Any]:
    """The object within `said` that has `key`, wherever it stands."""
    if isinstance(said, dict):
        if key in said:
            return said
        return next((found for each in said.values() if (found := find(each, key))), {})
    if isinstance(said, list):
        return next((found for each in said if (found := find(each, key))), {})
    return {}
