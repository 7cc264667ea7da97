"""The application as a whole: unknown addresses, bugs, and what its log says of a request."""

import io
import json
from typing import Any

import pytest

TOKEN = "ci-token-0123456789abcdef"


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "address", ["/", "/api", "/api/v1/nothing", "/%00", "/api/v1/requests/a/b", "/slack/events"]
)
async def test_an_unknown_address_is_a_404_in_words(served: Any, address: str) -> None:
    status, answer = await served.get(address)
    assert (status, answer["error"]) == (404, "not-found")
    assert answer["message"].endswith(".")


async def test_posting_to_an_unknown_address_is_answered_without_reading_the_body(served: Any) -> None:
    assert (await served.post(b"x" * 3_000_000, path="/nothing"))[0] == 404


async def test_another_method_is_told_which_one_it_takes(served: Any) -> None:
    async with served.session.delete(served.url + "/api/v1/evidence") as answer:
        said = await answer.json()
        assert (answer.status, answer.headers["Allow"], said["error"]) == (405, "POST", "no-such-method")
        assert said["message"] == "DELETE is not for this address; it takes POST."


class Broken:
    """A ledger whose database went away, with the statement in its complaint as drivers like to have it."""

    async def write(self, _: Any) -> Any:
        raise RuntimeError(
            f"no such table\n[parameters: ('hunter2-in-the-body', 'Bearer {TOKEN}')]\n(Background)"
        )

    read = write


@pytest.mark.requirement("D7")
@pytest.mark.parametrize("context_changes", [{"ledger": Broken()}])
async def test_a_handler_that_raises_answers_500_and_logs_the_stack_without_body_or_token(
    served: Any, good: Any, logged: io.StringIO
) -> None:
    status, answer = await served.post(good(details={"note": "hunter2-in-the-body"}))
    assert (status, answer["error"]) == (500, "internal")
    assert answer["message"] == "Something broke here; the log of the bot has the details."
    (line,) = [each for each in lines(logged) if each["event"] == "http.failed"]
    assert (line["method"], line["path"], line["level"]) == ("POST", "/api/v1/evidence", "error")
    assert "Traceback" in line["exception"]
    assert "RuntimeError: no such table" in line["exception"]
    assert "hunter2" not in logged.getvalue()
    assert TOKEN not in logged.getvalue()


@pytest.mark.requirement("D7")
async def test_a_log_line_has_no_query_no_body_and_no_token(served: Any, logged: io.StringIO) -> None:
    await served.get("/api/v1/requests?before=5&note=hunter2-in-the-query")
    await served.post({"kind": "hunter2-in-the-body"})
    seen = [(each["method"], each["path"], each["status"]) for each in lines(logged)]
    assert seen == [("GET", "/api/v1/requests", 200), ("POST", "/api/v1/evidence", 422)]
    assert all(each["ms"] >= 0 for each in lines(logged))
    assert "hunter2" not in logged.getvalue()
    assert TOKEN not in logged.getvalue()


@pytest.mark.requirement("D7")
async def test_a_request_that_is_no_http_leaves_none_of_it_in_the_log(
    served: Any, logged: io.StringIO
) -> None:
    import asyncio

    for sent in (
        f"GET / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\x00\r\n\r\n",
        "POST /api/v1/evidence HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nhunter2-in-the-body",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(sent.encode())
        assert b" 400 " in (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n")[0]
        writer.close()
    assert "malformed" in logged.getvalue()
    assert "hunter2" not in logged.getvalue()
    assert TOKEN not in logged.getvalue()


async def test_probes_are_not_logged_while_they_succeed(served: Any, logged: io.StringIO) -> None:
    for path in ("/healthz", "/readyz", "/health", "/metrics"):
        async with served.session.get(served.url + path) as answer:
            assert answer.status == 200
    assert lines(logged) == []
