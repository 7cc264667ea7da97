"""The commands that the load generator posts are what Slack posts, and no two are the same."""

from urllib.parse import parse_qs

from slack_sdk.signature import SignatureVerifier

from bench.commands import SIGNING_SECRET, Commands
from bench.cores import starting_on, two_cores
from bench.imports import others

COMMANDS = Commands("127.0.0.1:1", "seed", "http://127.0.0.1:2")


def parts(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}, body


def test_every_command_is_signed_as_slack_signs() -> None:
    headers, body = parts(COMMANDS.request(1))
    assert SignatureVerifier(SIGNING_SECRET).is_valid_request(body, headers)
    assert not SignatureVerifier(SIGNING_SECRET).is_valid_request(body + b"x", headers)
    assert int(headers["Content-Length"]) == len(body)


def test_no_two_commands_share_a_trigger_or_ask_for_the_same_artifact() -> None:
    seen = [
        parse_qs(parts(c.request(n))[1].decode())
        for c in (COMMANDS, Commands("h", "b", "r"))
        for n in range(50)
    ]
    assert len({form["trigger_id"][0] for form in seen}) == 100
    assert len({form["text"][0] for form in seen}) == 100


def test_what_is_started_on_a_core_does_not_keep_the_starter_there() -> None:
    before = two_cores()
    with starting_on(None if before is None else before[0]):
        pass
    assert two_cores() == before


def test_modules_of_other_people_are_those_that_are_neither_ours_nor_the_standard_librarys() -> None:
    import sqlalchemy

    import bot.ports

    loaded = {"asyncio": None, "bot.ports": bot.ports, "sqlalchemy": sqlalchemy, "sqlalchemy.orm": None}
    assert others(loaded) == ["sqlalchemy"]
