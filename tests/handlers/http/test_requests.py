"""GET /api/v1/requests and /api/v1/requests/ID: pages without gaps, and one sentence for what there is not."""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.artifact import Artifact
from bot.domain.audit import Fact
from bot.domain.change_request import Actor, ChangeRequest, Kind
from bot.ports import Transaction


async def ask(served: Any, count: int) -> None:
    """So many requests stand in the ledger, DEP-1 first."""

    def step(tx: Transaction) -> None:
        for _ in range(count):
            number = tx.requests.next_number()
            request = ChangeRequest(
                id=f"DEP-{number}",
                number=number,
                kind=Kind.PROMOTION,
                service="checkout",
                environment="production",
                artifact=Artifact("7a3f9c2"),
                requester=Actor(via="slack:T1/U02BO", person="bo"),
                requested_at=tx.now,
                expires_at=tx.now + timedelta(hours=24),
                evidence_deadline=tx.now,
                ticket="CHG-1",
                reason="<!channel> ship it",
            )
            tx.requests.put(request, Fact(type="request.submitted"))

    await served.ledger.write(step)


@pytest.mark.parametrize(
    ("count", "pages"), [(0, [0]), (1, [1]), (50, [50]), (51, [50, 1]), (120, [50, 50, 20])]
)
async def test_the_pages_hold_every_request_once_newest_first(
    served: Any, count: int, pages: list[int]
) -> None:
    await ask(served, count)
    seen: list[list[str]] = []
    address: str | None = "/api/v1/requests"
    while address is not None:
        status, answer = await served.get(address)
        assert status == 200
        seen.append([r["id"] for r in answer["requests"]])
        address = answer["next"]
    assert [len(page) for page in seen] == pages
    assert [id_ for page in seen for id_ in page] == [f"DEP-{n}" for n in range(count, 0, -1)]


@pytest.mark.parametrize("before", ["", "x", "-1", "1.5", "٤٢", "²", "9" * 10, "9" * 400, "1%00"])
async def test_a_page_before_nonsense_is_a_400_that_names_it(served: Any, before: str) -> None:
    status, answer = await served.get(f"/api/v1/requests?before={before}")
    assert (status, answer["field"]) == (400, "before")


async def test_a_request_is_shown_as_it_stands(served: Any) -> None:
    await ask(served, 1)
    status, answer = await served.get("/api/v1/requests/DEP-1")
    assert status == 200
    assert answer["requester"] == "bo"
    assert answer["state"] == "evaluating"
    assert answer["reason"] == "<!channel> ship it"
    assert (answer["approvals"], answer["runs"], answer["closed"]) == ([], [], None)


@pytest.mark.parametrize(
    "name", ["DEP-9", "dep-1", "1", "%00", "%ED%A0%80", "x" * 400, "..%2f..", "DEP-1%20"]
)
async def test_an_unknown_request_is_a_404_in_words(served: Any, name: str) -> None:
    await ask(served, 1)
    status, answer = await served.get(f"/api/v1/requests/{name}")
    assert (status, answer["error"]) == (404, "unknown-request")
    assert answer["message"].startswith("There is no request ")


@pytest.mark.parametrize("address", ["/api/v1/requests", "/api/v1/requests/DEP-1"])
async def test_the_record_takes_a_token(served: Any, address: str) -> None:
    await ask(served, 1)
    status, answer = await served.get(address, token=None)
    assert (status, answer["error"]) == (401, "unauthorized")
