"""`lex db` as a person types it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from lex.cli.db import app
from lex.cli.exported import exported
from lex.ops import migrations

Lex = Callable[..., Any]


@pytest.fixture
def lex(empty_database_url: str) -> Iterator[Lex]:
    """Runs `lex db …` on an empty database."""
    with exported({"DATABASE_URL": empty_database_url}):
        yield lambda *words, answer=None: CliRunner().invoke(app, list(words), input=answer)


def test_migrate_status_rollback(lex: Lex, empty_database_url: str) -> None:
    assert lex("status").exit_code == 1
    migrated = lex("migrate")
    assert migrated.exit_code == 0, migrated.output
    assert "applied 20250126000001" in migrated.output
    assert "Nothing to do" in lex("migrate").output
    told = json.loads(lex("status", "--json").output)
    assert {(row["kind"], row["applied"]) for row in told} == {("schema", True)}
    assert f"took back {migrations.head()}" in lex("rollback").output
    assert lex("status").exit_code == 1


def test_roles_are_made_and_told(lex: Lex, empty_database_url: str) -> None:
    first = lex("roles")
    assert first.exit_code == 0, first.output
    assert "lex_owner may make tables" in first.output
    again = lex("roles", "--urls")
    assert "Nothing to do" in again.output
    addresses = dict(line.split(" ") for line in again.output.splitlines() if line.startswith("lex_"))
    assert addresses.keys() == {"lex_app", "lex_staff", "lex_worker", "lex_ro"}
    psycopg.connect(addresses["lex_ro"]).close()


def test_rollback_of_everything_asks_first(lex: Lex, empty_database_url: str) -> None:
    lex("migrate")
    refused = lex("rollback", "--all", answer="n\n")
    assert "drops every table" in refused.output
    assert refused.exit_code == 1
    assert migrations.is_current(empty_database_url)
    assert lex("rollback", "--all", "--yes").exit_code == 0
    assert not any(migration.applied for migration in migrations.status(empty_database_url))


def test_docs(lex: Lex, tmp_path: Path) -> None:
    lex("migrate")
    assert lex("docs", "--folder", str(tmp_path), "--check").exit_code == 1
    assert not list(tmp_path.iterdir())
    assert lex("docs", "--folder", str(tmp_path)).exit_code == 0
    assert (tmp_path / "README.md").exists()
    assert lex("docs", "--folder", str(tmp_path), "--check").exit_code == 0
