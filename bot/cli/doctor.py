"""`portcullis doctor`: try everything the bot needs, and say what is missing before it matters (C1, D4)."""

import argparse
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.policy import Environment, Policy
    from bot.settings import Settings

Probe = Callable[[], Awaitable[str]]
SLACK_SECONDS = 10
MOST_NAMED = 10
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
    from bot.cli.doctor_tokens import tokens, told_of

    found = [("settings", True, "complete"), ("policy", True, _policy(policy))]
    probes: dict[str, Probe] = {
        "database": lambda: _database(configured.database_url),
        "second factors": lambda: _factors(configured.database_url, policy),
        "enrolment": lambda: _enrolment(configured, policy),
        "paging": lambda: _paging(configured, policy),
        "API tokens": lambda: tokens(configured, policy),
        "told monitors": lambda: told_of(configured, policy),
        "address": lambda: _address(configured),
        "Slack": lambda: _slack(configured, policy),
    }
    if configured.prometheus_url is None:
        probes["Prometheus"] = lambda: _prometheus(policy)
    if configured.slack_app_token is not None:
        probes["Socket Mode"] = lambda: _socket_mode(configured)
    for name, probe in probes.items():
        try:
            found.append((name, True, await probe()))
        except SeveralError as several:
            found += [(name, False, line) for line in several.lines]
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


class SeveralError(Exception):
    """Several things are wrong with one need; each is a line of its own, told in full."""

    def __init__(self, lines: "Iterable[str]") -> None:
        self.lines = tuple(dict.fromkeys(lines))
        super().__init__("\n".join(self.lines))


async def _paging(configured: "Settings", policy: "Policy") -> str:
    """Whether every name by which the policy pages somebody outside Slack leads somewhere. That people have an address
    and no mail is sent may be meant so: it is told, and keeps nothing from running."""
    integrations, hooks = set(configured.pagerduty_keys), set(configured.webhooks)
    unknown = [
        f"{place} names {kind} {name!r}, which is not in {setting}: nobody would be paged there"
        for place, kind, name, known, setting in _named(policy, integrations, hooks)
        if name not in known
    ]
    if unknown:
        raise SeveralError(unknown)
    ways = ["Slack"]
    ways += [f"PagerDuty ({', '.join(sorted(integrations))})"] if integrations else []
    ways += [f"webhooks ({', '.join(sorted(hooks))})"] if hooks else []
    addressed = [name for name, person in policy.people.items() if person.email is not None]
    if configured.smtp_url is not None:
        ways.append(f"mail ({len(addressed)} of {len(policy.people)} people have an address)")
    said = f"by {', '.join(ways)}"
    if configured.smtp_url is None and addressed:
        who = ", ".join(addressed[:MOST_NAMED]) + (", …" if len(addressed) > MOST_NAMED else "")
        return f"hint: the policy has an email of {who}, and no mail is sent; set PORTCULLIS_SMTP_URL. Paged {said}"
    return said


def _named(
    policy: "Policy", integrations: set[str], hooks: set[str]
) -> "Iterator[tuple[str, str, str, set[str], str]]":
    """Every name in the policy that the settings have to know: its place, what it is, and who knows it."""
    keys, addresses = "PORTCULLIS_PAGERDUTY_KEYS", "PORTCULLIS_WEBHOOKS"
    for number, step in enumerate(policy.escalation):
        for target in step.notify:
            if target.pagerduty is not None:
                yield f"escalation.{number}", "pagerduty", target.pagerduty, integrations, keys
            if target.webhook is not None:
                yield f"escalation.{number}", "webhook", target.webhook, hooks, addresses
    for name in policy.incidents.pages:
        yield "incidents.pages", "the way", name, integrations | hooks, f"{keys} nor in {addresses}"
    tickets = policy.incidents.tickets
    if tickets is not None and tickets.webhook is not None:
        yield "incidents.tickets", "webhook", tickets.webhook, hooks, addresses


