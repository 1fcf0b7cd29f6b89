"""A data migration changes every row it counted, as the owner, under policies that hold for the owner too."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations

from lex.db.roles import OWNER
from lex.ops import migrations
from tests.support.rows import Rows


@pytest.fixture
def retiring(tmp_path: Path) -> SimpleNamespace:
    """What `lex db new --data` writes, its placeholders filled in."""
    text = migrations.new("Retire users", data=True, folder=tmp_path).read_text("utf-8")
    for placeholder, meant in (
        ("table_name", "users"),
        ("column_name = value", "is_active = false"),
        ("condition", "is_active"),
    ):
        assert placeholder in text
        text = text.replace(placeholder, meant)
    module = SimpleNamespace()
    exec(text, vars(module))
    return module


def run(module: SimpleNamespace, url: str) -> None:
    """As `lex db migrate` does: as the owner, in one transaction."""
    with migrations.connect(url) as connection:
        connection.exec_driver_sql(f"SET ROLE {OWNER}")
        with Operations.context(MigrationContext.configure(connection)):
            module.upgrade()
        connection.commit()


def test_every_row_is_changed(retiring: SimpleNamespace, own_rows: Rows, database_url: str) -> None:
    for _ in range(3):
        own_rows.add("users", role="user")
    assert own_rows.one("SELECT relforcerowsecurity FROM pg_class WHERE oid = 'users'::regclass")

    run(retiring, database_url)

    assert own_rows.column("SELECT is_active FROM users") == [False] * 3
    assert own_rows.one("SELECT count(*) FROM audit_logs WHERE resource = 'users' AND action = 'update'") == 3


def test_a_policy_that_hides_rows_stops_it(retiring: SimpleNamespace, own_rows: Rows, database_url: str) -> None:
    own_rows.add("users", role="user")
    own_rows.run("DROP POLICY p_users_owner ON users")
    own_rows.run(f"CREATE POLICY p_users_owner ON users FOR SELECT TO {OWNER} USING (true)")

    with pytest.raises(RuntimeError, match="0 rows changed instead of 1"):
        run(retiring, database_url)

    assert own_rows.column("SELECT is_active FROM users") == [True]


def test_nothing_belongs_to_anybody_but_the_owner(own_rows: Rows) -> None:
    strangers = own_rows.column(
        """
        SELECT c.relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace
            AND relowner <> 'lex_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        UNION ALL
        SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
            AND proowner <> 'lex_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        """
    )
    assert strangers == []


def test_kinds_are_told_apart() -> None:
    """One that fills a new table or column of its own is a schema migration; what takes minutes is not."""
    limits = {"schema": "60s", "data": "10min"}
    for path in (migrations.SCRIPTS / "versions").glob("*.py"):
        text = path.read_text("utf-8")
        kind = next(kind for kind in limits if f'\nkind = "{kind}"\n' in text)
        assert f"SET LOCAL statement_timeout = '{limits[kind]}'" in text, path.name
        if kind == "data":
            assert "ALTER TABLE" not in text, path.name
            assert "rowcount" in text, path.name
