"""`portcullis enroll PERSON`: enrol a TOTP second factor from the host, which a stolen Slack login cannot do."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.policy import Policy
    from bot.settings import FactorSettings


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
    from bot.adapters.seal import KeySeal
    from bot.adapters.totp import Totp
    from bot.cli.configured import finished, policy_file, settings
    from bot.domain.refusal import Refusal
    from bot.flows.asking import known
    from bot.settings import FactorSettings
    from handlers.wording.refusals import sentence

    configured = settings(FactorSettings)
    policy = policy_file(configured.policy)
    totp = Totp(KeySeal(configured.secret_key))
    try:
        known("person-name", args.person, list(policy.people))
        secret = _given() if args.secret_stdin else totp.new_secret()
        sealed = totp.sealed(secret, person=args.person)
        finished(_enroll(configured, policy, args, sealed))
    except Refusal as refusal:
        print(f"portcullis: {sentence(refusal)}", file=sys.stderr)
        return 1 if refusal.code == "enrolled-already" else 2
    if args.secret_stdin:
        print(f"{args.person} is enrolled.")
    else:
        _show(args.person, totp.provisioning_uri(args.person, f"Portcullis {policy.organization}", secret))
    return 0


def _given() -> str:
    """The secret on standard input, as authenticators print it: in groups, in either case. Raises NotConfigured."""
    import base64
    import binascii
    import re

    from bot.cli.configured import NotConfigured

    secret = "".join(sys.stdin.readline().split()).upper()
    try:
        if not re.fullmatch(r"[A-Z2-7]{32,128}", secret):
            raise binascii.Error  # noqa: TRY301 -- one sentence for both ways to be wrong
        base64.b32decode(secret + "=" * (-len(secret) % 8))
    except binascii.Error:
        raise NotConfigured(["the secret must be base32 (A-Z, 2-7) of 32 to 128 characters"]) from None
    return secret


def _show(person: str, uri: str) -> None:
    """The address first: it gets through every terminal, its picture does not."""
    import segno

    print(f"{uri}\n")
    try:
        segno.make(uri).terminal(compact=True)
    except UnicodeEncodeError:
        print("(This terminal cannot show the QR code.)")
    print(f"\nScan it with {person}'s authenticator app now: it is not shown again.")


async def _enroll(
    configured: "FactorSettings", policy: "Policy", args: argparse.Namespace, sealed: str
) -> None:
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import prepare_ledger
    from bot.flows.enroll import enroll_totp
    from storage.ledger import Ledger

    await prepare_ledger(configured.database_url)
    ledger = Ledger(configured.database_url, SystemClock())
    try:
        await enroll_totp(
            ledger, policy, person=args.person, sealed=sealed, by=_host_user(), again=args.again
        )
    finally:
        await ledger.close()


def _host_user() -> str:
    """Who runs this; a container's user often has a number only."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