def _takes_codes(environment: "Environment") -> bool:
    approval = environment.approval
    return not approval.seats or "totp" in approval.second_factor.methods


async def _prometheus(policy: "Policy") -> str:
    """Asked where the settings name no Prometheus: whether nobody needs one."""
    lines = []
    for name, environment in policy.environments.items():
        asks = [f"monitor {each.name}" for each in environment.monitors if each.kind == "prometheus"]
        asks += [f"analysis {each.name}" for each in environment.rollout.analysis]
        lines += [
            f"environments.{name}: {each} asks Prometheus, and PORTCULLIS_PROMETHEUS_URL is not set: it stays UNKNOWN, "
            "and what waits for it stays shut"
            for each in asks
        ]
    if lines:
        raise SeveralError(lines)
    return "not set, and the policy asks nothing of it"


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
    """Slack, or whatever answers in its place, did not say yes; the text says so in a few words. `code` is Slack's own,
    where it gave one."""

    def __init__(self, text: str, code: str | None = None) -> None:
        self.code = code
        super().__init__(text)


async def _slack(configured: "Settings", policy: "Policy") -> str:
    from slack_sdk.web.async_client import AsyncWebClient

    token = configured.slack_bot_token.get_secret_value()
    client = AsyncWebClient(token, base_url=configured.slack_api_url, timeout=SLACK_SECONDS)
    answer = await _asked(client.auth_test())
    unasked = await _channels(client, policy)
    said = f"workspace {answer.get('team')}, as {answer.get('user')}"
    if unasked:
        said += (
            f"; hint: whether there is {', '.join(unasked)}, the manifest's scopes do not allow to ask by name; "
            "a channel that the policy names by its id (C…) is looked up here"
        )
    return said


async def _channels(client: Any, policy: "Policy") -> list[str]:
    """Look for every channel of the policy, and give those that cannot be asked for. Without `channels:read` Slack
    tells of ids alone: for a link to a message that nobody wrote it says which is missing, channel or message, and
    changes nothing. Raises SeveralError naming those that are not there."""
    import re

    lost, unasked = [], dict[str, None]()
    for channel, places in _spoken_in(policy).items():
        if not re.fullmatch(r"[CG][A-Z0-9]{8,}", channel):
            unasked[f"#{channel}"] = None
            continue
        try:
            await _asked(client.chat_getPermalink(channel=channel, message_ts="1.000001"))
        except SlackRefusedError as refused:
            if refused.code == "message_not_found":
                continue
            why = "does not exist, or is private and the bot was not invited to it"
            if refused.code != "channel_not_found":
                why = f"could not be looked up ({refused})"
            lost += [f"{place}: the channel {channel} {why}" for place in places]
    if lost:
        raise SeveralError(lost)
    return [*unasked]


def _spoken_in(policy: "Policy") -> dict[str, list[str]]:
    """Every channel in which the policy lets the bot speak, with the places that say so."""
    from bot.flows.pages import channel_named

    found: dict[str, list[str]] = {}
    for use, channel in policy.slack.channels:
        found.setdefault(str(channel).lstrip("#"), []).append(f"slack.channels.{use}")
    for number, step in enumerate(policy.escalation):
        for target in step.notify:
            if target.channel is not None:
                channel = channel_named(policy, target.channel)
                found.setdefault(channel.lstrip("#"), []).append(f"escalation.{number}")
    return found


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
        code = _code(error.response)
        raise SlackRefusedError(f"Slack refuses it: {code}" if code else NOT_SLACK, code) from None
    except Exception:  # noqa: BLE001 -- the client trusts what answers, and breaks in many ways where it should not
        raise SlackRefusedError(NOT_SLACK) from None


def _code(answer: Any) -> str | None:
    import re

    code = answer.get("error") if hasattr(answer, "get") else None
    known = isinstance(code, str) and re.fullmatch(r"[a-z_]{1,64}", code)
    return code if known else None
