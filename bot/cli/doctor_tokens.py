"""What `portcullis doctor` says of the API tokens: what each is for, and which could be for less. Hints, no failures."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.policy import Policy
    from bot.settings import Settings

_WHY: Final = {
    "unknown-monitor": "the policy has none of this name",
    "not-a-heartbeat": "the policy's monitor of this name is no heartbeat",
    "ambiguous-monitor": "several environments have one; write heartbeat/ENVIRONMENT/NAME",
}


async def tokens(configured: "Settings", policy: "Policy") -> str:
    """The names of all tokens with what they are for, and hints. A token of everything is worth one where there is
    another one, or something for which less would do."""
    held = configured.api_tokens
    if not held:
        return "none: nobody posts evidence, and no program reports or reads anything"
    said = ", ".join(
        f"{each.name} ({'everything' if each.grant.everything else ' '.join(each.grant.words)})"
        for each in held
    )
    hints = [*_nowhere(configured, policy)]
    wide = [each.name for each in held if each.grant.everything]
    if wide and (len(held) > 1 or _told(policy)):
        hints.append(
            f"{', '.join(wide)} may do everything: open gates by evidence, keep heartbeats alive, play "
            "Alertmanager; say in PORTCULLIS_API_TOKENS what each is for, as in "
            f"{wide[0]}:evidence+read=…"
        )
    return f"hint: {'; '.join(hints)}. There are {said}" if hints else said


def _told(policy: "Policy") -> bool:
    """Whether there are monitors that programs report to."""
    monitors = (each for environment in policy.environments.values() for each in environment.monitors)
    return any(each.kind in ("heartbeat", "alertmanager") for each in monitors)


def _nowhere(configured: "Settings", policy: "Policy") -> "Iterator[str]":
    """Scopes of single heartbeats that open no address: what is reported there is refused, and silence is RED."""
    from bot.domain.refusal import Refusal
    from bot.flows.heartbeats import named

    for token in configured.api_tokens:
        for place in sorted(token.grant.heartbeats):
            environment, _, name = place.rpartition("/")
            try:
                named(policy, name, environment or None)
            except Refusal as refusal:
                yield f"{token.name} is for heartbeat/{place}, and {_WHY[refusal.code]}"
