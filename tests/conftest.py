"""What every test may ask for: a database of its own, cloned from one migrated template, and an empty Redis."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from redis import Redis
from sqlalchemy.engine import make_url

from lex.db.roles import LOGINS
from lex.embedded.files import Lock
from lex.ops import migrations
from tests.support.cluster import Cluster, shared_folder
from tests.support.cluster import cluster as running_cluster
from tests.support.roles import connect_as

_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user"
_WHO_IS_LEFT = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = %s AND usename = ANY (%s)"
PATIENCE = 120.0  # seconds the other worker may take to build the template


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The servers of this run, shared by its workers."""
    with running_cluster(shared_folder(tmp_path_factory)) as started:
        yield started


@pytest.fixture(scope="session")
def template(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of the migrated database that tests clone; the first worker builds it, the last one drops it."""
    folder = shared_folder(tmp_path_factory)
    users = folder / "template.users"
    with Lock(folder / "template.lock") as turn:
        turn.take(patience=PATIENCE)
        name, count = users.read_text().split() if users.exists() else (f"lex_template_{uuid4().hex[:12]}", "0")
        if count == "0":
            create_database(cluster.database_admin_url, name)
            migrations.upgrade(with_database(cluster.database_admin_url, name))
        users.write_text(f"{name} {int(count) + 1}")
        turn.release()
        yield name
        turn.take(patience=PATIENCE)
        count = users.read_text().split()[1]
        if count == "1":
            users.unlink()
            drop_database(cluster.database_admin_url, name)
        else:
            users.write_text(f"{name} {int(count) - 1}")


@pytest.fixture
def database_url(cluster: Cluster, template: str) -> Iterator[str]:
    """A fresh, migrated database of this test alone."""
    yield from temporary_database(cluster, template)


@pytest.fixture
def empty_database_url(cluster: Cluster) -> Iterator[str]:
    """A database with nothing in it, not even a schema."""
    yield from temporary_database(cluster, "template1")


@pytest.fixture
def redis_url(cluster: Cluster) -> Iterator[str]:
    """This worker's Redis database, emptied before and after the test."""
    with Redis.from_url(cluster.redis_url) as redis:
        redis.flushdb()
        yield cluster.redis_url
        redis.flushdb()


def temporary_database(cluster: Cluster, template: str) -> Iterator[str]:
    """A clone of `template` that is dropped afterwards, whoever is still connected."""
    name = f"lex_test_{uuid4().hex[:12]}"
    create_database(cluster.database_admin_url, name, template)
    yield with_database(cluster.database_admin_url, name)
    drop_database(cluster.database_admin_url, name)


def with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def create_database(admin_url: str, name: str, template: str = "template1") -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        # From 15 on files are copied only when asked for; the other way all of it goes through the journal too.
        how = "STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {how}'.encode())


def drop_database(admin_url: str, name: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        # Not WITH (FORCE): on 13 it fails while autovacuum, which is not ours to end, looks at the database.
        connection.execute(_END, (name,))
        for (role,) in connection.execute(_WHO_IS_LEFT, (name, list(LOGINS))).fetchall():
            with connect_as(role, admin_url) as own:  # each role may end its own
                own.execute(_END, (name,))
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
