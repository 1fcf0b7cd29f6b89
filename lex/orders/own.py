"""The orders of one person, as their account lists them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from lex.core import money
from lex.db import sql
from lex.db.session import Session

_OWN: LiteralString = """
SELECT o.id, o.order_number, o.created_at, o.status, o.payment_status, o.fulfilment_status, o.currency, o.total_amount,
       array(SELECT i.name FROM order_items i WHERE i.order_id = o.id AND i.user_id = o.user_id
             AND i.item_type <> 'shipping' ORDER BY i.position LIMIT 3) AS names,
       (SELECT count(*)::int FROM order_items i WHERE i.order_id = o.id AND i.user_id = o.user_id
            AND i.item_type <> 'shipping') AS lines
FROM orders o WHERE o.user_id = %(user_id)s AND (%(before)s::uuid IS NULL OR o.id < %(before)s)
ORDER BY o.id DESC LIMIT %(limit)s
"""


_COUNT: LiteralString = "SELECT count(*) FROM orders WHERE user_id = %(user_id)s"


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order in its owner's list, with the names of its first three lines. Amount in major units."""

    id: UUID
    order_number: str
    created_at: datetime
    status: str
    payment_status: str
    fulfilment_status: str
    currency: str
    total_amount: Decimal
    names: list[str]
    lines: int

    @property
    def total(self) -> int:
        """The amount in minor units."""
        return money.minor(self.total_amount, self.currency)


async def list_own_orders(
    session: Session, user_id: UUID, *, before: UUID | None = None, limit: int = 10
) -> list[OwnOrder]:
    """Somebody's orders older than `before`, newest first."""
    return await sql.fetch_all(session, _OWN, OwnOrder, user_id=user_id, before=before, limit=limit)


async def count_orders(session: Session, user_id: UUID) -> int:
    """How many orders somebody has placed."""
    number: int = await sql.fetch_value(session, _COUNT, user_id=user_id)
    return number
