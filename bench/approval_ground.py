"""What there is before an approval: requests that wait for two signatures, people with second factors, open links."""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp
from sqlalchemy import create_engine, delete

from bench.authenticator import b64
from bench.commands import TEAM
from bot.adapters.clock import SystemClock
from bot.adapters.seal import KeySeal
from bot.adapters.totp import Totp
from bot.domain.audit import Fact
from bot.domain.second_factor import Credential, Passkey
from bot.flows import approve
from bot.flows.asking import Asker
from bot.flows.evaluate import evaluate
from bot.flows.reload_policy import load_policy
from bot.flows.request import Ask, submit
from bot.policy import Policy
from bot.settings import LedgerSettings, Settings, read
from bot.wiring import Decider, build_decider
from storage import tables

ENVIRONMENT, SERVICE = "staging", "checkout"
OPEN = """    gates: {immutable-artifact: {}}
    approval: {seats: [], minimum: 0}
    monitors:
      - {name: status, file: deployment/status/staging"""
GUARDED = OPEN.replace(
    "{seats: [], minimum: 0}",
    "{seats: [{role: release-manager, count: 2}], minimum: 2, exclude: [requester, commit-authors], "
    "second_factor: {methods: [passkey, totp], within: 5m}}",
).replace("immutable-artifact", "no-open-incident")  # it passes without a build
WAYS = (("passkey", 0), ("code", 0), ("passkey", 0), ("code", 1))
"""The links of each person: how they sign, and with the code of which half minute from now: each counts once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that was opened in Slack, and what its owner proves themselves with."""

    token: str
    method: str
    ahead: int
    credential: str
    secret: str


def person(number: int) -> str:
    """One of the release managers."""
    return f"manager-{number}"


def slack_id(number: int) -> str:
    """Their Slack account."""
    return f"U1M{number:04}"


def policy_text(example: str, people: int) -> str:
    """The example's policy, where staging wants two signatures of so many release managers; one starts nothing."""
    names = [person(number) for number in range(people)]
    accounts = "".join(f"  {person(n)}: {{slack: {slack_id(n)}}}\n" for n in range(people))
    edits = (
        (OPEN, GUARDED),
        ("release-manager: {people: [bo]}", f"release-manager: {{people: [{', '.join(names)}]}}"),
        ("\nroles:\n", f"{accounts}\nroles:\n"),
    )
    for old, new in edits:
        if example.count(old) != 1:
            raise ValueError(f"the example's policy has no {old!r} any more")
        example = example.replace(old, new)
    return example


async def enrol(decider: Decider, number: int, public_key: str, totp: Totp, secret: str) -> str:
    """A passkey and an authenticator app for one person; gives the id of the passkey."""
    name, now = person(number), decider.clock.now()
    passkey = Passkey(credential_id=b64(name.encode()), public_key=public_key)
    usual = {"person": name, "enrolled_at": now, "enrolled_by": "bench"}
    made = (
        Credential(id=f"passkey-{name}", method="passkey", sealed="", passkey=passkey, **usual),  # type: ignore[arg-type]
        Credential(id=f"totp-{name}", method="totp", sealed=totp.sealed(secret, person=name), **usual),  # type: ignore[arg-type]
    )
    for each in made:
        await decider.ledger.write(
            lambda tx, each=each: tx.credentials.put(each, Fact(type="credential.enrolled"))  # type: ignore[misc]
        )
    return passkey.credential_id


async def opened(decider: Decider, policy: Policy, number: int, tag: str) -> str:
    """The token of a link to approve a request of its own, which the product itself judged and found ready."""
    cy = Asker(team=TEAM, user="U03CY", reply={})
    ask = Ask(asker=cy, key=tag, service=SERVICE, artifact=tag, environment=ENVIRONMENT)
    request = (await submit(decider.ledger, policy, ask)).request_id
    await evaluate(decider.ledger, decider.collector, policy, request)
    manager = Asker(team=TEAM, user=slack_id(number), reply={})
    return (await approve.open_page(decider.ledger, policy, manager, request)).token


async def prepare(people: int, public_key: str) -> list[Link]:
    """Fill the database of the settings in the environment. In the order of WAYS, and in each of the people."""
    settings = read(Settings)
    totp = Totp(KeySeal(settings.secret_key))
    policy = load_policy(settings.policy)
    links = []
    async with aiohttp.ClientSession() as session:
        decider = await build_decider(settings, policy, session, SystemClock())
        try:
            secrets = [totp.new_secret() for _ in range(people)]
            passkeys = [await enrol(decider, n, public_key, totp, secret) for n, secret in enumerate(secrets)]
            for way, (method, ahead) in enumerate(WAYS):
                for n in range(people):
                    token = await opened(decider, policy, n, f"{n:04x}{way:04x}")
                    link = Link(
                        token=token, method=method, ahead=ahead, credential=passkeys[n], secret=secrets[n]
                    )
                    links.append(link)
        finally:
            await decider.close()
    return links


def forget_what_is_owed(settings: LedgerSettings) -> None:
    """Nothing but the approvals is to run while they are measured."""
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        for table in (tables.timers, tables.deliveries):
            connection.execute(delete(table))
    engine.dispose()


def main(people: int, public_key: str, target: Path) -> None:
    """`python -m bench.approval_ground PEOPLE PUBLIC_KEY FILE` writes the links."""
    links = asyncio.run(prepare(people, public_key))
    forget_what_is_owed(read(LedgerSettings))
    target.write_text(json.dumps([asdict(link) for link in links]), encoding="utf-8")


if __name__ == "__main__":
    os.umask(0o077)  # what is written here opens links
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
