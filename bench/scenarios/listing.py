"""A page of 24 products of a category."""

import random

from bench.goods import CATEGORIES, Goods, category_slug
from bench.http import Connection
from bench.scenario import Query, Scenario, check, expect
from lex.catalog.listing import ProductFilter, question


async def _list(connection: Connection, dice: random.Random, extra: str, **headers: str) -> None:
    category = category_slug(dice.randrange(CATEGORIES))
    path = f"/api/v1/products?category={category}{extra}"
    page = expect(await connection.request("GET", path, **headers), 200)
    check(len(page["items"]) == 24 and page["next_cursor"], page["next_cursor"])
    check(all(item["category"]["slug"] == category for item in page["items"]), category)
    check(("facets" in page) == (not extra), "facets")


async def _plain(connection: Connection, _: Goods, dice: random.Random) -> None:
    await _list(connection, dice, "&facets=false")


async def _compressed(connection: Connection, _: Goods, dice: random.Random) -> None:
    await _list(connection, dice, "&facets=false", accept_encoding="br")


async def _with_facets(connection: Connection, _: Goods, dice: random.Random) -> None:
    await _list(connection, dice, "")


def _query() -> Query:
    statement, params = question(ProductFilter(category="varying", facets=False))
    return Query(statement, params, "category", "('category-' || :n - 1)", CATEGORIES)


SCENARIOS = [
    Scenario("list", "24 products of a category", _plain, (0.30, 0.40), _query, is_cached=True),
    Scenario("list, br", "the same, compressed for a browser", _compressed, is_cached=True),
    Scenario("list, facets", "the same with its facets counted", _with_facets, is_cached=True),
]
