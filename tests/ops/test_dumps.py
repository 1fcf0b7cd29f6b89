"""A dump holds every row of everybody, and what is restored from it works by the same rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from lex.cli.main import app
from lex.core.errors import Conflict, Invalid, Refusal
from lex.core.settings import settings
from lex.ops import dumps, roles, tampering
from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.support.roles import connect_as
from tests.support.rows import Rows, one_of_every_table


@pytest.fixture(scope="module")
def full(cluster: Cluster, template: str) -> Iterator[str]:
    """A database with a row in every table; the tests of this file change nothing in it."""
    for url in temporary_database(cluster, template):
        roles.ensure(url)
        with Rows(url) as rows:
            one_of_every_table(rows)
        yield url


def counts(url: str) -> dict[str, int]:
    """Rows of every table, partitions too, as one whom no policy hides a row from."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables: list[tuple[str]] = connection.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        ).fetchall()
        return {name: _number(connection, name) for (name,) in tables}


def _number(connection: psycopg.Connection[Any], table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0


def test_every_row_comes_back_under_the_same_rules(full: str, empty_database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.dump"
    dumps.dump(full, file)
    assert file.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["shop.dump"]
    dumps.restore(empty_database_url, file)

    before, after = counts(full), counts(empty_database_url)
    assert after == before
    assert all(before[table] for table in ("users", "orders", "payments", "audit_logs", "person_keys", "carts"))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        assert [one.detail for one in tampering.strayed(connection)] == []
        (owner,) = connection.execute("SELECT user_id FROM orders LIMIT 1").fetchone() or (None,)
        with pytest.raises(psycopg.errors.RestrictViolation, match="never deleted"):
            connection.execute("DELETE FROM orders")
    assert roles.ensure(empty_database_url) == []
    with connect_as("lex_app", empty_database_url) as nobody, connect_as("lex_app", empty_database_url, owner) as one:
        assert _number(nobody, "orders") == 0
        assert _number(one, "orders") == before["orders"]
        one.execute(
            "INSERT INTO order_events (id, order_id, user_id, kind, actor_role)"
            " SELECT uuid_v7(), id, user_id, 'placed', 'user' FROM orders LIMIT 1"
        )
    assert counts(empty_database_url)["audit_logs"] == before["audit_logs"] + 1


def test_a_policy_that_hides_rows_from_the_dump_refuses_it(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for change, back in (
            (
                "DROP POLICY p_orders_owner ON orders",
                "CREATE POLICY p_orders_owner ON orders TO lex_owner USING (true)",
            ),
            ("CREATE POLICY less ON carts AS RESTRICTIVE USING (false)", "DROP POLICY less ON carts"),
            ("ALTER POLICY p_users_owner ON users USING (is_active)", "SELECT 1"),
        ):
            connection.execute(change)
            with pytest.raises(Conflict, match=r"hides rows of (orders|carts|users) from the dump. Run lex db roles"):
                dumps.dump(database_url, tmp_path / "shop.dump")
            connection.execute(back)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(full: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.dump"
    file.write_text("mine")
    with pytest.raises(Invalid, match="is there already"):
        dumps.dump(full, file)
    with pytest.raises(Conflict, match="not empty"):
        dumps.restore(full, file)
    with pytest.raises(Invalid, match="There is no file"):
        dumps.restore(full, tmp_path / "other.dump")
    assert file.read_text() == "mine"


def test_what_is_no_dump_leaves_nothing_behind(empty_database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.dump"
    file.write_text("mine")
    with pytest.raises(Refusal, match="pg_restore failed: pg_restore: error: input file"):
        dumps.restore(empty_database_url, file)
    assert counts(empty_database_url) == {}


def test_the_commands(full: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "shop.dump"
    said = []
    for url, command in ((full, "dump"), (empty_database_url, "restore")):
        monkeypatch.setenv("DATABASE_URL", url)
        settings.cache_clear()
        result = CliRunner().invoke(app, ["db", command, str(file)])
        assert result.exit_code == 0, result.output
        said.append(result.output)
    monkeypatch.undo()
    settings.cache_clear()
    assert said[0].startswith(f"Wrote {file}, ")
    assert said[1].startswith("Restored.")
