"""The roles of a server of its own: made, mended, and refused where that is all that can be done."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from lex.core.errors import Refusal
from lex.core.settings import settings
from lex.db.roles import LOGINS, url_of
from lex.embedded import Servers, servers
from lex.ops import migrations, roles, tampering
from tests.conftest import with_database
from tests.support.cluster import PROGRAMS
from tests.support.roles import connect_as


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers(tmp_path_factory.mktemp("roles"), cache=False, fast=True, programs=PROGRAMS) as started:
        yield started


@pytest.fixture
def url(server: Servers) -> Iterator[str]:
    """The administering address of a server without the roles."""
    yield server.database_url
    with psycopg.connect(server.admin_database_url, autocommit=True) as superuser:
        there = superuser.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^lex_'").fetchall()
    with psycopg.connect(with_database(server.admin_database_url, "lex"), autocommit=True) as superuser:
        for (name,) in there:
            superuser.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def test_createrole_is_enough_and_twice_changes_nothing(url: str) -> None:
    done = roles.ensure(url)
    assert [f"{name} was made" for name in ("lex_owner", *LOGINS)] == [line for line in done if "was made" in line]
    assert roles.ensure(url) == []
    assert roles.missing(url) == []
    for role in LOGINS:
        with connect_as(role, url) as connection:
            for statement in ("CREATE TABLE mine (id int)", "CREATE TEMPORARY TABLE mine (id int)"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET ROLE lex_owner")
        connection.execute("CREATE EXTENSION btree_gist; CREATE TABLE ours (id int)")


def test_two_at_once_make_them_once(url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(roles.ensure, [url, url]))
    assert sum(line == "lex_app was made" for lines in done for line in lines) >= 1
    assert roles.ensure(url) == []


def test_what_is_broken_is_mended(url: str) -> None:
    roles.ensure(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER ROLE lex_app PASSWORD 'another'; ALTER ROLE lex_staff NOLOGIN INHERIT CREATEDB")
    assert [line.partition(":")[0] for line in roles.missing(url)] == ["lex_app", "lex_staff"]
    assert roles.ensure(url) == ["lex_staff has its attributes back", "lex_app has its password"]
    assert roles.missing(url) == []


def test_an_address_of_another_login_is_no_way_in(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    roles.ensure(url)
    monkeypatch.setenv("LEX_APP_DATABASE_URL", url_of("lex_staff", url))
    settings.cache_clear()
    try:
        told = "lex_app: its address logs in as lex_staff; the database's rules know lex_app alone"
        assert roles.missing(url) == [told]
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_another_secret_gives_other_passwords(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    roles.ensure(url)
    monkeypatch.setenv("LEX_DATABASE_ROLE_SECRET", "a new one")
    settings.cache_clear()
    try:
        assert len(roles.missing(url)) == len(LOGINS)
        assert roles.ensure(url) == [f"{role} has its password" for role in LOGINS]
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_what_was_made_without_the_roles_becomes_the_owners(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE old (id int GENERATED ALWAYS AS IDENTITY, n serial) PARTITION BY RANGE (n);"
            "CREATE TYPE mood AS ENUM ('good'); CREATE TYPE pair AS (a int, b int); CREATE SEQUENCE numbers;"
            "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';"
            "CREATE TEXT SEARCH CONFIGURATION words (COPY = english);"
            "CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = simple)"
        )
        assert len([line for line in roles.ensure(url) if line.startswith("ALTER ")]) == 7
        assert roles.ensure(url) == []
        connection.execute("SET ROLE lex_owner")
        connection.execute(
            "DROP TABLE old; DROP TYPE mood, pair; DROP SEQUENCE numbers; DROP FUNCTION twice;"
            "DROP TEXT SEARCH CONFIGURATION words; DROP TEXT SEARCH DICTIONARY stems"
        )


def test_a_role_that_may_do_more_is_a_superusers_to_mend(url: str, server: Servers) -> None:
    roles.ensure(url)
    with psycopg.connect(server.admin_database_url, autocommit=True) as superuser:
        superuser.execute("ALTER ROLE lex_app BYPASSRLS")
        with pytest.raises(Refusal, match="ALTER ROLE lex_app NOSUPERUSER NOBYPASSRLS"):
            roles.ensure(url)
        superuser.execute("ALTER ROLE lex_app NOBYPASSRLS")


#: what somebody does to a role, whether it takes a superuser to take it back, and what is told
STRAYED = [
    ("ALTER ROLE lex_app BYPASSRLS", True, "lex_app is BYPASSRLS."),
    ("ALTER ROLE lex_staff SUPERUSER CREATEROLE", True, "lex_staff is SUPERUSER, CREATEROLE."),
    ("ALTER ROLE lex_owner LOGIN", False, "lex_owner is LOGIN."),
    ("GRANT lex_staff TO lex_app", False, "lex_app is a member of lex_staff."),
    ("GRANT pg_read_all_stats TO lex_ro", True, "lex_ro is a member of pg_read_all_stats."),
    ("ALTER ROLE lex_app SET search_path = mine", False, "lex_app has the setting search_path=mine."),
    (
        "ALTER ROLE lex_worker IN DATABASE lex SET lock_timeout = 0",
        False,
        "lex_worker has the setting lock_timeout=0 in",
    ),
    ("ALTER ROLE lex_app SET session_replication_role = replica", True, "lex_app has the setting session_replication"),
]


@pytest.mark.parametrize(("change", "takes_superuser", "detail"), STRAYED)
def test_what_was_added_to_a_role_is_named(
    url: str, server: Servers, change: str, takes_superuser: bool, detail: str
) -> None:
    def told() -> list[tampering.Strayed]:
        with psycopg.connect(url, autocommit=True) as connection:
            return [one for one in tampering.strayed(connection) if one.detail.startswith("lex_")]

    roles.ensure(url)
    assert told() == []
    with (
        psycopg.connect(server.admin_database_url, autocommit=True) as superuser,
        psycopg.connect(url, autocommit=True) as admin,
    ):
        (superuser if takes_superuser else admin).execute(change.encode())
        (found,) = told()
        assert detail in found.detail
        (superuser if takes_superuser else admin).execute(found.statement.encode())
    assert told() == []


def test_a_schema_where_everybody_makes_things_is_a_superusers_to_close(url: str, server: Servers) -> None:
    """As up to PostgreSQL 14, where the schema is not the database owner's: the first refusal names all it takes."""
    there, above = (with_database(address, "as_of_old") for address in (url, server.admin_database_url))
    with psycopg.connect(server.admin_database_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE as_of_old OWNER lex")
        try:
            with psycopg.connect(above, autocommit=True) as superuser:
                superuser.execute("ALTER SCHEMA public OWNER TO CURRENT_USER; GRANT CREATE ON SCHEMA public TO PUBLIC")
                for attempt in (roles.ensure, migrations.upgrade):
                    with pytest.raises(Refusal, match="Run as a superuser: ") as refused:
                        attempt(there)
                told = str(refused.value).partition("Run as a superuser: ")[2]
                assert "REVOKE CREATE ON SCHEMA public FROM PUBLIC" in told
                superuser.execute(told.encode())
            assert len(migrations.upgrade(there)) > 20
            assert roles.ensure(there) == []
            for role in LOGINS:
                with connect_as(role, there) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("CREATE AGGREGATE public.sum(amount) (SFUNC = numeric_add, STYPE = numeric)")
        finally:
            admin.execute("DROP DATABASE as_of_old")


@pytest.mark.parametrize("setting", ["local_preload_libraries = 'nope'", "default_transaction_read_only = on"])
def test_what_a_role_did_to_itself_is_undone(url: str, setting: str) -> None:
    roles.ensure(url)
    with connect_as("lex_app", url) as connection:
        connection.execute(f"ALTER ROLE lex_app SET {setting}".encode())
        connection.execute("ALTER ROLE lex_app PASSWORD 'mine'")
    roles.ensure(url)
    with connect_as("lex_app", url) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("off",)


def test_a_login_that_may_make_no_roles_is_told_so(url: str, server: Servers) -> None:
    with psycopg.connect(server.admin_database_url, autocommit=True) as superuser:
        superuser.execute("ALTER ROLE lex NOCREATEROLE")
        try:
            with pytest.raises(Refusal, match="needs CREATEROLE"):
                roles.ensure(url)
        finally:
            superuser.execute("ALTER ROLE lex CREATEROLE")


def test_a_server_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(Refusal, match="The database does not answer"):
        roles.ensure("postgresql://lex:no@127.0.0.1:1/lex")
