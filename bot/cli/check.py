"""`portcullis check SERVICE ARTIFACT ENVIRONMENT`: what all gates say, now or at an instant."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from bot.flows.preview import Answer, Question
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
    """Exit status 0: every gate passes; 3: it only has to wait; 1: something forbids it or is unknown; 2: there is no
    such service, environment or tag, or no ledger to ask."""
    import json

    from bot.cli.configured import NotConfigured, finished, policy_file, settings
    from bot.domain.refusal import Refusal
    from bot.flows.preview import Question
    from bot.settings import GateSettings
    from handlers.http.decision import answer_json
    from handlers.wording.refusals import sentence

    question = Question(
        service=args.service,
        artifact=args.artifact,
        environment=args.environment,
        at=_instant(args.at),
        ticket=args.ticket,
        fixes=args.fixes,
    )
    configured = settings(GateSettings)
    policy = policy_file(configured.policy)
    try:
        answer = finished(_ask(question, configured, policy))
    except Refusal as refusal:
        raise NotConfigured([sentence(refusal)]) from None
    if args.json:
        print(json.dumps(answer_json(question, answer)))
    else:
        _print(question, policy, answer)
    if answer.readiness.may_start:
        return YES
    return NOT_YET if answer.readiness.may_be_approved else NO


async def _ask(question: "Question", configured: Any, policy: "Policy") -> "Answer":
    import aiohttp

    from bot import wiring
    from bot.adapters.clock import SystemClock
    from bot.cli.configured import need_ledger
    from bot.flows.asking import known
    from bot.flows.preview import preview
    from bot.flows.project_state import in_the_state_entered

    if question.fixes is not None:
        known("environment", question.fixes, list(policy.environments))
    await need_ledger(configured.database_url)
    clock = SystemClock()
    async with aiohttp.ClientSession() as session:
        decider = await wiring.build_decider(configured, policy, session, clock)
        try:
            policy = await in_the_state_entered(decider.ledger, policy)
            return await preview(decider.collector, policy, clock, question)
        finally:
            await decider.close()


def _instant(text: str | None) -> "datetime | None":
    from bot.cli.calendar_times import instant
    from bot.cli.configured import NotConfigured

    if text is None:
        return None
    try:
        return instant(text)
    except ValueError as error:
        raise NotConfigured([f"--at: {error}"]) from None


def _print(question: "Question", policy: "Policy", answer: "Answer") -> None:
    """The answer first, then the reasons, then what to do."""
    from bot.domain.outcome import worst_first
    from handlers.wording.gates import line

    readiness = answer.readiness

    def when(at: "datetime") -> str:
        return f"{at.astimezone(policy.zone):%a %d %b %H:%M} {policy.timezone}"

    verdict = "yes" if readiness.may_start else "not yet" if readiness.may_be_approved else "no"
    asked = "" if question.at is None else f", judged for {when(readiness.judged_at)}"
    print(f"{verdict}: {question.service} {question.artifact} -> {question.environment}{asked}")

    for told in _earliest(answer, when):
        print(f"  {told}")
    for outcome in worst_first(readiness.outcomes):
        shown = line(outcome, when=when, now=readiness.judged_at, earliest=readiness.earliest)
        print(f"  {shown.sign} {shown.word:<8} {shown.text}")
        if shown.unblocks:
            print(f"    {shown.unblocks}")
    if not readiness.outcomes:
        print(f"  The policy has no gates for {question.environment}: an empty policy passes nothing.")


def _earliest(answer: "Answer", when: "Callable[[datetime], str]") -> "Iterator[str]":
    """The instant at which everything known passes, where it has to wait, or why nobody knows it."""
    from bot.domain.outcome import Status
    from handlers.wording.gates import line
    from handlers.wording.times import ahead

    found, readiness = answer.earliest, answer.readiness
    if readiness.status is not Status.WAITING:
        return
    if found.at is not None:
        yield f"earliest start {when(found.at)} ({ahead(found.at, readiness.judged_at)})"
    else:
        then = found.readiness
        held = then.only(Status.BLOCKED, Status.UNKNOWN) or tuple(o for o in then.outcomes if o.awaits)
        why = held[0] if held else readiness.only(Status.WAITING)[0]
        yield f"earliest start unknown: {line(why, when=when, now=then.judged_at).text}"
    for old in found.ages:
        yield f"by then too old: {line(old, when=when, now=found.readiness.judged_at).text}"
