"""The servers a test session uses: one embedded cluster shared by all workers, or those the environment names.

| variable | use |
| --- | --- |
| `DATABASE_URL` | an own PostgreSQL; its role must be allowed to create databases and roles |
| `LEX_TEST_SUPERUSER_URL` | the same server as superuser, for the tests that attack as one |
| `LEX_TEST_REDIS_URL`, else `REDIS_URL` | an own Redis |
| `LEX_TEST_POSTGRES` | folder of PostgreSQL programs for the embedded server, to test another version |
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from lex.core.settings import settings
from lex.embedded import find, servers
from lex.embedded.files import Lock
from lex.ops import roles

PROGRAMS = Path(os.environ["LEX_TEST_POSTGRES"]) if "LEX_TEST_POSTGRES" in os.environ else None
TURN = 120.0  # seconds
MEMORY, ROOM, PREFIX = Path("/dev/shm"), 3 << 30, "lex-tests-"
OLD = 600.0  # seconds after which a folder without servers is what a killed run left
ROLE_SECRET = "the roles of servers that only tests use"  # the same in every run: roles belong to the server


@dataclass(frozen=True)
class Cluster:
    """`database_admin_url` may CREATE DATABASE … TEMPLATE and CREATE ROLE and is no superuser; it connects to a
    database that nobody uses as a template. `redis_url` names a database of this worker's own."""

    database_admin_url: str
    superuser_url: str
    redis_url: str


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all workers of this run know, and no other run."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """The servers run inside the block; the last worker to leave stops and removes them, however it leaves."""
    database_url = os.environ.get("DATABASE_URL", "")
    redis_url = os.environ.get("LEX_TEST_REDIS_URL") or os.environ.get("REDIS_URL", "")
    os.environ["LEX_DATABASE_ROLE_SECRET"] = ROLE_SECRET
    settings.cache_clear()
    with Lock(folder / "cluster.lock") as turn:  # nobody enters while the last one clears up
        turn.take(patience=TURN)
        home = _home(folder / "cluster.home")
        with servers(home, database=not database_url, cache=not redis_url, fast=True, programs=PROGRAMS) as started:
            roles.ensure(database_url or started.database_url)
            turn.release()
            yield Cluster(
                database_admin_url=database_url or started.database_url,
                superuser_url=started.admin_database_url or os.environ.get("LEX_TEST_SUPERUSER_URL", ""),
                redis_url=_of_this_worker(redis_url or started.redis_url),
            )
            turn.take(patience=TURN)
        if find(home) is None:
            shutil.rmtree(home, ignore_errors=True)
            (folder / "cluster.home").unlink()


def _home(pointer: Path) -> Path:
    """The servers' folder: in memory where there is room, for a disk makes a database's thousand files slowly."""
    if pointer.exists():
        return Path(pointer.read_text("utf-8"))
    home = pointer.with_name("cluster")
    if MEMORY.is_dir() and min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM:
        _remove_strays()
        home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY))
    pointer.write_text(str(home), "utf-8")
    return home


def _remove_strays() -> None:
    for stray in MEMORY.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another run removes it too
            found = stray.stat()
            is_old = found.st_uid == os.geteuid() and time.time() - found.st_mtime > OLD
            if is_old and find(stray) is None:
                shutil.rmtree(stray, ignore_errors=True)


def _of_this_worker(url: str) -> str:
    """Workers share the server, not the keys: each has a Redis database of its own."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    if url.startswith("unix:"):
        return url.replace("?db=0", f"?db={number}")
    return url if url.count("/") > 2 else f"{url}/{number}"
