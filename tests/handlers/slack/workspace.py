"""Who is who in these tests, what waits for them, and what an answer shows."""

from typing import Any

from bot.domain.audit import Fact
from bot.domain.second_factor import Credential
from storage.ledger import Ledger
from tests.handlers.slack.examples import NOW, request

LIN, ADA, BO, CY, STRANGER = "U01LIN", "U02ADA", "U03BO", "U04CY", "U99EVE"


async def requests(ledger: Ledger) -> list[Any]:
    return await ledger.read(lambda tx: tx.requests.newest(limit=50))


async def waiting(ledger: Ledger, **changes: Any) -> None:
    """DEP-42, asked for by lin, waits for ada and bo, who have a second factor."""

    def step(tx: Any) -> None:
        tx.requests.put(request(**changes), Fact(type="request.submitted"))
        for person in ("lin", "ada", "bo"):
            credential = Credential(
                id=f"totp-{person}",
                person=person,
                method="totp",
                sealed="x",
                enrolled_at=NOW,
                enrolled_by="host:root",
            )
            tx.credentials.put(credential, Fact(type="credential.enrolled"))

    await ledger.write(step)


def shown(body: Any) -> str:
    assert isinstance(body, dict)
    assert body["response_type"] == "ephemeral"
    return "\n".join(b["text"]["text"] for b in body["blocks"] if b["type"] == "section")
