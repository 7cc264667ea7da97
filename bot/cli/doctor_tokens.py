"""What `portcullis doctor` says of the API tokens: what each is for, which could be for less, and what nobody can tell.

That a token could be for less is a hint; that a monitor can never be told of is wrong."""

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


async def told_of(configured: "Settings", policy: "Policy") -> str:
    """Whether every monitor that programs report to has a token with which somebody could. Raises SeveralError."""
    from bot.cli.doctor import MOST_NAMED, SeveralError

    lines = []
    for place, kind, names in _never_told(configured, policy):
        example = f"cron:heartbeat/{place}/{names[0]}=…" if kind == "heartbeat" else "am:alerts=…"
        who = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
        lines.append(
            f"environments.{place}: no token may tell of the {kind} monitor{'' if len(names) == 1 else 's'} {who}: UNKNOWN "
            f"for good, and what waits for it stays shut; add one to PORTCULLIS_API_TOKENS, such as {example}"
        )
    if lines:
        raise SeveralError(lines)
    return "each has a token that may tell of it" if _told(policy) else "the policy has none"


def _never_told(configured: "Settings", policy: "Policy") -> "Iterator[tuple[str, str, list[str]]]":
    """By environment and kind the names of monitors that no token is for."""
    from bot.domain.api_token import Scope

    grants = [each.grant for each in configured.api_tokens]
    alerts = any(each.allows(Scope.ALERTS) for each in grants)
    everywhere = any(each.allows(Scope.HEARTBEATS) for each in grants)
    single = set() if everywhere else _opened(configured, policy)
    for place, environment in policy.environments.items():
        beats = [
            each.name
            for each in environment.monitors
            if each.kind == "heartbeat" and not everywhere and (place, each.name) not in single
        ]
        told = [each.name for each in environment.monitors if each.kind == "alertmanager" and not alerts]
        for kind, names in (("heartbeat", beats), ("alertmanager", told)):
            if names:
                yield place, kind, names


def _opened(configured: "Settings", policy: "Policy") -> set[tuple[str, str]]:
    """The heartbeats, by environment and name, that scopes of single ones open."""
    from bot.domain.refusal import Refusal
    from bot.flows.heartbeats import named

    found = set()
    for scope in {scope for token in configured.api_tokens for scope in token.grant.heartbeats}:
        environment, _, name = scope.rpartition("/")
        try:
            place, monitor = named(policy, name, environment or None)
        except Refusal:  # it opens nothing; `tokens` says so
            continue
        found.add((place, monitor.name))
    return found


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
