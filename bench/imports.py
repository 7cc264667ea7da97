"""Starts the bot and, when it ends, writes which modules of other people it had loaded."""

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from bot.__main__ import main

OURS = frozenset({"bot", "handlers", "storage", "sandbox", "bench"})


def others(modules: Mapping[str, ModuleType | None]) -> list[str]:
    """Of the loaded modules those that are neither ours nor the standard library's, in their order."""
    return [
        name
        for name, module in modules.items()
        if name.partition(".")[0] not in OURS | sys.stdlib_module_names
        and getattr(getattr(module, "__spec__", None), "name", None) == name
        and _can_be_imported(name)
    ]


def _can_be_imported(name: str) -> bool:
    if not all(part.isidentifier() for part in name.split(".")):  # compiled modules have such companions
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


if __name__ == "__main__":
    before = set(sys.modules)
    status = main(["run"])
    loaded = {name: module for name, module in list(sys.modules.items()) if name not in before}
    Path(sys.argv[1]).write_text(json.dumps(others(loaded)), encoding="utf-8")
    sys.exit(status)
