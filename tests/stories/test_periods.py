"""A period that was not opened refuses with a sentence, and takes orders again once it is."""

from datetime import UTC

from lex.core import clock
from lex.ops import partitions
from tests.support.shop import Shop


async def test_an_order_of_a_missing_period_is_refused_and_nothing_is_kept(shop: Shop, database_url: str) -> None:
    cart = await shop.cart((lamp := shop.product(stock=3), 1))
    name = partitions.orders_partition(clock.real_now().astimezone(UTC)).name
    shop.db.execute(f"ALTER TABLE orders DETACH PARTITION {name}")
    answer = await shop.place(cart)
    assert (answer.status_code, answer.json()["code"]) == (503, "period_missing"), answer.text
    assert shop.stock_of(lamp) == (3, 0)
    shop.db.execute(f"DROP TABLE {name}")
    assert partitions.ensure(database_url) == [name]
    assert (await shop.place(await shop.see(cart))).status_code == 201


async def test_a_change_of_a_missing_month_of_the_audit_is_refused(shop: Shop, database_url: str) -> None:
    name = partitions.audit_partition(clock.real_now().astimezone(UTC)).name
    shop.db.execute(f"ALTER TABLE audit_logs DETACH PARTITION {name}")
    answer = await shop.client.post("/api/v1/carts", json={"country": "DE", "items": []})
    assert (answer.status_code, answer.json()["code"]) == (503, "period_missing"), answer.text
    shop.db.execute(f"DROP TABLE {name}")
    partitions.ensure(database_url)
    assert (await shop.client.post("/api/v1/carts", json={"country": "DE", "items": []})).status_code == 201
