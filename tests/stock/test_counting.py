"""Counting stock: movements add up, drift is found and put right."""

from typing import LiteralString
from uuid import uuid4

import pytest

from lex.core.errors import Invalid, NotFound
from lex.db.session import transact
from lex.stock import commands as stock
from tests.support import goods

pytestmark = pytest.mark.usefixtures("database")

_COUNTERS = "SELECT ARRAY[stock_quantity, reserved_quantity] FROM products WHERE id = %(id)s"


async def test_counting_writes_the_difference() -> None:
    bell = await goods.product("Bell", on_hand=5)
    changes = [
        await transact(goods.ACTOR, lambda session, n=n: stock.adjust(session, bell, n, "counted"))  # type: ignore[misc]
        for n in (3, 3, 9)
    ]
    assert changes == [-2, 0, 6]
    assert await goods.value("SELECT count(*) FROM stock_movements") == 3
    assert await transact(goods.ACTOR, stock.verify) == []


@pytest.mark.parametrize("quantity", [0, -1, 10**9 + 1])
async def test_what_cannot_arrive_is_refused(quantity: int) -> None:
    bell = await goods.product("Bell")
    with pytest.raises(Invalid) as refused:
        await transact(goods.ACTOR, lambda session: stock.receive(session, bell, quantity, "x"))
    assert refused.value.errors[0].field == "quantity"


async def test_an_unknown_product_is_not_counted() -> None:
    with pytest.raises(NotFound):
        await transact(goods.ACTOR, lambda session: stock.receive(session, uuid4(), 1, "x"))
    with pytest.raises(NotFound):
        await transact(goods.ACTOR, lambda session: stock.adjust(session, uuid4(), 1, "x"))


async def test_fewer_than_orders_hold_cannot_be_on_hand() -> None:
    bell = await goods.product("Bell", on_hand=5)
    await goods.tamper("UPDATE products SET reserved_quantity = 3")
    with pytest.raises(Invalid, match="Orders hold more units"):
        await transact(goods.ACTOR, lambda session: stock.adjust(session, bell, 2, "counted"))
    assert await goods.value(_COUNTERS, id=bell) == [5, 3]


@pytest.mark.parametrize(
    ("tampering", "right"),
    [
        ("UPDATE products SET stock_quantity = 99", [5, 0]),
        ("UPDATE products SET reserved_quantity = 2", [5, 0]),
        ("DELETE FROM stock_movements", [0, 0]),
        (
            "INSERT INTO stock_holds (id, product_id, order_id, quantity, expires_at) "
            "SELECT uuid_v7(), id, uuid_v7(), 2, now() FROM products",
            [5, 2],
        ),
    ],
)
async def test_drift_is_found_and_put_right(tampering: LiteralString, right: list[int]) -> None:
    bell = await goods.product("Bell", on_hand=5)
    await goods.tamper(tampering)
    assert [drift.product_id for drift in await transact(goods.ACTOR, stock.verify)] == [bell]
    assert len(await transact(goods.ACTOR, stock.repair)) == 1
    assert await goods.value(_COUNTERS, id=bell) == right
    assert await transact(goods.ACTOR, stock.verify) == []
    assert await transact(goods.ACTOR, stock.repair) == []
