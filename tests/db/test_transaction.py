"""What a transaction tells PostgreSQL, and whose connection it gets."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from lex.core.actor import Actor, Role, system
from lex.core.errors import Unavailable
from lex.db import roles, session, sql
from lex.db.session import CountingCursor, database, transaction
from tests.support.roles import connect_as


@pytest.fixture(autouse=True)
async def two_connections(database_url: str) -> AsyncIterator[str]:
    await session.connect(database_url, pool_size=2)
    yield database_url
    await session.disconnect()


@pytest.mark.parametrize("request_id", ["abc", "it's", r"\'); DROP TABLE orders; --", "größe"])
async def test_who_acts_is_told_as_it_stands_and_ends_with_the_transaction(request_id: str) -> None:
    user_id = uuid4()
    async with transaction(Actor(Role.USER, "user", user_id, request_id)) as opened:
        told = [
            await sql.fetch_value(opened, "SELECT current_setting(%(name)s)", name=name)
            for name in ("lex.user_id", "lex.role", "lex.request_id", "lock_timeout", "statement_timeout")
        ]
        driver = opened.driver
    assert told == [str(user_id), "user", request_id, "3s", "5s"]

    cursor = await driver.execute("SELECT current_setting('lex.user_id'), current_setting('lock_timeout')")
    assert await cursor.fetchone() == ("", "0")


async def test_times_are_utc_wherever_the_server_stands(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        name = psycopg.sql.Identifier(owner.info.dbname)
        owner.execute(psycopg.sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'").format(name))
    await session.disconnect()
    await session.connect(database_url, pool_size=2)
    written = "SELECT json_build_object('at', timestamptz '2026-11-05 09:00Z')::text"
    async with transaction(system()) as opened:
        assert await sql.fetch_value(opened, written) == '{"at" : "2026-11-05T09:00:00+00:00"}'
    async with session.reading() as connection:
        assert await (await connection.execute(written)).fetchone() == ('{"at" : "2026-11-05T09:00:00+00:00"}',)


async def test_what_takes_too_long_is_no_bug() -> None:
    async def work(opened: session.Session) -> None:
        await sql.execute(opened, "SELECT set_config('statement_timeout', '20ms', true)")
        await sql.execute(opened, "SELECT pg_sleep(5)")

    with pytest.raises(Unavailable) as refused:
        await session.transact(system(), work)
    assert refused.value.code == "too_slow"


async def test_the_beginning_goes_with_the_first_statement() -> None:
    before = CountingCursor.sent
    async with transaction(system()) as opened:
        assert CountingCursor.sent - before == 1
        assert opened.driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert await sql.fetch_value(opened, "SELECT current_setting('lex.role')") == "system"
        assert opened.driver.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


async def test_a_cursor_of_psycopgs_is_in_the_transaction_too() -> None:
    async with transaction(system()) as opened:
        cursor = await opened.driver.execute("SELECT current_setting('lex.role')")
        assert await cursor.fetchone() == ("system",)
        assert opened.driver.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


async def test_what_raises_is_rolled_back_and_what_ends_is_kept() -> None:
    add = "INSERT INTO shop_facts (name, value) VALUES ('currency', 'EUR')"
    count = "SELECT count(*) FROM shop_facts WHERE name = 'currency'"

    async def fail() -> None:
        async with transaction(system()) as opened:
            await sql.execute(opened, add)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with transaction(system()) as opened:
        assert await sql.fetch_value(opened, count) == 0
        await sql.execute(opened, add)
    async with transaction(system()) as opened:
        assert await sql.fetch_value(opened, count) == 1


async def test_only_a_light_transaction_does_not_wait_for_the_disk(two_connections: str) -> None:
    with psycopg.connect(two_connections, autocommit=True) as owner:
        owner.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = local', current_database()); END $$"
        )
    found = "SELECT current_setting('synchronous_commit')"
    for is_light, expected in ((False, "local"), (True, "off"), (False, "local")):
        async with transaction(system(), is_light=is_light) as opened:
            assert await sql.fetch_value(opened, found) == expected


async def test_the_connection_used_last_is_lent_first_and_all_come_back() -> None:
    async def backend() -> int:
        async with transaction(system()) as opened:
            return int(await sql.fetch_value(opened, "SELECT pg_backend_pid()"))

    assert await backend() == await backend()
    assert len(set(await asyncio.gather(*(backend() for _ in range(12))))) == 2
    pool = database().transactions[roles.WORKER]
    assert (pool.used, pool.idle) == (0, 2)


async def test_a_task_that_is_ended_gives_its_connection_back() -> None:
    async def sleep() -> None:
        async with transaction(system()) as opened:
            await sql.fetch_value(opened, "SELECT pg_sleep(60)")

    for _ in range(3):
        task = asyncio.create_task(sleep())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert database().transactions[roles.WORKER].used == 0
    async with transaction(system()) as opened:
        assert await sql.fetch_value(opened, "SELECT 1") == 1


async def test_after_a_cut_the_connections_at_rest_are_not_trusted(two_connections: str) -> None:
    async with transaction(system()), transaction(system()):
        pass
    assert database().transactions[roles.WORKER].idle == 2
    with connect_as(roles.WORKER, two_connections) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'lex'"
        )
    with pytest.raises(Exception, match="database does not answer"):
        async with transaction(system()):
            pass
    assert database().transactions[roles.WORKER].idle == 0
    async with transaction(system()) as opened:
        assert await sql.fetch_value(opened, "SELECT 1") == 1
