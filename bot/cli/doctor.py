"""`portcullis doctor`: try everything the bot needs, and say what is missing before it matters (C1, D4)."""

import argparse
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.policy import Environment, Policy
    from bot.settings import Settings

Probe = Callable[[], Awaitable[str]]
SLACK_SECONDS = 10
NOT_SLACK = "what answers at PORTCULLIS_SLACK_API_URL is not Slack"


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("doctor", help="try settings, policy, database and Slack; say what is wrong")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0: all good; 1: something is not; 2: settings or policy cannot be read. It changes nothing."""
    import asyncio
    import json

    from bot.cli.configured import policy_file, settings
    from bot.settings import Settings

    configured = settings(Settings)
    policy = policy_file(configured.policy)
    found = asyncio.run(_probed(configured, policy))
    good = all(fine for _, fine, _ in found)
    if args.json:
        listed = [{"name": name, "ok": fine, "text": text} for name, fine, text in found]
        print(json.dumps({"ok": good, "checks": listed}))
    else:
        for name, fine, text in found:
            print(f"{'ok' if fine else 'WRONG':<5} {name}: {text}")
    return 0 if good else 1


async def _probed(configured: "Settings", policy: "Policy") -> list[tuple[str, bool, str]]:
    from bot.cli.configured import cause

    found = [("settings", True, "complete"), ("policy", True, _policy(policy))]
    probes: dict[str, Probe] = {
        "database": lambda: _database(configured.database_url),
        "second factors": lambda: _factors(configured.database_url, policy),
        "enrolment": lambda: _enrolment(configured, policy),
        "address": lambda: _address(configured),
        "Slack": lambda: _slack(configured),
    }
    if configured.slack_app_token is not None:
        probes["Socket Mode"] = lambda: _socket_mode(configured)
    for name, probe in probes.items():
        try:
            found.append((name, True, await probe()))
        except Exception as error:  # noqa: BLE001 -- the doctor reports whatever it finds
            found.append((name, False, cause(error)))
    return found


def _policy(policy: "Policy") -> str:
    environments = ", ".join(policy.environments)
    return f"{policy.digest[:19]}… for {environments}"


async def _database(url: str) -> str:
    from bot.cli.configured import DatabaseUnusableError, revision
    from storage import schema

    found = await revision(url)
    if found is None:
        return f"not there yet; `run` makes it, at schema {schema.HEAD}"
    if found > schema.HEAD:
        raise DatabaseUnusableError(str(schema.NewerSchemaError(found)))
    return f"schema {found}" + ("" if found == schema.HEAD else f"; `run` migrates it to {schema.HEAD}")


async def _factors(url: str, policy: "Policy") -> str:
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import revision
    from storage import schema
    from storage.ledger import Ledger

    enrolled: list[str] = []
    if await revision(url) == schema.HEAD:
        ledger = Ledger(url, SystemClock())
        try:
            enrolled = await ledger.read(lambda tx: [p for p in policy.people if tx.credentials.of(p)])
        finally:
            await ledger.close()
    missing = sorted(set(policy.people) - set(enrolled))
    said = f"{len(enrolled)} of {len(policy.people)} people enrolled"
    return said + (f"; not yet: {', '.join(missing)} (portcullis enroll)" if missing else "")


async def _enrolment(configured: "Settings", policy: "Policy") -> str:
    """What makes enrolment weaker than it could be: told, and nothing that keeps the bot from running."""
    protected = {name: e for name, e in policy.environments.items() if e.kind == "production"}
    administrators = policy.second_factors.administrators
    warnings = []
    if protected and not administrators:
        warnings.append(
            f"{', '.join(protected)}: whoever has the host can enrol anybody alone; name second_factors.administrators"
        )
    if configured.public_url is None and (mute := [n for n, e in protected.items() if not _takes_codes(e)]):
        warnings.append(f"{', '.join(mute)}: nobody can approve without our pages; set PORTCULLIS_PUBLIC_URL")
    asked = [role for role in administrators if policy.roles[role].live_sources]
    if asked:
        warnings.append(
            f"{', '.join(asked)}: administrators are those whom the policy itself names (people, on_call); what would "
            "have to be asked elsewhere makes nobody one"
        )
    if warnings:
        return f"warning: {'; '.join(warnings)}"
    if not administrators:
        return "whoever has the host enrols anybody, and nothing here is of kind production"
    return f"nobody enrols anybody alone, once {' or '.join(administrators)} has a second factor"


def _takes_codes(environment: "Environment") -> bool:
    approval = environment.approval
    return not approval.seats or "totp" in approval.second_factor.methods


async def _address(configured: "Settings") -> str:
    """Whether the bot could listen. That something listens there already may be the bot itself."""
    import asyncio
    import errno

    where = f"{configured.http_host}:{configured.http_port}"
    try:
        server = await asyncio.start_server(
            lambda _r, w: w.close(), configured.http_host, configured.http_port
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"{where} is in use: by the bot, if it runs; otherwise it cannot start"
        raise
    server.close()
    await server.wait_closed()
    return f"{where} is free"


class SlackRefusedError(Exception):
    """Slack, or whatever answers in its place, did not say yes; the text says so in a few words."""


async def _slack(configured: "Settings") -> str:
    from slack_sdk.web.async_client import AsyncWebClient

    token = configured.slack_bot_token.get_secret_value()
    client = AsyncWebClient(token, base_url=configured.slack_api_url, timeout=SLACK_SECONDS)
    answer = await _asked(client.auth_test())
    return f"workspace {answer.get('team')}, as {answer.get('user')}"


async def _socket_mode(configured: "Settings") -> str:
    from slack_sdk.web.async_client import AsyncWebClient

    token = "" if configured.slack_app_token is None else configured.slack_app_token.get_secret_value()
    client = AsyncWebClient(base_url=configured.slack_api_url, timeout=SLACK_SECONDS)
    await _asked(client.apps_connections_open(app_token=token))
    return "the app-level token opens connections"


async def _asked(call: Awaitable[Any]) -> Any:
    """Slack's answer. Raises SlackRefusedError with Slack's own code, never with the rest of an answer: it may come
    from anybody who sits between."""
    import aiohttp
    from slack_sdk.errors import SlackApiError

    try:
        return await call
    except TimeoutError:
        raise SlackRefusedError(f"no answer within {SLACK_SECONDS} s") from None
    except (OSError, aiohttp.ClientError):
        raise
    except SlackApiError as error:
        raise SlackRefusedError(_code(error.response) or NOT_SLACK) from None
    except Exception:  # noqa: BLE001 -- the client trusts what answers, and breaks in many ways where it should not
        raise SlackRefusedError(NOT_SLACK) from None


def _code(answer: Any) -> str | None:
    import re

    code = answer.get("error") if hasattr(answer, "get") else None
    known = isinstance(code, str) and re.fullmatch(r"[a-z_]{1,64}", code)
    return f"Slack refuses it: {code}" if known else None
