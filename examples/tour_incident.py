"""The part of the tour about an incident: RED, who is told, what is held, the way back, and what is owed afterwards."""

from datetime import datetime
from typing import Any

from examples.journey import ADA, CY, DEPLOYMENTS, INCIDENTS, LIN, Tour, need

FAIL_AFTER = 3
"""So many bad readings in a row turn the example's production RED."""
LAMPS = ("✓ GREEN", "! YELLOW", "✗ RED", "? UNKNOWN")
MAILBOX = "cy@acme.example"


async def turn_red(tour: Tour) -> None:
    """RED finds the person on call by every way there is, and says what was deployed shortly before."""
    tour.step(
        "What went out last breaks production: one incident, the person on call by name, what changed before"
    )
    broken = await tour.world("/fault", {"health": "error"})
    tour.incident = await tour.message(
        INCIDENTS, "RED", "production", "P0", f"<@{CY}> you are on call", f"`{broken['tag']}` by Lin, live"
    )
    tour.step("Cy is paged: a direct message in Slack, and a mail")
    await tour.paged(CY, "Cy", "you are on call", "RED · production", "[ Acknowledge ]")
    tour.show(MAILBOX, await mail(tour, "production is RED"))
    tour.step("Lin, whose change it was, is asked to come in; nobody claims that it was this")
    await tour.message(INCIDENTS, f"<@{LIN}>", "no claim that it was this", thread_of=tour.incident["ts"])
    tour.step("Meanwhile nothing else goes out")
    await tour.command(LIN, "Lin", "request checkout 7a3f9c2 ticket=CHG-1301 Not now")
    await tour.told(LIN, "Lin", "7a3f9c2", "production is RED", "INC-1 is open", "fixes=production")


async def mail(tour: Tour, *words: str) -> str:
    """Wait for a letter in the mailbox of whoever is on call, with all `words`."""

    async def find() -> str | None:
        letters = (await tour.state())["mail"]
        texts = [f"{each['subject']}\n{each['text']}" for each in letters if each["to"] == MAILBOX]
        return next((text for text in texts if all(word in text for word in words)), None)

    found = await tour.slack.wait_for(find, what=f"a mail with {words}", timeout=30)
    return found or ""


async def be_answered(tour: Tour) -> None:
    """Somebody has it, goes back, and it is over."""
    tour.step("Cy acknowledges by the button: everybody sees who has it, and nobody else is paged")
    await tour.press(CY, "Cy", "Acknowledge", tour.incident, INCIDENTS)
    card = await tour.message(INCIDENTS, "Cy has it", "RED")
    need(f"<@{CY}>" not in tour.slack.text_of(card), "nobody is called any more")
    await tour.message(INCIDENTS, "Nobody else is paged", thread_of=card["ts"])
    tour.step("Cy goes back to the version before; Ada approves it by passkey")
    await tour.press(CY, "Cy", "Roll back", card, INCIDENTS)
    await tour.modal(CY, "Cy", "Roll back", "Incident")
    sent = await tour.slack.submit(CY, {"reason": "It answers 503 since it is live"})
    need(sent.acknowledged and not sent.errors, sent)
    asked = await tour.message(DEPLOYMENTS, "Roll back catalogue", "INC-1", "[ Approve ]")
    await tour.browser("Ada").open(await tour.link_of_press(ADA, "Ada", "Approve", asked, DEPLOYMENTS))
    await tour.sign("Ada", "Approve with a passkey")
    await tour.page("Ada", "Your approval is recorded")
    tour.step("What ran before runs again, so production turns GREEN and the incident is over")
    await tour.message(INCIDENTS, "RESOLVED", "production", "All its monitors pass now")
    need((await tour.state())["feels"] == "ok", "production of the sample world is well again")


async def be_remembered(tour: Tour) -> None:
    """What is owed, and where it is seen later."""
    tour.step("Its post-mortem is drafted from the record, and Cy hears that he writes it")
    await tour.message(INCIDENTS, "Post-mortem of INC-1", "written by Cy", "It lacks", "[ Write ]")
    await tour.paged(CY, "Cy", "You write the post-mortem of INC-1")
    tour.step("How it stands and how it went: /env history, and the status page for everybody, without names")
    answer = await tour.command(LIN, "Lin", "history", slash="/env")
    need("INC-1" in answer and "production" in answer, answer)
    await tour.browser("Anybody").open(tour.run.origin + "/status")
    await tour.page("Anybody", "Incidents of the last 90 days", "INC-1", "over after")
    seen = tour.browser("Anybody")
    need([line for line in seen.page.lines if line in LAMPS] == ["✓ GREEN"] * 3, seen.text)
    need("Cy" not in seen.text, "the public page names nobody")
    tour.step("Who would be told next time?")
    answer = await tour.command(LIN, "Lin", "who", slash="/oncall")
    need("Cy is on call" in answer, answer)


async def be_counted(tour: Tour, entries: list[dict[str, Any]]) -> None:
    """The incident opened with the reading that makes it RED by the policy: not before, not after."""
    opened = [e for e in entries if e["type"] == "incident.opened"]
    need(len(opened) == 1, "there is one incident")
    at = datetime.fromisoformat(opened[0]["at"])
    readings = (await tour.state())["readings"]
    bad = [how for seen, how in readings if how != "ok" and datetime.fromisoformat(seen) <= at]
    need(len(bad) == FAIL_AFTER, f"it opened with reading {FAIL_AFTER} that failed, and not with {len(bad)}")
    tour.show("auditor", f"INC-1 opened with the reading number {len(bad)} in a row that failed.")
