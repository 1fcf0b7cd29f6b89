"""The uses of coupons: held with the order, redeemed when it is paid, released when it is canceled.

Lock the coupons first (`lock_codes`, `lock_for_order`), before products and order: the database counts uses under the
coupon's row. `REDEEM` is a part of the statement that marks an order paid, so that paying costs no statement more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

from lex.core import ids
from lex.db import sql
from lex.db.session import Session

# One that is used up is passed over: those who come too late must not queue for it.
_LOCK_CODES: LiteralString = """
SELECT id FROM coupons WHERE deleted_at IS NULL AND (usage_limit IS NULL OR used_count < usage_limit) AND id IN (
    SELECT id FROM coupons WHERE code = ANY(%(codes)s) AND deleted_at IS NULL
    UNION SELECT coupon_id FROM coupon_codes WHERE code = ANY(%(codes)s))
ORDER BY id FOR NO KEY UPDATE
"""

_LOCK_FOR_ORDER: LiteralString = """
SELECT id FROM coupons WHERE id IN (SELECT coupon_id FROM coupon_usages WHERE order_id = %(order_id)s)
ORDER BY id FOR NO KEY UPDATE
"""

#: Keeps a use of each coupon for the order, with the parameters of `used`, and `order_id` and `user_id`. The database
#: counts and refuses at the limits (`coupon_used_up`, `coupon_used_by_customer`).
HOLD: LiteralString = """used AS (
    INSERT INTO coupon_usages (id, coupon_id, coupon_code_id, user_id, order_id, email_blind_index, amount, status)
    SELECT id, coupon_id, coupon_code_id, %(user_id)s, %(order_id)s, %(mailbox)s, amount, 'held'
    FROM unnest(%(usage_ids)s::uuid[], %(coupons)s::uuid[], %(codes)s::uuid[], %(amounts)s::numeric[])
        AS u (id, coupon_id, coupon_code_id, amount)
)"""

#: A data-modifying part of a statement. Parameters: `order_id`, `user_id`, `is_paid_now`.
REDEEM: LiteralString = """redeemed AS (
    UPDATE coupon_usages SET status = 'redeemed'
    WHERE order_id = %(order_id)s AND user_id = %(user_id)s AND status = 'held' AND %(is_paid_now)s
)"""

_RELEASE: LiteralString = """
UPDATE coupon_usages SET status = 'released'
WHERE order_id = %(order_id)s AND user_id = %(user_id)s AND status <> 'released'
"""


@dataclass(frozen=True, slots=True)
class Use:
    """A coupon used by an order; `amount` in major units is all that it took off."""

    coupon_id: UUID
    coupon_code_id: UUID | None
    amount: Decimal


async def lock_codes(session: Session, codes: Sequence[str]) -> None:
    """Lock the coupons behind some codes that can still be used, by id."""
    await sql.execute(session, _LOCK_CODES, codes=list(codes))


async def lock_for_order(session: Session, order_id: UUID) -> None:
    """Lock the coupons an order uses, by id, before its products."""
    await sql.execute(session, _LOCK_FOR_ORDER, order_id=order_id)


def used(uses: Sequence[Use], mailbox: bytes) -> dict[str, object]:
    """The parameters of `HOLD`; `mailbox` is the blind index of the buyer's mailbox."""
    return {
        "usage_ids": [ids.new_id() for _ in uses],
        "coupons": [use.coupon_id for use in uses],
        "codes": [use.coupon_code_id for use in uses],
        "amounts": [use.amount for use in uses],
        "mailbox": mailbox,
    }


async def release(session: Session, order_id: UUID, user_id: UUID) -> None:
    """Give the uses of somebody's order back. Twice changes nothing."""
    await sql.execute(session, _RELEASE, order_id=order_id, user_id=user_id)
