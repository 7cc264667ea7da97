"""Where things run, what guards each place, and how a change gets in: gates, quorum, break-glass, rollout."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainValidator,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from bot.domain.analysis import Bounds
from bot.policy.monitors import Bound, Monitor
from bot.policy.problems import EXPLAINED, explained
from bot.policy.promql import counted_divisor
from bot.policy.references import (
    EnvironmentName,
    Excluded,
    RoleName,
    RoleOrPersonName,
    SeverityName,
)
from bot.policy.suggestions import meant
from bot.policy.types import ListOfOne, Name, PositiveDuration, Section, Text

REGISTRY: Final = "registry"
"""The key of the validation context under which the gates' parameter models stand, by name."""

EnvironmentKind = Literal["production", "staging", "development", "feature", "test", "docker", "local"]
State = Literal["pre-production", "production"]
SecondFactorMethod = Literal["passkey", "oidc", "totp"]
Demand = Literal["incident-ticket", "rollback-plan"]


def _gates(value: object, info: ValidationInfo) -> dict[str, BaseModel]:
    """Read each gate's parameters by the model that the gate itself brings along."""
    if not isinstance(value, Mapping):
        raise PydanticCustomError(
            EXPLAINED,
            "{sentence}",
            {
                "sentence": "gates are a mapping of names to parameters; write `name: {}` for a gate without any"
            },
        )
    context = info.context or {}
    registry: Mapping[str, type[BaseModel]] = context.get(REGISTRY, {})
    read: dict[str, BaseModel] = {}
    errors: list[InitErrorDetails] = []
    for name, parameters in value.items():
        if isinstance(parameters, BaseModel):
            read[name] = parameters
        elif name not in registry:
            words = f"there is no gate {name!r}{meant(str(name), registry) or '; known are ' + ', '.join(registry)}"
            errors.append(_error(words, (name,), parameters))
        else:
            model = registry[name]
            try:
                read[name] = model.model_validate({} if parameters is None else parameters, context=context)
            except ValidationError as error:
                found = explained(model, error).errors(include_url=False)
                errors += [
                    _error(each["ctx"]["sentence"], (name, *each["loc"]), each["input"]) for each in found
                ]
    if errors:
        raise ValidationError.from_exception_data("gates", errors)
    return read


def _error(words: str, location: tuple[str | int, ...], value: object) -> InitErrorDetails:
    kind = PydanticCustomError(EXPLAINED, "{sentence}", {"sentence": words})
    return InitErrorDetails(type=kind, loc=location, input=value)


Gates = Annotated[
    dict[str, SerializeAsAny[BaseModel]],
    PlainValidator(_gates, json_schema_input_type=dict[str, object]),
]


class Seat(Section):
    """Places in the quorum that a holder of one of the roles can fill."""

    role: Annotated[tuple[RoleName, ...], ListOfOne, Field(min_length=1)]
    """A role, or several of which any suffices."""
    count: Annotated[int, Field(ge=1, le=20)] = 1
    """So many distinct people."""


class SecondFactor(Section):
    """What proves that it is really the approver who approves (P8, F11)."""

    methods: Annotated[tuple[SecondFactorMethod, ...], Field(min_length=1)] = ("passkey", "oidc", "totp")
    """What is accepted, the best first."""
    within: PositiveDuration = timedelta(minutes=5)
    """How fresh it has to be."""


class Access(Section):
    """Who may do what here, by role (F10). Unsaid, everybody of the directory may."""

    request: tuple[RoleName, ...] | None = None
    """May ask for a change here; a role's `only_for` holds here as well."""
    read: tuple[RoleName, ...] | None = None
    """May see requests, their record and their history; whoever may request or approve here may, too."""


class WayBack(Section):
    """Who agrees to a rollback (P16), and what it needs."""

    seats: Annotated[tuple[Seat, ...], Field(min_length=1)]
    """Who agrees, in place of the usual seats. Whoever asks for the rollback may sign it."""
    requires: tuple[Demand, ...] = ("incident-ticket",)
    """`incident-ticket`, that it names an incident; `rollback-plan`, that it says why."""


