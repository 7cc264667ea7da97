"""Files fit a sitting, functions fit a screen; what does not is listed here with its reason."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOTS = ("bot", "handlers", "storage", "sandbox", "examples")
FILE_LINES = 400
FUNCTION_LINES = 60
EXCEPTIONS: dict[str, str] = {}


def python_files() -> list[Path]:
    return [p for root in ROOTS for p in (ROOT / root).rglob("*.py") if "versions" not in p.parts]


def test_files_fit_a_sitting() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in python_files()
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > FILE_LINES
    }
    assert {name: n for name, n in long.items() if name not in EXCEPTIONS} == {}


def test_functions_fit_a_screen() -> None:
    long = {}
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno
                if length > FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = length
    assert {name: n for name, n in long.items() if name not in EXCEPTIONS} == {}


def test_every_module_opens_with_its_role() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for p in python_files()
        if p.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))
    ]
    assert silent == []
