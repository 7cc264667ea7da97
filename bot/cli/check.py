"""`portcullis check SERVICE ARTIFACT ENVIRONMENT`: what all gates say, now or at an instant."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from bot.flows.preview import Answer
    from bot.policy import Policy

YES, NO, NOT_YET = 0, 1, 3


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    parser = verbs.add_parser("check", help="ask every gate about an artifact, without requesting anything")
    parser.add_argument("service")
    parser.add_argument("artifact", help="the image tag")
    parser.add_argument("environment")
    parser.add_argument("--at", metavar="T", help="judge for this instant (RFC 3339 with its offset)")
    parser.add_argument("--ticket")
    parser.add_argument("--fixes", metavar="ENVIRONMENT")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status 0: every gate passes; 3: it only has to wait; 1: something forbids it or is unknown."""
    import asyncio
    import json

    from handlers.wording.refusals import sentence

    from bot.cli.configured import NotConfigured, policy_file, settings
    from bot.domain.refusal import Refusal
    from handlers.http.decision import readiness_json

    configured = settings()
    policy = policy_file(configured.policy)
    try:
        answer = asyncio.run(_ask(args, configured, policy))
    except Refusal as refusal:
        raise NotConfigured([sentence(refusal)]) from None
    if args.json:
        print(json.dumps({**readiness_json(answer.readiness), "digest": answer.digest}))
    else:
        _print(args, policy, answer)
    if answer.readiness.may_start:
        return YES
    return NOT_YET if answer.readiness.may_be_approved else NO


async def _ask(args: argparse.Namespace, configured: Any, policy: "Policy") -> "Answer":
    import aiohttp

    from bot import wiring
    from bot.adapters.clock import SystemClock
    from bot.flows.preview import Question, preview

    question = Question(
        service=args.service,
        artifact=args.artifact,
        environment=args.environment,
        at=_instant(args.at),
        ticket=args.ticket,
        fixes=args.fixes,
    )
    clock = SystemClock()
    async with aiohttp.ClientSession() as session:
        decider = await wiring.build_decider(configured, policy, session, clock)
        try:
            return await preview(decider.collector, policy, clock, question)
        finally:
            await decider.close()


def _instant(text: str | None) -> "datetime | None":
    from datetime import UTC, datetime

    from bot.cli.configured import NotConfigured

    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise NotConfigured([f"--at {text}: write an instant with its offset, such as 2026-03-02T14:00:00Z"])
    return at.astimezone(UTC)


def _print(args: argparse.Namespace, policy: "Policy", answer: "Answer") -> None:
    """The answer first, then the reasons, then what to do."""
    from handlers.wording.gates import line

    from bot.domain.outcome import worst_first

    readiness = answer.readiness
    verdict = "yes" if readiness.may_start else "not yet" if readiness.may_be_approved else "no"
    print(f"{verdict}: {args.service} {args.artifact} -> {args.environment}")

    def when(at: "datetime") -> str:
        return f"{at.astimezone(policy.zone):%a %d %b %H:%M} {policy.timezone}"

    for outcome in worst_first(readiness.outcomes):
        shown = line(outcome, when=when, now=readiness.judged_at)
        print(f"  {shown.sign} {shown.word:<8} {shown.text}")
        if shown.unblocks:
            print(f"    {shown.unblocks}")
    if not readiness.outcomes:
        print(f"  The policy has no gates for {args.environment}: an empty policy passes nothing.")
