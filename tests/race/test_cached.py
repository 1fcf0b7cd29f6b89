"""A kept list is never old: what was committed before a request began is in its answer, on every web process."""

import asyncio
import random
from typing import Any

import httpx
import psycopg

from lex.core import actor
from lex.core.ids import new_id
from lex.db import sql
from lex.db.session import transact
from tests.race.conftest import at_once
from tests.support.shop import Product, Shop

READERS = 50
READS = 50  # of each
_HOLDS = """
WITH moved AS (
    INSERT INTO stock_movements (id, product_id, kind, reserved_change)
    SELECT uuid_v7(), p.id, CASE WHEN p.reserved_quantity < %(held)s THEN 'hold' ELSE 'release' END,
        %(held)s - p.reserved_quantity
    FROM products p WHERE p.id = %(id)s AND p.reserved_quantity <> %(held)s
)
UPDATE products SET reserved_quantity = %(held)s WHERE id = %(id)s
"""


def _shelf(shop: Shop, *stocks: int) -> tuple[str, list[Product]]:
    """Products of a brand of their own, so that a list shows them and nothing else."""
    brand = f"Brand {new_id()}"
    products = [shop.product(stock=stock) for stock in stocks]
    for product in products:
        shop.set(product, brand=brand)
    return f"/api/v1/products?brand={brand}&facets=false", products


async def _seen(client: httpx.AsyncClient, path: str) -> dict[str, dict[str, Any]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return {item["id"]: item for item in answer.json()["items"]}


async def test_what_is_committed_is_in_the_next_answer(shop: Shop, race_database_url: str) -> None:
    """Writers change price and name while readers note what was committed before they asked, and compare.

    Both only ever grow, so an answer is old exactly when it shows less than was committed before it was asked for.
    """
    path, products = _shelf(shop, 1000, 1000, 1000)
    committed = {str(product.id): 0 for product in products}
    old: list[str] = []
    is_over = False

    async def look() -> None:
        before = dict(committed)
        seen = await _seen(shop.client, path)
        for key, number in before.items():
            if number and (seen[key]["price"] < number * 100 or seen[key]["name"] < f"Name {number:05}"):
                old.append(f"{number} was there, {seen[key]['price']} {seen[key]['name']} was shown")

    async def read() -> None:
        for _ in range(READS):
            await look()

    async def write(product: Product) -> int:
        number = 0
        async with await psycopg.AsyncConnection.connect(race_database_url, autocommit=True) as connection:
            while not is_over:
                number += 1
                told = (number, f"Name {number:05}", product.id)
                await connection.execute("UPDATE products SET price = %s, name = %s WHERE id = %s", told)
                committed[str(product.id)] = number
                await look()
                await asyncio.sleep(random.uniform(0, 0.04))  # else no reader would ever find a kept list
        return number

    writers = [asyncio.create_task(write(product)) for product in products]
    await at_once(read() for _ in range(READERS))
    is_over = True
    written = await asyncio.gather(*writers)
    await at_once(look() for _ in range(READERS))
    assert old == []
    assert min(written) > 5


async def test_stock_flips_show_at_once_through_flows(shop: Shop, flows: None) -> None:
    path, (lamp,) = _shelf(shop, 5)
    expected = {0: (False, None), 1: (True, 1), 2: (True, 2), 3: (True, 3), 4: (True, None), 5: (True, None)}
    dice = random.Random(3)
    for left in (*(dice.randrange(6) for _ in range(60)), 5):
        await transact(actor.system(), lambda session: sql.execute(session, _HOLDS, held=5 - left, id=lamp.id))  # noqa: B023
        answers = await at_once(_seen(shop.client, path) for _ in range(6))
        assert {(seen[str(lamp.id)]["in_stock"], seen[str(lamp.id)]["few_left"]) for seen in answers} == {
            expected[left]
        }


async def test_the_last_unit_sold_is_sold_out_in_the_list(shop: Shop) -> None:
    path, (lamp,) = _shelf(shop, 2)
    assert (await _seen(shop.client, path))[str(lamp.id)]["few_left"] == 2
    for left in (1, None):
        await shop.order((lamp, 1))
        assert (await _seen(shop.client, path))[str(lamp.id)]["few_left"] == left
    assert not (await _seen(shop.client, path))[str(lamp.id)]["in_stock"]


async def test_a_family_is_sold_out_with_its_last_variant(shop: Shop) -> None:
    path, (family,) = _shelf(shop, 0)
    sizes = [shop.product(stock=1, variant_of=family.id) for _ in range(2)]
    assert (await _seen(shop.client, path))[str(family.id)]["few_left"] == 2
    await shop.order((sizes[0], 1))
    assert (await _seen(shop.client, path))[str(family.id)]["few_left"] == 1
    await shop.order((sizes[1], 1))
    assert not (await _seen(shop.client, path))[str(family.id)]["in_stock"]


async def test_two_writers_that_commit_out_of_order(shop: Shop, race_database_url: str) -> None:
    """The one that wrote first commits last: its change shows with its commit, and nothing goes back."""
    path, (slow, quick) = _shelf(shop, 9, 9)
    with psycopg.connect(race_database_url) as first, psycopg.connect(race_database_url, autocommit=True) as second:
        first.execute("UPDATE products SET name = 'slow' WHERE id = %s", (slow.id,))
        for number in range(3):
            second.execute("UPDATE products SET name = %s WHERE id = %s", (f"quick {number}", quick.id))
            for seen in await at_once(_seen(shop.client, path) for _ in range(6)):
                assert seen[str(quick.id)]["name"] == f"quick {number}"
                assert seen[str(slow.id)]["name"] != "slow"
        first.commit()
        for seen in await at_once(_seen(shop.client, path) for _ in range(6)):
            assert (seen[str(slow.id)]["name"], seen[str(quick.id)]["name"]) == ("slow", "quick 2")
