from pathlib import Path

from lex.ops import schema_docs
from lex.ops.models import metadata
from lex.ops.schema_meanings import MEANINGS

FOLDER = Path(__file__).parents[2] / "docs" / "schema"


def test_the_pages_are_current(database_url: str) -> None:
    """When this fails: `lex db docs`."""
    assert schema_docs.outdated(schema_docs.pages(database_url), FOLDER) == []


def test_no_page_of_a_domain_that_is_gone(database_url: str) -> None:
    made = schema_docs.pages(database_url).keys() | {"history.md"}
    assert {path.name for path in FOLDER.glob("*.md")} == made


def test_every_column_has_a_meaning_and_every_meaning_a_column(database_url: str) -> None:
    columns = {(table.name, column.name) for table in metadata.sorted_tables for column in table.columns}
    known = {name for _, name in columns} | {f"{table}.{name}" for table, name in columns}
    assert MEANINGS.keys() - known == set()
    empty = [
        f"{name}: {line}"
        for name, text in schema_docs.pages(database_url).items()
        for line in text.splitlines()
        if line.startswith("| `") and line.endswith("|  |")
    ]
    assert empty == []


def test_every_table_has_a_section(database_url: str) -> None:
    text = "\n".join(schema_docs.pages(database_url).values())
    for table in metadata.tables:
        assert f"\n## {table}\n" in text


def test_writing_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "history.md").write_text("by hand")
    schema_docs.write({"README.md": "made"}, tmp_path)
    assert (tmp_path / "history.md").read_text() == "by hand"
    assert schema_docs.outdated({"README.md": "made", "new.md": ""}, tmp_path) == [tmp_path / "new.md"]