class Approval(Section):
    """Who has to agree before something starts."""

    seats: tuple[Seat, ...] = ()
    """Who has to agree, each seat by another person. Without any, nobody is asked."""
    minimum: Annotated[int, Field(ge=0, le=20)] = 1
    """So many distinct people in all. Without seats nobody can sign: 0 is the only number that lets anything pass there,
    and it has to be said, for a forgotten section opens nothing."""
    exclude: tuple[Excluded, ...] = ("requester", "commit-authors", "dispatcher")
    """Who fills no seat: `requester`, `commit-authors`, `dispatcher` (who started the pipeline), a role or a person."""
    unplaced_authors: Literal["deny", "allow"] = "deny"
    """What of a commit whose author GitHub knows no account of, by an address that is nobody's in the directory:
    `deny`, it may be anybody's, so nobody's approval counts; `allow`, it is taken for somebody else's."""
    second_factor: SecondFactor = SecondFactor()
    expires: PositiveDuration = timedelta(hours=24)
    """After this a request that did not start is over."""
    remind_after: PositiveDuration = timedelta(hours=1)
    """Whoever could fill an empty seat is reminded after this, and again a sixth of its life before it expires."""


class BreakGlass(Section):
    """The loud way in for an emergency (P13): which gates it passes, who must sit, what is owed afterwards."""

    seats: Annotated[tuple[Seat, ...], Field(min_length=1)]
    """Who agrees, in place of the usual seats."""
    requires: tuple[Demand, ...] = ("incident-ticket", "rollback-plan")
    """What it demands at once: `incident-ticket`, that emergency= names a ticket by its key; `rollback-plan`, that the
    gate rollback-target passes, which the environment then has to have. A reason, and that whoever is on call was
    told, are always demanded."""
    bypasses: tuple[str, ...] = ()
    """The gates it passes. The artifact's immutability and the rollback target are never among them."""
    minimum: Annotated[int, Field(ge=2, le=20)] = 2
    """So many distinct people in all: nobody breaks glass alone. Whoever could fill a usual seat counts as well."""
    review_within: PositiveDuration = timedelta(days=5)
    """By then somebody has reviewed it."""
    expires: PositiveDuration = timedelta(hours=4)
    """After this it is over, used or not."""


Multiple = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Analysis(Section):
    """A PromQL query that is watched while traffic shifts and after it; `baseline` is the same query at the instant
    before the first call of the deployer."""

    name: Name
    query: Text
    """It gives one number, as an instant query."""
    warn_above: Bound | None = None
    """More than this holds the step."""
    fail_above: Bound | None = None
    """More than this fails the deployment."""
    warn_above_baseline: Multiple | None = None
    """The same, as a multiple of the baseline."""
    fail_above_baseline: Multiple | None = None
    """The same, as a multiple of the baseline."""
    minimum_sample: Annotated[int, Field(ge=0)] = 0
    """Below so many requests nothing is concluded, and the step holds."""
    sample: Text | None = None
    """A query that gives how many requests there were. Unsaid, of a ratio of rates its divisor, counted."""

    @model_validator(mode="after")
    def _bounded(self) -> "Analysis":
        pairs = ((self.warn_above, self.fail_above), (self.warn_above_baseline, self.fail_above_baseline))
        if all(bound is None for pair in pairs for bound in pair):
            raise ValueError(
                "an analysis needs a bound: warn_above, fail_above, warn_above_baseline, fail_above_baseline"
            )
        if any(warn is not None and fail is not None and warn > fail for warn, fail in pairs):
            raise ValueError("the bound that warns lies above the one that fails")
        if self.minimum_sample and self.sample_query is None:
            raise ValueError(
                "minimum_sample needs `sample`, a query that gives how many requests there were: this query is no "
                "ratio whose divisor is a rate(), so it cannot be told from it"
            )
        if self.sample is not None and not self.minimum_sample:
            raise ValueError("`sample` is asked for minimum_sample alone, and there is none")
        return self

    @property
    def sample_query(self) -> str | None:
        """What counts as its sample; None where nothing is counted."""
        return (self.sample or counted_divisor(self.query)) if self.minimum_sample else None

    @property
    def bounds(self) -> Bounds:
        """What the rule compares with."""
        return Bounds(
            name=self.name,
            warn_above=self.warn_above,
            fail_above=self.fail_above,
            warn_above_baseline=self.warn_above_baseline,
            fail_above_baseline=self.fail_above_baseline,
            minimum_sample=self.minimum_sample,
        )


