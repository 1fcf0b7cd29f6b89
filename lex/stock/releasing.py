"""Give back what was held or sold, move the expiry of holds, and sell what is no longer held.

Lock the products first (`holding.lock_for_order`). Each verb is one statement; twice changes nothing.
"""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from lex.db import sql
from lex.db.session import Session

_SELL_UNHELD: LiteralString = """
WITH wanted AS (
    SELECT i.product_id, sum(i.quantity)::int AS quantity FROM order_items i
    WHERE i.order_id = %(order_id)s AND i.is_stock_tracked AND NOT EXISTS (
        SELECT FROM stock_movements m WHERE m.order_id = i.order_id AND m.product_id = i.product_id AND m.kind = 'sale')
    GROUP BY i.product_id
), sold AS (
    UPDATE products p SET stock_quantity = p.stock_quantity - w.quantity FROM wanted w
    WHERE p.id = w.product_id AND p.stock_quantity - p.reserved_quantity >= w.quantity
    RETURNING p.id AS product_id, w.quantity
), moved AS (
    INSERT INTO stock_movements (id, product_id, order_id, kind, on_hand_change, actor_id)
    SELECT uuid_v7(), product_id, %(order_id)s, 'sale', -quantity, %(actor_id)s FROM sold
)
SELECT (SELECT count(*) FROM wanted) - (SELECT count(*) FROM sold)
"""

_KEEP_UNTIL: LiteralString = "UPDATE stock_holds SET expires_at = %(until)s WHERE order_id = %(order_id)s"

_RELEASE: LiteralString = """
WITH gone AS (
    DELETE FROM stock_holds
    WHERE order_id = %(order_id)s OR (product_id = ANY(%(products)s::uuid[]) AND expires_at < %(now)s)
    RETURNING product_id, order_id, quantity
), freed AS (
    UPDATE products p SET reserved_quantity = p.reserved_quantity - g.quantity
    FROM (SELECT product_id, sum(quantity)::int AS quantity FROM gone GROUP BY product_id) g
    WHERE p.id = g.product_id
)
INSERT INTO stock_movements (id, product_id, order_id, kind, reserved_change, reason, actor_id)
SELECT uuid_v7(), product_id, order_id, 'release', -quantity, %(reason)s, %(actor_id)s FROM gone
"""

_RETURN: LiteralString = """
WITH back AS (
    SELECT i.product_id, sum(i.quantity - i.fulfilled_quantity)::int AS quantity FROM order_items i
    WHERE i.order_id = %(order_id)s AND i.is_stock_tracked AND i.quantity > i.fulfilled_quantity AND EXISTS (
        SELECT FROM stock_movements m WHERE m.order_id = i.order_id AND m.product_id = i.product_id AND m.kind = 'sale')
    GROUP BY i.product_id
), restocked AS (
    UPDATE products p SET stock_quantity = p.stock_quantity + b.quantity FROM back b WHERE p.id = b.product_id
)
INSERT INTO stock_movements (id, product_id, order_id, kind, on_hand_change, reason, actor_id)
SELECT uuid_v7(), product_id, %(order_id)s, 'return', quantity, %(reason)s, %(actor_id)s FROM back
"""


async def release(session: Session, order_id: UUID, reason: str, actor_id: UUID | None) -> int:
    """Give an order's holds back. Twice changes nothing."""
    return await sql.execute(
        session, _RELEASE, order_id=order_id, products=[], now=None, reason=reason, actor_id=actor_id
    )


async def release_expired(session: Session, products: list[UUID], now: datetime) -> int:
    """Give back what unpaid orders held of these products past its time: done on touch, before refusing a sale."""
    return await sql.execute(
        session, _RELEASE, order_id=None, products=products, now=now, reason="expired", actor_id=None
    )


async def take_back(session: Session, order_id: UUID, reason: str, actor_id: UUID | None) -> int:
    """Put a canceled order's sold units that never left the house back on the shelf."""
    return await sql.execute(session, _RETURN, order_id=order_id, reason=reason, actor_id=actor_id)


async def sell_unheld(session: Session, order_id: UUID, actor_id: UUID | None) -> int:
    """Sell what a late payment no longer holds, from what is free; returns how many products are short."""
    short: int = await sql.fetch_value(session, _SELL_UNHELD, order_id=order_id, actor_id=actor_id)
    return short


async def keep_until(session: Session, order_id: UUID, until: datetime) -> None:
    """Move the expiry of an order's holds."""
    await sql.execute(session, _KEEP_UNTIL, order_id=order_id, until=until)
