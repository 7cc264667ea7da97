"""`portcullis enroll PERSON`: enrol a TOTP second factor from the host, which a stolen Slack login cannot do."""

import argparse
from typing import Any


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("enroll", help="enrol a person's authenticator app (audited)")
    parser.add_argument("person", help="a name from the policy's people")
    parser.add_argument("--again", action="store_true", help="revoke what is enrolled and enrol anew")
    parser.add_argument(
        "--secret-stdin", action="store_true", help="read the base32 secret instead of making one"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the otpauth address and its QR code, once. 1 where the person is enrolled already."""
    import asyncio
    import getpass
    import re
    import sys

    import segno
    from handlers.wording.refusals import sentence

    from bot.adapters.seal import KeySeal, WeakKey
    from bot.adapters.totp import Totp
    from bot.cli.configured import NotConfigured, policy_file, settings
    from bot.domain.refusal import Refusal

    configured = settings()
    policy = policy_file(configured.policy)
    try:
        totp = Totp(KeySeal(configured.secret_key))
    except WeakKey as error:
        raise NotConfigured([f"PORTCULLIS_SECRET_KEY is too weak: {error}"]) from None
    secret = sys.stdin.readline().strip() if args.secret_stdin else totp.new_secret()
    if not re.fullmatch(r"[A-Z2-7]{32,128}", secret):
        raise NotConfigured(["the secret must be base32 (A-Z, 2-7) of 32 characters or more"])
    sealed = totp.sealed(secret, person=args.person)
    try:
        asyncio.run(_enroll(configured.database_url, policy, args, sealed, getpass.getuser()))
    except Refusal as refusal:
        print(f"portcullis: {sentence(refusal)}", file=sys.stderr)
        return 1
    if not args.secret_stdin:
        uri = totp.provisioning_uri(args.person, f"Portcullis {policy.organization}", secret)
        segno.make(uri).terminal(compact=True)
        print(f"\n{uri}\nScan it with {args.person}'s authenticator app now: it is not shown again.")
    else:
        print(f"{args.person} is enrolled.")
    return 0


async def _enroll(url: str, policy: Any, args: argparse.Namespace, sealed: str, by: str) -> None:
    from bot.adapters.clock import SystemClock
    from bot.flows.enroll import enroll_totp
    from storage import schema
    from storage.ledger import Ledger

    await schema.ensure(url)
    ledger = Ledger(url, SystemClock())
    try:
        await enroll_totp(ledger, policy, person=args.person, sealed=sealed, by=by, again=args.again)
    finally:
        await ledger.close()
