"""Holds: keep units for an order before it is paid, then sell them; `releasing` gives them back.

Lock the products first (`lock_for_cart`, `lock_for_order`), always by id: carts that share items then queue instead of
deadlocking. `LOCKED` does it within the statement that locks an order. `HOLD` is a part of the statement that places
one, `SELL` of those that mark it paid. The database moves the counters with the holds and writes the movements
(`move_held_stock`), by what it made of the order.
"""

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from lex.db import sql
from lex.db.session import Session

# The index scan of an array is in the order of ids; a join would be sorted.
_LOCK_FOR_CART: LiteralString = """
SELECT p.id FROM products p WHERE p.id = ANY (ARRAY(SELECT product_id FROM cart_items WHERE cart_id = %(cart_id)s))
    AND (%(has_coupons)s OR NOT EXISTS (SELECT FROM carts c WHERE c.id = %(cart_id)s AND c.coupon_codes <> '{}'))
ORDER BY p.id FOR NO KEY UPDATE OF p
"""

#: The lines of an order as `item`, its holds as `held`, and its products locked, by id, as `goods`; whoever asks for
#: all of those first locks its own rows after them.
LOCKED: LiteralString = """
item AS MATERIALIZED (SELECT product_id, is_stock_tracked, is_digital FROM order_items WHERE order_id = %(order_id)s),
held AS MATERIALIZED (SELECT product_id FROM stock_holds WHERE order_id = %(order_id)s),
goods AS MATERIALIZED (
    SELECT id FROM products WHERE id = ANY (ARRAY(SELECT product_id FROM item)) ORDER BY id FOR NO KEY UPDATE)
"""
_LOCK_FOR_ORDER: LiteralString = "WITH " + LOCKED + "SELECT id FROM goods"

#: Keeps what there is of `wanted` and lists it as `held`. Further parameters: `order_id`, `expires_at`.
HOLD: LiteralString = """held AS (
    INSERT INTO stock_holds (id, product_id, order_id, quantity, expires_at)
    SELECT uuid_v7(), p.id, %(order_id)s, w.quantity, %(expires_at)s
    FROM unnest(%(products)s::uuid[], %(quantities)s::int[]) AS w (product_id, quantity)
    JOIN products p ON p.id = w.product_id AND p.stock_quantity - p.reserved_quantity >= w.quantity
    RETURNING product_id
)"""

#: Sells what an order that is paid holds and lists it as `gone`; twice changes nothing. `order_id`, `is_paid_now`.
SELL: LiteralString = """gone AS (
    DELETE FROM stock_holds WHERE order_id = %(order_id)s AND %(is_paid_now)s RETURNING product_id
)"""


async def lock_for_cart(session: Session, cart_id: UUID, *, has_coupons: bool) -> None:
    """Lock the products of a cart, by id; nothing of a cart that has coupons after all, which are locked before."""
    await sql.execute(session, _LOCK_FOR_CART, cart_id=cart_id, has_coupons=has_coupons)


async def lock_for_order(session: Session, order_id: UUID) -> None:
    """Lock the products of an order, by id, before the order itself."""
    await sql.execute(session, _LOCK_FOR_ORDER, order_id=order_id)


def wanted(demand: Mapping[UUID, int]) -> dict[str, object]:
    """The parameters of `HOLD` for a demand: product → units, summed per product."""
    return {"products": list(demand), "quantities": list(demand.values())}
