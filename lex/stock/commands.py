"""Counting stock: receive, adjust, verify and repair. Holding and selling for orders stands in `holding`."""

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from lex.core.errors import Invalid, NotFound
from lex.db import sql
from lex.db.session import Session

_MOST = 10**9

# The old row is locked first: the change is measured against what it replaces, and a sale between cannot be lost.
_ADJUST: LiteralString = """
WITH before AS (
    SELECT id, stock_quantity FROM products WHERE id = %(product_id)s AND deleted_at IS NULL FOR NO KEY UPDATE
), changed AS (
    UPDATE products p SET stock_quantity = %(quantity)s
    FROM before b WHERE p.id = b.id AND b.stock_quantity <> %(quantity)s
    RETURNING p.id, p.stock_quantity - b.stock_quantity AS change
), moved AS (
    INSERT INTO stock_movements (id, product_id, kind, on_hand_change, reason, actor_id)
    SELECT uuid_v7(), id, 'adjust', change, %(reason)s, %(actor_id)s FROM changed
)
SELECT coalesce((SELECT change FROM changed), 0) FROM before
"""

_RECEIVE: LiteralString = """
WITH changed AS (
    UPDATE products SET stock_quantity = stock_quantity + %(quantity)s
    WHERE id = %(product_id)s AND deleted_at IS NULL RETURNING id
), moved AS (
    INSERT INTO stock_movements (id, product_id, kind, on_hand_change, reason, actor_id)
    SELECT uuid_v7(), id, 'receive', %(quantity)s, %(reason)s, %(actor_id)s FROM changed
)
SELECT count(*) FROM changed
"""

_COUNTS: LiteralString = """
SELECT p.id AS product_id, p.sku, p.name, p.stock_quantity AS on_hand, coalesce(m.on_hand, 0)::int AS moved_on_hand,
       p.reserved_quantity AS reserved, coalesce(m.reserved, 0)::int AS moved_reserved,
       coalesce(h.held, 0)::int AS held
FROM products p
LEFT JOIN (SELECT product_id, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved
           FROM stock_movements GROUP BY product_id) m ON m.product_id = p.id
LEFT JOIN (SELECT product_id, sum(quantity) AS held FROM stock_holds GROUP BY product_id) h ON h.product_id = p.id
WHERE p.stock_quantity <> coalesce(m.on_hand, 0) OR p.reserved_quantity <> coalesce(h.held, 0)
   OR coalesce(m.reserved, 0) <> coalesce(h.held, 0)
ORDER BY p.id
"""

_LOCK: LiteralString = "SELECT id FROM products WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE"

_CORRECT: LiteralString = """
WITH explained AS (
    INSERT INTO stock_movements (id, product_id, kind, on_hand_change, reserved_change, reason, actor_id)
    SELECT uuid_v7(), %(product_id)s, 'adjust', %(on_hand_change)s, %(reserved_change)s, 'repair', %(actor_id)s
    WHERE (%(on_hand_change)s, %(reserved_change)s) <> (0, 0)
)
UPDATE products SET stock_quantity = %(on_hand)s, reserved_quantity = %(reserved)s WHERE id = %(product_id)s
"""


@dataclass(frozen=True, slots=True)
class Drift:
    """A product whose counters disagree with its movements or holds."""

    product_id: UUID
    sku: str
    name: str
    on_hand: int
    moved_on_hand: int
    reserved: int
    moved_reserved: int
    held: int


async def receive(session: Session, product_id: UUID, quantity: int, reason: str, actor_id: UUID | None = None) -> None:
    """Units arrive. Raises `Invalid` for a quantity below 1 or over 10^9, `NotFound`."""
    if not 1 <= quantity <= _MOST:
        raise Invalid("quantity", "Between 1 and 1000000000 units can arrive.")
    received = await sql.fetch_value(
        session, _RECEIVE, product_id=product_id, quantity=quantity, reason=reason, actor_id=actor_id
    )
    if not received:
        raise NotFound("There is no such product.", code="product_not_found")


async def adjust(session: Session, product_id: UUID, quantity: int, reason: str, actor_id: UUID | None = None) -> int:
    """The shelf was counted: `quantity` are on hand. Returns the change; none leaves no movement.

    Raises `Invalid` for a quantity outside 0 to 10^9 or, at the end, below what orders hold; `NotFound`.
    """
    if not 0 <= quantity <= _MOST:
        raise Invalid("quantity", "Between 0 and 1000000000 units can be on hand.")
    change = await sql.fetch_value(
        session, _ADJUST, product_id=product_id, quantity=quantity, reason=reason, actor_id=actor_id
    )
    if change is None:
        raise NotFound("There is no such product.", code="product_not_found")
    return int(change)


async def verify(session: Session) -> list[Drift]:
    """Products where on hand ≠ Σ movements or reserved ≠ Σ holds. None is the rule."""
    return await sql.fetch_all(session, _COUNTS, Drift)


async def repair(session: Session, actor_id: UUID | None = None) -> list[Drift]:
    """Put the counters right and return what drifted.

    Holds say what is reserved, movements what is on hand. What movements cannot explain (they fall below the
    holds, or their reserved part disagrees) is explained by a movement with the reason `repair`.
    """
    suspects = [drift.product_id for drift in await verify(session)]
    await sql.execute(session, _LOCK, ids=suspects)
    drifts = [drift for drift in await verify(session) if drift.product_id in suspects]
    for drift in drifts:
        on_hand = max(drift.moved_on_hand, drift.held)
        await sql.execute(
            session,
            _CORRECT,
            product_id=drift.product_id,
            on_hand=on_hand,
            reserved=drift.held,
            on_hand_change=on_hand - drift.moved_on_hand,
            reserved_change=drift.held - drift.moved_reserved,
            actor_id=actor_id,
        )
    return drifts
