"""Nothing personal can be read where the shop's data lie: tables, WAL, dumps, logs, statistics, queue, Redis.

Somebody buys with words that are found nowhere else, through the production server with its worker, while the database
logs every statement with its parameters, as no server of a shop should. Then all of it is searched for these words, as
they are and in the codings programs use.
"""

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
from psycopg import sql

from lex.core.actor import system
from lex.core.errors import Conflict
from lex.core.settings import settings
from lex.db.jobs import defer
from lex.db.session import connect, disconnect, transaction
from lex.embedded.programs import find_postgres
from lex.flows.find_order import ask_for_link
from lex.flows.own_data.archive import ALL_PARTS
from lex.identity.commands import create_user
from lex.identity.own_data import add_export
from tests.conftest import with_database
from tests.support.cluster import Cluster
from tests.support.server import Server, serving
from tests.support.shop import Order, Shop
from tests.web.conftest import web_home

__all__ = ["web_home"]

EMAIL = "Zebedeeus.Q@Hushhushmailer.example"
ADDRESS = {
    "recipient_name": "Zebedeeus Quixotherington",
    "company": "Gnomewallers Guild",
    "line1": "Unmistakable Alley 99x",
    "line2": "Backhouse Plumtree",
    "city": "Kontrollstadt",
    "postal_code": "28195",
    "country": "DE",
}
SAID = {
    "email": EMAIL,
    "first_name": "Zebedeeus",
    "last_name": "Quixotherington",
    "phone": "+49 4711 08154722",
    "note": "A gift for Wendeltrud, hide it",
    "shipping_address": ADDRESS,
    "billing_address": {**ADDRESS, "line1": "Billingsgatery 12"},
}
STAFF_NOTE = "Rang about Mondkalb"

#: What must be nowhere, each a word of its own that nothing else holds.
WORDS = (
    *("zebedeeus", "quixotherington", "hushhushmailer", "gnomewallers", "unmistakable", "backhouse", "billingsgatery"),
    *("wendeltrud", "mondkalb", "4711 08154722", "471108154722", "08154722"),
)
#: What is readable by design: proof that the search finds what is there.
CONTROL = "kontrollstadt"


@pytest.fixture
def checked() -> None:
    """The server is looked at from outside."""


@pytest.fixture
def root(cluster: Cluster, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """The superuser in the test's database, which logs all it is told, parameters too."""
    if not cluster.superuser_url:
        pytest.skip("only a superuser reads the server's files and log: set LEX_TEST_SUPERUSER_URL beside DATABASE_URL")
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(with_database(cluster.superuser_url, str(name)), autocommit=True) as connection:
        for setting, value in (
            *(("log_statement", "all"), ("log_min_duration_statement", "0")),
            *(("log_parameter_max_length", "-1"), ("log_parameter_max_length_on_error", "-1")),
        ):
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
            connection.execute(statement.format(sql.Identifier(str(name)), sql.Identifier(setting), value))
        if has_statistics(connection):
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        yield connection


@pytest.fixture
def server(
    root: psycopg.Connection[Any], database_url: str, cluster: Cluster, web_home: Path, tmp_path: Path, redis_url: str
) -> Iterator[Server]:
    """The production server with its worker, saying all it can say."""
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "LEX_HOME": str(web_home),
        "LEX_LOG_LEVEL": "debug",
        "LEX_LOG_FORMAT": "json",
    }
    with serving(environment, tmp_path / "log", web=1, worker=True) as started:
        yield started


