"""Every field that takes words has a case in the walk over free texts: a new one without a case fails here."""

import ast
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

import bot.policy.policy  # noqa: F401 -- every section of a policy is known once this is
from bot.gates import GATES
from bot.policy.field_docs import all_models
from bot.policy.references import Reference
from bot.policy.types import Section
from handlers.http import alertmanager, heartbeat
from handlers.http.evidence import Posted
from handlers.slack import deploy, env
from handlers.slack.help import COMMANDS
from tests.attacks import free_text, free_text_on_call

pytestmark = pytest.mark.requirement("P8")
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = (free_text.evil("mark"), "<!here>", "<!here>\u202e")
ABSTRACT = {"RecurringRule", "ScopedRule", "Section"}
NOT_BUILT = {"GitHubActionsDeployer", "WebhookDeployer"}
"""Sections that are parsed and not acted on yet: nothing of them reaches a person. Whoever builds one takes it out."""


def inputs(path: Path) -> Iterator[str]:
    """The block ids of a module's text inputs: a text, a constant of the module, or what a function that makes one is
    called with; what is filled into a text is a star."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
            constants[ast.unparse(node.target)] = str(node.value.value)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            constants |= {ast.unparse(target): str(node.value.value) for target in node.targets}
    for first, maker in first_arguments(tree, "text_input"):
        parameters = [] if maker is None else [each.arg for each in maker.args.args]
        if maker is not None and isinstance(first, ast.Name) and first.id in parameters:
            assert parameters[0] == first.id, f"{path.name}: {maker.name} takes its block first"
            yield from (written(each, constants) for each, _ in first_arguments(tree, maker.name))
        else:
            yield written(first, constants)


def first_arguments(tree: ast.AST, name: str) -> Iterator[tuple[ast.expr, ast.FunctionDef | None]]:
    """The first argument of each call of a function, and the function in which it is called."""
    inside = {
        id(node): function
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node.args[0], inside.get(id(node))


def written(node: ast.expr, constants: dict[str, str]) -> str:
    """A text as it stands in the code."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "*" for each in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else constants[ast.unparse(node)]


def test_every_text_field_of_every_modal_has_a_case() -> None:
    found = {
        f"{path.stem}:{block}"
        for path in (ROOT / "handlers" / "slack").glob("*.py")
        if path.stem != "blocks"
        for block in inputs(path)
    }
    assert found == set(free_text.MODAL_FIELDS) | set(free_text_on_call.MODAL_FIELDS)


def test_there_is_no_text_field_but_by_the_one_function() -> None:
    """Else the test above would not see it."""
    makers = [p.name for p in (ROOT / "handlers").rglob("*.py") if "plain_text_input" in p.read_text()]
    assert makers == ["blocks.py"]
    rich = [
        p.name
        for p in (ROOT / "handlers").rglob("*.py")
        if re.search(r"rich_text|email_text|url_text", p.read_text())
    ]
    assert rich == []


def test_every_sub_command_has_a_case() -> None:
    found = {f"{command} {word}" for command, words in COMMANDS.items() for word in words}
    known = {f"/deploy {word}" for word in free_text.SUB_COMMANDS} | set(free_text_on_call.SUB_COMMANDS)
    assert found == known
    assert {f"/deploy {word}" for word in deploy.SUBS} | {f"/env {word}" for word in env.SUBS} <= found


def test_every_field_of_every_form_on_our_pages_has_a_case() -> None:
    templates = (ROOT / "handlers" / "http" / "mfa" / "templates").glob("*.html")
    found = {name for path in templates for name in re.findall(r'\bname="([a-z-]+)"', path.read_text())}
    assert found - {"viewport", "color-scheme"} == set(free_text.PAGE_FIELDS)


def test_every_field_of_a_statement_by_ci_has_a_case() -> None:
    assert set(Posted.model_fields) == set(free_text.EVIDENCE_FIELDS)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (heartbeat.Report, free_text_on_call.HEARTBEAT_FIELDS),
        (alertmanager.Posted, free_text_on_call.PAYLOAD_FIELDS),
        (alertmanager.PostedAlert, free_text_on_call.ALERT_FIELDS),
    ],
)
def test_every_field_of_what_a_monitor_is_told_has_a_case(
    model: type[BaseModel], fields: dict[str, str]
) -> None:
    assert {field.alias or name for name, field in model.model_fields.items()} == set(fields)


def takes_words(annotation: Any, metadata: tuple[Any, ...] = ()) -> bool:
    """Whether a text of one's own fits anywhere into a value of this type."""
    if typing.get_origin(annotation) is Annotated:
        inner, *more = typing.get_args(annotation)
        return takes_words(inner, (*metadata, *more))
    if isinstance(annotation, typing.TypeAliasType) if hasattr(typing, "TypeAliasType") else False:
        return takes_words(annotation.__value__, metadata)
    if annotation is str:
        if any(isinstance(each, Reference) for each in metadata):
            return False
        forms = [p for each in metadata if (p := _pattern(each)) is not None]
        return any(all(re.search(form, sample) for form in forms) for sample in SAMPLES) and not any(
            "zone" in getattr(getattr(each, "func", None), "__name__", "") for each in metadata
        )
    if typing.get_origin(annotation) in (typing.Union, UnionType, tuple, list, dict, frozenset):
        return any(takes_words(each) for each in typing.get_args(annotation) if each is not Ellipsis)
    return False


def _pattern(metadata: Any) -> str | None:
    found = getattr(metadata, "pattern", None)
    if found is None:
        inner = [getattr(each, "pattern", None) for each in getattr(metadata, "metadata", ())]
        found = next((p for p in inner if p is not None), None)
    return getattr(found, "pattern", found)


def test_every_text_of_a_policy_has_a_case() -> None:
    models = [*all_models(Section), *(gate.parameters for gate in GATES.values())]
    found = {
        f"{model.__name__}.{field.alias or name}"
        for model in models
        if model.__module__.startswith("bot.")  # other tests make models of their own
        and model.__name__ not in ABSTRACT | NOT_BUILT
        for name, field in model.model_fields.items()
        if takes_words(field.annotation, tuple(field.metadata))
    }
    assert found == set(free_text_on_call.all_policy_fields())
