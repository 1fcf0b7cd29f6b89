"""What is cut into periods is asked for by id: a range of `created_at` would read every partition."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "lex"
_TABLE = re.compile(
    r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(?:public\.)?(?P<table>orders|audit_logs)\b(?:\s+(?:AS\s+)?(?P<alias>\w+))?"
)
_RANGE = re.compile(r"(?:\b(?P<of>\w+)\.)?\bcreated_at\b\s*(?:[<>]|BETWEEN)")


def ranges(statement: str) -> list[str]:
    """Conditions on `created_at` of a table that is cut into periods."""
    names = {name for found in _TABLE.finditer(statement) for name in found.groupdict().values() if name}
    return [found[0] for found in _RANGE.finditer(statement) if names and (found["of"] is None or found["of"] in names)]


def statements() -> Iterator[tuple[str, str]]:
    """Every text of the code that speaks of such a table, with its place. Migrations build; they do not ask."""
    for path in sorted(ROOT.rglob("*.py")):
        if "migrations" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TABLE.search(node.value):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def test_no_statement_asks_by_the_time_of_the_row() -> None:
    found = list(statements())
    assert len(found) > 30
    assert [(place, wrong) for place, text in found if (wrong := ranges(text))] == []


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("SELECT 1 FROM orders WHERE created_at > now()", True),
        ("SELECT 1 FROM orders o WHERE o.created_at >= %(since)s", True),
        ("SELECT 1 FROM payments p JOIN orders AS o ON o.id = p.order_id WHERE o.created_at BETWEEN 1 AND 2", True),
        ("DELETE FROM audit_logs WHERE audit_logs.created_at < now()", True),
        ("SELECT 1 FROM orders o JOIN payments p ON p.order_id = o.id WHERE p.created_at > now()", False),
        ("SELECT created_at FROM orders WHERE id >= %(low)s AND id < %(high)s ORDER BY id", False),
    ],
)
def test_the_search_finds_them(statement: str, wrong: bool) -> None:
    assert bool(ranges(statement)) == wrong
