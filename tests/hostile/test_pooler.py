"""Behind a transaction pooler two customers share one connection, one after the other, and neither is ever the other.

The pooler is PgBouncer with a single server connection. Where it is not installed these tests are skipped by name;
`LEX_REQUIRE_POOLER` makes that a failure.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from lex.db.roles import APP, url_of
from tests.conftest import temporary_database
from tests.support.cluster import Cluster
from tests.support.rows import Rows

_PROGRAM = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
_MINE = "SELECT count(*), count(DISTINCT user_id), min(user_id::text) FROM orders"

pytestmark = pytest.mark.skipif(
    _PROGRAM is None and "LEX_REQUIRE_POOLER" not in os.environ, reason="pgbouncer is not installed"
)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _settings(url: str, port: int) -> str:
    to = make_url(url_of(APP, url))
    host, port_there = to.query.get("host") or to.host, to.port or to.query.get("port", 5432)
    return f"""
[databases]
shop = host={host} port={port_there} dbname={to.database} user={to.username} password={to.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
"""


def _unprivileged(url: str) -> dict[str, Any]:
    """PgBouncer refuses to run as root: then it runs as the server's user, whose socket nobody else may reach."""
    if os.geteuid() != 0:
        return {}
    folder = str(make_url(url).query.get("host", ""))
    owner = Path(folder).stat().st_uid if folder.startswith("/") else pwd.getpwnam("nobody").pw_uid
    return {"user": owner, "group": pwd.getpwuid(owner).pw_gid, "extra_groups": []}


@contextmanager
def pooler(url: str) -> Iterator[str]:
    """PgBouncer in front of a database, logged in as lex_app; yields the address clients connect to."""
    assert _PROGRAM is not None, "pgbouncer is required and not installed"
    port, home = _free_port(), Path(tempfile.mkdtemp(dir="/var/tmp", prefix="lex-pooler-"))
    try:
        (home / "pgbouncer.ini").write_text(_settings(url, port))
        account = _unprivileged(url)
        if account:
            shutil.chown(home, account["user"], account["group"])
        command = [_PROGRAM, "-q", str(home / "pgbouncer.ini")]
        running = subprocess.Popen(command, cwd="/", stderr=subprocess.PIPE, **account)
        try:
            address = f"postgresql://anybody@127.0.0.1:{port}/shop"
            _wait_for(address, running)
            yield address
        finally:
            running.terminate()
            running.wait(10)
    finally:
        shutil.rmtree(home)


def _wait_for(address: str, running: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        assert running.poll() is None, running.stderr and running.stderr.read().decode()
        try:
            return psycopg.connect(address).close()
        except psycopg.OperationalError as error:
            last = error
            time.sleep(0.1)
    raise last


@pytest.fixture(scope="module")
def pooled(cluster: Cluster, template: str) -> Iterator[tuple[str, str, str]]:
    """The pooler's address and the ids of Ada and Eve, who have an order each."""
    for url in temporary_database(cluster, template):
        with Rows(url) as rows:
            people = []
            for _ in range(2):
                people.append(str(rows.add("users", role="user")["id"]))
                rows.add("orders")
        with pooler(url) as address:
            yield address, people[0], people[1]


def connected(address: str) -> psycopg.Connection[Any]:
    """A client of the pooler, which knows no prepared statements."""
    return psycopg.connect(address, autocommit=True, prepare_threshold=None)


def server_of(client: psycopg.Connection[Any]) -> int:
    """The one server process behind the pooler."""
    row = client.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def act_as(client: psycopg.Connection[Any], user: str) -> Any:
    """A transaction as Lex begins it: who acts is said for the transaction alone."""
    with client.transaction():
        client.execute("SELECT set_config('lex.user_id', %s, true)", (user,))
        return client.execute(_MINE).fetchone()


def test_whoever_comes_next_on_the_connection_is_nobody(pooled: tuple[str, str, str]) -> None:
    address, ada, _ = pooled
    with connected(address) as first, connected(address) as second:
        assert server_of(first) == server_of(second), "they share one connection"
        assert act_as(first, ada) == (1, 1, ada)
        assert second.execute(_MINE).fetchone() == (0, 0, None)
        assert second.execute("SELECT current_setting('lex.user_id', true)").fetchone() in ((None,), ("",))
        with second.transaction():
            assert second.execute("UPDATE carts SET version = version + 1").rowcount == 0


def test_a_transaction_that_fails_leaves_nobody_behind_either(pooled: tuple[str, str, str]) -> None:
    address, ada, _ = pooled
    with connected(address) as first, connected(address) as second:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            first.execute(f"BEGIN; SELECT set_config('lex.user_id', '{ada}', true); SELECT 'x'::uuid".encode())
        first.execute("ROLLBACK")
        assert second.execute(_MINE).fetchone() == (0, 0, None)


def test_many_customers_at_once_each_see_their_own(pooled: tuple[str, str, str]) -> None:
    address, *people = pooled

    def shop(number: int) -> list[bool]:
        user = people[number % 2]
        with connected(address) as client:
            return [act_as(client, user) == (1, 1, user) for _ in range(25)]

    with ThreadPoolExecutor(8) as clients:
        assert all(all(seen) for seen in clients.map(shop, range(8)))
