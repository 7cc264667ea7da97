"""Who may see the status page, where its text is kept, and the targets it is measured by (K7, F12, F14)."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bot.policy.references import SeverityName
from bot.policy.types import PositiveDuration, Section, Text

Readers = Literal["public", "token", "off"]


def _inside(value: str) -> str:
    """A path that stays below the folder it starts from, as far as its text can tell."""
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or "\0" in value:
        raise ValueError(f"{value!r} must be a path below the folder of the policy file")
    if path.suffix.lower() != ".md":
        raise ValueError(f"{value!r} must end in .md: the file is written over")
    return value


class StatusPage(Section):
    """The status page, and the same as a Markdown file."""

    readers: Readers | None = None
    """`public`: everybody who reaches the port, without names of people; `token`: holders of an API token for `read`;
    `off`: nobody. Unsaid: holders of a token; and, of a bot that nothing outside is meant to reach, whoever asks from its
    own machine."""
    markdown: Annotated[Text, AfterValidator(_inside)] | None = None
    """A Markdown file that is kept up to date, relative to the folder of the policy file."""


class Targets(Section):
    """What the service is meant to reach (F12)."""

    uptime: Annotated[float, Field(gt=0, le=100)] | None = None
    """Per cent of the time that no environment's monitors are RED or silent, such as 99.9."""
    resolution: dict[SeverityName, PositiveDuration] = Field(default_factory=dict)
    """How soon an incident of a severity is to be over, such as {P1: 1h}."""
