"""What was changed by hand is named and put back; a database that nobody touched is told to be one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from lex.cli.main import app
from lex.core.settings import settings
from lex.ops import partitions, tampering
from tests.conftest import temporary_database, with_database
from tests.support.cluster import Cluster


@dataclass(frozen=True)
class Touched:
    """A database to tamper with: as its administrator, and as a superuser."""

    url: str
    admin: psycopg.Connection[Any]
    root: psycopg.Connection[Any]

    def told(self) -> list[str]:
        """What is not as it was."""
        return [one.detail for one in tampering.strayed(self.admin)]


@pytest.fixture(scope="module")
def touched(cluster: Cluster, template: str) -> Iterator[Touched]:
    """Shared by the tests of this file, which put back what they change."""
    for url in temporary_database(cluster, template):
        root_url = with_database(cluster.superuser_url, psycopg.conninfo.conninfo_to_dict(url)["dbname"])
        with psycopg.connect(url, autocommit=True) as admin, psycopg.connect(root_url, autocommit=True) as root:
            yield Touched(url, admin, root)


def test_the_file_is_what_the_migrations_make(database_url: str) -> None:
    """If this fails: lex db docs, with a database that was just migrated."""
    assert tampering.text(database_url) == tampering.EXPECTED.read_text("utf-8")


def test_new_partitions_are_nothing_new(touched: Touched) -> None:
    partitions.ensure(touched.url)
    assert touched.told() == []


#: what somebody does, and what is told of it; all of it is put back by one who is no superuser
PUT_BACK = [
    (
        "GRANT DELETE ON orders TO lex_app",
        "right of lex_app on table orders is “DELETE, INSERT, SELECT, UPDATE (cancel",
    ),
    ("GRANT SELECT ON audit_logs TO PUBLIC", "right of PUBLIC on table audit_logs was added: SELECT."),
    ("GRANT UPDATE (role) ON users TO lex_app WITH GRANT OPTION", "UPDATE (role) and gives it on”"),
    ("REVOKE SELECT ON orders FROM lex_ro", "right of lex_ro on table orders is gone: SELECT."),
    ("GRANT CREATE ON SCHEMA public TO lex_app", "right of lex_app on schema public was added: CREATE."),
    ("GRANT EXECUTE ON FUNCTION adopt_guest_orders TO PUBLIC", "right of PUBLIC on function adopt_guest_orders(uuid)"),
    ("GRANT UPDATE ON SEQUENCE procrastinate_jobs_id_seq TO lex_app", "on sequence procrastinate_jobs_id_seq is “UP"),
    ("DROP POLICY p_orders_own ON orders", "policy p_orders_own on orders is gone: FOR ALL TO lex_app USING ("),
    (
        "ALTER POLICY p_carts_own ON carts USING (true)",
        "policy p_carts_own on carts is “FOR ALL TO lex_app USING (true)",
    ),
    ("CREATE POLICY mine ON users TO lex_app USING (true)", "policy mine on users was added: FOR ALL TO lex_app"),
    (
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "table orders is “of lex_owner for its owner too”, not “of lex_ow",
    ),
    ("ALTER TABLE payments NO FORCE ROW LEVEL SECURITY", "table payments is “of lex_owner with policies”, not"),
    ("ALTER TABLE reviews DISABLE TRIGGER tr_reviews_guard", "trigger tr_reviews_guard on reviews is “off: CREATE"),
    (
        "ALTER TABLE orders ENABLE TRIGGER tr_orders_guard",
        "trigger tr_orders_guard on orders is “not in replication: C",
    ),
    ("DROP TRIGGER tr_users_last_update ON users", "trigger tr_users_last_update on users is gone: always: CREATE"),
    (
        "ALTER FUNCTION opened_by RESET search_path",
        "function opened_by(bytea[],timestamp with time zone) is “of lex_ow",
    ),
    ("ALTER FUNCTION guard_review SECURITY DEFINER", "function guard_review() is “of lex_owner with its rights v sear"),
    ("ALTER TABLE carts OWNER TO CURRENT_USER", "table carts is “of lex with policies for its owner too”, not “of"),
]


@pytest.mark.parametrize(("change", "detail"), PUT_BACK, ids=[change for change, _ in PUT_BACK])
def test_what_was_changed_is_named_and_put_back(touched: Touched, change: str, detail: str) -> None:
    touched.admin.execute(change.encode())
    told = touched.told()
    assert any(detail in one for one in told), told
    done, left = tampering.mend(touched.url)
    assert left == []
    assert sorted(done) == sorted(f"Put right: {one}" for one in told)
    assert touched.told() == []


@pytest.mark.parametrize("partition", ["orders", "audit_logs"])
def test_a_partition_that_strays_is_named(touched: Touched, partition: str) -> None:
    find = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass LIMIT 1"
    (name,) = touched.admin.execute(find, (partition,)).fetchone() or ("",)
    trigger = (
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgparentid <> 0 AND tgconstraint = 0 LIMIT 1"
    )
    (own,) = touched.admin.execute(trigger, (name,)).fetchone() or ("",)
    touched.admin.execute(f"GRANT SELECT ON {name} TO lex_app; ALTER TABLE {name} DISABLE TRIGGER {own}".encode())
    assert touched.told()[0].startswith(f"copy {own} on {name} was added: off: CREATE TRIGGER")
    assert touched.told()[1:] == [f"right of lex_app on partition {name} was added: SELECT."]
    tampering.mend(touched.url)
    assert touched.told() == []


def test_the_text_of_a_function_is_somebodys_to_put_back(touched: Touched) -> None:
    (was,) = touched.admin.execute("SELECT pg_get_functiondef('payment_status_of'::regproc)").fetchone() or ("",)
    touched.admin.execute(was.replace("SELECT payment_status", "SELECT 'paid'").encode())
    done, left = tampering.mend(touched.url)
    assert done == []
    assert left[0].detail.startswith("function payment_status_of(uuid) is “of lex_owner with its rights s search_path")
    assert "Run its CREATE FUNCTION of lex/db/migrations/versions again" in left[0].mend
    touched.admin.execute(was.encode())
    assert touched.told() == []


def test_what_others_keep_there_is_theirs_until_it_does_more_than_its_caller_may(touched: Touched) -> None:
    touched.admin.execute(
        "CREATE TABLE reports (id int); GRANT SELECT ON reports TO lex_ro;"
        "CREATE FUNCTION report() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    assert touched.told() == []
    touched.admin.execute("ALTER FUNCTION report() SECURITY DEFINER")
    assert touched.told()[0].startswith("function report() was added: of lex with its rights")
    assert tampering.mend(touched.url)[1][0].mend.startswith("Take it away")
    touched.admin.execute("DROP FUNCTION report(); DROP TABLE reports")


def test_a_rule_and_rights_in_advance_are_named(touched: Touched) -> None:
    touched.admin.execute(
        "CREATE RULE mine AS ON DELETE TO carts DO INSTEAD NOTHING;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE lex_owner GRANT SELECT ON TABLES TO lex_app"
    )
    assert touched.told() == [
        "right of lex_app on whatever is made from now on was added: SELECT.",
        "rule mine on carts was added: CREATE RULE mine AS ON DELETE TO public.carts DO INSTEAD NOTHING;.",
    ]
    touched.admin.execute(
        "DROP RULE mine ON carts; ALTER DEFAULT PRIVILEGES FOR ROLE lex_owner REVOKE SELECT ON TABLES FROM lex_app"
    )


def test_what_only_a_superuser_does_is_told_to_one(touched: Touched) -> None:
    find = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'carts'::regclass AND tgisinternal LIMIT 1"
    (own,) = touched.admin.execute(find).fetchone() or ("",)
    touched.root.execute(f'ALTER TABLE carts DISABLE TRIGGER "{own}"'.encode())
    statement = f'ALTER TABLE carts ENABLE TRIGGER "{own}"'
    (left,) = tampering.mend(touched.url)[1]
    assert left.mend == f"Run as a superuser: {statement};"
    touched.root.execute(statement.encode())
    assert touched.told() == []


def test_doctor_and_roles_say_so(touched: Touched, monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", touched.url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    settings.cache_clear()
    touched.admin.execute("ALTER TABLE orders DISABLE ROW LEVEL SECURITY")
    try:
        told = CliRunner().invoke(app, ["doctor"])
        assert told.exit_code == 1
        assert "✗ guards  table orders is “of lex_owner for its owner too”" in told.output
        assert "Run lex db roles." in told.output
        assert CliRunner().invoke(app, ["db", "roles"]).exit_code == 0
        fine = CliRunner().invoke(app, ["doctor"])
        assert (
            "✓ guards  Owners, rights, policies, triggers and functions are as the migrations made them." in fine.output
        )
    finally:
        monkeypatch.undo()
        settings.cache_clear()
