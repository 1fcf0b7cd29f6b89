"""One product by its slug."""

import random

from bench.goods import FAMILIES, SIMPLE, Goods
from bench.http import Connection
from bench.scenario import Query, Scenario, check, expect
from lex.catalog import queries
from lex.core import money
from lex.core.settings import settings


async def _detail(connection: Connection, goods: Goods, dice: random.Random) -> None:
    wanted = dice.choice(goods.listed)
    seen = expect(await connection.request("GET", f"/api/v1/products/{wanted.slug}"), 200)
    check((seen["name"], seen["price"], seen["category"]["slug"]) == (wanted.name, wanted.price, wanted.category), seen)


def _query() -> Query:
    currency = settings().currency
    params = {"slug": "varying", "currency": currency, "scale": 10 ** money.exponent(currency)}
    return Query(queries._PRODUCT, params, "slug", "('item-' || :n)", SIMPLE + FAMILIES)


SCENARIO = Scenario("detail", "one product by its slug", _detail, (0.20, 0.10), _query, is_cached=True)