async def test_what_a_buyer_says_is_readable_nowhere(
    root: psycopg.Connection[Any],
    cluster: Cluster,
    server: Server,
    database_url: str,
    redis_url: str,
    web_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEX_HOME", str(web_home))
    monkeypatch.setenv("DATABASE_URL", database_url)
    settings.cache_clear()
    first_wal, logged = one(root, "SELECT pg_walfile_name(pg_current_wal_lsn())"), log_size(root)
    await connect(database_url)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as client:
        await buy(Shop(client, database_url), client)
    await disconnect()
    settings.cache_clear()
    await_rest(root)

    searched = {
        "files": files(root),
        "wal": wal(root, first_wal),
        "dump": dump(with_database(cluster.superuser_url, root.info.dbname)),
        "database log": log_since(root, logged),
        "Lex's log": server.log.read_bytes(),
        "Redis": kept_in_redis(redis_url),
        "copies": b"".join(path.read_bytes() for path in (web_home / "files" / "exports").iterdir()),
    }
    assert one(root, "SELECT status FROM data_exports") == "ready"
    assert len(searched["copies"]) > 2000
    searched |= {f"table {table}": rows for table, rows in tables(root).items()}
    if has_statistics(root):
        statements = column(root, "SELECT query FROM pg_stat_statements")
        assert any("INSERT INTO users" in text for text in statements)
        searched["pg_stat_statements"] = "\n".join(statements).encode()
    found = {(where, word) for where, text in searched.items() for word in WORDS if any_form_of(word, text)}
    assert found == set()
    assert {where for where, text in searched.items() if any_form_of(CONTROL, text)} >= {
        *("files", "wal", "dump", "table orders"),
    }
    assert b"INSERT INTO users" in searched["database log"]
    assert re.search(rb"(?i)(detail|parameters): .*\$1 = ", searched["database log"])
    assert b'"event": "request"' in searched["Lex's log"] or b"lex.web.access" in searched["Lex's log"]
    assert len(searched["Redis"]) > 20
    assert b"notification_id" in searched["table procrastinate_jobs"]


async def buy(shop: Shop, client: httpx.AsyncClient) -> None:
    """All ways of saying who one is: bought, refused, repeated, handed over, noted, looked for."""
    product = shop.product(stock=50)
    order = await bought(shop, product)
    staff = await shop.staff()
    there = f"/api/v1/staff/orders/{order.data['id']}"
    for path, body in (("notes", {"text": STAFF_NOTE}), ("fulfilments", {})):
        assert (await client.post(f"{there}/{path}", json=body, headers=staff)).status_code == 201
    assert (await client.get(there, headers=staff)).json()["email"].casefold() == EMAIL.casefold()
    for look in (EMAIL, "quixotherington", "hushhushmailer.example", "+49 4711 08154722", "0471108154722"):
        found = await client.get("/api/v1/staff/orders", params={"customer": look}, headers=staff)
        assert len(found.json()["orders"]) == 1, look
    gone = f"/api/v1/staff/orders/{(await bought(shop, product, 'another')).data['id']}/cancel"
    assert (await client.post(gone, json={"note": STAFF_NOTE}, headers=staff)).status_code == 200
    await refused(shop, product)
    await ask_for_link(system(), order.data["order_number"], EMAIL)
    await client.get(f"/orders/{order.data['order_number']}", params={"token": order.data["access_token"]})
    for path in ("/orders/find", "/search", "/products"):
        await client.get(path, params={"email": EMAIL, "number": order.data["order_number"]})
    await registered()
    shop.db.close()


async def bought(shop: Shop, product: Any, key: str = "once") -> Order:
    cart = await shop.ship(await shop.cart((product, 1)), "parcel")
    headers = {"Idempotency-Key": key}
    for _ in range(2):
        answer = await shop.place(cart, headers=headers, **SAID)
        assert answer.status_code == 201, answer.text
    order = Order(answer.json(), {"X-Order-Token": answer.json()["access_token"]})
    assert (await shop.pay(order, "tok_declined")).status_code in (200, 201, 402, 409, 422)
    assert (await shop.pay(order)).json()["payment_status"] == "paid"
    return order


async def refused(shop: Shop, product: Any) -> None:
    """What is said wrongly is said back, and logged by nobody."""
    cart = await shop.ship(await shop.cart((product, 1)), "parcel")
    for wrong in (
        {"email": "zebedeeus@@hushhushmailer"},
        {"first_name": "Zebedeeus\x00"},
        {"shipping_address": {**ADDRESS, "country": "XX"}},
        {"quixotherington": 1},
        {"version": 99},
    ):
        assert (await shop.place(cart, **{**SAID, **wrong})).status_code in (400, 409, 422)


async def registered() -> None:
    """An account, whose copy of everything the worker makes, and the same again: the refusal shows the row."""
    for number in range(2):
        try:
            async with transaction(system()) as session:
                names = {"last_name": "Quixotherington", "phone": SAID["phone"]}
                person = await create_user(session, role="user", email=EMAIL, **names)
                export_id = await add_export(session, person.id, ALL_PARTS)
                await defer(session, "make_export", export_id=export_id)
        except Conflict:
            assert number == 1


def any_form_of(word: str, text: bytes) -> bool:
    """Whether a word stands in a text: in any case, in hex, in base64 at each of its three beginnings."""
    lower = text.lower()
    plain = word.encode()
    if plain in lower or plain.hex().encode() in lower or word.encode("utf-16-le") in lower:
        return True
    spellings = {plain, word.capitalize().encode()}
    return any(cut in text for spelling in spellings for cut in base64_forms(spelling))


def base64_forms(plain: bytes) -> Iterator[bytes]:
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + plain)
        yield coded[(offset * 4 + 2) // 3 : len(coded) // 4 * 4 - 4]


def one(root: psycopg.Connection[Any], query: str, *params: Any) -> Any:
    row = root.execute(query.encode(), params or None).fetchone()
    assert row is not None
    return row[0]


def column(root: psycopg.Connection[Any], query: str) -> list[Any]:
    return [row[0] for row in root.execute(query.encode()).fetchall()]


def has_statistics(root: psycopg.Connection[Any]) -> bool:
    return "pg_stat_statements" in one(root, "SELECT current_setting('shared_preload_libraries')")


def await_rest(root: psycopg.Connection[Any]) -> None:
    """The worker has sent what there is to send."""
    due = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' OR status = 'todo' AND scheduled_at IS NULL"
    for _ in range(300):
        if not one(root, due):
            return
        root.execute("SELECT pg_sleep(0.1)")
    raise AssertionError("the worker does not come to rest")


def files(root: psycopg.Connection[Any]) -> bytes:
    """All tables and indexes as they lie on the disk."""
    root.execute("CHECKPOINT")
    return b"\x00".join(
        root.execute("SELECT pg_read_binary_file(%s, 0, 1 << 28, true)", (path,), binary=True).fetchone()[0] or b""
        for path in column(
            root,
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't', 'm')"
            " AND pg_relation_size(oid) > 0 AND relnamespace <> 'pg_catalog'::regnamespace",
        )
    )


