"""Lanes: what is asked of them comes back to who asked, whatever befalls its neighbours and its connection."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from lex.core.errors import Unavailable
from lex.db import lanes, session
from lex.db.documents import find_document
from lex.db.roles import WORKER
from lex.db.session import CountingCursor, Database
from tests.support.roles import connect_as

_TEN = "SELECT to_json(%(number)s::int * 10)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    yield await session.connect(database_url, pool_size=2)
    await session.disconnect()


async def test_each_asker_gets_their_own_answer(database: Database) -> None:
    before = CountingCursor.sent
    numbers = range(300)
    asked = [find_document(_TEN, {"number": number}, is_quick=number % 2 == 0) for number in numbers]
    assert await asyncio.gather(*asked) == [b"%d" % (number * 10) for number in numbers]
    assert CountingCursor.sent - before == 300


async def test_values_of_every_kind_arrive(database: Database) -> None:
    one = uuid4()
    statement = (
        "SELECT json_build_array(%(text)s::text, 5 %% 3, %(many)s::text[], %(id)s::uuid, %(text)s::text, %(none)s::int)"
    )
    document = await find_document(
        statement, {"text": "ä'%s", "many": ["a", "b"], "id": one, "none": None, "unused": 1}
    )
    assert document == f'["ä\'%s", 2, ["a","b"], "{one}", "ä\'%s", null]'.encode()
    assert await find_document("SELECT NULL::json", {}) is None
    assert await find_document("SELECT '1'::json WHERE false", {}) is None


async def test_one_that_fails_takes_no_other_along(database: Database) -> None:
    asked = [_TEN, "SELECT to_json(1 / %(number)s::int)", "SELECT nothing", _TEN, "SELECT to_json(%(number)s::int + 7)"]
    got = await asyncio.gather(
        *(find_document(text, {"number": 0}, is_quick=True) for text in asked), return_exceptions=True
    )
    assert (got[0], got[3], got[4]) == (b"0", b"0", b"7")
    assert isinstance(got[1], psycopg.errors.DivisionByZero)
    assert isinstance(got[2], psycopg.errors.UndefinedColumn)
    assert await find_document("SELECT to_json(%(number)s::int + 7)", {"number": 1}, is_quick=True) == b"8"


async def test_a_value_that_cannot_be_sent_leaves_the_lane_whole(database: Database) -> None:
    with pytest.raises(psycopg.DataError):
        await find_document("SELECT to_json(%(text)s::text)", {"text": "\0"}, is_quick=True)
    with pytest.raises(KeyError):
        await find_document(_TEN, {}, is_quick=True)
    assert await find_document(_TEN, {"number": 4}, is_quick=True) == b"40"


async def test_whoever_leaves_holds_nobody_up(database: Database) -> None:
    left = asyncio.create_task(find_document("SELECT to_json(pg_sleep(0.2)::text)", {}, is_quick=True))
    stayed = asyncio.create_task(find_document(_TEN, {"number": 3}, is_quick=True))
    await asyncio.sleep(0.05)
    left.cancel()
    assert await stayed == b"30"
    assert await find_document(_TEN, {"number": 4}, is_quick=True) == b"40"


async def test_what_takes_too_long_is_a_refusal(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await find_document("SELECT to_json(set_config('statement_timeout', '50ms', false))", {}, is_quick=True)
    slow = find_document("SELECT to_json(pg_sleep(9)::text)", {}, is_quick=True)
    got = await asyncio.gather(slow, find_document(_TEN, {"number": 1}, is_quick=True), return_exceptions=True)
    assert isinstance(got[0], Unavailable)
    assert got[0].code == "too_slow"
    assert got[1] == b"10"


async def test_every_read_has_its_limit(database: Database) -> None:
    assert await find_document("SELECT to_json(current_setting('statement_timeout'))", {}) == b'"5s"'


async def test_a_read_outlives_its_connection(database: Database) -> None:
    backend = int(await find_document("SELECT to_json(pg_backend_pid())", {}, is_quick=True) or 0)
    reading = asyncio.create_task(find_document("SELECT to_json(pg_sleep(0.2)::text)", {}, is_quick=True))
    await asyncio.sleep(0.05)
    _end(database, backend)
    assert await reading == b'""'
    _end(database, int(await find_document("SELECT to_json(pg_backend_pid())", {}, is_quick=True) or 0))
    assert await find_document(_TEN, {"number": 1}, is_quick=True) == b"10"


async def test_a_server_that_falls_silent_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "PATIENCE", 0.1)
    with pytest.raises(Unavailable):
        await find_document("SELECT to_json(pg_sleep(2)::text)", {}, is_quick=True)
    assert await find_document(_TEN, {"number": 1}, is_quick=True) == b"10"


async def test_statements_beyond_the_limit_are_prepared_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_PREPARED", 3)
    texts = [f"SELECT to_json(%(number)s::int + {more})" for more in range(8)] * 2
    assert await asyncio.gather(*(find_document(text, {"number": 0}, is_quick=True) for text in texts)) == [
        b"%d" % (place % 8) for place in range(16)
    ]
    prepared = await find_document("SELECT to_json(count(*)) FROM pg_prepared_statements", {}, is_quick=True)
    assert prepared is not None
    assert int(prepared) <= 3


async def test_more_than_a_socket_holds_gets_through(database: Database) -> None:
    texts = ["x" * 300_000 + str(number) for number in range(20)]
    asked = (find_document("SELECT to_json(%(text)s::text)", {"text": text}, is_quick=True) for text in texts)
    assert await asyncio.gather(*asked) == [f'"{text}"'.encode() for text in texts]


def _end(database: Database, backend: int) -> None:
    with connect_as(WORKER, database.url) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (backend,))
