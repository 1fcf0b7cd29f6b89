"""Files and functions stay short enough to be read at one sitting."""

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
FOLDERS = ("lex", "tests", "bench")
LONGEST_FILE = 500
LONGEST_FUNCTION = 60


def _sources() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (PROJECT / folder).rglob("*.py")


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(PROJECT)): len(path.read_text("utf-8").splitlines()) for path in _sources()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    found = {}
    for path in _sources():
        if "migrations/versions" in path.as_posix():  # statements in a row, written once
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    found[f"{path.relative_to(PROJECT)}:{node.lineno} {node.name}"] = lines
    assert found == {}
