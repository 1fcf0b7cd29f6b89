"""However a program ends, its servers end with it; whatever was left, the next start mends."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from lex.adapters.cache import Cache
from lex.embedded import find, servers
from tests.embedded.conftest import Holder, eventually, kill, processes_of

Hold = Callable[..., Holder]


def _write(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (name text)")
        connection.execute("INSERT INTO kept VALUES ('hat')")


def _count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    return row[0] if row else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_program_dies_and_its_servers_end(home: Path, hold: Hold, number: signal.Signals) -> None:
    holder = hold(home)
    _write(holder.said.split()[1])
    os.killpg(holder.process.pid, number)
    assert eventually(lambda: processes_of(home) == [])
    assert not (home / "postgres/data/postmaster.pid").exists()  # a clean end, even so
    with servers(home) as again:
        assert _count(again.database_url) == 1


def test_the_keeper_dies_and_its_server_ends(home: Path, hold: Hold) -> None:
    holder = hold(home)
    for lock in home.glob("*/keeper.lock"):
        os.kill(int(lock.read_text()), signal.SIGKILL)
    assert eventually(lambda: processes_of(home) == [])
    with servers(home) as again:  # the holder still counts as a user; a new keeper serves both
        _write(holder.said.split()[1])
        assert _count(again.database_url) == 1


def test_a_crashed_server_is_started_again(home: Path, hold: Hold) -> None:
    holder = hold(home)
    url = holder.said.split()[1]
    _write(url)
    postmaster = int((home / "postgres/data/postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)

    def serves() -> bool:
        try:
            return _count(url) == 1
        except psycopg.OperationalError:
            return False

    assert eventually(lambda: not psutil.pid_exists(postmaster) and serves())


def test_after_everything_was_killed_the_next_start_repairs(home: Path, hold: Hold) -> None:
    holder = hold(home)
    _write(holder.said.split()[1])
    os.kill(holder.process.pid, signal.SIGSTOP)
    kill(sorted(processes_of(home), key=lambda process: process.pid))  # keepers and postmaster first
    holder.process.kill()
    assert eventually(lambda: processes_of(home) == [])
    assert (home / "postgres/data/postmaster.pid").exists()
    assert find(home) is None
    with servers(home) as again:
        assert _count(again.database_url) == 1
        assert redis.Redis.from_url(again.redis_url).ping()


def test_a_pid_file_that_names_somebody_else_is_no_hindrance(home: Path) -> None:
    with servers(home, cache=False, fast=True):
        pass
    (home / "postgres/data/postmaster.pid").write_text(f"{os.getpid()}\n{home}\n")
    with servers(home, cache=False, fast=True) as again:
        assert psycopg.connect(again.database_url).execute("SELECT 1").fetchone() == (1,)


def test_a_start_cut_short_leaves_no_half_made_folder(home: Path) -> None:
    (home / "postgres/data.new/base").mkdir(parents=True)
    with servers(home, cache=False, fast=True) as started:
        assert psycopg.connect(started.database_url).execute("SELECT 1").fetchone() == (1,)
    assert not (home / "postgres/data.new").exists()


def test_a_damaged_cache_is_set_aside(home: Path) -> None:
    with servers(home, database=False) as started:
        redis.Redis.from_url(started.redis_url).set("kept", "scarf")
    for file in home.glob("valkey/data/appendonlydir/*.aof"):
        file.write_bytes(b"*3\r\n$3\r\nSET\r\nrubbish\r\n" * 20)
    with servers(home, database=False) as started:
        assert redis.Redis.from_url(started.redis_url).get("kept") is None
    assert list(home.glob("valkey/data/damaged-*"))


async def _counted(url: str, times: int) -> int:
    """Count so often, as limits do; the count then."""
    cache = Cache(url)
    for _ in range(times):
        counted = await cache.count("rate:test", seconds=3600)
    await cache.close()
    assert isinstance(counted, list)
    return counted[0][0]


async def test_what_was_counted_outlives_a_killed_cache(home: Path) -> None:
    with servers(home, database=False) as started:
        assert await _counted(started.redis_url, 7) == 7
        valkey = [process for process in processes_of(home) if "valkey-server" in process.name()]
        kill(valkey)
        assert eventually(lambda: not any(process.is_running() for process in valkey))

        def serves() -> bool:
            try:
                return bool(redis.Redis.from_url(started.redis_url).ping())
            except redis.RedisError:
                return False

        assert eventually(serves)
        assert await _counted(started.redis_url, 1) == 8
    with servers(home, database=False) as again:
        assert await _counted(again.redis_url, 1) == 9


def test_a_full_cache_drops_pages_and_keeps_who_is_signed_in(home: Path) -> None:
    """Whoever has a shop make many pages signs nobody out."""
    with servers(home, database=False, fast=True) as started:
        client = redis.Redis.from_url(started.redis_url)
        client.config_set("maxmemory", "8mb")
        for number in range(200):
            client.set(f"lex:session:{number}", b"s" * 300, ex=14 * 24 * 3600)
            client.set(f"lex:rate:{number}", b"1", ex=3600)
        for number in range(3000):
            client.set(f"lex:document:{number}", b"d" * 8000, ex=600)
        assert client.info("stats")["evicted_keys"] > 1000
        assert len(client.keys("lex:session:*")) == 200
        assert len(client.keys("lex:rate:*")) == 200


def test_the_servers_end_when_their_home_is_deleted(home: Path, hold: Hold) -> None:
    hold(home, "--fast")
    running = processes_of(home)
    assert running
    home.rename(home.with_name("gone"))
    assert eventually(lambda: not any(process.is_running() for process in running))
