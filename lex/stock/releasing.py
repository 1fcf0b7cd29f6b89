"""Give back what was held or sold, move the expiry of holds, and sell what is no longer held.

Lock the products first (`holding.lock_for_order`), and mark the order canceled or paid before: the database looks at
that, and writes the movements. Each verb is one statement.
"""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from lex.db import sql
from lex.db.session import Session

_SELL_UNHELD: LiteralString = "SELECT sell_unheld_stock(%(order_id)s)"

_KEEP_UNTIL: LiteralString = "UPDATE stock_holds SET expires_at = %(until)s WHERE order_id = %(order_id)s"

_RELEASE: LiteralString = "DELETE FROM stock_holds WHERE order_id = %(order_id)s"

_RELEASE_EXPIRED: LiteralString = """
DELETE FROM stock_holds WHERE product_id = ANY(%(products)s::uuid[]) AND expires_at < %(now)s
"""

_TAKE_BACK: LiteralString = "SELECT take_back_stock(%(order_id)s)"


async def release(session: Session, order_id: UUID) -> int:
    """Give a canceled order's holds back. Twice changes nothing."""
    return await sql.execute(session, _RELEASE, order_id=order_id)


async def release_expired(session: Session, products: list[UUID], now: datetime) -> int:
    """Give back what unpaid orders held of these products past its time: done on touch, before refusing a sale."""
    return await sql.execute(session, _RELEASE_EXPIRED, products=products, now=now)


async def take_back(session: Session, order_id: UUID) -> None:
    """Put a canceled order's sold units that never left the house back on the shelf. Twice changes nothing."""
    await sql.execute(session, _TAKE_BACK, order_id=order_id)


async def sell_unheld(session: Session, order_id: UUID) -> int:
    """Sell what a late payment no longer holds, from what is free; returns how many products are short."""
    short: int = await sql.fetch_value(session, _SELL_UNHELD, order_id=order_id)
    return short


async def keep_until(session: Session, order_id: UUID, until: datetime) -> None:
    """Move the expiry of an order's holds."""
    await sql.execute(session, _KEEP_UNTIL, order_id=order_id, until=until)
