"""The sentences that stand below the fields of the policy's models, read from their source when the schema is asked
for: pydantic would read them at every start, which costs more than reading a policy."""

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel


def described(model: type[BaseModel]) -> dict[str, str]:
    """Field name (as in the file) to its sentence, of the fields that `model` declares itself or inherits."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _own(base)
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    return {aliases[name]: sentence for name, sentence in found.items() if name in aliases}


def _own(model: type[BaseModel]) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    except (OSError, TypeError):  # shipped without its source: a schema without sentences is still a schema
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        field.target.id: inspect.cleandoc(said.value.value)
        for field, said in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }


def all_models(base: type[BaseModel]) -> list[type[BaseModel]]:
    """Every model below `base`, at any depth."""
    return [each for child in base.__subclasses__() for each in (child, *all_models(child))]
