"""The JSON Schema of the policy file, for editors that complete and check while one types."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import models_json_schema

from bot.domain import durations
from bot.policy.field_docs import all_models, described
from bot.policy.policy import PolicyFile
from bot.policy.types import Section

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema(gates: Mapping[str, type[BaseModel]]) -> dict[str, JsonValue]:
    """The schema (draft 2020-12) of a policy file; `gates` are the parameter models of the known gates, by name."""
    models: list[type[BaseModel]] = [PolicyFile, *gates.values()]
    references, whole = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions: dict[str, dict[str, JsonValue]] = whole["$defs"]
    properties: dict[str, JsonValue] = {name: dict(references[gates[name], "validation"]) for name in gates}
    _describe(definitions)
    environment = definitions["Environment"]["properties"]
    if isinstance(environment, dict):
        described = environment.get("gates")
        environment["gates"] = {
            **(described if isinstance(described, dict) else {}),
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }
    return {
        "$schema": DIALECT,
        "title": "Portcullis policy",
        **references[PolicyFile, "validation"],
        "$defs": dict(definitions),
    }


def _describe(definitions: dict[str, dict[str, JsonValue]]) -> None:
    """Put the fields' sentences, and their durations as people write them, into the definitions of the models."""
    for model in all_models(Section):
        properties = definitions.get(model.__name__, {}).get("properties")
        if isinstance(properties, dict):
            for name, sentence in described(model).items():
                field = properties.get(name)
                if isinstance(field, dict):
                    form = field.get("description")  # what its type says of how it is written
                    field["description"] = f"{sentence} {form}" if form else sentence
            for name, declared in model.model_fields.items():
                field = properties.get(declared.alias or name)
                if isinstance(field, dict) and isinstance(declared.default, timedelta):
                    field["default"] = durations.render(declared.default)  # not as ISO 8601 has it
