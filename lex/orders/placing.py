"""Write an order as it was sold: one statement for the order, its lines, its first event, its link and its cart, and
for the stock and the coupons it holds.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from lex.core import ids
from lex.core.actor import Actor
from lex.coupons import holding as coupons
from lex.coupons.holding import Use
from lex.db import sql
from lex.db.session import Session
from lex.stock import holding as stock

_ORDER: LiteralString = """
    id, created_at, user_id, order_number, order_type, fulfilment_status, currency, prices_include_tax, subtotal_amount,
    discount_amount, shipping_amount, tax_amount, total_amount, taxes, email, phone, billing_address, shipping_address,
    shipping_country, shipping_region, shipping_city, shipping_postal_code, shipping_method, customer_note, cart_id,
    placed_at, expires_at"""
_LINE: LiteralString = """
    id, order_id, user_id, position, item_type, product_id, name, sku, options, image, quantity, unit_price,
    discounted_unit_price, discount_amount, discounts, tax_class, tax_rate, net_amount, tax_amount, total_amount,
    currency, requires_shipping, is_digital, is_stock_tracked"""

_PLACE: LiteralString = (
    "placed AS (INSERT INTO orders ("
    + _ORDER
    + ") VALUES ("
    + sql.values(_ORDER)
    + ")), lines AS (INSERT INTO order_items ("
    + _LINE
    + ") SELECT "
    + _LINE
    + """ FROM json_populate_recordset(NULL::order_items, %(lines)s::json)
), told AS (
    INSERT INTO order_events (id, order_id, user_id, kind, data, actor_id, actor_role, request_id)
    VALUES (%(event_id)s, %(id)s, %(user_id)s, 'placed', %(data)s, %(actor_id)s, %(role)s, %(request_id)s)
), link AS (
    INSERT INTO order_tokens (id, order_id, user_id, token_hash, expires_at)
    VALUES (%(link_id)s, %(id)s, %(user_id)s, %(token_hash)s, %(token_expires_at)s)
), closed AS (
    UPDATE carts SET status = 'placed', order_id = %(id)s, user_id = %(user_id)s, version = version + 1
    WHERE id = %(cart_id)s
)
SELECT """
    + sql.insist("cardinality(ARRAY(SELECT product_id FROM held)) = %(wanted)s")
)
_PLACE_PLAIN: LiteralString = "WITH " + stock.HOLD + ", " + _PLACE
_PLACE_WITH_COUPONS: LiteralString = "WITH " + stock.HOLD + ", " + coupons.HOLD + ", " + _PLACE


async def insert_order(
    session: Session,
    actor: Actor,
    *,
    order: dict[str, Any],
    lines: Sequence[dict[str, Any]],
    demand: Mapping[UUID, int],
    uses: Sequence[Use],
    mailbox: bytes,
    token_hash: bytes,
    token_expires_at: datetime,
) -> None:
    """Insert it all, hold `demand` (product → units) and `uses` of coupons, and close the cart.

    `order` and `lines` name the columns above. Raises `Unmet` when any item lacks, and `Conflict` at a coupon's limits.
    """
    await sql.execute(
        session,
        _PLACE_WITH_COUPONS if uses else _PLACE_PLAIN,
        wanted=len(demand),
        **stock.wanted(demand),
        **(coupons.used(uses, mailbox) if uses else {}),
        **order,
        order_id=order["id"],
        lines=sql.json_text(lines),
        event_id=ids.new_id(),
        link_id=ids.new_id(),
        data=sql.json({"total_amount": str(order["total_amount"]), "currency": order["currency"]}),
        token_hash=token_hash,
        token_expires_at=token_expires_at,
        actor_id=actor.user_id,
        role=actor.role.value,
        request_id=actor.request_id,
    )
