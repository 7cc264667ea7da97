"""What is deployed, and how: services and their deployers."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from bot.policy.references import RoleOrPersonName, ServiceName
from bot.policy.types import Duration, Name, PositiveDuration, Section, Text

_CALL_TIMEOUT = timedelta(minutes=15)


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{value!r} is not a web address; write it like https://example.com/health")
    if parts.username or parts.password:
        raise ValueError("a web address in a policy holds no user name or password")
    return value


HttpUrl = Annotated[
    str, Field(max_length=2000, json_schema_extra={"format": "uri"}), AfterValidator(_http_url)
]
Argv = Annotated[tuple[Annotated[str, Field(max_length=4000)], ...], Field(min_length=1, max_length=100)]


Group = Literal["frontend", "backend", "database", "websocket", "integration"]
"""What a report tells apart (D2)."""


class Component(Section):
    """A part of an environment that monitors tell of by its name."""

    group: Group = "backend"
    """With whom it is shown (D2)."""
    owner: RoleOrPersonName | None = None
    """Who looks after it; unsaid, whoever looks after its environment."""
    service: ServiceName | None = None
    """The service it is part of: what goes live there may make it restart."""


class CommandDeployer(Section):
    """Programs that deploy, run without a shell in the folder of the policy file.

    `{service}`, `{environment}`, `{artifact}`, `{digest}`, `{percent}` and the like are filled in, each as one word.
    """

    start: Argv
    """Starts the rollout."""
    shift: Argv | None = None
    """Moves traffic to a step of the rollout: `{percent}`."""
    status: Argv | None = None
    """Tells how the rollout stands."""
    rollback: Argv | None = None
    """Brings back the rollback target."""
    timeout: PositiveDuration = _CALL_TIMEOUT
    """How long one call may take."""
    pass_env: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = ()
    """The environment variables that are passed on; all others are withheld."""

    @model_validator(mode="after")
    def _told_how_far(self) -> "CommandDeployer":
        if self.shift is not None and not any("{percent}" in word for word in self.shift):
            raise ValueError("shift has to be told how far: name {percent} in one of its words")
        return self


class GitHubActionsDeployer(Section):
    """A workflow of the service's repository, started by workflow_dispatch."""

    workflow: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.ya?ml$")]
    """The file name of the workflow."""
    ref: Text = "main"
    """The branch or tag whose workflow file is run."""
    timeout: PositiveDuration = timedelta(hours=6)
    """How long a run may take until it counts as failed."""


class WebhookDeployer(Section):
    """A web address that is told to deploy."""

    url: HttpUrl
    """Where it is told."""
    timeout: Duration = timedelta(seconds=30)
    """How long one call may take."""


class Deployer(Section):
    """How a service is deployed: exactly one of the three."""

    command: CommandDeployer | None = None
    github_actions: GitHubActionsDeployer | None = None
    webhook: WebhookDeployer | None = None

    @model_validator(mode="after")
    def _one(self) -> "Deployer":
        if len([each for each in (self.command, self.github_actions, self.webhook) if each]) != 1:
            raise ValueError("a deployer is exactly one of command, github_actions, webhook")
        return self


class Service(Section):
    """One deployable service."""

    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")] | None = None
    """OWNER/NAME on GitHub."""
    image: Annotated[str, Field(pattern=r"^[a-z0-9][a-zA-Z0-9.:_/-]*$", max_length=255)] | None = None
    """The image in the registry, without tag and digest."""
    tier: Literal["backend", "frontend"] | None = None
    """The backend is deployed before the frontend (D4)."""
    components: dict[Name, Group] = Field(default_factory=dict)
    """Parts whose state a deployment report names (D2)."""
    deployer: Deployer | None = None
    """How it is deployed. Without one nothing can be started here: an approved request fails, and says so. The decision
    itself is there to be asked, by `portcullis check` and the API."""
