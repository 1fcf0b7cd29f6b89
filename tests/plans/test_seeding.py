from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from lex.core import actor
from lex.core.errors import Conflict, Invalid
from lex.core.settings import Settings
from lex.db import session
from lex.flows.fulfil_order import NewFulfilment, fulfil
from lex.ops import seeding
from lex.orders import queries as orders
from lex.orders.finding import OrderFilter, list_orders
from lex.stock import commands as stock
from tests.conftest import temporary_database
from tests.plans.conftest import WISH
from tests.support.cluster import Cluster
from tests.support.invariants import broken

Database = psycopg.Connection[dict[str, Any]]

#: Those that PostgreSQL makes for each partition come and go with them, under names it counts up.
_CONSTRAINTS = """
SELECT conrelid::regclass::text AS t, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
WHERE conparentid = 0
"""
_TRIGGERS = "SELECT tgrelid::regclass::text AS t, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"


@pytest.fixture
def untouched(cluster: Cluster, template: str) -> Iterator[psycopg.Connection[Any]]:
    for url in temporary_database(cluster, template):  # others clone the template while this is open
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


def value(seeded: Database, statement: str) -> Any:
    row = seeded.execute(statement).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return next(iter(row.values()))


def test_it_makes_what_was_wished(seeded: Database) -> None:
    assert value(seeded, "SELECT count(*) FROM products") == WISH.products
    assert value(seeded, "SELECT count(*) FROM orders") == WISH.orders
    assert value(seeded, "SELECT count(*) FROM users WHERE role = 'user'") == WISH.buyers
    assert value(seeded, "SELECT count(DISTINCT tableoid) FROM orders") == 9
    assert value(seeded, "SELECT count(*) FROM orders WHERE status = 'pending'") == 120


async def test_what_it_leaves_is_sound(seeded_settings: Settings) -> None:
    assert broken(seeded_settings.database_url) == {}
    await session.connect(seeded_settings.database_url, pool_size=1)
    try:
        assert await session.transact(actor.system(), stock.verify) == []
    finally:
        await session.disconnect()


def test_the_audit_says_how_many_rows_came(seeded: Database) -> None:
    told = {
        row["resource"]: row["rows"]
        for row in seeded.execute(
            "SELECT resource, sum((changes ->> 'rows')::int)::int AS rows FROM audit_logs"
            " WHERE action = 'seed' GROUP BY 1"
        )
    }
    assert told["orders"] == WISH.orders
    assert told["order_items"] == value(seeded, "SELECT count(*) FROM order_items")
    assert (
        value(seeded, "SELECT count(*) FROM audit_logs WHERE resource = 'users' AND action = 'insert'") == WISH.buyers
    )


def test_rules_stand_as_before(seeded: Database, untouched: psycopg.Connection[Any]) -> None:
    """But for the partitions of the past, which have the rules of the others."""
    for question in (_CONSTRAINTS, _TRIGGERS):
        before = {tuple(row) for row in untouched.execute(question)}
        after = {tuple(row.values()) for row in seeded.execute(question)}
        assert before - after == set()
        assert {row[0] for row in after - before if not str(row[0]).startswith("orders_p")} == set()


async def test_seeded_orders_are_orders(seeded_settings: Settings) -> None:
    """The desk reads them, and works on with one of them."""
    await session.connect(seeded_settings.database_url, pool_size=1)
    who = actor.system()
    try:
        async with session.transaction(who) as open_session:
            found = await list_orders(open_session, OrderFilter(status="confirmed"), limit=5)
            assert len(found) == 5
            assert all(order.email and order.email.endswith("@example.org") for order in found)
            order = await orders.get_order(open_session, who, found[0].id)
            assert order["shipping_address"]["country"] == "DE"
            assert [entry.kind for entry in await orders.list_timeline(open_session, found[0].id)] == ["placed", "paid"]
            by_number = await list_orders(open_session, OrderFilter(number=found[0].order_number))
            assert [one.id for one in by_number] == [found[0].id]
            by_mail = await list_orders(open_session, OrderFilter(customer=found[0].email))
            assert found[0].id in {one.id for one in by_mail}
        await session.transact(who, lambda s: fulfil(s, who, found[0].id, NewFulfilment()))
    finally:
        await session.disconnect()


def test_a_shop_in_production_is_refused(seeded_settings: Settings) -> None:
    config = replace(seeded_settings, environment="production", payment_provider="stripe")
    with pytest.raises(Conflict, match="production"):
        seeding.seed(config, WISH, lambda *_: None)


def test_a_shop_with_goods_is_refused_unless_told(seeded_settings: Settings) -> None:
    with pytest.raises(Conflict, match="--add"):
        seeding.seed(seeded_settings, WISH, lambda *_: None)


def test_nothing_to_sell(database_url: str, seeded_settings: Settings) -> None:
    with pytest.raises(Conflict, match="--products"):
        seeding.seed(replace(seeded_settings, database_url=database_url), seeding.Wish(products=0), lambda *_: None)


@pytest.mark.parametrize("field", ["products", "orders", "days", "buyers", "seed"])
def test_numbers_that_cannot_be(field: str, seeded_settings: Settings) -> None:
    with pytest.raises(Invalid, match=f"--{field}"):
        seeding.seed(seeded_settings, replace(seeding.Wish(), **{field: -1}), lambda *_: None)


def test_more_is_added_and_the_same_seed_draws_the_same(database_url: str, seeded_settings: Settings) -> None:
    config, wish = replace(seeded_settings, database_url=database_url), seeding.Wish(products=300, orders=150)
    told: list[tuple[str, int, int]] = []
    seeding.seed(config, wish, lambda *what: told.append(what))
    assert ("Products", 300, 300) in told
    assert ("Orders", 150, 150) in told
    with (
        psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection,
        connection.cursor() as cursor,
    ):
        first = "SELECT sku, name, price, category_id IS NULL AS bare FROM products WHERE slug = 'item-17'"
        here = cursor.execute(first).fetchone()
    assert seeding.seed(config, replace(wish, add=True), lambda *_: None).orders == 150
    assert broken(database_url) == {}
    with psycopg.connect(seeded_settings.database_url, autocommit=True) as connection:
        there = connection.execute("SELECT sku, name, price FROM products WHERE slug = 'item-17'").fetchone()
    assert here is not None
    assert there == (here["sku"], here["name"], here["price"])