def _ascending(steps: tuple[int, ...]) -> tuple[int, ...]:
    if list(steps) != sorted(set(steps)) or steps[-1] != 100:  # noqa: PLR2004 - per cent
        raise ValueError("steps are percentages that ascend and end with 100")
    return steps


def _below(path: str) -> str:
    names = path.split("/")
    if not path.endswith(".status") or any(name in ("", ".", "..", ".status") for name in names):
        raise ValueError(
            "write a path below the folder of the policy, such as deployment/status/production.status"
        )
    return path


StatusPath = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_below)]
Percent = Annotated[int, Field(ge=1, le=100)]
Steps = Annotated[tuple[Percent, ...], Field(min_length=1), AfterValidator(_ascending)]


class Rollout(Section):
    """The steps of traffic, and what is watched between them (F5)."""

    steps: Steps = (100,)
    """Percentages, ascending, the last one 100."""
    hold: PositiveDuration | None = None
    """How long each step is watched."""
    analysis: tuple[Analysis, ...] = ()
    automatic_rollback: bool = True
    """Whether a deployment that fails, by what is watched or by its deployer's own word, is taken back by itself; else
    people are paged, and one that fails between its steps is held there."""
    restarts_for: PositiveDuration | None = None
    """So long after each call of the deployer the service's own monitors may fail without paging anybody: it restarts.
    What fails, recovers and fails again in that time is no restart, nor what is RED for so long without a break, however
    often the deployer is called meanwhile. A monitor that names no component is the service's own only where the policy
    has no other service."""


class Phase(Section):
    """One phase of the verification after a deployment (P19)."""

    name: Name
    duration: Annotated[PositiveDuration, Field(alias="for")]
    """How long it lasts."""
    checks: Annotated[tuple[str, ...], Field(min_length=1)]
    """`health`, `rollout`, or the name of an analysis or a monitor of this environment."""


class StateRules(Section):
    """The rules of an environment while the project is in one state (K1). Each that stands here replaces the whole of
    the one outside."""

    gates: Gates = Field(default_factory=dict)
    """The gates, as above."""
    approval: Approval = Approval()
    break_glass: BreakGlass | None = None
    rollback: WayBack | None = None
    access: Access = Access()
    rollout: Rollout = Rollout()
    verification: tuple[Phase, ...] = ()
    severity: SeverityName | None = None
    """Of an incident when this environment is RED."""


class Environment(Section):
    """One place where services run. The order of the environments is the order in which they are fixed (K2)."""

    kind: EnvironmentKind = "production"
    """What sort of place it is; unsaid, it is protected like production."""
    promotes_from: EnvironmentName | None = None
    """Where an artifact has to come from."""
    gates: Gates = Field(default_factory=dict)
    """The gates a change has to pass, in this order. Without any, nothing passes."""
    approval: Approval = Approval()
    break_glass: BreakGlass | None = None
    """Without it there is no break-glass here."""
    rollback: WayBack | None = None
    """Without it any one usual seat suffices for a rollback, and an incident's ticket is demanded wherever seats are."""
    access: Access = Access()
    rollout: Rollout = Rollout()
    verification: tuple[Phase, ...] = ()
    """The phases of the verification after a deployment."""
    monitors: tuple[Monitor, ...] = ()
    """How its colour is found out; the worst of them counts."""
    severity: SeverityName | None = None
    """Of an incident when this environment is RED; unsaid, the one of `severities` with the shortest response time (the
    first written among equals)."""
    owner: RoleOrPersonName | None = None
    """Who looks after it."""
    when_state: dict[State, StateRules] = Field(default_factory=dict)
    """Other rules while the project is in this state."""
    writes: StatusPath | None = None
    """The status file that the bot keeps for others to read (K3): a path below the folder of the policy file."""
