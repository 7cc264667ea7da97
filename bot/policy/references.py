"""Names in a policy that point at something else in it: typed, and checked wherever they appear.

A parameter model of a gate may use these types as well: whatever holds an `EnvironmentName` is checked against
the environments of the policy being read, with its line and the name that was probably meant.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bot.policy.suggestions import meant

NAMES: Final = "names"
"""The key of the validation context under which the known names stand, by section."""

_SINGULAR: Final = {
    "environments": "environment",
    "services": "service",
    "roles": "role",
    "people": "person",
    "gates": "gate",
    "checklists": "checklist",
    "on_call": "on-call rotation",
    "severities": "severity",
    "exclusions": "word (requester, commit-authors, dispatcher), role or person",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """Marks a text as the name of an entry in one of the policy's sections."""

    section: str
    or_section: str | None = None

    @property
    def noun(self) -> str:
        """What is pointed at, for a message: `environment`, `role or person`."""
        sections = [self.section] if self.or_section is None else [self.section, self.or_section]
        return " or ".join(_SINGULAR[section] for section in sections)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "description": f"The name of a known {self.noun}."}

    def _check(self, value: str, info: ValidationInfo) -> str:
        names = _known(info)
        if names is None:  # a model built by hand, outside any policy
            return value
        known = set(names[self.section])
        if self.or_section is not None:
            known |= names[self.or_section]
        if value not in known:
            raise PydanticCustomError(
                "unknown_reference",
                "there is no {noun} {value}{hint}",
                {"noun": self.noun, "value": repr(value), "hint": meant(value, known) or self._listed(known)},
            )
        return value

    def _listed(self, known: Collection[str]) -> str:
        """All of them, where they are few in any policy and too short for a guess."""
        return f"; known here: {', '.join(sorted(known))}" if self.section == "severities" and known else ""


def _known(info: ValidationInfo) -> Mapping[str, frozenset[str]] | None:
    context = info.context
    return context[NAMES] if isinstance(context, dict) and NAMES in context else None


EnvironmentName = Annotated[str, Reference("environments")]
ServiceName = Annotated[str, Reference("services")]
RoleName = Annotated[str, Reference("roles")]
PersonName = Annotated[str, Reference("people")]
GateName = Annotated[str, Reference("gates")]
ChecklistName = Annotated[str, Reference("checklists")]
OnCallName = Annotated[str, Reference("on_call")]
SeverityName = Annotated[str, Reference("severities")]
RoleOrPersonName = Annotated[str, Reference("roles", "people")]
Excluded = Annotated[str, Reference("exclusions")]
