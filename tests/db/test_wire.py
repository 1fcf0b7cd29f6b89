"""Statements of a transaction: when they are prepared, what an error and a canceled task leave behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import LiteralString

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from lex.core.errors import Unavailable
from lex.db import roles, sql, wire
from lex.db.pool import SOON, Pool
from lex.db.session import Session, Unmet
from lex.db.wire import Wire

PREPARED: LiteralString = "SELECT count(*) FROM pg_prepared_statements WHERE statement = %(text)s"
DOUBLE: LiteralString = "SELECT %(n)s::int * 2"


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Wire]:
    opened = await Wire.connect(database_url, autocommit=True)
    yield opened
    await opened.close()


async def value(connection: Wire, statement: LiteralString, **params: object) -> object:
    return await sql.fetch_value(Session(connection), statement, **params)


async def test_what_comes_often_is_prepared(connection: Wire) -> None:
    for n in range(wire.PREPARED_AFTER):
        assert await value(connection, DOUBLE, n=n) == 2 * n
    assert await value(connection, PREPARED, text="SELECT $1::int * 2") == 0
    assert await value(connection, DOUBLE, n=21) == 42
    assert await value(connection, PREPARED, text="SELECT $1::int * 2") == 1


async def test_a_pool_of_a_role_works_as_nobody_else(database_url: str) -> None:
    """Rules of the database ask for lex_app by name: a login that is only a member of it would pass by them."""
    pool = Pool(roles.APP, roles.url_of(roles.STAFF, database_url), 1)
    for _ in range(2):  # its one place is free again
        with pytest.raises(Unavailable, match="its address logs in as lex_staff") as refused:
            await pool.take()
        assert refused.value.code == "wrong_login"


async def test_what_was_prepared_outlives_a_rollback(database_url: str) -> None:
    pool = Pool(roles.APP, roles.url_of(roles.APP, database_url), 1)
    lent = await pool.take()
    await lent.say(b"BEGIN")
    for n in range(wire.PREPARED_AFTER + 1):
        await value(lent, DOUBLE, n=n)
    await pool.give(lent)
    again = await pool.take()
    assert again.pgconn.transaction_status == TransactionStatus.IDLE
    assert await value(again, PREPARED, text="SELECT $1::int * 2") == 1
    await pool.give(again)
    await pool.close()


async def test_no_more_stay_prepared_than_may(connection: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_PREPARED", 3)
    for n in range(wire.PREPARED_AFTER + 1):
        await value(connection, DOUBLE, n=n)
    others: tuple[LiteralString, ...] = ("SELECT 1", "SELECT 2", "SELECT 3")
    for statement in others:
        await value(connection, statement)
    assert await value(connection, PREPARED, text="SELECT $1::int * 2") == 0
    assert await value(connection, DOUBLE, n=4) == 8


async def test_a_lost_preparation_fails_once(connection: Wire) -> None:
    for n in range(wire.PREPARED_AFTER + 1):
        await value(connection, DOUBLE, n=n)
    await connection.say(b"DEALLOCATE ALL")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        await value(connection, DOUBLE, n=1)
    assert await value(connection, DOUBLE, n=4) == 8


@pytest.mark.parametrize("is_batch", [False, True])
async def test_a_canceled_task_ends_what_it_asked(connection: Wire, is_batch: bool) -> None:
    await connection.say(b"BEGIN")
    sleep = value(connection, "SELECT pg_sleep(60)")
    batch = sql.together(Session(connection), sleep, value(connection, DOUBLE, n=1)) if is_batch else sleep
    task: asyncio.Task[object] = asyncio.create_task(batch)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert connection.pgconn.transaction_status == TransactionStatus.INERROR
    await connection.say(b"ROLLBACK")
    assert await value(connection, DOUBLE, n=4) == 8


async def test_long_values_and_many_rows_pass(connection: Wire) -> None:
    text = "ä" * 5_000_000
    assert await value(connection, "SELECT %(text)s::text", text=text) == text
    assert await value(connection, "SELECT count(*) FROM generate_series(1, 100000) WHERE 7 %% 4 = 3") == 100000


async def test_the_first_error_of_several_is_raised(connection: Wire) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        await connection.say(b"SELECT 1; SELECT 1 / 0; SELECT 2")
    with pytest.raises(psycopg.errors.UndefinedTable):
        await value(connection, "SELECT * FROM nowhere")
    assert await value(connection, DOUBLE, n=4) == 8


async def test_what_stands_in_line_goes_out_with_the_next(connection: Wire) -> None:
    session = Session(connection)
    await connection.say(b"CREATE TEMP TABLE told (n int)")
    for n in range(wire.PREPARED_AFTER + 2):  # unprepared, being prepared and prepared
        sql.execute_soon(session, "INSERT INTO told VALUES (%(n)s)", n=n)
        assert await value(connection, "SELECT count(*) FROM told") == n + 1
    sql.execute_soon(session, "INSERT INTO told VALUES (%(n)s)", n=7)
    await connection.say(b"INSERT INTO told VALUES (8)")
    assert await value(connection, "SELECT array_agg(n) FROM told") == [*range(wire.PREPARED_AFTER + 2), 7, 8]


async def test_an_error_in_line_is_raised_by_the_next_which_is_not_done(connection: Wire) -> None:
    session = Session(connection)
    for _ in range(wire.PREPARED_AFTER + 2):
        await connection.say(b"BEGIN")
        sql.execute_soon(session, "SELECT 1 / %(n)s::int", n=0)
        with pytest.raises(psycopg.errors.DivisionByZero):
            await value(connection, DOUBLE, n=1)
        assert connection.pgconn.transaction_status == TransactionStatus.INERROR
        await connection.say(b"ROLLBACK")
    sql.execute_soon(session, "SELECT 1 / %(n)s::int", n=0)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await connection.say(b"SELECT 1")
    assert await value(connection, DOUBLE, n=4) == 8


async def test_together_is_one_round_trip_in_order(connection: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0
    send = Wire.send

    async def counting(self: Wire) -> None:
        nonlocal sent
        sent += 1
        await send(self)

    monkeypatch.setattr(Wire, "send", counting)
    session = Session(connection)
    await connection.say(b"CREATE TEMP TABLE told (n int)")
    add: LiteralString = "INSERT INTO told VALUES (%(n)s) RETURNING n"
    done = await sql.together(
        session,
        sql.fetch_value(session, add, n=3),
        sql.execute(session, "UPDATE told SET n = n + 1"),
        sql.fetch_value(session, "SELECT n FROM told"),
    )
    assert (done, sent) == ((3, 1, 4), 1)


async def test_together_raises_the_first_error_and_nothing_after_it_is_done(connection: Wire) -> None:
    session = Session(connection)
    await connection.say(b"CREATE TEMP TABLE told (n int)")
    await connection.say(b"BEGIN")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await sql.together(
            session,
            sql.execute(session, "INSERT INTO told VALUES (1)"),
            sql.fetch_value(session, "SELECT 1 / 0"),
            sql.fetch_value(session, "SELECT 1"),
        )
    await connection.say(b"ROLLBACK")
    assert await value(connection, "SELECT count(*) FROM told") == 0

    sql.execute_soon(session, "SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await sql.together(session, sql.execute(session, "SELECT 1"), sql.execute(session, "SELECT 2"))

    async def refuse() -> None:
        await sql.execute(session, "SELECT 1")
        raise LookupError

    with pytest.raises(LookupError):
        await sql.together(session, refuse(), sql.fetch_value(session, DOUBLE, n=1))
    assert await value(connection, DOUBLE, n=4) == 8


async def test_a_concluded_transaction_commits_with_its_last_batch(connection: Wire) -> None:
    session = Session(connection)
    await connection.say(b"CREATE TEMP TABLE told (n int)")
    for n in range(wire.PREPARED_AFTER + 2):
        connection.soon("BEGIN", {})
        sql.conclude(session)
        await sql.execute(session, "INSERT INTO told VALUES (%(n)s)", n=n)
        assert connection.pgconn.transaction_status == TransactionStatus.IDLE
        with pytest.raises(RuntimeError, match="concluded"):
            await value(connection, "SELECT 1")
        await connection.commit()
        connection.forget()
    assert await value(connection, "SELECT count(*) FROM told") == wire.PREPARED_AFTER + 2


@pytest.mark.parametrize("together", [False, True])
async def test_a_refused_commit_is_told_whenever_it_goes_out(connection: Wire, together: bool) -> None:
    session = Session(connection)
    await connection.say(
        b"CREATE TEMP TABLE told (n int PRIMARY KEY, follows int REFERENCES told DEFERRABLE INITIALLY DEFERRED)"
    )
    connection.soon("BEGIN", {})
    sql.conclude(session)
    orphan: LiteralString = "INSERT INTO told VALUES (1, 2)"

    async def ending() -> None:
        if together:
            await sql.together(session, sql.execute(session, orphan), value(connection, DOUBLE, n=1))
        else:
            await sql.execute(session, orphan)
        await connection.commit()

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await ending()
    connection.forget()
    assert await value(connection, "SELECT count(*) FROM told") == 0


async def test_what_is_insisted_on_or_nothing_is_done(connection: Wire) -> None:
    session = Session(connection)
    await connection.say(b"CREATE TEMP TABLE told (n int)")
    insisting: LiteralString = "WITH one AS (INSERT INTO told VALUES (1) RETURNING n) SELECT " + sql.insist("%(n)s = 1")
    connection.soon("BEGIN", {})
    sql.conclude(session)

    async def swallowing() -> None:
        with contextlib.suppress(Unmet):
            await sql.execute(session, insisting, n=2)

    await swallowing()
    with pytest.raises(psycopg.errors.PipelineAborted):
        await connection.commit()
    await connection.say(b"ROLLBACK")
    connection.forget()
    assert await value(connection, "SELECT count(*) FROM told") == 0


@pytest.mark.parametrize("failing_first", [True, False])
async def test_works_do_not_go_without_one_that_failed_before_it_asked(connection: Wire, failing_first: bool) -> None:
    session = Session(connection)
    await connection.say(b"CREATE TEMP TABLE told (n int)")

    async def failing() -> int:
        raise ZeroDivisionError

    connection.soon("BEGIN", {})
    sql.conclude(session)
    works = [failing(), sql.execute(session, "INSERT INTO told VALUES (1)")]
    one, two = works if failing_first else reversed(works)
    with pytest.raises(ZeroDivisionError):
        await sql.together(session, one, two)
    assert await value(connection, "SELECT count(*) FROM told") == 0
    assert connection.pgconn.transaction_status == TransactionStatus.INTRANS
    await connection.say(b"ROLLBACK")


async def test_who_connects_for_long_does_not_keep_the_others_waiting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(roles.APP, roles.url_of(roles.APP, database_url), 5)
    await pool.give(await pool.take())
    (warm,) = pool._idle
    pool._idle.clear()
    connect, hang = pool._connect, asyncio.Event()

    async def hanging() -> Wire:
        await hang.wait()
        return await connect()

    monkeypatch.setattr(pool, "_connect", hanging)
    waiting = [asyncio.create_task(pool.take()) for _ in range(2)]
    await asyncio.sleep(0)
    pool._idle.append(warm)
    lent = await asyncio.wait_for(pool.take(), 2)
    assert lent is warm
    hang.set()
    for one in (lent, *await asyncio.gather(*waiting)):
        await pool.give(one)
    assert (pool.used, pool.idle) == (0, 3)
    await pool.close()


async def test_two_connections_are_lent_at_a_time_but_those_that_wait_do_not_count(database_url: str) -> None:
    pool = Pool(roles.APP, roles.url_of(roles.APP, database_url), 5)
    first, second = await pool.take(), await pool.take()
    third = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    assert not third.done()
    await pool.give(first)
    assert await third is first  # the warm one
    await asyncio.sleep(2 * SOON)  # both out for long: they wait for something
    fourth, fifth = await asyncio.wait_for(pool.take(), 1), await asyncio.wait_for(pool.take(), 1)
    assert pool.used == 4
    for lent in (first, second, fourth, fifth):
        await pool.give(lent)
    one, two = await pool.take(), await pool.take()
    assert {one, two} == {fifth, fourth}  # used last
    for lent in (one, two):
        await pool.give(lent)
    await pool.close()
