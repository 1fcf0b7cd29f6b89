"""Starting, joining and stopping the embedded servers, and what they let in."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
import sqlalchemy

from lex.embedded import find, servers
from tests.embedded.conftest import Holder, facts_of, left_in, processes_of


def test_start_serves_and_stop_leaves_nothing(home: Path) -> None:
    with servers(home, fast=True) as started:
        with psycopg.connect(started.database_url) as connection:
            assert connection.execute("SELECT current_user, current_database()").fetchone() == ("lex", "lex")
        engine = sqlalchemy.create_engine(started.database_url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW timezone").scalar() == "UTC"
        engine.dispose()
        assert redis.Redis.from_url(started.redis_url).ping()
        assert find(home) == started
        assert started.version.split(".")[0].isdigit()
    assert find(home) is None
    assert left_in(home) == []
    assert not (home / "postgres/data/postmaster.pid").exists()


def test_second_start_keeps_the_data(home: Path) -> None:
    with servers(home) as first:
        with psycopg.connect(first.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'hat' AS name")
        redis.Redis.from_url(first.redis_url).set("kept", "scarf")
    with servers(home) as second:
        with psycopg.connect(second.database_url) as connection:
            assert connection.execute("SELECT name FROM kept").fetchone() == ("hat",)
        assert redis.Redis.from_url(second.redis_url).get("kept") == b"scarf"


def test_only_what_is_asked_for_starts(home: Path) -> None:
    with servers(home, database=False) as started:
        assert started.database_url == ""
        assert redis.Redis.from_url(started.redis_url).ping()
        assert not (home / "postgres").exists()


def test_a_second_program_joins_and_the_last_one_stops(home: Path, hold: Callable[..., Holder]) -> None:
    first = hold(home, "--fast")
    assert first.said.startswith("ready")
    with servers(home, fast=True) as joined:
        assert joined.database_url == first.said.split()[1]
        assert first.leave() == 0
        assert psycopg.connect(joined.database_url).execute("SELECT 1").fetchone() == (1,)
    assert find(home) is None
    assert left_in(home) == []


def test_two_starts_at_once_share_one_server(home: Path, hold: Callable[..., Holder]) -> None:
    with ThreadPoolExecutor(4) as pool:
        holders = list(pool.map(lambda _: hold(home, "--fast"), range(4)))
    assert {holder.said for holder in holders} == {holders[0].said}
    assert holders[0].said.startswith("ready")
    assert [holder.leave() for holder in holders] == [0, 0, 0, 0]
    assert left_in(home) == []


def test_the_owner_makes_databases_roles_and_extensions_but_is_no_superuser(home: Path) -> None:
    with (
        servers(home, cache=False, fast=True) as started,
        psycopg.connect(started.database_url, autocommit=True) as connection,
    ):
        for name in ("pg_trgm", "btree_gist", "unaccent"):
            connection.execute(f"CREATE EXTENSION {name}")
        connection.execute("CREATE ROLE lex_app")
        connection.execute("CREATE DATABASE another TEMPLATE template1")
        connection.execute("CREATE TABLE in_public (id int)")
        assert connection.execute("SELECT count(*) >= 0 FROM pg_stat_statements").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY (SELECT 1) TO PROGRAM 'true'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("ALTER ROLE lex SUPERUSER")


def test_nobody_enters_without_the_password(home: Path) -> None:
    with servers(home, fast=True) as started:
        folder = started.database_url.partition("host=")[2]
        for way in ("lex:wrong@", "lex@", "postgres@", "postgres:postgres@"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(f"postgresql://{way}:5432/lex?host={folder}")
        path = started.redis_url.partition("@")[2]
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(f"unix://{path}").ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(f"unix://:wrong@{path}").ping()
        opened = facts_of(processes_of(home), psutil.Process.net_connections)
        assert opened
        assert [at for each in opened for at in each if at.family != socket.AF_UNIX] == []


def test_passwords_are_for_their_owner_and_stay_out_of_the_logs(home: Path) -> None:
    with servers(home) as started:
        assert (home / "embedded.json").stat().st_mode & 0o777 == 0o600
        password = started.database_url.split(":")[2].partition("@")[0]
        texts = [path.read_text("utf-8", "replace") for path in home.glob("postgres/data/log/*")]
        texts += facts_of(processes_of(home), lambda process: " ".join(process.cmdline()))
        assert texts
        assert not any(password in text for text in texts)


def test_settings_of_the_operator_win(home: Path) -> None:
    with servers(home, cache=False, fast=True):
        pass
    (home / "postgres/data/local.conf").write_text("work_mem = '13MB'\n")
    (home / "postgres/data/local.conf").chmod(0o644)
    with servers(home, cache=False, fast=True) as started, psycopg.connect(started.database_url) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("13MB",)
        assert connection.execute("SHOW max_locks_per_transaction").fetchone() == ("256",)
