"""The rules of the state that the project is in (K1): what an environment says for it stands in for what it says ever."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, get_args

from bot.domain.canonical import digest_of
from bot.policy import state_change
from bot.policy.checks import Finding, findings
from bot.policy.document import Path, Plain, mapping_at
from bot.policy.environments import Environment, State
from bot.policy.policy import Policy

STATES: Final[tuple[State, ...]] = get_args(State)
_RULES: Final = "when_state"
_UNSAID: Final[State] = "production"


def in_force(environments: Mapping[str, Environment], state: State) -> dict[str, Environment]:
    """The environments with the rules of a state; only what stands there replaces what stands outside."""
    found = {}
    for name, environment in environments.items():
        rules = environment.when_state.get(state)
        said = {} if rules is None else {field: getattr(rules, field) for field in rules.model_fields_set}
        found[name] = environment.model_copy(update=said)
    return found


def named(state: str) -> State | None:
    """The state of this name; None where there is none."""
    return next((each for each in STATES if each == state), None)


def state_in_file(policy: Policy) -> State:
    """The state that stands in the file of `policy`, whichever is in force."""
    document = policy.document
    told = document.get("policy") if isinstance(document, Mapping) else None
    said = told.get("state") if isinstance(told, Mapping) else None
    return (named(said) if isinstance(said, str) else None) or _UNSAID


def in_state(policy: Policy, state: State) -> Policy:
    """The same policy with the rules of another state in force: another digest too, since other rules hold. Back in
    the state of its file it is again what the file says, digest and all."""
    if policy.state == state:
        return policy
    document = policy.document
    if state != state_in_file(policy) and isinstance(document, Mapping):
        document = {**document, "state": state}
    environments = in_force(policy.written, state)
    return replace(policy, state=state, environments=environments, digest=digest_of(document))


def findings_in_all_states(plain: Plain) -> Iterator[Finding]:
    """Everything that is wrong across sections in any state: the day on which the state changes is too late to know."""
    yield from state_change.findings(plain)
    yield from in_all_states(plain, findings)


def in_all_states(plain: Plain, check: Callable[[Plain], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds in any state, each once, at its place in the file."""
    if not any(mapping_at(plain, "environments", name, _RULES) for name in mapping_at(plain, "environments")):
        yield from check(plain)
        return
    told: set[Finding] = set()
    for state in STATES:
        for path, message in check(_as_in(plain, state)):
            finding = (_where(plain, state, path), message)
            if finding not in told:
                told.add(finding)
                yield finding


def _as_in(plain: Plain, state: str) -> Plain:
    environments = {
        name: {**mapping_at(plain, "environments", name), **_rules(plain, name, state)}
        if isinstance(section, Mapping)
        else section
        for name, section in mapping_at(plain, "environments").items()
    }
    return {**plain, "environments": environments} if isinstance(plain, Mapping) and environments else plain


def _where(plain: Plain, state: str, path: Path) -> Path:
    """The place in the file of a place in the document as it is in a state."""
    section, *rest = path or ("",)
    if section != "environments" or len(rest) <= 1 or rest[1] not in _rules(plain, rest[0], state):
        return path
    return (section, rest[0], _RULES, state, *rest[1:])


def _rules(plain: Plain, environment: str | int, state: str) -> Mapping[str, Plain]:
    return mapping_at(plain, "environments", environment, _RULES, state)
