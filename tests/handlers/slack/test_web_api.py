import math
import time

import pytest

from handlers.slack.web_api import METHODS, SlackApi, SlackFailed
from tests.handlers.slack.conftest import Stub


async def test_a_method_that_is_not_declared_cannot_be_called(stub: Stub) -> None:
    with pytest.raises(LookupError, match=r"chat\.delete"):
        await SlackApi("xoxb-test", f"{stub.url}/api/").call("chat.delete")
    assert not stub.calls


@pytest.mark.parametrize(
    ("base", "url", "believed"),
    [
        ("https://slack.com/api/", "https://hooks.slack.com/commands/T/1/x", True),
        ("https://slack.com/api/", "https://hooks.slack.com:443/commands/T/1/x", True),
        ("https://slack.com/api/", "http://hooks.slack.com/commands", False),
        ("https://slack.com/api/", "https://hooks.slack.com:8443/commands", False),
        ("https://slack.com/api/", "https://slack.com/anything", False),
        ("https://slack.com/api/", "https://hooks.slack.com@evil.example/", False),
        ("https://slack.com/api/", "http://[broken", False),
        ("http://127.0.0.1:8070/api/", "http://127.0.0.1:8070/response/1", True),
        ("http://127.0.0.1:8070/api/", "http://127.0.0.1:8071/response/1", False),
        ("http://127.0.0.1:8070/api/", "http://127.0.0.1:notaport/", False),
    ],
)
def test_only_slacks_own_response_urls_are_believed(base: str, url: str, believed: bool) -> None:
    assert SlackApi("xoxb-test", base).believes(url) is believed


async def test_a_strange_response_url_is_refused_before_it_is_asked(stub: Stub) -> None:
    with pytest.raises(SlackFailed, match="bad-response-url"):
        await SlackApi("xoxb-test", f"{stub.url}/api/").respond(
            "http://127.0.0.1:1/response/1", {"text": "x"}
        )


async def test_the_patient_client_waits_once_for_a_rate_limit(stub: Stub) -> None:
    from aiohttp import web

    stub.failures.append(
        web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "0"})
    )
    api = SlackApi("xoxb-test", f"{stub.url}/api/")
    try:
        assert (await api.call("views.open", patient=True, trigger_id="1"))["ok"]
    finally:
        await api.close()
    assert len(stub.calls) == 2


async def test_when_slack_answered_last_is_known_and_failures_are_no_answers(stub: Stub) -> None:
    from aiohttp import web

    api = SlackApi("xoxb-test", f"{stub.url}/api/")
    stub.failures.append(web.Response(status=502, text="<html>a proxy of somebody</html>"))
    try:
        with pytest.raises(SlackFailed):
            await api.call("auth.test")
        assert api.answered_at == -math.inf
        await api.call("auth.test")
        assert 0 <= time.monotonic() - api.answered_at < 30
    finally:
        await api.close()


def test_no_secret_is_shown_by_a_repr(stub: Stub) -> None:
    assert "xoxb" not in repr(SlackApi("xoxb-test"))


def test_every_method_is_declared_with_scopes_it_takes() -> None:
    assert all(isinstance(scopes, tuple) for scopes in METHODS.values())