def wal(root: psycopg.Connection[Any], first: str) -> bytes:
    """The write-ahead log since its segment `first`."""
    names = column(root, "SELECT name FROM pg_ls_waldir() ORDER BY name")
    until = one(root, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    return b"".join(
        one_binary(root, "SELECT pg_read_binary_file('pg_wal/' || %s)", name)
        for name in names
        if first <= name <= until
    )


def one_binary(root: psycopg.Connection[Any], query: str, value: str) -> bytes:
    row = root.execute(query.encode(), (value,), binary=True).fetchone()
    assert row is not None
    return bytes(row[0])


def dump(database_url: str) -> bytes:
    """What pg_dump writes, as somebody whom no policy hides a row from."""
    folder = Path(os.environ["LEX_TEST_POSTGRES"]) if "LEX_TEST_POSTGRES" in os.environ else None
    program = find_postgres(folder=folder).folder / "pg_dump"
    return subprocess.run([program, "--dbname", database_url], capture_output=True, check=True, timeout=100).stdout


def tables(root: psycopg.Connection[Any]) -> dict[str, bytes]:
    """Each table's rows as text: the job queue and the audit among them."""
    names = column(root, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
    queries = {
        name: sql.SQL("SELECT string_agg(t::text, e'\\n') FROM {} t").format(sql.Identifier(name)) for name in names
    }
    return {name: (root.execute(query).fetchone()[0] or "").encode() for name, query in queries.items()}


def log_size(root: psycopg.Connection[Any]) -> int:
    return int(one(root, "SELECT (pg_stat_file(pg_current_logfile())).size"))


def log_since(root: psycopg.Connection[Any], start: int) -> bytes:
    """What the database logged since."""
    row = root.execute(
        "SELECT pg_read_binary_file(pg_current_logfile(), %s, 1 << 28)", (start,), binary=True
    ).fetchone()
    assert row is not None
    return bytes(row[0])


def kept_in_redis(url: str) -> bytes:
    """Every key and every value."""
    with redis.Redis.from_url(url) as server:
        found = []
        for key in server.scan_iter():
            kind = server.type(key)
            read = {b"string": server.get, b"hash": server.hgetall, b"set": server.smembers}.get(kind)
            found.append(key + b" " + repr(read(key) if read else server.dump(key)).encode())
    return b"\n".join(found)
