"""Writes the tables of docs/policy.md from the policy's own models; `--check` only says whether they are as they were.

In the page, `<!-- keys: NAME -->` and `<!-- end -->` stand around each table. NAME is a section's model, such as
`Approval`, or `gate soak` for a gate's parameters. Everything else on the page is written by hand.
"""

import re
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from bot.domain import durations
from bot.gates import GATES
from bot.policy.field_docs import all_models, described
from bot.policy.references import Reference
from bot.policy.types import Section

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "policy.md"
MARK: Final = re.compile(r"(<!-- keys: (?P<name>[\w -]+) -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD: Final = "| key | takes | unsaid | meaning |\n|---|---|---|---|\n"
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NUMBERS: Final = re.compile(r" \([KPFCD]\d+(?:,? [KPFCD]\d+)*\)")
_REFERENCE: Final = re.compile(r"The name of a known (.+)\.")
_WORDS: Final = {"string": "text", "integer": "number", "number": "number", "boolean": "`true`, `false`"}


def models() -> dict[str, type[BaseModel]]:
    """Every model that a table can be made of, by the name that its mark has."""
    sections = {model.__name__: model for model in all_models(Section) if model.__name__ != "Parameters"}
    return {**sections, **{f"gate {name}": gate.parameters for name, gate in GATES.items()}}


def rendered(page: str) -> str:
    """The page with every table made anew. Raises KeyError for a mark that names no model."""
    known = models()
    places = {mark["name"]: _anchor(page[: mark.start()]) for mark in MARK.finditer(page)}

    def table(mark: re.Match[str]) -> str:
        return f"{mark[1]}{_table(known[mark['name']], places)}{mark[3]}"

    return MARK.sub(table, page)


def _anchor(before: str) -> str:
    """The address of the last heading."""
    title = _HEADING.findall(before)[-1]
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _table(model: type[BaseModel], places: Mapping[str, str]) -> str:
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    sentences = described(model)
    rows = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        value = schema["properties"][key]
        points_at = next((each.noun for each in field.metadata if isinstance(each, Reference)), None)
        said = sentences.get(key) or field.description or _of_section(value, schema.get("$defs", {}))
        cells = (f"`{key}`", points_at or _takes(value, places), _unsaid(field), _meaning(said))
        rows.append(f"| {' | '.join(cells)} |\n".replace("|  |", "| |"))
    return HEAD + "".join(rows) if rows else "It has no keys: write `{}`.\n"


def _of_section(value: JsonValue, sections: Mapping[str, Mapping[str, JsonValue]]) -> str:
    """What the section that stands there says of itself, in its first sentence."""
    found = re.search(r"#/\$defs/(\w+)", str(value))
    said = sections.get(found[1], {}).get("description") if found else None
    return said.partition("\n\n")[0] if isinstance(said, str) else ""


def _meaning(said: str) -> str:
    """One cell; the numbers of requirements are for the people who build it."""
    return _NUMBERS.sub("", " ".join(said.split())).replace("|", "\\|")


def _takes(schema: JsonValue, places: Mapping[str, str]) -> str:
    """What may stand there, in a few words."""
    if not isinstance(schema, dict):
        return "anything"
    if isinstance(reference := schema.get("$ref"), str):
        name = reference.rpartition("/")[2]
        return f"[a section](#{places[name]})" if name in places else "a section"
    for union in ("anyOf", "oneOf"):
        if isinstance(members := schema.get(union), list):
            words = [_takes(m, places) for m in members if not isinstance(m, dict) or m.get("type") != "null"]
            return " or ".join(dict.fromkeys(words))
    if isinstance(choices := schema.get("enum"), list):
        return ", ".join(f"`{choice}`" for choice in choices)
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return _listed(_takes(schema.get("items"), places))
    if schema.get("type") == "object":
        return _mapping(schema, places)
    return _text(schema)


def _listed(item: str) -> str:
    if item.startswith("`"):
        return f"a list of {item}"
    return f"a list: {item}"


def _mapping(schema: Mapping[str, JsonValue], places: Mapping[str, str]) -> str:
    values = schema.get("patternProperties")
    inner = (
        next(iter(values.values()), None) if isinstance(values, dict) else schema.get("additionalProperties")
    )
    return f"names: {_takes(inner, places)}" if isinstance(inner, dict) else "names and what each takes"


def _text(schema: Mapping[str, JsonValue]) -> str:
    said = schema.get("description")
    if isinstance(said, str) and (found := _REFERENCE.search(said)):
        return "word, role or person" if "(" in found[1] else found[1]
    if schema.get("pattern") == durations.PATTERN:
        return "duration"
    if isinstance(said, str) and "cron expression" in said:
        return "cron"
    if isinstance(said, str) and "time zone" in said:
        return "zone"
    forms = {"date": "date", "uri": "web address", "regex": "regular expression"}
    form = schema.get("format")
    return forms.get(form, "text") if isinstance(form, str) else _WORDS.get(str(schema.get("type")), "text")


def _unsaid(field: FieldInfo) -> str:
    """The value that holds where the key does not stand there."""
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, dict):
        return ", ".join(f"`{name}: {_plain(each)}`" for name, each in value.items())
    if isinstance(value, tuple):
        return ", ".join(f"`{_plain(each)}`" for each in value)
    return f"`{_plain(value)}`"


def _plain(value: object) -> str:
    if isinstance(value, timedelta):
        return durations.render(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> int:
    """Write the page, or with `--check` only compare: 1 where it is not as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    fresh = rendered(text)
    if "--check" in sys.argv[1:]:
        if fresh != text:
            print("docs/policy.md is older than the policy's models: run scripts/policy_reference.py")
        return int(fresh != text)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
