"""`portcullis enroll PERSON`: the part of an enrolment that a stolen Slack login cannot do, on the host (P8, F11).

With pages of our own it prints a one-use code that the person types there; without, it makes the secret of an
authenticator app itself.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from bot.domain.second_factor import Credential
    from bot.flows.enroll_code import Issued
    from bot.policy import Policy
    from bot.ports import Ledger
    from bot.settings import FactorSettings

T = TypeVar("T")
WAITS = (
    "Administrators have second factors, so it proves nothing until one of them, other than {person}, has typed "
    "/deploy confirm-factor {person} in Slack."
)


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("enroll", help="help a person to a second factor (audited)")
    parser.add_argument("person", help="a name from the policy's people")
    parser.add_argument(
        "--again", action="store_true", help="take away first what they enrolled and linked, and begin anew"
    )
    parser.add_argument(
        "--totp",
        action="store_true",
        help="make the secret of an authenticator app here, though there are pages where they could enrol",
    )
    parser.add_argument(
        "--secret-stdin", action="store_true", help="the same with a base32 secret that is given, not made"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what the person needs, once. 1 where they are enrolled already."""
    from bot.cli.configured import policy_file, settings
    from bot.domain.refusal import Refusal
    from bot.settings import FactorSettings
    from handlers.wording.refusals import sentence

    configured = settings(FactorSettings)
    policy = policy_file(configured.policy)
    direct = args.totp or args.secret_stdin or configured.public_url is None
    try:
        return (_direct if direct else _by_code)(configured, policy, args)
    except Refusal as refusal:
        print(f"portcullis: {sentence(refusal)}", file=sys.stderr)
        return 1 if refusal.code == "enrolled-already" else 2


def _by_code(configured: "FactorSettings", policy: "Policy", args: argparse.Namespace) -> int:
    """A code for the page: nobody but the person learns what they enrol with it."""
    from bot.flows.asking import known
    from bot.flows.enroll_code import issue
    from handlers.wording.times import in_zone

    known("person-name", args.person, list(policy.people))

    async def work(ledger: "Ledger") -> "Issued":
        return await issue(ledger, policy, person=args.person, by=_host_user(), again=args.again)

    made = _on_ledger(configured, work)
    print(f"One-use code for {args.person}, until {in_zone(policy.zone)(made.until)}:\n\n    {made.code}\n")
    print(
        "Give it to them in person or by phone, never in Slack. They type /deploy enroll in Slack, follow the link to\n"
        f"{configured.public_url}/mfa/enroll/… and type the code there. It is not shown again."
    )
    if made.waits:
        print(f"\n{WAITS.format(person=args.person)}")
    return 0


def _direct(configured: "FactorSettings", policy: "Policy", args: argparse.Namespace) -> int:
    """The secret of an authenticator app, made or read here."""
    from bot.adapters.seal import KeySeal
    from bot.adapters.totp import Totp
    from bot.flows.asking import known
    from bot.flows.enroll import enroll_totp

    totp = Totp(KeySeal(configured.secret_key))
    known("person-name", args.person, list(policy.people))
    secret = _given() if args.secret_stdin else totp.new_secret()
    sealed = totp.sealed(secret, person=args.person)

    async def work(ledger: "Ledger") -> "Credential":
        return await enroll_totp(
            ledger, policy, person=args.person, sealed=sealed, by=_host_user(), again=args.again
        )

    made = _on_ledger(configured, work)
    if args.secret_stdin:
        print(f"{args.person} is enrolled.")
    else:
        _show(args.person, totp.provisioning_uri(args.person, f"Portcullis {policy.organization}", secret))
    if made.pending:
        print(f"\n{WAITS.format(person=args.person)}")
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


def _on_ledger(configured: "FactorSettings", work: "Callable[[Ledger], Awaitable[T]]") -> T:
    """What `work` gives, with the database brought to its newest schema first."""
    from bot.cli.configured import finished

    return finished(_opened(configured.database_url, work))


async def _opened(url: str, work: "Callable[[Ledger], Awaitable[T]]") -> T:
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import prepare_ledger
    from storage.ledger import Ledger as OnDisk

    await prepare_ledger(url)
    ledger = OnDisk(url, SystemClock())
    try:
        return await work(ledger)
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
