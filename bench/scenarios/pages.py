"""The HTML pages: front, category, product, search, and a guest's cart and checkout with one line in it."""

import random

from bench.goods import CATEGORIES, MATERIALS, Goods, category_slug
from bench.http import Answer, Connection
from bench.scenario import Scenario, Wrong, check

_OURS = {"sec_fetch_site": "same-origin", "accept": "text/html"}


def _html(answer: Answer, *parts: str) -> str:
    """The page, which must be whole and hold these."""
    text = answer.body.decode()
    if answer.status != 200:
        raise Wrong(f"{answer.status} instead of 200: {text[:200]}")
    check(text.rstrip().endswith("</html>"), f"cut off: {text[-200:]}")
    for part in parts:
        check(part in text, f"{part} is missing")
    return text


async def _front(connection: Connection, _: Goods, __: random.Random) -> None:
    _html(await connection.request("GET", "/", **_OURS), "<h1", "Spoke &amp; Thread")


async def _category(connection: Connection, _: Goods, dice: random.Random) -> None:
    place = dice.randrange(CATEGORIES)
    text = _html(await connection.request("GET", f"/categories/{category_slug(place)}", **_OURS), f"Category {place}")
    check(text.count('href="/products/item-') >= 24, text.count('href="/products/item-'))


async def _product(connection: Connection, goods: Goods, dice: random.Random) -> None:
    wanted = dice.choice(goods.listed)
    price = f"{wanted.price // 100}.{wanted.price % 100:02}"
    _html(await connection.request("GET", f"/products/{wanted.slug}", **_OURS), wanted.name, price)


async def _search(connection: Connection, _: Goods, dice: random.Random) -> None:
    text = _html(await connection.request("GET", f"/search?q={dice.choice(MATERIALS)}", **_OURS), "<h1")
    check(text.count('href="/products/item-') >= 24, text.count('href="/products/item-'))


async def _basket(connection: Connection, goods: Goods, dice: random.Random) -> str:
    """The SKU in the cart of this connection; the first operation puts it there."""
    if not connection.kept:
        item = dice.choice(goods.items)
        answer = await connection.request("POST", "/cart/items", f"sku={item.sku}&quantity=1", **_OURS)
        check(answer.status == 303 and answer.cookies, (answer.status, answer.body[:200]))
        connection.kept = {"sku": item.sku, "cookie": "; ".join(f"{k}={v}" for k, v in answer.cookies.items())}
    return connection.kept["sku"]


async def _cart(connection: Connection, goods: Goods, dice: random.Random) -> None:
    number = (await _basket(connection, goods, dice)).split("-")[1]
    answer = await connection.request("GET", "/cart", cookie=connection.kept["cookie"], **_OURS)
    _html(answer, f"/products/item-{number}")


async def _checkout(connection: Connection, goods: Goods, dice: random.Random) -> None:
    await _basket(connection, goods, dice)
    answer = await connection.request("GET", "/checkout", cookie=connection.kept["cookie"], **_OURS)
    _html(answer, 'name="email"')


SCENARIOS = [
    Scenario("page front", "the front page", _front, is_cached=True),
    Scenario("page category", "24 products of a category with facets", _category, is_cached=True),
    Scenario("page product", "one product; its target is the application's part", _product, (1.0, 0.1), is_cached=True),
    Scenario("page search", "the best 24 for a word, with facets", _search, is_cached=True),
    Scenario("page cart", "a cart with one line", _cart),
    Scenario("page checkout", "the form of the checkout", _checkout),
]
