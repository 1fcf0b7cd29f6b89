"""Holds: keep units for an order before it is paid, then sell them; `releasing` gives them back.

Lock the products first (`lock_for_cart`, `lock_for_order`), always by id: carts that share items then queue instead of
deadlocking. `LOCKED` does it within the statement that locks an order. `HOLD` is a part of the statement that places
one, `SELL` of those that mark it paid: the counters, the hold and the movement change together, and cost no statement
more.
"""

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from lex.db import sql
from lex.db.session import Session

_LOCK_FOR_CART: LiteralString = """
SELECT p.id FROM products p WHERE p.id IN (SELECT product_id FROM cart_items WHERE cart_id = %(cart_id)s)
ORDER BY p.id FOR NO KEY UPDATE OF p
"""

_LOCK_FOR_ORDER: LiteralString = """
SELECT p.id FROM products p WHERE p.id IN (SELECT product_id FROM order_items WHERE order_id = %(order_id)s)
ORDER BY p.id FOR NO KEY UPDATE OF p
"""

#: Locks the products of an order, by id, as `goods`; whoever joins `count(*)` of it locks its own rows after them.
LOCKED: LiteralString = "goods AS MATERIALIZED (" + _LOCK_FOR_ORDER + ")"

#: Keeps what there is of `wanted` and lists it as `held`. Further parameters: `order_id`, `expires_at`, `actor_id`.
HOLD: LiteralString = """wanted AS (
    SELECT * FROM unnest(%(products)s::uuid[], %(quantities)s::int[]) AS w (product_id, quantity)
), held AS (
    UPDATE products p SET reserved_quantity = p.reserved_quantity + w.quantity FROM wanted w
    WHERE p.id = w.product_id AND p.stock_quantity - p.reserved_quantity >= w.quantity
    RETURNING p.id AS product_id, w.quantity
), kept AS (
    INSERT INTO stock_holds (id, product_id, order_id, quantity, expires_at)
    SELECT uuid_v7(), product_id, %(order_id)s, quantity, %(expires_at)s FROM held
), moved AS (
    INSERT INTO stock_movements (id, product_id, order_id, kind, reserved_change, actor_id)
    SELECT uuid_v7(), product_id, %(order_id)s, 'hold', quantity, %(actor_id)s FROM held
)"""

#: Sells what an order holds and lists it as `gone`; twice changes nothing. `order_id`, `is_paid_now`, `actor_id`.
SELL: LiteralString = """gone AS (
    DELETE FROM stock_holds WHERE order_id = %(order_id)s AND %(is_paid_now)s RETURNING product_id, quantity
), sold AS (
    UPDATE products p
    SET stock_quantity = p.stock_quantity - g.quantity, reserved_quantity = p.reserved_quantity - g.quantity
    FROM gone g WHERE p.id = g.product_id
), moved AS (
    INSERT INTO stock_movements (id, product_id, order_id, kind, on_hand_change, reserved_change, actor_id)
    SELECT uuid_v7(), product_id, %(order_id)s, 'sale', -quantity, -quantity, %(actor_id)s FROM gone
)"""


async def lock_for_cart(session: Session, cart_id: UUID) -> None:
    """Lock the products of a cart, by id."""
    await sql.execute(session, _LOCK_FOR_CART, cart_id=cart_id)


async def lock_for_order(session: Session, order_id: UUID) -> None:
    """Lock the products of an order, by id, before the order itself."""
    await sql.execute(session, _LOCK_FOR_ORDER, order_id=order_id)


def wanted(demand: Mapping[UUID, int]) -> dict[str, object]:
    """The parameters of `HOLD` for a demand: product → units, summed per product."""
    return {"products": list(demand), "quantities": list(demand.values())}
